/* Writes of several fibers in one transaction, with a PostgreSQL server: scripts/with-postgres. */
#include "db/test_internal.h"

#include <stdio.h>
#include <sys/socket.h>

/* A fiber that writes a row of its own and counts in one that is everybody's. */
struct writer {
    struct db *db;
    struct slice id;
    const char *also; /* one more statement */
    int64_t deadline_ms;
    bool ok;
    struct error err;
    const char *transaction;
    int *left;
    struct fiber *fiber;
};

static void writes(void *argument)
{
    struct writer *writer = argument;
    char *id = mem_strndup(fiber_memory(), writer->id.data, writer->id.length);
    struct db_statement statements[] = {
            {"INSERT INTO item (id, tx) VALUES ($1, txid_current()) RETURNING id, tx",
                    DB_PARAMS(DB_SLICE(writer->id))},
            {"UPDATE counter SET n = n + 1", DB_NO_PARAMS},
            {writer->also, DB_NO_PARAMS},
    };
    const struct db_rows *rows[3] = {0};
    size_t count = writer->also == NULL ? 2 : 3;
    writer->ok = db_write_apart(writer->db, fiber_memory(), statements, count, rows, &writer->err);
    if (writer->ok) {
        ck_assert_str_eq(db_get_text(rows[0], 0, 0), id);
        ck_assert_int_eq(db_rows_affected(rows[1]), 1);
        writer->transaction = mem_strdup(writer->db, db_get_text(rows[0], 0, 1));
    }
    --*writer->left;
}

static void start(struct writer *writer, struct db *db, const char *id, int *left)
{
    writer->db = db;
    writer->id = writer->id.data == NULL ? slice_of(mem_strdup(fiber_memory(), id)) : writer->id;
    writer->left = left;
    ++*left;
    writer->fiber = fiber_start(fiber_loop(), "writer", writes, writer,
            writer->deadline_ms == 0 ? FIBER_NO_DEADLINE : writer->deadline_ms);
}

static void start_all(struct writer *writers, int count, struct db *db, int *left)
{
    for (int i = 0; i < count; i++) {
        start(&writers[i], db, mem_printf(fiber_memory(), "%d", i), left);
    }
}

static void until_done(const int *left)
{
    struct error err = {0};
    while (*left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
}

static void create(struct db *db)
{
    /* As pgbouncer=true has it: the statement that finds a bouncer out has its group done again. */
    if (getenv("TENON_TEST_POSTGRES_DIRECT") != NULL) {
        atomic_store(&((struct postgres_db *)db)->store->unnamed, true);
    }
    write_ok(db, "CREATE TABLE item (id TEXT PRIMARY KEY, tx BIGINT)", DB_NO_PARAMS);
    write_ok(db, "CREATE TABLE counter (n INTEGER)", DB_NO_PARAMS);
    write_ok(db, "INSERT INTO counter VALUES (0)", DB_NO_PARAMS);
}

static void check_counts(struct db *db, int count)
{
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM item"), count);
    ck_assert_int_eq(read_int(db, "SELECT n FROM counter"), count);
}

/* ---- one commit for many ---- */

/* The first does not wait for company; as many as have room go next, and then the rest. */
static void shares_commits(struct scene *scene)
{
    struct writer *writers = mem_array(fiber_memory(), struct writer, 70);
    int left = 0;
    create(scene->db);
    start_all(writers, 70, scene->db, &left);
    until_done(&left);
    for (int i = 0; i < 70; i++) {
        ck_assert_msg(writers[i].ok, "%s", writers[i].err.detail);
        const char *first = writers[i == 0 ? 0 : i < 65 ? 1 : 65].transaction;
        ck_assert_str_eq(writers[i].transaction, first);
    }
    check_counts(scene->db, 70);
    ck_assert_int_eq(read_int(scene->db, "SELECT count(DISTINCT tx) FROM item"), 3);
}

START_TEST(writes_that_wait_share_a_transaction)
{
    in_database(shares_commits);
}
END_TEST

/* ---- failures ---- */

static const struct {
    const char *name;
    struct slice id;
    const char *also, *reason;
} failures[] = {
        {"unique", {"taken", 5}, NULL, "DATABASE_UNIQUE"},
        {"broken", {"b", 1}, "SELECT 1 / 0", "DATABASE_ERROR"},
        {"a text that cannot be stored", {"\xFC", 1}, NULL, "TEXT_INVALID"},
};
static int row_index;

static void fails_alone(struct scene *scene)
{
    struct writer writers[10] = {0};
    int left = 0;
    create(scene->db);
    write_ok(scene->db, "INSERT INTO item (id) VALUES ('taken')", DB_NO_PARAMS);
    writers[5].id = failures[row_index].id;
    writers[5].also = failures[row_index].also;
    start_all(writers, 10, scene->db, &left);
    until_done(&left);
    for (int i = 0; i < 10; i++) {
        ck_assert_msg(writers[i].ok == (i != 5), "%d: %s", i, writers[i].err.detail);
    }
    ck_assert_str_eq(writers[5].err.reason, failures[row_index].reason);
    write_ok(scene->db, "DELETE FROM item WHERE id = 'taken'", DB_NO_PARAMS);
    check_counts(scene->db, 9);
}

START_TEST(one_that_fails_fails_alone)
{
    row_index = _i;
    in_database(fails_alone);
}
END_TEST

/* A statement without anything in it fails nothing on the server: its group is done, and must not be done again. */
static void answers_nothing(struct scene *scene)
{
    struct writer writers[3] = {{0}, {0}, {.also = "-- nothing"}};
    int left = 0;
    create(scene->db);
    start_all(writers, 3, scene->db, &left);
    until_done(&left);
    ck_assert(writers[0].ok);
    ck_assert_str_eq(writers[2].err.reason, "DATABASE_ERROR");
    check_counts(scene->db, 3);
}

START_TEST(what_was_done_is_not_done_again)
{
    in_database(answers_nothing);
}
END_TEST

/* ---- connections that break ---- */

/* One by itself, and a group that the server is at work on. */
static void start_asleep(struct scene *scene, struct writer *writers, int count, int *left)
{
    create(scene->db);
    writers[count - 1].also = "SELECT pg_sleep(0.3)";
    start_all(writers, count, scene->db, left);
    until_asleep(scene);
}

static void group_is_killed(struct scene *scene)
{
    struct writer writers[6] = {0};
    int left = 0;
    start_asleep(scene, writers, 6, &left);
    kill_all(scene);
    until_done(&left);
    for (int i = 0; i < 6; i++) {
        ck_assert_msg(writers[i].ok, "%d: %s", i, writers[i].err.detail);
    }
    check_counts(scene->db, 6);
}

START_TEST(a_group_that_the_server_ended_is_done_again)
{
    in_database(group_is_killed);
}
END_TEST

static void group_is_cut_off(struct scene *scene)
{
    struct writer writers[6] = {0};
    const struct postgres_db *db = (const struct postgres_db *)scene->db;
    int left = 0;
    start_asleep(scene, writers, 6, &left);
    for (int i = 0; i < db->count; i++) {
        if (db->connections[i]->state == POSTGRES_READY) {
            shutdown(PQsocket(db->connections[i]->handle), SHUT_RDWR);
        }
    }
    until_done(&left);
    ck_assert(writers[0].ok);
    for (int i = 1; i < 6; i++) {
        ck_assert(!writers[i].ok);
        ck_assert_str_eq(writers[i].err.reason, "DATABASE_OUTCOME_UNKNOWN");
    }
    ck_assert_int_eq(read_int(scene->db, "SELECT 3"), 3);
}

START_TEST(a_group_that_was_cut_off_is_unknown_to_each)
{
    in_database(group_is_cut_off);
}
END_TEST

/* ---- cancellations, deadlines, locks ---- */

static void cancels(struct scene *scene)
{
    struct writer writers[4] = {0}, late = {0};
    int left = 0;
    start_asleep(scene, writers, 4, &left);
    fiber_cancel(writers[2].fiber); /* sent: it is waited for */
    start(&late, scene->db, "late", &left);
    until_waiting(scene, 2); /* the group, and the one that waits */
    fiber_cancel(late.fiber);
    until_done(&left);
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(writers[i].ok, "%d: %s", i, writers[i].err.message);
    }
    ck_assert(!late.ok);
    ck_assert_int_eq(late.err.code, ERROR_CLIENT_CLOSED_REQUEST);
    check_counts(scene->db, 4);
}

START_TEST(a_cancelled_fiber_writes_nothing_or_hears_of_it)
{
    in_database(cancels);
}
END_TEST

static void ends_at_deadline(struct scene *scene)
{
    struct writer writers[4] = {0};
    int left = 0;
    create(scene->db);
    writers[2].also = "SELECT pg_sleep(60)";
    writers[2].deadline_ms = clock_monotonic_ms() + 200;
    start_all(writers, 4, scene->db, &left);
    until_done(&left);
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(writers[i].ok == (i != 2), "%d: %s", i, writers[i].err.detail);
    }
    ck_assert_int_eq(writers[2].err.code, ERROR_TIMEOUT);
    check_counts(scene->db, 3);
}

START_TEST(the_deadline_of_one_ends_no_other)
{
    in_database(ends_at_deadline);
}
END_TEST

struct locked {
    struct db *db;
    bool ok;
    struct error err;
    int left;
};

static void updates_locked(void *argument)
{
    struct locked *locked = argument;
    struct db_statement update = {"UPDATE locked SET n = 1", DB_NO_PARAMS};
    locked->ok = db_write(locked->db, fiber_memory(), &update, 1, NULL, &locked->err);
    locked->left--;
}

static void passes_a_lock(struct scene *scene)
{
    struct writer writers[3] = {0};
    struct locked locked = {.db = scene->db, .left = 1};
    int left = 0;
    create(scene->db);
    write_ok(scene->db, "CREATE TABLE locked (n INTEGER)", DB_NO_PARAMS);
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "BEGIN; LOCK TABLE locked");
    fiber_start(fiber_loop(), "locked", updates_locked, &locked, FIBER_NO_DEADLINE);
    until_waiting(scene, 1);
    start_all(writers, 3, scene->db, &left);
    until_done(&left);
    ck_assert_int_eq(locked.left, 1);
    check_counts(scene->db, 3);
    stranger_run(stranger, "ROLLBACK");
    until_done(&locked.left);
    ck_assert(locked.ok);
    mem_free(stranger);
}

START_TEST(one_that_waits_for_a_lock_holds_up_none_for_long)
{
    in_database(passes_a_lock);
}
END_TEST

static void cases(Suite *suite)
{
    if (!test_on_postgres()) {
        return;
    }
    TEST_ADD(suite, writes_that_wait_share_a_transaction);
    TEST_ADD_ROWS(suite, one_that_fails_fails_alone, failures);
    TEST_ADD(suite, what_was_done_is_not_done_again);
    TEST_ADD(suite, a_group_that_the_server_ended_is_done_again);
    TEST_ADD(suite, a_cancelled_fiber_writes_nothing_or_hears_of_it);
    TEST_ADD(suite, the_deadline_of_one_ends_no_other);
    TEST_ADD(suite, one_that_waits_for_a_lock_holds_up_none_for_long);
    if (getenv("TENON_TEST_POSTGRES_DIRECT") == NULL) { /* a bouncer hides it */
        TEST_ADD(suite, a_group_that_was_cut_off_is_unknown_to_each);
    }
}
TEST_MAIN("postgres groups", cases)
