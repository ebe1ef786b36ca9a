#include "composio/breaker.h"

#include "composio/composio.h"
#include "testing/fiber.h"
#include "testing/test.h"
#include "testing/upstream.h"

static void fail_times(struct breaker *breaker, int64_t now_ms, int times)
{
    struct error err = {0};
    for (int i = 0; i < times; i++) {
        ck_assert(breaker_admit(breaker, now_ms, &err));
        breaker_note(breaker, now_ms, BREAKER_NOT_REACHED);
    }
}

static void expect_refused(struct breaker *breaker, int64_t now_ms, int retry_after_s)
{
    struct error err = {0};
    ck_assert(!breaker_admit(breaker, now_ms, &err));
    ck_assert_str_eq(err.reason, "NOT_SENT");
    ck_assert_int_eq(err.retry_after_s, retry_after_s);
}

START_TEST(opens_after_failures_in_a_row)
{
    struct breaker breaker = {0};
    struct error err = {0};
    fail_times(&breaker, 1, 4);
    ck_assert(breaker_admit(&breaker, 1, &err));
    breaker_note(&breaker, 1, BREAKER_REACHED);
    fail_times(&breaker, 1, 4);
    ck_assert(breaker_admit(&breaker, 1, &err));
    breaker_note(&breaker, 1, BREAKER_NOTHING_LEARNT);
    fail_times(&breaker, 1, 1);
    expect_refused(&breaker, 1, 1);
    breaker_note(&breaker, 1, BREAKER_NOT_REACHED); /* one that was under way */
    expect_refused(&breaker, 1000, 1);
    ck_assert(breaker_admit(&breaker, 1001, &err));
}
END_TEST

START_TEST(one_call_tries_for_all)
{
    struct breaker breaker = {0};
    struct error err = {0};
    fail_times(&breaker, 1, 5);
    ck_assert(breaker_admit(&breaker, 2000, &err));
    expect_refused(&breaker, 2000, 1);
    breaker_note(&breaker, 2000, BREAKER_NOTHING_LEARNT); /* cancelled: the next one tries */
    fail_times(&breaker, 2000, 1);
    expect_refused(&breaker, 2001, 2);
    ck_assert(breaker_admit(&breaker, 4000, &err));
    breaker_note(&breaker, 4000, BREAKER_REACHED);
    fail_times(&breaker, 4000, 4); /* closed, and begins anew */
    ck_assert(breaker_admit(&breaker, 4000, &err));
}
END_TEST

START_TEST(stays_open_for_ten_seconds_at_most)
{
    struct breaker breaker = {0};
    int64_t now = 1;
    fail_times(&breaker, now, 5);
    for (int i = 0; i < 10; i++) {
        now = breaker.open_until_ms;
        fail_times(&breaker, now, 1);
    }
    expect_refused(&breaker, now, 10);
}
END_TEST

START_TEST(a_stumble_does_not_open_it)
{
    struct breaker breaker = {.patience_ms = 1000};
    struct error err = {0};
    fail_times(&breaker, 1, 20);
    fail_times(&breaker, 1000, 1);
    ck_assert(breaker_admit(&breaker, 1000, &err));
    breaker_note(&breaker, 1000, BREAKER_REACHED);
    fail_times(&breaker, 1001, 20); /* counted anew */
    fail_times(&breaker, 2001, 1);
    expect_refused(&breaker, 2001, 1);
}
END_TEST

static enum upstream_next has_trouble(
        void *context, const struct upstream_request *request, int socket)
{
    (void)context;
    (void)request;
    upstream_reply(socket, 503, "Retry-After-Ms: 0\r\n", "{}");
    return UPSTREAM_KEEP;
}

static void calls_while_open(void *argument)
{
    (void)argument;
    void *memory = fiber_memory();
    struct upstream *upstream = upstream_new(memory, has_trouble, NULL);
    struct composio_options options = {
            .base_url = upstream->base, .api_key = "ak", .patience_ms = 0};
    struct fetch_options fetch_options = {0};
    struct composio *client =
            composio_new(memory, fetcher_new(memory, fiber_loop(), &fetch_options), &options);
    struct composio_account account;
    for (int call = 0; call < 4; call++) {
        struct error err = {0};
        ck_assert(!composio_account_get(client, memory, "ca_1", &account, &err));
        ck_assert_str_eq(err.reason, "UPSTREAM_UNAVAILABLE");
        ck_assert_int_eq(err.retry_after_s, call == 0 ? 0 : 1);
    }
    ck_assert_int_eq(upstream_requests(upstream), 5);
}

START_TEST(an_open_breaker_keeps_calls_from_going_out)
{
    test_in_fiber(calls_while_open, NULL);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, opens_after_failures_in_a_row);
    TEST_ADD(suite, a_stumble_does_not_open_it);
    TEST_ADD(suite, one_call_tries_for_all);
    TEST_ADD(suite, stays_open_for_ten_seconds_at_most);
    TEST_ADD(suite, an_open_breaker_keeps_calls_from_going_out);
}
TEST_MAIN("breaker", cases)
