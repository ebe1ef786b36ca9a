/* What loop.c and fiber.c share. */
#pragma once

#include "loop/fiber.h"

#include <pthread.h>
#include <sys/queue.h>

STAILQ_HEAD(fiber_queue, fiber);

struct loop {
    struct ev_loop *ev;
    bool stopping;
    struct fiber_queue ready;
    struct fiber_queue idle_stacks; /* fibers that ended, kept for the next */
    int idle_count;
    ev_async called;
    pthread_mutex_t calls_mutex; /* of the list below */
    struct loop_call *first_call, **last_call;
    struct loop_call *after_fibers;
};

/* Run every fiber that was ready when called. On the loop's own stack. */
void fiber_run_ready(struct loop *loop);
/* Unmap the pooled stacks. */
void fiber_free_idle(struct loop *loop);
