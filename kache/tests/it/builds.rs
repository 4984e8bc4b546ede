//! A build is what a person started, whatever runs between its tool and the compilers.

use crate::KACHE;
use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use kache_core::events::{Event, Kind, builds};
use std::collections::BTreeSet;
use std::process::Command;

/// A build tool in a checkout, or nothing where this machine lacks the tool.
fn tool(test: &TestEnv, program: &str, args: &[&str]) -> Option<Command> {
    let package = if program == "ninja" { "ninja-build" } else { program };
    if !require_tool(program, package) {
        return None;
    }
    let mut command = test.kache(&[]);
    let mut tool = Command::new(program);
    tool.args(args).current_dir(test.path("w")).env("KACHE", KACHE);
    for (name, value) in command.env("MAKEFLAGS", "").get_envs() {
        match value {
            Some(value) => tool.env(name, value),
            None => tool.env_remove(name),
        };
    }
    for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "MAKELEVEL"] {
        tool.env_remove(name);
    }
    Some(tool)
}

fn units(test: &TestEnv) -> Vec<Event> {
    test.events().into_iter().filter(|e| e.kind == Kind::Unit).collect()
}

fn sources(test: &TestEnv, names: &[&str]) {
    for name in names {
        test.write(&format!("w/{name}.c"), &format!("int {name}(void) {{ return 1; }}\n"));
    }
}

/// The commands of the builds of all units, each once.
fn commands(test: &TestEnv) -> BTreeSet<String> {
    units(test).into_iter().map(|event| event.command).collect()
}

#[test]
fn a_recursive_make_with_a_shell_for_each_object_is_one_build() {
    let test = TestEnv::new();
    sources(&test, &["a", "b", "c"]);
    // As libtool does: a shell that does more than to become the compiler.
    test.write("w/compile", "#!/bin/sh\n\"$KACHE\" cc \"$@\"\nstatus=$?\nexit $status\n");
    let objects = "a.o: a.c\n\tsh ./compile -c a.c -o a.o; true\nb.o: b.c\n\tsh ./compile -c b.c -o b.o; true\n\
                   sub: a.o b.o\n\t$(MAKE) -f inner.mk; true\n";
    test.write("w/Makefile", objects);
    test.write("w/inner.mk", "c.o: c.c\n\tsh ./compile -c c.c -o c.o; true\n");
    let Some(mut make) = tool(&test, "make", &["-j2", "sub"]) else { return };
    assert_success(&mut make);
    let all = units(&test);
    assert_eq!(all.len(), 3);
    let found = builds::all(&all);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].command, "make -j2 sub");
    assert_eq!(std::path::Path::new(&found[0].directory), test.path("w").canonicalize().unwrap());
    // Another run of the tool is another build.
    assert_success(&mut tool(&test, "make", &["-B", "a.o"]).unwrap());
    let all = units(&test);
    assert_eq!((all.len(), builds::all(&all).len()), (4, 2));
}

#[test]
fn a_ninja_build_is_one_build() {
    let test = TestEnv::new();
    sources(&test, &["a", "b", "c"]);
    let rules = "rule cc\n command = $kache cc -c $in -o $out\nrule shell\n command = true && $kache cc -c $in -o $out && true\n\
                 build a.o: cc a.c\nbuild b.o: cc b.c\nbuild c.o: shell c.c\n";
    test.write("w/build.ninja", &format!("kache = {KACHE}\n{rules}"));
    let Some(mut ninja) = tool(&test, "ninja", &[]) else { return };
    assert_success(&mut ninja);
    let all = units(&test);
    assert_eq!((all.len(), builds::all(&all).len()), (3, 1));
    assert_eq!(commands(&test), BTreeSet::from(["ninja".to_string()]));
}

#[test]
fn the_compiles_of_a_build_script_belong_to_its_cargo_while_it_runs() {
    let test = TestEnv::new();
    test.write(
        "w/Cargo.toml",
        "[package]\nname = \"p\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[workspace]\n",
    );
    test.write("w/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
    sources(&test, &["a", "b"]);
    let script = r#"fn main() {
        let out = std::env::var("OUT_DIR").unwrap();
        for name in ["a", "b"] {
            let command = format!("{} cc -c {name}.c -o {out}/{name}.o; true", env!("THE_KACHE"));
            assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success());
        }
        println!("cargo::rerun-if-changed=a.c");
    }"#;
    test.write("w/build.rs", script);
    assert_success(test.cargo("w", &["build", "-q"]).env("THE_KACHE", KACHE).env_remove("MAKEFLAGS"));
    let all = units(&test);
    let inner: Vec<&Event> = all.iter().filter(|e| e.unit.family == "cc").collect();
    assert_eq!(inner.len(), 2, "{:?}", all.iter().map(|e| e.unit.label()).collect::<Vec<_>>());
    let names: BTreeSet<&str> = all.iter().map(|e| e.build.as_str()).collect();
    assert_eq!(names.len(), 1, "each event names the build, with no need to wait for its end");
    assert_eq!(commands(&test), BTreeSet::from(["cargo build -q --offline".to_string()]));
}

/// What `make` prints to a pipe, with a line after each build.
fn summaries(test: &TestEnv, args: &[&str]) -> Option<Vec<String>> {
    let mut make = tool(test, "make", args)?;
    let output = assert_success(make.env("KACHE_SUMMARY", "1"));
    let lines = String::from_utf8(output.stderr).unwrap();
    Some(lines.lines().filter(|line| line.starts_with("kache: ")).map(str::to_string).collect())
}

#[test]
fn a_line_about_the_build_follows_its_end_on_request() {
    let test = TestEnv::new();
    sources(&test, &["a", "b"]);
    test.write("w/Makefile", "all: a.o b.o\n%.o: %.c\n\t$(KACHE) cc -c $< -o $@\n");
    // The pipe ends when the process that waits has printed the line: the test waits for no time.
    let Some(first) = summaries(&test, &["all"]) else { return };
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("kache: 0 of 2 units restored, "), "{first:?}");
    let again = summaries(&test, &["-B", "all"]).unwrap();
    assert!(again.len() == 1 && again[0].starts_with("kache: 2 of 2 units restored, "), "{again:?}");
    assert!(!again[0].contains("explain"), "nothing missed: {again:?}");
    // A build without units, and a build without the setting.
    assert_eq!(summaries(&test, &["-n", "-B"]), Some(Vec::new()));
    let quiet = assert_success(&mut tool(&test, "make", &["-B"]).unwrap());
    assert!(quiet.stderr.is_empty());
}

#[test]
fn the_line_goes_to_a_file_that_is_appended_to_and_to_no_other() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestEnv::new();
    sources(&test, &["a"]);
    // GNU make appends to any file. This one does not.
    let make = test.write("w/make", "#!/bin/sh\n\"$KACHE\" cc -c a.c -o a.o\nexit 0\n");
    std::fs::set_permissions(&make, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = "exec 2>log; ./make >&2; echo after >&2; ./make 2>>appended; exit 0";
    let Some(mut shell) = tool(&test, "sh", &["-c", script]) else { return };
    // What waits is started by the first invocation, and has the file open.
    assert_success(shell.env("KACHE_SUMMARY", "1"));
    let read = |name: &str| std::fs::read_to_string(test.path("w").join(name)).unwrap();
    let is_printed = || read("appended").contains("kache: 1 of 1 unit restored, ");
    let printed = (0..3000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        is_printed()
    });
    assert!(printed, "{}", read("appended"));
    assert_eq!(read("log"), "after\n");
}

#[test]
fn a_build_below_kache_run_has_one_line() {
    let test = TestEnv::new();
    sources(&test, &["a", "b"]);
    test.write("w/Makefile", "all: a.o b.o\n%.o: %.c\n\tcc -c $< -o $@\n");
    let Some(mut run) = tool(&test, KACHE, &["run", "--", "make", "all"]) else { return };
    let output = assert_success(run.env("KACHE_SUMMARY", "1"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("kache: 0 of 2 units restored").count(), 1, "{said}");
    assert_eq!(commands(&test), BTreeSet::from(["kache run -- make all".to_string()]));
}

/// The lines of kache that cargo, or a build tool, lets through.
fn warnings(output: &std::process::Output) -> usize {
    String::from_utf8_lossy(&output.stderr).matches("kache: warning: ").count()
}

#[test]
fn a_bad_setting_is_warned_of_once_a_build_whatever_the_build_finds() {
    let test = TestEnv::new();
    test.write(
        "w/Cargo.toml",
        "[package]\nname = \"p\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[workspace]\n",
    );
    test.write("w/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
    test.write("w/src/main.rs", "fn main() {}\n");
    let build = || assert_success(test.cargo("w", &["build", "-q"]).env("KACHE_LOCK_TIMEOUT", "soon"));
    assert_eq!(warnings(&build()), 1, "with misses");
    for seeded in [false, true] {
        std::fs::remove_dir_all(test.path("w/target")).unwrap();
        assert_eq!(warnings(&build()), 1, "with hits, seeded: {seeded}");
    }
    assert!(units(&test).iter().any(|e| e.seeded), "the last build had nothing but a question");
}
