/* Descriptors that the run was given open: what is read there was opened by no process of the run, and what is written
 * there is no output of it.
 *
 * The launcher writes which files, pipes and sockets they are into the log's header. A process may have them under any
 * number, so each use asks the kernel which one it is. Where the run was given none, as most are, a use costs a
 * comparison. The standard streams count by what they are: the terminal or the file on standard input is given, too. */

#include "descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "files.h"
#include "jump.h"

const struct given *kache_given;
uint32_t kache_given_count;

static bool is_given(int fd) {
    struct stat is;
    if (fd < 0 || kache_raw(SYS_fstat, fd, (long)&is, 0, 0, 0, 0)) return false;
    for (uint32_t at = 0; at < kache_given_count; at++)
        if (kache_given[at].number == is.st_ino && kache_given[at].device == is.st_dev) return true;
    return false;
}

static __attribute__((noinline)) void note(int fd, unsigned flags, uint32_t module) {
    if (!kache_first_time(module, flags & F_ASKED_ABOUT ? FIRST_GIVEN_STATUS : FIRST_GIVEN)) return;
    int saved = errno;
    const struct text text = {0, 0, 0, 0, FROM_FD, fd};
    kache_emit(K_DESCRIPTOR, flags, 0, module, fd, text, NO_TEXT);
    errno = saved;
}

void kache_note_use(int fd, uint32_t module) {
    if (kache_active && kache_given_count && is_given(fd)) note(fd, 0, module);
}

void kache_note_question(int fd, uint32_t module) {
    if (kache_active && kache_given_count && fd > 2 && is_given(fd)) note(fd, F_ASKED_ABOUT, module);
}

/* Standard input is asked about as programs start, for nothing but whether it is open. */
static void note_wait(int fd, bool for_something, uint32_t module) {
    if (fd >= 0 && (fd > 2 || (fd == 0 && for_something)) && is_given(fd)) note(fd, F_ASKED_ABOUT, module);
}

void kache_note_poll(const void *fds, size_t count, uint32_t module) {
    const struct pollfd *all = fds;
    if (!kache_active || !kache_given_count || !all) return;
    for (size_t at = 0; at < count; at++) note_wait(all[at].fd, all[at].events, module);
}

void kache_note_select(int count, const void *read, const void *write, const void *other, uint32_t module) {
    const void *const sets[] = {read, write, other};
    if (!kache_active || !kache_given_count) return;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const unsigned long *words = sets[i];
        for (int fd = 0; words && fd < count; fd++)
            if (words[fd / LONG_BIT] >> fd % LONG_BIT & 1) note_wait(fd, true, module);
    }
}

int kache_descriptor_of(const char *path) {
    static const char *const directories[] = {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        if (!starts_with(path, directories[i])) continue;
        int number = -1;
        const char *c = path + __builtin_strlen(directories[i]);
        for (; *c >= '0' && *c <= '9' && number < 1 << 20; c++) number = (number < 0 ? 0 : number * 10) + (*c - '0');
        /* What lies below an open directory is another file. */
        return *c ? -1 : number;
    }
    return -1;
}

bool kache_is_own_descriptor(const char *path) {
    int fd = kache_descriptor_of(path);
    /* What is printed goes to the caller of the run. */
    return fd >= 0 && fd != 1 && fd != 2 && !is_given(fd);
}

#ifdef HAS_JUMPS

static void *real_of(struct real *real) {
    void *found = __atomic_load_n(real->slot, __ATOMIC_RELAXED);
    found = found ? found : kache_real(real->slot, real->name);
    return found != NOT_THERE ? found : (void *)kache_missing;
}

#define IS_OFF __builtin_expect(!kache_given_count || !kache_active, 1)
#define ARGUMENT(at) ((int)(intptr_t)registers->argument[at])

static void use(int fd, void *caller) {
    if (is_given(fd)) note(fd, 0, kache_module(caller));
}

static void question(int fd, void *caller) {
    if (fd > 2 && is_given(fd)) note(fd, F_ASKED_ABOUT, kache_module(caller));
}

/* By which arguments the descriptors are. */
#define ASK(name, ...)                                                                                       \
    ASKED void *kache_before_##name(struct registers *registers, void *caller, struct real *real) {          \
        (void)registers;                                                                                     \
        if (IS_OFF) return real_of(real);                                                                    \
        __VA_ARGS__;                                                                                         \
        return real_of(real);                                                                                \
    }
ASK(use, use(ARGUMENT(0), caller))
ASK(copy, use(ARGUMENT(0), caller); use(ARGUMENT(1), caller))
ASK(splice, use(ARGUMENT(0), caller); use(ARGUMENT(2), caller))
ASK(question, question(ARGUMENT(0), caller))
ASK(watch, note_wait(ARGUMENT(2), true, kache_module(caller)))
ASK(poll, kache_note_poll(registers->argument[0], (size_t)registers->argument[1], kache_module(caller)))
ASK(select, kache_note_select(ARGUMENT(0), registers->argument[1], registers->argument[2], registers->argument[3],
                              kache_module(caller)))

#define USE(name) JUMP(name, kache_before_use)
USE(read);
USE(__read);
USE(__read_chk);
USE(write);
USE(__write);
USE(readv);
USE(writev);
USE(pread);
USE(pread64);
USE(__pread64);
USE(__pread_chk);
USE(__pread64_chk);
USE(pwrite);
USE(pwrite64);
USE(__pwrite64);
USE(preadv);
USE(preadv64);
USE(preadv2);
USE(preadv64v2);
USE(pwritev);
USE(pwritev64);
USE(pwritev2);
USE(pwritev64v2);
USE(recv);
USE(__recv);
USE(__recv_chk);
USE(recvfrom);
USE(__recvfrom_chk);
USE(recvmsg);
USE(recvmmsg);
USE(send);
USE(__send);
USE(accept);
USE(accept4);
USE(shutdown);
USE(vmsplice);
USE(fchdir);
USE(fdopen);
USE(_IO_fdopen);
USE(vdprintf);
USE(__vdprintf_chk);
USE(ftruncate);
USE(ftruncate64);
USE(eventfd_read);
USE(eventfd_write);
JUMP(sendfile, kache_before_copy);
JUMP(sendfile64, kache_before_copy);
JUMP(tee, kache_before_copy);
JUMP(splice, kache_before_splice);
JUMP(copy_file_range, kache_before_splice);

#define QUESTION(name) JUMP(name, kache_before_question)
QUESTION(lseek);
QUESTION(lseek64);
QUESTION(__lseek);
QUESTION(getsockname);
QUESTION(getpeername);
QUESTION(getsockopt);
JUMP(epoll_ctl, kache_before_watch);
JUMP(poll, kache_before_poll);
JUMP(__poll, kache_before_poll);
JUMP(__poll_chk, kache_before_poll);
JUMP(select, kache_before_select);
JUMP(__select, kache_before_select);

/* ---- the status of an open file ---- */

static void *note_status(int fd, void *caller, struct real *real) {
    if (kache_active) {
        uint32_t module = kache_module(caller);
        kache_note_question(fd, module);
        kache_note_status_fd(0, 0, module, RETURNS_TO(caller, module), fd);
    }
    return real_of(real);
}

ASKED void *kache_before_fstat(struct registers *registers, void *caller, struct real *real) {
    return note_status(ARGUMENT(0), caller, real);
}
ASKED void *kache_before_old_fstat(struct registers *registers, void *caller, struct real *real) {
    return note_status(ARGUMENT(1), caller, real);
}

JUMP(fstat, kache_before_fstat);
JUMP(fstat64, kache_before_fstat);
JUMP(__fxstat, kache_before_old_fstat);
JUMP(__fxstat64, kache_before_old_fstat);

/* ---- standard input as a stream, which libc reads by itself ---- */

extern void *standard_input __asm__("stdin") __attribute__((weak));

static void note_stream(const void *stream, void *caller) {
    if (&standard_input && stream == standard_input) use(0, caller);
}

ASK(stdin, use(0, caller))
ASK(stream_0, note_stream(registers->argument[0], caller))
ASK(stream_2, note_stream(registers->argument[2], caller))
ASK(stream_3, note_stream(registers->argument[3], caller))
ASK(stream_4, note_stream(registers->argument[4], caller))

#define STDIN(name) JUMP(name, kache_before_stdin)
STDIN(getchar);
STDIN(getchar_unlocked);
STDIN(getwchar);
STDIN(getwchar_unlocked);
STDIN(gets);
STDIN(scanf);
STDIN(vscanf);
STDIN(wscanf);
STDIN(vwscanf);
STDIN(__isoc99_scanf);
STDIN(__isoc99_vscanf);
STDIN(__isoc99_wscanf);
STDIN(__isoc99_vwscanf);
STDIN(__isoc23_scanf);
STDIN(__isoc23_vscanf);
STDIN(__isoc23_wscanf);
STDIN(__isoc23_vwscanf);
#define STREAM_0(name) JUMP(name, kache_before_stream_0)
STREAM_0(fgetc);
STREAM_0(fgetc_unlocked);
STREAM_0(getc);
STREAM_0(getc_unlocked);
STREAM_0(_IO_getc);
STREAM_0(fgetwc);
STREAM_0(fgetwc_unlocked);
STREAM_0(getwc);
STREAM_0(getwc_unlocked);
STREAM_0(getw);
STREAM_0(__uflow);
STREAM_0(__underflow);
STREAM_0(__wuflow);
STREAM_0(__wunderflow);
STREAM_0(fscanf);
STREAM_0(vfscanf);
STREAM_0(fwscanf);
STREAM_0(vfwscanf);
STREAM_0(__isoc99_fscanf);
STREAM_0(__isoc99_vfscanf);
STREAM_0(__isoc99_fwscanf);
STREAM_0(__isoc99_vfwscanf);
STREAM_0(__isoc23_fscanf);
STREAM_0(__isoc23_vfscanf);
STREAM_0(__isoc23_fwscanf);
STREAM_0(__isoc23_vfwscanf);
#define STREAM_2(name) JUMP(name, kache_before_stream_2)
STREAM_2(fgets);
STREAM_2(fgets_unlocked);
STREAM_2(fgetws);
STREAM_2(fgetws_unlocked);
STREAM_2(getline);
#define STREAM_3(name) JUMP(name, kache_before_stream_3)
STREAM_3(fread);
STREAM_3(fread_unlocked);
STREAM_3(getdelim);
STREAM_3(__getdelim);
STREAM_3(__fgets_chk);
STREAM_3(__fgets_unlocked_chk);
STREAM_3(__fgetws_chk);
STREAM_3(__fgetws_unlocked_chk);
JUMP(__fread_chk, kache_before_stream_4);
JUMP(__fread_unlocked_chk, kache_before_stream_4);

#endif

/* ---- by their numbers ---- */

void kache_note_uses(long number, const long *a, uint32_t module) {
    if (!kache_active || !kache_given_count) return;
    switch (number) {
    case SYS_read:
    case SYS_write:
    case SYS_pread64:
    case SYS_pwrite64:
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv:
    case SYS_pwritev:
    case SYS_preadv2:
    case SYS_pwritev2:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_accept4:
    case SYS_fchdir:
    case SYS_ftruncate:
    case SYS_vmsplice:
        kache_note_use((int)a[0], module);
        break;
    case SYS_sendfile:
    case SYS_tee:
        kache_note_use((int)a[0], module);
        kache_note_use((int)a[1], module);
        break;
    case SYS_copy_file_range:
    case SYS_splice:
        kache_note_use((int)a[0], module);
        kache_note_use((int)a[2], module);
        break;
    case SYS_mmap:
        kache_note_use((int)a[4], module);
        break;
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        kache_note_poll((const void *)a[0], (size_t)a[1], module);
        break;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        /* The sets hold the answer by now. */
        for (int fd = 0; fd < (int)a[0]; fd++) note_wait(fd, true, module);
        break;
    case SYS_epoll_ctl:
        note_wait((int)a[2], true, module);
        break;
    case SYS_fstat:
    case SYS_lseek:
        kache_note_question((int)a[0], module);
        break;
    default:
        break;
    }
}
