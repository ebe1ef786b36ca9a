#include "loop/worker.h"

#include <assert.h>
#include <pthread.h>

struct worker {
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    struct work *first, **last;
    bool ending;
    worker_function *function;
    void *context;
};

static void *run(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        pthread_mutex_lock(&worker->mutex);
        while (worker->first == NULL && !worker->ending) {
            pthread_cond_wait(&worker->changed, &worker->mutex);
        }
        struct work *list = worker->first;
        worker->first = NULL;
        worker->last = &worker->first;
        pthread_mutex_unlock(&worker->mutex);
        if (list == NULL) {
            return NULL;
        }
        worker->function(worker->context, list);
    }
}

static int end(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->ending = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    return 0;
}

struct worker *worker_new(void *owner, const char *name, worker_function *function, void *context)
{
    struct worker *worker = mem_new(owner, struct worker);
    worker->function = function;
    worker->context = context;
    worker->last = &worker->first;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    assert(failed == 0);
    pthread_setname_np(worker->thread, name);
    mem_on_free(worker, end);
    return worker;
}

static void reply(void *argument)
{
    struct work *work = argument;
    fiber_signal_set(&work->done);
}

void worker_post(struct worker *worker, struct work *work)
{
    work->next = NULL;
    pthread_mutex_lock(&worker->mutex);
    assert(!worker->ending);
    *worker->last = work;
    worker->last = &work->next;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_run(struct worker *worker, struct work *work)
{
    *work = (struct work){.loop = fiber_loop(), .reply = {.function = reply, .argument = work}};
    worker_post(worker, work);
    fiber_signal_wait_always(&work->done);
}

void work_finish(struct work *work)
{
    loop_call(work->loop, &work->reply);
}
