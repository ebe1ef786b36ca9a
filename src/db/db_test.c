#include "db/test_internal.h"

#include <pthread.h>

static const char create_sql[] =
        "CREATE TABLE item (id TEXT NOT NULL PRIMARY KEY, a TEXT, n INTEGER, UNIQUE (a, n))";
static const char insert_sql[] = "INSERT INTO item (id, a, n) VALUES ($1, $2, $3)";
static const char count_sql[] = "SELECT count(*) FROM item";

/* ---- values ---- */

static void values(struct scene *scene)
{
    struct db *db = scene->db;
    char *large = mem_array(fiber_memory(), char, 1000001);
    memset(large, 'x', 1000000);
    const struct db_rows *rows = read_ok(db, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10",
            DB_PARAMS(DB_TEXT("plain"), DB_TEXT(""), DB_NULL, DB_TEXT("žluť 日本 🙂"),
                    DB_TEXT(large), DB_INT(INT64_MIN), DB_INT(INT64_MAX), DB_BOOL(true),
                    DB_TIME(fiber_memory(), 1767323045678),
                    ((struct db_value){.type = DB_TYPE_REAL, .real = 2.5})));
    ck_assert_uint_eq(db_row_count(rows), 1);
    ck_assert_int_eq(db_rows_affected(rows), 0);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "plain");
    ck_assert_str_eq(db_get_text(rows, 0, 1), "");
    ck_assert(!db_is_null(rows, 0, 1));
    ck_assert(db_is_null(rows, 0, 2));
    ck_assert_ptr_null(db_get_text(rows, 0, 2));
    ck_assert_ptr_null(db_get_slice(rows, 0, 2).data);
    ck_assert_int_eq(db_get_int(rows, 0, 2), 0);
    ck_assert_str_eq(db_get_text(rows, 0, 3), "žluť 日本 🙂");
    ck_assert_uint_eq(db_get_slice(rows, 0, 4).length, 1000000);
    ck_assert_str_eq(db_get_text(rows, 0, 4), large);
    ck_assert_int_eq(db_get_int(rows, 0, 5), INT64_MIN);
    ck_assert_int_eq(db_get_int(rows, 0, 6), INT64_MAX);
    ck_assert_str_eq(db_get_text(rows, 0, 6), "9223372036854775807");
    ck_assert(db_get_bool(rows, 0, 7));
    ck_assert(!db_get_bool(rows, 0, 2));
    ck_assert_str_eq(db_get_text(rows, 0, 8), "2026-01-02T03:04:05.678Z");
    ck_assert_int_eq(db_get_time(rows, 0, 8), 1767323045678);
    ck_assert_str_eq(db_get_text(rows, 0, 9), "2.5");
    ck_assert_uint_eq(db_row_count(read_ok(db, "SELECT 1 WHERE 1 = 2", DB_NO_PARAMS)), 0);
}

START_TEST(values_come_back)
{
    in_database(values);
}
END_TEST

static const struct {
    const char *name, *text;
    int64_t time, integer;
} texts[] = {
        {"as we write it", "2026-01-02T03:04:05.678Z", 1767323045678, 0},
        {"as PostgreSQL prints it", "2026-01-02 03:04:05.678", 1767323045678, 0},
        {"without decimals", "2026-01-02T03:04:05+00:00", 1767323045000, 0},
        {"milliseconds", "1767323045678", 1767323045678, 1767323045678},
        {"negative", "-5", -5, -5},
        {"no time", "tomorrow", -1, 0},
        {"nothing", "", -1, 0},
        {"NULL", NULL, -1, 0},
        {"a sign alone", "-", -1, 0},
        {"a fraction", "1.5", -1, 0},
        {"blanks", " 1", -1, 0},
        {"largest", "9223372036854775807", INT64_MAX, INT64_MAX},
        {"smallest", "-9223372036854775808", INT64_MIN, INT64_MIN},
        {"one too large", "9223372036854775808", -1, 0},
        {"one too small", "-9223372036854775809", -1, 0},
        {"far too large", "99999999999999999999", -1, 0},
};

START_TEST(text_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct db_rows_builder builder;
    db_rows_builder_init(&builder, owner);
    ck_assert(db_rows_builder_add(&builder, slice_of(texts[_i].text)));
    const struct db_rows *rows = db_rows_builder_end(&builder, owner, 1, 0);
    ck_assert_int_eq(db_get_time(rows, 0, 0), texts[_i].time);
    ck_assert_int_eq(db_get_int(rows, 0, 0), texts[_i].integer);
    ck_assert(!db_get_bool(rows, 0, 0));
    mem_free(owner);
}
END_TEST

START_TEST(a_result_has_a_limit)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct db_rows_builder builder;
    db_rows_builder_init(&builder, owner);
    char *piece = mem_array(owner, char, 1048576);
    struct slice value = {piece, 1024 * 1024 - 1};
    size_t added = 0;
    while (added < 100 && db_rows_builder_add(&builder, value)) {
        added++;
    }
    ck_assert_uint_eq(added, 63); /* and their cells, 8 bytes each */
    db_rows_builder_clear(&builder);
    ck_assert(db_rows_builder_add(&builder, SLICE("again")));
    const struct db_rows *rows = db_rows_builder_end(&builder, owner, 1, 0);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "again");
    mem_free(owner);
}
END_TEST

static void reads_too_much(struct scene *scene)
{
#define NUMBERS "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
    const char *sql = test_on_postgres() ? NUMBERS " SELECT i, repeat('00', 524288) FROM n"
                                         : NUMBERS " SELECT i, hex(zeroblob(524288)) FROM n";
    const struct db_rows *rows = NULL;
    struct error err = {0};
    ck_assert(!db_read(scene->db, fiber_memory(), sql, DB_PARAMS(DB_INT(100)), &rows, &err));
    ck_assert_int_eq(err.code, ERROR_INTERNAL_SERVER_ERROR);
    ck_assert_str_eq(err.reason, "DATABASE_RESULT_TOO_LARGE");
    ck_assert_ptr_null(rows);
    rows = read_ok(scene->db, sql, DB_PARAMS(DB_INT(3)));
    ck_assert_uint_eq(db_row_count(rows), 3);
    ck_assert_int_eq(db_get_int(rows, 2, 0), 3);
    ck_assert_uint_eq(db_get_slice(rows, 2, 1).length, 1048576);
}

START_TEST(a_read_has_a_limit)
{
    in_database(reads_too_much);
}
END_TEST

/* ---- statements ---- */

static void parameters(struct scene *scene)
{
    const struct db_rows *rows = read_ok(scene->db,
            "SELECT $2, $1, $2, $11, $3, $4, $5, $6, $7,"
            " $8, $9, $10",
            DB_PARAMS(DB_INT(1), DB_INT(2), DB_INT(3), DB_INT(4), DB_INT(5), DB_INT(6), DB_INT(7),
                    DB_INT(8), DB_INT(9), DB_INT(10), DB_INT(11)));
    static const int expected[] = {2, 1, 2, 11, 3, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < 12; i++) {
        ck_assert_int_eq(db_get_int(rows, 0, i), expected[i]);
    }
    static const char sql[] = "SELECT CAST($1 AS BIGINT) + CAST($2 AS BIGINT)";
    for (int64_t i = 0; i < 1000; i++) {
        rows = read_ok(scene->db, sql, DB_PARAMS(DB_INT(i), DB_INT(i)));
        ck_assert_int_eq(db_get_int(rows, 0, 0), 2 * i);
    }
}

START_TEST(parameters_are_bound_by_number)
{
    in_database(parameters);
}
END_TEST

static const struct {
    const char *name, *sql;
    bool read;
    enum error_code code;
    const char *reason, *sqlite,
            *postgres; /* what the detail says; NULL: that one has no such thing */
} refused[] = {
        {"unique index", "INSERT INTO item VALUES ('z', 'a', 1)", false, ERROR_CONFLICT,
                "DATABASE_UNIQUE", "item.a, item.n", "item (a, n)"},
        {"primary key", "INSERT INTO item VALUES ('1', 'b', 1)", false, ERROR_CONFLICT,
                "DATABASE_UNIQUE", "item.id", "item (id)"},
        {"rowid", "INSERT INTO owned (rowid, id) VALUES (1, '1')", false, ERROR_CONFLICT,
                "DATABASE_UNIQUE", "owned.rowid", NULL},
        {"nothing to belong to", "INSERT INTO owned VALUES ('9')", false, ERROR_CONFLICT,
                "DATABASE_FOREIGN_KEY", "FOREIGN KEY", "foreign key"},
        {"still owning", "DELETE FROM item WHERE id = '1'", false, ERROR_CONFLICT,
                "DATABASE_FOREIGN_KEY", "FOREIGN KEY", "foreign key"},
        {"NOT NULL", "INSERT INTO item VALUES (NULL, 'b', 1)", false, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "NOT NULL", "not-null"},
        {"CHECK", "INSERT INTO checked VALUES ('x')", false, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "CHECK", "check constraint"},
        {"at the commit", "INSERT INTO later VALUES ('9')", false, ERROR_CONFLICT,
                "DATABASE_FOREIGN_KEY", NULL, "foreign key"},
        {"no such table", "SELECT 1 FROM missing", true, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "no such table", "\"missing\" does not exist"},
        {"misspelt column", "SELECT \"aa\" FROM item", true, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "no such column", "\"aa\" does not exist"},
        {"no SQL", "FIND item", true, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR", "syntax",
                "syntax"},
        {"nothing", "", true, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR", "one statement",
                "one statement"},
        {"two statements", "SELECT 1; SELECT 2", true, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "one statement", "multiple commands"},
        {"a value missing", "SELECT $1", true, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
                "number of values", "requires 1"},
        {"another parameter style", "SELECT ?", true, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
                "$1", "syntax"},
        {"no number", "SELECT $a", true, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR", "$1",
                "syntax"},
        {"changing in a read", "DELETE FROM owned", true, ERROR_INTERNAL_SERVER_ERROR,
                "DATABASE_ERROR", "one that reads", "one that reads"},
};
static int refused_row;

static void is_refused(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    write_ok(db, "CREATE TABLE owned (id TEXT REFERENCES item ON DELETE RESTRICT)", DB_NO_PARAMS);
    write_ok(db, "CREATE TABLE checked (a TEXT CHECK (a IN ('b')))", DB_NO_PARAMS);
    write_ok(db, "CREATE TABLE later (id TEXT REFERENCES item DEFERRABLE INITIALLY DEFERRED)",
            DB_NO_PARAMS);
    write_ok(db, "INSERT INTO item VALUES ('1', 'a', 1)", DB_NO_PARAMS);
    write_ok(db, "INSERT INTO owned VALUES ('1')", DB_NO_PARAMS);
    const char *detail =
            test_on_postgres() ? refused[refused_row].postgres : refused[refused_row].sqlite;
    struct db_statement statement = {refused[refused_row].sql, DB_NO_PARAMS};
    for (int i = 0; i < 2; i++) { /* prepared or not */
        const struct db_rows *rows = NULL;
        struct error err = {0};
        bool ok = refused[refused_row].read
                          ? db_read(db, fiber_memory(), statement.sql, DB_NO_PARAMS, &rows, &err)
                          : db_write(db, fiber_memory(), &statement, 1, &rows, &err);
        ck_assert(!ok);
        ck_assert_ptr_null(rows);
        ck_assert_int_eq(err.code, refused[refused_row].code);
        ck_assert_str_eq(err.reason, refused[refused_row].reason);
        ck_assert_msg(strstr(err.detail, detail) != NULL, "%s", err.detail);
        ck_assert_ptr_null(strstr(err.message, "item"));
    }
    ck_assert_int_eq(read_int(db, count_sql), 1);
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM owned"), 1);
}

START_TEST(refused_statement)
{
    refused_row = _i;
    if ((test_on_postgres() ? refused[_i].postgres : refused[_i].sqlite) != NULL) {
        in_database(is_refused);
    }
}
END_TEST

static void affected(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    struct db_statement statements[] = {
            {insert_sql, DB_PARAMS(DB_TEXT("1"), DB_TEXT("a"), DB_INT(1))},
            {insert_sql, DB_PARAMS(DB_TEXT("2"), DB_TEXT("a"), DB_INT(2))},
            {"UPDATE item SET n = n + $1 RETURNING id, n", DB_PARAMS(DB_INT(10))},
            {"SELECT id FROM item ORDER BY id DESC", DB_NO_PARAMS},
            {"CREATE TABLE other (id TEXT)", DB_NO_PARAMS},
            {"DELETE FROM item WHERE n = $1", DB_PARAMS(DB_INT(12))},
            {"DELETE FROM item WHERE n = $1", DB_PARAMS(DB_INT(12))},
    };
    static const int64_t expected[] = {1, 1, 2, 0, 0, 1, 0};
    const struct db_rows *rows[7] = {0};
    struct error err = {0};
    void *owner = mem_scope_new(NULL, "results");
    ck_assert(db_write(db, owner, statements, 7, rows, &err));
    for (size_t i = 0; i < 7; i++) {
        ck_assert_int_eq(db_rows_affected(rows[i]), expected[i]);
    }
    ck_assert_uint_eq(db_row_count(rows[2]), 2);
    ck_assert_int_eq(db_get_int(rows[2], 1, 1), 12);
    ck_assert_str_eq(db_get_text(rows[3], 0, 0), "2");
    mem_free(owner);
    ck_assert_int_eq(read_int(db, count_sql), 1);
}

START_TEST(results_of_several_statements)
{
    in_database(affected);
}
END_TEST

static void all_or_nothing(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    struct db_statement statements[] = {
            {insert_sql, DB_PARAMS(DB_TEXT("1"), DB_TEXT("a"), DB_INT(1))},
            {insert_sql, DB_PARAMS(DB_TEXT("2"), DB_TEXT("b"), DB_INT(1))},
            {insert_sql, DB_PARAMS(DB_TEXT("1"), DB_TEXT("c"), DB_INT(1))},
    };
    struct error err = {0};
    ck_assert(!db_write(db, fiber_memory(), statements, 3, NULL, &err));
    ck_assert_str_eq(err.reason, "DATABASE_UNIQUE");
    ck_assert_int_eq(read_int(db, count_sql), 0);
    ck_assert(db_write(db, fiber_memory(), statements, 2, NULL, &err));
    ck_assert_int_eq(read_int(db, count_sql), 2);
}

START_TEST(a_write_is_all_or_nothing)
{
    in_database(all_or_nothing);
}
END_TEST

/* ---- many at once ---- */

static void writes_and_reads(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    for (int64_t i = 1; i <= 50; i++) {
        write_ok(db, insert_sql,
                DB_PARAMS(DB_TEXT(mem_printf(fiber_memory(), "%d", (int)i)), DB_NULL, DB_INT(i)));
        ck_assert_int_eq(read_int(db, count_sql), i);
    }
}

START_TEST(a_read_sees_the_write_before_it)
{
    in_database(writes_and_reads);
}
END_TEST

struct thread_scene {
    struct scene *scene;
    const char *name;
};

static void writes_and_reads_often(void *argument)
{
    struct thread_scene *thread = argument;
    struct db *db = NULL;
    struct error err = {0};
    struct write_fiber *writes = mem_array(fiber_memory(), struct write_fiber, 20);
    ck_assert(db_open(fiber_memory(), thread->scene->store, fiber_loop(), &db, &err));
    for (int i = 0; i < 10; i++) {
        int left = 20;
        for (int j = 0; j < 20; j++) {
            const char *id = mem_printf(fiber_memory(), "%s %d %d", thread->name, i, j);
            writes[j] = (struct write_fiber){.db = db, .id = id, .left = &left};
            fiber_start(fiber_loop(), "writer", writes_one, &writes[j], FIBER_NO_DEADLINE);
        }
        while (left > 0) {
            ck_assert_int_le(read_int(db, "SELECT count(*) FROM item WHERE n = 0"), 0);
            ck_assert(fiber_sleep(1, &err));
        }
        for (int j = 0; j < 20; j++) {
            ck_assert_msg(writes[j].ok, "%s", writes[j].err.detail);
        }
    }
}

static void *run_thread(void *argument)
{
    test_in_fiber(writes_and_reads_often, argument);
    return NULL;
}

static void creates(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
}

static void counts_600(struct scene *scene)
{
    ck_assert_int_eq(read_int(scene->db, count_sql), 600);
}

START_TEST(loops_of_several_threads_share_a_store)
{
    struct scene scene;
    scene_begin(&scene);
    scene_play(&scene, creates);
    struct thread_scene threads[] = {{&scene, "a"}, {&scene, "b"}, {&scene, "c"}};
    pthread_t ids[3];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&ids[i], NULL, run_thread, &threads[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(ids[i], NULL);
    }
    scene_play(&scene, counts_600);
    scene_end(&scene);
}
END_TEST

/* ---- deadlines ---- */

static void too_late(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    int64_t deadline = fiber_deadline_ms();
    fiber_set_deadline(clock_monotonic_ms());
    struct error err = {0};
    const struct db_rows *rows = NULL;
    struct db_statement statement = {"INSERT INTO item VALUES ('1', NULL, 1)", DB_NO_PARAMS};
    ck_assert(!db_read(scene->db, fiber_memory(), count_sql, DB_NO_PARAMS, &rows, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    err = (struct error){0};
    ck_assert(!db_write(scene->db, fiber_memory(), &statement, 1, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    fiber_set_deadline(deadline);
    ck_assert_int_eq(read_int(scene->db, count_sql), 0);
}

START_TEST(nothing_is_sent_past_the_deadline)
{
    in_database(too_late);
}
END_TEST

static void cancelled_while_waiting(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, test_on_postgres() ? "BEGIN; LOCK TABLE item" : "BEGIN IMMEDIATE");
    int left = 1;
    struct write_fiber write = {.db = scene->db, .id = "1", .left = &left};
    struct fiber *fiber =
            fiber_start(fiber_loop(), "writer", writes_one, &write, FIBER_NO_DEADLINE);
    until_waiting(scene, 1);
    fiber_cancel(fiber);
    fiber_yield();
    fiber_yield();
    ck_assert_int_eq(left, 1);
    stranger_run(stranger, "ROLLBACK");
    mem_free(stranger);
    struct error err = {0};
    while (left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert(write.ok);
    ck_assert_int_eq(read_int(scene->db, count_sql), 1);
}

START_TEST(a_write_that_was_sent_is_waited_for)
{
    in_database(cancelled_while_waiting);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, values_come_back);
    TEST_ADD_ROWS(suite, text_row, texts);
    TEST_ADD(suite, a_result_has_a_limit);
    TEST_ADD(suite, a_read_has_a_limit);
    TEST_ADD(suite, parameters_are_bound_by_number);
    TEST_ADD_ROWS(suite, refused_statement, refused);
    TEST_ADD(suite, results_of_several_statements);
    TEST_ADD(suite, a_write_is_all_or_nothing);
    TEST_ADD(suite, a_read_sees_the_write_before_it);
    TEST_ADD(suite, loops_of_several_threads_share_a_store);
    TEST_ADD(suite, nothing_is_sent_past_the_deadline);
    TEST_ADD(suite, a_write_that_was_sent_is_waited_for);
}
TEST_MAIN("db", cases)
