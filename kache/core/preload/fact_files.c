/* Hooks for facts about files that are neither what they hold nor their status: their file systems and attributes. */

#include "facts.h"

#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/* A fact about a file, by its path or, where that is not given, by its descriptor. */
static __attribute__((noinline)) void note_file(unsigned flags, struct text name, int fd, const char *path,
                                                struct answer answer, uint32_t module) {
    int saved = errno;
    struct place place;
    if (path)
        kache_locate(&place, AT_FDCWD, path);
    else
        kache_locate_fd(&place, fd);
    kache_note_fact(flags, module, name, place.text, answer);
    errno = saved;
}

/* ---- file systems ---- */

static struct answer of_statfs(const struct statfs *found, int result, int err, bool with_space) {
    struct answer answer = NEW_ANSWER;
    if (result) {
        add_error(&answer, err);
        return answer;
    }
    add_number(&answer, (int64_t)found->f_type);
    add_number(&answer, (int64_t)found->f_bsize);
    add_number(&answer, (int64_t)found->f_namelen);
    add_number(&answer, (int64_t)found->f_frsize);
    if (!with_space) return answer;
    int id[2];
    __builtin_memcpy(id, &found->f_fsid, sizeof id);
    add_number(&answer, id[0]);
    add_number(&answer, id[1]);
    add_number(&answer, (int64_t)found->f_blocks);
    add_number(&answer, (int64_t)found->f_bfree);
    add_number(&answer, (int64_t)found->f_bavail);
    add_number(&answer, (int64_t)found->f_files);
    add_number(&answer, (int64_t)found->f_ffree);
    return answer;
}

static struct answer of_statvfs(const struct statvfs *found, int result, int err) {
    struct answer answer = NEW_ANSWER;
    if (result) {
        add_error(&answer, err);
        return answer;
    }
    add_number(&answer, (int64_t)found->f_bsize);
    add_number(&answer, (int64_t)found->f_frsize);
    add_number(&answer, (int64_t)found->f_blocks);
    add_number(&answer, (int64_t)found->f_bfree);
    add_number(&answer, (int64_t)found->f_bavail);
    add_number(&answer, (int64_t)found->f_files);
    add_number(&answer, (int64_t)found->f_ffree);
    add_number(&answer, (int64_t)found->f_favail);
    add_number(&answer, (int64_t)found->f_fsid);
    add_number(&answer, (int64_t)found->f_flag);
    add_number(&answer, (int64_t)found->f_namemax);
    return answer;
}

/* Walking a tree, programs ask of what type each directory's file system is, by the descriptor. They do not mean the space
 * on it; whoever asks by path does. */
#define BY_PATH(name, type, answered)                                                                        \
    HOOK(int, name, const char *path, struct type *found) {                                                  \
        int result = REAL(name)(path, found);                                                                \
        if (!kache_active || (result && errno == EFAULT)) return result;                                     \
        note_file(0, text_of(#type), -1, path, answered, kache_module(CALLER));                              \
        return result;                                                                                       \
    }
#define BY_DESCRIPTOR(name, type, fact_name, answered)                                                       \
    HOOK(int, name, int fd, struct type *found) {                                                            \
        int result = REAL(name)(fd, found);                                                                  \
        if (!kache_active || result) return result;                                                          \
        note_file(0, text_of(fact_name), fd, NULL, answered, kache_module(CALLER));                          \
        return result;                                                                                       \
    }
BY_PATH(statfs, statfs, of_statfs(found, result, errno, true))
BY_PATH(statfs64, statfs, of_statfs(found, result, errno, true))
BY_PATH(__statfs, statfs, of_statfs(found, result, errno, true))
BY_PATH(statvfs, statvfs, of_statvfs(found, result, errno))
BY_PATH(statvfs64, statvfs, of_statvfs(found, result, errno))
BY_DESCRIPTOR(fstatfs, statfs, "fstatfs", of_statfs(found, 0, 0, false))
BY_DESCRIPTOR(fstatfs64, statfs, "fstatfs", of_statfs(found, 0, 0, false))
BY_DESCRIPTOR(fstatvfs, statvfs, "statvfs", of_statvfs(found, 0, 0))
BY_DESCRIPTOR(fstatvfs64, statvfs, "statvfs", of_statvfs(found, 0, 0))

static void note_pathconf(int fd, const char *path, int name, long result, uint32_t module) {
    struct digits digits;
    note_file(0, fact("pathconf", print_number(&digits, name)), fd, path, kache_of_number(result), module);
}

HOOK(long, pathconf, const char *path, int name) {
    long result = REAL(pathconf)(path, name);
    if (kache_active && path && !(result < 0 && errno == EFAULT))
        note_pathconf(-1, path, name, result, kache_module(CALLER));
    return result;
}
HOOK(long, fpathconf, int fd, int name) {
    long result = REAL(fpathconf)(fd, name);
    if (kache_active) note_pathconf(fd, NULL, name, result, kache_module(CALLER));
    return result;
}

/* How long a value is can be asked without it. */
static void note_attributes(struct text name, int fd, const char *path, const void *value, size_t size,
                            ssize_t result, int err, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    if (result >= 0 && size)
        add_bytes(&answer, value, (size_t)result);
    else if (result < 0)
        add_error(&answer, err);
    bool is_answered = result >= 0 ? size != 0 : err != ERANGE;
    note_file(is_answered ? 0 : F_UNANSWERED, name, fd, path, answer, module);
}

#define XATTR(name, target_type, target, fd, path, fact_name)                                                \
    HOOK(ssize_t, name, target_type target, const char *attribute, void *value, size_t size) {               \
        ssize_t result = REAL(name)(target, attribute, value, size);                                         \
        if (!kache_active || (result < 0 && (errno == EFAULT || errno == EBADF))) return result;             \
        note_attributes(fact(fact_name, attribute), fd, path, value, size, result, errno, kache_module(CALLER)); \
        return result;                                                                                       \
    }
#define XATTRS(name, target_type, target, fd, path, fact_name)                                               \
    HOOK(ssize_t, name, target_type target, char *names, size_t size) {                                      \
        ssize_t result = REAL(name)(target, names, size);                                                    \
        if (!kache_active || (result < 0 && (errno == EFAULT || errno == EBADF))) return result;             \
        note_attributes(text_of(fact_name), fd, path, names, size, result, errno, kache_module(CALLER));     \
        return result;                                                                                       \
    }
XATTR(getxattr, const char *, path, -1, path, "xattr")
XATTR(lgetxattr, const char *, path, -1, path, "lxattr")
XATTR(fgetxattr, int, fd, fd, NULL, "xattr")
XATTRS(listxattr, const char *, path, -1, path, "xattrs")
XATTRS(llistxattr, const char *, path, -1, path, "lxattrs")
XATTRS(flistxattr, int, fd, fd, NULL, "xattrs")

bool kache_note_file_fact_call(long number, const long *a, long result, int err, uint32_t module) {
    const char *path = (const char *)a[0];
    if (err == EFAULT || err == EBADF) path = NULL;
    switch (number) {
    case SYS_getxattr:
    case SYS_lgetxattr:
        if (path)
            note_attributes(fact(number == SYS_getxattr ? "xattr" : "lxattr", (const char *)a[1]), -1, path,
                            (const void *)a[2], (size_t)a[3], result, err, module);
        return true;
    case SYS_listxattr:
    case SYS_llistxattr:
        if (path)
            note_attributes(text_of(number == SYS_listxattr ? "xattrs" : "lxattrs"), -1, path, (const void *)a[1],
                            (size_t)a[2], result, err, module);
        return true;
    default:
        return false;
    }
}
