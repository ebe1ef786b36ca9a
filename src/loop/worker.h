/* A worker: one thread for what must block, fed from the fibers of any loop. It is handed all the work that waits at
 * once, so that it can share costs among the pieces (a commit, say). */
#pragma once

#include "loop/fiber.h"

struct worker;

/* One piece of work; embedded in a struct of the user's, which lives on the waiting fiber's side. */
struct work {
    struct work *next; /* in the list given to worker_function, in order of submission */
    struct loop *loop;
    struct loop_call reply;
    struct fiber_signal done;
};

/* On the worker's thread. Every piece of worker_run() must be given to work_finish() once; its memory is the
 * submitter's again then. */
typedef void worker_function(void *context, struct work *list);

/* name  static, at most 15 bytes: the thread's name
 *
 * Freeing the worker lets the submitted work finish, then joins the thread. */
struct worker *worker_new(void *owner, const char *name, worker_function *function, void *context);

/* Submit and wait. Waits past the deadline and a cancellation, since the work may be done by then: the caller must
 * bound how long a piece can take. */
SUSPENDS void worker_run(struct worker *worker, struct work *work);
/* Submit and go on, from any thread: the worker owns the piece, and gives it to nobody. */
void worker_post(struct worker *worker, struct work *work);
/* On the worker's thread. */
void work_finish(struct work *work);
