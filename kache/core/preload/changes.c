/* Hooks for what changes the file system without opening a file, and for what such a change finds. */

#include "core.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "files.h"
#include "kept.h"

/* ---- what was there before ---- */

bool kache_is_there(int dirfd, const char *path, bool follows) {
    struct statx found;
    return kache_active && path &&
           kache_raw(SYS_statx, dirfd, (long)path, follows ? 0 : AT_SYMLINK_NOFOLLOW, STATX_TYPE, (long)&found, 0) == 0;
}

/* ---- names ---- */

void kache_note_pair(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, int from_fd, const char *from,
                     int to_fd, const char *to) {
    struct place a, b;
    kache_locate(&a, from_fd, from);
    if (!a.known && kind == K_LINK) kache_locate_fd(&a, from_fd);
    kache_locate(&b, to_fd, to);
    if (a.known && b.known) kache_emit(kind, flags, err, module, aux, a.text, b.text);
}

#define RENAME_BODY(from_fd, to_fd, more, call)                                                              \
    unsigned flags_ = (kache_is_there(to_fd, to, false) ? F_REPLACES : 0) | (more);                          \
    struct kept kept = flags_ & F_REPLACES ? kache_keep(to_fd, to) : (struct kept){0, false};                \
    int result = call;                                                                                       \
    if (result < 0) kache_keep_not(kept);                                                                    \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    kache_note_pair(K_RENAME, flags_, err, module, kept.number, from_fd, from, to_fd, to);                  \
    DONE;                                                                                                    \
    return result

HOOK(int, rename, const char *from, const char *to) {
    RENAME_BODY(AT_FDCWD, AT_FDCWD, 0, REAL(rename)(from, to));
}
HOOK(int, renameat, int from_fd, const char *from, int to_fd, const char *to) {
    RENAME_BODY(from_fd, to_fd, 0, REAL(renameat)(from_fd, from, to_fd, to));
}
HOOK(int, renameat2, int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    /* Two names that change places, or a hole that is left: no record stands for that. */
    if ((flags & ~1u) && kache_active)
        kache_emit(K_RAW_SYSCALL, 0, 0, kache_module(CALLER), 0, text_of("renameat2"), NO_TEXT);
    RENAME_BODY(from_fd, to_fd, flags & 1 ? F_NO_REPLACE : 0, REAL(renameat2)(from_fd, from, to_fd, to, flags));
}

#define LINK_BODY(from_fd, to_fd, call)                                                                      \
    int result = call;                                                                                       \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    kache_note_pair(K_LINK, 0, err, module, 0, from_fd, from, to_fd, to);                                  \
    DONE;                                                                                                    \
    return result

HOOK(int, link, const char *from, const char *to) {
    LINK_BODY(AT_FDCWD, AT_FDCWD, REAL(link)(from, to));
}
HOOK(int, linkat, int from_fd, const char *from, int to_fd, const char *to, int flags) {
    LINK_BODY(from_fd, to_fd, REAL(linkat)(from_fd, from, to_fd, to, flags));
}

void kache_note_symlink(int err, uint32_t module, const char *target, int dirfd, const char *path) {
    struct place place;
    kache_locate(&place, dirfd, path);
    if (place.known && target) kache_emit(K_LINK, F_SYMLINK, err, module, 0, text_of(target), place.text);
}

#define SYMLINK_BODY(dirfd, call)                                                                            \
    int result = call;                                                                                       \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    kache_note_symlink(err, module, target, dirfd, path);                                                          \
    DONE;                                                                                                    \
    return result

HOOK(int, symlink, const char *target, const char *path) {
    SYMLINK_BODY(AT_FDCWD, REAL(symlink)(target, path));
}
HOOK(int, symlinkat, const char *target, int dirfd, const char *path) {
    SYMLINK_BODY(dirfd, REAL(symlinkat)(target, dirfd, path));
}

/* ---- modes, owners, times and attributes ---- */

#define CHANGE_BODY(flags_, dirfd, call)                                                                     \
    int result = call;                                                                                       \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    kache_note_path(K_CHANGE, flags_, err, module, 0, dirfd, path);                                          \
    DONE;                                                                                                    \
    return result

void kache_note_change_fd(int err, uint32_t module, int fd) {
    struct place place;
    kache_locate_fd(&place, fd);
    if (place.known) kache_emit(K_CHANGE, 0, err, module, 0, place.text, NO_TEXT);
}

#define CHANGE_FD_BODY(call)                                                                                 \
    int result = call;                                                                                       \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    kache_note_change_fd(err, module, fd);                                                                   \
    DONE;                                                                                                    \
    return result

#define LINK_FLAG(flags) ((flags)&AT_SYMLINK_NOFOLLOW ? F_NOFOLLOW : 0)

HOOK(int, chmod, const char *path, mode_t mode) {
    CHANGE_BODY(0, AT_FDCWD, REAL(chmod)(path, mode));
}
HOOK(int, lchmod, const char *path, mode_t mode) {
    CHANGE_BODY(F_NOFOLLOW, AT_FDCWD, REAL(lchmod)(path, mode));
}
HOOK(int, fchmodat, int dirfd, const char *path, mode_t mode, int flags) {
    CHANGE_BODY(LINK_FLAG(flags), dirfd, REAL(fchmodat)(dirfd, path, mode, flags));
}
HOOK(int, fchmod, int fd, mode_t mode) {
    CHANGE_FD_BODY(REAL(fchmod)(fd, mode));
}
HOOK(int, chown, const char *path, uid_t owner, gid_t group) {
    CHANGE_BODY(0, AT_FDCWD, REAL(chown)(path, owner, group));
}
HOOK(int, lchown, const char *path, uid_t owner, gid_t group) {
    CHANGE_BODY(F_NOFOLLOW, AT_FDCWD, REAL(lchown)(path, owner, group));
}
HOOK(int, fchownat, int dirfd, const char *path, uid_t owner, gid_t group, int flags) {
    if (path && !path[0] && (flags & AT_EMPTY_PATH)) {
        int fd = dirfd;
        CHANGE_FD_BODY(REAL(fchownat)(dirfd, path, owner, group, flags));
    }
    CHANGE_BODY(LINK_FLAG(flags), dirfd, REAL(fchownat)(dirfd, path, owner, group, flags));
}
HOOK(int, fchown, int fd, uid_t owner, gid_t group) {
    CHANGE_FD_BODY(REAL(fchown)(fd, owner, group));
}

#define TIMES(name, flags)                                                                                   \
    HOOK(int, name, const char *path, const void *times) {                                                   \
        CHANGE_BODY(flags, AT_FDCWD, REAL(name)(path, times));                                               \
    }
#define TIMES_FD(name)                                                                                       \
    HOOK(int, name, int fd, const void *times) {                                                             \
        CHANGE_FD_BODY(REAL(name)(fd, times));                                                               \
    }
TIMES(utime, 0)
TIMES(utimes, 0)
TIMES(lutimes, F_NOFOLLOW)
TIMES_FD(futimes)
TIMES_FD(futimens)

HOOK(int, futimesat, int dirfd, const char *path, const void *times) {
    if (!path) {
        int fd = dirfd;
        CHANGE_FD_BODY(REAL(futimesat)(dirfd, path, times));
    }
    CHANGE_BODY(0, dirfd, REAL(futimesat)(dirfd, path, times));
}
/* Without a path, the descriptor's own file is meant: std's `File::set_times` reaches it so on some systems. */
HOOK(int, utimensat, int dirfd, const char *path, const void *times, int flags) {
    if (!path || !path[0]) {
        int fd = dirfd;
        CHANGE_FD_BODY(REAL(utimensat)(dirfd, path, times, flags));
    }
    CHANGE_BODY(LINK_FLAG(flags), dirfd, REAL(utimensat)(dirfd, path, times, flags));
}

#define SET_ATTRIBUTE(name, flags)                                                                           \
    HOOK(int, name, const char *path, const char *attribute, const void *value, size_t size, int how) {      \
        CHANGE_BODY(flags, AT_FDCWD, REAL(name)(path, attribute, value, size, how));                         \
    }
#define REMOVE_ATTRIBUTE(name, flags)                                                                        \
    HOOK(int, name, const char *path, const char *attribute) {                                               \
        CHANGE_BODY(flags, AT_FDCWD, REAL(name)(path, attribute));                                           \
    }
SET_ATTRIBUTE(setxattr, 0)
SET_ATTRIBUTE(lsetxattr, F_NOFOLLOW)
REMOVE_ATTRIBUTE(removexattr, 0)
REMOVE_ATTRIBUTE(lremovexattr, F_NOFOLLOW)
HOOK(int, fsetxattr, int fd, const char *attribute, const void *value, size_t size, int how) {
    CHANGE_FD_BODY(REAL(fsetxattr)(fd, attribute, value, size, how));
}
HOOK(int, fremovexattr, int fd, const char *attribute) {
    CHANGE_FD_BODY(REAL(fremovexattr)(fd, attribute));
}
