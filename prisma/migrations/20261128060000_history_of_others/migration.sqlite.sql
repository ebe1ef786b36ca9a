-- A row of UserExecution with each row of ToolExecution, whoever writes it
CREATE TRIGGER "ToolExecution_inserted" AFTER INSERT ON "ToolExecution"
BEGIN
    INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
    SELECT c."userId", NEW."executedAt", NEW."id", c."provider", NEW."toolName"
    FROM "UserConnection" c WHERE c."id" = NEW."connectionId"
    ON CONFLICT DO NOTHING;
END;

-- The executions that others wrote before
INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
SELECT c."userId", t."executedAt", t."id", c."provider", t."toolName"
FROM "ToolExecution" t JOIN "UserConnection" c ON c."id" = t."connectionId"
WHERE true
ON CONFLICT DO NOTHING;
