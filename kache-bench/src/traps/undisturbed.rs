//! Processes that leave an observer little room: small stacks, filters of system calls; and files that are written through
//! memory, which no system call shows.

use super::case::{
    Case,
    Expect::{Follows, Right, Uncacheable},
};
use super::project::TestProject;

const MMAP: &str = "https://man7.org/linux/man-pages/man2/mmap.2.html";
const STACK: &str = "https://man7.org/linux/man-pages/man3/pthread_attr_setstacksize.3.html";
const SECCOMP: &str = "https://man7.org/linux/man-pages/man2/seccomp.2.html";

pub const CASES: &[Case] = &[
    Case {
        name: "header-written-through-memory",
        about: "a process that keeps a header mapped changes it through memory, which moves none of its times",
        source: MMAP,
        expect: Uncacheable,
        set_up: |s| {
            s.need("python3").write("a.h", "#define SAY \"one\"\n").write("writer.py", WRITER);
            s.write("a.c", "#include \"a.h\"\nconst char said[] = \"SAID=<\" SAY \">\";\n");
            s.shell("mkfifo go done; timeout 600 python3 writer.py >/dev/null 2>&1 </dev/null & cat done");
            s.gcc("").says("out/a.o")
        },
        change: |s| s.shell("echo >go; cat done"),
    },
    Case {
        name: "macro-writes-through-memory",
        about: "a proc macro maps a new file and fills it through memory; what it writes is edited",
        source: MMAP,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "SAID=<a>").proc_macro(
                r#"use std::os::fd::AsRawFd;
                   unsafe extern "C" {
                       fn mmap(at: usize, size: usize, access: i32, how: i32, fd: i32, from: i64) -> *mut u8;
                       fn munmap(at: *mut u8, size: usize) -> i32;
                   }
                   let data = std::fs::read("data").unwrap();
                   let mut options = std::fs::OpenOptions::new();
                   let made = options.read(true).write(true).create(true).truncate(true).open("out/made").unwrap();
                   made.set_len(data.len() as u64).unwrap();
                   let memory = unsafe { mmap(0, data.len(), 3, 1, made.as_raw_fd(), 0) };
                   unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), memory, data.len()) };
                   unsafe { munmap(memory, data.len()) };
                   String::new()"#,
            );
            s.says("out/made")
        },
        change: |s| s.write("data", "SAID=<b>"),
    },
    Case {
        name: "macro-smallest-stack",
        about: "a thread with the smallest stack, which a proc macro starts, reads a file, which is edited",
        source: STACK,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").write("small.c", SMALL_STACK).plainly("cc -c -fPIC small.c");
            s.write("m.rs", MACRO);
            s.plainly("rustc --crate-type=proc-macro --edition=2021 m.rs -Clink-arg=small.o").uses_macro()
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-smallest-stack",
        about: "a thread with the smallest stack, in a program of a proc macro, reads a file, which is edited",
        source: STACK,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").write("small.c", &format!("{SMALL_STACK}{MAIN}"));
            s.plainly("cc -o small small.c").program_macro(r#"new("./small")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-filters-calls",
        about: "a program of a proc macro permits itself few system calls, and reads a file, which is edited",
        source: SECCOMP,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").write("filtered.c", &format!("{FILTER}{MAIN}"));
            s.plainly("cc -o filtered filtered.c").program_macro(r#"new("./filtered")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-filters-calls",
        about: "a proc macro forbids the compiler's process a system call that nothing needs, and reads a file",
        source: SECCOMP,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").write("small.c", FILTER).plainly("cc -c -fPIC small.c");
            s.write("m.rs", MACRO);
            s.plainly("rustc --crate-type=proc-macro --edition=2021 m.rs -Clink-arg=small.o").uses_macro()
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "response-file-prefix-map",
        about: "a map of paths in a response file is edited, its size and modification time kept",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __FILE__ \">\";\n");
            maps_to(s, "one");
            s.gcc_absolute("@args").says("out/a.o")
        },
        change: |s| {
            let args = format!("-ffile-prefix-map={}=/two\n", s.here().display());
            s.rewrite_unnoticed("args", &args)
        },
    },
    Case {
        name: "response-file-prefix-map-elsewhere",
        about: "a map of paths in a response file names the checkout, which is built in another place",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __FILE__ \">\";\n");
            maps_to(s, "one");
            s.gcc_absolute("@args").says("out/a.o")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
];

fn maps_to<'a>(s: &'a mut TestProject, place: &str) -> &'a mut TestProject {
    let args = format!("-ffile-prefix-map={}=/{place}\n", s.here().display());
    s.write("args", &args)
}

/// Changes the header twice through one mapping: only the first store after a time is set is sure to move the times.
const WRITER: &str = "\
import mmap
file = open('a.h', 'r+b')
memory = mmap.mmap(file.fileno(), 0)
memory[0:1] = b'#'
open('done', 'w').close()
open('go').read()
at = memory.find(b'one')
memory[at:at + 3] = b'two'
open('done', 'w').close()
";

const MACRO: &str = r#"extern crate proc_macro;
use std::ffi::{CStr, c_char};
unsafe extern "C" { fn say(path: *const c_char) -> *const c_char; }
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let path = std::ffi::CString::new("data").unwrap();
    let said = unsafe { CStr::from_ptr(say(path.as_ptr())) }.to_str().unwrap();
    format!("{:?}", format!("SAID=<{said}>")).parse().unwrap()
}
"#;

const SMALL_STACK: &str = r#"#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>
static char text[16];
static void *get(void *path) {
    int file = open(path, O_RDONLY);
    text[read(file, text, sizeof text - 1)] = 0;
    return NULL;
}
const char *say(const char *path) {
    pthread_t thread;
    pthread_attr_t small;
    size_t size = PTHREAD_STACK_MIN - 4096;
    pthread_attr_init(&small);
    /* The variables of each thread are on its stack, too. */
    do {
        pthread_attr_setstacksize(&small, size += 4096);
    } while (pthread_create(&thread, &small, get, (void *)path));
    pthread_join(thread, NULL);
    return text;
}
"#;

const MAIN: &str = "#include <stdio.h>\nint main(void) { return puts(say(\"data\")) < 0; }\n";

/// The filter forbids `sync`.
const FILTER: &str = r#"#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sync, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
static char text[16];
const char *say(const char *path) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return "no filter";
    int file = open(path, O_RDONLY);
    text[read(file, text, sizeof text - 1)] = 0;
    return text;
}
"#;
