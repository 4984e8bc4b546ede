//! System calls that macros, programs and wrappers make without the C library.
//!
//! Where the kernel delivers such calls to a handler in the process (Linux 5.11, x86-64), a cache can record what the calls looked
//! at, and must hit where nothing changed.

use super::case::{
    Case,
    Expect::{Follows, Uncacheable},
};

use super::project::{Probe, TestProject};
use super::times::{fresh_in, wait};

const DISPATCH: &str = "https://docs.kernel.org/admin-guide/syscall-user-dispatch.html";
const RUSTIX_DOCS: &str = "https://docs.rs/rustix/latest/rustix/";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-raw-syscalls",
        about: "a proc macro reads a file through the rustix crate, whose system calls do not go through libc",
        source: RUSTIX_DOCS,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a");
            rustix(
                s,
                r#"let file = rustix::fs::open("data", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
                   let mut bytes = [0; 16];
                   let n = rustix::io::read(&file, &mut bytes).unwrap();
                   String::from_utf8_lossy(&bytes[..n]).into_owned()"#,
            );
            s.says("out/libl.rlib")
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-raw-listing",
        about: "a proc macro lists a directory through the rustix crate, and a file appears there",
        source: RUSTIX_DOCS,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("list/1", "");
            rustix(
                s,
                r#"let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
                   let list = rustix::fs::open("list", flags, rustix::fs::Mode::empty()).unwrap();
                   rustix::fs::Dir::new(list).unwrap().count().to_string()"#,
            );
            s.says("out/libl.rlib")
        },
        change: |s| s.write("list/2", ""),
    },
    Case {
        name: "macro-raw-clock",
        about: "a proc macro pastes the time of day, which the rustix crate reads from the vDSO",
        source: RUSTIX_DOCS,
        expect: Uncacheable,
        set_up: |s| {
            rustix(
                s,
                r#"let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec % 86400;
                   format!("{:02}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60)"#,
            );
            s.probe(Probe::By(|s| fresh_in(s, "out/libl.rlib")))
        },
        change: wait,
    },
    Case {
        name: "macro-raw-status",
        about: "a proc macro pastes when a file was modified, which the rustix crate asks the kernel; it is touched",
        source: RUSTIX_DOCS,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a").date("data", 1_000_000_000);
            rustix(s, r#"rustix::fs::stat("data").unwrap().st_mtime.to_string()"#);
            s.says("out/libl.rlib")
        },
        change: |s| s.date("data", 1_000_000_009),
    },
    Case {
        name: "macro-raw-status-of-open",
        about: "a proc macro pastes when an open file was modified, which the rustix crate asks the kernel",
        source: RUSTIX_DOCS,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a").date("data", 1_000_000_000);
            rustix(
                s,
                r#"let file = std::fs::File::open("data").unwrap();
                   rustix::fs::fstat(&file).unwrap().st_mtime.to_string()"#,
            );
            s.says("out/libl.rlib")
        },
        change: |s| s.date("data", 1_000_000_009),
    },
    Case {
        name: "macro-raw-in-thread",
        about: "a thread that a proc macro starts calls the kernel by itself to read a file, which is edited",
        source: DISPATCH,
        expect: Follows,
        set_up: |s| {
            dispatches(s)
                .write("data", "a")
                .proc_macro(&format!("{CALL} std::thread::spawn(read).join().unwrap()"))
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-raw-absent",
        about: "a proc macro calls the kernel by itself to open a file that is not there, and it appears",
        source: DISPATCH,
        expect: Follows,
        set_up: |s| dispatches(s).proc_macro(&format!("{CALL} read()")),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-makes-code",
        about: "a proc macro writes machine code into memory that reads a file, which is edited",
        source: "https://docs.rs/cranelift-jit/latest/cranelift_jit/",
        expect: Follows,
        set_up: |s| dispatches(s).on_x86().write("data", "a").proc_macro(MADE_CODE),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-raw-syscalls",
        about: "a proc macro starts a program that calls the kernel by itself to read a file, which is edited",
        source: DISPATCH,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a").write("tool.c", &format!("{RAW_C}{TOOL}"));
            s.plainly("cc -o tool tool.c").program_macro(r#"new("./tool")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-raw-fork",
        about: "a program that calls the kernel by itself forks, and the child reads a file, which is edited",
        source: DISPATCH,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a").write("tool.c", &format!("{RAW_C}{FORKING_TOOL}"));
            s.plainly("cc -o tool tool.c").program_macro(r#"new("./tool")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "compiler-raw-syscalls",
        about: "a program in gcc's place reads flags from a file by system calls of its own, and becomes gcc",
        source: DISPATCH,
        expect: Follows,
        set_up: |s| {
            dispatches(s).write("data", "a").write("a.c", "const char said[] = \"SAID=<\" WORD \">\";\n");
            s.write("w.c", &format!("{RAW_C}{WRAPPER}")).directory("bin");
            s.plainly("cc -o bin/gcc w.c");
            s.c("{w}/bin/gcc -c a.c -o out/a.o").says("out/a.o")
        },
        change: |s| s.write("data", "b"),
    },
];

/// Skips a case where the kernel delivers no system calls.
fn dispatches(s: &mut TestProject) -> &mut TestProject {
    s.write("dispatch.c", "#include <sys/prctl.h>\nint main(void) { return prctl(59, 0, 0, 0, 0) != 0; }\n");
    s.shell("cc -o dispatch dispatch.c && { ./dispatch || echo > no-dispatch; }");
    if s.path("no-dispatch").exists() {
        s.skip("the kernel has no syscall user dispatch");
    }
    s
}

/// A library with a proc macro that uses the rustix crate.
fn rustix<'a>(s: &'a mut TestProject, body: &str) -> &'a mut TestProject {
    s.write("Cargo.toml", RUSTIX).write("src/lib.rs", &MACRO.replace("BODY", body));
    s.shell("cargo build -q --target-dir macro 2> macro.log || echo > no-rustix");
    if s.path("no-rustix").exists() {
        s.skip("the rustix crate cannot be had");
    }
    s.write("l.rs", "pub static SAID: &str = raw::m!();\n");
    s.rust_lib("--extern raw=macro/debug/libraw.so")
}

const RUSTIX: &str = "[package]\nname = \"raw\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n\
    [dependencies]\nrustix = { version = \"1\", features = [\"fs\", \"time\"] }\n[workspace]\n";

const MACRO: &str = r#"#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let said: String = { BODY };
    format!("{:?}", format!("SAID=<{said}>")).parse().unwrap()
}
"#;

/// Reads the file `data` without libc.
const CALL: &str = r#"
    #[cfg(target_arch = "x86_64")]
    fn call(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
        let r;
        unsafe {
            std::arch::asm!("syscall", inlateout("rax") n => r, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
                lateout("rcx") _, lateout("r11") _);
        }
        r
    }
    #[cfg(target_arch = "aarch64")]
    fn call(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
        let r;
        unsafe { std::arch::asm!("svc 0", in("x8") n, inlateout("x0") a => r, in("x1") b, in("x2") c, in("x3") d); }
        r
    }
    fn read() -> String {
        let (openat, read) = if cfg!(target_arch = "x86_64") { (257, 0) } else { (56, 63) };
        let file = call(openat, -100isize as usize, c"data".as_ptr() as usize, 0, 0);
        if file < 0 { return "nothing".into(); }
        let mut bytes = [0u8; 16];
        let n = call(read, file as usize, bytes.as_mut_ptr() as usize, 16, 0);
        String::from_utf8(bytes[..n as usize].to_vec()).unwrap()
    }
"#;

/// The instruction is put together at run time, so that the object does not hold it.
const MADE_CODE: &str = r#"
    extern "C" { fn mmap(at: usize, size: usize, access: i32, how: i32, fd: i32, from: i64) -> *mut u8; }
    let code = unsafe { mmap(0, 4096, 7, 0x22, -1, 0) };
    let hidden = [0x48u8, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3];
    for (i, byte) in hidden.iter().enumerate() {
        unsafe { *code.add(i) = std::hint::black_box(*byte ^ 0x55) ^ 0x55 };
    }
    let call: extern "C" fn(usize, usize, usize, usize) -> isize = unsafe { std::mem::transmute(code) };
    let file = call(2, c"data".as_ptr() as usize, 0, 0);
    let mut bytes = [0u8; 16];
    let n = call(0, file as usize, bytes.as_mut_ptr() as usize, 16);
    String::from_utf8(bytes[..n as usize].to_vec()).unwrap()
"#;

const RAW_C: &str = r#"#include <sys/syscall.h>
#include <string.h>
#include <unistd.h>
static long call(long n, long a, long b, long c, long d) {
#if defined(__x86_64__)
    long r;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return r;
#else
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#endif
}
static char text[32];
static long get(void) {
    long file = call(SYS_openat, -100, (long)"data", 0, 0);
    return call(SYS_read, file, (long)text, sizeof text - 1, 0);
}
"#;

const TOOL: &str = "int main(void) { long n = get(); return call(SYS_write, 1, (long)text, n, 0) != n; }\n";

const FORKING_TOOL: &str = r#"#include <signal.h>
#include <sys/wait.h>
int main(void) {
    long child = call(SYS_clone, SIGCHLD, 0, 0, 0);
    if (child) return waitpid((int)child, 0, 0) != child;
    long n = get();
    call(SYS_write, 1, (long)text, n, 0);
    call(SYS_exit_group, 0, 0, 0, 0);
}
"#;

const WRAPPER: &str = r#"#include <stdio.h>
int main(int count, char **words) {
    static char flag[64], *all[64];
    get();
    snprintf(flag, sizeof flag, "-DWORD=\"%s\"", text);
    all[0] = "gcc";
    all[1] = flag;
    for (int i = 1; i < count && i < 60; i++) all[i + 1] = words[i];
    execv("/usr/bin/gcc", all);
    return 1;
}
"#;
