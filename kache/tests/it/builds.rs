//! A build is what a person started, whatever runs between its tool and the compilers.

use crate::KACHE;
use crate::env::{TestEnv, assert_success};
use kache_core::events::{Event, Kind, builds};
use std::collections::BTreeSet;
use std::process::Command;

/// A build tool in a checkout, or nothing where this machine lacks the tool.
fn tool(test: &TestEnv, program: &str, args: &[&str]) -> Option<Command> {
    if Command::new(program).arg("--version").output().is_err() {
        eprintln!("skipped: {program} is not installed");
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
