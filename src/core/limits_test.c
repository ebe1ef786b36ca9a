#include "core/limits.h"

#include "base/slice.h"
#include "testing/test.h"

#include <pthread.h>
#include <stdio.h>

static struct limits *limits;

static void begin(const char *user, const char *provider, int64_t now_ms)
{
    struct error err = {0};
    ck_assert_msg(limits_begin(limits, user, provider, now_ms, &err), "%s", err.message);
}

static void expect_refused(const char *user, const char *provider, int64_t now_ms,
        const char *reason, int retry_after_s)
{
    struct error err = {0};
    ck_assert(!limits_begin(limits, user, provider, now_ms, &err));
    ck_assert_str_eq(err.reason, reason);
    ck_assert_int_eq(err.retry_after_s, retry_after_s);
}

static void with(struct limits_options options)
{
    limits = limits_new(NULL, &options);
}

START_TEST(a_user_has_a_minutes_worth_and_then_a_steady_rate)
{
    with((struct limits_options){.user_executions_per_minute = 6});
    for (int i = 0; i < 6; i++) {
        begin("ada", "gmail", 1000);
    }
    expect_refused("ada", "slack", 1000, "RATE_LIMITED", 11);
    begin("bob", "gmail", 1000);
    expect_refused("ada", "gmail", 9500, "RATE_LIMITED", 2);
    begin("ada", "gmail", 11000);
    expect_refused("ada", "gmail", 11000, "RATE_LIMITED", 11);
    mem_free(limits);
}
END_TEST

START_TEST(a_provider_has_a_rate_for_all_its_users)
{
    with((struct limits_options){.provider_executions_per_minute = 2});
    begin("ada", "gmail", 1000);
    begin("bob", "gmail", 1000);
    expect_refused("cleo", "gmail", 1000, "RATE_LIMITED", 31);
    begin("cleo", "slack", 1000);
    mem_free(limits);
}
END_TEST

START_TEST(what_runs_counts_until_it_ends)
{
    with((struct limits_options){.user_executions_at_once = 2, .executions_at_once = 3});
    begin("ada", "gmail", 1);
    begin("ada", "slack", 1);
    expect_refused("ada", "gmail", 1, "TOO_MANY_AT_ONCE", 1);
    begin("bob", "gmail", 1);
    expect_refused("cleo", "gmail", 1, "OVERLOADED", 1);
    limits_end(limits, "ada");
    begin("ada", "gmail", 1);
    limits_end(limits, "bob");
    begin("cleo", "gmail", 1);
    mem_free(limits);
}
END_TEST

START_TEST(nothing_is_limited_unless_asked)
{
    with((struct limits_options){0});
    for (int i = 0; i < 10000; i++) {
        begin("ada", "gmail", 1);
    }
    mem_free(limits);
}
END_TEST

START_TEST(those_who_rest_are_forgotten_and_those_who_run_are_not)
{
    with((struct limits_options){.user_executions_per_minute = 1, .user_executions_at_once = 1});
    begin("runner", "gmail", 0);
    for (int i = 0; i < 300000; i++) { /* a new user every millisecond */
        char user[20];
        snprintf(user, sizeof user, "user %d", i);
        begin(user, "gmail", i);
        limits_end(limits, user);
    }
    ck_assert_uint_lt(talloc_total_blocks(limits), 150000);
    expect_refused("runner", "gmail", 300000, "TOO_MANY_AT_ONCE", 1);
    expect_refused("user 299999", "gmail", 300000, "RATE_LIMITED", 60);
    mem_free(limits);
}
END_TEST

static void *run_many(void *argument)
{
    const char *user = argument;
    for (int i = 0; i < 20000; i++) {
        struct error err = {0};
        if (limits_begin(limits, user, "gmail", i, &err)) {
            limits_end(limits, user);
        }
    }
    return NULL;
}

START_TEST(threads_share_one_count)
{
    with((struct limits_options){.user_executions_at_once = 1});
    pthread_t threads[4];
    char users[][4] = {"ada", "ada", "bob", "bob"};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_many, users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    begin("ada", "gmail", 20000);
    expect_refused("ada", "gmail", 20000, "TOO_MANY_AT_ONCE", 1);
    mem_free(limits);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, a_user_has_a_minutes_worth_and_then_a_steady_rate);
    TEST_ADD(suite, a_provider_has_a_rate_for_all_its_users);
    TEST_ADD(suite, what_runs_counts_until_it_ends);
    TEST_ADD(suite, nothing_is_limited_unless_asked);
    TEST_ADD(suite, those_who_rest_are_forgotten_and_those_who_run_are_not);
    TEST_ADD(suite, threads_share_one_count);
}
TEST_MAIN("limits", cases)
