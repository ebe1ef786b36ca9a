/* A thread with a loop of its own: begun and ended in fibers on it. */
#pragma once

#include "loop/fiber.h"

struct loop_thread;

struct loop_thread_options {
    const char *name; /* static, at most 15 bytes */
    /* In a fiber on the new loop; what it makes belongs to `owner`, which is freed on that thread after `end`. */
    bool (*begin)(void *argument, void *owner, struct loop *loop, struct error *err);
    /* In a fiber, when the thread is to stop; has `end_timeout_ms` as its deadline. Not called when begin failed. */
    void (*end)(void *argument);
    int64_t end_timeout_ms;
    void *argument;
};

/* Start the thread and wait until `begin` has returned; false: it failed, as err says, and the thread is gone. Call it
 * from outside every loop. */
MUST_CHECK bool loop_thread_start(void *owner, const struct loop_thread_options *options,
        struct loop_thread **thread_out, struct error *err);
/* Ask the thread to stop; returns at once. */
void loop_thread_stop(struct loop_thread *thread);
/* Wait until it has stopped. Freeing the thread does both. */
void loop_thread_join(struct loop_thread *thread);

/* Run `body` in a fiber on a loop of this thread's own, to its end, without another thread. */
void run_in_fiber(void (*body)(void *argument), void *argument);
