/* Whether a program read the array of all its variables, or only asked for some by name.
 *
 * Most programs that import `environ` pass it on to a child and read nothing of it. To depend on all variables for
 * that would make a new key in each checkout. So the array of a program that a macro started (`header->plugins`) is
 * moved to pages of its own before `main`, and when the program ends, or becomes another, `/proc/self/pagemap` says
 * whether they were ever touched: no fault is caught, no signal is used, and the program is not slowed.
 *
 * - The pages are mapped twice. Our own code and the hooks that stand for `getenv` use the other mapping.
 * - libc reads the array in some calls itself, by names that are recorded. Around those the pages are looked at
 *   before, and their entries in the page table dropped afterwards.
 * - They are locked once touched: memory that the kernel reclaims would look untouched again.
 * - A program that sets `environ` itself, or for which any of this fails, counts as one that reads all variables, as
 *   does one that ends without saying so. What walks from `argv` to the array that the kernel made is not seen. */

#include "environ.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern char **environ;

#define PAGE 4096ul
#define PAGES_MAX 16ul
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#define DONTNEED_LOCKED 24
#define PRESENT_OR_SWAPPED (3ull << 62)

#define RAW(nr, a, b, c, d) kache_raw((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static char **guard;
static char **alias;
static size_t size;
static bool was_read;

static bool failed(long result) {
    return result < 0 && result >= -4095;
}

static size_t count(char *const *array) {
    size_t entries = 0;
    while (array && array[entries]) entries++;
    return entries;
}

static bool copy_in(char *const *array) {
    size_t bytes = (count(array) + 1) * sizeof(char *);
    if (bytes > size) return false;
    __builtin_memcpy(alias, array, bytes);
    return true;
}

static void set_up(void) {
    /* As much again for what the program may add. */
    size_t wanted = (2 * count(environ) + 64) * sizeof(char *);
    size = (wanted + PAGE - 1) & ~(PAGE - 1);
    if (!environ || size > PAGES_MAX * PAGE) return;
    long fd = RAW(SYS_memfd_create, "kache-environ", 1 /* MFD_CLOEXEC */, 0, 0);
    if (fd < 0) return;
    long first = -1, second = -1;
    if (!failed(RAW(SYS_ftruncate, fd, size, 0, 0))) {
        first = kache_raw(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        second = kache_raw(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    RAW(SYS_close, fd, 0, 0, 0);
    if (failed(first) || failed(second) || failed(RAW(SYS_mlock2, first, size, MLOCK_ONFAULT, 0))) {
        if (!failed(first)) RAW(SYS_munmap, first, size, 0, 0);
        if (!failed(second)) RAW(SYS_munmap, second, size, 0, 0);
        return;
    }
    alias = (char **)second;
    if (!copy_in(environ)) return;
    guard = (char **)first;
    environ = guard;
}

static bool touched(void) {
    long fd = RAW(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return true;
    uint64_t entries[PAGES_MAX];
    size_t bytes = size / PAGE * sizeof *entries;
    long got = RAW(SYS_pread64, fd, entries, bytes, (uintptr_t)guard / PAGE * sizeof *entries);
    RAW(SYS_close, fd, 0, 0, 0);
    if (got != (long)bytes) return true;
    uint64_t all = 0;
    for (size_t page = 0; page < size / PAGE; page++) all |= entries[page];
    return all & PRESENT_OR_SWAPPED;
}

static void drop(void) {
    if (!failed(RAW(SYS_madvise, guard, size, DONTNEED_LOCKED, 0))) return;
    if (failed(RAW(SYS_munlock, guard, size, 0, 0)) || failed(RAW(SYS_madvise, guard, size, MADV_DONTNEED, 0)) ||
        failed(RAW(SYS_mlock2, guard, size, MLOCK_ONFAULT, 0)))
        was_read = true;
}

char *const *kache_variables(char *const *array) {
    return guard && array == guard ? alias : array;
}

bool kache_before_libc_reads(void) {
    if (!kache_active || !guard || was_read) return false;
    if (environ != guard || touched()) {
        was_read = true;
        return false;
    }
    return true;
}

void kache_after_libc_read(bool guarded) {
    if (!guarded) return;
    if (environ != guard) {
        /* It made another array, to add to. */
        if (!environ || !copy_in(environ)) {
            was_read = true;
            return;
        }
        environ = guard;
    }
    drop();
}

bool kache_variables_unread(void) {
    if (!kache_active) return false;
    if (guard && !was_read && (environ != guard || touched())) was_read = true;
    return guard && !was_read;
}

void kache_guard_in_child(void) {
    /* Locks are not inherited. */
    if (guard && !was_read && failed(RAW(SYS_mlock2, guard, size, MLOCK_ONFAULT, 0))) was_read = true;
}

/* ---- where libc reads variables by itself ---- */

#define SETS(name, parameters, ...)                                                                          \
    HOOK(int, name, parameters) {                                                                            \
        return READS_VARIABLES(int, REAL(name)(__VA_ARGS__));                                                \
    }
#define COMMA ,
SETS(setenv, const char *variable COMMA const char *value COMMA int overwrite, variable, value, overwrite)
SETS(putenv, char *entry, entry)
SETS(unsetenv, const char *variable, variable)

#define PARSES(name, parameters, ...)                                                                        \
    HOOK(int, name, parameters) {                                                                            \
        kache_note_variable("POSIXLY_CORRECT", kache_module(CALLER));                                        \
        return READS_VARIABLES(int, REAL(name)(__VA_ARGS__));                                                \
    }
PARSES(getopt, int argc COMMA char *const *argv COMMA const char *options, argc, argv, options)
PARSES(getopt_long, int argc COMMA char *const *argv COMMA const char *options COMMA const void *more COMMA int *index,
       argc, argv, options, more, index)
PARSES(getopt_long_only, int argc COMMA char *const *argv COMMA const char *options COMMA const void *more COMMA
       int *index, argc, argv, options, more, index)

#define READS(name, variable, parameters, ...)                                                               \
    HOOK(void *, name, parameters) {                                                                         \
        kache_note_variable(variable, kache_module(CALLER));                                                 \
        return READS_VARIABLES(void *, REAL_POINTER(name)(__VA_ARGS__));                                     \
    }
READS(gettext, "LANGUAGE", const char *text, text)
READS(dgettext, "LANGUAGE", const char *domain COMMA const char *text, domain, text)
READS(dcgettext, "LANGUAGE", const char *domain COMMA const char *text COMMA int category, domain, text, category)
READS(iconv_open, "GCONV_PATH", const char *to COMMA const char *from, to, from)

/* ---- the start of `main` ---- */

typedef int start(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                  void (*loader_fini)(void), void *stack_end);

/* libc hands `environ` to `main`, once all constructors have run, and this is the last call before. A program that
 * was linked to a libc older than 2.34 brings its constructors along, and gets the function that calls them. */
EXPORT int hook_start(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end) __asm__("__libc_start_main");
int hook_start(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
               void (*loader_fini)(void), void *stack_end) {
    void *real = NULL;
    if (init) {
#if defined(__aarch64__)
        real = kache_next_version("__libc_start_main", "GLIBC_2.17");
#else
        real = kache_next_version("__libc_start_main", "GLIBC_2.2.5");
#endif
    }
    if (!real) real = kache_next("__libc_start_main");
    if (kache_plugins_loaded()) set_up();
    return ((start *)real)(main, argc, argv, init, fini, loader_fini, stack_end);
}
