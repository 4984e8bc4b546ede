//! System calls that a process makes outside libc are recorded as those of libc are, and the process does not notice.

use crate::sandbox::{ENOENT, Run, Sandbox};
use kache_core::observe::trace::{EventKind, flag};
use std::os::unix::ffi::OsStrExt;

const RAW: &str = include_str!("raw/raw.h");

/// Whether the kernel delivers system calls: asked without the observer.
fn is_supported() -> bool {
    const PR_SET_SYSCALL_USER_DISPATCH: libc::c_int = 59;
    // SAFETY: it turns off what is off.
    unsafe { libc::prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0 }
}

/// Builds a program, runs it plainly and under the observer, and wants the same of both.
fn run(test: &Sandbox, name: &str, source: &str) -> Run {
    test.write("raw.h", RAW);
    let program = test.c(name, source, &["-O1", "-lpthread", "-lutil"]);
    let plain = test.command(&program).output().unwrap();
    assert!(plain.status.success(), "{}", plain.status);
    let run = test.observe(&mut test.command(&program));
    run.succeeded();
    let first = run.of(EventKind::Module)[0];
    assert!(first.module == 0 && first.path == program.as_os_str().as_bytes(), "{first:?}");
    let begins = run.of(EventKind::Start);
    assert!(begins.iter().all(|start| (start.flags & flag::DISPATCHED != 0) == is_supported()));
    run
}

#[test]
fn calls_outside_libc_are_recorded_by_what_they_do() {
    let test = Sandbox::new();
    test.write("in", "text");
    std::fs::create_dir(test.path("into")).unwrap();
    std::os::unix::fs::symlink("in", test.path("to-in")).unwrap();
    let run = run(&test, "files", include_str!("raw/files.c"));
    if !is_supported() {
        return assert_eq!(run.of(EventKind::Read).len(), 0);
    }
    let at = |name: &str| test.path(name);
    assert_eq!(run.find(EventKind::Read, at("in")).errno, 0);
    assert_eq!(run.module_of(&run.find(EventKind::Read, at("in"))), at("files"));
    assert_eq!(run.find(EventKind::Read, at("absent")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Stat, at("in")).flags, flag::NO_FOLLOW | flag::BEYOND_LIBC);
    assert_eq!(run.of(EventKind::Stat).iter().filter(|e| e.path.ends_with(b"/in")).count(), 2);
    assert_eq!(run.find(EventKind::Stat, at("accessed")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Readlink, at("to-in")).path2, b"in");
    assert_eq!(run.find(EventKind::Mkdir, at("d")).errno, 0);
    assert_eq!(run.find(EventKind::Write, at("d/made")).flags, flag::CREATE | flag::EXCLUSIVE);
    assert_eq!(run.find(EventKind::Rename, at("d/made")).path2, at("d/made2").as_os_str().as_bytes());
    assert_eq!(run.find(EventKind::Link, at("d/made2")).path2, at("d/hard").as_os_str().as_bytes());
    assert_eq!(run.find(EventKind::Link, "some/where").flags, flag::SYMBOLIC);
    assert_eq!(run.find(EventKind::List, at("d")).errno, 0);
    assert!(run.has(EventKind::Unlink, at("d/hard")) && run.has(EventKind::Unlink, at("d/made2")));
    assert_eq!(run.find(EventKind::Unlink, at("d")).flags, flag::DIRECTORY_REMOVED);
    assert_eq!(run.find(EventKind::Stat, at("nowhere")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Stat, at("into/.")).errno, 0);
    let unknown: Vec<_> = run.of(EventKind::RawSyscall).iter().map(|e| e.aux).collect();
    assert_eq!(unknown, [9999]);
}

#[test]
fn calls_are_recorded_in_each_thread_and_child() {
    let test = Sandbox::new();
    let run = run(&test, "threads", include_str!("raw/threads.c"));
    if !is_supported() {
        return;
    }
    let of_threads = run.of(EventKind::Read).iter().filter(|e| e.path.ends_with(b"/by-thread")).count();
    assert_eq!(of_threads, 300);
    for name in ["by-c-thread", "by-fork", "by-fork-of-fork", "by-bare-fork", "by-clone", "by-shared-clone"] {
        assert!(run.has(EventKind::Read, test.path(name)), "{name}");
    }
    for name in ["by-vfork", "after-vfork", "by-raw-fork", "after-raw-exec", "by-raw-vfork", "by-raw-clone3"]
    {
        assert!(run.has(EventKind::Read, test.path(name)), "{name}");
    }
    for name in ["by-other-vfork", "by-other-clone", "by-libc-syscall", "by-spawn", "by-forkpty"] {
        assert!(run.has(EventKind::Read, test.path(name)), "{name}");
    }
    assert_eq!((run.of(EventKind::RawSyscall), run.of(EventKind::Unfollowed)), (vec![], vec![]));
    let failed = run.of(EventKind::Exec).into_iter().filter(|e| e.path == b"/nothing" && e.errno == ENOENT);
    assert_eq!(failed.count(), 1);
}

#[test]
fn signals_of_the_program_are_its_own() {
    let test = Sandbox::new();
    let run = run(&test, "signals", include_str!("raw/signals.c"));
    if !is_supported() {
        return;
    }
    let names = ["with-handler", "ignored", "blocked", "blocked-again", "blocked-raw", "blocked-by-syscall"];
    for name in names.into_iter().chain(["in-handler", "with-stack", "default", "end"]) {
        assert!(run.has(EventKind::Read, test.path(name)), "{name}");
    }
    assert_eq!(run.of(EventKind::RawSyscall), []);
}

#[test]
fn a_thread_that_cannot_be_followed_is_recorded_and_runs() {
    let test = Sandbox::new();
    let source = r#"
#include "raw.h"
#include <linux/futex.h>
#include <sched.h>
static char stack[65536] __attribute__((aligned(16)));
static volatile int done;
int main(void) {
    look("before");
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    long pid = raw(SYS_clone, flags, stack + sizeof stack - 64, 0, 0, 0);
    if (pid == 0) {
        done = 1;
        for (;;) raw(SYS_exit, 0);
    }
    while (!done) raw(SYS_sched_yield);
    look("after");
    return pid > 0 ? 0 : 1;
}
"#;
    let run = run(&test, "bare", source);
    if !is_supported() {
        return;
    }
    assert!(run.has(EventKind::Read, test.path("before")));
    assert_eq!(run.find(EventKind::Unfollowed, "").aux, libc::SYS_clone);
}

#[test]
fn code_that_is_made_at_run_time_is_seen_or_recorded_as_unseen() {
    let test = Sandbox::new();
    let run = run(&test, "made", include_str!("raw/made.c"));
    if is_supported() {
        let read = run.find(EventKind::Read, test.path("made-up"));
        assert_eq!(read.module, kache_core::observe::trace::UNKNOWN_MODULE);
        assert_eq!(run.of(EventKind::RawSyscall), []);
    } else {
        assert_eq!(run.find(EventKind::RawSyscall, "mmap").errno, 0);
    }
}

#[test]
fn the_clock_is_not_read_from_the_vdso_unseen() {
    let test = Sandbox::new();
    let source = r#"
#include "raw.h"
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>
int main(int count, char **arguments, char **environment) {
    (void)count;
    (void)arguments;
    struct timespec now;
    if (!getauxval(AT_PAGESZ) || !getauxval(AT_EXECFN) || clock_gettime(CLOCK_MONOTONIC, &now)) return 1;
    while (*environment) environment++;
    /* What a run-time without libc does. */
    unsigned long vdso = 0, pages = 0;
    for (unsigned long *entry = (unsigned long *)(environment + 1); *entry; entry += 2) {
        if (*entry == AT_SYSINFO_EHDR) vdso = entry[1];
        if (*entry == AT_PAGESZ) pages = entry[1];
    }
    if (pages != (unsigned long)getpagesize()) return 2;
    if (!vdso) vdso = getauxval(AT_SYSINFO_EHDR);
    if (!vdso) raw(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return 0;
}
"#;
    let run = run(&test, "vdso", source);
    let clock: &[u8] = if is_supported() { b"clock_gettime" } else { b"vdso" };
    assert_eq!(run.of(EventKind::Volatile).iter().filter(|e| e.path == clock && e.module == 0).count(), 1);
}
