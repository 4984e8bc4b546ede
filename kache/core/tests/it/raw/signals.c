#include "raw.h"
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int seen, nested; static sigjmp_buf place;
static void plain(int signal) { seen = signal; }
static void full(int signal, siginfo_t *info, void *context) { (void)context; seen = signal + info->si_code; }
static void looks(int signal) { (void)signal; look("in-handler"); nested++; }
static void jumps(int signal) { (void)signal; siglongjmp(place, 1); }
struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
#if defined(__x86_64__)
void own_restorer(void);
__asm__(".text\n own_restorer: movl $15, %eax\n syscall\n");
#define RESTORER own_restorer
#define FLAGS (0x04000000 | SA_NODEFER)
#else
#define RESTORER 0
#define FLAGS SA_NODEFER
#endif
int main(void) {
    struct sigaction action = {.sa_handler = plain}, old;
    sigfillset(&action.sa_mask);
    if (sigaction(SIGSYS, NULL, &old) || old.sa_handler != SIG_DFL) return 1;
    if (sigaction(SIGSYS, &action, &old) || old.sa_handler != SIG_DFL) return 2;
    if (sigaction(SIGSYS, NULL, &old) || old.sa_handler != plain) return 3;
    raise(SIGSYS);
    if (seen != SIGSYS) return 4;
    look("with-handler");
    action.sa_sigaction = full; action.sa_flags = SA_SIGINFO;
    if (sigaction(SIGSYS, &action, NULL)) return 5;
    seen = 0; kill(getpid(), SIGSYS);
    if (seen != SIGSYS + SI_USER) return 6;
    if (signal(SIGSYS, SIG_IGN) != (void (*)(int))(void *)full) return 7;
    raise(SIGSYS);
    look("ignored");
    /* masks */
    sigset_t all, was; sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL)) return 8;
    look("blocked");
    if (pthread_sigmask(SIG_BLOCK, &all, &was) || !sigismember(&was, SIGUSR1)) return 9;
    look("blocked-again");
    unsigned long word = ~0ul, before = 0;
    if (raw(SYS_rt_sigprocmask, SIG_SETMASK, &word, &before, 8) || !(before & 1ul << (SIGUSR1 - 1))) return 10;
    look("blocked-raw");
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &word, 0, 8)) return 11;
    look("blocked-by-syscall");
    word = 0;
    if (raw(SYS_rt_sigprocmask, SIG_SETMASK, &word, 0, 8)) return 12;
    sigprocmask(SIG_SETMASK, NULL, &was);
    if (sigismember(&was, SIGUSR1)) return 13;
    /* handlers that call the kernel, within a call that the kernel delivered too */
    action.sa_handler = looks; action.sa_flags = 0;
    if (sigaction(SIGUSR1, &action, NULL)) return 14;
    raise(SIGUSR1);
    raw(SYS_kill, getpid(), SIGUSR1);
    if (nested != 2) return 15;
    sigprocmask(SIG_BLOCK, &all, NULL); raise(SIGUSR1);
    if (nested != 2) return 16;
    sigset_t none; sigfillset(&none); sigdelset(&none, SIGUSR1);
    sigsuspend(&none);
    if (nested != 3) return 17;
    raise(SIGUSR1);
    struct timespec soon = {10, 0};
    if (ppoll(NULL, 0, &soon, &none) != -1 || nested != 4) return 18;
    raise(SIGUSR1);
    word = ~(1ul << (SIGUSR1 - 1));
    if (raw(SYS_ppoll, 0, 0, &soon, &word, 8) != -EINTR || nested != 5) return 19;
    sigemptyset(&none); sigprocmask(SIG_SETMASK, &none, NULL);
    struct kernel_action set = {looks, FLAGS, RESTORER, ~0ul}, got;
    if (raw(SYS_rt_sigaction, SIGUSR2, &set, 0, 8)) return 20;
    raise(SIGUSR2); raise(SIGUSR2);
    if (nested != 7) return 21;
    if (raw(SYS_rt_sigaction, SIGSYS, &set, &got, 8) || got.handler != (void *)SIG_IGN) return 22;
    raise(SIGSYS);
    if (nested != 8) return 23;
    action.sa_handler = jumps;
    sigaction(SIGUSR1, &action, NULL);
    for (volatile int i = 0; i < 3; i++) if (!sigsetjmp(place, 1)) { raw(SYS_kill, getpid(), SIGUSR1); return 24; }
    /* the signal stack */
    static char memory[65536]; stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, is;
    if (raw(SYS_sigaltstack, &stack, 0) || sigaltstack(NULL, &is) || is.ss_sp != memory) return 25;
    look("with-stack");
    if (raw(SYS_sigaltstack, 0, &is) || is.ss_sp != memory || is.ss_size != sizeof memory) return 26;
    long pid = fork();
    if (pid == 0) { signal(SIGSYS, SIG_DFL); look("default"); raise(SIGSYS); _exit(0); }
    int status; waitpid((int)pid, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) return 27;
    look("end");
    return 0;
}
