/* A moment's wait for a compiler that its parent polls. */

#ifndef KACHE_OBSERVER_POLLED_H
#define KACHE_OBSERVER_POLLED_H

#include "core.h"

/* Remembers that kache stands in front of a compiler in the child that was just started. */
void kache_note_fronted(pid_t pid);
/* Before the program asks, by these arguments of `waitpid`, whether a child has ended. */
void kache_await_fronted(pid_t pid, int options);

#endif
