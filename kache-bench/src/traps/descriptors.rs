//! What the build was given open: the compile's answer follows the file, though nothing in the run opens it.

use super::case::{
    Case,
    Expect::{Hits, Uncacheable},
};
use super::project::TestProject;

const INHERITANCE: &str = "https://man7.org/linux/man-pages/man2/open.2.html";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-inherited-descriptor",
        about: "a proc macro reads a descriptor that the build was given open, and the file says another thing",
        source: INHERITANCE,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").proc_macro(
                "use std::{fs::File, io::Read, os::fd::FromRawFd};
                 let mut file = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(3) });
                 let mut text = String::new();
                 file.read_to_string(&mut text).unwrap();
                 text",
            );
            s.under("exec 3<data;")
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-inherited-descriptor",
        about: "a program that a proc macro starts reads what the build was given open, by a number of its own",
        source: INHERITANCE,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").program_macro(r#"new("sh").args(["-c", "exec 7<&3; cat <&7"])"#);
            s.under("exec 3<data;")
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-inherited-directory",
        about: "a proc macro opens a file below a directory that the build was given open, which is another one",
        source: INHERITANCE,
        expect: Uncacheable,
        set_up: |s| {
            s.write("a/data", "a").write("b/data", "b").write("which", "a").proc_macro(
                r#"use std::{fs::File, io::Read, os::fd::FromRawFd};
                   unsafe extern "C" { fn openat(fd: i32, path: *const std::ffi::c_char, how: i32, ...) -> i32; }
                   let mut text = String::new();
                   let mut file = unsafe { File::from_raw_fd(openat(3, c"data".as_ptr(), 0)) };
                   file.read_to_string(&mut text).unwrap();
                   text"#,
            );
            s.under("read -r which <which; exec 3<$which;")
        },
        change: |s| s.write("which", "b"),
    },
    Case {
        name: "program-standard-input",
        about: "a program that a proc macro starts reads the standard input of the build, which says another thing",
        source: INHERITANCE,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").program_macro(r#"new("sort").stdin(std::process::Stdio::inherit())"#);
            s.under("exec <data;")
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "inherited-descriptor-unused",
        about: "the build is given a file open, and shells of a proc macro use the number for files of their own",
        source: INHERITANCE,
        expect: Hits,
        set_up: |s| {
            s.write("log", "a").write("data", "data").program_macro(
                r#"new("sh").args(["-c", "exec 3<&-; exec 3<data; cat <&3; echo x | sed s/x/y/"])"#,
            );
            s.under("exec 3<log;")
        },
        change: |s| s.write("log", "b"),
    },
    Case {
        name: "macro-waits-for-descriptor",
        about: "a proc macro waits by `poll` for what the build was given, reads nothing, and there is something",
        source: "https://man7.org/linux/man-pages/man2/poll.2.html",
        expect: Uncacheable,
        set_up: |s| {
            waits(s, "fn poll(all: *mut [i32; 2], count: u64, limit: i32) -> i32;", "poll(&mut [3, 1], 1, 0)")
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-selects-descriptor",
        about: "a proc macro waits by `select` for what the build was given, reads nothing, and there is something",
        source: "https://man7.org/linux/man-pages/man2/select.2.html",
        expect: Uncacheable,
        set_up: |s| {
            let select = "fn select(count: i32, read: *mut [u64; 16], write: *mut u64, other: *mut u64, limit: *const [i64; 2]) -> i32;";
            let none = "std::ptr::null_mut()";
            waits(
                s,
                select,
                &format!(
                    "select(4, &mut {{ let mut all = [0; 16]; all[0] = 8; all }}, {none}, {none}, &[0, 0])"
                ),
            )
        },
        change: |s| s.write("data", "b"),
    },
];

/// A macro that pastes the result of a call, with a pipe as descriptor 3 that holds what the file `data` says.
fn waits<'a>(s: &'a mut TestProject, declaration: &str, call: &str) -> &'a mut TestProject {
    s.write("data", "");
    s.under("mkfifo pipe; exec 3<>pipe; rm pipe; cat data >&3; exec");
    s.proc_macro(&format!("unsafe extern \"C\" {{ {declaration} }} unsafe {{ {call} }}.to_string()"))
}
