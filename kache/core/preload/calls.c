/* System calls by their numbers that change the file system, and hooks for code that lies in no object. */

#include "calls.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "descriptors.h"
#include "dispatch.h"
#include "files.h"

/* A path that is at no readable address must not be touched. */
#define NAMED(argument) (err == EFAULT ? NULL : (const char *)a[argument])

/* The pointers of a call that will fail are not followed here. */
unsigned kache_found_before(long number, const long *a) {
    if (!kache_active) return 0;
    switch (number) {
#ifdef SYS_open
    case SYS_open:
        return kache_found(AT_FDCWD, (const char *)a[0], (int)a[1]);
    case SYS_creat:
        return kache_found(AT_FDCWD, (const char *)a[0], O_WRONLY | O_CREAT | O_TRUNC);
    case SYS_rename:
        return kache_is_there(AT_FDCWD, (const char *)a[1], false) ? F_REPLACES : 0;
#endif
    case SYS_openat:
        return kache_found((int)a[0], (const char *)a[1], (int)a[2]);
    case SYS_openat2:
        return kache_found((int)a[0], (const char *)a[1], O_RDWR);
#ifdef SYS_renameat
    case SYS_renameat:
#endif
        return kache_is_there((int)a[2], (const char *)a[3], false) ? F_REPLACES : 0;
    case SYS_renameat2:
        return (kache_is_there((int)a[2], (const char *)a[3], false) ? F_REPLACES : 0) | (a[4] & 1 ? F_NO_REPLACE : 0);
    default:
        return 0;
    }
}

/* Of a path, or of the descriptor in its place. */
static bool note_status(int err, uint32_t module, long dirfd, const char *path, bool has_path, bool follows) {
    if (err == EFAULT) return true;
    if (has_path && path && path[0])
        kache_note_path(K_CHANGE, follows ? 0 : F_NOFOLLOW, err, module, 0, (int)dirfd, path);
    else
        kache_note_change_fd(err, module, (int)dirfd);
    return true;
}

bool kache_note_change(long number, const long *a, int err, uint32_t module, unsigned found) {
    switch (number) {
#ifdef SYS_mkdir
    case SYS_mkdir:
        kache_note_path(K_MKDIR, 0, err, module, 0, AT_FDCWD, NAMED(0));
        return true;
    case SYS_unlink:
    case SYS_rmdir:
        kache_note_path(K_UNLINK, number == SYS_rmdir ? F_RMDIR : 0, err, module, 0, AT_FDCWD, NAMED(0));
        return true;
    case SYS_rename:
    case SYS_link:
        kache_note_pair(number == SYS_link ? K_LINK : K_RENAME, found, err, module, 0, AT_FDCWD, NAMED(0), AT_FDCWD, NAMED(1));
        return true;
    case SYS_symlink:
        kache_note_symlink(err, module, NAMED(0), AT_FDCWD, NAMED(1));
        return true;
#endif
    case SYS_mkdirat:
        kache_note_path(K_MKDIR, 0, err, module, 0, (int)a[0], NAMED(1));
        return true;
    case SYS_unlinkat:
        kache_note_path(K_UNLINK, a[2] & AT_REMOVEDIR ? F_RMDIR : 0, err, module, 0, (int)a[0], NAMED(1));
        return true;
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2:
        /* Two names that change places, or a hole that is left: no record stands for that. */
        if (number == SYS_renameat2 && a[4] & ~1L) return false;
        kache_note_pair(K_RENAME, found, err, module, 0, (int)a[0], NAMED(1), (int)a[2], NAMED(3));
        return true;
    case SYS_linkat:
        kache_note_pair(K_LINK, 0, err, module, 0, (int)a[0], NAMED(1), (int)a[2], NAMED(3));
        return true;
    case SYS_symlinkat:
        kache_note_symlink(err, module, NAMED(0), (int)a[1], NAMED(2));
        return true;
    case SYS_chdir: {
        /* Once it succeeded, a relative path means another directory. */
        const char *path = NAMED(0);
        if (path && path[0]) kache_note_path(K_STAT, F_ENTERED, err, module, err ? 0 : S_IFDIR, AT_FDCWD, err || path[0] == '/' ? path : ".");
        return true;
    }
    case SYS_truncate:
        kache_note_path(K_WRITE, F_TRUNC | F_THERE, err, module, 0, AT_FDCWD, NAMED(0));
        return true;
#ifdef SYS_chmod
    case SYS_chmod:
    case SYS_chown:
    case SYS_lchown:
    case SYS_utime:
    case SYS_utimes:
        return note_status(err, module, AT_FDCWD, (const char *)a[0], true, number != SYS_lchown);
    case SYS_futimesat:
#endif
    case SYS_fchmodat:
        return note_status(err, module, a[0], (const char *)a[1], true, true);
    case 452: /* fchmodat2 */
    case SYS_utimensat:
        return note_status(err, module, a[0], (const char *)a[1], true, !(a[3] & AT_SYMLINK_NOFOLLOW));
    case SYS_fchownat:
        return note_status(err, module, a[0], (const char *)a[1], true, !(a[4] & AT_SYMLINK_NOFOLLOW));
    case SYS_setxattr:
    case SYS_lsetxattr:
    case SYS_removexattr:
    case SYS_lremovexattr:
        return note_status(err, module, AT_FDCWD, (const char *)a[0], true,
                           number == SYS_setxattr || number == SYS_removexattr);
    case SYS_fchmod:
    case SYS_fchown:
    case SYS_fsetxattr:
    case SYS_fremovexattr:
        return note_status(err, module, a[0], NULL, false, true);
    default:
        return false;
    }
}

/* ---- the vDSO ---- */

void kache_note_vdso(uint32_t module) {
    int saved = errno;
    kache_emit(K_VOLATILE, 0, 0, module, 0, text_of("vdso"), NO_TEXT);
    errno = saved;
}

struct auxiliary {
    uintptr_t type;
    uintptr_t value;
};

/* Where system calls outside libc are not delivered, the address stays: its readers are recorded. libc has its own. */
void kache_hide_vdso(void *vector, size_t dropped) {
    struct auxiliary *entries = vector;
    size_t count = 0, vdso = SIZE_MAX;
    const size_t most = 64;
    for (; kache_dispatched && count < most && entries[count].type != AT_NULL; count++)
        if (entries[count].type == AT_SYSINFO_EHDR && kache_is_vdso(entries[count].value)) vdso = count;
    if (vdso == SIZE_MAX || count == most) return;
    entries[vdso].type = AT_IGNORE;
    /* A program that walks there from its arguments stops at the end of the environment, which has moved. libc keeps the
     * old address, and misses only the first entry. */
    if (dropped == 2 && vdso == 0) __builtin_memmove(entries - 1, entries, (count + 1) * sizeof *entries);
}

/* ---- code that is made at run time ---- */

/* Where system calls outside libc are delivered, those of such code are too. */
void kache_note_code(const char *function, uint32_t module) {
    if (kache_active && !kache_dispatched) kache_note_beyond(function, module, 0);
}

/* An allocator may ask for memory before this object has begun: nothing is looked up for it. */
#define IS_KNOWN(real) ((uintptr_t)__atomic_load_n(&(real), __ATOMIC_RELAXED) > 1)

static long outcome(long result) {
    if (result >= 0 || result < -4095) return result;
    errno = (int)-result;
    return -1;
}

#define MMAP(name)                                                                                           \
    HOOK(void *, name, void *at, size_t size, int access, int how, int fd, off64_t from) {                   \
        if (access & PROT_EXEC) kache_note_code(#name, kache_module(CALLER));                                \
        if (kache_given_count && !(how & MAP_ANONYMOUS)) kache_note_use(fd, kache_module(CALLER));           \
        if (IS_KNOWN(real_##name)) return REAL_POINTER(name)(at, size, access, how, fd, from);               \
        return (void *)outcome(kache_raw(SYS_mmap, (long)at, (long)size, access, how, fd, from));            \
    }
MMAP(mmap)
MMAP(mmap64)

HOOK(int, mprotect, void *at, size_t size, int access) {
    if (access & PROT_EXEC) kache_note_code("mprotect", kache_module(CALLER));
    if (IS_KNOWN(real_mprotect)) return REAL(mprotect)(at, size, access);
    return (int)outcome(kache_raw(SYS_mprotect, (long)at, (long)size, access, 0, 0, 0));
}
HOOK(int, pkey_mprotect, void *at, size_t size, int access, int key) {
    if (access & PROT_EXEC) kache_note_code("pkey_mprotect", kache_module(CALLER));
    return REAL(pkey_mprotect)(at, size, access, key);
}
HOOK(void *, shmat, int id, const void *at, int how) {
    /* Code or not, others fill it. */
    kache_note_code("shmat", kache_module(CALLER));
    return REAL_POINTER(shmat)(id, at, how);
}
