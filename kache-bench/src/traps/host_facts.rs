//! Facts about the host, and of files more than their contents, that a proc macro or a program asks for.

use super::case::{Case, Expect::Follows};

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
];

fn set_attribute(value: &str) -> String {
    format!("python3 -c \"import os; os.setxattr('data', 'user.fact', b'{value}')\"")
}
