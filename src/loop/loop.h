/* The event loop of one thread: libev underneath, fibers on top.
 *
 * A loop and everything made on it belong to the thread that runs it; loop_call() alone may be used from others.
 * Callbacks (of libev, of loop_call) run on the thread's own stack and never suspend; fibers do (loop/fiber.h). */
#pragma once

#include "base/error.h"

#include <ev.h>
#include <stdint.h>

struct loop;

/* One per thread; freed with its owner, after loop_run() returned. */
struct loop *loop_new(void *owner);
struct ev_loop *loop_ev(struct loop *loop);
/* Run events and fibers until loop_stop(). */
void loop_run(struct loop *loop);
/* From the loop's own thread: loop_run() returns after the present round. */
void loop_stop(struct loop *loop);

/* Run `function(argument)` on the loop's thread, soon. From any thread; calls made by one thread run in order. The
 * caller keeps `call` alive until it has run. A loop that has stopped runs no more calls. */
struct loop_call {
    struct loop_call *next; /* the loop's */
    void (*function)(void *argument);
    void *argument;
};
void loop_call(struct loop *loop, struct loop_call *call);
/* From the loop's own thread: run `call` once the fibers that are ready now have run, before the loop waits for events.
 * What they share until then (a snapshot, say) nobody has to wait for. */
void loop_call_after_fibers(struct loop *loop, struct loop_call *call);
/* Take such a call back, if it has not run. */
void loop_cancel_after_fibers(struct loop *loop, struct loop_call *call);
