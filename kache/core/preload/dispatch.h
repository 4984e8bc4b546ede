/* System calls that are made outside libc, which the kernel delivers to this object. */

#ifndef KACHE_OBSERVER_DISPATCH_H
#define KACHE_OBSERVER_DISPATCH_H

#include "core.h"

/* Whether each thread of the process has the kernel deliver them. */
extern bool kache_dispatched;

/* Called once, before any other code of the process runs. */
void kache_dispatch_begin(void);
/* Called in each new thread and child, before other code runs there: neither inherits the setting. */
void kache_dispatch_thread(void);
/* The same in the child of a fork, with what else it does not inherit. */
void kache_begin_child(void);
/* Gives up: system calls outside libc go to the kernel again. The caller has recorded why. */
void kache_dispatch_end(void);
/* Whether the vDSO is there. */
bool kache_is_vdso(uintptr_t address);
/* Notes a use of `prctl` that changes what this object relies on. */
void kache_dispatch_prctl(uint32_t module, long option);

/* What libc's `syscall` was asked for: whether it concerns SIGSYS and has been done here, as the kernel answers. */
bool kache_dispatch_signals(long number, long *a, long *result, uint32_t module);
/* The same: a child was made. */
void kache_note_child(long number, const long *a, long result, uint32_t module);

/* What `clone` is to run, so that the child calls `kache_dispatch_thread` first. */
struct begin {
    void *(*run)(void *);
    void *argument;
};
struct begin *kache_dispatch_clone(struct begin begin, void *stack);
int kache_begin_clone(void *begin);

#endif
