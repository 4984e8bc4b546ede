/* Putting kache in front of the compilers that a program starts. */

#ifndef KACHE_OBSERVER_FRONT_H
#define KACHE_OBSERVER_FRONT_H

#include "core.h"

/* What a log begins with where compilers are to be fronted: the path of kache, and after it the names of compilers, each
 * with its zero, an empty one, and the directory for what is removed (`kept.h`). */
void kache_set_front(const char *texts);
bool kache_fronts(void);

struct command {
    const char *program;
    char *const *arguments;
    char *const *environment;
};

/* Whether `command` starts a compiler, or kache itself for one. Then it is replaced by kache, which is told what it stands
 * for, and `asked` is the program that the record is about. */
bool kache_front(struct command *command, bool search, const char **asked);

#endif
