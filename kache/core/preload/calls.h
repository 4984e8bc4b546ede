/* System calls by their numbers, and what code does that lies in no object. */

#ifndef KACHE_OBSERVER_CALLS_H
#define KACHE_OBSERVER_CALLS_H

#include "core.h"

/* Records what a system call did, as the hook for libc's function of the same name does. */
void kache_note_syscall(long number, const long *a, long result, int err, uint32_t module, unsigned found);
/* What one that may make or replace a file is about to find: the last argument of the two others. */
unsigned kache_found_before(long number, const long *a);
/* The same for one that changes the file system. False: it is none of them. */
bool kache_note_change(long number, const long *a, int err, uint32_t module, unsigned found);
/* A function that no record stands for, or the number of a system call. */
void kache_note_beyond(const char *function, uint32_t module, long number);
/* The address of the vDSO: its clock is read without a system call. */
void kache_note_vdso(uint32_t module);
/* Takes the address out of the auxiliary vector, so that the clock is read by system calls. `dropped` is how many entries
 * of the environment in front of it are gone. */
void kache_hide_vdso(void *vector, size_t dropped);
/* Memory becomes executable. */
void kache_note_code(const char *function, uint32_t module);

#endif
