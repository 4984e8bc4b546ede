//! Paths of a checkout that rustc or the linker puts into outputs, that macros see, or by which files are found.

use crate::env::{LIB, TestEnv, assert_success, proc_macro};
use kache_core::events::Outcome;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ELSEWHERE: (Outcome, Outcome, Outcome) = (Outcome::Miss, Outcome::Hit, Outcome::Miss);

/// A program, linked with further arguments that name the checkout.
fn linked(test: &TestEnv, checkout: &str, args: &[&str]) -> Command {
    let dir = test.path(checkout).display().to_string();
    let mut command = test.kache_in(checkout, &["rustc", "a.rs", "--emit=dep-info,link"]);
    command.args(args.iter().map(|arg| arg.replace("DIR", &dir)));
    command
}

#[test]
fn a_path_that_a_linker_option_takes_as_its_value_is_part_of_the_program() {
    for args in [
        &["-Clink-arg=-Xlinker", "-Clink-arg=-rpath", "-Clink-arg=-Xlinker", "-Clink-arg=DIR/lib"][..],
        &["-Clink-args=-Xlinker -rpath -Xlinker DIR/lib"],
        &["-Clink-arg=-Xlinker", "-Clink-args=-rpath -Xlinker", "-Clink-arg=DIR/lib"],
        &["-Clink-arg=-Wl,-rpath,DIR/lib"],
        &[
            "-Clink-arg=-Xlinker",
            "-Clink-arg=--dynamic-linker",
            "-Clink-arg=-Xlinker",
            "-Clink-arg=DIR/ld.so",
        ],
    ] {
        let test = TestEnv::new();
        test.write("w/a.rs", "fn main() {}");
        assert_eq!(test.two_clones(|dir| linked(&test, dir, args)), ELSEWHERE, "{args:?}");
    }
}

#[test]
fn an_object_that_is_named_by_its_path_only_locates() {
    let test = TestEnv::new();
    test.write("w/a.rs", "unsafe extern \"C\" { fn one() -> i32; } fn main() { unsafe { one(); } }");
    test.write("w/one.c", "int one(void) { return 1; }");
    assert_success(Command::new("cc").current_dir(test.path("w")).args(["-c", "one.c"]));
    let args = &["-Clink-arg=-lc", "-Clink-arg=DIR/one.o", "--edition=2024"];
    let outcomes = test.two_clones(|dir| linked(&test, dir, args));
    assert_eq!(outcomes, (Outcome::Miss, Outcome::Hit, Outcome::Hit));
}

#[test]
fn a_path_that_the_linker_takes_from_an_object_is_found_in_the_program() {
    let test = TestEnv::new();
    test.write("w/a.rs", "unsafe extern \"C\" { fn one() -> i32; } fn main() { unsafe { one(); } }");
    test.write("w/one.c", "int one(void) { return 1; }");
    // A shared object without a name of its own is named by the path that the linker was given.
    let shared = ["-shared", "-fPIC", "one.c", "-o", "plugin"];
    assert_success(Command::new("cc").current_dir(test.path("w")).args(shared));
    let outcomes = test.two_clones(|dir| linked(&test, dir, &["-Clink-arg=DIR/plugin", "--edition=2024"]));
    assert_eq!(outcomes, ELSEWHERE);
}

#[test]
fn an_env_of_another_crates_macro_before_a_module_is_opened_is_literal() {
    let test = TestEnv::new();
    test.write("w/dep.rs", "#[macro_export] macro_rules! p { () => { env!(\"OUT_DIR\").len() } }");
    assert_success(Command::new("rustc").current_dir(test.path("w")).args(["--crate-type=lib", "dep.rs"]));
    test.write(
        "w/l.rs",
        "macro_rules! inc { ($x:expr) => { include!(concat!(env!(\"OUT_DIR\"), $x)); } } pub mod g { inc!(\"/g.rs\"); }",
    );
    let more = |module: &str| {
        test.write(
            "w/out/g.rs",
            &format!("pub const P: usize = dep::p!(); macro_rules! more {{ () => {{ {module} }} }} more!();"),
        );
    };
    test.write("w/out/sub.rs", "");
    for module in ["pub mod sub;", "#[path = \"sub.rs\"] pub mod other;", "include!(\"sub.rs\");"] {
        more(module);
        let _ = fs::remove_dir_all(test.path("much/longer"));
        test.clone_checkout("w", "much/longer");
        let at = |checkout: &str| {
            let mut command = test.kache_in(checkout, LIB);
            command.arg("--extern=dep=libdep.rlib").env("OUT_DIR", test.path(checkout).join("out"));
            test.outcome(&mut command)
        };
        assert_eq!((at("w"), at("w"), at("much/longer")), ELSEWHERE, "{module}");
    }
}

#[test]
fn macros_run_once_where_no_dep_info_is_requested() {
    let test = TestEnv::new();
    test.write("state/log", "");
    let log = test.path("state/log").display().to_string();
    proc_macro(
        &test,
        &format!(
            "use std::io::Write; let file = std::fs::OpenOptions::new().append(true).open({log:?});
            writeln!(file.unwrap(), \"ran\").unwrap(); std::env::var(\"LANG\").unwrap_or_default()"
        ),
    );
    let args = ["rustc", "--edition=2021", "user.rs", "--extern=m=libm.so"];
    assert_success(&mut test.kache(&args));
    assert_eq!(fs::read_to_string(log).unwrap(), "ran\n");
}

#[test]
fn an_excused_variable_counts_without_dep_info_where_a_crate_may_have_read_it() {
    let test = TestEnv::new();
    proc_macro(&test, "String::new()");
    test.write("w/user.rs", "fn main() { println!(\"{}{}\", m::m!(), env!(\"LANG\")); }");
    let in_language = |language: &str| {
        let mut command = test.kache(&["rustc", "--edition=2021", "user.rs", "--extern=m=libm.so"]);
        let outcome = test.outcome(command.env("LANG", language));
        (outcome, assert_success(&mut Command::new(test.path("w/user"))).stdout)
    };
    assert_eq!(in_language("C"), (Outcome::Miss, b"C\n".to_vec()));
    assert_eq!(in_language("C"), (Outcome::Hit, b"C\n".to_vec()));
    assert_eq!(in_language("POSIX"), (Outcome::Miss, b"POSIX\n".to_vec()));
}

#[test]
fn outputs_on_standard_output_are_the_plain_compilers() {
    let test = TestEnv::new();
    let source = test.write("w/a.rs", "pub const HERE: &str = file!(); pub fn g() -> &'static str { HERE }");
    let source = source.to_str().unwrap();
    for output in ["--emit=obj=-", "--emit=asm=-", "--emit=metadata=-", "-o-"] {
        let args = ["rustc", "--crate-type=lib", "-g", output, source];
        let plain = assert_success(Command::new("rustc").current_dir(test.path("w")).args(&args[1..])).stdout;
        let ours = assert_success(&mut test.kache(&args)).stdout;
        assert!(!plain.is_empty() && plain == ours, "{output}");
        assert_eq!(test.last().reason_word(), Some("odd-output"));
    }
}

/// As the build script of `rustix` tests what rustc accepts.
#[test]
fn metadata_of_a_source_on_standard_input_may_go_to_the_null_device() {
    let test = TestEnv::new();
    let args = ["rustc", "-Cdebuginfo=2", "--crate-type=rlib", "--emit=metadata", "-o", "-", "-"];
    let tried = |place: &str, text: &str, stdout: Stdio| {
        let dir = test.path(place);
        fs::create_dir_all(&dir).unwrap();
        let source = fs::File::open(test.write("source", text)).unwrap();
        let mut command = test.kache(&args);
        let output = command.current_dir(&dir).stdin(source).stdout(stdout).output().unwrap();
        assert!(fs::read_dir(&dir).unwrap().next().is_none());
        (output.status.success(), test.last().outcome, output.stdout)
    };
    let (good, bad) = ("pub const HERE: &str = file!();", "pub fn f() -> u8 { }");
    assert_eq!(tried("one", good, Stdio::null()), (true, Outcome::Miss, vec![]));
    assert_eq!(tried("one", good, Stdio::null()), (true, Outcome::Hit, vec![]));
    assert_eq!(tried("two/deeper", good, Stdio::null()), (true, Outcome::Hit, vec![]));
    assert_eq!(tried("one", bad, Stdio::null()), (false, Outcome::Miss, vec![]));
    let (_, outcome, printed) = tried("one", good, Stdio::piped());
    assert!(outcome == Outcome::Passthrough && !printed.is_empty());
}

#[test]
fn an_output_with_a_further_name_is_written_into() {
    let test = TestEnv::new();
    test.write("w/a.rs", "pub fn f() {}");
    let args = ["rustc", "--crate-type=lib", "--emit=asm", "a.rs", "-o", "a.s"];
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    let (output, other) = (test.write("w/a.s", ""), test.path("w/b.s"));
    fs::hard_link(&output, &other).unwrap();
    assert_eq!(test.refusal(&mut test.kache(&args)), "odd-output");
    let ids = |path: &Path| fs::metadata(path).map(|m| (m.ino(), m.len())).unwrap();
    assert!(ids(&output) == ids(&other) && ids(&other).1 > 0);
}

#[test]
fn a_target_directory_that_is_a_link_keeps_results() {
    let test = TestEnv::new();
    test.write("w/a.rs", "fn main() {}");
    fs::create_dir_all(test.path("disk/deps")).unwrap();
    std::os::unix::fs::symlink(test.path("disk"), test.path("w/target")).unwrap();
    let dir = test.path("w/target").display().to_string();
    let build = || {
        let _ = fs::remove_dir_all(test.path("disk/incremental"));
        let mut command = test.kache(&["rustc", "a.rs", "--emit=dep-info,link"]);
        command.args([format!("--out-dir={dir}/deps"), format!("-Cincremental={dir}/incremental")]);
        test.outcome(&mut command)
    };
    assert_eq!((build(), build()), (Outcome::Miss, Outcome::Hit));
}

/// The installation of the compiler that tests use.
fn installation() -> PathBuf {
    let out = assert_success(Command::new("rustc").args(["--print", "sysroot"])).stdout;
    PathBuf::from(String::from_utf8(out).unwrap().trim())
}

/// A program `bin/rustc` in the checkout: a script with this text.
fn shim(test: &TestEnv, script: &str) {
    let path = test.write("w/bin/rustc", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_shim_counts_by_the_compiler_that_it_becomes_and_by_what_it_reads() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub const N: u8 = if cfg!(more) { 2 } else { 1 };");
    let one = installation();
    shim(&test, "read tool <.tool && exec \"$tool/bin/rustc\" $MORE \"$@\"");
    let compile = |ending: &str, more: &str| {
        test.write("w/.tool", &format!("{}{ending}\n", one.display()));
        let args = [&["bin/rustc"], &LIB[1..]].concat();
        test.outcome(test.kache(&args).env("MORE", more))
    };
    assert_eq!((compile("", ""), compile("", "")), (Outcome::Miss, Outcome::Hit));
    assert_eq!(compile("", "--cfg=more"), Outcome::Miss);
    assert_eq!(compile("", ""), Outcome::Hit);
    assert_eq!(compile("/.", ""), Outcome::Miss, "the shim reads another text");
    let real = one.join("bin/rustc").display().to_string();
    let direct = [&[real.as_str()], &LIB[1..]].concat();
    assert_eq!(test.outcome(&mut test.kache(&direct)), Outcome::Miss, "called without the shim");
}

#[test]
fn a_shim_that_starts_the_compiler_as_a_child_is_not_cached() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    shim(&test, &format!("'{}/bin/rustc' \"$@\"; exit $?", installation().display()));
    let args = [&["bin/rustc"], &LIB[1..]].concat();
    assert_eq!(test.refusal(&mut test.kache(&args)), "unknown-compiler");
}

#[test]
fn a_crate_sees_the_variables_of_rustups_proxy() {
    let test = TestEnv::new();
    let proxy = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin/rustc"));
    let Some(proxy) = proxy.filter(|proxy| proxy.with_file_name("rustup").is_file()) else {
        crate::tools::missing("rustup", "install rustup");
        return;
    };
    let names = [
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_TOOLCHAIN_SOURCE",
        "RUSTUP_HOME",
        "CARGO_HOME",
        "RUST_RECURSION_COUNT",
        "PATH",
    ];
    let seen: Vec<String> = names.iter().map(|name| format!("option_env!(\"{name}\")")).collect();
    test.write("w/user.rs", &format!("fn main() {{ println!(\"{{:?}}\", [{}]); }}", seen.join(", ")));
    let args = [proxy.to_str().unwrap(), "--edition=2021", "user.rs", "--emit=dep-info,link"];
    let clear = |command: &mut Command| {
        for name in &names[..5] {
            command.env_remove(name);
        }
        assert_success(command);
        assert_success(&mut Command::new(test.path("w/user"))).stdout
    };
    let plain = clear(Command::new(args[0]).current_dir(test.path("w")).args(&args[1..]));
    assert_eq!(clear(&mut test.kache(&args)), plain);
    assert_eq!(clear(&mut test.kache(&args)), plain);
    assert_eq!(test.last().outcome, Outcome::Hit);
}

#[test]
fn a_macro_that_looks_for_its_source_finds_it_and_its_result_is_kept() {
    let bodies = [
        "std::path::Path::new(&proc_macro::Span::call_site().file()).exists().to_string()",
        "proc_macro::Span::call_site().file().starts_with('/').then(|| \"true\".to_string()).unwrap()",
    ];
    for body in bodies {
        let test = TestEnv::new();
        proc_macro(&test, body);
        let source = test.write("w/sub/l.rs", "pub const T: &str = m::m!(); pub const HERE: &str = file!();");
        let compile = || {
            let _ = fs::remove_dir_all(test.path("w/state"));
            let mut command = test.kache_in("w/sub", &["rustc", "--crate-type=lib", "--edition=2021"]);
            command.args([
                "--emit=dep-info,metadata,link",
                "--extern=m=../libm.so",
                "-Cincremental=../state",
            ]);
            command.args(["--error-format=json", "--json=artifacts"]).arg(&source);
            let outcome = test.outcome(&mut command);
            let text = String::from_utf8(assert_success(&mut command).stderr).unwrap();
            (outcome, text.lines().filter(|line| line.ends_with("\"emit\":\"metadata\"}")).count())
        };
        assert_eq!(compile(), (Outcome::Miss, 1), "{body}");
        assert_eq!(compile(), (Outcome::Hit, 1), "{body}");
        test.write("w/sub/main.rs", "fn main() { println!(\"{}\", l::T); }");
        let args = ["--edition=2021", "main.rs", "--extern=l=libl.rlib", "-L.."];
        assert_success(Command::new("rustc").current_dir(test.path("w/sub")).args(args));
        assert_eq!(assert_success(&mut Command::new(test.path("w/sub/main"))).stdout, b"true\n");
    }
}

/// rustc makes the path of a crate real before it opens the file.
#[test]
fn a_crate_by_a_relative_name_that_leads_back() {
    for name in ["foo=../one/lib/libfoo.rlib", "foo=lib/../../one/lib/libfoo.rlib"] {
        let test = TestEnv::new();
        let library = |value: &str| {
            test.write("one/lib/foo.rs", &format!("pub const V: u8 = {value};"));
            let words = ["--crate-type=lib", "foo.rs"];
            assert_success(Command::new("rustc").current_dir(test.path("one/lib")).args(words));
        };
        library("1");
        for dir in ["one", "two"] {
            test.write(&format!("{dir}/.git/x"), "");
            test.write(&format!("{dir}/a.rs"), "extern crate foo; pub static V: u8 = foo::V;");
        }
        test.write("two/lib/x", "");
        fs::copy(test.path("one/lib/libfoo.rlib"), test.path("two/lib/libfoo.rlib")).unwrap();
        let words = ["rustc", "a.rs", "--crate-type=lib", "--emit=obj", "--extern", name];
        assert_success(&mut test.kache_in("one", &words));
        library("2");
        assert_success(&mut test.kache_in("two", &words));
        let made = fs::read(test.path("two/a.o")).unwrap();
        assert_success(test.kache_in("two", &words).env("KACHE_READ", "0"));
        assert!(made == fs::read(test.path("two/a.o")).unwrap(), "{name}");
    }
}

#[test]
fn a_crate_by_way_of_a_link_that_is_turned() {
    let test = TestEnv::new();
    for (dir, value) in [("one", 1), ("two", 2)] {
        test.write(&format!("w/{dir}/foo.rs"), &format!("pub const V: u8 = {value};"));
        let words = ["--crate-type=lib", "foo.rs"];
        assert_success(Command::new("rustc").current_dir(test.path("w").join(dir)).args(words));
    }
    test.write("w/a.rs", "extern crate foo; pub static V: u8 = foo::V;");
    for by in [&["--extern", "foo=dep/libfoo.rlib"][..], &["-L", "dep"]] {
        let words = [&["rustc", "a.rs", "--crate-type=lib", "--emit=obj"], by].concat();
        let compile = |to: &str| {
            _ = fs::remove_file(test.path("w/dep"));
            std::os::unix::fs::symlink(to, test.path("w/dep")).unwrap();
            assert_success(&mut test.kache_in("w", &words));
            (test.last().outcome, fs::read(test.path("w/a.o")).unwrap())
        };
        let (one, two, again) = (compile("one"), compile("two"), compile("one"));
        assert_eq!((one.0, two.0, again.0), (Outcome::Miss, Outcome::Miss, Outcome::Hit), "{by:?}");
        assert!(one.1 != two.1 && one.1 == again.1, "{by:?}");
    }
}
