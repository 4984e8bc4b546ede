//! Facts about the host, and of files more than their contents, that a proc macro or a program asks for.

use super::case::{
    Case,
    Expect::{Follows, Uncacheable},
};

const SIGNALS: &str = "https://man7.org/linux/man-pages/man7/signal.7.html";
const RLIMIT: &str = "https://man7.org/linux/man-pages/man2/getrlimit.2.html";

pub const CASES: &[Case] = &[
    Case {
        name: "host-umask",
        about: "a proc macro pastes the umask, and another is set",
        source: "https://man7.org/linux/man-pages/man2/umask.2.html",
        expect: Follows,
        set_up: |s| {
            s.umask("022").proc_macro(
                r#"extern "C" { fn umask(mask: u32) -> u32; }
                   unsafe { let mask = umask(0); umask(mask); mask.to_string() }"#,
            )
        },
        change: |s| s.umask("027"),
    },
    Case {
        name: "host-umask-of-program",
        about: "a program that a proc macro starts prints the umask, and another is set",
        source: "https://man7.org/linux/man-pages/man2/umask.2.html",
        expect: Follows,
        set_up: |s| s.umask("022").program_macro(r#"new("/bin/sh").args(["-c", "umask"])"#),
        change: |s| s.umask("027"),
    },
    Case {
        name: "host-limit",
        about: "a proc macro pastes how many files it may open, and the limit is lowered",
        source: RLIMIT,
        expect: Follows,
        set_up: |s| {
            s.proc_macro(
                r#"extern "C" { fn getrlimit(resource: i32, limit: *mut [u64; 2]) -> i32; }
                   let mut limit = [0; 2];
                   unsafe { getrlimit(7, &mut limit) };
                   limit[0].to_string()"#,
            )
        },
        change: |s| s.under("ulimit -S -n 250; exec"),
    },
    Case {
        name: "host-priority",
        about: "a proc macro pastes how nice it is, and the build is started by nice",
        source: "https://man7.org/linux/man-pages/man2/getpriority.2.html",
        expect: Follows,
        set_up: |s| {
            s.need("nice").proc_macro(
                r#"extern "C" { fn getpriority(which: i32, who: u32) -> i32; }
                   unsafe { getpriority(0, 0) }.to_string()"#,
            )
        },
        change: |s| s.under("exec nice -n 3"),
    },
    Case {
        name: "host-attribute",
        about: "a proc macro pastes an extended attribute of a file, which is set anew",
        source: "https://man7.org/linux/man-pages/man2/getxattr.2.html",
        expect: Follows,
        set_up: |s| {
            s.need("python3").write("data", "a").plainly(&set_attribute("one"));
            s.proc_macro(
                r#"extern "C" { fn getxattr(path: *const i8, name: *const i8, to: *mut u8, size: usize) -> isize; }
                   let mut to = [0; 64];
                   let found = unsafe { getxattr(c"data".as_ptr(), c"user.fact".as_ptr(), to.as_mut_ptr(), 64) };
                   String::from_utf8_lossy(&to[..found.max(0) as usize]).into_owned()"#,
            )
        },
        change: |s| s.plainly(&set_attribute("two")),
    },
    Case {
        name: "macro-linux-mtime",
        about: "a proc macro pastes a modification time by the interface for Linux, and the file is touched",
        source: "https://doc.rust-lang.org/std/os/linux/fs/trait.MetadataExt.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").date("data", 1_000_000_000).proc_macro(
                r#"use std::os::linux::fs::MetadataExt;
                   std::fs::metadata("data").unwrap().st_mtime().to_string()"#,
            )
        },
        change: |s| s.date("data", 1_000_000_100),
    },
    Case {
        name: "macro-inode",
        about: "a proc macro pastes a file's number, and an exact copy takes the place of the file",
        source: "https://doc.rust-lang.org/std/os/unix/fs/trait.MetadataExt.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").proc_macro(
                r#"use std::os::unix::fs::MetadataExt;
                   std::fs::metadata("data").unwrap().ino().to_string()"#,
            )
        },
        change: |s| s.plainly("cp -p data copy").rename("copy", "data"),
    },
    Case {
        name: "host-ignored-signal",
        about: "a proc macro pastes whether a signal is ignored, and the build is started by nohup",
        source: SIGNALS,
        expect: Follows,
        set_up: |s| {
            s.proc_macro(
                r#"extern "C" { fn sigaction(signal: i32, set: *const u8, old: *mut [usize; 20]) -> i32; }
                   let mut old = [0; 20];
                   unsafe { sigaction(1, std::ptr::null(), &mut old) };
                   old[0].to_string()"#,
            )
        },
        change: |s| s.under("trap '' HUP; exec"),
    },
    Case {
        name: "host-ignored-signal-of-shell",
        about: "a shell that a proc macro starts catches a signal, which the caller of the build then ignores",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#trap",
        expect: Follows,
        set_up: |s| {
            s.program_macro(
                r#"new("/bin/sh").args(["-c", "trap 'echo caught' HUP; kill -HUP $$; echo done"])"#,
            )
        },
        change: |s| s.under("trap '' HUP; exec"),
    },
    Case {
        name: "host-blocked-signal",
        about: "a proc macro pastes which signals are blocked, and the caller of the build blocks one",
        source: SIGNALS,
        expect: Follows,
        set_up: |s| {
            s.need("python3").proc_macro(
                r#"extern "C" { fn pthread_sigmask(how: i32, set: *const u8, old: *mut [usize; 16]) -> i32; }
                   let mut old = [0; 16];
                   unsafe { pthread_sigmask(0, std::ptr::null(), &mut old) };
                   old[0].to_string()"#,
            )
        },
        change: |s| {
            s.under(
                "exec python3 -c 'import os, signal as s, sys; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR1]); \
                 os.execvp(sys.argv[1], sys.argv[1:])'",
            )
        },
    },
    Case {
        name: "host-scheduling",
        about: "a proc macro pastes how it is scheduled, and the build is started by chrt",
        source: "https://man7.org/linux/man-pages/man2/sched_setscheduler.2.html",
        expect: Uncacheable,
        set_up: |s| {
            s.need("chrt").proc_macro(
                r#"extern "C" { fn sched_getscheduler(process: i32) -> i32; }
                   unsafe { sched_getscheduler(0) }.to_string()"#,
            )
        },
        change: |s| s.under("exec chrt -b 0"),
    },
    Case {
        name: "host-rights",
        about: "a proc macro pastes whether programs may gain rights, and the build is started by setpriv",
        source: "https://man7.org/linux/man-pages/man2/prctl.2.html",
        expect: Follows,
        set_up: |s| {
            s.need("setpriv").proc_macro(
                r#"extern "C" { fn prctl(option: i32, ...) -> i32; }
                   unsafe { prctl(39, 0, 0, 0, 0) }.to_string()"#,
            )
        },
        change: |s| s.under("exec setpriv --no-new-privs"),
    },
    Case {
        name: "host-raised-limit",
        about: "a proc macro lowers a limit by a system call, which another limit of the build makes impossible",
        source: RLIMIT,
        expect: Follows,
        set_up: |s| {
            s.need("unshare").under("exec unshare -U");
            s.proc_macro(
                r#"extern "C" { fn syscall(number: i64, ...) -> i64; }
                   let number = if cfg!(target_arch = "x86_64") { 302_i64 } else { 261 };
                   let limit = [300_u64, 300];
                   unsafe { syscall(number, 0_i64, 7_i64, limit.as_ptr(), 0_i64) }.to_string()"#,
            )
        },
        change: |s| s.under("ulimit -n 250; exec unshare -U"),
    },
];

fn set_attribute(value: &str) -> String {
    format!("python3 -c \"import os; os.setxattr('data', 'user.fact', b'{value}')\"")
}
