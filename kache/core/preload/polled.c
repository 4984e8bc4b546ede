/* A moment's wait for a compiler that its parent polls.
 *
 * The `cc` crate asks its children in turn whether one has ended, and sleeps for 100 ms after four rounds without an answer.
 * kache restores a result in 2 to 6 ms, so that each pair of restored objects costs the build script 100 ms of sleep: 5 of the
 * 8 s of a build of libgit2's 201 objects, measured on two processors.
 *
 * A poll of one child (`waitpid` with a process id and `WNOHANG`) that kache was put in front of therefore waits for the
 * child's end, until the child is `PATIENCE` old. A build pays at most that once for each compiler that really runs, and only
 * where the parent had nothing to do but poll: who waits for any child (make) or without `WNOHANG` (ninja) is not delayed. */

#include "polled.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define NANOSECONDS 1000000000L
/* From the start of the child, in nanoseconds. */
#define PATIENCE (15 * 1000000L)
/* Between two looks, in nanoseconds. */
#define PAUSE 300000L

/* The latest children; a program that starts more at once than these loses the wait for the oldest. */
#define REMEMBERED 64

static struct child {
    int pid;
    long until;
} children[REMEMBERED];
static unsigned started;

/* Zero where the clock cannot be read: then nothing waits. */
static long now(void) {
    struct timespec time;
    if (RAW(SYS_clock_gettime, CLOCK_MONOTONIC, &time, 0, 0) < 0) return 0;
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

void kache_note_fronted(pid_t pid) {
    long time = now();
    if (!time) return;
    struct child *child = &children[__atomic_fetch_add(&started, 1, __ATOMIC_RELAXED) % REMEMBERED];
    __atomic_store_n(&child->pid, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&child->until, time + PATIENCE, __ATOMIC_RELEASE);
    __atomic_store_n(&child->pid, pid, __ATOMIC_RELEASE);
}

static long patience_with(pid_t pid) {
    for (struct child *child = children; child < children + REMEMBERED; child++)
        if (__atomic_load_n(&child->pid, __ATOMIC_ACQUIRE) == pid) return __atomic_load_n(&child->until, __ATOMIC_ACQUIRE);
    return 0;
}

static bool runs(pid_t pid) {
    siginfo_t info;
    info.si_pid = 0;
    long result = kache_raw(SYS_waitid, P_PID, pid, (long)&info, WEXITED | WNOHANG | WNOWAIT, 0, 0);
    return result == 0 && info.si_pid == 0;
}

void kache_await_fronted(pid_t pid, int options) {
    if (pid <= 0 || !(options & WNOHANG)) return;
    long until = patience_with(pid);
    if (!until) return;
    struct timespec pause = {0, PAUSE};
    for (long time = now(); time && time < until && runs(pid); time = now())
        if (RAW(SYS_nanosleep, &pause, 0, 0, 0) < 0) return;
}
