#include "loop/worker.h"
#include "testing/fiber.h"
#include "testing/test.h"

#include <pthread.h>
#include <stdatomic.h>

struct relay {
    struct fiber_signal signal;
    struct loop_call call;
    int order[64], count;
};

static void set_signal(void *argument)
{
    fiber_signal_set(argument);
}

static void sleeps_and_times_out(void *argument)
{
    (void)argument;
    struct error err = {0};
    int64_t before = clock_monotonic_ms();
    ck_assert(fiber_sleep(20, &err));
    ck_assert_int_ge(clock_monotonic_ms(), before + 20);

    fiber_set_deadline(clock_monotonic_ms() + 10);
    struct fiber_signal never = {0};
    ck_assert(!fiber_signal_wait(&never, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    ck_assert_str_eq(err.reason, "DEADLINE");
    ck_assert(!fiber_sleep(1, &err));
    ck_assert_ptr_null(never.waiter);
}

START_TEST(a_wait_ends_at_the_deadline)
{
    test_in_fiber(sleeps_and_times_out, NULL);
}
END_TEST

static void signals_itself(void *argument)
{
    struct relay *relay = argument;
    relay->call = (struct loop_call){.function = set_signal, .argument = &relay->signal};
    loop_call(fiber_loop(), &relay->call);
    struct error err = {0};
    ck_assert(fiber_signal_wait(&relay->signal, &err));
    ck_assert(fiber_signal_wait(&relay->signal, &err)); /* set already: does not suspend */
}

START_TEST(a_signal_wakes_its_waiter)
{
    struct relay relay = {0};
    test_in_fiber(signals_itself, &relay);
}
END_TEST

struct waiter {
    struct fiber_mutex *mutex;
    struct fiber_condition *condition;
    struct relay *relay;
    int number;
    struct error err;
    bool ok;
};

static void waits_for_condition(void *argument)
{
    struct waiter *waiter = argument;
    waiter->ok = fiber_condition_wait(waiter->condition, &waiter->err);
    waiter->relay->order[waiter->relay->count++] = waiter->number;
}

static void cancels_one_of_three(void *argument)
{
    struct relay *relay = argument;
    struct fiber_condition condition = {0};
    struct waiter waiters[3];
    struct fiber *fibers[3];
    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.condition = &condition, .relay = relay, .number = i};
        fibers[i] = fiber_start(
                fiber_loop(), "waiter", waits_for_condition, &waiters[i], FIBER_NO_DEADLINE);
    }
    fiber_yield();
    fiber_cancel(fibers[1]);
    fiber_yield();
    ck_assert_int_eq(relay->count, 1);
    ck_assert(!waiters[1].ok);
    ck_assert_str_eq(waiters[1].err.reason, "CANCELLED");
    fiber_condition_wake_all(&condition);
    fiber_yield();
    ck_assert_int_eq(relay->count, 3);
    ck_assert(waiters[0].ok && waiters[2].ok);
    ck_assert_int_eq(relay->order[1], 0);
    ck_assert_int_eq(relay->order[2], 2);
    ck_assert_ptr_null(condition.first);
    ck_assert_ptr_null(condition.last);
}

START_TEST(cancelling_takes_a_fiber_out_of_the_queue)
{
    struct relay relay = {0};
    test_in_fiber(cancels_one_of_three, &relay);
}
END_TEST

static void locks(void *argument)
{
    struct waiter *waiter = argument;
    struct error err = {0};
    ck_assert(fiber_mutex_lock(waiter->mutex, &err));
    waiter->relay->order[waiter->relay->count++] = waiter->number;
    fiber_yield();
    waiter->relay->order[waiter->relay->count++] = waiter->number;
    fiber_mutex_unlock(waiter->mutex);
}

static void four_lock(void *argument)
{
    struct relay *relay = argument;
    struct fiber_mutex mutex = {0};
    struct waiter waiters[4];
    for (int i = 0; i < 4; i++) {
        waiters[i] = (struct waiter){.mutex = &mutex, .relay = relay, .number = i};
        fiber_start(fiber_loop(), "locker", locks, &waiters[i], FIBER_NO_DEADLINE);
    }
    while (relay->count < 8) {
        fiber_yield();
    }
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(relay->order[i], i / 2);
    }
    ck_assert_ptr_null(mutex.holder);
}

START_TEST(a_mutex_is_fair_and_holds_across_waits)
{
    struct relay relay = {0};
    test_in_fiber(four_lock, &relay);
}
END_TEST

static void counts(void *argument)
{
    int *count = argument;
    char *memory = mem_strdup(fiber_memory(), "freed with the fiber");
    ck_assert_str_eq(memory, "freed with the fiber");
    char volatile stack[4000];
    stack[0] = stack[sizeof stack - 1] = 1;
    struct error err = {0};
    ck_assert(fiber_sleep(1, &err));
    *count += stack[0];
}

static void starts_thousands(void *argument)
{
    int *count = argument;
    for (int round = 0; round < 3; round++) {
        int before = *count;
        for (int i = 0; i < 2000; i++) {
            fiber_start(fiber_loop(), "counter", counts, count, FIBER_NO_DEADLINE);
        }
        struct error err = {0};
        while (*count < before + 2000) {
            ck_assert(fiber_sleep(1, &err));
        }
    }
}

START_TEST(thousands_of_fibers_share_and_reuse_stacks)
{
    int count = 0;
    test_in_fiber(starts_thousands, &count);
    ck_assert_int_eq(count, 6000);
}
END_TEST

static void finish_all(void *context, struct work *list)
{
    atomic_int *batches = context;
    atomic_fetch_add(batches, 1);
    while (list != NULL) {
        struct work *next = list->next;
        work_finish(list);
        list = next;
    }
}

struct worker_test {
    struct worker *worker;
    int done;
};

static void submits(void *argument)
{
    struct worker_test *test = argument;
    struct work work;
    worker_run(test->worker, &work);
    test->done++;
}

static void submits_many(void *argument)
{
    struct worker_test *test = argument;
    for (int i = 0; i < 500; i++) {
        fiber_start(fiber_loop(), "submitter", submits, test, FIBER_NO_DEADLINE);
    }
    struct error err = {0};
    while (test->done < 500) {
        ck_assert(fiber_sleep(1, &err));
    }
}

START_TEST(a_worker_takes_waiting_work_together)
{
    void *owner = mem_scope_new(NULL, __func__);
    atomic_int batches = 0;
    struct worker_test test = {.worker = worker_new(owner, "worker", finish_all, &batches)};
    test_in_fiber(submits_many, &test);
    ck_assert_int_eq(test.done, 500);
    ck_assert_int_ge(batches, 1);
    ck_assert_int_le(batches, 500);
    mem_free(owner);
}
END_TEST

static void count_up(void *argument)
{
    ++*(int *)argument;
}

static void calls_after_fibers(void *argument)
{
    int *count = argument;
    struct loop_call calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct loop_call){.function = count_up, .argument = count};
        loop_call_after_fibers(fiber_loop(), &calls[i]);
    }
    loop_cancel_after_fibers(fiber_loop(), &calls[1]);
    ck_assert_int_eq(*count, 0);
    fiber_yield();
    ck_assert_int_eq(*count, 2);
    loop_cancel_after_fibers(fiber_loop(), &calls[0]); /* has run: nothing to do */
}

START_TEST(calls_run_after_the_fibers_of_a_round)
{
    int count = 0;
    test_in_fiber(calls_after_fibers, &count);
    ck_assert_int_eq(count, 2);
}
END_TEST

struct calls {
    struct loop *loop;
    struct loop_call calls[100];
    int seen;
};

static void count_call(void *argument)
{
    struct calls *calls = argument;
    if (++calls->seen == 100) {
        loop_stop(calls->loop);
    }
}

static void *call_often(void *argument)
{
    struct calls *calls = argument;
    for (int i = 0; i < 100; i++) {
        calls->calls[i] = (struct loop_call){.function = count_call, .argument = calls};
        loop_call(calls->loop, &calls->calls[i]);
    }
    return NULL;
}

START_TEST(calls_from_another_thread_all_arrive)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct calls calls = {.loop = loop_new(owner)};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, call_often, &calls), 0);
    loop_run(calls.loop);
    ck_assert_int_eq(calls.seen, 100);
    pthread_join(thread, NULL);
    mem_free(owner);
}
END_TEST

#if !WITH_ASAN /* which reports the overflow in its own way */
static void overflows(void *argument)
{
    /* Touch the guard page from the stack's side, page by page. */
    char volatile here = 0;
    (void)argument;
    char volatile *at = &here;
    for (;;) {
        at -= 1024;
        *at = 1;
    }
}

START_TEST(an_overflow_hits_the_guard_page)
{
    test_in_fiber(overflows, NULL);
}
END_TEST
#endif

static void cases(Suite *suite)
{
    TEST_ADD(suite, a_wait_ends_at_the_deadline);
    TEST_ADD(suite, a_signal_wakes_its_waiter);
    TEST_ADD(suite, cancelling_takes_a_fiber_out_of_the_queue);
    TEST_ADD(suite, a_mutex_is_fair_and_holds_across_waits);
    TEST_ADD(suite, thousands_of_fibers_share_and_reuse_stacks);
    TEST_ADD(suite, a_worker_takes_waiting_work_together);
    TEST_ADD(suite, calls_run_after_the_fibers_of_a_round);
    TEST_ADD(suite, calls_from_another_thread_all_arrive);
#if !WITH_ASAN
    TCase *guard = tcase_create("an_overflow_hits_the_guard_page");
    tcase_add_test_raise_signal(guard, an_overflow_hits_the_guard_page, 11 /* SIGSEGV */);
    suite_add_tcase(suite, guard);
#endif
}
TEST_MAIN("loop", cases)
