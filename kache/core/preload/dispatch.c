/* System calls outside libc: the kernel delivers them here (syscall user dispatch, Linux 5.11), and they are recorded as
 * the hooks record those of libc.
 *
 * The dispatcher is set up before any other code of the process runs, and again in each thread and child: what makes
 * system calls by itself, code that is made at run time included, is seen from its first instruction. The allowed range
 * is libc's text. This object calls the kernel by an instruction that lies there (`kache_gate`); the loader's calls and the
 * vDSO's are delivered, and made without a record.
 *
 * What cannot be followed (a thread made by a bare `clone`) is recorded as such, and the dispatcher gives up: the
 * instruction is run again, by the kernel.
 *
 * The handler runs on whatever stack the program has, and on its signal stack if it has one: frames are small. */

#include "dispatch.h"

#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "calls.h"
#include "descriptors.h"
#include "environ.h"
#include "inherited.h"
#include "process.h"
#include "signals.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#pragma weak dl_iterate_phdr

bool kache_dispatched __attribute__((visibility("hidden")));

/* What the kernel reads at each system call outside the range: whether to deliver it. */
static volatile char selector;

struct range {
    uintptr_t low;
    uintptr_t high;
};
static struct range allowed, loader, vdso, own;

static inline bool lies_in(const struct range *range, uintptr_t address) {
    return address >= range->low && address < range->high;
}

bool kache_is_vdso(uintptr_t address) {
    return lies_in(&vdso, address);
}

/* ---- the processor ---- */

#if defined(__x86_64__)
#define SUPPORTED 1
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define INSTRUCTION 2
static const uint8_t gate_code[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
#define REGISTER(context, name) ((context)->uc_mcontext.gregs[name])
#define NUMBER(context) REGISTER(context, REG_RAX)
#define RESULT(context) REGISTER(context, REG_RAX)
#define PC(context) REGISTER(context, REG_RIP)
#define SP(context) REGISTER(context, REG_RSP)
static void arguments(const ucontext_t *context, long *a) {
    static const int order[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    for (int i = 0; i < 6; i++) a[i] = (long)REGISTER(context, order[i]);
}
static __attribute__((noreturn)) void return_from(uintptr_t sp) {
    __asm__ volatile("movq %0, %%rsp\n\tjmp *%2" : : "r"(sp), "a"(SYS_rt_sigreturn), "r"(kache_gate));
    __builtin_unreachable();
}
#elif defined(__aarch64__)
#define SUPPORTED 1
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#define INSTRUCTION 4
static const uint8_t gate_code[] = {0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6}; /* svc #0; ret */
#define NUMBER(context) ((context)->uc_mcontext.regs[8])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#define PC(context) ((context)->uc_mcontext.pc)
#define SP(context) ((context)->uc_mcontext.sp)
static void arguments(const ucontext_t *context, long *a) {
    for (int i = 0; i < 6; i++) a[i] = (long)context->uc_mcontext.regs[i];
}
static __attribute__((noreturn)) void return_from(uintptr_t sp) {
    /* `ret` and not `br`: the gate is no landing pad for branches. */
    register long x8 __asm__("x8") = SYS_rt_sigreturn;
    __asm__ volatile("mov sp, %0\n\tret %2" : : "r"(sp), "r"(x8), "r"(kache_gate));
    __builtin_unreachable();
}
#else
#define SUPPORTED 0
#endif

/* ---- setting it ---- */

static bool is_plain_child(uint64_t flags) {
    const uint64_t other = CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID |
                           CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_UNTRACED;
    return !(flags & other) && (!(flags & CLONE_VM) || flags & CLONE_VFORK);
}

static long set_dispatch(void) {
    return kache_raw(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 1, (long)allowed.low, (long)(allowed.high - allowed.low),
                     (long)&selector, 0);
}

void kache_dispatch_thread(void) {
    if (!kache_dispatched || !selector) return;
    unsigned long mask = SIGSYS_BIT;
    kache_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, sizeof mask, 0, 0);
    if (set_dispatch() < 0) kache_emit(K_UNFOLLOWED, 0, 0, MODULE_UNKNOWN, SYS_prctl, NO_TEXT, NO_TEXT);
}

void kache_begin_child(void) {
    kache_guard_in_child();
    kache_forget_first_times();
    kache_dispatch_thread();
}

void kache_dispatch_end(void) {
    selector = 0;
}

void kache_dispatch_prctl(uint32_t module, long option) {
    if (option == PR_SET_SYSCALL_USER_DISPATCH && kache_dispatched) {
        kache_emit(K_UNFOLLOWED, 0, 0, module, SYS_prctl, NO_TEXT, NO_TEXT);
        kache_dispatch_end();
    }
    if (option == PR_GET_AUXV) kache_note_vdso(module);
}

#if SUPPORTED

static const char *base_name(const char *path) {
    const char *base = path;
    for (; *path; path++)
        if (*path == '/') base = path + 1;
    return base;
}

static bool is_libc(const char *name) {
    return starts_with(name, "libc.so.") || starts_with(name, "libc-2.") || starts_with(name, "ld-musl-") ||
           starts_with(name, "libc.musl-");
}

/* Before glibc 2.34, much of libc lay in an object of its own, whose calls would all be delivered. */
static bool is_split_libc(const char *name) {
    return starts_with(name, "libc-2.");
}

static struct range extent_of(const struct dl_phdr_info *info, uint32_t flags) {
    struct range range = {UINTPTR_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & flags) != flags) continue;
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (start < range.low) range.low = start;
        if (start + segment->p_memsz > range.high) range.high = start + segment->p_memsz;
    }
    return range;
}

static int look_at_object(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    uintptr_t gate = (uintptr_t)data;
    const char *name = base_name(info->dlpi_name ? info->dlpi_name : "");
    struct range text = extent_of(info, PF_R | PF_X);
    if (lies_in(&text, gate) && is_libc(name) && !is_split_libc(name)) allowed = text;
    if (lies_in(&text, (uintptr_t)&look_at_object)) own = text;
    if (starts_with(name, "linux-vdso")) vdso = text;
    if (starts_with(name, "ld-linux") || starts_with(name, "ld64.so") || starts_with(name, "ld.so")) loader = text;
    return 0;
}

/* A function of libc that does nothing but a system call holds the instruction and `ret` after it. */
static void *find_gate(void) {
    static const char *const names[] = {"getppid", "getuid", "getegid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *found = NULL;
        kache_real(&found, names[i]);
        if (!found || found == NOT_THERE) continue;
        for (const uint8_t *code = found; code < (const uint8_t *)found + 48; code++)
            if (!__builtin_memcmp(code, gate_code, sizeof gate_code)) return (void *)code;
    }
    return NULL;
}

static void on_sigsys(int signal, siginfo_t *info, void *context);

static void *real_sigaction, *real_atfork;
static struct real entry_sigaction __attribute__((section("kache_reals"), used)) = {"sigaction", &real_sigaction};
static struct real entry_atfork __attribute__((section("kache_reals"), used)) = {"__register_atfork", &real_atfork};

void kache_dispatch_begin(void) {
    void *gate = find_gate();
    if (!gate || !dl_iterate_phdr || real_sigaction == NOT_THERE) return;
    dl_iterate_phdr(look_at_object, gate);
    if (!allowed.high || !own.high) return;
    struct action before;
    if (kache_raw(SYS_rt_sigaction, SIGSYS, 0, (long)&before, 8, 0, 0) < 0) return;
    if (set_dispatch() < 0) return;
    before.mask &= ~SIGSYS_BIT;
    kache_keep_action(&before);
    struct sigaction action;
    __builtin_memset(&action, 0, sizeof action);
    action.sa_sigaction = on_sigsys;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTART;
    if (((int (*)(int, const void *, void *))real_sigaction)(SIGSYS, &action, NULL) < 0) return;
    unsigned long mask = SIGSYS_BIT;
    kache_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, sizeof mask, 0, 0);
    kache_gate = gate;
    /* The first child handler that runs: `daemon` and `forkpty` fork within libc. */
    if (real_atfork != NOT_THERE)
        ((int (*)(void *, void *, void *, void *))real_atfork)(NULL, NULL, (void *)kache_begin_child, NULL);
    kache_dispatched = true;
    selector = 1;
}

/* ---- the handler ---- */

struct call {
    ucontext_t *context;
    long number;
    long a[6];
    uint32_t module;
};

enum next {
    /* It was made, or an answer was given in its stead. */
    ANSWERED,
    /* It is to be made, and noted by its number. */
    PLAIN,
    /* It cannot be followed. */
    UNKNOWN,
};

static long make(const struct call *call) {
    const long *a = call->a;
    return kache_raw(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static enum next answer(struct call *call, long result) {
    RESULT(call->context) = (__typeof__(RESULT(call->context)))result;
    return ANSWERED;
}

/* The mask and the signal stack are set as the handler returns, to what the frame says. */
static enum next set_mask(struct call *call) {
    unsigned long *mask = (unsigned long *)(void *)&call->context->uc_sigmask;
    unsigned long before = *mask;
    const unsigned long *set = (const unsigned long *)call->a[1];
    if (call->a[3] != sizeof before) return answer(call, -EINVAL);
    if (set) {
        const unsigned long never = SIGSYS_BIT | 1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1);
        unsigned long given = *set;
        switch (call->a[0]) {
        case SIG_BLOCK:
            *mask |= given & ~never;
            break;
        case SIG_UNBLOCK:
            *mask &= ~given;
            break;
        case SIG_SETMASK:
            *mask = given & ~never;
            break;
        default:
            return answer(call, -EINVAL);
        }
    }
    if (call->a[2]) *(unsigned long *)call->a[2] = before;
    if (call->a[2] || call->a[0] != SIG_SETMASK) kache_note_mask(0, before, call->module);
    if (set) kache_note_mask(F_SET, *mask, call->module);
    return answer(call, 0);
}

static enum next set_action(struct call *call) {
    long result = kache_raw_action((int)call->a[0], (const struct action *)call->a[1], (struct action *)call->a[2]);
    if (result == 0) kache_note_signal_call(call->number, call->a, call->module);
    return answer(call, result);
}

static enum next set_stack(struct call *call) {
    stack_t *stack = &call->context->uc_stack, before = *stack;
    uintptr_t low = (uintptr_t)before.ss_sp;
    struct range range = {low, low + before.ss_size};
    bool inside = before.ss_size && lies_in(&range, (uintptr_t)SP(call->context));
    const stack_t *set = (const stack_t *)call->a[0];
    if (set) {
        if (inside) return answer(call, -EPERM);
        if (set->ss_flags & SS_DISABLE)
            *stack = (stack_t){.ss_sp = NULL, .ss_flags = SS_DISABLE, .ss_size = 0};
        else if (set->ss_size < 2048)
            return answer(call, -ENOMEM);
        else
            *stack = *set;
    }
    stack_t *old = (stack_t *)call->a[1];
    if (old) {
        *old = before;
        old->ss_flags = !before.ss_size ? SS_DISABLE : inside ? SS_ONSTACK : 0;
    }
    return answer(call, 0);
}

static enum next wait_with_mask(struct call *call, const unsigned long **mask) {
    unsigned long without;
    if (*mask) {
        without = **mask & ~SIGSYS_BIT;
        *mask = &without;
    }
    long result = make(call);
    if (result != -EFAULT) kache_note_uses(call->number, call->a, call->module);
    return answer(call, result);
}

static enum next select_with_mask(struct call *call) {
    struct {
        const unsigned long *mask;
        size_t size;
    } set;
    unsigned long without;
    if (call->a[5]) {
        __builtin_memcpy(&set, (void *)call->a[5], sizeof set);
        if (set.mask) {
            without = *set.mask & ~SIGSYS_BIT;
            set.mask = &without;
        }
        call->a[5] = (long)&set;
    }
    kache_note_uses(call->number, call->a, call->module);
    return answer(call, make(call));
}

static enum next run_program(struct call *call) {
    bool at = call->number == SYS_execveat;
    int dirfd = at ? (int)call->a[0] : AT_FDCWD;
    const char *program = (const char *)call->a[at];
    long *environment = &call->a[at ? 3 : 2];
    char *const *from = (char *const *)*environment;
    char *const *to = kache_observed_environment(dirfd, program, false, from);
    kache_note_exec(0, call->module, dirfd, program, to == from ? F_ALONE : 0);
    *environment = (long)to;
    long result = make(call);
    kache_note_exec((int)-result, call->module, dirfd, program, 0);
    return answer(call, result);
}

/* A child with a memory of its own goes on from here as its parent does. One that shares its parent's until it execs
 * would spoil the frame that the parent is to return by: it gets a copy. */
static enum next made_child(struct call *call, long pid, uintptr_t stack) {
    if (pid == 0) {
        kache_begin_child();
        if (stack) SP(call->context) = (__typeof__(SP(call->context)))stack;
    } else if (pid > 0) {
        kache_emit(K_SPAWNED, 0, 0, call->module, pid, NO_TEXT, NO_TEXT);
    }
    return answer(call, pid);
}

static enum next clone_call(struct call *call) {
    uint64_t flags = (uint64_t)call->a[0];
    uintptr_t stack = (uintptr_t)call->a[1];
    if (!is_plain_child(flags)) return UNKNOWN;
    call->a[0] = (long)(flags & ~(uint64_t)CLONE_VM);
    call->a[1] = 0;
    return made_child(call, make(call), stack);
}

static enum next clone3_call(struct call *call) {
    struct clone_args given;
    size_t size = (size_t)call->a[1];
    if (size < CLONE_ARGS_SIZE_VER0 || size > sizeof given) return UNKNOWN;
    __builtin_memset(&given, 0, sizeof given);
    __builtin_memcpy(&given, (void *)call->a[0], size);
    if (!is_plain_child(given.flags) || given.set_tid_size) return UNKNOWN;
    uintptr_t stack = given.stack ? given.stack + given.stack_size : 0;
    given.flags &= ~(uint64_t)CLONE_VM;
    given.stack = given.stack_size = 0;
    call->a[0] = (long)&given;
    return made_child(call, make(call), stack);
}

/* A filter may forbid what this handler does: it is set by the program's own instruction. */
static enum next set_filter(struct call *call, bool strict, const void *program) {
    kache_before_filter(strict, program, call->module);
    return kache_active ? answer(call, make(call)) : UNKNOWN;
}

static enum next set_process(struct call *call) {
    if (call->a[0] == PR_SET_SYSCALL_USER_DISPATCH) return UNKNOWN;
    if (call->a[0] == PR_SET_SECCOMP)
        return set_filter(call, call->a[1] == SECCOMP_MODE_STRICT, (const void *)call->a[2]);
    kache_dispatch_prctl(call->module, call->a[0]);
    long result = make(call);
    kache_note_prctl((int)call->a[0], (unsigned long)call->a[1], result, result < 0 ? (int)-result : 0, call->module);
    return answer(call, result);
}

static enum next decide(struct call *call) {
    switch (call->number) {
    case SYS_rt_sigreturn:
        return_from((uintptr_t)SP(call->context));
    case SYS_rt_sigaction:
        return call->a[3] == 8 ? set_action(call) : PLAIN;
    case SYS_rt_sigprocmask:
        return set_mask(call);
    case SYS_sigaltstack:
        return set_stack(call);
    case SYS_rt_sigsuspend:
        return wait_with_mask(call, (const unsigned long **)(void *)&call->a[0]);
    case SYS_ppoll:
        return wait_with_mask(call, (const unsigned long **)(void *)&call->a[3]);
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
        return wait_with_mask(call, (const unsigned long **)(void *)&call->a[4]);
    case SYS_pselect6:
        return select_with_mask(call);
    case SYS_execve:
    case SYS_execveat:
        return run_program(call);
    case SYS_clone:
        return clone_call(call);
    case SYS_clone3:
        return clone3_call(call);
#ifdef SYS_fork
    case SYS_fork:
    case SYS_vfork:
        return made_child(call, kache_raw(SYS_fork, 0, 0, 0, 0, 0, 0), 0);
    case SYS_arch_prctl:
        /* With another thread pointer, nothing of libc works, and nothing here that asks for `errno`. */
        return call->a[0] == 0x1002 /* ARCH_SET_FS */ ? UNKNOWN : PLAIN;
#endif
    case SYS_exit_group:
        kache_before_exit(F_EXIT_RAW);
        return answer(call, make(call));
    case SYS_prctl:
        return set_process(call);
    case SYS_seccomp:
        if (call->a[0] > SECCOMP_SET_MODE_FILTER) return PLAIN;
        return set_filter(call, call->a[0] == SECCOMP_SET_MODE_STRICT, (const void *)call->a[2]);
    default:
        return PLAIN;
    }
}

static void on_sigsys(int signal, siginfo_t *info, void *raw_context) {
    if (info->si_code != SYS_USER_DISPATCH) {
        kache_other_sigsys(signal, info, raw_context);
        return;
    }
    ucontext_t *context = raw_context;
    struct call call = {context, (long)NUMBER(context), {0}, MODULE_UNKNOWN};
    arguments(context, call.a);
    uintptr_t from = (uintptr_t)info->si_call_addr;
    bool is_native = info->si_arch == NATIVE_ARCH && call.number >= 0 && call.number < 0x40000000;
    bool is_ours = lies_in(&loader, from) || lies_in(&vdso, from) || lies_in(&own, from);
    if (is_native && (is_ours || !kache_active)) {
        answer(&call, make(&call));
        return;
    }
    int saved = errno;
    call.module = kache_module((void *)from);
    switch (is_native ? decide(&call) : UNKNOWN) {
    case ANSWERED:
        break;
    case PLAIN: {
        unsigned found = kache_found_before(call.number, call.a);
        long result = make(&call);
        int err = result < 0 && result >= -4095 ? (int)-result : 0;
        kache_note_syscall(call.number, call.a, result, err, call.module, found);
        answer(&call, result);
        break;
    }
    case UNKNOWN:
        kache_emit(K_UNFOLLOWED, 0, 0, call.module, call.number, NO_TEXT, NO_TEXT);
        kache_dispatch_end();
        PC(context) -= INSTRUCTION;
        break;
    }
    errno = saved;
}

#else
void kache_dispatch_begin(void) {}
#endif

/* ---- by way of libc's `syscall` ---- */

bool kache_dispatch_signals(long number, long *a, long *result, uint32_t module) {
    if (!kache_dispatched || a[3] != 8) return false;
    if (number == SYS_rt_sigaction) {
        *result = kache_raw_action((int)a[0], (const struct action *)a[1], (struct action *)a[2]);
        if (*result == 0) kache_note_signal_call(number, a, module);
        return true;
    }
    if (number != SYS_rt_sigprocmask || !a[1] || a[0] == SIG_UNBLOCK) return false;
    unsigned long mask = *(const unsigned long *)a[1] & ~SIGSYS_BIT;
    *result = kache_raw(number, a[0], (long)&mask, a[2], a[3], 0, 0);
    if (*result == 0) kache_note_signal_call(number, a, module);
    return true;
}

void kache_note_child(long number, const long *a, long result, uint32_t module) {
    uint64_t flags = 0;
    if (number == SYS_clone) flags = (uint64_t)a[0];
    if (number == SYS_clone3 && a[0]) flags = *(const uint64_t *)a[0];
    if (result < 0) return;
    if (!is_plain_child(flags) && result > 0) kache_emit(K_UNFOLLOWED, 0, 0, module, number, NO_TEXT, NO_TEXT);
    if (result == 0) {
        kache_begin_child();
    } else {
        kache_emit(K_SPAWNED, 0, 0, module, result, NO_TEXT, NO_TEXT);
    }
}
