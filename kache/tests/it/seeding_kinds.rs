//! Seeded units whose variables, words or records could be those of another build. Through real cargo, and compared with cargo alone.

use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// A package whose program prints the value that `script`, a build script, gives to `say`.
fn package(test: &TestEnv, dir: &str, manifest: &str, script: &str) {
    let head = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    test.write(&format!("{dir}/Cargo.toml"), &format!("{head}{manifest}"));
    test.write(&format!("{dir}/src/main.rs"), "fn main() { print!(\"{}\", env!(\"SAID\")) }");
    let build = format!(
        "use std::{{env, fs}};\n\
         fn say(text: impl std::fmt::Display) {{ println!(\"cargo:rustc-env=SAID={{text}}\") }}\n\
         #[allow(unused)] fn get(name: &str) -> String {{ env::var(name).unwrap_or_default() }}\n\
         #[allow(unused)] fn make() {{ fs::create_dir(get(\"OUT_DIR\") + \"/made\").unwrap() }}\n\
         fn main() {{ {script} }}"
    );
    test.write(&format!("{dir}/build.rs"), &build);
}

const DECLARED: &str = "println!(\"cargo:rerun-if-changed=build.rs\");";

/// What the program of `dir` prints, built by a command of cargo.
fn said(test: &TestEnv, dir: &str, with_kache: bool, change: &dyn Fn(&mut Command)) -> String {
    let mut build = test.cargo(dir, &["run", "-q"]);
    change(&mut build);
    if !with_kache {
        build.env("KACHE_DISABLE", "1");
    }
    String::from_utf8(assert_success(&mut build).stdout).unwrap()
}

/// Builds copies of `w` (the package is at `at` in each), so that another build of the third would be seeded. Returns what the
/// third and an unbuilt one print after a change, with kache and without.
fn after(
    test: &TestEnv,
    at: &str,
    before: &dyn Fn(&mut Command),
    files: &dyn Fn(&str),
    command: &dyn Fn(&mut Command),
) -> [String; 2] {
    let dirs =
        ["w", "second", "third", "fourth"].map(|place| Path::new(place).join(at).display().to_string());
    assert_success(&mut test.cargo(&dirs[0], &["generate-lockfile"]));
    ["second", "third", "fourth"].iter().for_each(|place| test.clone_checkout("w", place));
    dirs[..3].iter().for_each(|dir| _ = said(test, dir, true, before));
    fs::remove_dir_all(test.path(&dirs[2]).join("target")).unwrap();
    ["third", "fourth"].iter().for_each(|place| files(place));
    [said(test, &dirs[2], true, command), said(test, &dirs[3], false, command)]
}

fn nothing(_: &mut Command) {}

#[test]
fn a_variable_of_cargos_own_takes_precedence_over_its_configuration() {
    let test = TestEnv::new();
    package(&test, "w", "", &format!("{DECLARED} say(get(\"KNOB\"))"));
    test.write("w/.cargo/config.toml", "[env]\nKNOB = \"a\"\n");
    let knob = |command: &mut Command| _ = command.env("KNOB", "b");
    assert_eq!(after(&test, "", &nothing, &|_| (), &knob), ["b", "b"]);
}

#[test]
fn cargo_adds_to_where_the_loader_searches() {
    let test = TestEnv::new();
    package(&test, "w", "", &format!("{DECLARED} say(get(\"LD_LIBRARY_PATH\").ends_with(\"/b\"))"));
    let searched = |dir: &'static str| move |command: &mut Command| _ = command.env("LD_LIBRARY_PATH", dir);
    assert_eq!(after(&test, "", &searched("/x/a"), &|_| (), &searched("/x/b")), ["true", "true"]);
}

#[test]
fn a_configuration_above_the_checkout_means_its_own_directory() {
    let test = TestEnv::new();
    for (dir, text) in [("x", "one"), ("y", "two")] {
        package(
            &test,
            &format!("{dir}/p"),
            "",
            &format!("{DECLARED} say(fs::read_to_string(get(\"DATA\")).unwrap())"),
        );
        test.write(
            &format!("{dir}/.cargo/config.toml"),
            "[env]\nDATA = { value = \"data\", relative = true }\n",
        );
        test.write(&format!("{dir}/data"), text);
    }
    assert_success(&mut test.cargo("x/p", &["generate-lockfile"]));
    for place in ["x/second", "x/third", "y/fourth"] {
        test.clone_checkout("x/p", place);
    }
    let said = |dir: &str| said(&test, dir, true, &nothing);
    assert_eq!(["x/p", "x/second", "x/third"].map(said), ["one", "one", "one"]);
    assert_eq!(said("y/fourth"), "two");
}

#[test]
fn a_file_of_flags_may_have_others() {
    let test = TestEnv::new();
    package(&test, "w", "", &format!("{DECLARED} say(get(\"CARGO_CFG_KNOB\"))"));
    let file = test.write("flags", "--cfg\nknob=\"1\"\n");
    let flags = |command: &mut Command| {
        command.env("RUSTFLAGS", format!("@{}", file.display())).env("CARGO_BUILD_TARGET", host());
    };
    let change = |_: &str| _ = test.write("flags", "--cfg\nknob=\"2\"\n");
    assert_eq!(after(&test, "", &flags, &change, &flags), ["2", "2"]);
}

#[test]
fn a_package_inherits_from_the_workspace_that_it_names() {
    let test = TestEnv::new();
    let inherits = "workspace = \"../ws\"\nlicense.workspace = true\n";
    package(&test, "w/a", inherits, &format!("{DECLARED} say(get(\"CARGO_PKG_LICENSE\"))"));
    let workspace = |license: &str| {
        format!(
            "[workspace]\nmembers = [\"../a\"]\nresolver = \"2\"\n[workspace.package]\nlicense = \"{license}\"\n"
        )
    };
    test.write("w/ws/Cargo.toml", &workspace("MIT"));
    let change = |place: &str| _ = test.write(&format!("{place}/ws/Cargo.toml"), &workspace("GPL"));
    assert_eq!(after(&test, "ws", &nothing, &change, &nothing), ["GPL", "GPL"]);
}

#[test]
fn the_package_that_is_asked_for_is_told_so() {
    let test = TestEnv::new();
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{more}")
    };
    test.write("w/Cargo.toml", "[workspace]\nmembers = [\"l\", \"b\", \"m\"]\nresolver = \"2\"\n");
    test.write("w/m/Cargo.toml", &package("m", "[lib]\nproc-macro = true\n"));
    test.write(
        "w/m/src/lib.rs",
        "#[proc_macro] pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
         format!(\"{}\", std::env::var(\"CARGO_PRIMARY_PACKAGE\").is_ok()).parse().unwrap() }",
    );
    test.write("w/l/Cargo.toml", &package("l", "[dependencies]\nm = { path = \"../m\" }\n"));
    test.write("w/l/src/lib.rs", "pub const PRIMARY: bool = m::m!();");
    test.write("w/b/Cargo.toml", &package("b", "[dependencies]\nl = { path = \"../l\" }\n"));
    test.write("w/b/src/main.rs", "fn main() { print!(\"{}\", l::PRIMARY) }");
    assert_success(&mut test.cargo("w", &["generate-lockfile"]));
    let build = |dir: &str, manifest: &str| {
        assert_success(&mut test.cargo(dir, &["build", "--manifest-path", manifest]));
    };
    ["second", "third"].iter().for_each(|place| test.clone_checkout("w", place));
    ["w", "second", "third", "w"].iter().for_each(|dir| build(dir, "l/Cargo.toml"));
    fs::remove_dir_all(test.path("third/target")).unwrap();
    build("third", "b/Cargo.toml");
    let printed = assert_success(&mut Command::new(test.path("third/target/debug/b"))).stdout;
    assert_eq!(String::from_utf8_lossy(&printed), "false");
}

/// The record that cargo has of an earlier build does not list the module.
#[test]
fn a_target_directory_that_comes_back_has_records_of_another_build() {
    let test = TestEnv::new();
    package(&test, "w", "", &format!("{DECLARED} say(\"\")"));
    test.write("w/src/main.rs", "fn main() { print!(\"{}\", env!(\"SAID\")) }");
    assert_success(&mut test.cargo("w", &["generate-lockfile"]));
    let said = |dir: &str| said(&test, dir, true, &nothing);
    said("w");
    let (target, aside) = (test.path("w/target"), test.path("aside"));
    fs::rename(&target, &aside).unwrap();
    test.write("w/src/main.rs", "mod b; fn main() { print!(\"{}{}\", env!(\"SAID\"), b::X) }");
    test.write("w/src/b.rs", "pub const X: &str = \"one\";");
    assert_eq!(said("w"), "one");
    fs::remove_dir_all(&target).unwrap();
    fs::rename(&aside, &target).unwrap();
    fs::create_dir(test.path("third")).unwrap();
    let copied = "cp -a w/Cargo.* w/build.rs w/src third/";
    assert_success(Command::new("sh").args(["-c", copied]).current_dir(test.path("")));
    assert_eq!(said("third"), "one");
    test.write("third/src/b.rs", "pub const X: &str = \"two\";");
    assert_eq!(said("third"), "two");
}

/// cargo runs a script again over what was restored for it: without kache its directory would be empty.
#[test]
fn a_script_that_cargo_runs_all_the_same_finds_an_empty_directory() {
    let future = |test: &TestEnv, path: &str| {
        let file = fs::File::options().write(true).open(test.path(path)).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(7200)).unwrap();
    };
    for (declares, newer) in [
        ("println!(\"cargo:rerun-if-env-changed=KNOB\");", "build.rs"),
        ("println!(\"cargo:rerun-if-changed=data\");", "data/x"),
        ("println!(\"cargo:rerun-if-changed=.\");", "data/x"),
    ] {
        let test = TestEnv::new();
        package(&test, "w", "", &format!("{declares} make(); say(\"made\")"));
        test.write("w/data/x", "");
        let change = |place: &str| future(&test, &format!("{place}/{newer}"));
        assert_eq!(after(&test, "", &nothing, &change, &nothing), ["made", "made"], "{declares}");
    }
    // A package beside the workspace, whose script declares nothing.
    let test = TestEnv::new();
    package(&test, "w/p", "[dependencies]\nb = { path = \"../b\" }\n", &format!("{DECLARED} say(\"\")"));
    package(&test, "w/b", "", "make(); say(\"\")");
    fs::rename(test.path("w/b/src/main.rs"), test.path("w/b/src/lib.rs")).unwrap();
    let library = |n: u8| format!("pub const N: u8 = {n};");
    let manifest = fs::read_to_string(test.path("w/b/Cargo.toml")).unwrap().replace("\"a\"", "\"b\"");
    test.write("w/b/Cargo.toml", &manifest);
    test.write("w/b/src/lib.rs", &library(1));
    test.write("w/p/src/main.rs", "fn main() { print!(\"{}\", b::N) }");
    let change = |place: &str| _ = test.write(&format!("{place}/b/src/lib.rs"), &library(2));
    assert_eq!(after(&test, "p", &nothing, &change, &nothing), ["2", "2"]);
    assert!(test.events().iter().all(|event| event.outcome != Outcome::Error));
}

/// The platform that cargo builds for if it is told of none.
fn host() -> String {
    let version = assert_success(Command::new("rustc").arg("-vV")).stdout;
    let version = String::from_utf8(version).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_string()
}
