/* Hooks for variables, and whether a program read the array of all of them, or only asked for some by name.
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
#include <time.h>
#include <wchar.h>

#include "calls.h"
#include "facts.h"
#include "files.h"

extern char **environ;

#define PAGE 4096ul
#define PAGES_MAX 16ul
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#define DONTNEED_LOCKED 24
#define PRESENT_OR_SWAPPED (3ull << 62)

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

/* ---- reads by name ---- */

/* A program may ask for one variable in a loop: that it is absent is recorded once. A read that gave a value is
 * recorded each time: how often, and before what, is how `observe/include.rs` proves what a path was used for. */
#define SEEN_LIMIT 1024
static uint64_t seen_reads[SEEN_LIMIT];

static bool is_new_read(const char *name, const char *value, uint32_t module) {
    uint64_t hash = 0xcbf29ce484222325u ^ module;
    size_t length = 0;
    for (const char *c = name; *c; c++, length++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    hash = (hash ^ (value ? 0x100 : 0x200)) * 0x100000001b3u;
    for (const char *c = value; c && *c; c++, length++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    if (length > 4096) return true;
    uint64_t *slot = &seen_reads[(hash >> 32) % SEEN_LIMIT];
    if (__atomic_load_n(slot, __ATOMIC_RELAXED) == hash) return false;
    __atomic_store_n(slot, hash, __ATOMIC_RELAXED);
    return true;
}

static void note_getenv(const char *name, const char *value, uint32_t module) {
    if (!name || (!value && !is_new_read(name, value, module))) return;
    int saved = errno;
    kache_emit(K_GETENV, 0, value ? 0 : ENOENT, module, 0, text_of(name), text_of(value));
    errno = saved;
}

/* A program that is made to know it can ask whether it is observed: the variable is in no environment, and has a value. */
static bool asks_for_log(const char *variable) {
    const size_t length = sizeof LOG_VARIABLE - 2;
    return variable && !__builtin_strncmp(variable, LOG_VARIABLE, length) && variable[length] == 0;
}

/* The array whose reading leaves no trace. */
static char *value_of(const char *name) {
    size_t length = __builtin_strlen(name);
    for (char *const *entry = kache_variables(environ); entry && *entry; entry++)
        if (!__builtin_strncmp(*entry, name, length) && (*entry)[length] == '=') return *entry + length + 1;
    return NULL;
}

/* As libc does it, but by that array. */
static char *own_getenv(const char *name, char *(*real)(const char *)) {
    if (kache_variables(environ) == environ || !name) return real(name);
    return *name ? value_of(name) : NULL;
}

#define GETENV(name)                                                                                         \
    HOOK(char *, name, const char *variable) {                                                               \
        if (kache_active && asks_for_log(variable)) return kache_log_variable + sizeof LOG_VARIABLE - 1;     \
        char *value = own_getenv(variable, REAL_POINTER(name));                                              \
        if (kache_active) note_getenv(variable, value, kache_module(CALLER));                                \
        return value;                                                                                        \
    }
GETENV(getenv)
GETENV(secure_getenv)
GETENV(__secure_getenv)

/* libc's own reads of the environment pass no hook. What a locale and a time zone are made of is recorded for it. */
void kache_note_variable(const char *name, uint32_t module) {
    if (kache_active) note_getenv(name, value_of(name), module);
}

static bool is_set(const char *name) {
    const char *value = value_of(name);
    return value && *value;
}

/* libc opens the files of a locale by itself. Those that a variable leads to are the user's, and no record says what is in
 * them. */
static __attribute__((noinline)) void note_locale(const char *locale, uint32_t module) {
    static const char *const names[] = {"LC_ALL",     "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY",
                                        "LC_NUMERIC", "LC_TIME",    "LANG",     "LANGUAGE"};
    if (!locale) return;
    note_getenv("LOCPATH", value_of("LOCPATH"), module);
    if (is_set("LOCPATH")) kache_note_beyond("setlocale", module, 0);
    if (locale[0]) return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) note_getenv(names[i], value_of(names[i]), module);
}

/* libc looks for a zone by its name in the directory of zones. Where there is no such file, the name is a rule. */
static __attribute__((noinline)) const char *path_of_zone(const char *zone, char *path, size_t size, uint32_t module) {
    if (!zone) return "/etc/localtime";
    zone += *zone == ':';
    if (*zone == '/') return zone;
    const char *directory = value_of("TZDIR");
    note_getenv("TZDIR", directory, module);
    const char *const parts[] = {directory && *directory ? directory : "/usr/share/zoneinfo", "/",
                                 *zone ? zone : "Universal"};
    size_t length = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *from = parts[i]; *from; from++) {
            if (length + 1 >= size) return NULL;
            path[length++] = *from;
        }
    path[length] = 0;
    return path;
}

static __attribute__((noinline)) void note_zone_file(const char *zone, uint32_t module) {
    char space[256];
    const char *path = path_of_zone(zone, space, sizeof space, module);
    if (!path) return kache_note_beyond("tzset", module, 0);
    long found = kache_raw(SYS_faccessat, AT_FDCWD, (long)path, F_OK, 0, 0, 0);
    kache_note_open(found < 0 ? (int)-found : 0, module, AT_FDCWD, path, O_RDONLY, 0, -1);
}

static __attribute__((noinline)) void note_zone(uint32_t module) {
    static const char *last;
    const char *zone = value_of("TZ");
    bool is_known = !kache_first_time(module, FIRST_ZONE);
    if (is_known && zone == __atomic_load_n(&last, __ATOMIC_RELAXED)) return;
    __atomic_store_n(&last, zone, __ATOMIC_RELAXED);
    int saved = errno;
    note_getenv("TZ", zone, module);
    note_zone_file(zone, module);
    errno = saved;
}

HOOK(char *, setlocale, int category, const char *locale) {
    if (kache_active) note_locale(locale, kache_module(CALLER));
    return READS_VARIABLES(void *, REAL_POINTER(setlocale)(category, locale));
}
HOOK(void *, newlocale, int mask, const char *locale, void *base) {
    if (kache_active) note_locale(locale, kache_module(CALLER));
    return READS_VARIABLES(void *, REAL_POINTER(newlocale)(mask, locale, base));
}
HOOK(void *, __newlocale, int mask, const char *locale, void *base) {
    if (kache_active) note_locale(locale, kache_module(CALLER));
    return READS_VARIABLES(void *, REAL_POINTER(__newlocale)(mask, locale, base));
}
HOOK(void, tzset, void) {
    if (kache_active) note_zone(kache_module(CALLER));
    bool guarded = kache_before_libc_reads();
    REAL(tzset)();
    kache_after_libc_read(guarded);
}
HOOK(void *, localtime, const time_t *time) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(void *, REAL_POINTER(localtime)(time));
}
HOOK(void *, localtime_r, const time_t *time, void *result) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(void *, REAL_POINTER(localtime_r)(time, result));
}
HOOK(time_t, mktime, void *parts) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(time_t, REAL(mktime)(parts));
}
HOOK(time_t, timelocal, void *parts) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(time_t, REAL(timelocal)(parts));
}
HOOK(char *, ctime, const time_t *time) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(char *, REAL_POINTER(ctime)(time));
}
HOOK(char *, ctime_r, const time_t *time, char *buffer) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(char *, REAL_POINTER(ctime_r)(time, buffer));
}

/* These show the name of the zone, or read a time in it. */
#define FORMAT_TIME(name, type)                                                                              \
    HOOK(size_t, name, type *to, size_t size, const type *format, const void *parts) {                       \
        if (kache_active) note_zone(kache_module(CALLER));                                                   \
        return READS_VARIABLES(size_t, (size_t)REAL(name)(to, size, format, parts));                         \
    }
#define FORMAT_TIME_L(name, type)                                                                            \
    HOOK(size_t, name, type *to, size_t size, const type *format, const void *parts, void *locale) {         \
        if (kache_active) note_zone(kache_module(CALLER));                                                   \
        return READS_VARIABLES(size_t, (size_t)REAL(name)(to, size, format, parts, locale));                 \
    }
FORMAT_TIME(strftime, char)
FORMAT_TIME(wcsftime, wchar_t)
FORMAT_TIME_L(strftime_l, char)
FORMAT_TIME_L(__strftime_l, char)
FORMAT_TIME_L(wcsftime_l, wchar_t)
FORMAT_TIME_L(__wcsftime_l, wchar_t)
HOOK(char *, strptime, const char *text, const char *format, void *parts) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(char *, REAL_POINTER(strptime)(text, format, parts));
}
HOOK(char *, strptime_l, const char *text, const char *format, void *parts, void *locale) {
    if (kache_active) note_zone(kache_module(CALLER));
    return READS_VARIABLES(char *, REAL_POINTER(strptime_l)(text, format, parts, locale));
}

/* ---- where libc reads variables by itself ---- */

#define SETS(name, parameters, ...)                                                                          \
    HOOK(int, name, parameters) {                                                                            \
        return READS_VARIABLES(int, REAL(name)(__VA_ARGS__));                                                \
    }
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

/* Tables of characters in a directory that a variable names are opened by libc, and not recorded. */
HOOK(void *, iconv_open, const char *to, const char *from) {
    uint32_t module = kache_module(CALLER);
    kache_note_variable("GCONV_PATH", module);
    if (kache_active && is_set("GCONV_PATH")) kache_note_beyond("iconv_open", module, 0);
    return READS_VARIABLES(void *, REAL_POINTER(iconv_open)(to, from));
}

/* Whether libc looks for translations: not by the locale `C`, nor by `C.UTF-8`, which has none. */
static bool is_translated(void) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    if (is_set("LANGUAGE")) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = value_of(names[i]);
        if (locale && *locale) return locale[0] != 'C' || (locale[1] && locale[1] != '.');
    }
    return false;
}

/* Catalogues of messages are opened by libc, and not recorded. Those below `/usr` belong to the system's programs. */
HOOK(char *, bindtextdomain, const char *domain, const char *directory) {
    uint32_t module = kache_module(CALLER);
    if (kache_active && directory && !starts_with(directory, "/usr/") && is_translated())
        kache_note_beyond("bindtextdomain", module, 0);
    return REAL_POINTER(bindtextdomain)(domain, directory);
}

/* A translation comes from a catalog, which libc opens by itself: only the text as it was asked for is the same wherever
 * there is no catalog. */
#define TRANSLATES(name, parameters, plain, ...)                                                             \
    HOOK(void *, name, parameters) {                                                                         \
        kache_note_variable("LANGUAGE", kache_module(CALLER));                                               \
        void *found = READS_VARIABLES(void *, REAL_POINTER(name)(__VA_ARGS__));                              \
        if (kache_active && found != plain) kache_note_volatile("gettext", kache_module(CALLER), FIRST_OTHERS); \
        return found;                                                                                        \
    }
#define PLURAL (count == 1 ? one : many)
TRANSLATES(gettext, const char *text, text, text)
TRANSLATES(dgettext, const char *domain COMMA const char *text, text, domain, text)
TRANSLATES(dcgettext, const char *domain COMMA const char *text COMMA int category, text, domain, text, category)
TRANSLATES(__dgettext, const char *domain COMMA const char *text, text, domain, text)
TRANSLATES(__dcgettext, const char *domain COMMA const char *text COMMA int category, text, domain, text, category)
TRANSLATES(ngettext, const char *one COMMA const char *many COMMA unsigned long count, PLURAL, one, many, count)
TRANSLATES(dngettext, const char *domain COMMA const char *one COMMA const char *many COMMA unsigned long count, PLURAL,
           domain, one, many, count)
TRANSLATES(dcngettext, const char *domain COMMA const char *one COMMA const char *many COMMA unsigned long count
           COMMA int category, PLURAL, domain, one, many, count, category)

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
