#include "raw.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>
#include <pty.h>
extern char **environ;
static void *thread(void *name) { look(name); return name; }
static int c_thread(void *name) { look(name); return 7; }
static int cloned(void *name) { look(name); return 0; }
static int waited(long pid) { int status = 1; if (pid <= 0) return 1; waitpid((int)pid, &status, 0); return status; }
static char stack[65536] __attribute__((aligned(16)));
pid_t __fork(void);
pid_t __vfork(void);
int __clone(int (*)(void *), void *, int, void *, ...);
int main(int argc, char **argv) {
    if (argc > 1) { look(argv[1]); return 0; }
    pthread_t threads[300]; void *result;
    pthread_attr_t attr; sigset_t all; sigfillset(&all);
    pthread_attr_init(&attr); pthread_attr_setstacksize(&attr, 16384); pthread_attr_setsigmask_np(&attr, &all);
    for (int i = 0; i < 300; i++) if (pthread_create(&threads[i], &attr, thread, "by-thread")) return 1;
    for (int i = 0; i < 300; i++) if (pthread_join(threads[i], &result) || strcmp(result, "by-thread")) return 2;
    thrd_t other; int seven;
    if (thrd_create(&other, c_thread, "by-c-thread") || thrd_join(other, &seven) || seven != 7) return 3;
    long pid = fork();
    if (pid == 0) { look("by-fork"); if (fork() == 0) { look("by-fork-of-fork"); _exit(0); } wait(NULL); _exit(0); }
    if (waited(pid)) return 4;
    pid = __vfork();
    if (pid == 0) { look("by-other-vfork"); _exit(0); }
    if (waited(pid)) return 15;
    if (waited(__clone(cloned, stack + sizeof stack, SIGCHLD, "by-other-clone"))) return 16;
    pid = _Fork();
    if (pid == 0) { look("by-bare-fork"); _exit(0); }
    if (waited(pid)) return 5;
    if (waited(clone(cloned, stack + sizeof stack, SIGCHLD, "by-clone"))) return 6;
    if (waited(clone(cloned, stack + sizeof stack, CLONE_VM | SIGCHLD, "by-shared-clone"))) return 7;
    pid = vfork();
    if (pid == 0) { look("by-vfork"); char *arguments[] = {argv[0], "after-vfork", NULL}; execv(argv[0], arguments); _exit(1); }
    if (waited(pid)) return 8;
    pid = raw(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) { look("by-raw-fork"); char *arguments[] = {argv[0], "after-raw-exec", NULL}; raw(SYS_execve, "/nothing", arguments, environ); raw(SYS_execve, argv[0], arguments, environ); _exit(1); }
    if (waited(pid)) return 9;
    pid = raw(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) { look("by-raw-vfork"); raw(SYS_exit_group, 0); }
    if (waited(pid)) return 10;
    struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } how = {.exit_signal = SIGCHLD};
    pid = raw(SYS_clone3, &how, sizeof how);
    if (pid == 0) { look("by-raw-clone3"); _exit(0); }
    if (waited(pid)) return 11;
    pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) { look("by-libc-syscall"); _exit(0); }
    if (waited(pid)) return 12;
    pid_t spawned; char *arguments[] = {argv[0], "by-spawn", NULL};
    if (posix_spawn(&spawned, argv[0], NULL, NULL, arguments, environ) || waited(spawned)) return 13;
    int master;
    pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0) { look("by-forkpty"); _exit(0); }
    if (waited(pid)) return 14;
    return 0;
}
