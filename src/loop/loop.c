#include "loop/loop.h"

#include "loop/loop_internal.h"

#include <assert.h>

static void run_list(struct loop_call *call)
{
    while (call != NULL) {
        struct loop_call *next = call->next; /* the callee may reuse the call */
        call->function(call->argument);
        call = next;
    }
}

static void run_calls(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)events;
    (void)watcher;
    struct loop *loop = ev_userdata(ev);
    pthread_mutex_lock(&loop->calls_mutex);
    struct loop_call *call = loop->first_call;
    loop->first_call = NULL;
    loop->last_call = &loop->first_call;
    pthread_mutex_unlock(&loop->calls_mutex);
    run_list(call);
}

static int loop_end(struct loop *loop)
{
    fiber_free_idle(loop);
    ev_async_stop(loop->ev, &loop->called);
    ev_loop_destroy(loop->ev);
    pthread_mutex_destroy(&loop->calls_mutex);
    return 0;
}

struct loop *loop_new(void *owner)
{
    struct loop *loop = mem_new(owner, struct loop);
    loop->ev = ev_loop_new(EVFLAG_NOENV);
    assert(loop->ev != NULL);
    ev_set_userdata(loop->ev, loop);
    STAILQ_INIT(&loop->ready);
    STAILQ_INIT(&loop->idle_stacks);
    pthread_mutex_init(&loop->calls_mutex, NULL);
    loop->last_call = &loop->first_call;
    ev_async_init(&loop->called, run_calls);
    ev_async_start(loop->ev, &loop->called);
    mem_on_free(loop, loop_end);
    return loop;
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

void loop_run(struct loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping) {
        fiber_run_ready(loop);
        struct loop_call *after = loop->after_fibers;
        loop->after_fibers = NULL;
        run_list(after);
        if (loop->stopping) {
            break;
        }
        ev_run(loop->ev, STAILQ_EMPTY(&loop->ready) ? EVRUN_ONCE : EVRUN_NOWAIT);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_call(struct loop *loop, struct loop_call *call)
{
    call->next = NULL;
    pthread_mutex_lock(&loop->calls_mutex);
    *loop->last_call = call;
    loop->last_call = &call->next;
    pthread_mutex_unlock(&loop->calls_mutex);
    ev_async_send(loop->ev, &loop->called);
}

void loop_call_after_fibers(struct loop *loop, struct loop_call *call)
{
    call->next = loop->after_fibers;
    loop->after_fibers = call;
}

void loop_cancel_after_fibers(struct loop *loop, struct loop_call *call)
{
    for (struct loop_call **at = &loop->after_fibers; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            return;
        }
    }
}
