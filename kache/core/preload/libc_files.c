/* Files that libc opens by itself for its callers, where no hook sees it: the rules for time zones, locales, converters and
 * translations, from which variables, arguments and defaults the names of the files follow (tzset(3), setlocale(3),
 * iconv_open(3), bindtextdomain(3)).
 *
 * What comes with the system's libc counts as libc itself does: its converters, and the translations of the system's
 * programs. The locale archive does not come with libc: the system's administrator makes it. */

#include "libc_files.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "files.h"
#include "log.h"

static int error_at(int dirfd, const char *path) {
    long found = kache_raw(SYS_faccessat, dirfd, (long)path, F_OK, 0, 0, 0);
    return found < 0 ? (int)-found : 0;
}

static void note_file(uint32_t module, int dirfd, const char *path) {
    kache_note_open(error_at(dirfd, path), module, dirfd, path, O_RDONLY, 0, -1);
}

/* Everything below a directory. No list of several is read here: the result is not stored then. */
static void note_tree(const char *directory, uint32_t module) {
    if (__builtin_strchr(directory, ':'))
        kache_emit(K_UNLOCATED, 0, 0, module, K_LIST, text_of(directory), NO_TEXT);
    else
        kache_note_path(K_LIST, F_RECURSIVE, error_at(AT_FDCWD, directory), module, 0, AT_FDCWD, directory);
}

void kache_note_zone_file(const char *zone, const char *directory, uint32_t module) {
    int saved = errno;
    if (!zone) {
        note_file(module, AT_FDCWD, "/etc/localtime");
    } else {
        zone += *zone == ':';
        if (*zone == '/') {
            note_file(module, AT_FDCWD, zone);
        } else if (*zone) {
            const char *from = directory && *directory ? directory : "/usr/share/zoneinfo";
            long fd = kache_raw(SYS_openat, AT_FDCWD, (long)from, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
            if (fd < 0) note_file(module, AT_FDCWD, from);
            if (fd >= 0) note_file(module, (int)fd, zone);
            if (fd >= 0) kache_raw(SYS_close, fd, 0, 0, 0, 0, 0);
        }
    }
    errno = saved;
}

static bool is_built_in(const char *locale) {
    return !locale || !*locale || !__builtin_strcmp(locale, "C") || !__builtin_strcmp(locale, "POSIX");
}

void kache_note_locale_files(const char *locale, const char *directory, uint32_t module) {
    if (is_built_in(locale)) return;
    int saved = errno;
    if (directory && *directory)
        note_tree(directory, module);
    else
        note_file(module, AT_FDCWD, "/usr/lib/locale/locale-archive");
    errno = saved;
}

void kache_note_converters(const char *directory, uint32_t module) {
    int saved = errno;
    if (directory && *directory) note_tree(directory, module);
    errno = saved;
}

static const char system_translations[] = "/usr/share/locale";

HOOK(char *, bindtextdomain, const char *domain, const char *directory) {
    int saved = errno;
    if (kache_active && directory && __builtin_strcmp(directory, system_translations))
        note_tree(directory, kache_module(CALLER));
    errno = saved;
    return REAL_POINTER(bindtextdomain)(domain, directory);
}

void kache_note_patterns(const char *words, uint32_t module) {
    for (; *words; words++) {
        bool is_pattern = *words == '*' || *words == '?' || *words == '[' || *words == '~';
        if (!is_pattern && !(*words == '$' && words[1] != '(')) continue;
        kache_emit(K_UNLOCATED, 0, 0, module, K_LIST, text_of(words), NO_TEXT);
        return;
    }
}
