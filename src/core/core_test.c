/* The rules of core: connecting and executing, the normal ways and every refusal. */
#include "core/test_core.h"

/* ---- connecting ---- */

static void connects(struct fixture *fixture)
{
    struct connection connection, again;
    struct connect_result first = connect_once(fixture);
    ck_assert(!first.connected);
    ck_assert_str_eq(first.auth_url, "http://link/1");
    ck_assert_int_eq(row_status(fixture), CONNECTION_PENDING);
    expect_refusal(
            fixture, complete(fixture, first.state, NULL, &connection), "AUTHORIZATION_PENDING");

    fixture->fake.status[1] = "ACTIVE";
    /* Given, but no browser has proven it yet. */
    expect_refusal(
            fixture, complete(fixture, first.state, NULL, &connection), "AUTHORIZATION_PENDING");
    const char *key = newest_key(fixture);
    const char *code = callback_code(fixture, key, "ca_1");
    ck_assert_ptr_nonnull(code);
    /* The second browser gets nothing. */
    ck_assert_ptr_null(callback_code(fixture, key, "ca_1"));

    expect_refusal(fixture, complete(fixture, first.state, NULL, &connection), "CODE_REQUIRED");
    expect_refusal(fixture, complete(fixture, first.state, "wrong", &connection), "CODE_INVALID");
    fixture->context.user = "somebody else";
    expect_refusal(fixture, complete(fixture, first.state, code, &connection), "STATE_INVALID");
    fixture->context.user = "user";
    expect_refusal(fixture, complete(fixture, "guessed", code, &connection), "STATE_INVALID");
    ck_assert_int_eq(row_status(fixture), CONNECTION_PENDING);

    ck_assert(complete(fixture, first.state, code, &connection));
    ck_assert_int_eq(connection.status, CONNECTION_ACTIVE);
    ck_assert_str_eq(connection.label, "gmail_river");
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
    ck_assert(complete(fixture, first.state, code, &again));
    ck_assert_str_eq(again.id, connection.id);
    expect_refusal(fixture, complete(fixture, first.state, "another", &again), "CODE_INVALID");

    ck_assert(connect_once(fixture).connected);
    ck_assert_int_eq(fixture->fake.links, 1);
}

START_TEST(an_account_is_connected_by_state_and_code)
{
    with_core(connects, false);
}
END_TEST

static void connects_by_state(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
    ck_assert_int_eq(connection.status, CONNECTION_ACTIVE);
}

START_TEST(the_weaker_verification_takes_the_state_alone)
{
    with_core(connects_by_state, true);
}
END_TEST

static void is_lured(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    const char *key = newest_key(fixture);
    /* Whoever polls the callback before the consent is given spends the attempt. */
    ck_assert_ptr_null(callback_code(fixture, key, "ca_1"));
    fixture->fake.status[1] = "ACTIVE";
    ck_assert_ptr_null(callback_code(fixture, key, "ca_1"));
    expect_refusal(
            fixture, complete(fixture, result.state, NULL, &connection), "AUTHORIZATION_DENIED");
    ck_assert_int_eq(row_status(fixture), CONNECTION_FAILED);
    /* Nor is the account adopted by pressing Connect again. */
    ck_assert(!connect_once(fixture).connected);
    ck_assert_int_eq(fixture->fake.links, 2);
}

START_TEST(a_callback_before_the_consent_spends_the_attempt)
{
    with_core(is_lured, false);
}
END_TEST

static void callback_is_checked(struct fixture *fixture)
{
    struct callback_result result;
    connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    const char *key = newest_key(fixture);
    expect_refusal(fixture,
            connections_callback(
                    fixture->core, fixture->context.memory, key, "ca_2", &result, &fixture->err),
            "STATE_INVALID");
    expect_refusal(fixture,
            connections_callback(fixture->core, fixture->context.memory, "guess", "ca_1", &result,
                    &fixture->err),
            "STATE_INVALID");
    fixture->fake.fail_status = 400;
    ck_assert(!connections_callback(
            fixture->core, fixture->context.memory, key, "ca_1", &result, &fixture->err));
    fixture->fake.fail_status = 0;
    /* A failed read lost nothing. */
    ck_assert_ptr_nonnull(callback_code(fixture, key, "ca_1"));
}

START_TEST(a_callback_with_another_account_or_a_failed_read_changes_nothing)
{
    with_core(callback_is_checked, false);
}
END_TEST

static void verifies_identity(struct fixture *fixture)
{
    struct connection connection;
    const char *provider = NULL;
    struct connect_result result = connect_once(fixture);
    expect_refusal(fixture,
            connections_verify(&fixture->context, "guessed", &provider, &connection, &fixture->err),
            "STATE_EXPIRED");
    for (int again = 0; again < 2; again++) { /* an answer may be lost */
        ck_assert(connections_verify(
                &fixture->context, "urn:session", &provider, &connection, &fixture->err));
        ck_assert_str_eq(provider, "gmail");
        ck_assert_int_eq(connection.status, CONNECTION_ACTIVE);
    }
    ck_assert_int_eq(fixture->fake.verified, 1);
    expect_refusal(fixture, complete(fixture, result.state, NULL, &connection), "CODE_REQUIRED");
}

START_TEST(composios_identity_verification_takes_the_place_of_the_code)
{
    with_core(verifies_identity, false);
}
END_TEST

static void verifies_another_identity(struct fixture *fixture)
{
    struct connection connection;
    const char *provider = NULL;
    connect_once(fixture);
    fixture->context.user = "lured";
    expect_refusal(fixture,
            connections_verify(
                    &fixture->context, "urn:session", &provider, &connection, &fixture->err),
            "AUTHORIZATION_DENIED");
    fixture->context.user = "user";
    ck_assert(!connect_once(fixture).connected);
}

START_TEST(identity_verification_refuses_a_lured_user)
{
    with_core(verifies_another_identity, false);
}
END_TEST

static const struct {
    const char *name, *status, *reason;
    enum connection_status row;
} ends[] = {
        {"refused", "FAILED", "AUTHORIZATION_DENIED", CONNECTION_FAILED},
        {"revoked", "REVOKED", "AUTHORIZATION_DENIED", CONNECTION_FAILED},
        {"gone", NULL, "AUTHORIZATION_DENIED", CONNECTION_FAILED},
        {"not finished in time", "EXPIRED", "STATE_EXPIRED", CONNECTION_FAILED},
        {"disabled", "INACTIVE", "ACCOUNT_DISABLED", CONNECTION_PENDING},
        {"still open", "INITIALIZING", "AUTHORIZATION_PENDING", CONNECTION_PENDING},
        {"a word of the future", "HIBERNATING", "UPSTREAM_UNAVAILABLE", CONNECTION_PENDING},
};
static int end_row;

static void ends_without_success(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = ends[end_row].status;
    expect_refusal(
            fixture, complete(fixture, result.state, NULL, &connection), ends[end_row].reason);
    ck_assert_int_eq(row_status(fixture), ends[end_row].row);
}

START_TEST(end_of_attempt)
{
    end_row = _i;
    with_core(ends_without_success, true);
}
END_TEST

static void another_owner(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    fixture->fake.owner = "somebody else";
    expect_refusal(
            fixture, complete(fixture, result.state, NULL, &connection), "AUTHORIZATION_DENIED");
    ck_assert_int_ne(row_status(fixture), CONNECTION_ACTIVE);
}

START_TEST(an_account_of_another_user_is_refused)
{
    with_core(another_owner, true);
}
END_TEST

static void adopts(struct fixture *fixture)
{
    fixture->fake.links = 3;
    fixture->fake.status[1] = "ACTIVE";
    fixture->fake.status[2] = "ACTIVE";
    fixture->fake.status[3] = "EXPIRED";
    ck_assert(connect_once(fixture).connected);
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"composioAccountId\" FROM \"UserConnection\"", DB_NO_PARAMS, &rows,
            &fixture->err));
    ck_assert_str_eq(db_get_text(rows, 0, 0), "ca_2"); /* the newest that works */
}

START_TEST(an_account_that_the_user_has_already_is_adopted)
{
    with_core(adopts, false);
}
END_TEST

static void reconnects(struct fixture *fixture)
{
    struct connection old, new;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &old));
    fixture->fake.status[1] = "EXPIRED";
    result = connect_once(fixture);
    ck_assert(!result.connected);
    /* What was connected is shown as it is until its successor works. */
    ck_assert_int_eq(row_status(fixture), CONNECTION_INACTIVE);
    fixture->fake.status[2] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &new));
    ck_assert_str_eq(old.id, new.id);
    ck_assert(core_drain(fixture->core, &fixture->err)); /* the clean-up has run */
    ck_assert_ptr_null(fixture->fake.status[1]);
    ck_assert_str_eq(fixture->fake.status[2], "ACTIVE");
}

START_TEST(a_replaced_account_is_deleted_and_the_row_kept)
{
    with_core(reconnects, true);
}
END_TEST

static void failed_reads(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
    fixture->fake.fail_status = 401;
    expect_refusal(fixture,
            connections_connect(&fixture->context, "gmail", NULL, &result, &fixture->err),
            "UPSTREAM_KEY_REFUSED");
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
}

START_TEST(a_failed_read_changes_no_status)
{
    with_core(failed_reads, true);
}
END_TEST

static void disconnects(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
    fixture->fake.status[1] = "EXPIRED";
    struct connect_result open = connect_once(fixture);
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    ck_assert_int_eq(row_status(fixture), CONNECTION_REVOKED);
    ck_assert_int_eq(fixture->fake.deleted, 2); /* the account, and the open attempt's */
    expect_refusal(fixture, complete(fixture, open.state, NULL, &connection), "STATE_INVALID");
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    expect_refusal(fixture, connections_disconnect(&fixture->context, "fax", &fixture->err),
            "PROVIDER_UNKNOWN");
    expect_refusal(fixture, connections_disconnect(&fixture->context, "slack", &fixture->err),
            "PROVIDER_NOT_CONFIGURED");
}

START_TEST(disconnecting_revokes_deletes_and_voids_open_attempts)
{
    with_core(disconnects, true);
}
END_TEST

static void disconnects_offline(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
    fixture->fake.fail_status = 401;
    ck_assert(connections_disconnect(&fixture->context, "gmail", &fixture->err));
    ck_assert_int_eq(row_status(fixture), CONNECTION_REVOKED);
    fixture->fake.fail_status = 0;
    /* Still there upstream, but on its way out: not adopted. */
    ck_assert(!connect_once(fixture).connected);
    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"attempts\" FROM \"CleanupJob\" WHERE \"composioAccountId\" = 'ca_1'",
            DB_NO_PARAMS, &rows, &fixture->err));
    ck_assert_uint_eq(db_row_count(rows), 1);
    ck_assert_int_eq(db_get_int(rows, 0, 0), 1);
}

START_TEST(disconnecting_without_composio_leaves_a_job)
{
    with_core(disconnects_offline, true);
}
END_TEST

static void redirects_elsewhere(struct fixture *fixture)
{
    struct connect_result result;
    expect_refusal(fixture,
            connections_connect(
                    &fixture->context, "gmail", "https://evil.test/", &result, &fixture->err),
            "REDIRECT_NOT_ALLOWED");
    ck_assert_int_eq(fixture->fake.links, 0);
    ck_assert(connections_connect(
            &fixture->context, "gmail", "https://app.test/x?y=1#z", &result, &fixture->err));
    fixture->fake.status[1] = "ACTIVE";
    struct callback_result back;
    ck_assert(connections_callback(fixture->core, fixture->context.memory, newest_key(fixture),
            NULL, &back, &fixture->err));
    ck_assert(
            slice_starts(slice_of(back.location), "https://app.test/x?y=1&provider=gmail&state="));
    ck_assert_ptr_nonnull(strstr(back.location, "&status=success#z"));
}

START_TEST(the_browser_goes_where_the_app_asked_if_it_may)
{
    with_core(redirects_elsewhere, false);
}
END_TEST

/* ---- executing ---- */

static void executes(struct fixture *fixture)
{
    struct connection connection;
    struct execution_result result;
    expect_refusal(fixture, execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result), "NOT_CONNECTED");
    struct connect_result attempt = connect_once(fixture);
    expect_refusal(fixture, execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result), "NOT_CONNECTED");
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, attempt.state, NULL, &connection));
    expect_refusal(
            fixture, execute(fixture, "GMAIL_SEND_EMAIL", NULL, &result), "TOOL_NOT_ALLOWED");
    expect_refusal(fixture, execute(fixture, "GMAIL_SEARCH_EMAILS", NULL, &result), "TOOL_UNKNOWN");
    expect_refusal(fixture, execute(fixture, "GMAIL_FETCH_EMAILS", "[]", &result),
            "ARGUMENTS_NOT_AN_OBJECT");
    ck_assert_int_eq(fixture->fake.executed, 0);

    fixture->fake.execute_reply =
            "{\"data\":{\"n\":12345678901234567890.10},\"error\":null,\"successful\":true}";
    ck_assert(execute(fixture, "GMAIL_FETCH_EMAILS", "{\"max_results\":1.0}", &result));
    ck_assert(result.successful);
    ck_assert(slice_is(result.response, "{\"n\":12345678901234567890.10}"));

    fixture->fake.execute_reply = "{\"data\":{},\"error\":\"403 Forbidden\",\"successful\":false}";
    ck_assert(execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result));
    ck_assert(!result.successful);
    ck_assert_str_eq(result.error, "403 Forbidden");

    fixture->fake.execute_reply = "no json";
    expect_refusal(
            fixture, execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result), "OUTCOME_UNKNOWN");
    ck_assert_int_eq(fixture->fake.executed, 3);

    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"status\", \"parameters\", \"response\", \"error\" FROM \"ToolExecution\""
            " ORDER BY \"id\"",
            DB_NO_PARAMS, &rows, &fixture->err));
    ck_assert_uint_eq(db_row_count(rows), 3);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "SUCCESS");
    expect_json(fixture, db_get_slice(rows, 0, 1), "{\"max_results\":1.0}");
    expect_json(fixture, db_get_slice(rows, 0, 2), "{\"n\":12345678901234567890.10}");
    ck_assert_str_eq(db_get_text(rows, 1, 0), "FAILED");
    ck_assert_str_eq(db_get_text(rows, 1, 3), "403 Forbidden");
    ck_assert_str_eq(db_get_text(rows, 2, 0), "FAILED");
    ck_assert_ptr_null(db_get_text(rows, 2, 2));
}

START_TEST(an_execution_is_checked_sent_once_and_recorded)
{
    with_core(executes, true);
}
END_TEST

static void executes_too_often(struct fixture *fixture)
{
    struct connection connection;
    struct execution_result result;
    struct limits_options options = {.user_executions_per_minute = 2};
    fixture->core->options.limits = limits_new(fixture->context.memory, &options);
    struct connect_result attempt = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, attempt.state, NULL, &connection));
    fixture->fake.execute_reply = "{\"data\":{},\"error\":null,\"successful\":true}";
    ck_assert(execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result));
    ck_assert(execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result));
    ck_assert(!execute(fixture, "GMAIL_FETCH_EMAILS", NULL, &result));
    ck_assert_int_gt(fixture->err.retry_after_s, 0);
    expect_refusal(fixture, false, "RATE_LIMITED");
    ck_assert_int_eq(fixture->fake.executed, 2);
}

START_TEST(an_execution_beyond_the_limit_is_not_sent)
{
    with_core(executes_too_often, true);
}
END_TEST

static void goes_away(void *argument)
{
    struct fixture *fixture = argument;
    struct execution_result result;
    struct error err = {0};
    struct execution_request request = {.provider = "gmail", .tool = "GMAIL_FETCH_EMAILS"};
    ck_assert(!executions_run(&fixture->context, &request, &result, &err));
    ck_assert_str_eq(err.reason, "CANCELLED");
}

static void loses_its_caller(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result attempt = connect_once(fixture);
    fixture->fake.status[1] = "ACTIVE";
    ck_assert(complete(fixture, attempt.state, NULL, &connection));
    fixture->fake.execute_reply = "{\"data\":{},\"error\":null,\"successful\":true}";
    struct fiber *caller =
            fiber_start(fiber_loop(), "caller", goes_away, fixture, clock_monotonic_ms() + 10000);
    while (fixture->core->tasks_running == 0) {
        fiber_yield(); /* until it has asked the database */
    }
    fiber_cancel(caller);
    fiber_yield();
    ck_assert(core_drain(fixture->core, &fixture->err));
    const struct db_rows *rows = NULL;
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"status\" FROM \"ToolExecution\"", DB_NO_PARAMS, &rows, &fixture->err));
    ck_assert_uint_eq(db_row_count(rows), 1);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "SUCCESS");
}

START_TEST(a_caller_that_goes_away_loses_no_record)
{
    with_core(loses_its_caller, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, an_account_is_connected_by_state_and_code);
    TEST_ADD(suite, composios_identity_verification_takes_the_place_of_the_code);
    TEST_ADD(suite, identity_verification_refuses_a_lured_user);
    TEST_ADD(suite, the_weaker_verification_takes_the_state_alone);
    TEST_ADD(suite, a_callback_before_the_consent_spends_the_attempt);
    TEST_ADD(suite, a_callback_with_another_account_or_a_failed_read_changes_nothing);
    TEST_ADD_ROWS(suite, end_of_attempt, ends);
    TEST_ADD(suite, an_account_of_another_user_is_refused);
    TEST_ADD(suite, an_account_that_the_user_has_already_is_adopted);
    TEST_ADD(suite, a_replaced_account_is_deleted_and_the_row_kept);
    TEST_ADD(suite, a_failed_read_changes_no_status);
    TEST_ADD(suite, disconnecting_revokes_deletes_and_voids_open_attempts);
    TEST_ADD(suite, disconnecting_without_composio_leaves_a_job);
    TEST_ADD(suite, the_browser_goes_where_the_app_asked_if_it_may);
    TEST_ADD(suite, an_execution_is_checked_sent_once_and_recorded);
    TEST_ADD(suite, an_execution_beyond_the_limit_is_not_sent);
    TEST_ADD(suite, a_caller_that_goes_away_loses_no_record);
}
TEST_MAIN("core", cases)
