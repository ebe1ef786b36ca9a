/* Switching: makecontext() enters a new stack once, _setjmp()/_longjmp() go between stacks after that, without the
 * signal-mask system call of swapcontext(). _FORTIFY_SOURCE takes a jump to another stack for an attack. */
#undef _FORTIFY_SOURCE

#include "loop/fiber.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/loop_internal.h"

#include <assert.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if WITH_ASAN
#    include <sanitizer/common_interface_defs.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#    include <valgrind/valgrind.h>
#else
#    define VALGRIND_STACK_REGISTER(start, end) ((void)(start), (void)(end), 0U)
#    define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#endif

/* Stacks kept for reuse by one loop: 256 × 12 KB resident at most. */
#define IDLE_STACKS_MAX 256

enum fiber_state {
    FIBER_READY,   /* in loop->ready */
    FIBER_RUNNING, /* the one fiber that runs on this thread */
    FIBER_WAITING, /* for somebody to call make_ready() */
    FIBER_ENDED,
};

struct fiber {
    STAILQ_ENTRY(fiber) link; /* loop->ready or loop->idle_stacks */
    struct loop *loop;
    enum fiber_state state;
    const char *name;
    fiber_function *function;
    void *argument;
    void *memory; /* NULL until asked for */
    int64_t deadline_ms;
    bool cancelled;
    struct log_context *log;
    ev_timer timer;
    struct fiber *next_waiter; /* in a condition's queue */
    bool woken;                /* and taken out of that queue */

    bool entered; /* `context` is there to jump to */
    jmp_buf context;
    void *mapping; /* guard page, then the stack */
    unsigned valgrind_id;
    void *asan_fake_stack;
};

static _Thread_local struct {
    struct fiber *running;
    jmp_buf context; /* of the loop's own stack */
    void *asan_fake_stack;
    const void *asan_bottom;
    size_t asan_size;
} thread;

struct fiber *fiber_self(void)
{
    return thread.running;
}

static struct fiber *self(void)
{
    struct fiber *fiber = thread.running;
    assert(fiber != NULL);
    return fiber;
}

struct loop *fiber_loop(void)
{
    return self()->loop;
}

void *fiber_memory(void)
{
    struct fiber *fiber = self();
    if (fiber->memory == NULL) {
        fiber->memory = mem_scope_new(NULL, fiber->name);
    }
    return fiber->memory;
}

int64_t fiber_deadline_ms(void)
{
    return self()->deadline_ms;
}

void fiber_set_deadline(int64_t deadline_ms)
{
    self()->deadline_ms = deadline_ms;
}

/* ---- switching ---- */

/* These frames are left by jumps: AddressSanitizer must not poison anything around them. */
#define NO_ASAN __attribute__((no_sanitize("address")))

static void *stack_bottom(const struct fiber *fiber)
{
    return (char *)fiber->mapping + sysconf(_SC_PAGESIZE);
}

/* From a fiber to the loop. `ending`: the fiber will not be resumed in this frame. */
NO_ASAN static void switch_to_loop(struct fiber *fiber, bool ending)
{
    fiber->log = log_context_swap(NULL);
#if WITH_ASAN
    __sanitizer_start_switch_fiber(
            ending ? NULL : &fiber->asan_fake_stack, thread.asan_bottom, thread.asan_size);
#else
    (void)ending;
#endif
    if (_setjmp(fiber->context) == 0) {
        _longjmp(thread.context, 1);
    }
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(
            ending ? NULL : fiber->asan_fake_stack, &thread.asan_bottom, &thread.asan_size);
#endif
    log_context_swap(fiber->log);
}

/* The first frame of every stack: runs one fiber after another on it. */
NO_ASAN static void stack_main(unsigned high, unsigned low)
{
    struct fiber *fiber = (struct fiber *)(((uintptr_t)high << 32) | (uintptr_t)low);
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &thread.asan_bottom, &thread.asan_size);
#endif
    for (;;) {
        fiber->function(fiber->argument);
        mem_free(fiber->memory);
        fiber->memory = NULL;
        fiber->state = FIBER_ENDED;
        switch_to_loop(fiber, true);
    }
}

NO_ASAN static void enter_new_stack(struct fiber *fiber)
{
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_bottom(fiber);
    context.uc_stack.ss_size = FIBER_STACK_SIZE;
    context.uc_link = NULL;
    uintptr_t address = (uintptr_t)fiber;
    /* makecontext() passes ints only. */
    makecontext(
            &context, (void (*)(void))stack_main, 2, (unsigned)(address >> 32), (unsigned)address);
    setcontext(&context);
}

/* From the loop to a fiber; returns when it suspends or ends. */
NO_ASAN static void switch_to_fiber(struct fiber *fiber)
{
    thread.running = fiber;
    fiber->state = FIBER_RUNNING;
    struct log_context *log = log_context_swap(fiber->log);
#if WITH_ASAN
    __sanitizer_start_switch_fiber(&thread.asan_fake_stack, stack_bottom(fiber), FIBER_STACK_SIZE);
#endif
    if (_setjmp(thread.context) == 0) {
        if (fiber->entered) {
            _longjmp(fiber->context, 1);
        }
        fiber->entered = true;
        enter_new_stack(fiber);
    }
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(thread.asan_fake_stack, NULL, NULL);
#endif
    thread.running = NULL;
    log_context_swap(log);
}

/* ---- life ---- */

static void make_ready(struct fiber *fiber)
{
    if (fiber->state == FIBER_WAITING) {
        fiber->state = FIBER_READY;
        STAILQ_INSERT_TAIL(&fiber->loop->ready, fiber, link);
    }
}

static void timer_fired(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    make_ready(timer->data);
}

static struct fiber *stack_new(struct loop *loop)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct fiber *fiber = mem_new(NULL, struct fiber);
    fiber->loop = loop;
    fiber->mapping = mmap(NULL, page + FIBER_STACK_SIZE, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (fiber->mapping == MAP_FAILED ||
            mprotect(stack_bottom(fiber), FIBER_STACK_SIZE, PROT_READ | PROT_WRITE) != 0) {
        log_error("no memory for another fiber's stack (see vm.max_map_count)");
        abort();
    }
    char *bottom = stack_bottom(fiber);
    fiber->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(bottom, bottom + FIBER_STACK_SIZE);
    ev_timer_init(&fiber->timer, timer_fired, 0., 0.);
    fiber->timer.data = fiber;
    return fiber;
}

static void stack_free(struct fiber *fiber)
{
    VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
    munmap(fiber->mapping, (size_t)sysconf(_SC_PAGESIZE) + FIBER_STACK_SIZE);
    mem_free(fiber);
}

void fiber_free_idle(struct loop *loop)
{
    while (!STAILQ_EMPTY(&loop->idle_stacks)) {
        struct fiber *fiber = STAILQ_FIRST(&loop->idle_stacks);
        STAILQ_REMOVE_HEAD(&loop->idle_stacks, link);
        stack_free(fiber);
    }
}

struct fiber *fiber_start(struct loop *loop, const char *name, fiber_function *function,
        void *argument, int64_t deadline_ms)
{
    struct fiber *fiber = STAILQ_FIRST(&loop->idle_stacks);
    if (fiber != NULL) {
        STAILQ_REMOVE_HEAD(&loop->idle_stacks, link);
        loop->idle_count--;
    } else {
        fiber = stack_new(loop);
    }
    fiber->name = name;
    fiber->function = function;
    fiber->argument = argument;
    fiber->deadline_ms = deadline_ms;
    fiber->cancelled = false;
    fiber->log = NULL;
    fiber->state = FIBER_WAITING;
    make_ready(fiber);
    return fiber;
}

void fiber_run_ready(struct loop *loop)
{
    /* Those that become ready meanwhile wait for the next round, so that events are not starved. */
    struct fiber_queue round = STAILQ_HEAD_INITIALIZER(round);
    STAILQ_CONCAT(&round, &loop->ready);
    while (!STAILQ_EMPTY(&round)) {
        struct fiber *fiber = STAILQ_FIRST(&round);
        STAILQ_REMOVE_HEAD(&round, link);
        switch_to_fiber(fiber);
        if (fiber->state != FIBER_ENDED) {
            continue;
        }
        if (loop->idle_count < IDLE_STACKS_MAX) {
            STAILQ_INSERT_HEAD(&loop->idle_stacks, fiber, link);
            loop->idle_count++;
        } else {
            stack_free(fiber);
        }
    }
}

/* ---- waiting ---- */

/* Until make_ready() or the deadline; the caller looks which, and whether there is more to wait for. */
static void wait_until(struct fiber *fiber, int64_t deadline_ms)
{
    struct ev_loop *ev = fiber->loop->ev;
    if (deadline_ms != FIBER_NO_DEADLINE) {
        int64_t left = deadline_ms - clock_monotonic_ms();
        /* A timer counts from libev's idea of now, which is a little old: without this it may fire too soon. */
        ev_now_update(ev);
        ev_timer_set(&fiber->timer, left > 0 ? (double)left / 1000. : 0., 0.);
        ev_timer_start(ev, &fiber->timer);
    }
    fiber->state = FIBER_WAITING;
    switch_to_loop(fiber, false);
    ev_timer_stop(ev, &fiber->timer);
}

bool fiber_check(struct error *err)
{
    const struct fiber *fiber = self();
    if (fiber->cancelled) {
        return error_set(
                err, ERROR_CLIENT_CLOSED_REQUEST, "CANCELLED", "the request was cancelled");
    }
    if (fiber->deadline_ms != FIBER_NO_DEADLINE && clock_monotonic_ms() >= fiber->deadline_ms) {
        return error_set(
                err, ERROR_TIMEOUT, "DEADLINE", "the request took longer than it may; try again");
    }
    return true;
}

void fiber_cancel(struct fiber *fiber)
{
    fiber->cancelled = true;
    make_ready(fiber);
}

void fiber_yield(void)
{
    struct fiber *fiber = self();
    fiber->state = FIBER_WAITING;
    make_ready(fiber);
    switch_to_loop(fiber, false);
}

bool fiber_sleep(int64_t milliseconds, struct error *err)
{
    struct fiber *fiber = self();
    int64_t until = clock_monotonic_ms() + milliseconds;
    while (fiber_check(err)) {
        if (clock_monotonic_ms() >= until) {
            return true;
        }
        wait_until(fiber, until < fiber->deadline_ms ? until : fiber->deadline_ms);
    }
    return false;
}

void fiber_signal_set(struct fiber_signal *signal)
{
    signal->set = true;
    if (signal->waiter != NULL) {
        make_ready(signal->waiter);
    }
}

bool fiber_signal_wait(struct fiber_signal *signal, struct error *err)
{
    struct fiber *fiber = self();
    assert(signal->waiter == NULL);
    signal->waiter = fiber;
    while (!signal->set && fiber_check(err)) {
        wait_until(fiber, fiber->deadline_ms);
    }
    signal->waiter = NULL;
    return signal->set;
}

bool fiber_signal_wait_until(struct fiber_signal *signal, int64_t until_ms)
{
    struct fiber *fiber = self();
    assert(signal->waiter == NULL);
    signal->waiter = fiber;
    while (!signal->set && (until_ms == FIBER_NO_DEADLINE || clock_monotonic_ms() < until_ms)) {
        wait_until(fiber, until_ms);
    }
    signal->waiter = NULL;
    return signal->set;
}

void fiber_signal_wait_always(struct fiber_signal *signal)
{
    fiber_signal_wait_until(signal, FIBER_NO_DEADLINE);
}

/* ---- conditions and mutexes ---- */

static void condition_remove(struct fiber_condition *condition, const struct fiber *fiber)
{
    struct fiber *before = NULL;
    for (struct fiber *at = condition->first; at != fiber; at = at->next_waiter) {
        before = at;
    }
    *(before == NULL ? &condition->first : &before->next_waiter) = fiber->next_waiter;
    if (condition->last == fiber) {
        condition->last = before;
    }
}

bool fiber_condition_wait(struct fiber_condition *condition, struct error *err)
{
    struct fiber *fiber = self();
    fiber->woken = false;
    fiber->next_waiter = NULL;
    *(condition->last == NULL ? &condition->first : &condition->last->next_waiter) = fiber;
    condition->last = fiber;
    while (!fiber->woken && fiber_check(err)) {
        wait_until(fiber, fiber->deadline_ms);
    }
    if (!fiber->woken) {
        condition_remove(condition, fiber);
    }
    return fiber->woken;
}

static struct fiber *wake_first(struct fiber_condition *condition)
{
    struct fiber *fiber = condition->first;
    if (fiber != NULL) {
        condition_remove(condition, fiber);
        fiber->woken = true;
        make_ready(fiber);
    }
    return fiber;
}

void fiber_condition_wake_one(struct fiber_condition *condition)
{
    wake_first(condition);
}

void fiber_condition_wake_all(struct fiber_condition *condition)
{
    while (wake_first(condition) != NULL) {
    }
}

bool fiber_mutex_lock(struct fiber_mutex *mutex, struct error *err)
{
    assert(mutex->holder != self());
    if (mutex->holder == NULL) {
        mutex->holder = self();
        return true;
    }
    return fiber_condition_wait(&mutex->released, err); /* the one before hands the mutex over */
}

void fiber_mutex_unlock(struct fiber_mutex *mutex)
{
    assert(mutex->holder == self());
    mutex->holder = wake_first(&mutex->released);
}
