//! Seeded target directories: what cargo finds there is what it would have built. Through real cargo.

use crate::env::{TestEnv, assert_success};
use kache_core::events::{Event, Kind, Outcome};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program, a library, a vendored crate, a proc macro that reads `KNOB`, and a build script that reads `knob.txt`. The program prints
/// what each of them made of what it found.
fn project(test: &TestEnv) {
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{more}")
    };
    let dependencies = "[features]\nx = []\n[dependencies]\nl = { path = \"l\" }\nm = { path = \"m\" }\nv = \"1\"\n\
        [workspace]\nmembers = [\"l\", \"m\"]\n";
    test.write("w/Cargo.toml", &package("p", dependencies));
    test.write(
        "w/.cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n",
    );
    test.write("w/vendor/v/Cargo.toml", &package("v", ""));
    test.write("w/vendor/v/.cargo-checksum.json", "{\"files\":{},\"package\":null}");
    test.write("w/vendor/v/src/lib.rs", "pub const V: &str = \"first\";");
    test.write("w/l/Cargo.toml", &package("l", ""));
    test.write("w/l/src/lib.rs", "pub fn l() -> u8 { let unused = 1; 1 }");
    test.write("w/m/Cargo.toml", &package("m", "[lib]\nproc-macro = true\n"));
    test.write(
        "w/m/src/lib.rs",
        "#[proc_macro] pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
         let variable = |name: &str| std::env::var(name).unwrap_or_default();\n\
         format!(\"{:?}\", variable(\"KNOB\") + &variable(\"CARGO_PKG_DESCRIPTION\")).parse().unwrap() }",
    );
    test.write("w/knob.txt", "text");
    test.write(
        "w/build.rs",
        "fn main() { let text = std::fs::read_to_string(\"knob.txt\").unwrap();\n\
         std::fs::write(std::path::Path::new(&std::env::var_os(\"OUT_DIR\").unwrap()).join(\"said\"), text).unwrap();\n\
         println!(\"cargo:rerun-if-changed=build.rs\"); }",
    );
    test.write(
        "w/src/main.rs",
        "fn main() { print!(\"{} {} {} x={} debug={} cfg={} {}\", m::m!(), v::V, l::l(), cfg!(feature = \"x\"),\n\
         cfg!(debug_assertions), cfg!(knob), include_str!(concat!(env!(\"OUT_DIR\"), \"/said\"))) }",
    );
}

const SAID: &str = "a first 1 x=false debug=true cfg=false text";

fn cargo(test: &TestEnv, checkout: &str, args: &[&str]) -> Command {
    let mut command = test.cargo(checkout, args);
    command.env("KNOB", "a");
    command
}

/// What the program prints after a build.
fn said(test: &TestEnv, checkout: &str, build: &mut Command) -> String {
    assert_success(build);
    let profile = if build.get_args().any(|arg| arg == "--release") { "release" } else { "debug" };
    let program = test.path(checkout).join("target").join(profile).join("p");
    String::from_utf8(assert_success(&mut Command::new(program)).stdout).unwrap()
}

/// Built in `w` and confirmed in a second checkout. `src` has the sources alone.
fn built() -> TestEnv {
    let test = TestEnv::new();
    project(&test);
    assert_success(&mut cargo(&test, "w", &["generate-lockfile"]));
    test.clone_checkout("w", "src");
    test.clone_checkout("src", "second/another-place");
    for checkout in ["w", "second/another-place"] {
        assert_eq!(said(&test, checkout, &mut cargo(&test, checkout, &["build"])), SAID);
    }
    test
}

/// The units of the build that ran last.
fn units(test: &TestEnv) -> Vec<Event> {
    let mut events = test.events();
    let last = events.last().expect("an event").build.clone();
    events.retain(|event| event.build == last && event.kind == Kind::Unit);
    events
}

fn count(events: &[Event], seeded: bool, outcome: Outcome) -> usize {
    events.iter().filter(|event| event.seeded == seeded && event.outcome == outcome).count()
}

#[test]
fn a_third_checkout_is_seeded_and_cargo_has_nothing_to_do_afterwards() {
    let test = built();
    test.clone_checkout("src", "third");
    let built = assert_success(&mut cargo(&test, "third", &["build"]));
    let stderr = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(stderr.contains("unused variable: `unused`"), "cargo shows the warning again: {stderr}");
    let events = units(&test);
    // Library, macro, script and its run. For cargo, a vendored crate is another one in each checkout.
    let asked: Vec<_> = events.iter().filter(|event| !event.seeded).map(|event| event.unit.label()).collect();
    assert_eq!(asked, ["v 1.0.0 (lib)", "p 1.0.0 (bin)"]);
    assert_eq!((count(&events, true, Outcome::Hit), count(&events, false, Outcome::Hit)), (4, 2));
    fs::remove_dir_all(test.path("third/target")).unwrap();
    assert_eq!(said(&test, "third", &mut cargo(&test, "third", &["build"])), SAID);
    let events = units(&test);
    // What cargo kept of the last unit went with the directory, before any later wrapper could read it.
    assert_eq!((count(&events, true, Outcome::Hit), count(&events, false, Outcome::Hit)), (5, 1));
    let fresh = |args: &[&str]| {
        let built = assert_success(&mut cargo(&test, "third", args));
        !String::from_utf8_lossy(&built.stderr).contains("Compiling")
    };
    assert!(fresh(&["build"]));
    assert_eq!(said(&test, "third", &mut cargo(&test, "third", &["build"])), SAID);
    // Each command does what it does in a tree that cargo has built.
    assert_success(&mut cargo(&test, "third", &["clean", "-p", "l"]));
    assert!(!fresh(&["build"]) && fresh(&["build"]));
    assert!(!fresh(&["test", "--no-run"]) && fresh(&["test", "--no-run"]));
    test.write("third/l/src/lib.rs", "pub fn l() -> u8 { 2 }");
    assert_eq!(said(&test, "third", &mut cargo(&test, "third", &["build"])), SAID.replace(" 1 ", " 2 "));
    test.write("third/knob.txt", "other");
    test.write("third/build.rs", &(fs::read_to_string(test.path("third/build.rs")).unwrap() + "\n"));
    let expected = SAID.replace(" 1 ", " 2 ").replace("text", "other");
    assert_eq!(said(&test, "third", &mut cargo(&test, "third", &["build"])), expected);
}

#[test]
fn what_changed_is_built_and_the_rest_is_seeded() {
    let test = built();
    type Change<'a> = (&'a str, &'a dyn Fn(&TestEnv, &str) -> Command, &'a str, &'a str);
    let build = |test: &TestEnv, at: &str| cargo(test, at, &["build"]);
    let with = |test: &TestEnv, at: &str, name: &str, value: &str| {
        let mut command = build(test, at);
        command.env(name, value);
        command
    };
    let edit = |test: &TestEnv, at: &str, name: &str, text: &str| {
        test.write(&format!("{at}/{name}"), text);
        cargo(test, at, &["build"])
    };
    let changes: &[Change] = &[
        ("a variable that a macro reads", &|test, at| with(test, at, "KNOB", "b"), "a first", "b first"),
        (
            "a description that a macro reads",
            &|test, at| {
                let manifest = fs::read_to_string(test.path(at).join("Cargo.toml")).unwrap();
                edit(
                    test,
                    at,
                    "Cargo.toml",
                    &manifest.replacen("1.0.0\"", "1.0.0\"\ndescription = \"new\"", 1),
                )
            },
            "a first",
            "anew first",
        ),
        ("a file that the script reads", &|test, at| edit(test, at, "knob.txt", "new"), "text", "new"),
        ("a library", &|test, at| edit(test, at, "l/src/lib.rs", "pub fn l() -> u8 { 3 }"), " 1 ", " 3 "),
        (
            "a vendored crate",
            &|test, at| edit(test, at, "vendor/v/src/lib.rs", "pub const V: &str = \"second\";"),
            "first",
            "second",
        ),
        ("a feature", &|test, at| cargo(test, at, &["build", "--features", "x"]), "x=false", "x=true"),
        ("a profile", &|test, at| cargo(test, at, &["build", "--release"]), "debug=true", "debug=false"),
        ("flags", &|test, at| with(test, at, "RUSTFLAGS", "--cfg knob"), "cfg=false", "cfg=true"),
        (
            "another compiler",
            &|test, at| {
                let shim = test.write("shim/rustc", "#!/bin/sh\nexec rustc --cfg knob \"$@\"\n");
                assert_success(Command::new("chmod").arg("+x").arg(&shim));
                with(test, at, "RUSTC", shim.to_str().unwrap())
            },
            "cfg=false",
            "cfg=true",
        ),
        (
            "a patch",
            &|test, at| {
                test.clone_checkout(&format!("{at}/vendor/v"), &format!("{at}/patched"));
                test.write(&format!("{at}/patched/src/lib.rs"), "pub const V: &str = \"patched\";");
                let manifest = fs::read_to_string(test.path(at).join("Cargo.toml")).unwrap();
                let patch = "exclude = [\"patched\"]\n[patch.crates-io]\nv = { path = \"patched\" }\n";
                edit(test, at, "Cargo.toml", &(manifest + patch))
            },
            "first",
            "patched",
        ),
        (
            "a lock file that is gone",
            &|test, at| {
                fs::remove_file(test.path(at).join("Cargo.lock")).unwrap();
                build(test, at)
            },
            "text",
            "text",
        ),
    ];
    for (n, (what, change, from, to)) in changes.iter().enumerate() {
        let at = format!("changed-{n}");
        test.clone_checkout("src", &at);
        let mut command = change(&test, &at);
        assert_eq!(said(&test, &at, &mut command), SAID.replace(from, to), "{what}");
    }
}

#[test]
fn a_target_directory_that_is_not_empty_is_left_to_cargo() {
    let test = built();
    for (n, part) in ["deps", ".fingerprint", "build", "../.rustc_info.json"].iter().enumerate() {
        let at = format!("damaged-{n}");
        test.clone_checkout("second/another-place", &at);
        let part = test.path(&at).join("target/debug").join(part);
        let _ = fs::remove_dir_all(&part);
        let _ = fs::remove_file(&part);
        test.write(&format!("{at}/l/src/lib.rs"), "pub fn l() -> u8 { 4 }");
        assert_eq!(said(&test, &at, &mut cargo(&test, &at, &["build"])), SAID.replace(" 1 ", " 4 "));
        assert_eq!(count(&units(&test), true, Outcome::Hit), 0);
    }
}

#[test]
fn a_setting_turns_it_off() {
    let test = built();
    test.clone_checkout("src", "third");
    let said = said(&test, "third", cargo(&test, "third", &["build"]).env("KACHE_SEED", "off"));
    assert_eq!(said, SAID);
    let events = units(&test);
    assert_eq!((count(&events, true, Outcome::Hit), count(&events, false, Outcome::Hit)), (0, 6));
}

/// Whatever a killed cargo left is whole or absent: the next build is right, and then there is nothing to do.
#[test]
fn a_build_that_is_killed_while_it_seeds_is_built_rightly_afterwards() {
    let test = built();
    for n in 0..6 {
        let at = format!("killed-{n}");
        test.clone_checkout("src", &at);
        let mut build = cargo(&test, &at, &["build"]);
        let mut running = build.stderr(Stdio::null()).process_group(0).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 * (n + 1)));
        let group = format!("-{}", running.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        running.wait().unwrap();
        assert_eq!(said(&test, &at, &mut cargo(&test, &at, &["build"])), SAID, "killed after {n}");
        let again = assert_success(&mut cargo(&test, &at, &["build"]));
        assert!(!String::from_utf8_lossy(&again.stderr).contains("Compiling"), "killed after {n}");
    }
}

#[test]
fn two_cargos_in_one_directory_at_once_are_both_right() {
    let test = built();
    for n in 0..3 {
        let at = format!("both-{n}");
        test.clone_checkout("src", &at);
        let mut builds: Vec<_> =
            (0..2).map(|_| cargo(&test, &at, &["build"]).stderr(Stdio::null()).spawn().unwrap()).collect();
        assert!(builds.iter_mut().all(|build| build.wait().unwrap().success()));
        assert_eq!(said(&test, &at, &mut cargo(&test, &at, &["build"])), SAID);
    }
}

#[test]
fn a_target_directory_elsewhere_is_seeded() {
    let test = built();
    test.clone_checkout("src", "third");
    // Each way to name it, in a build that has the same key.
    for (n, by_variable) in [true, false].into_iter().enumerate() {
        let target = test.path(&format!("elsewhere-{n}/target"));
        let mut build = match by_variable {
            true => cargo(&test, "third", &["build"]),
            false => cargo(&test, "third", &["build", "--target-dir", target.to_str().unwrap()]),
        };
        if by_variable {
            build.env("CARGO_TARGET_DIR", &target);
        }
        assert_success(&mut build);
        let said = assert_success(&mut Command::new(target.join("debug/p"))).stdout;
        assert_eq!(String::from_utf8(said).unwrap(), SAID);
        assert!(count(&units(&test), true, Outcome::Hit) > 0);
    }
}

#[test]
fn the_new_layout_of_the_build_directory_is_seeded() {
    let test = TestEnv::new();
    project(&test);
    assert_success(&mut cargo(&test, "w", &["generate-lockfile"]));
    test.clone_checkout("w", "src");
    let build = |checkout: &str| {
        test.clone_checkout("src", checkout);
        let mut build = cargo(&test, checkout, &["build", "-Zbuild-dir-new-layout"]);
        // As a nightly cargo takes it.
        build.env("RUSTC_BOOTSTRAP", "1");
        assert_eq!(said(&test, checkout, &mut build), SAID);
        let events = units(&test);
        let again = assert_success(&mut build);
        assert!(!String::from_utf8_lossy(&again.stderr).contains("Compiling"));
        (count(&events, true, Outcome::Hit), events.len())
    };
    build("first");
    build("second/another-place");
    // All but the vendored crate and the program that uses it.
    assert_eq!(build("third"), (4, 6));
}

/// clippy stands before the compiler for packages of the workspace, and answers the first question as well. What it checks itself is
/// not seeded.
#[test]
fn what_clippy_needs_is_seeded_and_what_it_checks_is_a_hit() {
    let test = TestEnv::new();
    project(&test);
    test.write("w/l/src/lib.rs", "pub fn l() -> u8 { return 1; }");
    assert_success(&mut cargo(&test, "w", &["generate-lockfile"]));
    for place in ["second", "third"] {
        test.clone_checkout("w", place);
    }
    let mut last = Vec::new();
    for place in ["w", "second", "third", "third"] {
        let _ = fs::remove_dir_all(test.path(place).join("target"));
        let checked = assert_success(&mut cargo(&test, place, &["clippy"]));
        let stderr = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(stderr.contains("unneeded `return` statement"), "{place}: {stderr}");
        last = units(&test);
    }
    let names = |seeded: bool| {
        let events = last.iter().filter(move |event| event.seeded == seeded && event.outcome == Outcome::Hit);
        events.map(|event| event.unit.label()).collect::<BTreeSet<_>>()
    };
    let seeded = ["build_script_build 1.0.0 (bin)", "p 1.0.0 (script)", "v 1.0.0 (lib)"];
    assert_eq!(names(true), seeded.map(String::from).into());
    let checked = ["l 1.0.0 (lib)", "m 1.0.0 (proc-macro)", "p 1.0.0 (bin)"];
    assert_eq!(names(false), checked.map(String::from).into());
}
