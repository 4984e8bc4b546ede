/* Hooks in front of functions whose effect no record can follow. The call itself is recorded, and the reader takes
 * the process for one that was not observed. */

#include "core.h"

#include <sys/socket.h>

#include "calls.h"
#include "descriptors.h"
#include "jump.h"

#ifdef HAS_JUMPS

ASKED void *kache_before_beyond(struct registers *registers, void *caller, struct real *real) {
    (void)registers;
    if (kache_active) kache_note_beyond(real->name, kache_module(caller), 0);
    void *found = __atomic_load_n(real->slot, __ATOMIC_RELAXED);
    found = found ? found : kache_real(real->slot, real->name);
    return found != NOT_THERE ? found : (void *)kache_missing;
}

#define BEYOND(name) JUMP(name, kache_before_beyond)

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
/* Words that become commands, variables, users' directories and the names of files, all of which libc looks at itself. */
BEYOND(wordexp);
/* How the process is scheduled, and what it may do. */
BEYOND(sched_getscheduler);
BEYOND(__sched_getscheduler);
BEYOND(sched_getparam);
BEYOND(__sched_getparam);
BEYOND(sched_getattr);
BEYOND(sched_rr_get_interval);
BEYOND(pthread_getschedparam);
BEYOND(capget);
/* Whether these succeed depends on what the process may do. */
BEYOND(sched_setscheduler);
BEYOND(__sched_setscheduler);
BEYOND(sched_setparam);
BEYOND(sched_setattr);
BEYOND(pthread_setschedparam);
BEYOND(pthread_setschedprio);
BEYOND(capset);
BEYOND(setuid);
BEYOND(setgid);
BEYOND(seteuid);
BEYOND(setegid);
BEYOND(setreuid);
BEYOND(setregid);
BEYOND(setresuid);
BEYOND(setresgid);
BEYOND(setfsuid);
BEYOND(setfsgid);
BEYOND(setgroups);
/* Databases that libc opens by itself. */
BEYOND(ether_hostton);
BEYOND(ether_ntohost);
/* The names and the places of the functions on the stack. */
BEYOND(backtrace_symbols);
BEYOND(backtrace_symbols_fd);
BEYOND(__backtrace_symbols);
BEYOND(__backtrace_symbols_fd);

#endif

/* A socket within the process tree, or one that `connect` will record, is followed. A netlink or packet socket needs
 * no connection. */
HOOK(int, socket, int domain, int type, int protocol) {
    if (kache_active && domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
        kache_note_beyond("socket", kache_module(CALLER), domain);
    return REAL(socket)(domain, type, protocol);
}

/* To be reached by others, unless the system is to choose a port: that is what a client does. */
HOOK(int, bind, int fd, const struct sockaddr *address, socklen_t size) {
    int result = REAL(bind)(fd, address, size);
    if (kache_active && result == 0) kache_note_beyond("bind", kache_module(CALLER), 0);
    return result;
}

HOOK(int, sendmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags) {
    kache_note_use(fd, MODULE_UNKNOWN);
    for (unsigned at = 0; kache_active && messages && at < count; at++) {
        if (!messages[at].msg_hdr.msg_name) continue;
        kache_note_beyond("sendmmsg", kache_module(CALLER), 0);
        break;
    }
    return REAL(sendmmsg)(fd, messages, count, flags);
}
