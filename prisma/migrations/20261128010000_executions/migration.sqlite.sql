CREATE TABLE "UserExecution" (
    "userId" TEXT NOT NULL,
    "executedAt" DATETIME NOT NULL,
    "executionId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "toolName" TEXT NOT NULL,
    PRIMARY KEY ("userId", "executedAt", "executionId")
) WITHOUT ROWID;

CREATE TABLE "OpenExecution" (
    "executionId" TEXT NOT NULL PRIMARY KEY,
    "closeAt" DATETIME NOT NULL
);

CREATE TABLE "IdempotencyKey" (
    "userId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "executionId" TEXT NOT NULL,
    "failure" TEXT,
    "expiresAt" DATETIME NOT NULL,
    PRIMARY KEY ("userId", "key")
);

CREATE INDEX "UserExecution_userId_provider_executedAt_executionId_idx"
    ON "UserExecution"("userId", "provider", "executedAt", "executionId");
CREATE INDEX "UserExecution_userId_toolName_executedAt_executionId_idx"
    ON "UserExecution"("userId", "toolName", "executedAt", "executionId");
CREATE INDEX "OpenExecution_closeAt_idx" ON "OpenExecution"("closeAt");
CREATE INDEX "IdempotencyKey_executionId_idx" ON "IdempotencyKey"("executionId");
CREATE INDEX "IdempotencyKey_expiresAt_idx" ON "IdempotencyKey"("expiresAt");

-- The executions that there are already
INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
SELECT c."userId", t."executedAt", t."id", c."provider", t."toolName"
FROM "ToolExecution" t JOIN "UserConnection" c ON c."id" = t."connectionId";

INSERT INTO "OpenExecution" ("executionId", "closeAt")
SELECT "id", strftime('%Y-%m-%dT%H:%M:%fZ', "executedAt", '+15 minutes') FROM "ToolExecution" WHERE "status" = 'PENDING';
