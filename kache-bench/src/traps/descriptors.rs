//! What the build was given open: the compile's answer follows the file, though nothing in the run opens it.

use super::case::{
    Case,
    Expect::{Hits, Uncacheable},
};

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
];
