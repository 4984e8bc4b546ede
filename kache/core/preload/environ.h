/* The watch on the array of variables, as the other hooks use it. */

#ifndef KACHE_OBSERVER_ENVIRON_H
#define KACHE_OBSERVER_ENVIRON_H

#include "core.h"

/* The array to read where our own code reads it: one that leaves no trace. */
char *const *kache_variables(char *const *array);
/* Around a call in which libc reads the array itself. */
bool kache_before_libc_reads(void);
void kache_after_libc_read(bool guarded);
/* Whether nothing but libc has read the array so far. */
bool kache_variables_unread(void);
/* In the child of a fork. */
void kache_guard_in_child(void);

/* Records a variable that libc reads for its caller. */
void kache_note_variable(const char *name, uint32_t module);

/* A call in which libc reads variables by their names. */
#define READS_VARIABLES(type, call)                                                                          \
    ({                                                                                                       \
        bool guarded_ = kache_before_libc_reads();                                                           \
        type found_ = call;                                                                                  \
        int saved_ = errno;                                                                                  \
        kache_after_libc_read(guarded_);                                                                     \
        errno = saved_;                                                                                      \
        found_;                                                                                              \
    })

#endif
