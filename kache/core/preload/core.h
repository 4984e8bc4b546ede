/* What the parts of the observer share: the record, the log, the modules and the way a hook is declared.
 *
 * The layouts and bits here are half of a contract whose other half is `observe/log.rs`. */

#ifndef KACHE_OBSERVER_CORE_H
#define KACHE_OBSERVER_CORE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum kind {
    K_START = 1,
    K_MODULE = 2,
    K_READ = 3,
    K_WRITE = 4,
    K_STAT = 5,
    K_READLINK = 6,
    K_REALPATH = 7,
    K_LIST = 8,
    K_EXEC = 9,
    K_SPAWNED = 10,
    K_GETENV = 11,
    K_MKDIR = 12,
    K_RENAME = 13,
    K_UNLINK = 14,
    K_LINK = 15,
    K_CWD = 16,
    K_DLOPEN = 17,
    K_RAW_SYSCALL = 18,
    K_CONNECT = 19,
    K_VOLATILE = 20,
    K_EXIT = 21,
    K_LOOKUP = 22,
    K_HOST_FACT = 25,
    K_NAMED = 30,
    K_CHANGE = 31,
    K_DESCRIPTOR = 32,
    K_ARGUMENT = 33,
    K_UNFOLLOWED = 37,
    K_UNLOCATED = 40,
    K_FILTERED = 41,
    K_FAILED = 42,
    /* Room that holds nothing for the reader. */
    K_MAPS = 46,
    K_VOID = 255,
};

/* Start: announced by a process that was forked and goes on with its parent's program. */
#define F_FORKED 1
/* Start: system calls that are made outside libc are delivered to the observer. */
#define F_DISPATCHED 16
/* Read, Write: how the file was opened. */
#define F_CREAT 1
#define F_TRUNC 2
#define F_EXCL 4
#define F_APPEND 8
#define F_DIRECTORY 16
#define F_THERE 32
/* K_READ: the argument was relative. */
#define F_READ_RELATIVE 64
/* Stat, Change */
#define F_NOFOLLOW 1
/* Stat: the permissions that were asked about, `X_OK` and its like times two. */
#define F_ASKED(mode) (((unsigned)(mode) & 7) << 1)
/* Stat: outside libc; of what is open. */
#define F_BEYOND 16
#define F_BY_DESCRIPTOR 32
/* Stat: the caller entered the directory. That tells the caller nothing of the status. */
#define F_ENTERED 64
/* Rename */
#define F_REPLACES 1
#define F_NO_REPLACE 4
/* Realpath, Exec without a search */
#define F_RELATIVE 1
/* List */
#define F_PATTERN 1
#define F_RECURSIVE 2
/* Exec */
#define F_SEARCH 1
#define F_EXEC_RELATIVE 2
#define F_BY_LIBC 4
#define F_EXEC_UNREAD 8
#define F_ALONE 16
/* Exit: nothing read the array of variables. */
#define F_EXIT_UNREAD 1
/* Exit: past libc. */
#define F_EXIT_RAW 2
/* Spawned */
#define F_POSIX_SPAWN 1
/* Unlink */
#define F_RMDIR 1
/* Link */
#define F_SYMLINK 1
/* HostFact: the program set it; it asked, and the answer is not to be compared. */
#define F_SET 1
#define F_UNANSWERED 2

/* Descriptor: what it is, and not what it holds, was asked. */
#define F_ASKED_ABOUT 1
/* Lookup: what was found is the C library's, and no hook stands in front of it. */
#define F_OF_C_LIBRARY 1
/* Of any kind, and not in what is read of a finished record: the call is made after the record is written, and no other call
 * goes unrecorded because of this one. A thread that is killed while it writes the record has asked for nothing. */
#define F_UNASKED 0x100

#define MODULE_UNKNOWN 0xffffffffu
#define TEXT_MAX 65536
#define PATH_ROOM 4096

enum source {
    IN_MEMORY,
    FROM_CWD,
    FROM_FD,
    FROM_EXE,
};

/* `head` and `tail` are written with a slash between them, so that a joined path needs no buffer of its own. A head that
 * only the kernel knows is asked for when the record is written: no buffer of a path's length may be on a stack here. */
struct text {
    const char *head;
    size_t head_len;
    const char *tail;
    size_t tail_len;
    enum source source;
    int fd;
};

#define NO_TEXT ((struct text){0, 0, 0, 0, IN_MEMORY, 0})

struct place {
    struct text text;
    bool relative;
    bool known;
};

extern bool kache_active;
/* Nothing is recorded, and compilers are fronted. */
extern bool kache_quiet;
/* Relative paths stay as they are spelled: see `files.c`. */
extern bool kache_keeps_spelling;

static inline struct text text_of(const char *s) {
    return s ? (struct text){s, __builtin_strlen(s), 0, 0, IN_MEMORY, 0} : NO_TEXT;
}

static inline bool starts_with(const char *s, const char *prefix) {
    return __builtin_strncmp(s, prefix, __builtin_strlen(prefix)) == 0;
}

static inline struct text text_len(const char *s, size_t len) {
    return (struct text){s, len, 0, 0, IN_MEMORY, 0};
}

char *kache_emit(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, struct text a, struct text b);
/* Room in the log for what belongs to no record, for as long as the log is there. */
void *kache_scratch(size_t size);
void kache_scratch_done(void *room, size_t used);
/* Tells the reader, before the run is over, that a process has seen another fail. */
void kache_note_trouble(void);

/* A record whose relative path means the working directory before the call that it tells of. */
struct held {
    void *record;
    uint64_t at;
    size_t total;
    long length;
};
void kache_hold(struct held *held);
void kache_release(struct held *held, enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux,
                   const char *path);
void kache_locate(struct place *place, int dirfd, const char *path);
void kache_locate_fd(struct place *place, int fd);
uint32_t kache_module(void *return_address);
uintptr_t kache_module_base(uint32_t module);
bool kache_first_time(uint32_t module, unsigned bit);
void kache_forget_first_times(void);
void kache_scan_modules(void);
void kache_prune_modules(void);
bool kache_is_own_process(void);
bool kache_plugins_loaded(void);
/* Whether the status of open files counts for code: for what was loaded later, or runs in a program that such code started. */
bool kache_status_counts(uint32_t module);

long kache_raw(long nr, long a, long b, long c, long d, long e, long f);
/* The instruction by which it calls the kernel, followed by a return: its own, or one of libc's. */
extern void *kache_gate __attribute__((visibility("hidden")));
#define RAW(nr, a, b, c, d) kache_raw((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/* The two strings a child needs; `kache_object` is the path in LD_PRELOAD. */
extern char kache_log_variable[];
extern const char *kache_object;
#define LOG_VARIABLE "KACHE_OBSERVE_LOG="
#define PRELOAD_VARIABLE "LD_PRELOAD="

/* Copies a text without its final zero. Returns the place after the copy. */
static inline char *append(char *to, const char *text) {
    size_t length = __builtin_strlen(text);
    __builtin_memcpy(to, text, length);
    return to + length;
}

struct real {
    const char *name;
    void **slot;
};

extern struct real __start_kache_reals[] __attribute__((visibility("hidden")));
extern struct real __stop_kache_reals[] __attribute__((visibility("hidden")));

/* The next object's, past all hooks. */
void *kache_next(const char *name);
void *kache_next_version(const char *name, const char *version);
void *kache_real(void **slot, const char *name);
long kache_missing(void);
void *kache_missing_pointer(void);

#define EXPORT __attribute__((visibility("default")))

/* The C name differs from the symbol's: the headers' prototypes carry `nonnull`, under which the compiler
 * deletes the checks that a hook needs, and fortified headers redefine some of them. */
#define HOOK(type, name, ...)                                                                                \
    static void *real_##name;                                                                                \
    static struct real entry_##name __attribute__((section("kache_reals"), used)) = {#name, &real_##name};   \
    EXPORT type hook_##name(__VA_ARGS__) __asm__(#name);                                                     \
    type hook_##name(__VA_ARGS__)

/* What a libc lacks is marked so, and not looked for again: a lookup may wait for the loader's lock, and it clears
 * the error that the program's next `dlerror` is to return. */
#define NOT_THERE ((void *)1)

#define REAL_OR(name, missing)                                                                               \
    ((__typeof__(&hook_##name))({                                                                            \
        void *found_ = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                                      \
        if (__builtin_expect((uintptr_t)found_ <= 1, 0)) {                                                   \
            if (!found_) found_ = kache_real(&real_##name, #name);                                           \
            if (found_ == NOT_THERE) found_ = (void *)(missing);                                             \
        }                                                                                                    \
        found_;                                                                                              \
    }))
#define REAL(name) REAL_OR(name, kache_missing)
#define REAL_POINTER(name) REAL_OR(name, kache_missing_pointer)

/* Between the parameters that a hook hands to a macro of hooks. */
#define COMMA ,

#define CALLER __builtin_return_address(0)

#endif
