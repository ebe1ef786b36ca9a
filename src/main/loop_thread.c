#include "main/loop_thread.h"

#include "base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>

struct loop_thread {
    struct loop_thread_options options;
    pthread_t thread;
    bool joined;
    struct loop *loop;
    void *memory; /* the thread's own tree */
    sem_t begun;
    bool ok;
    struct error err;
    struct loop_call stop;
};

static void begin(void *argument)
{
    struct loop_thread *thread = argument;
    thread->ok = thread->options.begin(
            thread->options.argument, thread->memory, thread->loop, &thread->err);
    if (!thread->ok) {
        loop_stop(thread->loop);
    }
    sem_post(&thread->begun);
}

static void end(void *argument)
{
    struct loop_thread *thread = argument;
    thread->options.end(thread->options.argument);
    loop_stop(thread->loop);
}

static void stop(void *argument)
{
    struct loop_thread *thread = argument;
    fiber_start(thread->loop, "end", end, thread,
            clock_monotonic_ms() + thread->options.end_timeout_ms);
}

static void *thread_main(void *argument)
{
    struct loop_thread *thread = argument;
    thread->memory = mem_scope_new(NULL, thread->options.name);
    thread->loop = loop_new(thread->memory);
    fiber_start(thread->loop, "begin", begin, thread, FIBER_NO_DEADLINE);
    loop_run(thread->loop);
    mem_free(thread->memory);
    return NULL;
}

void loop_thread_stop(struct loop_thread *thread)
{
    if (!thread->joined && thread->ok && thread->stop.function == NULL) {
        thread->stop = (struct loop_call){.function = stop, .argument = thread};
        loop_call(thread->loop, &thread->stop);
    }
}

void loop_thread_join(struct loop_thread *thread)
{
    if (!thread->joined) {
        pthread_join(thread->thread, NULL);
        thread->joined = true;
    }
}

static int thread_freed(struct loop_thread *thread)
{
    loop_thread_stop(thread);
    loop_thread_join(thread);
    sem_destroy(&thread->begun);
    return 0;
}

bool loop_thread_start(void *owner, const struct loop_thread_options *options,
        struct loop_thread **thread_out, struct error *err)
{
    struct loop_thread *thread = mem_new(owner, struct loop_thread);
    thread->options = *options;
    sem_init(&thread->begun, 0, 0);
    int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
    assert(failed == 0);
    pthread_setname_np(thread->thread, options->name);
    mem_on_free(thread, thread_freed);
    while (sem_wait(&thread->begun) != 0) {
    }
    if (!thread->ok) {
        *err = thread->err;
        mem_free(thread);
        return false;
    }
    *thread_out = thread;
    return true;
}

struct run {
    void (*body)(void *argument);
    void *argument;
};

static void run_main(void *argument)
{
    struct run *run = argument;
    run->body(run->argument);
    loop_stop(fiber_loop());
}

void run_in_fiber(void (*body)(void *argument), void *argument)
{
    void *owner = mem_scope_new(NULL, "run_in_fiber");
    struct loop *loop = loop_new(owner);
    struct run run = {body, argument};
    fiber_start(loop, "main", run_main, &run, FIBER_NO_DEADLINE);
    loop_run(loop);
    mem_free(owner);
}
