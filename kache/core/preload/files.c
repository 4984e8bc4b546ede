/* Hooks for whatever takes a path: opening, probing, listing and changing the file system.
 *
 * Each one calls the real function first and records after it, so that the outcome is known. A call that failed
 * with EFAULT is not recorded: its path must not be touched. */

#include "core.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <sys/syscall.h>

#include "descriptors.h"
#include "files.h"
#include "kept.h"
#include "others.h"

#define IDENTITY_MAX 96

static void note(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, int dirfd, const char *path) {
    struct place place;
    kache_locate(&place, dirfd, path);
    if (place.known) kache_emit(kind, flags, err, module, aux, place.text, NO_TEXT);
}

static void note_result(enum kind kind, int err, uint32_t module, int dirfd, const char *path, struct text result) {
    struct place place;
    kache_locate(&place, dirfd, path);
    unsigned flags = kind == K_REALPATH && place.relative ? F_RELATIVE : 0;
    /* Where it leads, what is open there says. */
    if (place.known) kache_note_question(kache_descriptor_of(path), module);
    if (place.known) kache_emit(kind, flags, err, module, 0, place.text, result);
}

#ifdef __GLIBC__
#define LARGE_STAT stat64
#define LARGE_OFF off64_t
#else
#define LARGE_STAT stat
#define LARGE_OFF off_t
#endif

/* ---- open ---- */

/* What an open that may write finds: `F_THERE` or nothing. One with `O_EXCL` finds nothing where it succeeds. */
unsigned kache_found(int dirfd, const char *path, int how) {
    bool may_write = (how & O_ACCMODE) != O_RDONLY || (how & (O_CREAT | O_TRUNC));
    if (!may_write || (how & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return 0;
    return kache_is_there(dirfd, path, !(how & O_NOFOLLOW)) ? F_THERE : 0;
}

static char *put_hex(char *at, uint64_t value) {
    int shift = 60;
    while (shift && !(value >> shift)) shift -= 4;
    for (; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[value >> shift & 15];
    *at++ = ':';
    return at;
}

static uint64_t nanoseconds(struct statx_timestamp time) {
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Which file a descriptor is, and of what time: by its name, another may be found later. Adds to the flags whether it is a
 * directory. */
static __attribute__((noinline)) size_t identify(int fd, char out[IDENTITY_MAX], unsigned *flags) {
    struct statx is;
    if (kache_raw(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_BASIC_STATS, (long)&is, 0)) return 0;
    if (S_ISDIR(is.stx_mode)) *flags |= F_DIRECTORY;
    uint64_t major = is.stx_dev_major, minor = is.stx_dev_minor;
    uint64_t device = (major & ~(uint64_t)0xfff) << 32 | (major & 0xfff) << 8 | (minor & ~(uint64_t)0xff) << 12 |
                      (minor & 0xff);
    char *at = put_hex(out, device);
    at = put_hex(at, is.stx_ino);
    at = put_hex(at, is.stx_size);
    at = put_hex(at, nanoseconds(is.stx_mtime));
    at = put_hex(at, nanoseconds(is.stx_ctime));
    return (size_t)(at - out) - 1;
}

void kache_note_open(int err, uint32_t module, int dirfd, const char *path, int how, unsigned found, int fd) {
    unsigned flags = found | (how & O_CREAT ? F_CREAT : 0) | (how & O_TRUNC ? F_TRUNC : 0) | (how & O_EXCL ? F_EXCL : 0) |
                     (how & O_APPEND ? F_APPEND : 0) | (how & O_DIRECTORY ? F_DIRECTORY : 0);
    struct place place;
    kache_locate(&place, dirfd, path);
    if (!place.known) return;
    int mode = how & O_ACCMODE;
    if (how & O_PATH) {
        kache_emit(K_STAT, how & O_NOFOLLOW ? F_NOFOLLOW : 0, err, module, 0, place.text, NO_TEXT);
        return;
    }
#ifdef O_TMPFILE
    if ((how & O_TMPFILE) == O_TMPFILE) return;
#endif
    bool writes = mode != O_RDONLY || (how & (O_CREAT | O_TRUNC));
    if (!err && !writes && kache_is_own_descriptor(path)) return;
    bool is_new = !err && (how & O_CREAT) && !found;
    /* A file opened for both, not emptied and not new, may have had something to read. */
    bool reads = mode != O_WRONLY && !(how & O_TRUNC) && !is_new;
    char identity[IDENTITY_MAX];
    size_t length = reads && !err && fd >= 0 ? identify(fd, identity, &flags) : 0;
    unsigned how_named = place.relative ? F_READ_RELATIVE : 0;
    if (reads) kache_emit(K_READ, flags | how_named, err, module, how, place.text, text_len(identity, length));
    if (writes) kache_emit(K_WRITE, flags, err, module, how, place.text, NO_TEXT);
}

static int flags_of_mode(const char *mode) {
    int how = O_RDONLY;
    if (mode[0] == 'w') how = O_WRONLY | O_CREAT | O_TRUNC;
    if (mode[0] == 'a') how = O_WRONLY | O_CREAT | O_APPEND;
    for (const char *c = mode; *c && *c != ','; c++) {
        if (*c == '+') how = (how & ~O_ACCMODE) | O_RDWR;
        if (*c == 'x') how |= O_EXCL;
    }
    return how;
}

/* The mode is passed on whether or not it was given: a register that nobody reads is harmless. */
#define TAKE_MODE(last)                                                                                      \
    va_list arguments;                                                                                       \
    va_start(arguments, last);                                                                               \
    unsigned mode = va_arg(arguments, unsigned);                                                             \
    va_end(arguments)

#define OPEN_BODY(dirfd, how, call)                                                                          \
    unsigned found = kache_found(dirfd, path, how);                                                          \
    int fd = call;                                                                                           \
    if (SKIP(fd < 0)) return fd;                                                                             \
    OUTCOME(fd < 0);                                                                                         \
    kache_note_open(err, module, dirfd, path, how, found, fd);                                               \
    DONE;                                                                                                    \
    return fd

#define OPEN(name)                                                                                           \
    HOOK(int, name, const char *path, int how, ...) {                                                        \
        TAKE_MODE(how);                                                                                      \
        OPEN_BODY(AT_FDCWD, how, REAL(name)(path, how, mode));                                               \
    }
#define OPENAT(name)                                                                                         \
    HOOK(int, name, int dirfd, const char *path, int how, ...) {                                             \
        TAKE_MODE(how);                                                                                      \
        OPEN_BODY(dirfd, how, REAL(name)(dirfd, path, how, mode));                                           \
    }
#define OPEN_2(name)                                                                                         \
    HOOK(int, name, const char *path, int how) {                                                             \
        OPEN_BODY(AT_FDCWD, how, REAL(name)(path, how));                                                     \
    }
#define OPENAT_2(name)                                                                                       \
    HOOK(int, name, int dirfd, const char *path, int how) {                                                  \
        OPEN_BODY(dirfd, how, REAL(name)(dirfd, path, how));                                                 \
    }
#define CREAT(name)                                                                                          \
    HOOK(int, name, const char *path, mode_t mode) {                                                         \
        OPEN_BODY(AT_FDCWD, O_WRONLY | O_CREAT | O_TRUNC, REAL(name)(path, mode));                           \
    }

OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
CREAT(creat)
CREAT(creat64)

#pragma weak fileno
extern int fileno(void *stream);

static int kache_fileno(void *stream) {
    return fileno ? fileno(stream) : -1;
}

#define FOPEN(name)                                                                                          \
    HOOK(void *, name, const char *path, const char *how) {                                                  \
        unsigned found = kache_active && path && how ? kache_found(AT_FDCWD, path, flags_of_mode(how)) : 0;  \
        void *stream = REAL_POINTER(name)(path, how);                                                        \
        if (SKIP(!stream) || !path || !how) return stream;                                                   \
        OUTCOME(!stream);                                                                                    \
        kache_note_open(err, module, AT_FDCWD, path, flags_of_mode(how), found, err ? -1 : kache_fileno(stream)); \
        DONE;                                                                                                \
        return stream;                                                                                       \
    }
#define FREOPEN(name)                                                                                        \
    HOOK(void *, name, const char *path, const char *how, void *old) {                                       \
        unsigned found = kache_active && path && how ? kache_found(AT_FDCWD, path, flags_of_mode(how)) : 0;  \
        void *stream = REAL_POINTER(name)(path, how, old);                                                   \
        if (SKIP(!stream) || !path || !how) return stream;                                                   \
        OUTCOME(!stream);                                                                                    \
        kache_note_open(err, module, AT_FDCWD, path, flags_of_mode(how), found, err ? -1 : kache_fileno(stream)); \
        DONE;                                                                                                \
        return stream;                                                                                       \
    }

FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

/* The template is recorded as it came back, filled in. */
#define MKSTEMP(name)                                                                                        \
    HOOK(int, name, char *path) {                                                                            \
        OPEN_BODY(AT_FDCWD, O_RDWR | O_CREAT | O_EXCL, REAL(name)(path));                                    \
    }
#define MKSTEMP_1(name)                                                                                      \
    HOOK(int, name, char *path, int a) {                                                                     \
        OPEN_BODY(AT_FDCWD, O_RDWR | O_CREAT | O_EXCL, REAL(name)(path, a));                                 \
    }
#define MKSTEMP_2(name)                                                                                      \
    HOOK(int, name, char *path, int a, int b) {                                                              \
        OPEN_BODY(AT_FDCWD, O_RDWR | O_CREAT | O_EXCL, REAL(name)(path, a, b));                              \
    }

MKSTEMP(mkstemp)
MKSTEMP(mkstemp64)
MKSTEMP_1(mkostemp)
MKSTEMP_1(mkostemp64)
MKSTEMP_1(mkstemps)
MKSTEMP_1(mkstemps64)
MKSTEMP_2(mkostemps)
MKSTEMP_2(mkostemps64)

/* ---- calls with a path and an int for a result ---- */

#define WITH_PLACE(kind, aux)                                                                                \
    ((kind) == K_STAT || (kind) == K_LIST ? (int64_t)(uint32_t)(aux) | RETURNS_TO(CALLER, module) : (aux))

#define INT_BODY(kind, flags, aux, dirfd, call)                                                              \
    int result = call;                                                                                       \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    note(kind, flags, err, module, WITH_PLACE(kind, aux), dirfd, path);                                      \
    DONE;                                                                                                    \
    return result

#define TRUNCATE(name, type)                                                                                 \
    HOOK(int, name, const char *path, type size) {                                                           \
        INT_BODY(K_WRITE, F_TRUNC | F_THERE, 0, AT_FDCWD, REAL(name)(path, size));                             \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, LARGE_OFF)

HOOK(int, mknod, const char *path, mode_t mode, dev_t device) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, AT_FDCWD, REAL(mknod)(path, mode, device));
}
HOOK(int, mknodat, int dirfd, const char *path, mode_t mode, dev_t device) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, dirfd, REAL(mknodat)(dirfd, path, mode, device));
}
HOOK(int, __xmknod, int version, const char *path, mode_t mode, dev_t *device) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, AT_FDCWD, REAL(__xmknod)(version, path, mode, device));
}
HOOK(int, __xmknodat, int version, int dirfd, const char *path, mode_t mode, dev_t *device) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, dirfd, REAL(__xmknodat)(version, dirfd, path, mode, device));
}
HOOK(int, mkfifo, const char *path, mode_t mode) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, AT_FDCWD, REAL(mkfifo)(path, mode));
}
HOOK(int, mkfifoat, int dirfd, const char *path, mode_t mode) {
    INT_BODY(K_WRITE, F_CREAT | F_EXCL, 0, dirfd, REAL(mkfifoat)(dirfd, path, mode));
}

/* ---- probes ---- */

#define MODE(buffer) (result == 0 ? (int64_t)(buffer)->st_mode : 0)
#define LINK_FLAG(flags) ((flags)&AT_SYMLINK_NOFOLLOW ? F_NOFOLLOW : 0)

#define STAT(name, type, flags)                                                                              \
    HOOK(int, name, const char *path, struct type *buffer) {                                                 \
        INT_BODY(K_STAT, flags, MODE(buffer), AT_FDCWD, REAL(name)(path, buffer));                           \
    }
STAT(stat, stat, 0)
STAT(stat64, LARGE_STAT, 0)
STAT(lstat, stat, F_NOFOLLOW)
STAT(lstat64, LARGE_STAT, F_NOFOLLOW)

#define XSTAT(name, type, flags)                                                                             \
    HOOK(int, name, int version, const char *path, struct type *buffer) {                                    \
        INT_BODY(K_STAT, flags, MODE(buffer), AT_FDCWD, REAL(name)(version, path, buffer));                  \
    }
XSTAT(__xstat, stat, 0)
XSTAT(__xstat64, LARGE_STAT, 0)
XSTAT(__lxstat, stat, F_NOFOLLOW)
XSTAT(__lxstat64, LARGE_STAT, F_NOFOLLOW)

void kache_note_status_fd(unsigned flags, int err, uint32_t module, int64_t aux, int fd) {
    if (!kache_active || fd < 0 || !kache_status_counts(module)) return;
    int saved = errno;
    const struct text text = {0, 0, 0, 0, FROM_FD, fd};
    kache_emit(K_STAT, flags | F_BY_DESCRIPTOR, err, module, aux, text, NO_TEXT);
    errno = saved;
}

/* An empty path stands for the descriptor's own file. */
#define OF_DESCRIPTOR(flags)                                                                                 \
    if (kache_active && ((flags)&AT_EMPTY_PATH) && path && !path[0]) {                                       \
        uint32_t module_ = kache_module(CALLER);                                                             \
        kache_note_status_fd(0, 0, module_, RETURNS_TO(CALLER, module_), dirfd);                             \
    }

#define FSTATAT(name, type)                                                                                  \
    HOOK(int, name, int dirfd, const char *path, struct type *buffer, int flags) {                           \
        OF_DESCRIPTOR(flags)                                                                                 \
        INT_BODY(K_STAT, LINK_FLAG(flags), MODE(buffer), dirfd, REAL(name)(dirfd, path, buffer, flags));     \
    }
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, LARGE_STAT)

#define FXSTATAT(name, type)                                                                                 \
    HOOK(int, name, int version, int dirfd, const char *path, struct type *buffer, int flags) {              \
        OF_DESCRIPTOR(flags)                                                                                 \
        INT_BODY(K_STAT, LINK_FLAG(flags), MODE(buffer), dirfd, REAL(name)(version, dirfd, path, buffer, flags)); \
    }
FXSTATAT(__fxstatat, stat)
FXSTATAT(__fxstatat64, LARGE_STAT)

HOOK(int, statx, int dirfd, const char *path, int flags, unsigned mask, struct statx *buffer) {
    OF_DESCRIPTOR(flags)
    INT_BODY(K_STAT, LINK_FLAG(flags), result == 0 ? (int64_t)buffer->stx_mode : 0, dirfd,
             REAL(statx)(dirfd, path, flags, mask, buffer));
}

#define ACCESS(name)                                                                                         \
    HOOK(int, name, const char *path, int mode) {                                                            \
        INT_BODY(K_STAT, F_ASKED(mode), 0, AT_FDCWD, REAL(name)(path, mode));                                \
    }
ACCESS(access)
ACCESS(euidaccess)
ACCESS(eaccess)

HOOK(int, faccessat, int dirfd, const char *path, int mode, int flags) {
    INT_BODY(K_STAT, LINK_FLAG(flags) | F_ASKED(mode), 0, dirfd, REAL(faccessat)(dirfd, path, mode, flags));
}
HOOK(int, chdir, const char *path) {
    /* A relative path means the directory that was left. */
    struct held held;
    kache_hold(&held);
    int result = REAL(chdir)(path);
    if (!held.record) return result;
    OUTCOME(result < 0);
    bool named = err != EFAULT && path[0];
    bool relative = named && path[0] != '/';
    kache_release(&held, K_STAT, F_ENTERED, err, module, err ? 0 : S_IFDIR, relative ? path : NULL);
    if (named && !relative) note(K_STAT, F_ENTERED, err, module, err ? 0 : S_IFDIR, AT_FDCWD, path);
    DONE;
    return result;
}

#define READLINK_BODY(dirfd, call)                                                                           \
    ssize_t result = call;                                                                                   \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    note_result(K_READLINK, err, module, dirfd, path, text_len(buffer, result > 0 ? (size_t)result : 0));    \
    DONE;                                                                                                    \
    return result

HOOK(ssize_t, readlink, const char *path, char *buffer, size_t size) {
    READLINK_BODY(AT_FDCWD, REAL(readlink)(path, buffer, size));
}
HOOK(ssize_t, readlinkat, int dirfd, const char *path, char *buffer, size_t size) {
    READLINK_BODY(dirfd, REAL(readlinkat)(dirfd, path, buffer, size));
}
HOOK(ssize_t, __readlink_chk, const char *path, char *buffer, size_t size, size_t limit) {
    READLINK_BODY(AT_FDCWD, REAL(__readlink_chk)(path, buffer, size, limit));
}
HOOK(ssize_t, __readlinkat_chk, int dirfd, const char *path, char *buffer, size_t size, size_t limit) {
    READLINK_BODY(dirfd, REAL(__readlinkat_chk)(dirfd, path, buffer, size, limit));
}

/* kache has spelled paths in the arguments relative that the caller spelled absolute. They stay relative where the command
 * asks for the real path of a file, so that what it keeps for later runs serves other checkouts. No plugin is answered like
 * this, and plugins are loaded by their real paths (`kache_real_path`). */
static bool is_respelled(const char *path) {
    return kache_keeps_spelling && path[0] != '/' && __builtin_strchr(path, '/') &&
           RAW(SYS_getppid, 0, 0, 0, 0) == kache_launcher();
}

static char *as_spelled(const char *path, char *real) {
    struct stat status;
    if (kache_plugins_loaded() || !is_respelled(path)) return real;
    if (RAW(SYS_newfstatat, AT_FDCWD, real, &status, 0) != 0 || !S_ISREG(status.st_mode)) return real;
    size_t length = __builtin_strlen(path);
    if (length <= __builtin_strlen(real)) __builtin_memcpy(real, path, length + 1);
    return real;
}

#define REALPATH_BODY(call)                                                                                  \
    char *result = call;                                                                                     \
    if (SKIP(!result) || !path) return result;                                                               \
    OUTCOME(!result);                                                                                        \
    note_result(K_REALPATH, err, module, AT_FDCWD, path, text_of(result));                                   \
    DONE;                                                                                                    \
    return result ? as_spelled(path, result) : NULL

HOOK(char *, realpath, const char *path, char *resolved) {
    REALPATH_BODY(REAL_POINTER(realpath)(path, resolved));
}
const char *kache_real_path(const char *path) {
    if (!is_respelled(path)) return path;
    char *room = kache_scratch(PATH_MAX);
    return room && REAL_POINTER(realpath)(path, room) ? room : path;
}
HOOK(char *, __realpath_chk, const char *path, char *resolved, size_t size) {
    REALPATH_BODY(REAL_POINTER(__realpath_chk)(path, resolved, size));
}
HOOK(char *, canonicalize_file_name, const char *path) {
    REALPATH_BODY(REAL_POINTER(canonicalize_file_name)(path));
}

/* ---- listings ---- */

HOOK(void *, opendir, const char *path) {
    void *result = REAL_POINTER(opendir)(path);
    if (SKIP(!result)) return result;
    OUTCOME(!result);
    note(K_LIST, 0, err, module, RETURNS_TO(CALLER, module), AT_FDCWD, path);
    DONE;
    return result;
}

void kache_note_list_fd(unsigned flags, int err, uint32_t module, int64_t aux, int fd) {
    struct place place;
    kache_locate_fd(&place, fd);
    if (place.known) kache_emit(K_LIST, flags, err, module, aux, place.text, NO_TEXT);
}

HOOK(void *, fdopendir, int fd) {
    void *result = REAL_POINTER(fdopendir)(fd);
    if (SKIP(!result)) return result;
    OUTCOME(!result);
    kache_note_list_fd(0, err, module, RETURNS_TO(CALLER, module), fd);
    DONE;
    return result;
}

/* The names themselves, from a descriptor that was opened as any file is. */
HOOK(ssize_t, getdents64, int fd, void *buffer, size_t size) {
    ssize_t result = REAL(getdents64)(fd, buffer, size);
    if (SKIP(result < 0)) return result;
    OUTCOME(result < 0);
    kache_note_list_fd(0, err, module, RETURNS_TO(CALLER, module), fd);
    DONE;
    return result;
}
#define DIRENTRIES(name, type)                                                                               \
    HOOK(ssize_t, name, int fd, char *buffer, size_t size, type *base) {                                     \
        ssize_t result = REAL(name)(fd, buffer, size, base);                                                 \
        if (SKIP(result < 0)) return result;                                                                 \
        OUTCOME(result < 0);                                                                                 \
        kache_note_list_fd(0, err, module, RETURNS_TO(CALLER, module), fd);                                  \
        DONE;                                                                                                \
        return result;                                                                                       \
    }
DIRENTRIES(getdirentries, off_t)
DIRENTRIES(getdirentries64, LARGE_OFF)

#define SCANDIR(name)                                                                                        \
    HOOK(int, name, const char *path, void *list, void *filter, void *order) {                               \
        INT_BODY(K_LIST, 0, 0, AT_FDCWD, REAL(name)(path, list, filter, order));                             \
    }
#define SCANDIRAT(name)                                                                                      \
    HOOK(int, name, int dirfd, const char *path, void *list, void *filter, void *order) {                    \
        INT_BODY(K_LIST, 0, 0, dirfd, REAL(name)(dirfd, path, list, filter, order));                         \
    }
SCANDIR(scandir)
SCANDIR(scandir64)
SCANDIRAT(scandirat)
SCANDIRAT(scandirat64)

/* These walk within libc, where no hook sees them. They are recorded before their callbacks run. */
#define WALK(name, flags_, parameters, ...)                                                                  \
    HOOK(int, name, parameters) {                                                                            \
        if (kache_active && path) {                                                                          \
            int saved = errno;                                                                               \
            note(K_LIST, flags_, 0, kache_module(CALLER), 0, AT_FDCWD, path);                                \
            errno = saved;                                                                                   \
        }                                                                                                    \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }
WALK(glob, F_PATTERN, const char *path COMMA int flags COMMA void *error COMMA void *result, path, flags, error, result)
WALK(glob64, F_PATTERN, const char *path COMMA int flags COMMA void *error COMMA void *result, path, flags, error,
     result)
WALK(ftw, F_PATTERN | F_RECURSIVE, const char *path COMMA void *visit COMMA int fds, path, visit, fds)
WALK(ftw64, F_PATTERN | F_RECURSIVE, const char *path COMMA void *visit COMMA int fds, path, visit, fds)
WALK(nftw, F_PATTERN | F_RECURSIVE, const char *path COMMA void *visit COMMA int fds COMMA int flags, path, visit, fds,
     flags)
WALK(nftw64, F_PATTERN | F_RECURSIVE, const char *path COMMA void *visit COMMA int fds COMMA int flags, path, visit,
     fds, flags)

#define FTS(name)                                                                                            \
    HOOK(void *, name, char *const *paths, int flags, void *order) {                                         \
        int saved = errno;                                                                                   \
        uint32_t module = kache_module(CALLER);                                                              \
        for (char *const *path = paths; kache_active && path && *path; path++)                               \
            note(K_LIST, F_PATTERN | F_RECURSIVE, 0, module, 0, AT_FDCWD, *path);                            \
        errno = saved;                                                                                       \
        return REAL_POINTER(name)(paths, flags, order);                                                      \
    }
FTS(fts_open)
FTS(fts64_open)

/* ---- changes ---- */

HOOK(int, mkdir, const char *path, mode_t mode) {
    INT_BODY(K_MKDIR, 0, 0, AT_FDCWD, REAL(mkdir)(path, mode));
}
HOOK(int, mkdirat, int dirfd, const char *path, mode_t mode) {
    INT_BODY(K_MKDIR, 0, 0, dirfd, REAL(mkdirat)(dirfd, path, mode));
}
HOOK(char *, mkdtemp, char *path) {
    char *result = REAL_POINTER(mkdtemp)(path);
    if (SKIP(!result)) return result;
    OUTCOME(!result);
    note(K_MKDIR, 0, err, module, 0, AT_FDCWD, path);
    DONE;
    return result;
}

#define UNLINK_BODY(flags, dirfd, call)                                                                      \
    struct kept kept = (flags)&F_RMDIR ? (struct kept){0, false} : kache_keep(dirfd, path);                  \
    int result = call;                                                                                       \
    if (result < 0) kache_keep_not(kept);                                                                    \
    if (SKIP(result < 0)) return result;                                                                     \
    OUTCOME(result < 0);                                                                                     \
    note(K_UNLINK, flags, err, module, kept.number, dirfd, path);                                            \
    DONE;                                                                                                    \
    return result

HOOK(int, unlink, const char *path) {
    UNLINK_BODY(0, AT_FDCWD, REAL(unlink)(path));
}
HOOK(int, rmdir, const char *path) {
    UNLINK_BODY(F_RMDIR, AT_FDCWD, REAL(rmdir)(path));
}
HOOK(int, remove, const char *path) {
    UNLINK_BODY(0, AT_FDCWD, REAL(remove)(path));
}
HOOK(int, unlinkat, int dirfd, const char *path, int flags) {
    UNLINK_BODY(flags & AT_REMOVEDIR ? F_RMDIR : 0, dirfd, REAL(unlinkat)(dirfd, path, flags));
}

/* ---- the working directory ---- */

#define CWD_BODY(bit, call)                                                                                  \
    char *result = call;                                                                                     \
    if (SKIP(!result) || !result) return result;                                                             \
    int saved = errno;                                                                                       \
    uint32_t module = kache_module(CALLER);                                                                  \
    if (kache_first_time(module, bit)) kache_emit(K_CWD, 0, 0, module, 0, text_of(result), NO_TEXT);         \
    DONE;                                                                                                    \
    return result

HOOK(char *, getcwd, char *buffer, size_t size) {
    CWD_BODY(FIRST_GETCWD, REAL_POINTER(getcwd)(buffer, size));
}
void kache_note_cwd(uint32_t module, const char *cwd) {
    if (kache_first_time(module, FIRST_GETCWD)) kache_emit(K_CWD, 0, 0, module, 0, text_of(cwd), NO_TEXT);
}
HOOK(char *, __getcwd_chk, char *buffer, size_t size, size_t limit) {
    CWD_BODY(FIRST_GETCWD, REAL_POINTER(__getcwd_chk)(buffer, size, limit));
}
HOOK(char *, getwd, char *buffer) {
    CWD_BODY(FIRST_GETCWD, REAL_POINTER(getwd)(buffer));
}
HOOK(char *, __getwd_chk, char *buffer, size_t size) {
    CWD_BODY(FIRST_GETCWD, REAL_POINTER(__getwd_chk)(buffer, size));
}
HOOK(char *, get_current_dir_name, void) {
    CWD_BODY(FIRST_CURRENT_DIR, REAL_POINTER(get_current_dir_name)());
}

void kache_note_path(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, int dirfd,
                     const char *path) {
    note(kind, flags, err, module, aux, dirfd, path);
}

void kache_note_readlink(int err, uint32_t module, int dirfd, const char *path, const char *result, long len) {
    note_result(K_READLINK, err, module, dirfd, path, text_len(result, len > 0 ? (size_t)len : 0));
}
