/* Hooks for what is not a file or a variable: the clock and what else changes, the network, and `syscall`.
 *
 * The clock is asked so often that a process records it once for each module that does. */

#include "core.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "calls.h"
#include "descriptors.h"
#include "dispatch.h"
#include "environ.h"
#include "facts.h"
#include "files.h"
#include "identity.h"
#include "inherited.h"
#include "others.h"
#include "process.h"

extern char **environ;

/* ---- what changes all the time ---- */

void kache_note_volatile(const char *function, uint32_t module, unsigned bit) {
    if (!kache_first_time(module, bit)) return;
    int saved = errno;
    kache_emit(K_VOLATILE, 0, 0, module, 0, text_of(function), NO_TEXT);
    errno = saved;
}

#define VOLATILE(name, bit)                                                                                  \
    do {                                                                                                     \
        if (kache_active) kache_note_volatile(name, kache_module(CALLER), bit);                              \
    } while (0)
#define CHANGING(type, name, bit, parameters, ...)                                                           \
    HOOK(type, name, parameters) {                                                                           \
        VOLATILE(#name, bit);                                                                                \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }
#define CHANGING_POINTER(name, bit, parameters, ...)                                                         \
    HOOK(void *, name, parameters) {                                                                         \
        VOLATILE(#name, bit);                                                                                \
        return REAL_POINTER(name)(__VA_ARGS__);                                                              \
    }

/* A clock is recorded with the call it is asked by, and how many times that call has asked: how a program's look at
 * the clock as it starts is told from any other (`observe/start_clock.rs`). A forked process goes on counting. Past
 * the limits the number is one that no start has. */
#define SITE_LIMIT 64
#define SITE_CALLS 16
#define SITE_UNKNOWN 0xffff
static struct {
    uintptr_t address;
    uint32_t calls;
} sites[SITE_LIMIT];

static uint32_t count_call(uintptr_t address) {
    for (uint32_t i = 0; i < SITE_LIMIT; i++) {
        uintptr_t found = __atomic_load_n(&sites[i].address, __ATOMIC_RELAXED);
        if (!found && !__atomic_compare_exchange_n(&sites[i].address, &found, address, false, __ATOMIC_RELAXED,
                                                   __ATOMIC_RELAXED) && found != address)
            continue;
        if (!found || found == address) {
            if (__atomic_load_n(&sites[i].calls, __ATOMIC_RELAXED) > SITE_CALLS) return SITE_CALLS + 2;
            return __atomic_add_fetch(&sites[i].calls, 1, __ATOMIC_RELAXED);
        }
    }
    return SITE_UNKNOWN;
}

static __attribute__((noinline)) void note_clock(const char *function, void *caller, unsigned bit) {
    uint32_t module = kache_module(caller);
    uint32_t calls = count_call((uintptr_t)caller);
    if (calls == SITE_UNKNOWN ? !kache_first_time(module, bit) : calls > SITE_CALLS + 1) return;
    int saved = errno;
    unsigned flags = calls <= SITE_CALLS ? F_UNASKED : 0;
    kache_emit(K_VOLATILE, flags, (int)calls, module, (int64_t)((uintptr_t)caller - kache_module_base(module)),
               text_of(function), NO_TEXT);
    errno = saved;
}

#define CLOCK(type, name, bit, parameters, ...)                                                              \
    HOOK(type, name, parameters) {                                                                           \
        if (kache_active) note_clock(#name, CALLER, bit);                                                    \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }

/* A clock of the day tells when it is, any other how much time has passed or been used. */
static bool is_of_day(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

HOOK(int, clock_gettime, clockid_t clock, struct timespec *now) {
    if (kache_active) {
        bool of_day = is_of_day(clock);
        note_clock(of_day ? "clock_gettime" : "clock_gettime/timer", CALLER, of_day ? FIRST_CLOCK : FIRST_TIMER);
    }
    return REAL(clock_gettime)(clock, now);
}
CLOCK(int, gettimeofday, FIRST_GETTIMEOFDAY, void *now COMMA void *zone, now, zone)
CLOCK(int, __gettimeofday, FIRST_GETTIMEOFDAY, void *now COMMA void *zone, now, zone)
CLOCK(time_t, time, FIRST_TIME, time_t *now, now)
CLOCK(int, timespec_get, FIRST_TIMESPEC_GET, struct timespec *now COMMA int base, now, base)
CHANGING(int, ftime, FIRST_TIME, void *now, now)
CHANGING(int, ntp_gettime, FIRST_TIME, void *now, now)
CHANGING(int, ntp_gettimex, FIRST_TIME, void *now, now)
CHANGING(int, adjtimex, FIRST_TIME, void *state, state)
CHANGING(int, __adjtimex, FIRST_TIME, void *state, state)
CHANGING(int, ntp_adjtime, FIRST_TIME, void *state, state)
CHANGING(int, clock_adjtime, FIRST_TIME, clockid_t clock COMMA void *state, clock, state)
CHANGING(clock_t, clock, FIRST_CPU_TIME, void, )
CHANGING(clock_t, times, FIRST_CPU_TIME, void *used, used)
CHANGING(int, getrusage, FIRST_CPU_TIME, int who COMMA void *used, who, used)
CHANGING(int, getloadavg, FIRST_LOAD, double *load COMMA int count, load, count)
CHANGING(int, sysinfo, FIRST_LOAD, void *info, info)
CHANGING(int, sched_getcpu, FIRST_CPU, void, )
CHANGING(int, getcpu, FIRST_CPU, unsigned *cpu COMMA unsigned *node, cpu, node)

/* Who asks what a child has used looks at a clock. */
HOOK(pid_t, wait4, pid_t pid, int *status, int options, void *used) {
    if (used) VOLATILE("wait4", FIRST_CPU_TIME);
    int own = 0;
    status = status ? status : &own;
    pid_t child = REAL(wait4)(pid, status, options, used);
    kache_note_end(child, child > 0 ? *status : 0, kache_module(CALLER));
    return child;
}
HOOK(pid_t, wait3, int *status, int options, void *used) {
    if (used) VOLATILE("wait3", FIRST_CPU_TIME);
    int own = 0;
    status = status ? status : &own;
    pid_t child = REAL(wait3)(status, options, used);
    kache_note_end(child, child > 0 ? *status : 0, kache_module(CALLER));
    return child;
}

CHANGING(ssize_t, getrandom, FIRST_RANDOM, void *buffer COMMA size_t size COMMA unsigned flags, buffer, size, flags)
CHANGING(int, getentropy, FIRST_RANDOM, void *buffer COMMA size_t size, buffer, size)
CHANGING(pid_t, getpid, FIRST_PID, void, )

/* ---- locks ---- */

/* Whether another process holds a lock is seen by who does not wait for it. */
static bool asks_for_lock(int command) {
    return command == F_SETLK || command == F_GETLK || command == F_OFD_SETLK || command == F_OFD_GETLK;
}

HOOK(int, flock, int fd, int how) {
    if (how & LOCK_NB) VOLATILE("flock", FIRST_LOCK);
    return REAL(flock)(fd, how);
}
#define LOCKF(name, offset)                                                                                  \
    HOOK(int, name, int fd, int command, offset size) {                                                      \
        if (command == F_TLOCK || command == F_TEST) VOLATILE("flock", FIRST_LOCK);                          \
        return REAL(name)(fd, command, size);                                                                \
    }
LOCKF(lockf, off_t)
LOCKF(lockf64, off64_t)

/* The argument is passed on whether or not it was given: a register that nobody reads is harmless. */
#define FCNTL(name)                                                                                          \
    HOOK(int, name, int fd, int command, long argument) {                                                    \
        if (asks_for_lock(command)) VOLATILE("flock", FIRST_LOCK);                                           \
        return REAL(name)(fd, command, argument);                                                            \
    }
FCNTL(fcntl)
FCNTL(fcntl64)
FCNTL(__fcntl)

/* ---- where things are ---- */

CHANGING(int, dladdr, FIRST_PLACE, const void *address COMMA void *found, address, found)
CHANGING(int, dladdr1, FIRST_PLACE, const void *address COMMA void *found COMMA void **extra COMMA int flags, address,
         found, extra, flags)
CHANGING(int, dlinfo, FIRST_PLACE, void *handle COMMA int request COMMA void *found, handle, request, found)
CHANGING(int, dl_iterate_phdr, FIRST_PLACE, void *each COMMA void *data, each, data)

/* ---- hosts ---- */

CHANGING(int, getaddrinfo, FIRST_RESOLVE,
         const char *node COMMA const char *service COMMA const void *hints COMMA void *result, node, service, hints,
         result)
CHANGING(int, getnameinfo, FIRST_RESOLVE,
         const void *address COMMA socklen_t size COMMA char *host COMMA socklen_t host_size COMMA char *service COMMA
             socklen_t service_size COMMA int flags,
         address, size, host, host_size, service, service_size, flags)
CHANGING_POINTER(gethostbyname, FIRST_RESOLVE, const char *name, name)
CHANGING_POINTER(gethostbyname2, FIRST_RESOLVE, const char *name COMMA int family, name, family)
CHANGING_POINTER(gethostbyaddr, FIRST_RESOLVE, const void *address COMMA socklen_t size COMMA int family, address, size,
                 family)
CHANGING_POINTER(gethostent, FIRST_RESOLVE, void, )
CHANGING(int, gethostbyname_r, FIRST_RESOLVE,
         const char *name COMMA void *room COMMA char *buffer COMMA size_t size COMMA void **result COMMA int *err, name,
         room, buffer, size, result, err)
CHANGING(int, gethostbyname2_r, FIRST_RESOLVE,
         const char *name COMMA int family COMMA void *room COMMA char *buffer COMMA size_t size COMMA
             void **result COMMA int *err,
         name, family, room, buffer, size, result, err)
CHANGING(int, gethostbyaddr_r, FIRST_RESOLVE,
         const void *address COMMA socklen_t length COMMA int family COMMA void *room COMMA char *buffer COMMA
             size_t size COMMA void **result COMMA int *err,
         address, length, family, room, buffer, size, result, err)
CHANGING_POINTER(getnetent, FIRST_RESOLVE, void, )
CHANGING(int, gethostent_r, FIRST_RESOLVE,
         void *room COMMA char *buffer COMMA size_t size COMMA void **result COMMA int *err, room, buffer, size, result, err)
CHANGING(int, getnetent_r, FIRST_RESOLVE,
         void *room COMMA char *buffer COMMA size_t size COMMA void **result COMMA int *err, room, buffer, size, result, err)
CHANGING(int, getnetbyname_r, FIRST_RESOLVE,
         const char *name COMMA void *room COMMA char *buffer COMMA size_t size COMMA void **result COMMA int *err, name,
         room, buffer, size, result, err)
CHANGING(int, getnetbyaddr_r, FIRST_RESOLVE,
         uint32_t net COMMA int family COMMA void *room COMMA char *buffer COMMA size_t size COMMA void **result COMMA
             int *err,
         net, family, room, buffer, size, result, err)
CHANGING_POINTER(getnetbyname, FIRST_RESOLVE, const char *name, name)
CHANGING_POINTER(getnetbyaddr, FIRST_RESOLVE, uint32_t net COMMA int family, net, family)

/* ---- network ---- */

static char *put_number(char *at, unsigned value, unsigned base) {
    char digits[12];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count) *at++ = digits[--count];
    return at;
}

static size_t print_address(char *out, const struct sockaddr *address, socklen_t size) {
    char *at = out;
    if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const void *)address;
        const uint8_t *bytes = (const void *)&in->sin_addr;
        at = append(at, "inet:");
        for (int i = 0; i < 4; i++) {
            if (i) *at++ = '.';
            at = put_number(at, bytes[i], 10);
        }
        *at++ = ':';
        at = put_number(at, __builtin_bswap16(in->sin_port), 10);
    } else if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in = (const void *)address;
        const uint8_t *bytes = (const void *)&in->sin6_addr;
        at = append(at, "inet6:[");
        for (int i = 0; i < 16; i += 2) {
            if (i) *at++ = ':';
            at = put_number(at, (unsigned)bytes[i] << 8 | bytes[i + 1], 16);
        }
        at = append(at, "]:");
        at = put_number(at, __builtin_bswap16(in->sin6_port), 10);
    } else if (address->sa_family == AF_UNIX && size > offsetof(struct sockaddr_un, sun_path)) {
        const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
        size_t length = size - offsetof(struct sockaddr_un, sun_path);
        if (length > sizeof(((struct sockaddr_un *)0)->sun_path)) length = sizeof(((struct sockaddr_un *)0)->sun_path);
        at = append(at, "unix:");
        for (size_t i = 0; i < length; i++) {
            /* An abstract name starts with a zero byte and may hold more of them. */
            if (path[i] == 0 && path[0] != 0) break;
            *at++ = path[i] ? path[i] : '@';
        }
    }
    return (size_t)(at - out);
}

HOOK(int, connect, int fd, const struct sockaddr *address, socklen_t size) {
    int result = REAL(connect)(fd, address, size);
    if (!kache_active || !address || (result < 0 && errno == EFAULT)) return result;
    int saved = errno;
    char printed[160];
    size_t length = print_address(printed, address, size);
    if (length)
        kache_emit(K_CONNECT, 0, result < 0 ? saved : 0, kache_module(CALLER), 0, text_len(printed, length), NO_TEXT);
    errno = saved;
    return result;
}

/* ---- what no record stands for ---- */

#define BEYOND(type, name, parameters, ...)                                                                  \
    HOOK(type, name, parameters) {                                                                           \
        if (kache_active) kache_note_beyond(#name, kache_module(CALLER), 0);                                       \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }

/* Where paths mean something else from then on. */
BEYOND(int, chroot, const char *path, path)
BEYOND(int, pivot_root, const char *root COMMA const char *old, root, old)
BEYOND(int, setns, int fd COMMA int kind, fd, kind)
BEYOND(int, unshare, int flags, flags)
BEYOND(int, mount, const char *from COMMA const char *to COMMA const char *type COMMA unsigned long flags COMMA
       const void *data, from, to, type, flags, data)
/* Files by what is no path. */
BEYOND(int, open_by_handle_at, int fd COMMA void *handle COMMA int flags, fd, handle, flags)
/* What others left in memory. */
BEYOND(int, shmget, int key COMMA size_t size COMMA int flags, key, size, flags)
BEYOND(int, msgget, int key COMMA int flags, key, flags)
BEYOND(int, semget, int key COMMA int count COMMA int flags, key, count, flags)

HOOK(int, shm_open, const char *name, int flags, mode_t mode) {
    if (kache_active) kache_note_beyond("shm_open", kache_module(CALLER), 0);
    return REAL(shm_open)(name, flags, mode);
}

/* To somebody, without a connection. */
HOOK(ssize_t, sendto, int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    kache_note_use(fd, MODULE_UNKNOWN);
    if (kache_active && to) kache_note_beyond("sendto", kache_module(CALLER), 0);
    return REAL(sendto)(fd, data, size, flags, to, length);
}
HOOK(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags) {
    kache_note_use(fd, MODULE_UNKNOWN);
    if (kache_active && message && message->msg_name) kache_note_beyond("sendmsg", kache_module(CALLER), 0);
    return REAL(sendmsg)(fd, message, flags);
}

/* ---- syscall ---- */

struct open_how_ {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

/* What neither looks at anything nor changes anything that lasts but by descriptors, whose opening was recorded. For any
 * other number no record stands: the reader should take the process for one that was not observed. */
static bool is_harmless(long number) {
    switch (number) {
#ifdef SYS_fork
    case SYS_pipe:
    case SYS_dup2:
    case SYS_poll:
    case SYS_select:
    case SYS_epoll_create:
    case SYS_epoll_wait:
    case SYS_eventfd:
    case SYS_arch_prctl:
#endif
    case SYS_read:
    case SYS_write:
    case SYS_close:
    case SYS_lseek:
    case SYS_munmap:
    case SYS_brk:
    case SYS_mremap:
    case SYS_msync:
    case SYS_mincore:
    case SYS_madvise:
    case SYS_mlock:
    case SYS_munlock:
    case SYS_rt_sigreturn:
    case SYS_rt_sigtimedwait:
    case SYS_rt_sigsuspend:
    case SYS_sigaltstack:
    case SYS_pread64:
    case SYS_pwrite64:
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv:
    case SYS_pwritev:
    case SYS_preadv2:
    case SYS_pwritev2:
    case SYS_pipe2:
    case SYS_dup:
    case SYS_dup3:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_create1:
    case SYS_epoll_ctl:
    case SYS_epoll_pwait:
    case SYS_eventfd2:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_sched_yield:
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getppid:
    case SYS_exit:
    case SYS_exit_group:
    case SYS_waitid:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_fcntl:
    case SYS_flock:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fadvise64:
    case SYS_sync_file_range:
    case SYS_copy_file_range:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_tee:
    case SYS_fchdir:
    case SYS_futex:
    case 449: /* futex_waitv */
    case SYS_set_tid_address:
    case SYS_set_robust_list:
    case SYS_get_robust_list:
    case SYS_membarrier:
    case SYS_memfd_create:
    case SYS_rseq:
    case 424: /* pidfd_send_signal */
    case 436: /* close_range */
        return true;
    default:
        return false;
    }
}

void kache_note_beyond(const char *function, uint32_t module, long number) {
    int saved = errno;
    kache_emit(K_RAW_SYSCALL, 0, 0, module, number, text_of(function), NO_TEXT);
    errno = saved;
}

/* A path that is at no readable address must not be touched; one that is not there is not recorded. */
#define NAMED(argument) (err == EFAULT ? NULL : (const char *)a[argument])

void kache_note_syscall(long number, const long *a, long result, int err, uint32_t module, unsigned found) {
    if (err != EFAULT) kache_note_uses(number, a, module);
    switch (number) {
#ifdef SYS_open
    case SYS_open:
        kache_note_open(err, module, AT_FDCWD, NAMED(0), (int)a[1], found, (int)result);
        break;
    case SYS_creat:
        kache_note_open(err, module, AT_FDCWD, NAMED(0), O_WRONLY | O_CREAT | O_TRUNC, found, (int)result);
        break;
    case SYS_stat:
    case SYS_lstat:
        kache_note_path(K_STAT, F_BEYOND | (number == SYS_lstat ? F_NOFOLLOW : 0), err, module,
                        err ? 0 : ((const struct stat *)a[1])->st_mode, AT_FDCWD, NAMED(0));
        break;
    case SYS_access:
        kache_note_path(K_STAT, F_ASKED(a[1]), err, module, 0, AT_FDCWD, NAMED(0));
        break;
    case SYS_readlink:
        kache_note_readlink(err, module, AT_FDCWD, NAMED(0), (const char *)a[1], result);
        break;
    case SYS_getdents:
#endif
    case SYS_getdents64:
        kache_note_list_fd(F_BEYOND, err, module, 0, (int)a[0]);
        break;
    case SYS_openat:
        kache_note_open(err, module, (int)a[0], NAMED(1), (int)a[2], found, (int)result);
        break;
    case SYS_openat2:
        kache_note_open(err, module, (int)a[0], NAMED(1),
                        err != EFAULT && a[2] ? (int)((const struct open_how_ *)a[2])->flags : 0, found, (int)result);
        break;
#ifdef SYS_newfstatat
    case SYS_newfstatat:
        if (!err && a[3] & AT_EMPTY_PATH && !*(const char *)a[1])
            kache_note_status_fd(F_BEYOND, 0, module, 0, (int)a[0]);
        kache_note_path(K_STAT, F_BEYOND | (a[3] & AT_SYMLINK_NOFOLLOW ? F_NOFOLLOW : 0), err, module,
                        err ? 0 : ((const struct stat *)a[2])->st_mode, (int)a[0], NAMED(1));
        break;
#endif
    case SYS_fstat:
        kache_note_status_fd(F_BEYOND, err, module, 0, (int)a[0]);
        break;
    case SYS_statx:
        if (!err && a[2] & AT_EMPTY_PATH && !(a[1] && *(const char *)a[1]))
            kache_note_status_fd(F_BEYOND, 0, module, 0, (int)a[0]);
        kache_note_path(K_STAT, F_BEYOND | (a[2] & AT_SYMLINK_NOFOLLOW ? F_NOFOLLOW : 0), err, module,
                        err ? 0 : ((const struct statx *)a[4])->stx_mode, (int)a[0], NAMED(1));
        break;
    case SYS_faccessat:
    case SYS_faccessat2:
        kache_note_path(K_STAT, F_ASKED(a[2]), err, module, 0, (int)a[0], NAMED(1));
        break;
    case SYS_readlinkat:
        kache_note_readlink(err, module, (int)a[0], NAMED(1), (const char *)a[2], result);
        break;
    case SYS_getrandom:
        kache_note_volatile("getrandom", module, FIRST_RANDOM);
        break;
    case SYS_getcwd:
        if (!err) kache_note_cwd(module, (const char *)a[0]);
        break;
#ifdef SYS_time
    case SYS_time:
#endif
    case SYS_gettimeofday:
    case SYS_adjtimex:
    case SYS_clock_adjtime:
        kache_note_volatile("gettimeofday", module, FIRST_GETTIMEOFDAY);
        break;
    case SYS_clock_gettime:
        if (is_of_day((clockid_t)a[0]))
            kache_note_volatile("clock_gettime", module, FIRST_CLOCK);
        else
            kache_note_volatile("clock_gettime/timer", module, FIRST_TIMER);
        break;
    case SYS_times:
    case SYS_getrusage:
        kache_note_volatile("times", module, FIRST_CPU_TIME);
        break;
    case SYS_sysinfo:
        kache_note_volatile("sysinfo", module, FIRST_LOAD);
        break;
    case SYS_getcpu:
        kache_note_volatile("getcpu", module, FIRST_CPU);
        break;
    case SYS_kill:
    case 434: /* pidfd_open */
    case SYS_getpgid:
    case SYS_getsid:
        kache_note_other(a[0], module);
        break;
    case SYS_flock:
        if (a[1] & LOCK_NB) kache_note_volatile("flock", module, FIRST_LOCK);
        break;
    case SYS_fcntl:
        if (asks_for_lock((int)a[1])) kache_note_volatile("flock", module, FIRST_LOCK);
        break;
    case SYS_wait4:
        if (a[3]) kache_note_volatile("wait4", module, FIRST_CPU_TIME);
        break;
    case SYS_prctl:
        kache_dispatch_prctl(module, a[0]);
        kache_note_prctl((int)a[0], (unsigned long)a[1], result, err, module);
        break;
    case SYS_rt_sigaction:
    case SYS_rt_sigprocmask:
        if (!err) kache_note_signal_call(number, a, module);
        break;
    case SYS_mmap:
    case SYS_mprotect:
        if (a[2] & PROT_EXEC) kache_note_code("syscall", module);
        break;
#ifdef SYS_fork
    case SYS_fork:
    case SYS_vfork:
#endif
    case SYS_clone:
    case SYS_clone3:
        kache_note_child(number, a, result, module);
        break;
    default:
        if (is_harmless(number) || kache_note_change(number, a, err, module, found)) break;
        if (kache_note_fact_call(number, a, result, err, module)) break;
        kache_emit(K_RAW_SYSCALL, 0, err, module, number, NO_TEXT, NO_TEXT);
    }
}

static bool makes_child(long number) {
#ifdef SYS_fork
    if (number == SYS_fork || number == SYS_vfork) return true;
#endif
    return number == SYS_clone || number == SYS_clone3;
}

HOOK(long, syscall, long number, ...) {
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    /* Futexes come through here by the million. */
    if (number == SYS_futex || !kache_active) return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    uint32_t module = kache_module(CALLER);
    if (number == SYS_seccomp && a[0] <= SECCOMP_SET_MODE_FILTER)
        kache_before_filter(a[0] == SECCOMP_SET_MODE_STRICT, (const void *)a[2], module);
    if (number == SYS_prctl && a[0] == PR_SET_SECCOMP)
        kache_before_filter(a[1] == SECCOMP_MODE_STRICT, (const void *)a[2], module);
    int environment = number == SYS_execve ? 2 : number == SYS_execveat ? 3 : 0;
    if (environment) {
        int dirfd = number == SYS_execve ? AT_FDCWD : (int)a[0];
        const char *program = (const char *)a[number == SYS_execve ? 0 : 1];
        char *const *from = (char *const *)a[environment];
        char *const *to = kache_observed_environment(dirfd, program, false, from);
        kache_note_exec(0, module, dirfd, program, to == from ? F_ALONE : 0);
        a[environment] = (long)to;
        long result = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        kache_note_exec(errno, module, dirfd, program, 0);
        return result;
    }
    long result;
    if (kache_dispatch_signals(number, a, &result, module)) {
        if (result < 0) errno = (int)-result;
        return result < 0 ? -1 : result;
    }
    if (makes_child(number)) kache_shares_memory = true;
    unsigned found = kache_found_before(number, a);
    result = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    int saved = errno;
    int err = result == -1 ? saved : 0;
    kache_note_syscall(number, a, result, err, module, found);
    errno = saved;
    return result;
}
