/* What the raw system calls share with the hooks for processes. */

#ifndef KACHE_OBSERVER_PROCESS_H
#define KACHE_OBSERVER_PROCESS_H

#include "core.h"

size_t kache_environment_size(char *const *from);
char **kache_environment(char *const *from, void *memory);
void kache_note_exec(int err, uint32_t module, int dirfd, const char *program, unsigned how);

#endif
