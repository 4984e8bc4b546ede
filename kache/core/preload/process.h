/* What the raw system calls share with the hooks for processes. */

#ifndef KACHE_OBSERVER_PROCESS_H
#define KACHE_OBSERVER_PROCESS_H

#include "core.h"

/* The environment for a program that is to be observed as its parent is. */
char *const *kache_observed_environment(char *const *from);
/* Before a process ends without destructors. */
void kache_before_exit(void);
void kache_before_filter(bool strict, const void *program, uint32_t module);
void kache_note_exec(int err, uint32_t module, int dirfd, const char *program, unsigned how);

#endif
