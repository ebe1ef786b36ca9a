/* What the reconciler brings in line, what it must not touch, and which of two instances does it. */
#include "core/test_core.h"

static const char *const OLD = "2026-01-01T00:00:00.000Z";

/* ---- connections that were not read for a while ---- */

static const struct {
    const char *name, *upstream, *owner;
    int fail_status;
    enum connection_status row;
} reads[] = {
        {"still active", "ACTIVE", "user", 0, CONNECTION_ACTIVE},
        {"expired", "EXPIRED", "user", 0, CONNECTION_INACTIVE},
        {"switched off", "INACTIVE", "user", 0, CONNECTION_INACTIVE},
        {"revoked", "REVOKED", "user", 0, CONNECTION_REVOKED},
        {"deleted", NULL, "user", 0, CONNECTION_REVOKED},
        {"waiting for a consent again", "INITIATED", "user", 0, CONNECTION_INACTIVE},
        {"now another user's", "ACTIVE", "somebody else", 0, CONNECTION_REVOKED},
        {"a word of the future", "HIBERNATING", "user", 0, CONNECTION_ACTIVE},
        {"key refused", "EXPIRED", "user", 401, CONNECTION_ACTIVE},
        {"rejected", "EXPIRED", "user", 400, CONNECTION_ACTIVE},
};
static int row_index;

static void is_read_again(struct fixture *fixture)
{
    connect_fully(fixture);
    fixture->fake.status[1] = reads[row_index].upstream;
    fixture->fake.owner = reads[row_index].owner;
    fixture->fake.fail_status = reads[row_index].fail_status;
    turn(fixture); /* read a moment ago: left alone */
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
    change(fixture, "UPDATE \"UserConnection\" SET \"lastSyncedAt\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), reads[row_index].row);
}

START_TEST(stale_connection)
{
    row_index = _i;
    with_core(is_read_again, true);
}
END_TEST

static void comes_back(struct fixture *fixture)
{
    connect_fully(fixture);
    change(fixture, "UPDATE \"UserConnection\" SET \"status\" = 'INACTIVE', \"lastSyncedAt\" = $1",
            OLD);
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
}

START_TEST(an_inactive_connection_that_works_again_is_active_again)
{
    with_core(comes_back, true);
}
END_TEST

/* ---- attempts ---- */

static const struct {
    const char *name, *upstream, *outcome;
    int fail_status;
    enum connection_status row;
} looks[] = {
        {"refused", "FAILED", "FAILED", 0, CONNECTION_FAILED},
        {"gone", NULL, "FAILED", 0, CONNECTION_FAILED},
        {"expired upstream", "EXPIRED", "EXPIRED", 0, CONNECTION_FAILED},
        {"still open", "INITIATED", "OPEN", 0, CONNECTION_PENDING},
        {"given but not proven", "ACTIVE", "OPEN", 0, CONNECTION_PENDING},
        {"key refused", "FAILED", "OPEN", 401, CONNECTION_PENDING},
};

static void is_looked_at(struct fixture *fixture)
{
    connect_once(fixture);
    fixture->fake.status[1] = looks[row_index].upstream;
    fixture->fake.fail_status = looks[row_index].fail_status;
    turn(fixture); /* made a moment ago: left alone */
    ck_assert_int_eq(row_status(fixture), CONNECTION_PENDING);
    change(fixture, "UPDATE \"ConnectAttempt\" SET \"createdAt\" = $1, \"updatedAt\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), looks[row_index].row);
    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"outcome\" FROM \"ConnectAttempt\"", DB_NO_PARAMS, &rows, &fixture->err));
    ck_assert_str_eq(db_get_text(rows, 0, 0), looks[row_index].outcome);
    /* Nobody gets an account that nobody proved. */
    fixture->fake.fail_status = 0;
    ck_assert(!connect_once(fixture).connected);
}

START_TEST(open_attempt)
{
    row_index = _i;
    with_core(is_looked_at, false);
}
END_TEST

static void runs_out(struct fixture *fixture)
{
    connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE"; /* given, by whomever, and never proven */
    change(fixture, "UPDATE \"ConnectAttempt\" SET \"expiresAt\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), CONNECTION_FAILED);
    ck_assert_int_eq(fixture->fake.deleted, 1);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"CleanupJob\""), 0);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"ConnectAttempt\""), 0);
}

START_TEST(an_attempt_that_ran_out_is_failed_and_its_account_deleted)
{
    with_core(runs_out, false);
}
END_TEST

static void finishes_later(struct fixture *fixture)
{
    connect_fully(fixture);
    fixture->fake.fail_status = 401;
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    turn(fixture);
    ck_assert_int_eq(fixture->fake.deleted, 0);
    fixture->fake.fail_status = 0;
    change(fixture, "UPDATE \"CleanupJob\" SET \"notBefore\" = $1", OLD);
    turn(fixture);
    ck_assert_int_eq(fixture->fake.deleted, 1);
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"CleanupJob\""), 0);
}

START_TEST(a_disconnect_that_composio_missed_is_finished)
{
    with_core(finishes_later, true);
}
END_TEST

/* ---- the lease ---- */

static void takes_turns(struct fixture *fixture)
{
    connect_fully(fixture);
    fixture->fake.status[1] = "EXPIRED";
    change(fixture, "UPDATE \"UserConnection\" SET \"lastSyncedAt\" = $1", OLD);
    change(fixture,
            "INSERT INTO \"Lease\" (\"name\", \"holder\", \"expiresAt\")"
            " VALUES ('reconciler', 'another process', $1)",
            "2099-01-01T00:00:00.000Z");
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
    change(fixture, "UPDATE \"Lease\" SET \"expiresAt\" = $1", OLD); /* the other one died */
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), CONNECTION_INACTIVE);
    ck_assert_int_eq(
            count(fixture, "SELECT COUNT(*) FROM \"Lease\" WHERE \"holder\" = 'another process'"),
            0);
}

START_TEST(one_instance_reconciles_until_its_lease_runs_out)
{
    with_core(takes_turns, true);
}
END_TEST

static void stops(struct fixture *fixture)
{
    core_start_jobs(fixture->core);
    while (count(fixture, "SELECT COUNT(*) FROM \"Lease\"") == 0) {
        fiber_yield();
    }
    ck_assert(core_drain(fixture->core, &fixture->err));
    ck_assert_int_eq(count(fixture, "SELECT COUNT(*) FROM \"Lease\""), 0);
}

START_TEST(a_process_that_stops_gives_the_lease_back)
{
    with_core(stops, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, stale_connection, reads);
    TEST_ADD(suite, an_inactive_connection_that_works_again_is_active_again);
    TEST_ADD_ROWS(suite, open_attempt, looks);
    TEST_ADD(suite, an_attempt_that_ran_out_is_failed_and_its_account_deleted);
    TEST_ADD(suite, a_disconnect_that_composio_missed_is_finished);
    TEST_ADD(suite, one_instance_reconciles_until_its_lease_runs_out);
    TEST_ADD(suite, a_process_that_stops_gives_the_lease_back);
}
TEST_MAIN("reconciler", cases)
