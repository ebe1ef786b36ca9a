/* What is PostgreSQL's alone, with a server of its kind: scripts/with-postgres. */
#include "db/test_internal.h"

#include <stdio.h>
#include <sys/socket.h>

/* ---- values ---- */

static const struct {
    const char *name, *json, *stored;
} jsons[] = {
        {"as it is", "{\"a\": [1, \"x\", null, true]}", "{\"a\": [1, \"x\", null, true]}"},
        {"digits", "[12345678901234567890.10]", "[12345678901234567890.10]"},
        {"NUL", "[\"a\\u0000b\"]",
                "[\"a\xEF\xBF\xBD"
                "b\"]"},
        {"an escaped backslash", "[\"a\\\\u0000\"]", "[\"a\\\\u0000\"]"},
        {"a pair", "[\"\\ud83d\\ude42\"]", "[\"🙂\"]"},
        {"half a pair", "[\"\\ud83dx\", \"\\ude42\", \"\\ud83d\\n\"]",
                "[\"\xEF\xBF\xBDx\", \"\xEF\xBF\xBD\", \"\xEF\xBF\xBD\\n\"]"},
        {"two halves", "[\"\\ud83d\\ud83d\\ude42\"]", "[\"\xEF\xBF\xBD🙂\"]"},
        {"an escaped quote", "{\"a\\\"1e99999\": 2}", "{\"a\\\"1e99999\": 2}"},
        {"beyond numeric", "[1e999999, -5E+20000, 1e5]", "[\"1e999999\", \"-5E+20000\", 100000]"},
        {"a NUL in a name", "{\"\\u0000\": 1}", "{\"\xEF\xBF\xBD\": 1}"},
};
static int row_index;

static void stores_json(struct scene *scene)
{
    const struct db_rows *rows = read_ok(scene->db, "SELECT CAST($1 AS jsonb)",
            DB_PARAMS(DB_JSON(slice_of(jsons[row_index].json))));
    ck_assert_str_eq(db_get_text(rows, 0, 0), jsons[row_index].stored);
}

START_TEST(json_row)
{
    row_index = _i;
    in_database(stores_json);
}
END_TEST

static void converts(struct scene *scene)
{
    struct db *db = scene->db;
    static const char list[] = "[\"a\",\"\",\"b \\\"c\\\"\",\"{d},\\\\e\",\"NULL\",\"žluť\"]";
    write_ok(db,
            "CREATE TABLE v (l TEXT[], t TIMESTAMP(3), z TIMESTAMPTZ, b BOOLEAN, p TEXT, r FLOAT8,"
            " d TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP)",
            DB_NO_PARAMS);
    struct db_value time = DB_TIME(fiber_memory(), 1767323045670);
    write_ok(db, "INSERT INTO v (l, t, z, b, p, r) VALUES ($1, $2, $3, $4, $5, $6)",
            DB_PARAMS(DB_LIST(slice_of(list)), time, time, DB_BOOL(true), DB_PROSE("a\xED\xA0\x80"),
                    ((struct db_value){.type = DB_TYPE_REAL, .real = 0.1})));
    const struct db_rows *rows = read_ok(db,
            "SELECT l, t, z, b, p, r, d, CAST('{}' AS TEXT[]), CAST('{NULL,x}' AS TEXT[]),"
            " CAST('infinity' AS TIMESTAMP) FROM v WHERE t = $1 AND r = $2",
            DB_PARAMS(DB_TEXT("2026-01-02T03:04:05.670Z"),
                    ((struct db_value){.type = DB_TYPE_REAL, .real = 0.1})));
    ck_assert_str_eq(db_get_text(rows, 0, 0), list);
    ck_assert_str_eq(db_get_text(rows, 0, 1), "2026-01-02T03:04:05.670Z");
    ck_assert_str_eq(db_get_text(rows, 0, 2), "2026-01-02T03:04:05.670Z");
    ck_assert(db_get_bool(rows, 0, 3));
    ck_assert_str_eq(db_get_text(rows, 0, 4), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    ck_assert_str_eq(db_get_text(rows, 0, 5), "0.1");
    /* In UTC, wherever the server thinks it is. */
    ck_assert_int_lt(llabs(db_get_time(rows, 0, 6) - clock_now_ms()), 60000);
    ck_assert_str_eq(db_get_text(rows, 0, 7), "[]");
    ck_assert_str_eq(db_get_text(rows, 0, 8), "[null,\"x\"]");
    ck_assert_int_eq(db_get_time(rows, 0, 9), -1);
}

START_TEST(values_are_converted_by_type)
{
    in_database(converts);
}
END_TEST

static void alters_style(struct scene *scene)
{
    write_ok(scene->db,
            mem_printf(fiber_memory(), "ALTER DATABASE \"%s\" SET datestyle TO 'German'",
                    scene->database.name),
            DB_NO_PARAMS);
}

START_TEST(times_are_read_whatever_the_database_is_set_to)
{
    struct scene scene;
    scene_begin(&scene);
    scene_play(&scene, alters_style);
    scene_play(&scene, converts);
    scene_end(&scene);
}
END_TEST

static const struct {
    const char *name;
    struct slice text;
} unfit[] = {
        {"NUL", {"a\0b", 3}},
        {"half a pair", {"\xED\xA0\x80", 3}},
        {"Latin-1", {"\xFC", 1}},
};

static void refuses_text(struct scene *scene)
{
    const struct db_rows *rows = NULL;
    struct error err = {0};
    ck_assert(!db_read(scene->db, fiber_memory(), "SELECT CAST($1 AS TEXT)",
            DB_PARAMS(DB_SLICE(unfit[row_index].text)), &rows, &err));
    ck_assert_int_eq(err.code, ERROR_BAD_REQUEST);
    ck_assert_str_eq(err.reason, "TEXT_INVALID");
}

START_TEST(unfit_text)
{
    row_index = _i;
    in_database(refuses_text);
}
END_TEST

/* ---- transactions ---- */

struct skew {
    struct db *db;
    const char *mine, *other;
    bool ok;
    int64_t changed;
    struct error err;
    int *left;
};

/* Goes off duty if the other one is on duty. Two that look at the same time would both go. */
static void goes_off_duty(void *argument)
{
    struct skew *skew = argument;
    struct db_statement statements[] = {
            {"SELECT on_duty FROM duty WHERE name = $1", DB_PARAMS(DB_TEXT(skew->other))},
            {"UPDATE duty SET on_duty = false WHERE name = $1"
             " AND EXISTS (SELECT 1 FROM duty WHERE name = $2 AND on_duty)",
                    DB_PARAMS(DB_TEXT(skew->mine), DB_TEXT(skew->other))},
            {"SELECT pg_sleep(0.02)", DB_NO_PARAMS}, /* so that both are at work at once */
    };
    const struct db_rows *rows[3] = {0};
    skew->ok = db_write(skew->db, fiber_memory(), statements, 3, rows, &skew->err);
    skew->changed = skew->ok ? db_rows_affected(rows[1]) : -1;
    --*skew->left;
}

static void serializes(struct scene *scene)
{
    struct db *db = scene->db;
    struct error err = {0};
    write_ok(db, "CREATE TABLE duty (name TEXT PRIMARY KEY, on_duty BOOLEAN)", DB_NO_PARAMS);
    for (int round = 0; round < 5; round++) {
        int left = 2;
        write_ok(db,
                "INSERT INTO duty VALUES ('a', true), ('b', true)"
                " ON CONFLICT (name) DO UPDATE SET on_duty = true",
                DB_NO_PARAMS);
        struct skew both[] = {
                {.db = db, .mine = "a", .other = "b", .left = &left},
                {.db = db, .mine = "b", .other = "a", .left = &left},
        };
        for (int i = 0; i < 2; i++) {
            fiber_start(fiber_loop(), "skew", goes_off_duty, &both[i], FIBER_NO_DEADLINE);
        }
        while (left > 0) {
            ck_assert(fiber_sleep(1, &err));
        }
        ck_assert_msg(both[0].ok && both[1].ok, "%s %s", both[0].err.detail, both[1].err.detail);
        ck_assert_int_eq(both[0].changed + both[1].changed, 1);
        ck_assert_int_eq(read_int(db, "SELECT count(*) FROM duty WHERE on_duty"), 1);
    }
    const struct db_rows *level =
            read_ok(db, "SELECT current_setting('transaction_isolation')", DB_NO_PARAMS);
    ck_assert_str_eq(db_get_text(level, 0, 0), "read committed"); /* nothing is left behind */
}

START_TEST(writes_of_several_statements_are_as_if_alone)
{
    in_database(serializes);
}
END_TEST

struct crossing {
    struct db *db;
    const char *first, *second;
    bool ok;
    struct error err;
    int *left;
};

static void crosses(void *argument)
{
    struct crossing *crossing = argument;
    static const char sql[] = "UPDATE item SET n = n + 1 WHERE id = $1";
    struct db_statement statements[] = {
            {sql, DB_PARAMS(DB_TEXT(crossing->first))},
            {"SELECT pg_sleep(0.05)", DB_NO_PARAMS},
            {sql, DB_PARAMS(DB_TEXT(crossing->second))},
    };
    crossing->ok =
            db_write_apart(crossing->db, fiber_memory(), statements, 3, NULL, &crossing->err);
    --*crossing->left;
}

static void deadlocks(struct scene *scene)
{
    struct db *db = scene->db;
    int left = 2;
    struct error err = {0};
    write_ok(db, "CREATE TABLE item (id TEXT PRIMARY KEY, n INTEGER)", DB_NO_PARAMS);
    write_ok(db, "INSERT INTO item VALUES ('a', 0), ('b', 0)", DB_NO_PARAMS);
    /* Another loop's: those of one take turns. */
    struct db *other = NULL;
    ck_assert(db_open(scene->owner, scene->store, fiber_loop(), &other, &err));
    struct crossing both[] = {
            {.db = db, .first = "a", .second = "b", .left = &left},
            {.db = other, .first = "b", .second = "a", .left = &left},
    };
    for (int i = 0; i < 2; i++) {
        fiber_start(fiber_loop(), "crossing", crosses, &both[i], FIBER_NO_DEADLINE);
    }
    while (left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert_msg(both[0].ok && both[1].ok, "%s %s", both[0].err.detail, both[1].err.detail);
    ck_assert_int_eq(read_int(db, "SELECT sum(n) FROM item"), 4);
    mem_free(other);
}

START_TEST(deadlocks_are_done_again)
{
    in_database(deadlocks);
}
END_TEST

/* ---- deadlines ---- */

static bool stop_at(struct db *db, const char *sql, bool read, struct error *err)
{
    int64_t deadline = fiber_deadline_ms();
    const struct db_rows *rows = NULL;
    struct db_statement statement = {sql, DB_NO_PARAMS};
    fiber_set_deadline(clock_monotonic_ms() + 50);
    bool ok = read ? db_read(db, fiber_memory(), sql, DB_NO_PARAMS, &rows, err)
                   : db_write(db, fiber_memory(), &statement, 1, NULL, err);
    fiber_set_deadline(deadline);
    return ok;
}

struct neighbour {
    struct db *db;
    int *left;
};

/* Behind the statement that is stopped, on the same connection. */
static void reads_behind(void *argument)
{
    struct neighbour *neighbour = argument;
    ck_assert_int_eq(read_int(neighbour->db, "SELECT 7"), 7);
    --*neighbour->left;
}

static void ends_at_deadline(struct scene *scene)
{
    struct db *db = scene->db;
    struct error err = {0};
    int left = 10;
    struct neighbour neighbour = {db, &left};
    write_ok(db, "CREATE TABLE item (id TEXT)", DB_NO_PARAMS);
    for (int i = 0; i < left; i++) {
        fiber_start(fiber_loop(), "neighbour", reads_behind, &neighbour, FIBER_NO_DEADLINE);
    }
    ck_assert(!stop_at(db, "SELECT pg_sleep(60)", true, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    /* The server has stopped it: those behind it are answered, now. */
    while (left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "BEGIN; LOCK TABLE item");
    err = (struct error){0};
    ck_assert(!stop_at(db, "INSERT INTO item VALUES ('late')", false, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    stranger_run(stranger, "COMMIT");
    mem_free(stranger);
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM item"), 0);
}

START_TEST(the_server_stops_at_the_deadline)
{
    in_database(ends_at_deadline);
}
END_TEST

/* ---- connections that break ---- */

struct sleeper {
    struct db *db;
    int failed;
    struct error err;
    int left;
};

static void reads_slowly(void *argument)
{
    struct sleeper *sleeper = argument;
    const struct db_rows *rows = NULL;
    sleeper->failed += db_read(sleeper->db, fiber_memory(), "SELECT 5 FROM pg_sleep(0.2)",
                               DB_NO_PARAMS, &rows, &sleeper->err)
                               ? 0
                               : 1;
    sleeper->left--;
}

static void writes_slowly(void *argument)
{
    struct sleeper *sleeper = argument;
    struct db_statement statement = {
            "INSERT INTO item SELECT 'slow' FROM pg_sleep(0.2)", DB_NO_PARAMS};
    sleeper->failed +=
            db_write(sleeper->db, fiber_memory(), &statement, 1, NULL, &sleeper->err) ? 0 : 1;
    sleeper->left--;
}

static void survives_kills(struct scene *scene)
{
    struct db *db = scene->db;
    struct error err = {0};
    struct sleeper sleeper = {.db = db, .left = 5};
    write_ok(db, "CREATE TABLE item (id TEXT)", DB_NO_PARAMS);
    kill_all(scene); /* nothing under way */
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM item"), 0);
    fiber_start(fiber_loop(), "reader", reads_slowly, &sleeper, FIBER_NO_DEADLINE);
    for (int i = 0; i < 4; i++) {
        fiber_start(fiber_loop(), "writer", writes_slowly, &sleeper, FIBER_NO_DEADLINE);
    }
    until_waiting(scene, 4);
    until_asleep(scene);
    kill_all(scene); /* what is under way fails for a reason that says that nothing was done */
    while (sleeper.left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert_msg(sleeper.failed == 0, "%s", sleeper.err.detail);
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM item"), 4);
}

START_TEST(lost_connections_are_made_anew)
{
    in_database(survives_kills);
}
END_TEST

/* The socket breaks, and nobody can say what the server did. */
static void loses_a_write(struct scene *scene)
{
    struct postgres_db *db = (struct postgres_db *)scene->db;
    struct error err = {0};
    struct sleeper sleeper = {.db = scene->db, .left = 1};
    write_ok(scene->db, "CREATE TABLE item (id TEXT)", DB_NO_PARAMS);
    fiber_start(fiber_loop(), "writer", writes_slowly, &sleeper, FIBER_NO_DEADLINE);
    until_waiting(scene, 1);
    for (int i = 0; i < db->count; i++) {
        shutdown(PQsocket(db->connections[i]->handle), SHUT_RDWR);
    }
    while (sleeper.left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert_int_eq(sleeper.failed, 1);
    ck_assert_int_eq(sleeper.err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_str_eq(sleeper.err.reason, "DATABASE_OUTCOME_UNKNOWN");
    ck_assert_int_eq(read_int(scene->db, "SELECT 3"), 3);
}

START_TEST(a_write_that_was_cut_off_is_said_to_be_unknown)
{
    in_database(loses_a_write);
}
END_TEST

/* ---- prepared statements ---- */

static void follows_schema(struct scene *scene)
{
    static const char all_sql[] = "SELECT * FROM item ORDER BY id";
    struct db *db = scene->db;
    write_ok(db, "CREATE TABLE item (id INTEGER, a TEXT)", DB_NO_PARAMS);
    write_ok(db, "INSERT INTO item VALUES (1, 'a')", DB_NO_PARAMS);
    ck_assert_str_eq(db_get_text(read_ok(db, all_sql, DB_NO_PARAMS), 0, 1), "a");
    write_ok(db, "ALTER TABLE item ADD COLUMN b TEXT DEFAULT 'b'", DB_NO_PARAMS);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(db_get_text(read_ok(db, all_sql, DB_NO_PARAMS), 0, 2), "b");
    }
}

START_TEST(statements_follow_a_changed_schema)
{
    in_database(follows_schema);
}
END_TEST

/* What a bouncer without prepared statements looks like. */
static void loses_statements(struct scene *scene)
{
    struct db *db = scene->db;
    static const char sql[] = "SELECT CAST($1 AS INTEGER) + 1";
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(db_get_int(read_ok(db, sql, DB_PARAMS(DB_INT(i))), 0, 0), i + 1);
    }
    write_ok(db, "DEALLOCATE ALL", DB_NO_PARAMS);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(db_get_int(read_ok(db, sql, DB_PARAMS(DB_INT(i))), 0, 0), i + 1);
    }
    ck_assert(atomic_load(&((struct postgres_store *)scene->store)->unnamed));
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM pg_prepared_statements"), 0);
}

START_TEST(lost_statements_are_a_bouncers_sign)
{
    in_database(loses_statements);
}
END_TEST

/* One that fails takes nothing of its neighbours' with it, nor what is prepared behind it. */
static void pipelines(struct scene *scene)
{
    static const char good[] = "SELECT CAST($1 AS INTEGER)",
                      bad[] = "SELECT 1 / CAST($1 AS INTEGER)";
    struct postgres_db *db = (struct postgres_db *)scene->db;
    struct db_statement statements[40];
    struct postgres_exchange *exchanges[40];
    struct db_value values[40];
    struct error err = {0};
    for (int i = 0; i < 40; i++) {
        values[i] = DB_INT(i % 2);
        statements[i] = (struct db_statement){i % 4 == 0 ? bad : good, {&values[i], 1}};
        struct db_write read = {.statements = &statements[i], .count = 1};
        exchanges[i] = postgres_connection_send(
                db->connections[0], fiber_memory(), &read, true, true, &err);
        ck_assert_ptr_nonnull(exchanges[i]);
    }
    ck_assert_int_eq(db->connections[0]->reads_under_way, 40);
    for (int i = 0; i < 40; i++) {
        ck_assert(fiber_signal_wait(&exchanges[i]->done, &err));
        ck_assert_int_eq(exchanges[i]->outcome, i % 4 == 0 ? EXCHANGE_FAILED : EXCHANGE_DONE);
        if (i % 4 != 0) {
            ck_assert_int_eq(db_get_int(exchanges[i]->rows[0], 0, 0), i % 2);
        }
        mem_free(exchanges[i]);
    }
    ck_assert_int_eq(db->connections[0]->reads_under_way, 0);
}

START_TEST(statements_of_one_connection_fail_alone)
{
    in_database(pipelines);
}
END_TEST

/* ---- how many connections ---- */

static void opens_few(struct scene *scene)
{
    struct error err = {0};
    int left = 100;
    struct neighbour neighbour = {scene->db, &left};
    for (int i = 0; i < 100; i++) {
        fiber_start(fiber_loop(), "reader", reads_behind, &neighbour, FIBER_NO_DEADLINE);
    }
    while (left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert_int_eq(((struct postgres_db *)scene->db)->count, 1);
}

START_TEST(the_urls_connection_limit_is_kept)
{
    struct scene scene;
    struct error err = {0};
    scene_begin(&scene);
    const char *url = mem_printf(scene.owner, "%s?connection_limit=1", scene.url);
    ck_assert(db_store_open(NULL, url, &scene.store, &err));
    db_store_set_connections(scene.store, 10);
    scene_play(&scene, opens_few);
    scene_end(&scene);
}
END_TEST

static void uses_schema(struct scene *scene)
{
    write_ok(scene->db, "CREATE SCHEMA \"my s\"", DB_NO_PARAMS);
    write_ok(scene->db, "CREATE TABLE item (id TEXT)", DB_NO_PARAMS);
    ck_assert_int_eq(read_int(scene->db, "SELECT count(*) FROM \"my s\".item"), 0);
}

START_TEST(the_urls_schema_is_used)
{
    struct scene scene;
    struct error err = {0};
    scene_begin(&scene);
    const char *url = mem_printf(scene.owner, "%s?schema=my%%20s", scene.url);
    ck_assert(db_store_open(NULL, url, &scene.store, &err));
    scene_play(&scene, uses_schema);
    scene_end(&scene);
}
END_TEST

static void commits_with_a_warning(struct scene *scene)
{
    struct error err = {0};
    int64_t deadline = fiber_deadline_ms();
    write_ok(scene->db, "CREATE TABLE t (n INTEGER)", DB_NO_PARAMS);
    /* What a server says whose standby is away: the wait is stopped, the write is done all the same. */
    struct db_statement waiting = {
            "DO $$ BEGIN INSERT INTO t VALUES (1);"
            " BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN"
            " RAISE WARNING 'canceling wait for synchronous replication'; END;"
            " END $$",
            DB_NO_PARAMS};
    fiber_set_deadline(clock_monotonic_ms() + 50);
    ck_assert(!db_write(scene->db, fiber_memory(), &waiting, 1, NULL, &err));
    ck_assert_str_eq(err.reason, "DATABASE_OUTCOME_UNKNOWN");
    fiber_set_deadline(deadline);
    ck_assert_int_eq(read_int(scene->db, "SELECT count(*) FROM t"), 1);
}

START_TEST(a_commit_that_was_stopped_with_a_warning_is_unknown)
{
    in_database(commits_with_a_warning);
}
END_TEST

static void cases(Suite *suite)
{
    if (!test_on_postgres()) {
        return;
    }
    TEST_ADD_ROWS(suite, json_row, jsons);
    TEST_ADD(suite, values_are_converted_by_type);
    TEST_ADD(suite, times_are_read_whatever_the_database_is_set_to);
    TEST_ADD_ROWS(suite, unfit_text, unfit);
    TEST_ADD(suite, writes_of_several_statements_are_as_if_alone);
    TEST_ADD(suite, deadlocks_are_done_again);
    TEST_ADD(suite, the_server_stops_at_the_deadline);
    TEST_ADD(suite, a_commit_that_was_stopped_with_a_warning_is_unknown);
    TEST_ADD(suite, lost_connections_are_made_anew);
    if (getenv("TENON_TEST_POSTGRES_DIRECT") != NULL) {
        return; /* what follows a bouncer hides */
    }
    TEST_ADD(suite, a_write_that_was_cut_off_is_said_to_be_unknown);
    TEST_ADD(suite, statements_follow_a_changed_schema);
    TEST_ADD(suite, lost_statements_are_a_bouncers_sign);
    TEST_ADD(suite, statements_of_one_connection_fail_alone);
    TEST_ADD(suite, the_urls_connection_limit_is_kept);
    TEST_ADD(suite, the_urls_schema_is_used);
}
TEST_MAIN("postgres", cases)
