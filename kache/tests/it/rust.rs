//! The wrapper, through the real rustc: what must be compiled anew, and what must be restored.

use crate::env::{LIB, TestEnv, assert_success, proc_macro};
use crate::tools::missing;
use kache_core::events::{self, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_module_may_come_to_be_elsewhere() {
    let test = TestEnv::new();
    test.write("w/l.rs", "mod a; pub use a::F;");
    test.write("w/a.rs", "pub const F: u8 = 1;");
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Hit);
    fs::create_dir(test.path("w/a")).unwrap();
    fs::rename(test.path("w/a.rs"), test.path("w/a/mod.rs")).unwrap();
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss);
    // Both at once is an error, and the compiler's own.
    test.write("w/a.rs", "pub const F: u8 = 1;");
    let out = test.kache(LIB).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("E0761"));
    assert_eq!(test.last().reason_word(), Some("failed"));
}

#[test]
fn a_path_in_env_is_literal_unless_it_only_includes() {
    let cases = [
        (r#"include!(concat!(env!("OUT_DIR"), "/g.rs"));"#, Outcome::Hit),
        (
            r#"include!(concat!(env!("OUT_DIR"), "/g.rs")); pub const L: usize = env!("OUT_DIR").len();"#,
            Outcome::Miss,
        ),
        (r#"pub const L: Option<&str> = option_env!("OUT_DIR"); "#, Outcome::Miss),
        (r#"pub const L: &str = concat!(env!("OUT_DIR"), "/g.rs"); "#, Outcome::Miss),
        (
            r#"macro_rules! e { ($n:literal) => { env!($n) } } pub const L: &str = e!("OUT_DIR");"#,
            Outcome::Miss,
        ),
        (r#"pub const L: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/g.rs"));"#, Outcome::Hit),
        (
            r#"include!(concat!(env!("OUT_DIR"), "/g.rs")); pub static B: &[u8] = include_bytes!("data");"#,
            Outcome::Hit,
        ),
    ];
    for (source, elsewhere) in cases {
        let test = TestEnv::new();
        for dir in ["w", "very/much/longer"] {
            fs::create_dir_all(test.path(dir).join(".git")).unwrap();
            test.write(&format!("{dir}/l.rs"), source);
            test.write(&format!("{dir}/out/g.rs"), "pub const G: &str = file!();");
            fs::write(test.path(dir).join("data"), b"\xff\"\xfe").unwrap();
        }
        let at = |dir: &str| {
            let mut c = test.kache_in(dir, LIB);
            c.env("OUT_DIR", test.path(dir).join("out"));
            (test.outcome(&mut c), fs::read(test.path(dir).join("libl.rlib")).unwrap())
        };
        assert_eq!(at("w").0, Outcome::Miss);
        assert_eq!(at("w").0, Outcome::Hit);
        let (outcome, restored) = at("very/much/longer");
        assert_eq!(outcome, elsewhere, "{source}");
        let mut fresh = test.kache_in("very/much/longer", LIB);
        assert_success(fresh.env("OUT_DIR", test.path("very/much/longer/out")).env("KACHE_READ", "0"));
        assert_eq!(fs::read(test.path("very/much/longer/libl.rlib")).unwrap(), restored, "{source}");
    }
}

#[test]
fn an_env_written_by_a_macro_of_another_crate_is_literal() {
    let test = TestEnv::new();
    proc_macro(&test, "String::new()");
    let source = "extern crate proc_macro; use proc_macro::TokenStream;\n\
        #[proc_macro] pub fn m(_: TokenStream) -> TokenStream { \"env!(concat!(\\\"OUT\\\", \\\"_DIR\\\")).len()\".parse().unwrap() }";
    test.write("w/m.rs", source);
    assert_success(Command::new("rustc").current_dir(test.path("w")).args([
        "--crate-type=proc-macro",
        "--edition=2021",
        "m.rs",
    ]));
    test.write("w/l.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\")); pub const L: usize = m::m!();");
    test.write("w/out/g.rs", "");
    let outcomes = test.two_clones(|dir| test.with_macro(dir));
    assert_eq!(outcomes, (Outcome::Miss, Outcome::Hit, Outcome::Miss));
}

#[test]
fn another_checkout_gets_its_own_dep_info_and_diagnostics() {
    let test = TestEnv::new();
    for dir in ["w", "b/c"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(&format!("{dir}/l.rs"), "pub fn f() { let unused = 1; }");
    }
    let run = |dir: &str, read: &str| {
        let mut args = LIB.to_vec();
        let (input, out) = (test.path(dir).join("l.rs"), test.path(dir).join("out"));
        args[4] = input.to_str().unwrap();
        fs::create_dir_all(&out).unwrap();
        let out_dir = format!("--out-dir={}", out.display());
        args.extend([
            &*out_dir,
            "--error-format=json",
            "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
        ]);
        let done = assert_success(test.kache_in(dir, &args).env("KACHE_READ", read));
        (done.stderr, fs::read(out.join("l.d")).unwrap())
    };
    run("w", "1");
    let restored = run("b/c", "1");
    assert_eq!(test.last().outcome, Outcome::Hit);
    let compiled = run("b/c", "0");
    assert_eq!(test.last().outcome, Outcome::Miss);
    assert_eq!(String::from_utf8_lossy(&restored.0), String::from_utf8_lossy(&compiled.0));
    assert_eq!(restored.1, compiled.1);
    let text = String::from_utf8(restored.0).unwrap();
    assert!(text.contains("unused") && text.contains(test.path("b/c/l.rs").to_str().unwrap()));
    assert!(text.contains("\"artifact\""));
}

#[test]
fn how_diagnostics_look_counts_only_where_there_are_any() {
    for (source, second) in
        [("pub fn f() {}", Outcome::Hit), ("pub fn f() { let unused = 1; }", Outcome::Miss)]
    {
        let test = TestEnv::new();
        test.write("w/l.rs", source);
        let with = |width: &str| {
            let mut args = LIB.to_vec();
            args.extend(["--error-format=json", "--json=artifacts", width]);
            test.outcome(&mut test.kache(&args))
        };
        assert_eq!(with("--diagnostic-width=80"), Outcome::Miss);
        assert_eq!(with("--diagnostic-width=100"), second, "{source}");
        assert_eq!(with("--diagnostic-width=80"), Outcome::Hit);
    }
}

#[test]
fn what_does_not_matter_hits() {
    let test = TestEnv::new();
    test.write("w/user.rs", "fn main() {}");
    let args = ["rustc", "--crate-name=user", "user.rs", "--emit=dep-info,link"];
    let gcc = test.path("elsewhere/gcc");
    fs::create_dir_all(gcc.parent().unwrap()).unwrap();
    let real = assert_success(Command::new("sh").args(["-c", "readlink -f $(command -v cc)"])).stdout;
    std::os::unix::fs::symlink(String::from_utf8(real).unwrap().trim(), &gcc).unwrap();
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    let tmp = test.path("tmp");
    fs::create_dir(&tmp).unwrap();
    for (name, value) in [
        ("TERM", "vt100"),
        ("HOME", "/nonexistent"),
        ("TMPDIR", tmp.to_str().unwrap()),
        ("LANG", "de_DE.UTF-8"),
        ("LC_ALL", "C"),
        ("CARGO_MAKEFLAGS", "-j7"),
        ("CI", "1"),
        ("COLUMNS", "40"),
        ("UNRELATED", "x"),
    ] {
        let mut c = test.kache(&args);
        // HOME decides where rustup looks.
        if let Some(home) = std::env::var_os("HOME") {
            c.env("RUSTUP_HOME", Path::new(&home).join(".rustup"))
                .env("CARGO_HOME", Path::new(&home).join(".cargo"));
        }
        assert_eq!(test.outcome(c.env(name, value)), Outcome::Hit, "{name}");
    }
    let linker = format!("-Clinker={}", gcc.display());
    let mut more = args.to_vec();
    more.push(&linker);
    assert_eq!(test.outcome(&mut test.kache(&more)), Outcome::Hit, "{}", test.trace());
}

/// What is removed by its directory's descriptor is seen by its real name, whatever the directory was called.
#[test]
fn an_output_directory_by_another_name() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    test.write("real/deps/x", "");
    std::os::unix::fs::symlink("../real", test.path("w/link")).unwrap();
    for dir in ["../real/deps".into(), test.path("w/../real/deps"), test.path("w/link/deps")] {
        let out = format!("--out-dir={}", dir.display());
        let args = [LIB, &[&out]].concat();
        assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss, "{out}");
        fs::remove_file(test.path("real/deps/libl.rlib")).unwrap();
        assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit, "{out}");
        assert!(test.path("real/deps/libl.rlib").exists());
    }
}

#[test]
fn another_linker_is_another_input() {
    let test = TestEnv::new();
    test.write("w/user.rs", "fn main() {}");
    let script = |text: &str| {
        let path = test.write("tools/gcc", &format!("#!/bin/sh\n# {text}\nexec cc \"$@\"\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        format!("-Clinker={}", path.display())
    };
    let linker = script("one");
    let args = ["rustc", "--crate-name=user", "user.rs", "--emit=dep-info,link", &linker];
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    script("two");
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
}

/// Mozilla's build links through such a script. It could paste any variable into the program; only its user can say that it does not.
#[test]
fn a_linker_script_that_is_said_to_use_paths_only_to_find_files() {
    let at = |test: &TestEnv, dir: &str, path_only: &str, flags: &str| {
        let script = test.path(dir).join("build/wrap-linker");
        let linker = format!("-Clinker={}", script.display());
        let args = ["rustc", "--crate-name=user", "user.rs", "--emit=dep-info,link", &linker];
        let mut c = test.kache_in(dir, &args);
        c.env("WRAP_FLAGS", format!("{flags} -L{}", test.path(dir).join("libs").display()));
        test.outcome(c.env("KACHE_PATH_ONLY_MACROS", path_only))
    };
    for (path_only, elsewhere) in [("", Outcome::Miss), ("wrap-linker", Outcome::Hit)] {
        let test = TestEnv::new();
        test.write("w/user.rs", "fn main() {}");
        test.write("w/libs/x", "");
        let script = test.write("w/build/wrap-linker", "#!/bin/sh\neval cc $WRAP_FLAGS '\"$@\"'\n");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        test.clone_checkout("w", "another");
        assert_eq!(at(&test, "w", path_only, ""), Outcome::Miss);
        assert_eq!(at(&test, "w", path_only, ""), Outcome::Hit, "{path_only}");
        assert_eq!(at(&test, "another", path_only, ""), elsewhere, "{path_only}: {}", test.trace());
        assert_eq!(at(&test, "w", path_only, "-s"), Outcome::Miss, "{path_only}: a variable changed");
    }
}

#[test]
fn what_the_linker_reads_counts() {
    let test = TestEnv::new();
    test.write(
        "w/user.rs",
        "unsafe extern \"C\" { safe fn f() -> i32; } fn main() { println!(\"{}\", f()); }",
    );
    let object = |n: u8| {
        test.write("w/f.c", &format!("int f(void) {{ return {n}; }}"));
        assert_success(Command::new("cc").current_dir(test.path("w")).args(["-c", "f.c", "-o", "f.o"]));
    };
    object(1);
    let args =
        ["rustc", "--crate-name=user", "--edition=2024", "user.rs", "--emit=dep-info,link", "-Clink-arg=f.o"];
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    object(2);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(assert_success(&mut Command::new(test.path("w/user"))).stdout, b"2\n");
    let mut more = args.to_vec();
    more.push("-Clink-arg=-fuse-ld=bfd");
    assert_eq!(test.outcome(&mut test.kache(&more)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&more)), Outcome::Hit);
    assert_eq!(test.outcome(test.kache(&more).env("LD_RUN_PATH", "/opt/x")), Outcome::Miss);
}

#[test]
fn a_crate_found_by_search_counts() {
    let test = TestEnv::new();
    let dep = |dir: &str, n: u8| {
        test.write("w/dep.rs", &format!("pub const N: u8 = {n};"));
        fs::create_dir_all(test.path("w").join(dir)).unwrap();
        let out = format!("--out-dir={dir}");
        assert_success(Command::new("rustc").current_dir(test.path("w")).args([
            "--crate-type=lib",
            "dep.rs",
            &out,
        ]));
    };
    dep("late", 1);
    fs::create_dir_all(test.path("w/early")).unwrap();
    test.write("w/l.rs", "pub use dep::N;");
    let mut args = LIB.to_vec();
    args.extend(["-L", "early", "-Llate", "--extern", "dep"]);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    fs::create_dir_all(test.path("w/same")).unwrap();
    let mut same = LIB.to_vec();
    same.extend(["-L", "same", "--out-dir", "same", "-Llate", "--extern", "dep"]);
    assert_eq!(test.outcome(&mut test.kache(&same)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&same)), Outcome::Hit);
    dep("same", 2);
    let out = test.kache(&same).output().unwrap();
    assert!(
        !out.status.success() || test.last().outcome == Outcome::Miss,
        "a crate beside the output was not seen"
    );
    dep("early", 2);
    let out = test.kache(&args).output().unwrap();
    assert!(
        !out.status.success() || test.last().outcome == Outcome::Miss,
        "a crate that came first was not seen"
    );
}

#[test]
fn incremental_state_is_not_stored_and_a_first_compile_is() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() -> u8 { 1 }");
    let mut args = LIB.to_vec();
    args.extend(["-C", "incremental=inc"]);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    test.write("w/l.rs", "pub fn f() -> u8 { 2 }");
    assert_eq!(test.refusal(&mut test.kache(&args)), "incremental");
    fs::remove_dir_all(test.path("w/inc")).unwrap();
    fs::remove_file(test.path("w/l.d")).unwrap();
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss, "without is another thing");
}

#[test]
fn response_files_and_spellings() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss);
    test.write("w/args", &(LIB[1..].join("\n") + "\n"));
    assert_eq!(test.outcome(&mut test.kache(&["rustc", "@args"])), Outcome::Hit);
    test.write("w/args", &(LIB[1..].join("\n") + "\n--cfg=x\n"));
    assert_eq!(test.outcome(&mut test.kache(&["rustc", "@args"])), Outcome::Miss);
}

#[test]
fn an_environment_variable_of_the_compiler_counts() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub const H: &str = env!(\"HOME\");");
    // Without dep-info, to be sure that a variable which rustc reads for itself as well is not excused.
    let args = ["rustc", "--crate-name=l", "--crate-type=lib", "l.rs"];
    let with = |home: &str| {
        let real = std::env::var("HOME").unwrap();
        let mut c = test.kache(&args);
        c.env("RUSTUP_HOME", format!("{real}/.rustup"))
            .env("CARGO_HOME", format!("{real}/.cargo"))
            .env("HOME", home);
        test.outcome(&mut c)
    };
    assert_eq!((with("/a"), with("/a"), with("/b")), (Outcome::Miss, Outcome::Hit, Outcome::Miss));
    test.write("w/l.rs", "#![feature(never_type)] pub fn f() {}");
    assert_success(test.kache(&args).env("RUSTC_BOOTSTRAP", "1"));
    let out = test.kache(&args).output().unwrap();
    assert!(!out.status.success(), "a stable compiler refuses features");
}

#[test]
fn a_call_without_dep_info_makes_the_plain_compilers_crate() {
    // What rustc emits goes into the crate's hash: a dep-info asked for beside would make another crate.
    for spelling in
        [&["--crate-name=l"][..], &["--crate-name=l", "--emit", "link", "-o", "out.rlib", "-Copt-level=1"]]
    {
        let test = TestEnv::new();
        test.write("w/l.rs", "pub const H: &str = env!(\"GREETING\");");
        let made = test.path("w").join(if spelling.len() > 1 { "out.rlib" } else { "libl.rlib" });
        // The caller's own mapping is the last word, so that both write the same paths.
        let map = format!("--remap-path-prefix={}=/test", test.dir.path().display());
        let args = [&["rustc", "--crate-type=lib", "l.rs", &map][..], spelling].concat();
        let mut plain = Command::new("rustc");
        plain.args(&args[1..]).env("GREETING", "hello").current_dir(test.path("w"));
        assert_success(&mut plain);
        let expected = fs::read(&made).unwrap();
        let with = |greeting: &str| {
            fs::remove_file(&made).unwrap();
            let outcome = test.outcome(test.kache(&args).env("GREETING", greeting));
            (outcome, fs::read(&made).unwrap() == expected)
        };
        assert_eq!(with("hello"), (Outcome::Miss, true));
        assert_eq!(with("hello"), (Outcome::Hit, true));
        assert_eq!(with("goodbye"), (Outcome::Miss, false), "{args:?}");
        assert!(!test.path("w/l.d").exists() && !test.path("w/out.d").exists());
    }
}

#[test]
fn a_target_specification_counts_by_its_contents() {
    let test = TestEnv::new();
    let mut ask = Command::new("rustc");
    ask.args(["-Zunstable-options", "--print=target-spec-json"]).env("RUSTC_BOOTSTRAP", "1");
    let spec = String::from_utf8(assert_success(&mut ask).stdout).unwrap();
    test.write("w/t.json", &spec);
    test.write("w/l.rs", "#![feature(no_core)]\n#![no_core]\npub type T = u8;");
    let compile = || {
        let mut c = test.kache(&["rustc", "--crate-name=l", "--crate-type=lib", "--edition=2021", "l.rs"]);
        c.args(["--emit=dep-info,metadata", "--target=t.json", "-Zunstable-options"])
            .env("RUSTC_BOOTSTRAP", "1");
        test.outcome(&mut c)
    };
    assert_eq!((compile(), compile()), (Outcome::Miss, Outcome::Hit));
    test.write("w/t.json", &(spec + "\n"));
    assert_eq!(compile(), Outcome::Miss);
}

#[test]
fn every_kind_of_crate_is_cached() {
    for kind in ["lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro", "bin", "test"] {
        let test = TestEnv::new();
        test.write("w/k.rs", "#[allow(dead_code)] fn main() {}");
        fs::create_dir(test.path("w/o")).unwrap();
        let kind = if kind == "test" { "--test".to_string() } else { format!("--crate-type={kind}") };
        let args = ["rustc", "--crate-name=k", &kind, "k.rs", "--out-dir=o", "--emit=dep-info,link", "-g"];
        assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss, "{kind}");
        let made = contents(&test.path("w/o"));
        fs::remove_dir_all(test.path("w/o")).unwrap();
        assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit, "{kind}");
        assert!(contents(&test.path("w/o")) == made, "{kind}");
    }
}

fn contents(dir: &Path) -> Vec<(String, bool, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| {
            let path = e.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                mode & 0o111 != 0,
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn questions_are_answered_without_the_compiler() {
    let test = TestEnv::new();
    let ask = |args: &[&str]| assert_success(&mut test.kache(args)).stdout;
    for args in [
        &["rustc", "-vV"][..],
        &["rustc", "--print=sysroot"],
        &["rustc", "-", "--crate-name=___", "--print=cfg"],
    ] {
        let first = ask(args);
        assert_eq!(test.last().outcome, Outcome::Miss);
        assert_eq!(ask(args), first);
        let event = test.last();
        assert_eq!((event.outcome, event.kind), (Outcome::Hit, events::Kind::Probe));
        assert_eq!(
            Command::new("rustc").args(&args[1..]).stdin(Stdio::null()).output().unwrap().stdout,
            first
        );
    }
}

/// A build script's trial compile hands its source over so.
#[test]
fn a_source_on_standard_input_counts_by_its_text() {
    let test = TestEnv::new();
    let outcome = |source: &str| {
        let source = test.write("source", source);
        let mut compile =
            test.kache(&["rustc", "--crate-name=s", "--crate-type=lib", "--emit=metadata", "-"]);
        test.outcome(compile.stdin(fs::File::open(source).unwrap()))
    };
    assert_eq!(outcome("pub fn f() {}"), Outcome::Miss);
    assert_eq!(outcome("pub fn f() {}"), Outcome::Hit);
    assert_eq!(outcome("pub fn g() {}"), Outcome::Miss);
    assert_eq!(outcome("pub const P: &str = env!(\"PATH\");"), Outcome::Miss);
    let source = test.write("source", "pub const P: &str = env!(\"PATH\");");
    let mut compile = test.kache(&["rustc", "--crate-name=s", "--crate-type=lib", "--emit=metadata", "-"]);
    let path = format!("{}:/elsewhere", std::env::var("PATH").unwrap());
    compile.stdin(fs::File::open(source).unwrap()).env("PATH", path);
    assert_eq!(
        test.outcome(&mut compile),
        Outcome::Miss,
        "a variable of the compiler's own that the source reads"
    );
}

#[test]
fn two_builds_compile_a_unit_once() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() -> u8 { 1 }");
    let mut dirs: Vec<String> = Vec::new();
    for i in 0..6 {
        let dir = format!("c{i}");
        fs::create_dir_all(test.path(&dir).join(".git")).unwrap();
        fs::copy(test.path("w/l.rs"), test.path(&dir).join("l.rs")).unwrap();
        dirs.push(dir);
    }
    let running: Vec<_> =
        dirs.iter().map(|d| test.kache_in(d, LIB).stderr(Stdio::null()).spawn().unwrap()).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let events = test.events();
    let misses = events.iter().filter(|e| e.outcome == Outcome::Miss).count();
    assert_eq!((misses, events.len()), (1, 6));
}

#[test]
fn clippy_is_cached_with_its_configuration() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f(a: u8, b: u8, c: u8) -> u8 { a + b + c }");
    let has = Command::new("clippy-driver").arg("--version").output().is_ok_and(|o| o.status.success());
    if !has {
        missing("clippy-driver", "rustup component add clippy");
        return;
    }
    let args =
        ["clippy-driver", "rustc", "--crate-name=l", "--crate-type=lib", "l.rs", "--emit=dep-info,metadata"];
    let run = |test: &TestEnv| {
        let mut c = test.kache(&args);
        c.env("CARGO_MANIFEST_DIR", test.path("w"))
            .env("CLIPPY_ARGS", "-Wclippy::too_many_arguments__CLIPPY_HACKERY__");
        let text = String::from_utf8(assert_success(&mut c).stderr).unwrap();
        (test.last().outcome, text.contains("too many arguments"))
    };
    assert_eq!(run(&test), (Outcome::Miss, false));
    assert_eq!(run(&test), (Outcome::Hit, false));
    test.write("w/clippy.toml", "too-many-arguments-threshold = 2\n");
    assert_eq!(run(&test), (Outcome::Miss, true));
    assert_eq!(run(&test), (Outcome::Hit, true));
    assert_eq!(test.last().unit.family, "clippy");
}
