/* System calls by their numbers that change the file system, and hooks for code that lies in no object. */

#include "calls.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "dispatch.h"
#include "files.h"

/* A path that is at no readable address must not be touched. */
#define NAMED(argument) (err == EFAULT ? NULL : (const char *)a[argument])

bool kache_note_change(long number, const long *a, int err, uint32_t module) {
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
        kache_note_pair(number == SYS_link ? K_LINK : K_RENAME, err, module, AT_FDCWD, NAMED(0), AT_FDCWD, NAMED(1));
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
    case SYS_linkat:
        kache_note_pair(number == SYS_linkat ? K_LINK : K_RENAME, err, module, (int)a[0], NAMED(1), (int)a[2], NAMED(3));
        return true;
    case SYS_symlinkat:
        kache_note_symlink(err, module, NAMED(0), (int)a[1], NAMED(2));
        return true;
    case SYS_chdir: {
        /* Once it succeeded, a relative path means another directory. */
        const char *path = NAMED(0);
        if (path && path[0]) kache_note_path(K_STAT, 0, err, module, err ? 0 : S_IFDIR, AT_FDCWD, err || path[0] == '/' ? path : ".");
        return true;
    }
    case SYS_truncate:
        kache_note_path(K_WRITE, a[1] ? 0 : F_TRUNC, err, module, 0, AT_FDCWD, NAMED(0));
        return true;
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
HOOK(int, personality, unsigned long persona) {
    if (persona != 0xffffffff && persona & READ_IMPLIES_EXEC) kache_note_code("personality", kache_module(CALLER));
    return REAL(personality)(persona);
}
