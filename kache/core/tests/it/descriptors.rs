//! What a run was given open: each use of it is recorded, and no use of what the run opened itself.

use crate::sandbox::{Run, Sandbox};
use kache_core::observe::trace::{EventKind, flag};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

const USES: &str = r#"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
    int fd = atoi(argv[2]);
    char text[64];
    char *how = argv[1];
    struct iovec part = {text, sizeof text};
    struct stat st;
    int out = open("/dev/null", O_WRONLY);
#define HOW(name) if (!strcmp(how, #name))
    HOW(read) return read(fd, text, 1) < 0;
    HOW(pread) return pread(fd, text, 1, 0) < 0;
    HOW(readv) return readv(fd, &part, 1) < 0;
    HOW(mmap) return mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED;
    HOW(sendfile) return sendfile(out, fd, NULL, 1) < 0;
    HOW(copied) return read(dup(fd), text, 1) < 0;
    HOW(renumbered) return dup2(fd, 77) != 77 || read(77, text, 1) < 0;
    HOW(syscall) return syscall(SYS_read, fd, text, 1) < 0;
    HOW(stream) return fgetc(fdopen(fd, "r")) == EOF;
    HOW(looked_up) {
        ssize_t (*found)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))dlsym(dlopen("libc.so.6", RTLD_LAZY), "read");
        return found(fd, text, 1) < 0;
    }
    HOW(recv) return recv(fd, text, 1, 0) < 0;
    HOW(recvmsg) {
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        return recvmsg(fd, &message, 0) < 0;
    }
    HOW(send) return send(fd, "x", 1, 0) != 1;
    HOW(write) return write(fd, "x", 1) != 1;
    HOW(below) return openat(fd, "data", O_RDONLY) < 0;
    HOW(probe) return fstatat(fd, "data", &st, 0);
    HOW(fchdir) return fchdir(fd);
    HOW(status) return fstat(fd, &st);
    HOW(name) {
        char link[64];
        sprintf(link, "/proc/self/fd/%d", fd);
        return readlink(link, text, sizeof text) < 0;
    }
    HOW(seek) return lseek(fd, 0, SEEK_END) < 0;
    HOW(poll) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        return poll(&one, 1, 0) < 0;
    }
    HOW(select) {
        fd_set all;
        struct timeval none = {0, 0};
        FD_ZERO(&all);
        FD_SET(fd, &all);
        return select(fd + 1, &all, NULL, NULL, &none) < 0;
    }
    HOW(ppoll) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        struct timespec none = {0, 0};
        return ppoll(&one, 1, &none, NULL) < 0;
    }
    HOW(watch) {
        struct epoll_event event = {.events = EPOLLIN};
        return epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &event) && errno != EPERM;
    }
    HOW(waiting) return ioctl(fd, FIONREAD, &out) < 0;
    HOW(child) {
        pid_t child;
        int status;
        char *arguments[] = {argv[0], "read", argv[2], NULL};
        if (posix_spawn(&child, argv[0], NULL, NULL, arguments, environ)) return 1;
        return waitpid(child, &status, 0) != child || status;
    }
    HOW(forked) {
        int status;
        if (!fork()) _exit(read(fd, text, 1) < 0);
        return wait(&status) < 0 || status;
    }
    HOW(stdin) return dup2(fd, 0) != 0 || getchar() == EOF;
    HOW(line) return dup2(fd, 0) != 0 || !fgets(text, sizeof text, stdin);
    HOW(by_path) {
        char link[64];
        sprintf(link, "/dev/fd/%d", fd);
        return read(open(link, O_RDONLY), text, 1) < 0;
    }
    HOW(own_pipe) {
        int ends[2];
        char link[64];
        if (pipe(ends) || write(ends[1], "x", 1) != 1) return 1;
        sprintf(link, "/proc/self/fd/%d", ends[0]);
        return read(open(link, O_RDONLY), text, 1) != 1;
    }
    HOW(unused) return 0;
    HOW(closed) return close(fd);
    HOW(managed) return fcntl(fd, F_GETFD) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_DUPFD, 100) < 0;
    HOW(reopened) {
        close(fd);
        if (dup2(open("own", O_RDONLY), fd) != fd) return 1;
        return read(fd, text, 1) != 1;
    }
    HOW(pipe) {
        int ends[2];
        return pipe(ends) || write(ends[1], "x", 1) != 1 || read(ends[0], text, 1) != 1;
    }
    return 9;
}
"#;

/// Runs the program above with something that its starter opened.
fn with(test: &Sandbox, how: &str, given: impl Into<OwnedFd>) -> Run {
    let given = given.into();
    // SAFETY: plain arguments. Other tests may hand it on too, where nothing uses it.
    assert_eq!(unsafe { libc::fcntl(given.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    let number = given.as_raw_fd().to_string();
    let run = test.observe(test.command(test.path("p")).args([how, &number]));
    run.succeeded();
    run
}

fn uses(run: &Run) -> (usize, usize) {
    let events = run.of(EventKind::Descriptor);
    let asked = events.iter().filter(|e| e.flags & flag::ASKED_ABOUT != 0).count();
    (events.len() - asked, asked)
}

fn sandbox() -> Sandbox {
    let test = Sandbox::new();
    test.c("p", USES, &["-ldl"]);
    test.write("given", "given\n");
    test.write("own", "own\n");
    test.write("dir/data", "data\n");
    test
}

#[test]
fn each_way_to_read_or_write_what_was_given_is_recorded() {
    let test = sandbox();
    let file = || File::options().read(true).write(true).open(test.path("given")).unwrap();
    for how in [
        "read",
        "pread",
        "readv",
        "mmap",
        "sendfile",
        "copied",
        "renumbered",
        "syscall",
        "stream",
        "looked_up",
        "by_path",
        "write",
        "child",
        "forked",
        "stdin",
        "line",
        "waiting",
    ] {
        let run = with(&test, how, file());
        assert_eq!(uses(&run), (1, 0), "{how}: {:#?}", run.all());
        assert_eq!(run.of(EventKind::Descriptor)[0].path, test.path("given").as_os_str().as_encoded_bytes());
    }
    for how in ["below", "probe", "fchdir"] {
        let run = with(&test, how, File::open(test.path("dir")).unwrap());
        assert!(uses(&run).0 > 0, "{how}: {:#?}", run.all());
    }
    for how in ["recv", "recvmsg", "send", "read"] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut &ours, b"x").unwrap();
        let run = with(&test, how, theirs);
        assert_eq!(uses(&run), (1, 0), "{how}: {:#?}", run.all());
    }
    for how in ["status", "name", "seek", "poll", "ppoll", "select", "watch"] {
        let run = with(&test, how, file());
        assert_eq!(uses(&run), (0, 1), "{how}: {:#?}", run.all());
    }
}

#[test]
fn what_the_run_opened_itself_is_not_recorded() {
    let test = sandbox();
    for how in ["unused", "closed", "managed", "reopened", "pipe", "own_pipe"] {
        let run = with(&test, how, File::open(test.path("given")).unwrap());
        assert_eq!(uses(&run), (0, 0), "{how}: {:#?}", run.all());
        assert!(
            run.of(EventKind::Read).iter().all(|e| !e.path.starts_with(b"/proc/self/fd")),
            "{:#?}",
            run.all()
        );
    }
    let run = with(&test, "read", File::open("/dev/null").unwrap());
    assert_eq!(uses(&run), (0, 0), "{:#?}", run.all());
}
