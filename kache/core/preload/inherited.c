/* Facts that a process inherits beside limits and its user: how signals are treated, what it may do, the terminal.
 *
 * What a process sets itself is recorded too. For signals it is no excuse: where the answer is also what the run was
 * given, it counts, since many programs set a signal to what they found. */

#include "inherited.h"

#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>

#include "calls.h"
#include "descriptors.h"
#include "facts.h"
#include "files.h"
#include "signals.h"

/* ---- signals ---- */

void kache_note_action(unsigned flags, int signal, const void *handler, uint32_t module) {
    if (kache_active) kache_note_numbered(flags, "signal", signal, kache_of_number(handler == (void *)SIG_IGN), module);
}

void kache_note_mask(unsigned flags, unsigned long mask, uint32_t module) {
    if (kache_active)
        kache_note_fact(flags, module, text_of("sigmask"), NO_TEXT, kache_of_number((int64_t)(mask & ~SIGSYS_BIT)));
}

void kache_note_signal_call(long number, const long *a, uint32_t module) {
    if (number == SYS_rt_sigaction) {
        if (a[2]) kache_note_action(0, (int)a[0], ((const struct action *)a[2])->handler, module);
        if (a[1]) kache_note_action(F_SET, (int)a[0], ((const struct action *)a[1])->handler, module);
        return;
    }
    unsigned long now;
    if (a[2]) kache_note_mask(0, *(const unsigned long *)a[2], module);
    if (!a[1]) return;
    /* What results follows from what was there. */
    if (!a[2] && a[0] != SIG_SETMASK) kache_note_mask(F_UNANSWERED, 0, module);
    if (RAW(SYS_rt_sigprocmask, SIG_BLOCK, 0, &now, sizeof now) == 0) kache_note_mask(F_SET, now, module);
}

HOOK(int, siggetmask, void) {
    kache_note_mask(F_UNANSWERED, 0, kache_module(CALLER));
    return REAL(siggetmask)();
}

/* ---- attributes of the process ---- */

/* Options of `prctl` that ask for what is inherited, and those that set it. */
static const struct {
    int asks;
    int sets;
} attributes[] = {
    {PR_GET_DUMPABLE, PR_SET_DUMPABLE},
    {PR_GET_KEEPCAPS, PR_SET_KEEPCAPS},
    {PR_CAPBSET_READ, -1},
    {PR_GET_SECUREBITS, PR_SET_SECUREBITS},
    {PR_GET_TIMERSLACK, PR_SET_TIMERSLACK},
    {PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS},
    {PR_GET_THP_DISABLE, PR_SET_THP_DISABLE},
};

static bool note_attribute(int option, unsigned long argument, long result, int err, uint32_t module) {
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        bool asks = option == attributes[i].asks;
        if (!asks && option != attributes[i].sets) continue;
        if (!asks && err) return true;
        struct digits name, about;
        struct answer answer = NEW_ANSWER;
        if (err)
            add_error(&answer, err);
        else
            add_number(&answer, asks ? result : (long)argument);
        const char *which = option == PR_CAPBSET_READ ? print_number(&about, (int64_t)argument) : NULL;
        kache_note_fact(asks ? 0 : F_SET, module, fact("prctl", print_number(&name, attributes[i].asks)), text_of(which),
                        answer);
        return true;
    }
    return false;
}

void kache_note_prctl(int option, unsigned long argument, long result, int err, uint32_t module) {
    switch (option) {
    case PR_SET_NAME:
    case PR_GET_NAME:
    case PR_SET_PDEATHSIG:
    case PR_SET_CHILD_SUBREAPER:
    case PR_SET_PTRACER:
    case 0x53564d41: /* PR_SET_VMA: names for memory */
    /* What comes of these is recorded elsewhere. */
    case PR_SET_SECCOMP:
    case 59:         /* PR_SET_SYSCALL_USER_DISPATCH */
    case 0x41555856: /* PR_GET_AUXV */
        return;
    default:
        if (!note_attribute(option, argument, result, err, module)) kache_note_beyond("prctl", module, option);
    }
}

HOOK(int, personality, unsigned long persona) {
    int old = REAL(personality)(persona);
    if (!kache_active || old < 0) return old;
    uint32_t module = kache_module(CALLER);
    kache_note_number("personality", old, module);
    if (persona == 0xffffffff) return old;
    kache_note_fact(F_SET, module, text_of("personality"), NO_TEXT, kache_of_number((int64_t)persona));
    if (persona & READ_IMPLIES_EXEC) kache_note_code("personality", module);
    return old;
}

/* ---- terminals ---- */

/* Standard output and standard error are pipes of kache's, in whose place the run would have been given what kache has. */
static void note_terminal(int fd, int is_terminal, uint32_t module) {
    if (fd >= 0 && fd <= 2) kache_note_numbered(0, "isatty", fd, kache_of_number(is_terminal), module);
}

/* A question that a terminal answers, and nothing else does. */
static void note_question(int fd, bool is_answered, uint32_t module) {
    if (is_answered)
        kache_note_volatile("ttyname", module, FIRST_OTHERS);
    else
        note_terminal(fd, 0, module);
}

static void note_size(int fd, const struct winsize *size, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    if (fd > 2) {
        if (size) kache_note_volatile("ttyname", module, FIRST_OTHERS);
        return;
    }
    if (!size) {
        add_text(&answer, "none");
    } else {
        add_number(&answer, size->ws_row);
        add_number(&answer, size->ws_col);
        add_number(&answer, size->ws_xpixel);
        add_number(&answer, size->ws_ypixel);
    }
    kache_note_numbered(0, "winsize", fd, answer, module);
}

HOOK(int, isatty, int fd) {
    int result = REAL(isatty)(fd);
    if (kache_active) note_terminal(fd, result, kache_module(CALLER));
    return result;
}
HOOK(char *, ttyname, int fd) {
    char *result = REAL_POINTER(ttyname)(fd);
    if (kache_active) note_question(fd, result, kache_module(CALLER));
    return result;
}
HOOK(int, ttyname_r, int fd, char *name, size_t size) {
    int result = REAL(ttyname_r)(fd, name, size);
    if (kache_active) note_question(fd, !result, kache_module(CALLER));
    return result;
}
HOOK(int, __ttyname_r_chk, int fd, char *name, size_t size, size_t limit) {
    int result = REAL(__ttyname_r_chk)(fd, name, size, limit);
    if (kache_active) note_question(fd, !result, kache_module(CALLER));
    return result;
}
HOOK(int, tcgetattr, int fd, void *attributes) {
    int result = REAL(tcgetattr)(fd, attributes);
    if (kache_active) note_question(fd, !result, kache_module(CALLER));
    return result;
}
HOOK(pid_t, tcgetpgrp, int fd) {
    pid_t result = REAL(tcgetpgrp)(fd);
    if (kache_active) note_question(fd, result >= 0, kache_module(CALLER));
    return result;
}
HOOK(pid_t, tcgetsid, int fd) {
    pid_t result = REAL(tcgetsid)(fd);
    if (kache_active) note_question(fd, result >= 0, kache_module(CALLER));
    return result;
}
HOOK(int, tcgetwinsize, int fd, struct winsize *size) {
    int result = REAL(tcgetwinsize)(fd, size);
    if (kache_active) note_size(fd, result ? NULL : size, kache_module(CALLER));
    return result;
}

/* Requests that concern a terminal, a pipe or an open file, and copies between open files. Any other request asks a
 * device, the network or the file system. */
static void note_request(int fd, uint32_t request, void *argument, bool failed, uint32_t module) {
    switch (request) {
    case TIOCGWINSZ:
        note_size(fd, failed ? NULL : argument, module);
        break;
    case TCGETS:
    case TIOCGPGRP:
    case TIOCGSID:
        note_question(fd, !failed, module);
        break;
    case FIONREAD:
    case TIOCOUTQ:
        kache_note_use(fd, module);
        break;
    case 0x40049409: /* FICLONE */
        kache_note_use((int)(intptr_t)argument, module);
        break;
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSBRK:
    case TCFLSH:
    case TCXONC:
    case TIOCSWINSZ:
    case TIOCSPGRP:
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCSTI:
    case FIONBIO:
    case FIOASYNC:
    case FIOCLEX:
    case FIONCLEX:
    case 0x4020940d: /* FICLONERANGE */
    case 0xc020660b: /* FS_IOC_FIEMAP: where a copy finds holes */
        break;
    default:
        kache_note_beyond("ioctl", module, (long)request);
    }
}

HOOK(int, ioctl, int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    int result = REAL(ioctl)(fd, request, argument);
    if (kache_active) {
        int saved = errno;
        note_request(fd, (uint32_t)request, argument, result < 0, kache_module(CALLER));
        errno = saved;
    }
    return result;
}
