/* Files that a program removes, kept until it is known what they could do.
 *
 * A script builds programs, runs them and removes them, as configure scripts do, or copies a tree of scripts, runs them and
 * removes the tree. What they could have done is told by what is in them, and that is looked at when the run is over. So
 * each such file gets a second name, its number, in a directory beside the cache, just before the first one is removed. Where
 * that fails, as between two file systems, nothing is kept, and the run is not stored. */

#include "kept.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* No program or script that a run makes and removes is larger. */
#define MOST ((uint64_t)8 << 20)
#define NUMBER_ROOM 20

static const char *directory;

void kache_keep_in(const char *path) {
    directory = path[0] ? path : NULL;
}

/* What is neither a program nor a script, by its name. */
static bool is_data(const char *path) {
    static const char *const endings[] = {".c",  ".h",  ".cc", ".cpp", ".hpp", ".s",  ".S",   ".o",  ".a",
                                          ".d",  ".lo", ".la", ".pod", ".md",  ".rs", ".pem", ".log"};
    size_t length = __builtin_strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = __builtin_strlen(endings[i]);
        if (length > size && !__builtin_strncmp(path + length - size, endings[i], size)) return true;
    }
    return false;
}

static void write_number(char *to, uint64_t number) {
    char digits[NUMBER_ROOM];
    size_t count = 0;
    do digits[count++] = "0123456789abcdef"[number % 16];
    while (number /= 16);
    while (count) *to++ = digits[--count];
    *to = 0;
}

static long open_directory(void) {
    return RAW(SYS_openat, AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

struct kept kache_keep(int dirfd, const char *path) {
    struct kept kept = {0, false};
    if (!kache_active || !directory || !path) return kept;
    struct statx found;
    if (kache_raw(SYS_statx, dirfd, (long)path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, (long)&found, 0) != 0) return kept;
    bool is_program = found.stx_mode & 0111;
    /* What only its owner may read is a temporary file as `mkstemp` makes it. Who made it may count its names. */
    bool is_private = (found.stx_mode & 07777) == 0600;
    if (!S_ISREG(found.stx_mode) || found.stx_size > MOST || (!is_program && (is_private || is_data(path)))) return kept;
    long fd = open_directory();
    if (fd < 0) return kept;
    char name[NUMBER_ROOM];
    write_number(name, found.stx_ino);
    long linked = kache_raw(SYS_linkat, dirfd, (long)path, fd, (long)name, 0, 0);
    RAW(SYS_close, fd, 0, 0, 0);
    kept.is_new = linked == 0;
    /* It is there under another of its names: a number is used again when no name is left. */
    if (kept.is_new || linked == -EEXIST) kept.number = (int64_t)found.stx_ino;
    return kept;
}

void kache_keep_not(struct kept kept) {
    if (!kept.is_new) return;
    long fd = open_directory();
    if (fd < 0) return;
    char name[NUMBER_ROOM];
    write_number(name, (uint64_t)kept.number);
    RAW(SYS_unlinkat, fd, name, 0, 0);
    RAW(SYS_close, fd, 0, 0, 0);
}
