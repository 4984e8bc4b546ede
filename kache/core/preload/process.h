/* What the raw system calls share with the hooks for processes. */

#ifndef KACHE_OBSERVER_PROCESS_H
#define KACHE_OBSERVER_PROCESS_H

#include "core.h"

/* The environment for a program that is to be observed as its parent is. */
char *const *kache_observed_environment(int dirfd, const char *program, bool search, char *const *from);
bool kache_can_observe(int dirfd, const char *program, bool search);
/* Opens what a search through `PATH` finds first; less than zero where it finds nothing. */
long kache_open_by_search(const char *program);
bool kache_names_sanitizer(const char *preload);
struct text kache_search_path(void);
/* Notes how a child that was waited for ended. */
void kache_note_end(pid_t child, int status, uint32_t module);
/* Before a process ends without destructors. */
void kache_before_exit(unsigned flags);
void kache_before_filter(bool strict, const void *program, uint32_t module);
void kache_note_exec(int err, uint32_t module, int dirfd, const char *program, unsigned how);

#endif
