/* Hooks for what makes threads: each has its system calls outside libc delivered before other code runs in it. */

#include "core.h"

#include <aio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "calls.h"
#include "dispatch.h"

#define BEGINS 128
static struct begin begins[BEGINS];
static bool taken[BEGINS];

static struct begin *keep(struct begin begin) {
    struct begin *room = NULL;
    for (size_t i = 0; i < BEGINS && !room; i++)
        if (!__atomic_test_and_set(&taken[i], __ATOMIC_ACQUIRE)) room = &begins[i];
    if (!room) {
        long page = kache_raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page < 0 && page >= -4095) return NULL;
        room = (struct begin *)page;
    }
    *room = begin;
    return room;
}

static struct begin take(struct begin *room) {
    struct begin begin = *room;
    if (room >= begins && room < begins + BEGINS)
        __atomic_clear(&taken[room - begins], __ATOMIC_RELEASE);
    else
        kache_raw(SYS_munmap, (long)room, 4096, 0, 0, 0, 0);
    return begin;
}

static void *begin_thread(void *room) {
    struct begin begin = take(room);
    kache_dispatch_thread();
    return begin.run(begin.argument);
}

static int begin_c_thread(void *room) {
    struct begin begin = take(room);
    kache_dispatch_thread();
    return ((int (*)(void *))(void *)begin.run)(begin.argument);
}

HOOK(int, pthread_create, void *thread, const void *attributes, void *(*run)(void *), void *argument) {
    struct begin *room = kache_dispatched ? keep((struct begin){run, argument}) : NULL;
    if (!room) {
        if (kache_dispatched) kache_emit(K_UNFOLLOWED, 0, 0, kache_module(CALLER), SYS_clone, NO_TEXT, NO_TEXT);
        return REAL(pthread_create)(thread, attributes, run, argument);
    }
    int result = REAL(pthread_create)(thread, attributes, begin_thread, room);
    if (result) take(room);
    return result;
}
HOOK(int, thrd_create, void *thread, int (*run)(void *), void *argument) {
    struct begin *room = kache_dispatched ? keep((struct begin){(void *(*)(void *))(void *)run, argument}) : NULL;
    if (!room) {
        if (kache_dispatched) kache_emit(K_UNFOLLOWED, 0, 0, kache_module(CALLER), SYS_clone, NO_TEXT, NO_TEXT);
        return REAL(thrd_create)(thread, run, argument);
    }
    int result = REAL(thrd_create)(thread, begin_c_thread, room);
    if (result) take(room);
    return result;
}

/* At the top of the child's stack, which it alone uses. */
struct begin *kache_dispatch_clone(struct begin begin, void *stack) {
    struct begin *room = (struct begin *)(((uintptr_t)stack - sizeof begin) & ~(uintptr_t)15);
    *room = begin;
    return room;
}

int kache_begin_clone(void *room) {
    struct begin begin = *(struct begin *)room;
    kache_dispatch_thread();
    return ((int (*)(void *))(void *)begin.run)(begin.argument);
}

/* ---- callbacks on threads that libc makes ---- */

#define BY_THREAD(name, parameters, event, ...)                                                              \
    HOOK(int, name, parameters) {                                                                            \
        const struct sigevent *how_ = (event);                                                               \
        if (kache_dispatched && how_ && how_->sigev_notify == SIGEV_THREAD)                                  \
            kache_emit(K_UNFOLLOWED, 0, 0, kache_module(CALLER), SYS_clone, NO_TEXT, NO_TEXT);                                               \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }
#define AIO(name)                                                                                            \
    BY_THREAD(name, struct aiocb *block, block ? &block->aio_sigevent : NULL, block)
AIO(aio_read)
AIO(aio_read64)
AIO(aio_write)
AIO(aio_write64)
BY_THREAD(aio_fsync, int how COMMA struct aiocb *block, block ? &block->aio_sigevent : NULL, how, block)
BY_THREAD(aio_fsync64, int how COMMA struct aiocb *block, block ? &block->aio_sigevent : NULL, how, block)
BY_THREAD(timer_create, clockid_t clock COMMA struct sigevent *event COMMA void *timer, event, clock, event, timer)
BY_THREAD(mq_notify, int queue COMMA const struct sigevent *event, event, queue, event)
BY_THREAD(getaddrinfo_a, int mode COMMA void *list COMMA int count COMMA struct sigevent *event, event, mode, list,
          count, event)
BY_THREAD(lio_listio, int mode COMMA void *list COMMA int count COMMA struct sigevent *event, event, mode, list, count,
          event)
BY_THREAD(lio_listio64, int mode COMMA void *list COMMA int count COMMA struct sigevent *event, event, mode, list,
          count, event)
