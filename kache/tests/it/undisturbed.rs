//! What is observed does what it would do unobserved, and where it cannot, the build gets what the plain compiler makes.

use crate::env::{TestEnv, USE, assert_success, proc_macro};
use kache_core::events::Outcome;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// What the program of [`proc_macro`] prints.
fn printed(test: &TestEnv) -> String {
    let out = assert_success(&mut Command::new(test.path("w/user"))).stdout;
    String::from_utf8(out).unwrap().trim().to_string()
}

/// What it prints after the plain compiler made it, in the environment of the wrapper.
fn plain(test: &TestEnv) -> String {
    let mut rustc = test.kache(&[]);
    let mut plain = Command::new(USE[0]);
    plain.args(&USE[1..]).current_dir(test.path("w")).stdin(Stdio::null());
    for (name, value) in rustc.arg("").get_envs() {
        match value {
            Some(value) => plain.env(name, value),
            None => plain.env_remove(name),
        };
    }
    assert_success(&mut plain);
    printed(test)
}

fn tool(test: &TestEnv, source: &str) {
    let source = test.write("w/tool.c", source);
    assert_success(Command::new("cc").arg(source).arg("-o").arg(test.path("w/tool")));
}

const RUN: &str = r#"let run = std::process::Command::new("./tool").output().unwrap();
    format!("{} {}", String::from_utf8_lossy(&run.stdout), run.status)"#;

/// Finds the log in its address space and ends without libc.
const DIES_OF_THE_OBSERVER: &str = r#"
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <signal.h>
int main(void) {
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "memfd:kache-observe")) raise(SIGSEGV);
    puts("fine");
    return 0;
}
"#;

#[test]
fn where_a_program_dies_of_the_observer_the_command_runs_again() {
    let test = TestEnv::new();
    proc_macro(&test, RUN);
    tool(&test, DIES_OF_THE_OBSERVER);
    assert_eq!(test.refusal(&mut test.kache(USE)), "disturbed");
    assert_eq!(printed(&test), "fine\n exit status: 0");
    assert_eq!(test.refusal(&mut test.kache(USE)), "disturbed", "never stored");
}

#[test]
fn nothing_of_the_run_that_failed_is_shown() {
    let test = TestEnv::new();
    let fails = r#"assert!(std::process::Command::new("./tool").status().unwrap().success()); String::new()"#;
    proc_macro(&test, fails);
    tool(&test, DIES_OF_THE_OBSERVER);
    let out = assert_success(&mut test.kache(USE));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
    assert!(test.last().status == 0 && !test.last().stored);
}

#[test]
fn a_program_that_fails_by_itself_is_not_run_again() {
    let test = TestEnv::new();
    proc_macro(&test, RUN);
    let source = "#include <stdio.h>\nint main(void) { fputs(\"x\", fopen(\"ran\", \"a\")); return 3; }";
    tool(&test, source);
    assert_success(&mut test.kache(USE));
    assert_eq!(fs::read_to_string(test.path("w/ran")).unwrap(), "x");
}

#[test]
fn no_variable_is_added() {
    let test = TestEnv::new();
    let names = r#"let mut names: Vec<_> = std::env::vars_os().map(|(name, _)| format!("{name:?}")).collect();
        names.sort(); names.concat()"#;
    proc_macro(&test, names);
    assert_success(&mut test.kache(USE));
    assert_eq!(printed(&test), plain(&test));
}

#[test]
fn an_inner_kache_runs_the_compiler_and_nothing_else() {
    let test = TestEnv::new();
    test.write("w/main.rs", "fn main() {}");
    let linker = test.write("w/linker", &format!("#!/bin/sh\nexec {} cc \"$@\"\n", crate::kache().display()));
    fs::set_permissions(linker, fs::Permissions::from_mode(0o755)).unwrap();
    let compile = ["rustc", "main.rs", "--emit=dep-info,link", "-Clinker=./linker"];
    assert_success(&mut test.kache(&compile));
    assert_eq!(test.events().len(), 1);
    assert_success(&mut Command::new(test.path("w/main")));
}

#[test]
fn a_process_that_is_left_running_does_not_hold_the_build_up() {
    let test = TestEnv::new();
    // It ends when the other end of its input is closed, at the end of this test.
    let leaves = r#"let script = "exec 3<&0; (cat <&3; echo late >&2) &";
        std::process::Command::new("sh").args(["-c", script]).status().unwrap(); String::new()"#;
    proc_macro(&test, leaves);
    let (reader, writer) = io::pipe().unwrap();
    let (mut late, log) = io::pipe().unwrap();
    let mut compile = test.kache(USE);
    compile.stdin(reader).stdout(Stdio::null()).stderr(log);
    assert!(compile.status().unwrap().success());
    drop(compile);
    assert_eq!(test.last().reason_word(), Some("inherited-descriptor"));
    drop(writer);
    let mut text = String::new();
    io::Read::read_to_string(&mut late, &mut text).unwrap();
    assert_eq!(text, "late\n", "its output still arrives");
}

#[test]
fn under_a_limit_of_the_address_space_the_plain_compiler_decides() {
    let test = TestEnv::new();
    test.write("w/x.c", "int x;");
    let kache = crate::kache().display().to_string();
    let mut compiled = 0;
    // From where nothing starts to where everything does.
    for megabytes in [8, 16, 24, 32, 40, 48, 64, 96, 128, 256, 1024] {
        let under = |command: &str| {
            let script = format!("ulimit -v {} && exec {command}", megabytes << 10);
            let mut sh = test.kache(&[]);
            let mut limited = Command::new("sh");
            for (name, value) in sh.arg("").get_envs().filter_map(|(name, value)| Some((name, value?))) {
                limited.env(name, value);
            }
            limited.args(["-c", &script]).current_dir(test.path("w")).output().unwrap().status.success()
        };
        let plain = under("gcc -c x.c -o plain.o");
        // Below, kache itself does not start.
        if plain && under(&format!("{kache} --version")) {
            assert!(under(&format!("{kache} gcc -c x.c -o x.o")), "{megabytes}");
            compiled += 1;
        }
    }
    assert!(compiled > 2);
}

#[test]
fn what_runs_as_another_user_prints_what_it_would() {
    let test = TestEnv::new();
    let quiet = r#"let run = std::process::Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "true"]).output().unwrap();
        format!("{:?} {}", String::from_utf8_lossy(&run.stderr), run.status)"#;
    proc_macro(&test, quiet);
    assert_success(&mut test.kache(&["rustc", "--version"]));
    fs::set_permissions(test.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_success(&mut test.kache(USE));
    let got = printed(&test);
    assert_eq!(got, plain(&test));
}

#[test]
fn a_session_of_fakeroot_is_no_input_of_c() {
    let test = TestEnv::new();
    test.write("w/x.c", "int x;");
    // As libfakeroot does: it is asked what a file's status is, and asks which session to ask.
    let source = "#include <stdlib.h>\n#include <unistd.h>\nint eaccess(const char *path, int mode) \
                  { getenv(\"FAKEROOTKEY\"); return access(path, mode); }\n\
                  __attribute__((constructor)) static void begin(void) { eaccess(\"/\", 0); }";
    let source = test.write("lib.c", source);
    let library = test.path("libfakeroot-sysv.so");
    assert_success(Command::new("cc").args(["-O2", "-shared", "-fPIC"]).arg(source).arg("-o").arg(&library));
    let mut compile = test.kache(&["gcc", "-c", "x.c", "-o", "x.o"]);
    compile.env("LD_PRELOAD", &library);
    assert_eq!(test.outcome(compile.env("FAKEROOTKEY", "1")), Outcome::Miss);
    assert_eq!(test.outcome(compile.env("FAKEROOTKEY", "2")), Outcome::Hit);
}
