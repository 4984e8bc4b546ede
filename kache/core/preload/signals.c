/* Hooks for the signal functions of libc that tell what the process inherited, or could take SIGSYS away from the
 * dispatcher (`dispatch.c`).
 *
 * A SIGSYS that the kernel forces upon a thread which blocks it kills the process, so no mask gets the signal. What a
 * program sets for it is kept here and done where the signal has another origin than the dispatcher's. */

#include "signals.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

#include "descriptors.h"
#include "dispatch.h"
#include "inherited.h"

static struct action program_action;

void kache_keep_action(const struct action *action) {
    program_action = *action;
}

/* ---- sigaction ---- */

static void exchange(const struct action *set, struct action *old) {
    struct action before = program_action;
    if (set) program_action = *set;
    if (old) *old = before;
}

long kache_raw_action(int signal, const struct action *set, struct action *old) {
    if (signal == SIGSYS) {
        exchange(set, old);
        return 0;
    }
    struct action own;
    if (set) {
        own = *set;
        own.mask &= ~SIGSYS_BIT;
#if defined(__x86_64__)
        /* A restorer outside libc would be delivered as well: libc's does the same. */
        struct action ours;
        if (kache_raw(SYS_rt_sigaction, SIGSYS, 0, (long)&ours, 8, 0, 0) == 0) own.restorer = ours.restorer;
#endif
        set = &own;
    }
    return kache_raw(SYS_rt_sigaction, signal, (long)set, (long)old, 8, 0, 0);
}

static unsigned long *word_of(sigset_t *set) {
    return (unsigned long *)(void *)set;
}

static void to_kernel(const struct sigaction *from, struct action *to) {
    to->handler = (void *)from->sa_sigaction;
    to->flags = (unsigned)from->sa_flags;
    to->restorer = NULL;
    __builtin_memcpy(&to->mask, &from->sa_mask, sizeof to->mask);
}

static void from_kernel(const struct action *from, struct sigaction *to) {
    __builtin_memset(to, 0, sizeof *to);
    to->sa_sigaction = (void (*)(int, siginfo_t *, void *))from->handler;
    to->sa_flags = (int)from->flags;
    *word_of(&to->sa_mask) = from->mask;
}

static int sigsys_action(const struct sigaction *set, struct sigaction *old) {
    struct action before, after;
    if (set) to_kernel(set, &after);
    exchange(set ? &after : NULL, &before);
    if (old) from_kernel(&before, old);
    return 0;
}

/* A macro, so that the copy belongs to the hook's own frame. */
#define WITHOUT_SIGSYS(set)                                                                                  \
    sigset_t without_;                                                                                       \
    if (kache_dispatched && (set) && *(const unsigned long *)(const void *)(set) & SIGSYS_BIT) {              \
        without_ = *(set);                                                                                   \
        *word_of(&without_) &= ~SIGSYS_BIT;                                                                  \
        (set) = &without_;                                                                                   \
    }

static void note_exchange(int signal, const void *set, bool sets, const void *old, bool asks, void *caller) {
    if (!kache_active) return;
    uint32_t module = kache_module(caller);
    if (asks) kache_note_action(0, signal, old, module);
    if (sets) kache_note_action(F_SET, signal, set, module);
}

#define SIGACTION(name)                                                                                      \
    HOOK(int, name, int signal, const struct sigaction *set, struct sigaction *old) {                        \
        const void *handler = set ? (const void *)set->sa_sigaction : NULL;                                  \
        struct sigaction own;                                                                                \
        if (kache_dispatched && signal != SIGSYS && set &&                                                   \
            *(const unsigned long *)(const void *)&set->sa_mask & SIGSYS_BIT) {                              \
            own = *set;                                                                                      \
            *word_of(&own.sa_mask) &= ~SIGSYS_BIT;                                                           \
            set = &own;                                                                                      \
        }                                                                                                    \
        bool is_ours = kache_dispatched && signal == SIGSYS;                                                 \
        int result = is_ours ? sigsys_action(set, old) : REAL(name)(signal, set, old);                       \
        if (result == 0)                                                                                     \
            note_exchange(signal, handler, set, old ? (const void *)old->sa_sigaction : NULL, old, CALLER);  \
        return result;                                                                                       \
    }
SIGACTION(sigaction)
SIGACTION(__sigaction)

static void *sigsys_handler(void *handler, unsigned long flags) {
    struct action set = {handler, flags, NULL, 0}, old;
    exchange(&set, &old);
    return old.handler;
}

#define SIGNAL(name, flags)                                                                                  \
    HOOK(void *, name, int signal, void *handler) {                                                          \
        bool is_ours = kache_dispatched && signal == SIGSYS;                                                 \
        void *old = is_ours ? sigsys_handler(handler, flags) : REAL_POINTER(name)(signal, handler);          \
        if (old != (void *)SIG_ERR) note_exchange(signal, handler, true, old, true, CALLER);                 \
        return old;                                                                                          \
    }
SIGNAL(signal, SA_RESTART)
SIGNAL(bsd_signal, SA_RESTART)
SIGNAL(ssignal, SA_RESTART)
SIGNAL(sysv_signal, (unsigned)SA_RESETHAND | SA_NODEFER)
SIGNAL(__sysv_signal, (unsigned)SA_RESETHAND | SA_NODEFER)

/* The answer tells whether the signal was blocked. */
HOOK(void *, sigset, int signal, void *handler) {
    kache_note_mask(F_UNANSWERED, 0, kache_module(CALLER));
    if (kache_dispatched && signal == SIGSYS && handler != (void *)2 /* SIG_HOLD */) return sigsys_handler(handler, 0);
    if (kache_dispatched && signal == SIGSYS) return program_action.handler;
    void *old = REAL_POINTER(sigset)(signal, handler);
    bool sets = handler != (void *)2, asks = old != (void *)2;
    if (old != (void *)SIG_ERR) note_exchange(signal, handler, sets, old, asks, CALLER);
    return old;
}
HOOK(int, sigignore, int signal) {
    note_exchange(signal, (void *)SIG_IGN, true, NULL, false, CALLER);
    if (!kache_dispatched || signal != SIGSYS) return REAL(sigignore)(signal);
    sigsys_handler((void *)SIG_IGN, 0);
    return 0;
}

void kache_other_sigsys(int signal, siginfo_t *info, void *context) {
    struct action action = program_action;
    if (action.handler == (void *)SIG_IGN && info->si_code <= 0) return;
    if (action.handler == (void *)SIG_DFL || action.handler == (void *)SIG_IGN) {
        struct action plain = {(void *)SIG_DFL, 0, NULL, 0};
        kache_raw(SYS_rt_sigaction, SIGSYS, (long)&plain, 0, 8, 0, 0);
        long pid = kache_raw(SYS_getpid, 0, 0, 0, 0, 0, 0);
        kache_raw(SYS_tgkill, pid, kache_raw(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGSYS, 0, 0, 0);
        return;
    }
    if (action.flags & (unsigned long)SA_RESETHAND) program_action.handler = (void *)SIG_DFL;
    if (action.flags & SA_SIGINFO)
        ((void (*)(int, siginfo_t *, void *))action.handler)(signal, info, context);
    else
        ((void (*)(int))action.handler)(signal);
}

/* ---- masks ---- */

static __attribute__((noinline)) void note_masks(int how, bool sets, const sigset_t *old, void *caller) {
    const long call[] = {how, sets, (long)old};
    kache_note_signal_call(SYS_rt_sigprocmask, call, kache_module(caller));
}

#define SIGMASK(name)                                                                                        \
    HOOK(int, name, int how, const sigset_t *set, sigset_t *old) {                                           \
        bool sets = set;                                                                                     \
        if (how != SIG_UNBLOCK) {                                                                            \
            WITHOUT_SIGSYS(set)                                                                              \
            int result = REAL(name)(how, set, old);                                                          \
            if (kache_active && result == 0) note_masks(how, sets, old, CALLER);                             \
            return result;                                                                                   \
        }                                                                                                    \
        int result = REAL(name)(how, set, old);                                                              \
        if (kache_active && result == 0) note_masks(how, sets, old, CALLER);                                 \
        return result;                                                                                       \
    }
SIGMASK(sigprocmask)
SIGMASK(pthread_sigmask)

#define SIGSUSPEND(name)                                                                                     \
    HOOK(int, name, const sigset_t *set) {                                                                   \
        WITHOUT_SIGSYS(set)                                                                                  \
        return REAL(name)(set);                                                                              \
    }
SIGSUSPEND(sigsuspend)
SIGSUSPEND(__sigsuspend)
#define OLD_SIGMASK(name)                                                                                    \
    HOOK(int, name, int mask) {                                                                              \
        kache_note_mask(F_UNANSWERED, 0, kache_module(CALLER));                                              \
        int old = REAL(name)(kache_dispatched ? mask & ~(int)SIGSYS_BIT : mask);                             \
        note_masks(SIG_SETMASK, true, NULL, CALLER);                                                         \
        return old;                                                                                          \
    }
OLD_SIGMASK(sigblock)
OLD_SIGMASK(sigsetmask)
HOOK(int, sighold, int signal) {
    return kache_dispatched && signal == SIGSYS ? 0 : REAL(sighold)(signal);
}
HOOK(int, ppoll, void *fds, nfds_t count, const void *limit, const sigset_t *set) {
    kache_note_poll(fds, count, kache_module(CALLER));
    WITHOUT_SIGSYS(set)
    return REAL(ppoll)(fds, count, limit, set);
}
HOOK(int, __ppoll_chk, void *fds, nfds_t count, const void *limit, const sigset_t *set, size_t size) {
    kache_note_poll(fds, count, kache_module(CALLER));
    WITHOUT_SIGSYS(set)
    return REAL(__ppoll_chk)(fds, count, limit, set, size);
}
HOOK(int, pselect, int count, void *read, void *write, void *other, const void *limit, const sigset_t *set) {
    kache_note_select(count, read, write, other, kache_module(CALLER));
    WITHOUT_SIGSYS(set)
    return REAL(pselect)(count, read, write, other, limit, set);
}
HOOK(int, epoll_pwait, int fd, void *events, int count, int limit, const sigset_t *set) {
    WITHOUT_SIGSYS(set)
    return REAL(epoll_pwait)(fd, events, count, limit, set);
}
HOOK(int, epoll_pwait2, int fd, void *events, int count, const void *limit, const sigset_t *set) {
    WITHOUT_SIGSYS(set)
    return REAL(epoll_pwait2)(fd, events, count, limit, set);
}
