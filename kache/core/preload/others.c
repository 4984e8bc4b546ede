/* Questions about processes that kache's command did not start: whether one is there, and signals to it.
 *
 * A signal to a process of the command's own tree is the command's own affair. Whether any other process is there can be asked by
 * `kill` and its like, and a signal to it is a side effect. The tree is told by the parents that the kernel names: they lead to
 * the process that made the log. Who has left the tree (a daemon) or is gone counts as another. */

#include "others.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "facts.h"
#include "files.h"

/* More parents than a sane tree has. */
#define GENERATIONS 64

static long number_at(const char *text) {
    long number = 0;
    for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
    return number;
}

/* The log's name is `/proc/PID/fd/N`. */
long kache_launcher(void) {
    static const char prefix[] = LOG_VARIABLE "/proc/";
    for (unsigned i = 0; i < sizeof prefix - 1; i++)
        if (kache_log_variable[i] != prefix[i]) return -1;
    return number_at(kache_log_variable + sizeof prefix - 1);
}

/* The parent of a process; -1 where there is no such process, or no `/proc`. */
static long parent_of(long pid) {
    struct digits digits;
    char path[40] = "/proc/", text[128];
    char *end = append(append(path + sizeof "/proc/" - 1, print_number(&digits, pid)), "/stat");
    *end = 0;
    long fd = RAW(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    long got = RAW(SYS_read, fd, text, sizeof text - 1, 0);
    RAW(SYS_close, fd, 0, 0, 0);
    if (got <= 0) return -1;
    /* "PID (NAME) STATE PARENT": the name, of at most 64 bytes, may hold anything, so it ends at the last parenthesis. */
    long at = got - 1;
    while (at > 0 && text[at] != ')') at--;
    text[got] = 0;
    return at > 0 && at + 4 < got ? number_at(text + at + 4) : -1;
}

static bool is_of_tree(long pid) {
    long root = kache_launcher();
    for (int i = 0; i < GENERATIONS && pid > 1; i++) {
        if ((pid = parent_of(pid)) == root) return true;
    }
    return false;
}

void kache_note_other(long pid, uint32_t module) {
    if (pid == 0 || pid == RAW(SYS_getpid, 0, 0, 0, 0)) return;
    if (pid == -1 || !is_of_tree(pid < 0 ? -pid : pid)) kache_note_volatile("kill", module, FIRST_KILL);
}

/* Asked before the call: afterwards the process may be gone. */
#define ABOUT(type, name, pid, parameters, ...)                                                              \
    HOOK(type, name, parameters) {                                                                           \
        if (kache_active) kache_note_other(pid, kache_module(CALLER));                                       \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }

ABOUT(int, kill, process, pid_t process COMMA int number, process, number)
ABOUT(int, killpg, group > 1 ? -group : group, pid_t group COMMA int number, group, number)
ABOUT(int, sigqueue, process, pid_t process COMMA int number COMMA const union sigval value, process, number, value)
ABOUT(int, pidfd_open, process, pid_t process COMMA unsigned flags, process, flags)
ABOUT(pid_t, getpgid, process, pid_t process, process)
ABOUT(pid_t, __getpgid, process, pid_t process, process)
ABOUT(pid_t, getsid, process, pid_t process, process)
