-- CreateTable
CREATE TABLE "UserExecution" (
    "userId" TEXT NOT NULL,
    "executedAt" TIMESTAMP(3) NOT NULL,
    "executionId" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "toolName" TEXT NOT NULL,

    CONSTRAINT "UserExecution_pkey" PRIMARY KEY ("userId","executedAt","executionId")
);

-- CreateTable
CREATE TABLE "OpenExecution" (
    "executionId" TEXT NOT NULL,
    "closeAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "OpenExecution_pkey" PRIMARY KEY ("executionId")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "userId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "executionId" TEXT NOT NULL,
    "failure" TEXT,
    "expiresAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("userId","key")
);

-- CreateIndex
CREATE INDEX "UserExecution_userId_provider_executedAt_executionId_idx" ON "UserExecution"("userId", "provider", "executedAt", "executionId");

-- CreateIndex
CREATE INDEX "UserExecution_userId_toolName_executedAt_executionId_idx" ON "UserExecution"("userId", "toolName", "executedAt", "executionId");

-- CreateIndex
CREATE INDEX "OpenExecution_closeAt_idx" ON "OpenExecution"("closeAt");

-- CreateIndex
CREATE INDEX "IdempotencyKey_executionId_idx" ON "IdempotencyKey"("executionId");

-- CreateIndex
CREATE INDEX "IdempotencyKey_expiresAt_idx" ON "IdempotencyKey"("expiresAt");

-- The executions that there are already
INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
SELECT c."userId", t."executedAt", t."id", c."provider", t."toolName"
FROM "ToolExecution" t JOIN "UserConnection" c ON c."id" = t."connectionId";

INSERT INTO "OpenExecution" ("executionId", "closeAt")
SELECT "id", "executedAt" + INTERVAL '15 minutes' FROM "ToolExecution" WHERE "status" = 'PENDING';
