/* What the run was given open, beside the job server's pipe: no record says what it holds. */

#ifndef KACHE_OBSERVER_DESCRIPTORS_H
#define KACHE_OBSERVER_DESCRIPTORS_H

#include "core.h"

/* A file, a pipe or a socket, whatever its number is by now. */
struct given {
    uint64_t device;
    uint64_t number;
};
extern const struct given *kache_given;
extern uint32_t kache_given_count;

/* Records that what was given open is read, written or searched through a descriptor. */
void kache_note_use(int fd, uint32_t module);
/* What is open is asked what it is. What a process asks about its standard streams as it starts is not counted. */
void kache_note_question(int fd, uint32_t module);
/* One waits for descriptors: whether there is something to read is an answer. */
void kache_note_poll(const void *fds, size_t count, uint32_t module);
void kache_note_select(int count, const void *read, const void *write, const void *other, uint32_t module);
/* Whether a path names a descriptor that a process of the run opened: what it leads to has a record of its own, or is a pipe
 * between processes of the run. */
bool kache_is_own_descriptor(const char *path);
/* The number in the name of an open descriptor, or -1. */
int kache_descriptor_of(const char *path);
/* The same of a system call, by its number. */
void kache_note_uses(long number, const long *a, uint32_t module);

#endif
