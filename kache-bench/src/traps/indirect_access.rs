//! Accesses of a proc macro through unusual interfaces: other libc functions, paths through `/proc`, system
//! calls by number, and file properties other than the contents.

use super::case::{Case, Expect::Follows, Expect::Uncacheable};

const PROC: &str = "https://man7.org/linux/man-pages/man5/proc_pid_cwd.5.html";
const SYSCALL: &str = "https://man7.org/linux/man-pages/man2/syscall.2.html";
const METADATA: &str = "https://doc.rust-lang.org/std/fs/struct.Metadata.html";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-directory-entries",
        about: "a proc macro lists a directory by getdents64 instead of opendir; a file appears in it",
        source: "https://man7.org/linux/man-pages/man2/getdents.2.html",
        expect: Follows,
        set_up: |s| {
            s.write("list/1", "").proc_macro(
                r#"extern "C" { fn getdents64(fd: i32, buffer: *mut u8, size: usize) -> isize; }
                   let dir = std::fs::File::open("list").unwrap();
                   let mut buffer = [0u64; 512];
                   let fd = std::os::fd::AsRawFd::as_raw_fd(&dir);
                   unsafe { getdents64(fd, buffer.as_mut_ptr().cast(), 4096) }.to_string()"#,
            )
        },
        change: |s| s.write("list/2", ""),
    },
    Case {
        name: "macro-namespace",
        about: "a proc macro loads a library by dlmopen, with a libc of its own; what that library reads is edited",
        source: "https://man7.org/linux/man-pages/man3/dlopen.3.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").write("help.c", READS).plainly("cc -shared -fPIC help.c -o libhelp.so");
            s.proc_macro(
                r#"extern "C" {
                       fn dlmopen(space: isize, name: *const i8, how: i32) -> *mut u8;
                       fn dlsym(library: *mut u8, name: *const i8) -> *mut u8;
                   }
                   unsafe {
                       let library = dlmopen(-1, c"./libhelp.so".as_ptr().cast(), 2);
                       let say = dlsym(library, c"say".as_ptr().cast());
                       let say: extern "C" fn() -> *const i8 = std::mem::transmute(say);
                       std::ffi::CStr::from_ptr(say().cast()).to_str().unwrap().to_string()
                   }"#,
            )
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-shared-std",
        about: "a proc macro uses a dylib, and with it the compiler's own standard library; what it lists changes",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#prefer-dynamic",
        expect: Uncacheable,
        set_up: |s| {
            s.write("list/1", "").write("d.rs", "pub fn f() -> usize { 1 }\n").write("m.rs", SHARING);
            s.plainly("rustc --crate-type=dylib -Cprefer-dynamic --edition=2021 d.rs");
            s.plainly(
                "rustc --crate-type=proc-macro -Cprefer-dynamic --edition=2021 --extern=d=libd.so m.rs",
            );
            s.env("LD_LIBRARY_PATH", "{w}").uses_macro()
        },
        change: |s| s.write("list/2", ""),
    },
    Case {
        name: "macro-by-number",
        about: "a proc macro opens a file by openat2, by its number through libc's syscall; the file is edited",
        source: SYSCALL,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").proc_macro(
                r#"extern "C" { fn syscall(number: i64, ...) -> i64; }
                   let how = [0u64; 3];
                   let fd = unsafe { syscall(437, -100i64, c"data".as_ptr(), how.as_ptr(), 24i64) };
                   let file: std::fs::File = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd as i32) };
                   std::io::read_to_string(file).unwrap()"#,
            )
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-by-number-place",
        about: "a proc macro asks for its working directory by the system call's number; another checkout is built",
        source: SYSCALL,
        expect: Follows,
        set_up: |s| {
            s.on_x86().proc_macro(
                r#"extern "C" { fn syscall(number: i64, ...) -> i64; }
                   let mut buffer = [0u8; 4096];
                   let n = unsafe { syscall(79, buffer.as_mut_ptr(), 4096i64) };
                   String::from_utf8(buffer[..n as usize - 1].to_vec()).unwrap()"#,
            )
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "macro-through-proc",
        about: "a proc macro reads a file by way of /proc/self/cwd, and it is edited",
        source: PROC,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").proc_macro(r#"std::fs::read_to_string("/proc/self/cwd/data").unwrap()"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-env-all-terminal",
        about: "a proc macro lists the whole environment, and terminal and language change",
        source: "https://doc.rust-lang.org/std/env/fn.vars.html",
        expect: Follows,
        set_up: |s| {
            s.env("TERM", "dumb").env("LANG", "C").proc_macro(
                r#"std::env::vars().filter(|(n, _)| n == "TERM" || n == "LANG").map(|(_, v)| v).collect()"#,
            )
        },
        change: |s| s.env("TERM", "vt100"),
    },
    Case {
        name: "program-reads-terminal",
        about: "a shell that a proc macro starts reads TERM, which changes",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html",
        expect: Follows,
        set_up: |s| s.env("TERM", "dumb").program_macro(r#"new("sh").args(["-c", "echo $TERM"])"#),
        change: |s| s.env("TERM", "vt100"),
    },
    Case {
        name: "macro-zone-file",
        about: "libc reads the file of a time zone for a proc macro; the file is edited",
        source: "https://man7.org/linux/man-pages/man3/tzset.3.html",
        expect: Follows,
        set_up: |s| {
            s.env("TZ", ":{w}/zone").write("zone", &zone("\0\0\0\0")).proc_macro(
                r#"extern "C" { fn localtime_r(time: *const i64, parts: *mut [i32; 16]) -> *const [i32; 16]; }
                   let mut parts = [0; 16];
                   unsafe { localtime_r(&0, &mut parts) };
                   parts[2].to_string()"#,
            )
        },
        change: |s| s.write("zone", &zone("\0\0\x0e\x10")),
    },
    Case {
        name: "macro-words",
        about: "libc finds files by a pattern in the words that a proc macro has expanded; another file appears",
        source: "https://man7.org/linux/man-pages/man3/wordexp.3.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("1.list", "").proc_macro(
                r#"extern "C" { fn wordexp(words: *const i8, found: *mut [usize; 3], flags: i32) -> i32; }
                   let mut found = [0; 3];
                   unsafe { wordexp(c"*.list".as_ptr().cast(), &mut found, 0) };
                   found[0].to_string()"#,
            )
        },
        change: |s| s.write("2.list", ""),
    },
    Case {
        name: "macro-character-tables",
        about: "libc looks for a character set where GCONV_PATH leads, for a proc macro; the list there is edited",
        source: "https://man7.org/linux/man-pages/man3/iconv_open.3.html",
        expect: Uncacheable,
        set_up: |s| {
            s.env("GCONV_PATH", "{w}/tables").write("tables/gconv-modules", "").proc_macro(
                r#"extern "C" { fn iconv_open(to: *const i8, from: *const i8) -> isize; }
                   unsafe { iconv_open(c"UTF-8".as_ptr().cast(), c"KACHE-X".as_ptr().cast()) != -1 }.to_string()"#,
            )
        },
        change: |s| s.write("tables/gconv-modules", "alias KACHE-X// UTF-16//\n"),
    },
    Case {
        name: "macro-modified",
        about: "a proc macro pastes when a file was modified, as rust-embed does; it is touched",
        source: "https://docs.rs/rust-embed/latest/rust_embed/struct.Metadata.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").date("data", 1_000_000_000).proc_macro(
                r#"let t = std::fs::metadata("data").unwrap().modified().unwrap();
                   t.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string()"#,
            )
        },
        change: |s| s.date("data", 1_100_000_000),
    },
    Case {
        name: "macro-modified-open",
        about: "a proc macro reads a file and asks the open file when it was modified; it is touched",
        source: METADATA,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").date("data", 1_000_000_000).proc_macro(
                r#"use std::os::unix::fs::MetadataExt;
                   std::fs::File::open("data").unwrap().metadata().unwrap().mtime().to_string()"#,
            )
        },
        change: |s| s.date("data", 1_100_000_000),
    },
    Case {
        name: "macro-mode",
        about: "a proc macro pastes a file's permissions, which change",
        source: METADATA,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").plainly("chmod 644 data").proc_macro(
                r#"use std::os::unix::fs::PermissionsExt;
                   format!("{:o}", std::fs::metadata("data").unwrap().permissions().mode())"#,
            )
        },
        change: |s| s.plainly("chmod 600 data"),
    },
    Case {
        name: "macro-processors",
        about: "a proc macro pastes how many processors it may use, and the number decreases",
        source: "https://doc.rust-lang.org/std/thread/fn.available_parallelism.html",
        expect: Follows,
        set_up: |s| {
            if std::thread::available_parallelism().is_ok_and(|n| n.get() < 2) {
                s.skip("there is one processor");
            }
            s.proc_macro("std::thread::available_parallelism().unwrap().to_string()")
        },
        change: |s| s.on_one_processor(),
    },
    Case {
        name: "program-vfork-static",
        about: "a program that a proc macro starts executes, in a vforked child, a program that no preload reaches; it reads a file",
        source: "https://man7.org/linux/man-pages/man2/vfork.2.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").write("still.c", STILL).write("helper.c", HELPER);
            s.plainly("cc -static still.c -o still").plainly("cc helper.c -o helper");
            s.program_macro(r#"new("./helper")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "source-other-name",
        about: "a source has two names (hard links), and is rewritten by the other",
        source: "https://github.com/ccache/ccache/issues/1215",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "pub static SAID: &str = \"SAID=<1>\";\n").plainly("ln l.rs other.rs");
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.rewrite_unnoticed("other.rs", "pub static SAID: &str = \"SAID=<2>\";\n"),
    },
    Case {
        name: "link-arg-response",
        about: "a response file for the linker, named in -C link-arg, is edited",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Follows,
        set_up: |s| {
            for n in ["1", "2"] {
                s.write(&format!("o{n}.c"), &format!("int o(void) {{ return {n}; }}\n"));
                s.plainly(&format!("cc -c o{n}.c -o o{n}.o"));
            }
            s.write("args", "o1.o\n").write(
                "user.rs",
                "extern \"C\" { fn o() -> i32; }\nfn main() { println!(\"{}\", unsafe { o() }); }\n",
            );
            s.rust_bin("-C link-arg=@args").prints("out/user")
        },
        change: |s| s.rewrite_unnoticed("args", "o2.o\n"),
    },
];

const SHARING: &str = r#"extern crate d;
extern crate proc_macro;
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let count = std::fs::read_dir("list").unwrap().count() + d::f();
    format!("{:?}", format!("SAID=<{count}>")).parse().unwrap()
}
"#;
const READS: &str = "#include <fcntl.h>\n#include <unistd.h>\nstatic char b[9];\n\
    const char *say(void) { int f = open(\"data\", O_RDONLY); b[read(f, b, 8)] = 0; return b; }\n";
const STILL: &str = "#include <fcntl.h>\n#include <unistd.h>\n\
    int main(void) { char b[9]; int f = open(\"data\", O_RDONLY); return write(1, b, read(f, b, 9)) < 0; }\n";
const HELPER: &str = "#define _GNU_SOURCE\n#include <unistd.h>\n#include <sys/wait.h>\n\
    int main(void) { char *a[] = {\"still\", 0}; pid_t p = vfork();\n\
    if (p == 0) { execv(\"./still\", a); _exit(1); } return waitpid(p, 0, 0) < 0; }\n";

/// The file of a time zone that is as many seconds ahead as the four bytes say.
fn zone(ahead: &str) -> String {
    let counts = "\0".repeat(15 + 16) + "\0\0\0\x01\0\0\0\x04";
    format!("TZif\0{counts}{ahead}\0\0ABC\0")
}
