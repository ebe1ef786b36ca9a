#include "core/execution_record.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"

/* How old "lastUsedAt" may be. */
#define LAST_USED_EVERY_MS 1000

#define KEY_KEPT_MS (24 * 3600 * 1000LL)
/* How long after its own end an execution may still be recorded by a living process, whose clock may be another. */
#define CLOSE_AFTER_MS (2 * RECORD_TIMEOUT_MS + 60000)
/* Of records that are too old: in one transaction, and in one turn of the reconciler. */
#define EXPIRED_AT_ONCE 500
#define EXPIRED_BATCHES 20
#define LOST_MESSAGE \
    "nobody knows whether the tool ran, as the server that ran it ended; look before trying again"

/* Errors that spend a key: how IdempotencyKey.failure names them. */
static const struct failure {
    const char *name;
    enum error_code code;
    const char *reason;
} failures[] = {
        {"LOST", ERROR_BAD_GATEWAY, "OUTCOME_UNKNOWN"},
        {"TIMED_OUT", ERROR_GATEWAY_TIMEOUT, "OUTCOME_UNKNOWN"},
        {"TOO_LARGE", ERROR_BAD_GATEWAY, "RESULT_TOO_LARGE"},
};

/* NULL: the tool certainly did not run. */
static const struct failure *failure_of(const struct error *err)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (err->code == failures[i].code && err->reason != NULL &&
                strcmp(err->reason, failures[i].reason) == 0) {
            return &failures[i];
        }
    }
    return NULL;
}

static const struct failure *failure_named(const char *name)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (strcmp(failures[i].name, name) == 0) {
            return &failures[i];
        }
    }
    return &failures[0];
}

/* ---- writing ---- */

static size_t add_key(struct execution *execution, int64_t now, struct db_statement *statements,
        struct db_value values[static 8])
{
    void *memory = execution->context.memory;
    values[0] = DB_TEXT(execution->context.user);
    values[1] = DB_TEXT(execution->key);
    values[2] = DB_TIME(memory, now);
    statements[0] = (struct db_statement){"DELETE FROM \"IdempotencyKey\" WHERE \"userId\" = $1"
                                          " AND \"key\" = $2 AND \"expiresAt\" < $3",
            {values, 3}};
    values[3] = values[0];
    values[4] = values[1];
    values[5] = DB_TEXT(execution->digest);
    values[6] = DB_TEXT(execution->result.id);
    values[7] = DB_TIME(memory, now + KEY_KEPT_MS);
    statements[1] = (struct db_statement){
            "INSERT INTO \"IdempotencyKey\" (\"userId\", \"key\", \"digest\", \"executionId\","
            " \"expiresAt\") VALUES ($1, $2, $3, $4, $5)",
            {values + 3, 5}};
    return 2;
}

bool execution_record_begin(struct execution *execution, struct error *err)
{
    void *memory = execution->context.memory;
    int64_t now = clock_now_ms();
    char *id = mem_block(memory, UUID_TEXT_SIZE, "id");
    execution->result.id = uuid_v7(now, id);
    struct db_value time = DB_TIME(memory, now), key_values[8];
    struct db_statement statements[5] = {
            {"INSERT INTO \"ToolExecution\" (\"id\", \"connectionId\", \"toolName\", \"parameters\","
             " \"status\", \"executedAt\") VALUES ($1, $2, $3, $4, 'PENDING', $5)",
                    DB_PARAMS(DB_TEXT(id), DB_TEXT(execution->connection_id),
                            DB_TEXT(execution->tool), DB_SLICE(execution->recorded_arguments),
                            time)},
            /* It may be there: of a trigger, by which executions that other programs record are in history too. Ours do not
             * rely on it, since not every database that speaks PostgreSQL's language has triggers. */
            {"INSERT INTO \"UserExecution\" (\"userId\", \"executedAt\", \"executionId\","
             " \"provider\", \"toolName\") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    DB_PARAMS(DB_TEXT(execution->context.user), time, DB_TEXT(id),
                            DB_TEXT(execution->provider), DB_TEXT(execution->tool))},
            {"INSERT INTO \"OpenExecution\" (\"executionId\", \"closeAt\") VALUES ($1, $2)",
                    DB_PARAMS(DB_TEXT(id),
                            DB_TIME(memory, now + execution->timeout_ms + CLOSE_AFTER_MS))},
    };
    size_t count = 3;
    if (execution->key != NULL) {
        count += add_key(execution, now, statements + count, key_values);
    }
    /* What decides between two with one key is the key's index. */
    return db_write_apart(execution->context.core->db, memory, statements, count, NULL, err);
}

bool execution_record_end(struct execution *execution, struct error *err)
{
    const struct execution_result *result = &execution->result;
    struct core *core = execution->context.core;
    void *memory = execution->context.memory;
    int64_t now = clock_now_ms();
    struct db_value id = DB_TEXT(result->id);
    const struct failure *failure = execution->ok ? NULL : failure_of(&execution->err);
    const char *error_text = execution->ok ? recording_error(memory, core->options.recording,
                                                     execution->result.error)
                                           : execution->err.message;
    struct db_statement statements[4] = {
            {"UPDATE \"ToolExecution\" SET \"status\" = $1, \"response\" = $2, \"error\" = $3,"
             " \"duration\" = $4 WHERE \"id\" = $5",
                    DB_PARAMS(DB_TEXT(result->successful ? "SUCCESS" : "FAILED"),
                            DB_SLICE(execution->recorded_response), DB_PROSE(error_text),
                            DB_INT(result->duration_ms), id)},
            /* Not by each of many at once: on PostgreSQL they would wait for each other's commit. */
            {"UPDATE \"UserConnection\" SET \"lastUsedAt\" = $1, \"updatedAt\" = $1"
             " WHERE \"id\" = $2 AND (\"lastUsedAt\" IS NULL OR \"lastUsedAt\" < $3)",
                    DB_PARAMS(DB_TIME(memory, now), DB_TEXT(execution->connection_id),
                            DB_TIME(memory, now - LAST_USED_EVERY_MS))},
            {"DELETE FROM \"OpenExecution\" WHERE \"executionId\" = $1", DB_PARAMS(id)},
    };
    struct db_value key_values[] = {DB_TEXT(execution->context.user), DB_TEXT(execution->key), id,
            DB_TEXT(failure == NULL ? NULL : failure->name)};
    size_t count = 3;
    if (execution->key != NULL && (execution->ok || failure != NULL)) {
        statements[count++] = (struct db_statement){
                "UPDATE \"IdempotencyKey\" SET \"failure\" = $4 WHERE \"userId\" = $1"
                " AND \"key\" = $2 AND \"executionId\" = $3",
                {key_values, 4}};
    } else if (execution->key != NULL) {
        statements[count++] =
                (struct db_statement){"DELETE FROM \"IdempotencyKey\" WHERE \"userId\" = $1"
                                      " AND \"key\" = $2 AND \"executionId\" = $3",
                        {key_values, 3}};
    }
    return db_write_apart(core->db, memory, statements, count, NULL, err);
}

/* ---- finding by key ---- */

const char *execution_digest(void *owner, const char *provider, const char *tool, struct slice text)
{
    struct buffer all;
    buffer_init(&all, owner, SIZE_MAX / 2);           /* the arguments have a limit of their own */
    buffer_add(&all, provider, strlen(provider) + 1); /* neither name has a NUL in it */
    buffer_add(&all, tool, strlen(tool) + 1);
    buffer_add_slice(&all, text);
    const char *digest = sha256_hex(owner, buffer_slice(&all));
    mem_free(all.data);
    return digest;
}

/* A row: digest, failure, id, status, response, error, duration. */
static bool read_outcome(void *memory, const struct db_rows *rows, bool *ok_out,
        struct execution_result *out, struct error *outcome, struct error *err)
{
    const char *failure_name = db_get_text(rows, 0, 1), *error_text = db_get_text(rows, 0, 5);
    struct slice recorded = db_get_slice(rows, 0, 4), response = {NULL, 0};
    if (db_is_null(rows, 0, 3)) {
        failure_name = "LOST"; /* somebody deleted the record */
        error_text = "the tool may have run, but its record was deleted; look before trying again";
    }
    if (failure_name != NULL) {
        const struct failure *failure = failure_named(failure_name);
        error_set(outcome, failure->code, failure->reason, "%s",
                error_text == NULL ? LOST_MESSAGE : error_text);
        *ok_out = false;
        return true;
    }
    if (recorded.data != NULL && !recording_value(memory, recorded, &response, err)) {
        return false;
    }
    *ok_out = true;
    *out = (struct execution_result){
            .id = db_get_text(rows, 0, 2),
            .successful = slice_is(db_get_slice(rows, 0, 3), "SUCCESS"),
            .response = response,
            .error = error_text,
            .duration_ms = db_get_int(rows, 0, 6),
    };
    return true;
}

bool execution_record_find(const struct context *context, const char *key, const char *digest,
        enum execution_found *found_out, bool *ok_out, struct execution_result *out,
        struct error *outcome, struct error *err)
{
    static const char sql[] =
            "SELECT k.\"digest\", k.\"failure\", t.\"id\", t.\"status\", t.\"response\","
            " t.\"error\", t.\"duration\" FROM \"IdempotencyKey\" k"
            " LEFT JOIN \"ToolExecution\" t ON t.\"id\" = k.\"executionId\""
            " WHERE k.\"userId\" = $1 AND k.\"key\" = $2 AND k.\"expiresAt\" >= $3";
    const struct db_rows *rows = NULL;
    if (!db_read(context->core->db, context->memory, sql,
                DB_PARAMS(DB_TEXT(context->user), DB_TEXT(key),
                        DB_TIME(context->memory, clock_now_ms())),
                &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        *found_out = EXECUTION_NONE;
        return true;
    }
    if (!slice_is(db_get_slice(rows, 0, 0), digest)) {
        return error_set(err, ERROR_CONFLICT, "IDEMPOTENCY_KEY_REUSED",
                "This idempotencyKey was used for another tool or other parameters; use a new one for "
                "each thing to do.");
    }
    if (slice_is(db_get_slice(rows, 0, 3), "PENDING")) {
        *found_out = EXECUTION_RUNNING;
        return true;
    }
    *found_out = EXECUTION_ENDED;
    return read_outcome(context->memory, rows, ok_out, out, outcome, err);
}

/* ---- what dead processes left ---- */

#define OVERDUE_SQL "(SELECT \"executionId\" FROM \"OpenExecution\" WHERE \"closeAt\" < $1)"

bool execution_records_close(struct core *core, void *memory, struct error *err)
{
    struct db_value now = DB_TIME(memory, clock_now_ms());
    struct db_statement statements[] = {
            {"UPDATE \"IdempotencyKey\" SET \"failure\" = 'LOST' WHERE \"executionId\" IN" OVERDUE_SQL,
                    DB_PARAMS(now)},
            {"UPDATE \"ToolExecution\" SET \"status\" = 'FAILED', \"error\" = $2"
             " WHERE \"status\" = 'PENDING' AND \"id\" IN" OVERDUE_SQL,
                    DB_PARAMS(now, DB_TEXT(LOST_MESSAGE))},
            {"DELETE FROM \"OpenExecution\" WHERE \"closeAt\" < $1", DB_PARAMS(now)},
            {"DELETE FROM \"IdempotencyKey\" WHERE \"expiresAt\" < $1", DB_PARAMS(now)},
    };
    const struct db_rows *rows[4];
    if (!db_write(core->db, memory, statements, 4, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[1]) > 0) {
        log_warn("%lld executions of processes that died were closed: nobody knows their outcome",
                (long long)db_rows_affected(rows[1]));
    }
    return true;
}

/* ---- what is too old ---- */

/* The same rows in both statements of a batch: of an age that nothing changes any more, and each with its connection. With
 * the limit around the join, PostgreSQL looks a row of UserExecution up by its whole key: of a join without it, by the user
 * alone, whose rows may be millions. */
#define EXPIRED_SQL                                                                        \
    " FROM \"ToolExecution\" t JOIN \"UserConnection\" c ON c.\"id\" = t.\"connectionId\"" \
    " WHERE t.\"executedAt\" < $1 AND t.\"status\" <> 'PENDING'"                           \
    " ORDER BY t.\"executedAt\", t.\"id\" LIMIT $2"

bool execution_records_expire(
        struct core *core, void *memory, const bool *stopping, struct error *err)
{
    /* Later by a little: an idempotency key's record is there as long as the key. */
    int64_t kept_ms = core->options.executions_kept_ms + CLOSE_AFTER_MS;
    struct db_value before = DB_TIME(memory, clock_now_ms() - kept_ms),
                    most = DB_INT(EXPIRED_AT_ONCE);
    struct db_statement statements[] = {
            {"DELETE FROM \"UserExecution\" WHERE (\"userId\", \"executedAt\", \"executionId\") IN"
             " (SELECT c.\"userId\", t.\"executedAt\", t.\"id\"" EXPIRED_SQL ")",
                    DB_PARAMS(before, most)},
            {"DELETE FROM \"ToolExecution\" WHERE \"id\" IN (SELECT t.\"id\"" EXPIRED_SQL ")",
                    DB_PARAMS(before, most)},
    };
    int64_t deleted = EXPIRED_AT_ONCE, sum = 0;
    for (int i = 0; i < EXPIRED_BATCHES && deleted == EXPIRED_AT_ONCE && !*stopping; i++) {
        const struct db_rows *rows[2] = {0};
        if (!db_write(core->db, memory, statements, 2, rows, err)) {
            return false;
        }
        deleted = db_rows_affected(rows[1]);
        sum += deleted;
    }
    if (sum > 0) {
        log_info("%lld executions were deleted: older than EXECUTIONS_KEPT_DAYS", (long long)sum);
    }
    return true;
}
