//! Times of files that a macro, or a program that it starts, tells or compares: a touched file is a change for them, and for no
//! other program.

use super::case::{
    Case,
    Expect::{Follows, Hits, Uncacheable},
};
use super::project::TestProject;

const STAT: &str = "https://man7.org/linux/man-pages/man2/stat.2.html";
const TEST: &str = "https://www.gnu.org/software/bash/manual/html_node/Bash-Conditional-Expressions.html";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-declares-stat",
        about: "a proc macro declares the C library's `stat64` itself, and pastes when a file was modified",
        source: STAT,
        expect: Follows,
        set_up: |s| {
            old(s).proc_macro(
                r#"unsafe extern "C" { fn stat64(path: *const std::ffi::c_char, status: *mut std::ffi::c_void) -> i32; }
                   let mut status = [0_u64; 64];
                   assert_eq!(unsafe { stat64(c"data".as_ptr(), status.as_mut_ptr().cast()) }, 0);
                   format!("{status:?}")"#,
            )
        },
        change: touch,
    },
    Case {
        name: "macro-declares-statx",
        about: "a proc macro asks by the C library's `statx` when an open file was modified",
        source: "https://man7.org/linux/man-pages/man2/statx.2.html",
        expect: Follows,
        set_up: |s| {
            old(s).proc_macro(
                r#"use std::os::fd::AsRawFd;
                   unsafe extern "C" {
                       fn statx(fd: i32, path: *const std::ffi::c_char, how: i32, what: u32, status: *mut u64) -> i32;
                   }
                   let file = std::fs::File::open("data").unwrap();
                   let mut status = [0_u64; 64];
                   let (empty, modified) = (0x1000, 0x40);
                   let found = unsafe { statx(file.as_raw_fd(), c"".as_ptr(), empty, modified, status.as_mut_ptr()) };
                   assert_eq!(found, 0);
                   status[14].to_string()"#,
            )
        },
        change: touch,
    },
    Case {
        name: "macro-lists-numbers",
        about: "a proc macro pastes the inode number of a listed file, which is replaced by a copy of the same contents",
        source: "https://doc.rust-lang.org/std/os/unix/fs/trait.DirEntryExt.html#tymethod.ino",
        expect: Follows,
        set_up: |s| {
            s.write("list/data", "a").proc_macro(
                r#"use std::os::unix::fs::DirEntryExt;
                   std::fs::read_dir("list").unwrap().map(|entry| entry.unwrap().ino().to_string()).collect::<String>()"#,
            )
        },
        change: |s| s.write("copy", "a").rename("copy", "list/data"),
    },
    Case {
        name: "program-prints-times",
        about: "a proc macro pastes what the program `stat` prints of a file, which is touched",
        source: STAT,
        expect: Follows,
        set_up: |s| shell(old(s), "stat -c %Y data"),
        change: touch,
    },
    Case {
        name: "program-lists-times",
        about: "a proc macro pastes what `ls -l` prints of a file, which is touched",
        source: STAT,
        expect: Uncacheable,
        set_up: |s| shell(old(s), "ls -l --time-style=full-iso data"),
        change: touch,
    },
    Case {
        name: "script-tells-times",
        about: "a proc macro starts a script of Python that prints when a file was modified, and the file is touched",
        source: "https://docs.python.org/3/library/os.path.html#os.path.getmtime",
        expect: Uncacheable,
        set_up: |s| {
            shell(old(s).need("python3"), "python3 -c 'import os; print(os.path.getmtime(\"data\"))'")
        },
        change: touch,
    },
    Case {
        name: "shell-compares-times",
        about: "a shell that a proc macro starts says which of two files is newer, and the other is touched",
        source: TEST,
        expect: Follows,
        set_up: |s| shell(old(s), "if [ data -nt other ]; then echo data; else echo other; fi"),
        change: touch,
    },
    Case {
        name: "bash-compares-times",
        about: "bash says which of two files is newer, and the other is touched",
        source: TEST,
        expect: Follows,
        set_up: |s| {
            old(s).need("bash").proc_macro(
                r#"let command = "[[ data -nt other ]] && echo data || echo other";
                   let bash = std::process::Command::new("bash").args(["-c", command]).output().unwrap();
                   String::from_utf8(bash.stdout).unwrap()"#,
            )
        },
        change: touch,
    },
    Case {
        name: "program-finds-newer",
        about: "a proc macro pastes what `find -newer` finds, and a file is touched",
        source: "https://www.gnu.org/software/findutils/manual/html_mono/find.html#Comparing-Timestamps",
        expect: Follows,
        set_up: |s| shell(old(s), "find data -newer other"),
        change: touch,
    },
    Case {
        name: "program-makes-newer",
        about: "a proc macro pastes what `make` would do, which is more once a file is touched",
        source: "https://www.gnu.org/software/make/manual/html_node/Rules.html",
        expect: Follows,
        set_up: |s| {
            old(s).write("Makefile", "other: data\n\techo made\n").date("Makefile", 900_000_000);
            shell(s.need("make"), "make -n other")
        },
        change: touch,
    },
    Case {
        name: "program-ignores-times",
        about: "programs that a proc macro starts ask what a file is and what it holds, and the file is touched",
        source: TEST,
        expect: Hits,
        set_up: |s| {
            shell(
                old(s),
                "[ -f data ] && cat data | sort | sed s/a/b/ && grep -c a data && wc -c data && head -n 1 other",
            )
        },
        change: touch,
    },
    Case {
        name: "macro-ignores-times",
        about: "a proc macro asks by Rust's standard library how long a file is, and the file is touched",
        source: "https://doc.rust-lang.org/std/fs/struct.Metadata.html#method.len",
        expect: Hits,
        set_up: |s| {
            old(s).proc_macro(
                r#"let open = std::fs::File::open("data").unwrap().metadata().unwrap();
                   format!("{} {}", std::fs::metadata("data").unwrap().len(), open.len())"#,
            )
        },
        change: touch,
    },
];

/// A file that is older than another.
fn old(s: &mut TestProject) -> &mut TestProject {
    s.write("data", "a").write("other", "a").date("data", 1_000_000_000).date("other", 1_000_000_005)
}

fn touch(s: &mut TestProject) -> &mut TestProject {
    s.date("data", 1_000_000_009)
}

/// A macro that pastes what a command prints.
fn shell<'a>(s: &'a mut TestProject, command: &str) -> &'a mut TestProject {
    s.proc_macro(&format!(
        "let shell = std::process::Command::new(\"sh\").args([\"-c\", {command:?}]).output().unwrap();
         String::from_utf8(shell.stdout).unwrap()"
    ))
}
