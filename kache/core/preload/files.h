/* What the raw system calls share with the hooks for files, so that both say the same of the same thing. */

#ifndef KACHE_OBSERVER_FILES_H
#define KACHE_OBSERVER_FILES_H

#include "core.h"

/* Whether there is anything at a path: asked before a call that may change that. */
bool kache_is_there(int dirfd, const char *path, bool follows);
unsigned kache_found(int dirfd, const char *path, int how);
void kache_note_open(int err, uint32_t module, int dirfd, const char *path, int how, unsigned found, int fd);
void kache_note_change_fd(int err, uint32_t module, int fd);
/* The status of an open file is asked for. `aux` as in any Stat. */
void kache_note_status_fd(unsigned flags, int err, uint32_t module, int64_t aux, int fd);
/* `aux` and F_BEYOND as in any Stat. */
void kache_note_list_fd(unsigned flags, int err, uint32_t module, int64_t aux, int fd);
void kache_note_path(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, int dirfd,
                     const char *path);
/* The real path where kache may have spelled a path relative; any other path as it is. */
const char *kache_real_path(const char *path);
void kache_note_cwd(uint32_t module, const char *cwd);
void kache_note_readlink(int err, uint32_t module, int dirfd, const char *path, const char *result, long len);
void kache_note_pair(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, int from_fd, const char *from,
                     int to_fd, const char *to);
void kache_note_symlink(int err, uint32_t module, const char *target, int dirfd, const char *path);

/* Records of a success keep errno as the real function left it. */
#define OUTCOME(failed)                                                                                      \
    int saved = errno;                                                                                       \
    int err = (failed) ? saved : 0;                                                                          \
    uint32_t module = kache_module(CALLER)
#define SKIP(failed) (__builtin_expect(!kache_active, 0) || ((failed) && errno == EFAULT))
#define DONE errno = saved

/* Where a call returns to in its module: by that, the reader knows the function that asks for a status. */
#define RETURNS_TO(caller, module) ((int64_t)(uint32_t)((uintptr_t)(caller)-kache_module_base(module)) << 32)

/* Bits of what is recorded once for each module. */
enum first {
    FIRST_GETCWD,
    FIRST_CURRENT_DIR,
    FIRST_CLOCK,
    FIRST_GETTIMEOFDAY,
    FIRST_TIME,
    FIRST_TIMESPEC_GET,
    FIRST_TIMER,
    FIRST_CPU_TIME,
    FIRST_LOAD,
    FIRST_MEMORY,
    FIRST_CPU,
    FIRST_RANDOM,
    FIRST_PID,
    FIRST_PLACE,
    FIRST_OTHERS,
    FIRST_RESOLVE,
    FIRST_ZONE,
    FIRST_LOCK,
    FIRST_KILL,
    FIRST_GIVEN,
    FIRST_GIVEN_STATUS,
};

#endif
