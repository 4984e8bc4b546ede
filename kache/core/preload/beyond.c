/* Hooks in front of functions whose effect no record can follow. The call itself is recorded, and the reader takes
 * the process for one that was not observed.
 *
 * A hook here needs no prototype: it keeps the registers that hold arguments and jumps to the function. */

#include "core.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#if defined(__x86_64__) || defined(__aarch64__)

__attribute__((used, visibility("hidden"))) void *kache_before_beyond(struct real *real, void *caller) {
    int saved = errno;
    if (kache_active) kache_emit(K_RAW_SYSCALL, 0, 0, kache_module(caller), 0, text_of(real->name), NO_TEXT);
    errno = saved;
    void *found = __atomic_load_n(real->slot, __ATOMIC_RELAXED);
    found = found ? found : kache_real(real->slot, real->name);
    return found != NOT_THERE ? found : (void *)kache_missing;
}

#if defined(__x86_64__)
#define BEYOND(name)                                                                                         \
    static void *real_##name;                                                                                \
    __attribute__((used, visibility("hidden"))) struct real beyond_##name                                    \
        __attribute__((section("kache_reals"))) = {#name, &real_##name};                                     \
    __asm__(".text\n"                                                                                        \
            ".globl " #name "\n"                                                                             \
            ".type " #name ", @function\n" #name ":\n"                                                       \
            "    .cfi_startproc\n"                                                                           \
            "    pushq %rdi\n"                                                                               \
            "    pushq %rsi\n"                                                                               \
            "    pushq %rdx\n"                                                                               \
            "    pushq %rcx\n"                                                                               \
            "    pushq %r8\n"                                                                                \
            "    pushq %r9\n"                                                                                \
            "    pushq %rax\n"                                                                               \
            "    .cfi_adjust_cfa_offset 56\n"                                                                \
            "    leaq beyond_" #name "(%rip), %rdi\n"                                                        \
            "    movq 56(%rsp), %rsi\n"                                                                      \
            "    call kache_before_beyond\n"                                                                 \
            "    movq %rax, %r11\n"                                                                          \
            "    popq %rax\n"                                                                                \
            "    popq %r9\n"                                                                                 \
            "    popq %r8\n"                                                                                 \
            "    popq %rcx\n"                                                                                \
            "    popq %rdx\n"                                                                                \
            "    popq %rsi\n"                                                                                \
            "    popq %rdi\n"                                                                                \
            "    .cfi_adjust_cfa_offset -56\n"                                                               \
            "    jmp *%r11\n"                                                                                \
            "    .cfi_endproc\n"                                                                             \
            ".size " #name ", . - " #name "\n")
#else
#define BEYOND(name)                                                                                         \
    static void *real_##name;                                                                                \
    __attribute__((used, visibility("hidden"))) struct real beyond_##name                                    \
        __attribute__((section("kache_reals"))) = {#name, &real_##name};                                     \
    __asm__(".text\n"                                                                                        \
            ".globl " #name "\n"                                                                             \
            ".type " #name ", %function\n" #name ":\n"                                                       \
            "    .cfi_startproc\n"                                                                           \
            "    hint #34\n"                                                                                 \
            "    stp x0, x1, [sp, #-80]!\n"                                                                  \
            "    stp x2, x3, [sp, #16]\n"                                                                    \
            "    stp x4, x5, [sp, #32]\n"                                                                    \
            "    stp x6, x7, [sp, #48]\n"                                                                    \
            "    stp x8, x30, [sp, #64]\n"                                                                   \
            "    .cfi_def_cfa_offset 80\n"                                                                   \
            "    .cfi_offset x30, -8\n"                                                                      \
            "    adrp x0, beyond_" #name "\n"                                                                \
            "    add x0, x0, :lo12:beyond_" #name "\n"                                                       \
            "    mov x1, x30\n"                                                                              \
            "    bl kache_before_beyond\n"                                                                   \
            "    mov x16, x0\n"                                                                              \
            "    ldp x8, x30, [sp, #64]\n"                                                                   \
            "    ldp x6, x7, [sp, #48]\n"                                                                    \
            "    ldp x4, x5, [sp, #32]\n"                                                                    \
            "    ldp x2, x3, [sp, #16]\n"                                                                    \
            "    ldp x0, x1, [sp], #80\n"                                                                    \
            "    .cfi_restore x30\n"                                                                         \
            "    .cfi_def_cfa_offset 0\n"                                                                    \
            "    br x16\n"                                                                                   \
            "    .cfi_endproc\n"                                                                             \
            ".size " #name ", . - " #name "\n")
#endif

/* The names of terminals that a program opens. */
BEYOND(ptsname);
BEYOND(ptsname_r);
BEYOND(__ptsname_r_chk);
/* Memory and queues that others fill, by numbers that need no lookup. */
BEYOND(msgctl);
BEYOND(msgrcv);
BEYOND(msgsnd);
BEYOND(semctl);
BEYOND(semop);
BEYOND(shmctl);
BEYOND(shm_unlink);
BEYOND(sem_open);
BEYOND(sem_unlink);
BEYOND(process_vm_readv);
/* What comes from others without a connection of one's own. */
BEYOND(listen);
BEYOND(res_query);
BEYOND(res_search);
BEYOND(res_nquery);
BEYOND(res_nsearch);
BEYOND(__res_query);
BEYOND(__res_search);
BEYOND(__res_nquery);
BEYOND(__res_nsearch);
/* Changes of the machine. */
BEYOND(clock_settime);
BEYOND(settimeofday);
BEYOND(sethostname);
BEYOND(setdomainname);
BEYOND(umount);
BEYOND(umount2);
/* Files by what is no path, and changes that others make. */
BEYOND(name_to_handle_at);
BEYOND(inotify_add_watch);
BEYOND(ftok);
/* The names and the places of the functions on the stack. */
BEYOND(backtrace_symbols);
BEYOND(backtrace_symbols_fd);
BEYOND(__backtrace_symbols);
BEYOND(__backtrace_symbols_fd);

#endif

static void note_beyond(const char *function, uint32_t module, long number) {
    if (!kache_active) return;
    int saved = errno;
    kache_emit(K_RAW_SYSCALL, 0, 0, module, number, text_of(function), NO_TEXT);
    errno = saved;
}

/* A socket within the process tree, or one that `connect` will record, is followed. A netlink or packet socket needs
 * no connection. */
HOOK(int, socket, int domain, int type, int protocol) {
    if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6) note_beyond("socket", kache_module(CALLER), domain);
    return REAL(socket)(domain, type, protocol);
}

/* To be reached by others, unless the system is to choose a port: that is what a client does. */
HOOK(int, bind, int fd, const struct sockaddr *address, socklen_t size) {
    int result = REAL(bind)(fd, address, size);
    if (result == 0) note_beyond("bind", kache_module(CALLER), 0);
    return result;
}

HOOK(int, sendmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags) {
    for (unsigned at = 0; kache_active && messages && at < count; at++) {
        if (!messages[at].msg_hdr.msg_name) continue;
        note_beyond("sendmmsg", kache_module(CALLER), 0);
        break;
    }
    return REAL(sendmmsg)(fd, messages, count, flags);
}

/* What terminals, pipes and open files answer, and copies between open files. Any other request asks a device, the
 * network or the file system. */
static bool is_plain_request(uint32_t request) {
    switch (request) {
    case TCGETS:
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSBRK:
    case TCFLSH:
    case TCXONC:
    case TIOCGWINSZ:
    case TIOCSWINSZ:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCSTI:
    case TIOCOUTQ:
    case FIONREAD:
    case FIONBIO:
    case FIOASYNC:
    case FIOCLEX:
    case FIONCLEX:
    case 0x40049409: /* FICLONE */
    case 0x4020940d: /* FICLONERANGE */
    case 0xc020660b: /* FS_IOC_FIEMAP: where a copy finds holes */
        return true;
    default:
        return false;
    }
}

HOOK(int, ioctl, int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (!is_plain_request((uint32_t)request)) note_beyond("ioctl", kache_module(CALLER), (long)request);
    return REAL(ioctl)(fd, request, argument);
}
