//! What proc macros read without declaring it counts: the wrapper, through the real compiler.

use crate::env::{TestEnv, USE, assert_success, proc_macro};
use kache_core::events::{self, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// One thing that is done to the checkout, or to the environment of the compile.
enum Step {
    File(&'static str, &'static str),
    /// A file that is an hour old, whatever it replaces.
    OldFile(&'static str, &'static str),
    /// A program that prints a word.
    Script(&'static str, &'static str),
    Dir(&'static str),
    /// Where the link leads, and where it is.
    Link(&'static str, &'static str),
    Remove(&'static str),
    Env(&'static str, &'static str),
}

use Step::{Dir, Env, File, Link, OldFile, Remove, Script};

fn take(step: &Step, test: &TestEnv, compile: &mut Command) {
    let path = |name: &str| test.path("w").join(name);
    match step {
        File(name, text) => drop(test.write(&format!("w/{name}"), text)),
        OldFile(name, text) => {
            let file = test.write(&format!("w/{name}"), text);
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            fs::File::options().write(true).open(file).unwrap().set_modified(then).unwrap();
        }
        Script(name, word) => {
            let file = test.write(&format!("w/{name}"), &format!("#!/bin/sh\necho {word}\n"));
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Dir(name) => fs::create_dir(path(name)).unwrap(),
        Link(to, at) => std::os::unix::fs::symlink(to, path(at)).unwrap(),
        Remove(name) => fs::remove_file(path(name)).unwrap(),
        Env(name, value) => drop(compile.env(name, value)),
    }
}

/// An undeclared input of a macro: the first compile is stored, the second restored, a change compiles again, and each
/// time the program prints what a program of the plain compiler would.
fn undeclared_input(body: &str, before: &[Step], change: &[Step], prints: [&str; 2]) {
    let test = TestEnv::new();
    let mut compile = test.kache(USE);
    compile.env("KNOB", "1");
    before.iter().for_each(|step| take(step, &test, &mut compile));
    proc_macro(&test, body);
    let printed = || {
        let out = assert_success(&mut Command::new(test.path("w/user"))).stdout;
        String::from_utf8(out).unwrap().trim().to_string()
    };
    assert_eq!(test.outcome(&mut compile), Outcome::Miss);
    assert_eq!(printed(), prints[0]);
    assert_eq!(test.outcome(&mut compile), Outcome::Hit);
    change.iter().for_each(|step| take(step, &test, &mut compile));
    assert_eq!(test.outcome(&mut compile), Outcome::Miss, "a false hit");
    assert_eq!(printed(), prints[1]);
    assert_eq!(test.last().observed, Some(events::Observed::Preload));
}

/// Rows of a table, each a test: the macro's body, the steps before the first compile, the steps before the last, and what
/// the program prints.
macro_rules! undeclared_inputs {
    ($($name:ident: $body:expr, $before:expr, $change:expr, $prints:expr;)*) => {
        $(#[test] fn $name() { undeclared_input($body, &$before, &$change, $prints) })*
    };
}

const READ: &str = r#"std::fs::read_to_string("data").unwrap()"#;
const SHELL: &str = r#"String::from_utf8(std::process::Command::new("sh").args(["-c", "cat data; echo $KNOB"]).env_remove("X")
    .output().unwrap().stdout).unwrap().trim().to_string()"#;
const IS_LINK: &str = r#"std::fs::symlink_metadata("x").is_ok_and(|m| m.is_symlink()).to_string()"#;

undeclared_inputs! {
    a_variable: r#"std::env::var("KNOB").unwrap()"#, [], [Env("KNOB", "2")], ["1", "2"];
    all_variables:
        r#"std::env::vars().filter(|(n, _)| n.starts_with("KN")).map(|(_, v)| v).collect::<Vec<_>>().join(" ")"#,
        [], [Env("KNOB", "2")], ["1", "2"];
    a_file: READ, [File("data", "a")], [File("data", "b")], ["a", "b"];
    a_file_rewritten_with_its_size_and_times: READ, [OldFile("data", "a")], [OldFile("data", "b")], ["a", "b"];
    a_listing: r#"std::fs::read_dir("list").unwrap().count().to_string()"#,
        [File("list/1", "")], [File("list/2", "")], ["1", "2"];
    directories_and_files_in_a_listing:
        r#"std::fs::read_dir("list").unwrap().filter(|e| e.as_ref().unwrap().file_type().unwrap().is_dir()).count().to_string()"#,
        [File("list/1", "")], [Remove("list/1"), Dir("list/1")], ["0", "1"];
    an_absent_path: r#"std::path::Path::new("deep/er/flag").exists().to_string()"#,
        [], [File("deep/er/flag", "")], ["false", "true"];
    the_size_of_a_file: r#"std::fs::metadata("data").unwrap().len().to_string()"#,
        [File("data", "a")], [File("data", "bb")], ["1", "2"];
    a_link: r#"std::fs::read_link("link").unwrap().display().to_string()"#,
        [Link("one", "link")], [Remove("link"), Link("two", "link")], ["one", "two"];
    a_file_by_a_link_that_the_macro_makes:
        r#"std::os::unix::fs::symlink("data", "tmp").unwrap();
        let s = std::fs::read_to_string("tmp").unwrap(); std::fs::remove_file("tmp").unwrap(); s"#,
        [File("data", "a")], [File("data", "b")], ["a", "b"];
    a_path_through_a_link_in_the_middle:
        r#"let p = std::fs::canonicalize("way/file").unwrap();
        p.parent().unwrap().file_name().unwrap().to_str().unwrap().to_string()"#,
        [File("one/file", ""), File("two/file", ""), Link("one", "way")], [Remove("way"), Link("two", "way")],
        ["one", "two"];
    whether_a_dangling_link_is_there: IS_LINK, [Link("nowhere", "x")], [Remove("x")], ["true", "false"];
    whether_a_directory_is_a_link: IS_LINK, [File("d/f", ""), Link("d", "x")], [Remove("x"), File("x/f", "")],
        ["true", "false"];
    whether_a_file_is_a_link: IS_LINK, [File("x", "same")], [Remove("x"), File("y", "same"), Link("y", "x")],
        ["false", "true"];
    a_file_that_a_program_of_the_macro_reads:
        r#"String::from_utf8(std::process::Command::new("cat").arg("data").output().unwrap().stdout).unwrap()"#,
        [File("data", "a")], [File("data", "b")], ["a", "b"];
    a_variable_that_a_shell_of_the_macro_reads: SHELL, [File("data", "a")], [Env("KNOB", "2")], ["a1", "a2"];
    a_file_that_a_shell_of_the_macro_reads: SHELL, [File("data", "a")], [File("data", "b")], ["a1", "b1"];
    a_script_that_the_macro_starts:
        r#"String::from_utf8(std::process::Command::new("./script").output().unwrap().stdout).unwrap().trim().to_string()"#,
        [Script("script", "a")], [Script("script", "b")], ["a", "b"];
}

#[test]
fn a_program_earlier_in_the_path_is_found() {
    let body = r#"String::from_utf8(std::process::Command::new("say").output().unwrap().stdout).unwrap().trim().to_string()"#;
    let test = TestEnv::new();
    let put = |dir: &str, word: &str| {
        let path = test.write(&format!("{dir}/say"), &format!("#!/bin/sh\necho {word}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    put("late", "late");
    fs::create_dir_all(test.path("early")).unwrap();
    proc_macro(&test, body);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", test.path("early").display(), test.path("late").display());
    let mut command = test.kache(USE);
    command.env("PATH", path);
    assert_eq!(test.outcome(&mut command), Outcome::Miss);
    assert_eq!(test.outcome(&mut command), Outcome::Hit);
    put("early", "early");
    assert_eq!(test.outcome(&mut command), Outcome::Miss);
    assert_eq!(assert_success(&mut Command::new(test.path("w/user"))).stdout, b"early\n");
}

#[test]
fn what_cannot_be_held_in_a_key_is_not_stored() {
    for (body, reason) in [
        (r#"format!("{:?}", std::time::SystemTime::now())"#, "clock"),
        (r#"let _ = std::net::TcpStream::connect("127.0.0.1:9"); String::new()"#, "network"),
        (r#"std::fs::write("left", "x").unwrap(); String::new()"#, "side-effect"),
        (r#"std::fs::read_to_string("/proc/uptime").unwrap()"#, "host-state"),
        (
            r#"String::from_utf8(std::process::Command::new("date").output().unwrap().stdout).unwrap()"#,
            "clock",
        ),
    ] {
        let test = TestEnv::new();
        proc_macro(&test, body);
        assert_eq!(test.refusal(&mut test.kache(USE)), reason, "{body}");
        assert_eq!(test.refusal(&mut test.kache(USE)), reason, "{body}");
    }
}

#[test]
fn a_program_without_the_observer_is_not_vouched_for() {
    let test = TestEnv::new();
    test.write("w/s.c", "#include <stdio.h>\nint main(void) { FILE *f = fopen(\"data\", \"r\"); putchar(fgetc(f)); return 0; }");
    test.write("w/data", "a");
    assert_success(Command::new("cc").current_dir(test.path("w")).args(["-static", "-o", "s", "s.c"]));
    proc_macro(
        &test,
        r#"String::from_utf8(std::process::Command::new("./s").output().unwrap().stdout).unwrap()"#,
    );
    assert_eq!(test.refusal(&mut test.kache(USE)), "unobserved-program");
}

#[test]
fn a_macro_learns_where_it_is() {
    for body in [
        r#"std::env::current_dir().unwrap().display().to_string()"#,
        r#"std::fs::canonicalize("user.rs").unwrap().display().to_string()"#,
        r#"std::env::var("WHERE").unwrap()"#,
        r#"std::env::args().find(|a| a.contains("out-dir")).unwrap()"#,
        r#"proc_macro::Span::call_site().local_file().unwrap().display().to_string()"#,
    ] {
        let test = TestEnv::new();
        proc_macro(&test, body);
        let outcomes = test.two_clones(|dir| {
            let (input, out) =
                (test.path(dir).join("user.rs"), format!("--out-dir={}", test.path(dir).display()));
            let args = USE.iter().map(|a| if *a == "user.rs" { input.to_str().unwrap() } else { a });
            let mut c = test.kache_in(dir, &args.collect::<Vec<_>>());
            c.arg(out).env("WHERE", test.path(dir));
            c
        });
        assert_eq!(outcomes, (Outcome::Miss, Outcome::Hit, Outcome::Miss), "{body}");
        let said = assert_success(&mut Command::new(test.path("another/user"))).stdout;
        assert!(String::from_utf8(said).unwrap().contains("another"));
    }
}

#[test]
fn a_macro_that_is_declared_to_locate_is_believed_and_no_other_caller_is_served() {
    let test = TestEnv::new();
    let body = r#"let d = std::env::var("CARGO_MANIFEST_DIR").unwrap(); std::fs::read_to_string(format!("{d}/data")).unwrap()"#;
    proc_macro(&test, body);
    test.write("w/data", "a");
    test.clone_checkout("w", "another");
    let at = |dir: &str, path_only: &str| {
        let mut c = test.kache_in(dir, USE);
        test.outcome(c.env("CARGO_MANIFEST_DIR", test.path(dir)).env("KACHE_PATH_ONLY_MACROS", path_only))
    };
    assert_eq!((at("w", ""), at("another", "")), (Outcome::Miss, Outcome::Miss));
    assert!(test.trace().contains("\"by\":\"m\""), "{}", test.trace());
    assert_eq!((at("w", "m"), at("another", "m")), (Outcome::Miss, Outcome::Hit));
    test.write("another/data", "b");
    assert_eq!(at("another", "m"), Outcome::Miss);
}
