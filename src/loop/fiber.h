/* Fibers: sequential C that suspends where it waits. Each runs on a stack of its own (256 KiB and a guard page, about
 * 12 KB of it resident, pooled) on the thread of its loop, and never moves to another.
 *
 * A fiber has a deadline and can be cancelled: either makes every wait it is in, or comes to, fail; the fiber then
 * returns as from any other error. Nobody ends it from outside. */
#pragma once

#include "loop/loop.h"

#define FIBER_STACK_SIZE  (256 * 1024)
#define FIBER_NO_DEADLINE INT64_MAX

struct fiber;

typedef void fiber_function(void *argument);

/* Start a fiber; it first runs in this round of the loop, after the caller suspends or returns to the loop.
 *
 * name       static; for the log and the debugger
 * deadline   monotonic milliseconds (clock_monotonic_ms), or FIBER_NO_DEADLINE
 *
 * The handle is good until the function returns. */
struct fiber *fiber_start(struct loop *loop, const char *name, fiber_function *function,
        void *argument, int64_t deadline_ms);

/* The running fiber; NULL on the loop's own stack. */
struct fiber *fiber_self(void);
struct loop *fiber_loop(void);
/* A block freed when the running fiber ends. */
void *fiber_memory(void);

int64_t fiber_deadline_ms(void);
/* For the running fiber. Only ever earlier unless it is a server's own job that sets it for each turn. */
void fiber_set_deadline(int64_t deadline_ms);

/* Make the fiber's waits fail with ERROR_CLIENT_CLOSED_REQUEST, reason "CANCELLED". Same thread. */
void fiber_cancel(struct fiber *fiber);
/* False, with err set, once the running fiber is cancelled or past its deadline. */
MUST_CHECK bool fiber_check(struct error *err);

/* Let the other ready fibers and events run. */
SUSPENDS void fiber_yield(void);
/* False as fiber_check(). */
SUSPENDS MUST_CHECK bool fiber_sleep(int64_t milliseconds, struct error *err);

/* An event that happens once and that one fiber waits for: the joint between callbacks and fibers. Zero it to begin
 * with. fiber_signal_set() is called on the loop's thread, in callbacks and fibers alike. */
struct fiber_signal {
    struct fiber *waiter;
    bool set;
};
void fiber_signal_set(struct fiber_signal *signal);
/* False: ERROR_TIMEOUT (reason "DEADLINE") or cancelled; the signal may still be set later, so what it lives in must
 * be taken out of its setter's reach first. */
SUSPENDS MUST_CHECK bool fiber_signal_wait(struct fiber_signal *signal, struct error *err);
/* Waits whatever the deadline or a cancellation says: for what must not be left half-way. */
SUSPENDS void fiber_signal_wait_always(struct fiber_signal *signal);
/* The same until a monotonic time; true when the signal is set. */
SUSPENDS bool fiber_signal_wait_until(struct fiber_signal *signal, int64_t until_ms);

/* A queue of fibers waiting for something to change; look at the condition again after each wake. Zero it to begin. */
struct fiber_condition {
    struct fiber *first, *last;
};
SUSPENDS MUST_CHECK bool fiber_condition_wait(struct fiber_condition *condition, struct error *err);
void fiber_condition_wake_one(struct fiber_condition *condition);
void fiber_condition_wake_all(struct fiber_condition *condition);

/* Mutual exclusion between fibers of one loop, across waits. Fair: first come, first served. */
struct fiber_mutex {
    struct fiber *holder;
    struct fiber_condition released;
};
SUSPENDS MUST_CHECK bool fiber_mutex_lock(struct fiber_mutex *mutex, struct error *err);
void fiber_mutex_unlock(struct fiber_mutex *mutex);
