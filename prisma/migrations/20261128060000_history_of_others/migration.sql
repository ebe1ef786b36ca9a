-- A row of UserExecution with each row of ToolExecution, whoever writes it, though its role may know nothing of the former
CREATE FUNCTION "ToolExecution_inserted"() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
    SELECT c."userId", NEW."executedAt", NEW."id", c."provider", NEW."toolName"
    FROM "UserConnection" c WHERE c."id" = NEW."connectionId"
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION "ToolExecution_inserted"() FROM PUBLIC;

-- It means the tables of this schema, whatever the writer's search_path
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION "ToolExecution_inserted"() SET search_path = %I, pg_temp', current_schema());
END $$;

-- CreateTrigger
CREATE TRIGGER "ToolExecution_inserted" AFTER INSERT ON "ToolExecution" FOR EACH ROW EXECUTE FUNCTION "ToolExecution_inserted"();

-- The executions that others wrote before
INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
SELECT c."userId", t."executedAt", t."id", c."provider", t."toolName"
FROM "ToolExecution" t JOIN "UserConnection" c ON c."id" = t."connectionId"
ON CONFLICT DO NOTHING;
