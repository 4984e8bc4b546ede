/* What a process inherits beside limits and its user: how signals are treated, what it may do, the terminal. */

#ifndef KACHE_OBSERVER_INHERITED_H
#define KACHE_OBSERVER_INHERITED_H

#include "core.h"

/* How a signal is treated, by the handler: ignored, or not. */
void kache_note_action(unsigned flags, int signal, const void *handler, uint32_t module);
/* Which signals are blocked. */
void kache_note_mask(unsigned flags, unsigned long mask, uint32_t module);
/* `rt_sigaction` or `rt_sigprocmask` has succeeded. */
void kache_note_signal_call(long number, const long *a, uint32_t module);
/* `prctl` has returned. */
void kache_note_prctl(int option, unsigned long argument, long result, int err, uint32_t module);

#endif
