/* For unit tests of what suspends: run a function in a fiber on a loop of its own, to its end. */
#pragma once

#include "base/clock.h"
#include "loop/fiber.h"

struct test_fiber {
    void (*body)(void *argument);
    void *argument;
};

static inline void test_fiber_main(void *argument)
{
    struct test_fiber *test = argument;
    test->body(test->argument);
    loop_stop(fiber_loop());
}

/* `body` runs with a deadline of a minute; use fiber_loop() and fiber_memory() in it. */
static inline void test_in_fiber(void (*body)(void *argument), void *argument)
{
    void *owner = mem_scope_new(NULL, "test");
    struct loop *loop = loop_new(owner);
    struct test_fiber test = {body, argument};
    fiber_start(loop, "test", test_fiber_main, &test, clock_monotonic_ms() + 60000);
    loop_run(loop);
    mem_free(owner);
}
