/* Files that a program removes, kept until it is known what they could do. */

#ifndef KACHE_OBSERVER_KEPT_H
#define KACHE_OBSERVER_KEPT_H

#include "core.h"

/* The directory that they are kept in; empty for none. */
void kache_keep_in(const char *path);

struct kept {
    /* The number of the file, and zero where it is not kept. */
    int64_t number;
    /* Nobody had kept it before. */
    bool is_new;
};

/* Gives a file that is about to be removed another name, if it may be a program or a script. */
struct kept kache_keep(int dirfd, const char *path);
/* It was not removed. */
void kache_keep_not(struct kept kept);

#endif
