/* Executions under idempotency keys, what is recorded of them, what becomes of those whose process died, and history. */
#include "core/execution_record.h"
#include "core/test_core.h"

static const char *const REPLY =
        "{\"data\":{\"n\":1e2,\"token\":\"x\"},\"error\":null,\"successful\":true}";

static void begin(struct fixture *fixture)
{
    connect_fully(fixture);
    fixture->fake.execute_reply = REPLY;
}

static bool run_with(struct fixture *fixture, const char *key, const char *arguments,
        struct execution_result *out)
{
    const struct json *parsed = NULL;
    if (arguments != NULL) {
        ck_assert(json_parse(fixture->context.memory, slice_of(arguments), &parsed, &fixture->err));
    }
    struct execution_request request = {.provider = "gmail",
            .tool = "GMAIL_FETCH_EMAILS",
            .arguments = parsed,
            .idempotency_key = key};
    return executions_run(&fixture->context, &request, out, &fixture->err);
}

static const char *one(struct fixture *fixture, const char *sql)
{
    const struct db_rows *rows = NULL;
    ck_assert(
            db_read(fixture->db, fixture->context.memory, sql, DB_NO_PARAMS, &rows, &fixture->err));
    ck_assert_uint_eq(db_row_count(rows), 1);
    return db_get_text(rows, 0, 0);
}

/* ---- keys ---- */

static void repeats(struct fixture *fixture)
{
    struct execution_result first, again;
    begin(fixture);
    ck_assert(run_with(fixture, "k", "{\"a\":1.0}", &first));
    fixture->fake.execute_reply = "{\"data\":{},\"error\":\"no\",\"successful\":false}";
    ck_assert(run_with(fixture, "k", "{\"a\":1.0}", &again));
    ck_assert_str_eq(first.id, again.id);
    ck_assert(slice_is(again.response, "{\"n\":1e2,\"token\":\"x\"}"));
    ck_assert(again.successful);
    ck_assert_int_eq(first.duration_ms, again.duration_ms);
    expect_refusal(fixture, run_with(fixture, "k", "{\"a\":1}", &again), "IDEMPOTENCY_KEY_REUSED");
    expect_refusal(fixture, run_with(fixture, "k", NULL, &again), "IDEMPOTENCY_KEY_REUSED");
    ck_assert_int_eq(fixture->fake.executed, 1);

    /* A failure of the tool is an outcome, too. */
    ck_assert(run_with(fixture, "k2", NULL, &first));
    fixture->fake.execute_reply = REPLY;
    ck_assert(run_with(fixture, "k2", "{}", &again));
    ck_assert(!again.successful);
    ck_assert_str_eq(again.error, "no");
    ck_assert_int_eq(fixture->fake.executed, 2);

    /* Another user's keys are others; and what ran is told though the account is gone. */
    change(fixture, "UPDATE \"IdempotencyKey\" SET \"userId\" = 'other' WHERE \"key\" = 'k2'",
            NULL);
    ck_assert(run_with(fixture, "k2", NULL, &again));
    ck_assert_int_eq(fixture->fake.executed, 3);
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    ck_assert(run_with(fixture, "k2", NULL, &again));
    expect_refusal(fixture, run_with(fixture, "k3", NULL, &again), "NOT_CONNECTED");
    ck_assert_int_eq(fixture->fake.executed, 3);
}

START_TEST(a_repeated_call_is_given_the_first_outcome)
{
    with_core(repeats, true);
}
END_TEST

static void gives_back(struct fixture *fixture)
{
    struct execution_result result;
    struct limits_options options = {.user_executions_at_once = 1};
    begin(fixture);
    change(fixture, "UPDATE \"UserConnection\" SET \"status\" = 'INACTIVE'", NULL);
    expect_refusal(fixture, run_with(fixture, "k", NULL, &result), "RECONNECT_REQUIRED");
    change(fixture, "UPDATE \"UserConnection\" SET \"status\" = 'ACTIVE'", NULL);
    fixture->core->options.limits = limits_new(fixture->context.memory, &options);
    ck_assert(limits_begin(fixture->core->options.limits, "user", "gmail", 0, &fixture->err));
    expect_refusal(fixture, run_with(fixture, "k", NULL, &result), "TOO_MANY_AT_ONCE");
    limits_end(fixture->core->options.limits, "user");
    fixture->fake.fail_status = 401; /* refused by Composio: it did not run */
    expect_refusal(fixture, run_with(fixture, "k", NULL, &result), "UPSTREAM_KEY_REFUSED");
    fixture->fake.fail_status = 0;
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"IdempotencyKey\""), "0");
    ck_assert(run_with(fixture, "k", NULL, &result));
    ck_assert_int_eq(fixture->fake.executed, 1);
}

START_TEST(what_did_not_run_spends_no_key)
{
    with_core(gives_back, true);
}
END_TEST

static void stays_unknown(struct fixture *fixture)
{
    struct execution_result result;
    begin(fixture);
    fixture->fake.execute_reply = "no json";
    for (int i = 0; i < 2; i++) {
        ck_assert(!run_with(fixture, "k", NULL, &result));
        ck_assert_int_eq(fixture->err.code, ERROR_BAD_GATEWAY);
        ck_assert_ptr_nonnull(strstr(fixture->err.message, "look before trying again"));
        expect_refusal(fixture, false, "OUTCOME_UNKNOWN");
    }
    ck_assert_int_eq(fixture->fake.executed, 1);
    /* A day later it is a key like any other. */
    change(fixture, "UPDATE \"IdempotencyKey\" SET \"expiresAt\" = '2026-01-01T00:00:00.000Z'",
            NULL);
    fixture->fake.execute_reply = REPLY;
    ck_assert(run_with(fixture, "k", "{\"b\":2}", &result));
    change(fixture, "UPDATE \"IdempotencyKey\" SET \"expiresAt\" = '2026-01-01T00:00:00.000Z'",
            NULL);
    turn(fixture);
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"IdempotencyKey\""), "0");
}

START_TEST(an_unknown_outcome_stays_unknown_until_the_key_is_over)
{
    with_core(stays_unknown, true);
}
END_TEST

struct caller {
    struct fixture *fixture;
    struct execution_result result;
    bool ok;
    struct fiber_signal done;
};

static void call_main(void *argument)
{
    struct caller *caller = argument;
    struct context context = caller->fixture->context;
    struct execution_request request = {
            .provider = "gmail", .tool = "GMAIL_FETCH_EMAILS", .idempotency_key = "k"};
    struct error err = {0};
    caller->ok = executions_run(&context, &request, &caller->result, &err);
    fiber_signal_set(&caller->done);
}

static void runs_at_once(struct fixture *fixture)
{
    struct caller callers[20];
    begin(fixture);
    for (int i = 0; i < 20; i++) {
        callers[i] = (struct caller){.fixture = fixture};
        fiber_start(fiber_loop(), "caller", call_main, &callers[i], clock_monotonic_ms() + 10000);
    }
    for (int i = 0; i < 20; i++) {
        ck_assert(fiber_signal_wait(&callers[i].done, &fixture->err));
        ck_assert(callers[i].ok);
        ck_assert_str_eq(callers[i].result.id, callers[0].result.id);
    }
    ck_assert_int_eq(fixture->fake.executed, 1);
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"ToolExecution\""), "1");
}

START_TEST(of_calls_at_once_with_one_key_one_runs)
{
    with_core(runs_at_once, true);
}
END_TEST

/* ---- processes that died ---- */

static void dies(struct fixture *fixture)
{
    struct execution_result result;
    begin(fixture);
    ck_assert(run_with(fixture, "k", NULL, &result));
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"OpenExecution\""), "0");
    /* As if the process had died before the answer. */
    change(fixture, "UPDATE \"ToolExecution\" SET \"status\" = 'PENDING', \"response\" = NULL",
            NULL);
    change(fixture,
            "INSERT INTO \"OpenExecution\" (\"executionId\", \"closeAt\")"
            " SELECT \"id\", '2099-01-01T00:00:00.000Z' FROM \"ToolExecution\"",
            NULL);
    turn(fixture); /* another may be at it */
    ck_assert_str_eq(one(fixture, "SELECT \"status\" FROM \"ToolExecution\""), "PENDING");
    fixture->core->options.execute_timeout_ms = 20;
    expect_refusal(fixture, run_with(fixture, "k", NULL, &result), "STILL_RUNNING");
    change(fixture, "UPDATE \"OpenExecution\" SET \"closeAt\" = '2026-01-01T00:00:00.000Z'", NULL);
    turn(fixture);
    ck_assert_str_eq(one(fixture, "SELECT \"status\" FROM \"ToolExecution\""), "FAILED");
    ck_assert_ptr_nonnull(
            strstr(one(fixture, "SELECT \"error\" FROM \"ToolExecution\""), "nobody knows"));
    expect_refusal(fixture, run_with(fixture, "k", NULL, &result), "OUTCOME_UNKNOWN");
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"OpenExecution\""), "0");
    ck_assert_int_eq(fixture->fake.executed, 1);
}

START_TEST(what_a_dead_process_left_is_closed_as_unknown)
{
    with_core(dies, true);
}
END_TEST

/* ---- what is recorded ---- */

static const struct {
    const char *name;
    enum recording recording;
    const char *parameters, *response;
} modes[] = {
        {"full", RECORDING_FULL, "{\"secret\":7}", "{\"n\":{\"$json\":\"1e2\"},\"token\":\"x\"}"},
        {"redacted", RECORDING_REDACTED, "{\"secret\":\"[redacted]\"}",
                "{\"n\":{\"$json\":\"1e2\"},\"token\":\"[redacted]\"}"},
        {"metadata", RECORDING_METADATA, "null", NULL},
};
static int row_index;

static void records(struct fixture *fixture)
{
    struct execution_result result;
    begin(fixture);
    fixture->core->options.recording = modes[row_index].recording;
    ck_assert(run_with(fixture, NULL, "{\"secret\":7}", &result));
    ck_assert(slice_is(result.response, "{\"n\":1e2,\"token\":\"x\"}"));
    expect_json(fixture, slice_of(one(fixture, "SELECT \"parameters\" FROM \"ToolExecution\"")),
            modes[row_index].parameters);
    expect_json(fixture, slice_of(one(fixture, "SELECT \"response\" FROM \"ToolExecution\"")),
            modes[row_index].response);
}

START_TEST(recording_mode)
{
    row_index = _i;
    with_core(records, true);
}
END_TEST

/* ---- history ---- */

static const struct history_item *page(
        struct fixture *fixture, struct history_query *query, size_t *count_out)
{
    struct history_item *items = NULL;
    ck_assert_msg(executions_history(&fixture->context, query, &items, count_out, &query->cursor,
                          &fixture->err),
            "%s %s", fixture->err.message, fixture->err.detail);
    return items;
}

/* 3,000 executions of the user's, a millisecond apart by threes, every hundredth FAILED, and one of somebody else's. */
static void insert_history(struct fixture *fixture)
{
    const char *time =
            test_on_postgres()
                    ? "TIMESTAMP '2001-09-09 01:46:40' + i / 3 * INTERVAL '1 millisecond'"
                    : "strftime('%Y-%m-%dT%H:%M:%fZ', 1000000000 + i / 3 / 1000.0, 'unixepoch')";
    begin(fixture);
    change(fixture,
            mem_printf(fixture->context.memory,
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                    " INSERT INTO \"ToolExecution\" (\"id\", \"connectionId\", \"toolName\","
                    " \"parameters\", \"status\", \"executedAt\")"
                    " SELECT 'e' || substr('000' || i, length('000' || i) - 3), c.\"id\","
                    " CASE WHEN i <= 3 THEN 'RARE' ELSE 'OFTEN' END, '{}', 'SUCCESS', %s"
                    " FROM n, \"UserConnection\" c",
                    time),
            NULL);
    change(fixture, "UPDATE \"ToolExecution\" SET \"status\" = 'FAILED' WHERE \"id\" LIKE '%00'",
            NULL);
    change(fixture,
            "UPDATE \"UserExecution\" SET \"userId\" = 'other' WHERE \"executionId\" = 'e1500'",
            NULL);
}

static void is_paged(struct fixture *fixture)
{
    struct history_query query = {.limit = 100};
    size_t count = 0, seen = 0;
    char expected[16];
    insert_history(fixture);
    int next = 3000;
    do {
        const struct history_item *items = page(fixture, &query, &count);
        for (size_t i = 0; i < count; i++, next--, seen++) {
            next -= next == 1500;
            snprintf(expected, sizeof expected, "e%04d", next);
            ck_assert_str_eq(items[i].id, expected);
        }
    } while (query.cursor != NULL);
    ck_assert_uint_eq(seen, 2999);

    query = (struct history_query){.limit = 2, .tool = "RARE"};
    ck_assert_str_eq(page(fixture, &query, &count)[0].id, "e0003");
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(page(fixture, &query, &count)[0].id, "e0001");
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_null(query.cursor);

    query = (struct history_query){.limit = 50, .status = "FAILED", .provider = "gmail"};
    seen = 0;
    int pages = 0;
    do {
        const struct history_item *items = page(fixture, &query, &count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_str_eq(items[i].status, "FAILED");
        }
        seen += count;
        pages++;
    } while (query.cursor != NULL);
    ck_assert_uint_eq(seen, 29);
    ck_assert_int_eq(pages, 3); /* of 1,000 rows looked at each */

    query = (struct history_query){.limit = 5, .provider = "slack"};
    page(fixture, &query, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(query.cursor);
}

START_TEST(history_is_paged_and_filtered)
{
    with_core(is_paged, true);
}
END_TEST

static const struct {
    const char *name;
    struct history_query query;
} plans[] = {
        {"of all", {.limit = 1}},
        {"of a provider", {.provider = "gmail"}},
        {"of a tool", {.tool = "RARE"}},
        {"of a tool and a status", {.tool = "RARE", .status = "FAILED"}},
};

/* Neither reads more than it gives, nor sorts: so that a page costs the same whatever the table's size. */
static void is_planned(struct fixture *fixture)
{
    static char sql[2048];
    const struct db_rows *rows = NULL;
    struct db_value values[6] = {
            DB_TEXT("u"), DB_TEXT("t"), DB_TEXT("i"), DB_INT(1), DB_INT(1), DB_TEXT("x")};
    bool all = plans[row_index].query.tool == NULL && plans[row_index].query.provider == NULL;
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", history_sql(&plans[row_index].query));
    ck_assert(db_read(fixture->db, fixture->context.memory, sql,
            (struct db_params){values, all ? 5 : 6}, &rows, &fixture->err));
    ck_assert_uint_eq(db_row_count(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *step = db_get_text(rows, i, 3);
        ck_assert_msg(slice_starts(slice_of(step), i == 0 ? "SEARCH e USING" : "SEARCH t USING"),
                "%s", step);
        ck_assert_msg(i == 1 || strstr(step, "(executedAt,executionId)<") != NULL, "%s", step);
    }
}

START_TEST(history_plan)
{
    row_index = _i;
    with_core(is_planned, true);
}
END_TEST

static const struct {
    const char *name, *cursor;
} cursors[] = {
        {"no base64url", "?"},
        {"nothing", ""},
        {"no time", "IGUx"},                 /* " e1" */
        {"no id", "MTIg"},                   /* "12 " */
        {"a NUL", "MTIgAGU"},                /* "12 \0e" */
        {"an id of more words", "MTIgYSBi"}, /* "12 a b" */
        {"a time out of all bounds", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSBl"},
        {"a negative time", "LTEgZQ"}, /* "-1 e" */
        {"bytes that are no text", "MTIg__8"},
};

static void refuses_cursor(struct fixture *fixture)
{
    struct history_query query = {.limit = 5, .cursor = cursors[row_index].cursor};
    struct history_item *items = NULL;
    size_t count = 0;
    expect_refusal(fixture,
            executions_history(
                    &fixture->context, &query, &items, &count, &query.cursor, &fixture->err),
            "CURSOR_INVALID");
}

START_TEST(foreign_cursor)
{
    row_index = _i;
    with_core(refuses_cursor, true);
}
END_TEST

/* ---- a database from before ---- */

static void upgrades(void *argument)
{
    struct fixture *fixture = argument;
    void *memory = fiber_memory();
    struct db_migration older[16] = {{NULL, NULL, NULL}};
    struct db_store *store = NULL;
    size_t applied = 0;
    for (size_t i = 0; strcmp(db_migrations[i].name, "20261128010000_executions") != 0; i++) {
        ck_assert_uint_lt(i, 15);
        older[i] = db_migrations[i];
    }
    fixture->context.memory = memory;
    ck_assert(db_store_open(memory, fixture->database.url, &store, &fixture->err));
    ck_assert(db_open(memory, store, fiber_loop(), &fixture->db, &fixture->err));
    ck_assert(db_migrate(fixture->db, older, &applied, &fixture->err));
    insert_rows(fixture);
    change(fixture,
            "INSERT INTO \"UserConnection\" (\"id\", \"userId\", \"mcpServerId\","
            " \"provider\", \"composioAccountId\", \"composioEntityId\", \"updatedAt\")"
            " VALUES ('c', 'user', 'm', 'gmail', 'ca', 'user', '2026-01-01T00:00:00.000Z')",
            NULL);
    change(fixture,
            "INSERT INTO \"ToolExecution\" (\"id\", \"connectionId\", \"toolName\","
            " \"parameters\", \"status\", \"executedAt\") VALUES"
            " ('e1', 'c', 'T', '{}', 'SUCCESS', '2026-01-01T00:00:00.000Z'),"
            " ('e2', 'c', 'T', '{}', 'PENDING', '2026-01-01T23:50:00.500Z')",
            NULL);
    ck_assert(db_migrate(fixture->db, db_migrations, &applied, &fixture->err));
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"UserExecution\""
                                    " WHERE \"userId\" = 'user' AND \"provider\" = 'gmail'"
                                    " AND \"executionId\" IN ('e1', 'e2')"),
            2);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"OpenExecution\""), 1);
    ck_assert_str_eq(
            one(fixture, "SELECT \"closeAt\" FROM \"OpenExecution\" WHERE \"executionId\" = 'e2'"),
            "2026-01-02T00:05:00.500Z");
}

START_TEST(executions_from_before_are_in_history_and_closed)
{
    struct fixture fixture = {0};
    void *owner = mem_scope_new(NULL, "database");
    test_database_make(owner, &fixture.database);
    test_in_fiber(upgrades, &fixture);
    test_database_remove(owner, &fixture.database);
    mem_free(owner);
}
END_TEST

/* 1,200 old ones, of which one is still open, and a new one. */
static void expires(struct fixture *fixture)
{
    struct execution_result result;
    bool stopping = false;
    begin(fixture);
    ck_assert(execute(fixture, "GMAIL_FETCH_EMAILS", "{}", &result));
    change(fixture,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
            " INSERT INTO \"ToolExecution\" (\"id\", \"connectionId\", \"toolName\", \"parameters\","
            " \"status\", \"executedAt\") SELECT 'e' || i, c.\"id\", 'T', '{}',"
            " 'SUCCESS', '2026-01-01T00:00:00.000Z' FROM n, \"UserConnection\" c",
            NULL);
    change(fixture, "UPDATE \"ToolExecution\" SET \"status\" = 'PENDING' WHERE \"id\" = 'e7'",
            NULL);
    fixture->core->options.executions_kept_ms = 24 * 3600 * 1000;
    ck_assert(execution_records_expire(
            fixture->core, fixture->context.memory, &stopping, &fixture->err));
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) || ' ' || MIN(\"id\") FROM \"ToolExecution\""
                                  " WHERE \"toolName\" = 'T'"),
            "1 e7");
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"ToolExecution\""), "2");
    ck_assert_str_eq(one(fixture, "SELECT COUNT(*) FROM \"UserExecution\""), "2");
}

START_TEST(what_is_older_than_is_kept_is_deleted_but_not_what_is_open)
{
    with_core(expires, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, what_is_older_than_is_kept_is_deleted_but_not_what_is_open);
    TEST_ADD(suite, a_repeated_call_is_given_the_first_outcome);
    TEST_ADD(suite, what_did_not_run_spends_no_key);
    TEST_ADD(suite, an_unknown_outcome_stays_unknown_until_the_key_is_over);
    TEST_ADD(suite, of_calls_at_once_with_one_key_one_runs);
    TEST_ADD(suite, what_a_dead_process_left_is_closed_as_unknown);
    TEST_ADD_ROWS(suite, recording_mode, modes);
    TEST_ADD(suite, history_is_paged_and_filtered);
    if (!test_on_postgres()) { /* whose planner scans what is small */
        TEST_ADD_ROWS(suite, history_plan, plans);
    }
    TEST_ADD_ROWS(suite, foreign_cursor, cursors);
    TEST_ADD(suite, executions_from_before_are_in_history_and_closed);
}
TEST_MAIN("executions", cases)
