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
    Case {
        name: "macro-directory-size",
        about: "a proc macro pastes the size of a directory, which grows",
        source: "https://doc.rust-lang.org/std/fs/struct.Metadata.html#method.len",
        expect: Follows,
        set_up: |s| s.directory("list").proc_macro(r#"std::fs::metadata("list").unwrap().len().to_string()"#),
        change: |s| {
            s.shell("i=0; while [ $i -lt 500 ]; do : >list/a-file-whose-name-takes-some-room-$i; i=$((i + 1)); done")
        },
    },
    Case {
        name: "macro-reads-directory",
        about: "a proc macro lists a directory by the C library, pastes a number, and the file is replaced by a copy",
        source: "https://man7.org/linux/man-pages/man3/readdir.3.html",
        expect: Follows,
        set_up: |s| {
            s.write("list/data", "a").proc_macro(
                r#"use std::ffi::{CStr, c_char, c_void};
                   unsafe extern "C" {
                       fn opendir(path: *const c_char) -> *mut c_void;
                       fn readdir64(dir: *mut c_void) -> *const u8;
                   }
                   let dir = unsafe { opendir(c"list".as_ptr()) };
                   loop {
                       let entry = unsafe { readdir64(dir) };
                       if unsafe { CStr::from_ptr(entry.add(19).cast()) } == c"data" {
                           break unsafe { entry.cast::<u64>().read_unaligned() }.to_string();
                       }
                   }"#,
            )
        },
        change: |s| s.write("copy", "a").rename("copy", "list/data"),
    },
    Case {
        name: "macro-walks-tree",
        about: "a proc macro walks a tree by the C library's `nftw`, pastes when a file was modified, and it is touched",
        source: "https://man7.org/linux/man-pages/man3/nftw.3.html",
        expect: Follows,
        set_up: |s| {
            s.write("list/data", "a").date("list/data", 1_000_000_000).proc_macro(
                r#"use std::ffi::{c_char, c_void};
                   static TIME: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
                   unsafe extern "C" fn visit(_: *const c_char, status: *const i64, kind: i32, _: *const c_void) -> i32 {
                       if kind == 0 {
                           TIME.store(unsafe { *status.add(11) }, std::sync::atomic::Ordering::Relaxed);
                       }
                       0
                   }
                   type Visit = unsafe extern "C" fn(*const c_char, *const i64, i32, *const c_void) -> i32;
                   unsafe extern "C" { fn nftw64(path: *const c_char, visit: Visit, open: i32, how: i32) -> i32; }
                   unsafe { nftw64(c"list".as_ptr(), visit, 8, 0) };
                   TIME.load(std::sync::atomic::Ordering::Relaxed).to_string()"#,
            )
        },
        change: |s| s.date("list/data", 1_000_000_009),
    },
    Case {
        name: "program-lists-numbers",
        about: "a proc macro pastes what `ls -i` prints, and a listed file is replaced by a copy",
        source: "https://man7.org/linux/man-pages/man1/ls.1.html",
        expect: Follows,
        set_up: |s| shell(s.write("list/data", "a"), "ls -i list"),
        change: |s| s.write("copy", "a").rename("copy", "list/data"),
    },
    Case {
        name: "bash-asks-read-times",
        about: "bash says whether a file was read since it was changed, and it is read",
        source: TEST,
        expect: Uncacheable,
        set_up: |s| {
            read_at(s.need("bash").write("data", "a"), 1_000_000_000).proc_macro(
                r#"let command = "[[ -N data ]] && echo new || echo read";
                   let bash = std::process::Command::new("bash").args(["-c", command]).output().unwrap();
                   String::from_utf8(bash.stdout).unwrap()"#,
            )
        },
        change: |s| read_at(s, 1_100_000_000),
    },
    Case {
        name: "script-asks-read-times",
        about: "a script of bash's says whether a file was read since it was changed, and it is read",
        source: TEST,
        expect: Uncacheable,
        set_up: |s| {
            let s = read_at(s.need("bash").write("data", "a"), 1_000_000_000);
            s.write("asks", "if [ -N data ]; then echo new; else echo read; fi\n");
            s.program_macro(r#"new("bash").arg("asks")"#)
        },
        change: |s| read_at(s, 1_100_000_000),
    },
];

/// A file that is older than another.
fn old(s: &mut TestProject) -> &mut TestProject {
    s.write("data", "a").write("other", "a").date("data", 1_000_000_000).date("other", 1_000_000_005)
}

/// A file that was last read before it was modified, or after it.
fn read_at(s: &mut TestProject, seconds: u64) -> &mut TestProject {
    s.plainly(&format!("touch -a -d @{seconds} data")).date("data", 1_050_000_000)
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
