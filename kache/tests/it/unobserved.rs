//! Where the observer cannot see: the record says so, and nothing that could be wrong is kept. And where it is switched
//! off: the conservative rules.

use crate::env::{LIB, TestEnv, USE, assert_success, proc_macro};
use kache_core::events::{Observed, Outcome};
use std::fs;
use std::process::Command;

const READ: &str = "#include <fcntl.h>\n#include <unistd.h>\n\
    int main(void) { char b[9]; int f = open(\"data\", O_RDONLY); return write(1, b, read(f, b, 9)) < 0; }";

fn c(test: &TestEnv, name: &str, source: &str, flags: &[&str]) {
    test.write(&format!("w/{name}.c"), source);
    let file = format!("{name}.c");
    assert_success(Command::new("cc").current_dir(test.path("w")).args([&file, "-o", name]).args(flags));
}

fn said(test: &TestEnv) -> String {
    String::from_utf8(assert_success(&mut Command::new(test.path("w/user"))).stdout).unwrap()
}

/// What is built is never kept, for that reason, and follows what was read unseen.
fn is_refused(test: &TestEnv, reason: &str, named: &str) {
    for data in ["a", "b"] {
        test.write("w/data", data);
        assert_eq!(test.refusal(&mut test.kache(USE)), reason);
        assert_eq!(said(test).trim(), data);
    }
    let event = test.last();
    assert!(event.detail.as_deref().unwrap().contains(named), "{:?}", event.detail);
    assert_eq!(event.observed, Some(Observed::Preload));
}

/// The observer follows system calls outside libc: what was read so counts.
fn is_followed(test: &TestEnv) {
    for data in ["a", "b"] {
        test.write("w/data", data);
        assert_eq!(test.outcome(&mut test.kache(USE)), Outcome::Miss);
        assert_eq!(said(test).trim(), data);
        assert_eq!(test.outcome(&mut test.kache(USE)), Outcome::Hit);
    }
}

const RUN: &str =
    r#"String::from_utf8(std::process::Command::new("./helper").output().unwrap().stdout).unwrap()"#;

#[test]
fn a_static_program_is_started_by_a_program_that_is_seen() {
    for start in ["vfork()", "fork()"] {
        let test = TestEnv::new();
        c(&test, "still", READ, &["-static"]);
        let helper = format!(
            "#define _GNU_SOURCE\n#include <unistd.h>\n#include <sys/wait.h>\n\
             int main(void) {{ char *a[] = {{\"still\", 0}}; pid_t p = {start};\n\
             if (p == 0) {{ execv(\"./still\", a); _exit(1); }} return waitpid(p, 0, 0) < 0; }}"
        );
        c(&test, "helper", &helper, &[]);
        proc_macro(&test, RUN);
        is_refused(&test, "unobserved-program", "still");
    }
}

#[test]
fn a_program_that_is_given_no_environment_is_seen_all_the_same() {
    let test = TestEnv::new();
    c(&test, "helper", READ, &[]);
    proc_macro(&test, &RUN.replace(".output()", ".env_clear().output()"));
    test.write("w/data", "a");
    assert_eq!(test.outcome(&mut test.kache(USE)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(USE)), Outcome::Hit);
    test.write("w/data", "b");
    assert_eq!(test.outcome(&mut test.kache(USE)), Outcome::Miss);
    assert_eq!(said(&test), "b\n");
}

/// A macro that reads `data` as rustix does: by the kernel's own calls, from functions that are inlined.
#[cfg(target_arch = "x86_64")]
fn raw_macro(test: &TestEnv, flags: &[&str]) {
    let body = r#"
        #[inline(always)] unsafe fn call(n: usize, a: usize, b: usize, c: usize) -> usize {
            let r; unsafe { core::arch::asm!("syscall", inlateout("rax") n => r, in("rdi") a, in("rsi") b, in("rdx") c,
                out("rcx") _, out("r11") _) }; r
        }
        let mut b = [0u8; 9];
        let n = unsafe { let f = call(2, c"data".as_ptr() as usize, 0, 0); call(0, f, b.as_mut_ptr() as usize, 9) };
        String::from_utf8(b[..n].to_vec()).unwrap()"#;
    proc_macro(test, body);
    let args = ["--crate-type=proc-macro", "--edition=2021", "m.rs"];
    assert_success(Command::new("rustc").current_dir(test.path("w")).args(args).args(flags));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_macro_calls_the_kernel_by_itself() {
    for flags in [&[][..], &["-Copt-level=3"], &["-Cstrip=symbols"]] {
        let test = TestEnv::new();
        raw_macro(&test, flags);
        is_followed(&test);
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_program_of_a_macro_calls_the_kernel_by_itself() {
    let test = TestEnv::new();
    let source = "static long call(long n, long a, long b, long c) { long r; __asm__ volatile(\"syscall\" : \"=a\"(r)\n\
        : \"a\"(n), \"D\"(a), \"S\"(b), \"d\"(c) : \"rcx\", \"r11\", \"memory\"); return r; }\n\
        int main(void) { char b[9]; long f = call(2, (long)\"data\", 0, 0); return call(1, 1, (long)b, call(0, f, (long)b, 9)) < 0; }";
    c(&test, "helper", source, &[]);
    proc_macro(&test, RUN);
    is_followed(&test);
}

#[test]
fn a_macro_asks_libc_for_a_call_that_nobody_can_follow() {
    let test = TestEnv::new();
    // open_by_handle_at, with nothing to open: the number alone is enough.
    let body = r#"extern "C" { fn syscall(n: std::ffi::c_long, ...) -> std::ffi::c_long; }
        let n = if cfg!(target_arch = "x86_64") { 304 } else { 265 };
        unsafe { syscall(n, -1i32, 0usize, 0i32) }; std::fs::read_to_string("data").unwrap()"#;
    proc_macro(&test, body);
    is_refused(&test, "raw-syscall", "system call");
}

#[test]
fn without_the_observer_only_what_the_rules_cover_is_kept() {
    let test = TestEnv::new();
    proc_macro(
        &test,
        r#"std::fs::read_to_string("data").unwrap() + &std::env::var("KNOB").unwrap_or_default()"#,
    );
    test.write("w/l.rs", "pub const S: &str = m::m!(); pub const E: Option<&str> = option_env!(\"OTHER\");");
    test.write("w/data", "a");
    let off = |args: &[&str]| {
        let mut c = test.kache(args);
        c.env("KACHE_OBSERVE", "off").env("CARGO_MANIFEST_DIR", test.path("w"));
        c
    };
    // Beside the package: what is made there is no change of it.
    fs::create_dir(test.path("out")).unwrap();
    let lib = [LIB, &["--extern=m=libm.so", "--out-dir=../out"]].concat();
    let run = |change: &[(&str, &str)]| {
        let outcome = test.outcome(off(&lib).envs(change.iter().copied()));
        assert_eq!(test.last().observed, Some(Observed::Unobserved));
        outcome
    };
    assert_eq!((run(&[]), run(&[])), (Outcome::Miss, Outcome::Hit));
    assert_eq!(run(&[("KNOB", "1")]), Outcome::Miss, "any variable may have been read");
    assert_eq!(run(&[("OTHER", "1")]), Outcome::Miss);
    test.write("w/data", "b");
    assert_eq!(run(&[]), Outcome::Miss, "any file of the package may have been read");
    // What is linked, and C, hangs on more than is reported.
    assert_eq!(test.refusal(&mut off(USE)), "not-observed");
    test.write("w/f.c", "int f;");
    assert_eq!(test.refusal(&mut off(&["cc", "-c", "f.c"])), "not-observed");
    assert_eq!(test.refusal(&mut off(&["cc", "-c", "f.c"])), "not-observed");
}

#[test]
fn without_the_observer_what_goes_into_a_crate_counts() {
    let test = TestEnv::new();
    let off = |args: &[&str]| {
        let mut c = test.kache(args);
        c.env("KACHE_OBSERVE", "off");
        c
    };
    test.write("w/l.rs", "unsafe extern \"C\" { pub fn f() -> i32; } pub fn g() -> i32 { unsafe { f() } }");
    let archive = |value: u8| {
        test.write("w/f.c", &format!("int f(void) {{ return {value}; }}"));
        assert_success(Command::new("cc").current_dir(test.path("w")).args(["-c", "f.c"]));
        fs::create_dir_all(test.path("w/native")).unwrap();
        let _ = fs::remove_file(test.path("w/native/libf.a"));
        assert_success(Command::new("ar").current_dir(test.path("w")).args(["crs", "native/libf.a", "f.o"]));
    };
    // The archive is taken into the crate, by a flag, or by an attribute in the source.
    for more in [&["-L", "native=native", "-l", "static=f"][..], &["-Lnative=native"]] {
        if more.len() == 1 {
            let text = fs::read_to_string(test.path("w/l.rs")).unwrap();
            test.write("w/l.rs", &format!("#[link(name = \"f\", kind = \"static\")] {text}"));
        }
        let lib = [LIB, more].concat();
        archive(1);
        assert_eq!(test.outcome(&mut off(&lib)), Outcome::Miss);
        assert_eq!(test.outcome(&mut off(&lib)), Outcome::Hit);
        archive(2);
        assert_eq!(test.outcome(&mut off(&lib)), Outcome::Miss, "{more:?}");
    }
    // A macro that another crate hands on.
    proc_macro(&test, r#"std::fs::read_to_string("data").unwrap()"#);
    test.write("w/a.rs", "pub use m::m;");
    fs::create_dir_all(test.path("deps")).unwrap();
    fs::rename(test.path("w/libm.so"), test.path("deps/libm.so")).unwrap();
    let extern_m =
        ["--crate-type=lib", "--edition=2021", "--out-dir=../deps", "--extern=m=../deps/libm.so", "a.rs"];
    assert_success(Command::new("rustc").current_dir(test.path("w")).args(extern_m));
    test.write("w/l.rs", "pub const S: &str = a::m!();");
    fs::create_dir_all(test.path("out")).unwrap();
    let more = ["-Ldependency=../deps", "--extern=a=../deps/liba.rlib", "--out-dir=../out"];
    let lib = [LIB, &more].concat();
    for data in ["a", "b"] {
        test.write("w/data", data);
        assert_eq!(test.outcome(&mut off(&lib)), Outcome::Miss);
        assert_eq!(test.outcome(&mut off(&lib)), Outcome::Hit);
    }
    // A crate that no flag names could be any there.
    test.write("w/l.rs", "pub fn f() {}");
    let by_name = [LIB, &["-L", "."]].concat();
    assert_eq!(test.refusal(&mut off(&by_name)), "not-observed");
}

#[test]
fn without_the_observer_what_rustc_asks_the_environment_for_counts() {
    let test = TestEnv::new();
    test.write("w/l.rs", "#![feature(core_intrinsics)] #![allow(internal_features)] pub fn f() {}");
    let mut allowed = test.kache(LIB);
    allowed.env("KACHE_OBSERVE", "off").env("RUSTC_BOOTSTRAP", "1");
    assert_eq!(test.outcome(&mut allowed), Outcome::Miss);
    assert_eq!(test.outcome(&mut allowed), Outcome::Hit);
    let mut refused = test.kache(LIB);
    refused.env("KACHE_OBSERVE", "off").env_remove("RUSTC_BOOTSTRAP");
    assert!(!refused.output().unwrap().status.success(), "stable rustc refuses a feature");
}

#[test]
fn without_the_observer_a_second_file_of_a_module_counts() {
    let test = TestEnv::new();
    let off = || {
        let mut c = test.kache(LIB);
        c.env("KACHE_OBSERVE", "off");
        c
    };
    test.write("w/l.rs", "pub mod foo; pub mod bar;");
    for (there, appears) in [("foo.rs", "foo/mod.rs"), ("bar/mod.rs", "bar.rs")] {
        test.write("w/foo.rs", "");
        test.write("w/bar/mod.rs", "");
        assert_eq!(test.outcome(&mut off()), Outcome::Miss, "{there}");
        assert_eq!(test.outcome(&mut off()), Outcome::Hit, "{there}");
        test.write(&format!("w/{appears}"), "");
        assert!(!off().output().unwrap().status.success(), "rustc refuses two files of a module");
        fs::remove_file(test.path("w").join(appears)).unwrap();
        test.write("w/l.rs", "pub mod foo; pub mod bar; pub fn f() {}");
    }
}

#[test]
fn without_the_observer_another_sysroot_and_clippy_are_refused() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    let told = assert_success(Command::new("rustc").args(["--print", "sysroot"])).stdout;
    let sysroot = String::from_utf8(told).unwrap();
    let lib = [LIB, &["--sysroot", sysroot.trim()]].concat();
    let clippy = [&["clippy-driver"], LIB].concat();
    for args in [lib, clippy] {
        assert_eq!(test.refusal(test.kache(&args).env("KACHE_OBSERVE", "off")), "not-observed");
    }
}

#[test]
fn without_the_observer_a_macro_that_no_named_crate_was_built_against_does_not_count() {
    let test = TestEnv::new();
    proc_macro(&test, "std::env::var(\"KNOB\").unwrap_or_default()");
    let build = |args: &[&str]| {
        let rustc = &["--edition=2021", "--out-dir=../deps", "-Ldependency=../deps"];
        assert_success(Command::new("rustc").current_dir(test.path("w")).args(rustc).args(args));
    };
    build(&["--crate-type=proc-macro", "-Cextra-filename=-0123456789abcdef", "m.rs"]);
    test.write("w/with.rs", "pub use m::m;");
    test.write("w/more.rs", "pub use with::m;");
    test.write("w/without.rs", "pub fn f() {}");
    build(&["--crate-type=lib", "--extern=m=../deps/libm-0123456789abcdef.so", "with.rs"]);
    build(&["--crate-type=lib", "--extern=with=../deps/libwith.rlib", "more.rs"]);
    build(&["--crate-type=lib", "without.rs"]);
    fs::create_dir_all(test.path("out")).unwrap();
    for (name, text, counts) in [
        ("with", "pub const S: &str = with::m!();", true),
        ("more", "pub const S: &str = more::m!();", true),
        ("without", "pub use without::f;", false),
    ] {
        test.write("w/l.rs", text);
        let named = format!("--extern={name}=../deps/lib{name}.rlib");
        let lib = [LIB, &["-Ldependency=../deps", "--out-dir=../out", &named]].concat();
        let run = |knob: &str| {
            let mut c = test.kache(&lib);
            test.outcome(c.env("KACHE_OBSERVE", "off").env("KNOB", knob))
        };
        assert_eq!((run("1"), run("1")), (Outcome::Miss, Outcome::Hit), "{name}");
        assert_eq!(run("2"), if counts { Outcome::Miss } else { Outcome::Hit }, "{name}");
    }
}
