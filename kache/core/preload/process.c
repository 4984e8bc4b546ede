/* Hooks for what starts other programs or loads code, and the care that each child takes to be observed too.
 *
 * A program's environment never shows that it is observed (see `hide`), so whatever hands an environment to a
 * new program adds the two variables here. This runs in vforked children: only their stack and fresh mappings
 * are written to. */

#include "core.h"

#include <alloca.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "calls.h"
#include "dispatch.h"
#include "environ.h"
#include "jump.h"
#include "inherited.h"
#include "log.h"
#include "facts.h"
#include "files.h"
#include "front.h"
#include "identity.h"
#include "polled.h"
#include "process.h"

extern char **environ;

/* ---- environments ---- */

/* Zero: leave it as it is, either because we are inert, because the caller observes the child itself, or because an
 * object that must come first is asked for. */
static size_t environment_size(char *const *from) {
    if (!kache_active && !kache_quiet) return 0;
    from = kache_variables(from);
    size_t count = 3, text = sizeof PRELOAD_VARIABLE + __builtin_strlen(kache_object) + 2;
    for (; from && *from; from++, count++) {
        if (starts_with(*from, LOG_VARIABLE)) return 0;
        if (!starts_with(*from, PRELOAD_VARIABLE)) continue;
        if (kache_names_sanitizer(*from)) return 0;
        text += __builtin_strlen(*from);
    }
    return count * sizeof(char *) + text;
}

static char **extend(char *const *from, void *memory) {
    from = kache_variables(from);
    char **to = memory;
    size_t count = 0, preload = SIZE_MAX;
    for (; from && from[count]; count++) {
        to[count] = from[count];
        /* The loader heeds the last one. */
        if (starts_with(from[count], PRELOAD_VARIABLE)) preload = count;
    }
    char *old = preload == SIZE_MAX ? NULL : to[preload] + sizeof PRELOAD_VARIABLE - 1;
    if (!old) preload = count++;
    to[count++] = kache_log_variable;
    to[count++] = NULL;
    char *text = (char *)(to + count);
    to[preload] = text;
    size_t length = __builtin_strlen(kache_object);
    __builtin_memcpy(text, PRELOAD_VARIABLE, sizeof PRELOAD_VARIABLE - 1);
    text += sizeof PRELOAD_VARIABLE - 1;
    __builtin_memcpy(text, kache_object, length);
    text += length;
    if (old) {
        *text++ = ':';
        length = __builtin_strlen(old);
        __builtin_memcpy(text, old, length);
        text += length;
    }
    *text = 0;
    return to;
}

static bool has_slash(const char *s) {
    for (; *s; s++)
        if (*s == '/') return true;
    return false;
}

/* It is made in the log: a stack may be as small as a signal's, and what a vforked child maps for itself would be left
 * to its parent. Where the log has no room, the child runs unobserved, and the reader is told. */
char *const *kache_observed_environment(int dirfd, const char *program, bool search, char *const *from) {
    size_t size = program ? environment_size(from) : 0;
    if (!size) return from;
    int saved = errno;
    bool can = kache_can_observe(dirfd, program, search && !has_slash(program));
    void *memory = can ? kache_scratch(size) : NULL;
    errno = saved;
    return memory ? extend(from, memory) : from;
}

static void *map(size_t size) {
    long got = kache_raw(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return got < 0 && got >= -4095 ? NULL : (void *)got;
}

/* ---- exec ---- */

struct text kache_search_path(void) {
    for (char *const *entry = kache_variables(environ); entry && *entry; entry++)
        if (starts_with(*entry, "PATH=")) return text_of(*entry + 5);
    return text_of("/bin:/usr/bin");
}

void kache_note_exec(int err, uint32_t module, int dirfd, const char *program, unsigned how) {
    if (!kache_active || !program || err == EFAULT) return;
    int saved = errno;
    /* A success leaves no other moment to say what is loaded. */
    if (err == 0 && kache_is_own_process()) kache_scan_modules();
    if (err == 0 && kache_variables_unread()) how |= F_EXEC_UNREAD;
    if (how & F_SEARCH && !has_slash(program)) {
        kache_emit(K_EXEC, how, err, module, 0, text_of(program), kache_search_path());
    } else {
        struct place place;
        kache_locate(&place, dirfd, program);
        if (!place.known && dirfd != AT_FDCWD) kache_locate_fd(&place, dirfd);
        how = (how & ~(unsigned)F_SEARCH) | (place.relative ? F_EXEC_RELATIVE : 0);
        if (place.known) kache_emit(K_EXEC, how, err, module, 0, place.text, NO_TEXT);
    }
    errno = saved;
}

/* What is to be started in the place of `command`, and what the record is to say of it. */
struct asked {
    const char *program;
    unsigned how;
    bool fronted;
};

static struct asked prepare(struct command *command, int dirfd, unsigned how, bool may_front) {
    struct asked asked = {command->program, how, false};
    if (may_front && kache_front(command, how & F_SEARCH, &asked.program)) {
        asked.fronted = true;
        /* A compiler that a wrapper is given is searched for, whatever the wrapper was. */
        if (!has_slash(asked.program)) asked.how |= F_SEARCH;
        return asked;
    }
    char *const *given = command->environment;
    command->environment = kache_observed_environment(dirfd, command->program, how & F_SEARCH, given);
    if (command->environment == given) asked.how |= F_ALONE;
    return asked;
}

/* Recorded before, because a success does not return, and again with the error when it did. */
#define EXEC_BODY(dirfd, name, way, from, may_front, call)                                                   \
    uint32_t module = kache_module(CALLER);                                                                  \
    struct command command = {name, arguments, from};                                                        \
    struct asked asked = prepare(&command, dirfd, way, may_front);                                           \
    kache_note_exec(0, module, dirfd, asked.program, asked.how);                                             \
    int result = READS_VARIABLES(int, call);                                                                 \
    int saved = errno;                                                                                       \
    kache_note_exec(saved, module, dirfd, asked.program, asked.how & ~(unsigned)F_ALONE);                    \
    errno = saved;                                                                                           \
    return result

#define REPLACED command.program, command.arguments, command.environment

HOOK(int, execve, const char *program, char *const *arguments, char *const *environment) {
    EXEC_BODY(AT_FDCWD, program, 0, environment, true, REAL(execve)(REPLACED));
}
HOOK(int, execvpe, const char *program, char *const *arguments, char *const *environment) {
    EXEC_BODY(AT_FDCWD, program, F_SEARCH, environment, true, REAL(execvpe)(REPLACED));
}
HOOK(int, execv, const char *program, char *const *arguments) {
    EXEC_BODY(AT_FDCWD, program, 0, environ, true, REAL(execve)(REPLACED));
}
HOOK(int, execvp, const char *program, char *const *arguments) {
    EXEC_BODY(AT_FDCWD, program, F_SEARCH, environ, true, REAL(execvpe)(REPLACED));
}
HOOK(int, fexecve, int fd, char *const *arguments, char *const *environment) {
    EXEC_BODY(fd, "", 0, environment, false, REAL(fexecve)(fd, arguments, command.environment));
}
HOOK(int, execveat, int dirfd, const char *program, char *const *arguments, char *const *environment, int flags) {
    EXEC_BODY(dirfd, program, 0, environment, false,
              REAL(execveat)(dirfd, program, arguments, command.environment, flags));
}

#define GATHER(environment)                                                                                  \
    va_list list;                                                                                            \
    size_t count = 1;                                                                                        \
    va_start(list, first);                                                                                   \
    for (const char *each = first; each; each = va_arg(list, const char *)) count++;                         \
    va_end(list);                                                                                            \
    char **arguments = alloca(count * sizeof(char *));                                                       \
    va_start(list, first);                                                                                   \
    arguments[0] = (char *)first;                                                                            \
    for (size_t at = 1; at < count; at++) arguments[at] = va_arg(list, char *);                              \
    char *const *from = environment;                                                                         \
    va_end(list)

HOOK(int, execl, const char *program, const char *first, ...) {
    GATHER(environ);
    EXEC_BODY(AT_FDCWD, program, 0, from, true, REAL(execve)(REPLACED));
}
HOOK(int, execlp, const char *program, const char *first, ...) {
    GATHER(environ);
    EXEC_BODY(AT_FDCWD, program, F_SEARCH, from, true, REAL(execvpe)(REPLACED));
}
HOOK(int, execle, const char *program, const char *first, ...) {
    /* With no arguments at all, the loop took the terminator for the first one; the next is the environment. */
    GATHER(va_arg(list, char *const *));
    EXEC_BODY(AT_FDCWD, program, 0, from, true, REAL(execve)(REPLACED));
}

#define SPAWN_BODY(way, call)                                                                                \
    uint32_t module = kache_module(CALLER);                                                                  \
    pid_t own = 0;                                                                                           \
    pid = pid ? pid : &own;                                                                                  \
    struct command command = {program, arguments, environment};                                              \
    struct asked asked = prepare(&command, AT_FDCWD, way, true);                                             \
    kache_note_exec(0, module, AT_FDCWD, asked.program, asked.how);                                          \
    int result = READS_VARIABLES(int, call);                                                                 \
    int saved = errno;                                                                                       \
    if (result == 0) {                                                                                       \
        if (asked.fronted) kache_note_fronted(*pid);                                                         \
        kache_emit(K_SPAWNED, F_POSIX_SPAWN, 0, module, *pid, text_of(asked.program), NO_TEXT);              \
    } else {                                                                                                 \
        kache_note_exec(result, module, AT_FDCWD, asked.program, asked.how & ~(unsigned)F_ALONE);            \
    }                                                                                                        \
    errno = saved;                                                                                           \
    return result

HOOK(int, posix_spawn, pid_t *pid, const char *program, const void *actions, const void *attributes,
     char *const *arguments, char *const *environment) {
    SPAWN_BODY(0, REAL(posix_spawn)(pid, command.program, actions, attributes, command.arguments,
                                    command.environment));
}
HOOK(int, posix_spawnp, pid_t *pid, const char *program, const void *actions, const void *attributes,
     char *const *arguments, char *const *environment) {
    SPAWN_BODY(F_SEARCH, REAL(posix_spawnp)(pid, command.program, actions, attributes, command.arguments,
                                            command.environment));
}
HOOK(int, pidfd_spawn, int *pid, const char *program, const void *actions, const void *attributes,
     char *const *arguments, char *const *environment) {
    kache_note_exec(0, kache_module(CALLER), AT_FDCWD, program, F_BY_LIBC);
    char *const *to = kache_observed_environment(AT_FDCWD, program, false, environment);
    int result = REAL(pidfd_spawn)(pid, program, actions, attributes, arguments, to);
    return result;
}
HOOK(int, pidfd_spawnp, int *pid, const char *program, const void *actions, const void *attributes,
     char *const *arguments, char *const *environment) {
    kache_note_exec(0, kache_module(CALLER), AT_FDCWD, program, F_SEARCH | F_BY_LIBC);
    char *const *to = kache_observed_environment(AT_FDCWD, program, true, environment);
    int result = REAL(pidfd_spawnp)(pid, program, actions, attributes, arguments, to);
    return result;
}

/* libc opens the file in the child, where no hook sees it. */
HOOK(int, posix_spawn_file_actions_addopen, void *actions, int fd, const char *path, int how, mode_t mode) {
    int result = REAL(posix_spawn_file_actions_addopen)(actions, fd, path, how, mode);
    if (result == 0 && kache_active) {
        int saved = errno;
        kache_note_open(0, kache_module(CALLER), AT_FDCWD, path, how, kache_found(AT_FDCWD, path, how), -1);
        errno = saved;
    }
    return result;
}

/* libc enters the directory in the child. */
HOOK(int, posix_spawn_file_actions_addchdir_np, void *actions, const char *path) {
    int result = REAL(posix_spawn_file_actions_addchdir_np)(actions, path);
    if (result == 0 && kache_active && path) {
        int saved = errno;
        struct stat is;
        long found = RAW(SYS_newfstatat, AT_FDCWD, path, &is, 0);
        int64_t sort = found < 0 ? 0 : (int64_t)(is.st_mode & S_IFMT);
        kache_note_path(K_STAT, F_ENTERED, found < 0 ? (int)-found : 0, kache_module(CALLER), sort, AT_FDCWD, path);
        errno = saved;
    }
    return result;
}

/* ---- children that libc starts from `environ` ---- */

/* Other threads see the two variables for as long as it runs. */
static void take_back(char **mine, char **saved) {
    if (environ == mine) {
        environ = saved;
        return;
    }
    for (char **entry = environ; entry && *entry;) {
        if (*entry == kache_log_variable || starts_with(*entry, LOG_VARIABLE)) {
            for (char **each = entry; *each; each++) each[0] = each[1];
            continue;
        }
        if (starts_with(*entry, PRELOAD_VARIABLE) && starts_with(*entry + sizeof PRELOAD_VARIABLE - 1, kache_object)) {
            char *value = *entry + sizeof PRELOAD_VARIABLE - 1 + __builtin_strlen(kache_object);
            char **old = saved;
            while (old && *old && !starts_with(*old, PRELOAD_VARIABLE)) old++;
            if (*value == ':' && old && *old) {
                *entry = *old;
            } else {
                for (char **each = entry; *each; each++) each[0] = each[1];
                continue;
            }
        }
        entry++;
    }
}

#define BY_LIBC(type, call)                                                                                  \
    kache_note_exec(0, kache_module(CALLER), AT_FDCWD, "/bin/sh", F_BY_LIBC);                                \
    bool guarded = kache_before_libc_reads();                                                                \
    char **before = environ;                                                                                 \
    size_t size = kache_can_observe(AT_FDCWD, "/bin/sh", false) ? environment_size(before) : 0;          \
    void *memory = size ? map(size) : NULL;                                                                  \
    char **mine = memory ? extend(before, memory) : before;                                              \
    environ = mine;                                                                                          \
    type result = call;                                                                                      \
    if (memory) {                                                                                            \
        int saved = errno;                                                                                   \
        bool whole = environ == mine;                                                                        \
        take_back(mine, before);                                                                             \
        if (whole) kache_raw(SYS_munmap, (long)memory, (long)size, 0, 0, 0, 0);                              \
        errno = saved;                                                                                       \
    }                                                                                                        \
    kache_after_libc_read(guarded);                                                                          \
    return result

HOOK(int, system, const char *command) {
    if (!command) return REAL(system)(command);
    BY_LIBC(int, REAL(system)(command));
}
HOOK(void *, popen, const char *command, const char *mode) {
    BY_LIBC(void *, REAL_POINTER(popen)(command, mode));
}

/* ---- fork ---- */

static pid_t forked(pid_t pid, uint32_t module) {
    int saved = errno;
    if (pid == 0) {
        kache_begin_child();
    } else if (pid > 0) {
        kache_emit(K_SPAWNED, 0, 0, module, pid, NO_TEXT, NO_TEXT);
    }
    errno = saved;
    return pid;
}

HOOK(pid_t, fork, void) {
    return forked(REAL(fork)(), kache_module(CALLER));
}
HOOK(pid_t, __fork, void) {
    return forked(REAL(__fork)(), kache_module(CALLER));
}
HOOK(pid_t, _Fork, void) {
    return forked(REAL(_Fork)(), kache_module(CALLER));
}
#define CLONE(name)                                                                                          \
    HOOK(int, name, int (*function)(void *), void *stack, int flags, void *argument, ...) {                  \
        va_list list;                                                                                        \
        va_start(list, argument);                                                                            \
        void *parent = va_arg(list, void *);                                                                 \
        void *tls = va_arg(list, void *);                                                                    \
        void *child = va_arg(list, void *);                                                                  \
        va_end(list);                                                                                        \
        const int apart = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP; \
        if (kache_active && flags & apart) kache_note_beyond(#name, kache_module(CALLER), 0);                \
        if (flags & CLONE_VM) kache_shares_memory = true;                                                    \
        if (kache_dispatched && stack) {                                                                     \
            argument = kache_dispatch_clone((struct begin){(void *(*)(void *))(void *)function, argument}, stack); \
            stack = argument;                                                                                \
            function = kache_begin_clone;                                                                    \
        }                                                                                                    \
        int pid = REAL(name)(function, stack, flags, argument, parent, tls, child);                          \
        const int thread = 0x10000;                                                                          \
        if (pid > 0 && !(flags & thread)) forked(pid, kache_module(CALLER));                                 \
        return pid;                                                                                          \
    }
CLONE(clone)
CLONE(__clone)

__attribute__((used, visibility("hidden"))) long kache_after_vfork(long pid, void *caller) {
    if (pid < 0) {
        errno = (int)-pid;
        return -1;
    }
    return forked((pid_t)pid, kache_module(caller));
}

#if defined(__x86_64__)
__attribute__((visibility("hidden"))) void *kache_libc_vfork;
static struct real entry_vfork __attribute__((section("kache_reals"), used)) = {"vfork", &kache_libc_vfork};
#endif

/* The child runs on its parent's stack and returns before it does: no C function may have a frame here. The
 * return address stays in a register, as the child's calls write over where it was. */
#if defined(__x86_64__)
__asm__(".text\n"
        ".globl vfork\n"
        ".type vfork, @function\n"
        "vfork:\n"
        "    movb $1, kache_shares_memory(%rip)\n"
        "    cmpb $0, kache_dispatched(%rip)\n"
        "    jne 2f\n"
        "    popq %rdi\n"
        "    movl $58, %eax\n"
        "    syscall\n"
        "    pushq %rdi\n"
        "    testq %rax, %rax\n"
        "    jne 1f\n"
        "    ret\n"
        "1:  movq %rdi, %rsi\n"
        "    movq %rax, %rdi\n"
        "    jmp kache_after_vfork\n"
        /* The instruction must be libc's. Its own `vfork` keeps to %rdi and %rdx. */
        "2:  popq %r9\n"
        "    call *kache_libc_vfork(%rip)\n"
        "    pushq %r9\n"
        "    testl %eax, %eax\n"
        "    jle 3f\n"
        "    movq %r9, %rsi\n"
        "    movslq %eax, %rdi\n"
        "    jmp kache_after_vfork\n"
        "3:  jne 4f\n"
        "    subq $8, %rsp\n"
        "    call kache_dispatch_thread\n"
        "    addq $8, %rsp\n"
        "    xorl %eax, %eax\n"
        "4:  ret\n"
        ".size vfork, . - vfork\n"
        ".globl __vfork\n"
        ".set __vfork, vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl vfork\n"
        ".type vfork, %function\n"
        "vfork:\n"
        "    hint #34\n"
        "    mov x10, x30\n"
        "    adrp x16, kache_shares_memory\n"
        "    mov w9, #1\n"
        "    strb w9, [x16, #:lo12:kache_shares_memory]\n"
        "    mov x0, #0x4111\n"
        "    mov x1, xzr\n"
        "    mov x2, xzr\n"
        "    mov x3, xzr\n"
        "    mov x4, xzr\n"
        "    mov x8, #220\n"
        "    adrp x16, kache_gate\n"
        "    ldr x16, [x16, #:lo12:kache_gate]\n"
        "    adr x30, 2f\n"
        "    ret x16\n"
        "2:  mov x30, x10\n"
        "    cbnz x0, 1f\n"
        "    stp x29, x30, [sp, #-16]!\n"
        "    bl kache_dispatch_thread\n"
        "    ldp x29, x30, [sp], #16\n"
        "    mov x0, xzr\n"
        "    ret\n"
        "1:  mov x1, x30\n"
        "    b kache_after_vfork\n"
        ".size vfork, . - vfork\n"
        ".globl __vfork\n"
        ".set __vfork, vfork\n");
#endif

/* ---- filters of system calls ---- */

/* From here on a system call of our own could kill the process, in its children too: nothing more is recorded, and the
 * record says so. Asked before the filter is in force; a null program only asks whether there are filters. */
void kache_before_filter(bool strict, const void *program, uint32_t module) {
    if (!kache_active || (!strict && !program)) return;
    int saved = errno;
    kache_emit(K_FILTERED, 0, 0, module, 0, NO_TEXT, NO_TEXT);
    kache_active = false;
    kache_dispatch_end();
    errno = saved;
}

HOOK(int, prctl, int option, ...) {
    unsigned long a[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++) a[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_SECCOMP)
        kache_before_filter(a[0] == SECCOMP_MODE_STRICT, (const void *)a[1], kache_module(CALLER));
    if (kache_active) kache_dispatch_prctl(kache_module(CALLER), option);
    int result = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
    if (kache_active) kache_note_prctl(option, a[0], result, result < 0 ? errno : 0, kache_module(CALLER));
    return result;
}

/* ---- the end without destructors ---- */

void kache_before_exit(unsigned flags) {
    if (!kache_active) return;
    if (kache_is_own_process()) kache_scan_modules();
    kache_emit(K_EXIT, flags | (kache_variables_unread() ? F_EXIT_UNREAD : 0), 0, MODULE_UNKNOWN, 0, NO_TEXT, NO_TEXT);
}

HOOK(void, _exit, int status) {
    kache_before_exit(0);
    for (;;) kache_raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
}
HOOK(void, _Exit, int status) {
    kache_before_exit(0);
    for (;;) kache_raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* ---- children that failed ---- */

void kache_note_end(pid_t child, int status, uint32_t module) {
    if (!kache_active || child <= 0 || !status || WIFSTOPPED(status) || WIFCONTINUED(status)) return;
    int saved = errno;
    kache_note_trouble();
    kache_emit(K_FAILED, 0, status & 0xffff, module, child, NO_TEXT, NO_TEXT);
    errno = saved;
}

#define WAIT(name, parameters, polls, ...)                                                                   \
    HOOK(pid_t, name, parameters) {                                                                          \
        polls;                                                                                               \
        int own = 0;                                                                                         \
        status = status ? status : &own;                                                                     \
        pid_t child = REAL(name)(__VA_ARGS__);                                                               \
        kache_note_end(child, child > 0 ? *status : 0, kache_module(CALLER));                                      \
        return child;                                                                                        \
    }
WAIT(wait, int *status, , status)
WAIT(waitpid, pid_t pid COMMA int *status COMMA int options, kache_await_fronted(pid, options), pid, status, options)
WAIT(__waitpid, pid_t pid COMMA int *status COMMA int options, kache_await_fronted(pid, options), pid, status, options)

HOOK(int, waitid, int kind, id_t id, siginfo_t *info, int options) {
    siginfo_t own;
    own.si_pid = 0;
    info = info ? info : &own;
    int result = REAL(waitid)(kind, id, info, options);
    if (result != 0 || !info->si_pid) return result;
    int status = info->si_code == CLD_EXITED                                     ? (info->si_status & 0xff) << 8
                 : info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED ? info->si_status
                                                                                : 0;
    kache_note_end(info->si_pid, status, kache_module(CALLER));
    return result;
}

/* ---- loading ---- */

/* What it unloads may have been loaded, and have answered, without anything that is recorded. */
HOOK(int, dlclose, void *handle) {
    int saved = errno;
    if (kache_active && kache_is_own_process()) kache_scan_modules();
    errno = saved;
    int result = REAL(dlclose)(handle);
    saved = errno;
    if (kache_active) kache_prune_modules();
    errno = saved;
    return result;
}

/* The loader takes RUNPATH and $ORIGIN from the object that called it, which it knows by the return address:
 * it must find its caller's and not ours, so these jump to it. */
#ifdef HAS_JUMPS

static void *before_dlopen(const char *name, void *caller, struct real *real) {
    int saved = errno;
    if (kache_active) kache_note_plugins();
    if (kache_active && name) kache_emit(K_DLOPEN, 0, 0, kache_module(caller), 0, text_of(name), NO_TEXT);
    /* The handle of the program leads to the paths of all that is loaded. */
    if (kache_active && !name) kache_note_volatile("dlopen", kache_module(caller), FIRST_PLACE);
    errno = saved;
    void *found = __atomic_load_n(real->slot, __ATOMIC_RELAXED);
    found = found ? found : kache_real(real->slot, real->name);
    return found != NOT_THERE ? found : (void *)kache_missing_pointer;
}

ASKED void *kache_before_dlopen(struct registers *registers, void *caller, struct real *real) {
    /* A plugin finds itself by the path that it would have been loaded by. */
    if (kache_active && registers->argument[0])
        registers->argument[0] = (void *)kache_real_path(registers->argument[0]);
    return before_dlopen(registers->argument[0], caller, real);
}

/* What is loaded apart from all else has a libc of its own, in front of which nothing stands. */
ASKED void *kache_before_dlmopen(struct registers *registers, void *caller, struct real *real) {
    const char *name = registers->argument[1];
    if (kache_active && name) kache_note_beyond("dlmopen", kache_module(caller), 0);
    return before_dlopen(name, caller, real);
}

JUMP(dlopen, kache_before_dlopen);
JUMP(dlmopen, kache_before_dlmopen);

#endif
