/* SIGSYS is this object's own while system calls are delivered by it: the program has a handler of its own for it,
 * which only it sees, and may not block the signal, which would kill the process. */

#ifndef KACHE_OBSERVER_SIGNALS_H
#define KACHE_OBSERVER_SIGNALS_H

#include "core.h"

#include <signal.h>

#define SIGSYS_BIT (1ul << (SIGSYS - 1))

/* As the kernel has it. */
struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

/* The program's own action for SIGSYS, as it was when the program began. */
void kache_keep_action(const struct action *action);
/* `rt_sigaction`, made outside libc. */
long kache_raw_action(int signal, const struct action *set, struct action *old);
/* Does with a SIGSYS that is no delivered system call what the program asked for. */
void kache_other_sigsys(int signal, siginfo_t *info, void *context);

#endif
