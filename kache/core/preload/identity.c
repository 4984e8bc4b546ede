/* Which process and thread this is, without two questions to the kernel for each of the thousands of records of a compile.
 *
 * The process id is kept in a page that the kernel wipes in the child of a fork, however the child was made. A child that
 * shares its parent's memory sees its parent's page: a hook that makes such a child says so first, and from then on the
 * kernel is asked, in this process and in its forked children. Code that calls the kernel without libc makes no such child:
 * where the calls are delivered to `dispatch.c`, the child gets a copy of the memory, and elsewhere the run is refused. The
 * child within libc's `posix_spawn` shares memory and calls no hook.
 *
 * The thread id is the process id until libc makes a thread. A libc that does not tell is not asked. */

#include "core.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "identity.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

extern char __libc_single_threaded __attribute__((weak, visibility("default")));

static uint32_t *kept;
bool kache_shares_memory;

void kache_keep_identity(void) {
    long page = kache_raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0 && page >= -4095) return;
    /* Linux 4.14 */
    if (RAW(SYS_madvise, page, 4096, MADV_WIPEONFORK, 0) < 0)
        RAW(SYS_munmap, page, 4096, 0, 0);
    else
        kept = (uint32_t *)page;
}

static inline bool must_ask(void) {
    return !kept || __atomic_load_n(&kache_shares_memory, __ATOMIC_RELAXED);
}

uint32_t kache_process(void) {
    if (must_ask()) return (uint32_t)RAW(SYS_getpid, 0, 0, 0, 0);
    uint32_t pid = __atomic_load_n(kept, __ATOMIC_RELAXED);
    if (pid) return pid;
    pid = (uint32_t)RAW(SYS_getpid, 0, 0, 0, 0);
    __atomic_store_n(kept, pid, __ATOMIC_RELAXED);
    return pid;
}

uint32_t kache_thread(void) {
    if (must_ask() || !&__libc_single_threaded || !__libc_single_threaded) return (uint32_t)RAW(SYS_gettid, 0, 0, 0, 0);
    return kache_process();
}
