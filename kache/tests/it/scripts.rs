//! Runs of cargo's build scripts: what is restored, what counts, and what is left alone. Through real cargo.

use crate::env::{TestEnv, assert_success};
use kache_core::events::{Confirmation, Event, Outcome};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package `p` in the checkout `w` with a build script, whose program prints what the script has put into `OUT_DIR/said`.
pub(crate) fn package(test: &TestEnv, script: &str) {
    test.write(
        "w/Cargo.toml",
        "[package]\nname = \"p\"\nversion = \"1.2.3\"\nedition = \"2021\"\n[workspace]\n",
    );
    test.write(
        "w/src/main.rs",
        "fn main() { print!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/said\"))) }",
    );
    let source = format!(
        "use std::{{env, fs, path::Path, process::Command}};\n\
         fn say(text: impl AsRef<[u8]>) {{ fs::write(out().join(\"said\"), text).unwrap() }}\n\
         fn out() -> std::path::PathBuf {{ env::var_os(\"OUT_DIR\").unwrap().into() }}\n\
         #[allow(unused)] fn run(program: &str, args: &[&str]) -> String {{\n\
             let out = Command::new(program).args(args).output().unwrap();\n\
             assert!(out.status.success(), \"{{out:?}}\"); String::from_utf8(out.stdout).unwrap() }}\n\
         #[allow(unused)] fn exists(path: &str) -> bool {{ Path::new(path).exists() }}\n\
         fn main() {{ {script} }}"
    );
    test.write("w/build.rs", &source);
}

/// cargo's build of a checkout with kache as the wrapper.
fn cargo(test: &TestEnv, checkout: &str) -> Command {
    test.cargo(checkout, &["build"])
}

/// What a build from an empty target directory prints by its program, and the event of the script's run.
pub(crate) fn build(test: &TestEnv, checkout: &str, knob: &str) -> (String, Event) {
    build_with(test, checkout, &[("KNOB", knob)])
}

/// The same, with further variables.
fn build_with(test: &TestEnv, checkout: &str, variables: &[(&str, &str)]) -> (String, Event) {
    let _ = fs::remove_dir_all(test.path(checkout).join("target"));
    assert_success(cargo(test, checkout).envs(variables.iter().copied()));
    let said = assert_success(&mut Command::new(test.path(checkout).join("target/debug/p"))).stdout;
    let mut scripts = test.events();
    scripts.retain(|event| event.unit.kind == "script");
    (String::from_utf8(said).unwrap(), scripts.pop().expect("the script handed over to kache"))
}

fn outcome((said, event): (String, Event)) -> (String, Outcome) {
    assert!(
        event.outcome != Outcome::Miss || event.stored,
        "not stored: {:?} {:?}",
        event.reason,
        event.detail
    );
    (said, event.outcome)
}

/// A script whose run is stored, restored in the emptied tree, and made again after a change.
fn undeclared(
    script: &str,
    prepare: impl Fn(&TestEnv),
    change: impl Fn(&TestEnv) -> &'static str,
    said: [&str; 2],
) {
    let test = TestEnv::new();
    package(&test, script);
    prepare(&test);
    assert_eq!(outcome(build(&test, "w", "1")), (said[0].to_string(), Outcome::Miss));
    assert_eq!(outcome(build(&test, "w", "1")), (said[0].to_string(), Outcome::Hit));
    let knob = change(&test);
    assert_eq!(outcome(build(&test, "w", knob)), (said[1].to_string(), Outcome::Miss), "a false hit");
}

pub(crate) fn executable(test: &TestEnv, name: &str, text: &str) {
    let file = test.write(name, text);
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_variable_that_is_not_declared() {
    undeclared(r#"say(env::var("KNOB").unwrap())"#, |_| {}, |_| "2", ["1", "2"]);
}

/// The `cc` crate copies all variables as it begins. Those of the caller's session do not count then.
#[test]
fn variables_that_the_cc_crate_copies() {
    let (test, copy) = (TestEnv::new(), "pub struct EnvSnapshot(Vec<(OsString, OsString)>);");
    package(&test, r#"say(cc::build_env::EnvSnapshot::capture().get("KNOB").unwrap().as_encoded_bytes())"#);
    let manifest = fs::read_to_string(test.path("w/Cargo.toml")).unwrap();
    test.write("w/Cargo.toml", &format!("{manifest}[build-dependencies]\ncc = {{ path = \"cc\" }}\n"));
    test.write("w/cc/Cargo.toml", "[package]\nname = \"cc\"\nversion = \"1.11.3\"\nedition = \"2021\"\n");
    let source = format!(
        "pub mod build_env {{ use std::ffi::OsString; {copy} impl EnvSnapshot {{\n\
         #[inline(never)] pub fn capture() -> Self {{ EnvSnapshot(std::env::vars_os().collect()) }}\n\
         pub fn get(&self, key: &str) -> Option<&OsString> {{ self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v) }}\n\
         }} }}"
    );
    test.write("w/cc/src/lib.rs", &source);
    let built = |knob: &str, terminal: &str| {
        outcome(build_with(&test, "w", &[("KNOB", knob), ("TERM", terminal), ("_", terminal)]))
    };
    assert_eq!(built("1", "xterm"), ("1".to_string(), Outcome::Miss));
    assert_eq!(built("1", "vt100"), ("1".to_string(), Outcome::Hit));
    assert_eq!(built("2", "vt100"), ("2".to_string(), Outcome::Miss), "a false hit");
}

#[test]
fn the_terminal_where_compilers_write_into_pipes() {
    let test = TestEnv::new();
    let script = r#"run(&env::var("RUSTC").unwrap(), &["-vV"]);
        run("cc", &["-c", "a.c", "-o", out().join("a.o").to_str().unwrap()]); run("cc", &["-E", "a.c"]); say("done")"#;
    package(&test, script);
    test.write("w/a.c", "int a(void) { int unused; return 1; }");
    let built = |terminal: &str, columns: &str| {
        build_with(&test, "w", &[("TERM", terminal), ("COLUMNS", columns)]).1.outcome
    };
    assert_eq!(built("xterm", "5"), Outcome::Miss);
    assert_eq!(built("xterm", "5"), Outcome::Hit);
    assert_eq!(built("vt100-w", "7"), Outcome::Hit);
}

#[test]
fn a_file_that_is_not_declared() {
    let write = |text: &'static str| move |test: &TestEnv| drop(test.write("w/data", text));
    let change = |test: &TestEnv| {
        write("two")(test);
        "1"
    };
    undeclared(
        r#"println!("cargo::rerun-if-changed=build.rs"); say(fs::read("data").unwrap())"#,
        write("one"),
        change,
        ["one", "two"],
    );
}

#[test]
fn a_file_that_appears_and_a_directory_that_grows() {
    let script = r#"say(format!("{} {}", exists("flag"), fs::read_dir("list").unwrap().count()))"#;
    let prepare = |test: &TestEnv| drop(test.write("w/list/1", ""));
    undeclared(
        script,
        prepare,
        |test| {
            test.write("w/flag", "");
            "1"
        },
        ["false 1", "true 1"],
    );
    undeclared(
        script,
        prepare,
        |test| {
            test.write("w/list/2", "");
            "1"
        },
        ["false 1", "false 2"],
    );
}

#[test]
fn a_program_that_a_shell_of_the_script_runs() {
    let prepare = |test: &TestEnv| executable(test, "w/tool", "#!/bin/sh\necho one\n");
    let change = |test: &TestEnv| {
        executable(test, "w/tool", "#!/bin/sh\necho two\n");
        "1"
    };
    undeclared(r#"say(run("sh", &["-c", "./tool"]))"#, prepare, change, ["one\n", "two\n"]);
}

/// `cc` is called by its name: kache is put in front of it.
#[test]
fn what_a_compiler_of_the_script_reads() {
    let script = r#"
        let object = out().join("a.o");
        run("cc", &["-c", "a.c", "-o", object.to_str().unwrap()]);
        let program = out().join("a");
        run("cc", &[object.to_str().unwrap(), "-o", program.to_str().unwrap()]);
        say(run(program.to_str().unwrap(), &[]))"#;
    let write = |value: &'static str| {
        move |test: &TestEnv| {
            test.write("w/a.h", value);
            test.write(
                "w/a.c",
                "#include <stdio.h>\nint main(void) { return puts(\n#include \"a.h\"\n) < 0; }\n",
            );
        }
    };
    let change = |test: &TestEnv| {
        let units = test.events().into_iter().filter(|event| event.unit.kind == "c").count();
        assert_eq!(units, 1, "the compile is a unit, once: the second run is restored whole");
        write("\"two\"")(test);
        "1"
    };
    undeclared(script, write("\"one\""), change, ["one\n", "two\n"]);
}

/// The compiler itself, and what it is asked by a script.
#[test]
fn questions_to_compilers_are_answered_as_without_kache() {
    let script = r#"
        let version = run(&env::var("RUSTC").unwrap(), &["--version"]);
        let asked = Command::new("cc").arg("-v").output().unwrap();
        let called = String::from_utf8_lossy(&asked.stderr).lines()
            .find(|line| line.starts_with("COLLECT_GCC=")).unwrap_or_default().to_string();
        let fails = Command::new("cc").args(["-c", "missing.c"]).output().unwrap().status.success();
        say(format!("{version}{called} {fails}"))"#;
    let test = TestEnv::new();
    package(&test, script);
    let plain = {
        assert_success(cargo(&test, "w").env_remove("RUSTC_WRAPPER"));
        let said = assert_success(&mut Command::new(test.path("w/target/debug/p"))).stdout;
        String::from_utf8(said).unwrap()
    };
    assert!(plain.starts_with("rustc ") && plain.ends_with(" false"), "{plain}");
    assert_eq!(outcome(build(&test, "w", "1")), (plain.clone(), Outcome::Miss));
    assert_eq!(outcome(build(&test, "w", "1")), (plain, Outcome::Hit));
}

/// Two checkouts whose paths differ in length and in name confirm a result; the third is given it.
#[test]
fn what_two_places_agree_on_holds_in_the_third() {
    let test = TestEnv::new();
    let script = r#"
        println!("cargo::rustc-env=PLACE={}", out().display());
        fs::write(out().join("paths.txt"), format!("{}/x\n", env::var("CARGO_MANIFEST_DIR").unwrap())).unwrap();
        say("same")"#;
    package(&test, script);
    test.write(
        "w/src/main.rs",
        "const P: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/paths.txt\"));\n\
         fn main() { print!(\"{} {P}\", env!(\"PLACE\") == env!(\"OUT_DIR\")) }",
    );
    let places = ["w", "another", "third", "deep/er/the-fourth", "deep/er/my-fifth", "w"];
    places[1..5].iter().for_each(|place| test.clone_checkout("w", place));
    let expected = |checkout: &str| format!("true {}/x\n", test.path(checkout).display());
    let at = |checkout: &str| {
        let (said, outcome) = outcome(build(&test, checkout, "1"));
        assert_eq!(said, expected(checkout));
        outcome
    };
    use Outcome::{Hit, Miss};
    // The fourth is not as deep as the first two are, and has a hyphen.
    assert_eq!(places.map(at), [Miss, Miss, Hit, Miss, Hit, Hit]);
    let [unconfirmed, confirmed] = [Confirmation::Unconfirmed, Confirmation::Confirmed].map(Some);
    assert_eq!(confirmations(&test)[..4], [unconfirmed, confirmed, confirmed, confirmed]);
}

/// What the first two places cannot tell apart: their parent, their depth, how they encode.
#[test]
fn what_two_places_have_in_common_a_third_must_have_as_well() {
    for (function, elsewhere) in [
        ("d.parent().unwrap().display().to_string()", "other/third"),
        ("\"../\".repeat(d.components().count())", "x/deep/third"),
        ("d.display().to_string().replace(' ', \"%20\")", "x/my third"),
    ] {
        let test = TestEnv::new();
        let script = format!(
            "let d = env::var_os(\"CARGO_MANIFEST_DIR\").unwrap(); let d = Path::new(&d); \
             println!(\"cargo::rustc-env=PLACE={{}}\", {function}); say(\"same\")"
        );
        package(&test, &script);
        test.write("w/src/main.rs", "fn main() { print!(\"{}\", env!(\"PLACE\")) }");
        for place in ["x/one", "x/second", "x/third", elsewhere, "plain"] {
            test.clone_checkout("w", place);
        }
        let at = |checkout: &str| outcome(build(&test, checkout, "1"));
        assert_eq!((at("x/one").1, at("x/second").1), (Outcome::Miss, Outcome::Miss), "{function}");
        assert_eq!(at("x/third").1, Outcome::Hit, "{function}");
        let (said, outcome) = at(elsewhere);
        assert_eq!(outcome, Outcome::Miss, "{function}: {said}");
    }
}

/// What the events of scripts say of where the results hold.
fn confirmations(test: &TestEnv) -> Vec<Option<Confirmation>> {
    let events = test.events();
    events.iter().filter(|event| event.unit.kind == "script").map(|event| event.confirmation).collect()
}

#[test]
fn a_script_that_looks_at_no_path_needs_no_confirmation() {
    let test = TestEnv::new();
    package(&test, r#"println!("cargo::rustc-env=SAID=x{}", env::var("KNOB").unwrap())"#);
    test.write("w/src/main.rs", "fn main() { print!(\"{}\", env!(\"SAID\")) }");
    test.clone_checkout("w", "another");
    assert_eq!(outcome(build(&test, "w", "1")), ("x1".to_string(), Outcome::Miss));
    assert_eq!(outcome(build(&test, "another", "1")), ("x1".to_string(), Outcome::Hit));
    assert_eq!(confirmations(&test), [Some(Confirmation::Portable); 2]);
}

/// The texts of `report`, `list`, `show` and `explain` about a script's runs.
#[test]
fn people_are_told_why_a_script_ran_and_where_its_result_holds() {
    let test = TestEnv::new();
    package(&test, r#"say(fs::read("data").unwrap())"#);
    test.write("w/data", "one");
    test.clone_checkout("w", "another");
    let told = |args: &[&str]| String::from_utf8(assert_success(&mut test.kache(args)).stdout).unwrap();
    build(&test, "w", "1");
    let explained = told(&["explain", "p script"]);
    assert!(explained.contains("its result is unconfirmed: it holds in its own place"), "{explained}");
    build(&test, "another", "1");
    let explained = told(&["explain", "p script"]);
    assert!(explained.contains("this run confirmed the result of another place"), "{explained}");
    assert!(told(&["explain"]).contains("run to confirm the result of another place"));
    test.write("w/data", "two");
    build(&test, "w", "1");
    let explained = told(&["explain", "p script"]);
    assert!(explained.contains("missed, ran and stored"), "{explained}");
    assert!(explained.contains("the script ran because file <workspace>/data changed"), "{explained}");
    build(&test, "w", "1");

    let report: serde_json::Value = serde_json::from_str(&told(&["report", "--format", "json"])).unwrap();
    let all = report["scopes"].as_array().unwrap().last().unwrap();
    assert_eq!(all["confirmations"]["script"], serde_json::json!({"confirmed": 1, "unconfirmed": 3}));
    assert_eq!(all["families"]["script"], serde_json::json!({"hits": 1, "units": 4}));
    let text = told(&["report", "--all"]);
    let has = |line: &str, means: &str| text.lines().any(|l| l.trim().starts_with(line) && l.contains(means));
    assert!(has("script", "1 of 4") && has("confirmed", "two places made the same"), "{text}");
    let listed = told(&["list", "(script)"]);
    assert!(listed.contains("p 1.2.3 (script), confirmed") && listed.contains(", unconfirmed"), "{listed}");
    let keys = told(&["list", "(script)", "--keys"]);
    assert!(
        keys.lines().any(|key| told(&["show", key]).contains("in every place: two places made the same"))
    );
}

/// A value that names a root is compared to the byte, but for the root.
#[test]
fn a_variable_with_a_path_counts_in_the_form_that_it_has() {
    let test = TestEnv::new();
    package(&test, r#"say(env::var("KNOB").unwrap())"#);
    test.clone_checkout("w", "another");
    test.clone_checkout("w", "third");
    let at = |checkout: &str, rest: &str| {
        let knob = format!("{}{rest}", test.path(checkout).display());
        let (said, outcome) = outcome(build(&test, checkout, &knob));
        assert_eq!(said, knob);
        outcome
    };
    assert_eq!([at("w", "/x"), at("another", "/x")], [Outcome::Miss; 2]);
    assert_eq!(at("third", "//x"), Outcome::Miss, "a false hit");
    assert_eq!(at("third", "/x"), Outcome::Hit);
}

/// A value that is made from a path shows no path.
#[test]
fn what_is_computed_from_a_path_holds_in_its_place_alone() {
    let test = TestEnv::new();
    package(&test, r#"say(out().as_os_str().len().to_string())"#);
    test.clone_checkout("w", "another");
    test.clone_checkout("w", "deep/er/the-third");
    for checkout in ["w", "another", "deep/er/the-third"] {
        let out = |event: &Event| event.outputs.iter().find(|path| path.ends_with("/said")).cloned().unwrap();
        let (said, event) = build(&test, checkout, "1");
        let dir = out(&event).strip_suffix("/said").unwrap().len();
        assert_eq!((said, event.outcome), (dir.to_string(), Outcome::Miss), "{checkout}");
        assert_eq!(outcome(build(&test, checkout, "1")).1, Outcome::Hit, "{checkout}");
    }
    let [unconfirmed, literal] = [Confirmation::Unconfirmed, Confirmation::Literal].map(Some);
    assert_eq!(confirmations(&test), [unconfirmed, unconfirmed, literal, literal, literal, literal]);
    let explained = assert_success(&mut test.kache(&["report", "--all"])).stdout;
    assert!(String::from_utf8_lossy(&explained).contains("another place made something else"));
}

/// Everything below a directory: type, mode, contents or where a link leads, and its place in the order of the times.
fn tree(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>, usize)> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![dir.to_path_buf()]);
    while let Some(path) = todo.pop() {
        let status = path.symlink_metadata().unwrap();
        let contents = match () {
            () if status.is_dir() => {
                todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            }
            () if status.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
            () => fs::read(&path).unwrap(),
        };
        found.insert(path, (status.mode(), contents, (status.mtime(), status.mtime_nsec())));
    }
    found.remove(dir);
    let mut times: Vec<_> = found.values().map(|(_, _, time)| *time).collect();
    times.sort_unstable();
    times.dedup();
    let place = |time| times.iter().position(|other| *other == time).unwrap();
    found.into_iter().map(|(path, (mode, contents, time))| (path, (mode, contents, place(time)))).collect()
}

#[test]
fn the_tree_is_restored_with_modes_links_and_the_order_of_times() {
    let test = TestEnv::new();
    let script = r#"
        use std::os::unix::fs::{symlink, PermissionsExt};
        say("x");
        run("sh", &["-c", "cd $OUT_DIR; mkdir -p empty deep/er; : >.tick; for name in deep/er/b a; do \
            until : >$name; [ $name -nt .tick ]; do :; done; until : >.tick; [ .tick -nt $name ]; do :; done; done"]);
        fs::write(out().join("tool"), [0, 159, 146, 150]).unwrap();
        fs::set_permissions(out().join("tool"), fs::Permissions::from_mode(0o751)).unwrap();
        symlink("deep/er/b", out().join("relative")).unwrap();
        symlink(out().join("a"), out().join("absolute")).unwrap();
        symlink("nowhere", out().join("dangling")).unwrap();"#;
    package(&test, script);
    let (_, event) = build(&test, "w", "1");
    assert!(event.stored, "{:?} {:?}", event.reason, event.detail);
    let out = PathBuf::from(event.outputs.iter().find(|path| path.ends_with("/said")).unwrap());
    let out = out.parent().unwrap();
    let made = tree(out);
    assert_eq!(outcome(build(&test, "w", "1")).1, Outcome::Hit);
    let restored = tree(out);
    assert_eq!(made.keys().collect::<Vec<_>>(), restored.keys().collect::<Vec<_>>());
    for (path, (mode, contents, place)) in &made {
        assert_eq!(
            (mode, contents, place),
            {
                let r = &restored[path];
                (&r.0, &r.1, &r.2)
            },
            "{}",
            path.display()
        );
    }
    let now = std::time::SystemTime::now();
    assert!(made.keys().all(|path| path.symlink_metadata().unwrap().modified().unwrap() <= now));
    // cargo has nothing to do after the restore.
    let again = assert_success(cargo(&test, "w").args(["--verbose"]).env("KNOB", "1"));
    assert!(!String::from_utf8_lossy(&again.stderr).contains("Running"), "{again:?}");
}

#[test]
fn what_a_hit_would_not_repeat_is_not_stored() {
    for (script, reason) in [
        (r#"fs::write("beside", "x").unwrap(); say("x")"#, "side-effect"),
        (r#"say(format!("{:?}", std::time::SystemTime::now().elapsed().is_ok()))"#, "clock"),
        (r#"let _ = std::net::TcpStream::connect("127.0.0.1:9"); say("x")"#, "network"),
    ] {
        let test = TestEnv::new();
        package(&test, script);
        let (_, event) = build(&test, "w", "1");
        assert_eq!((event.stored, event.reason_word()), (false, Some(reason)), "{script}");
    }
}

/// chrono asks when `/etc/localtime` was modified: a script that links it has a function that tells times.
#[test]
fn a_script_that_can_tell_times_may_make_files_whose_times_it_does_not_ask_for() {
    const CAN_TELL: &str = "if std::env::args().count() > 9 { println!(\"{:?}\", fs::metadata(\".\").unwrap().modified()); }\n\
         let path = out().join(\"made\"); let file = fs::File::create(&path).unwrap();\n\
         let told = |m: std::io::Result<fs::Metadata>| say(format!(\"{:?}\", m.unwrap().modified()));\n\
         let printed = |arguments: &[&str]| { \
         let mut stat = std::process::Command::new(\"stat\"); \
         let said = stat.args(arguments).stdin(file.try_clone().unwrap()).output().unwrap(); \
         say(format!(\"{said:?}\")) };\n";
    for (asks, is_stored) in [
        ("say(\"x\")", true),
        ("fs::File::open(&path).unwrap(); say(\"x\")", true),
        ("told(file.metadata())", false),
        ("told(file.try_clone().unwrap().metadata())", false),
        ("told(fs::metadata(&path))", false),
        ("told(fs::File::open(&path).unwrap().metadata())", false),
        ("told(fs::read_dir(out()).unwrap().next().unwrap().unwrap().metadata())", false),
        ("fs::rename(&path, out().join(\"other\")).unwrap(); told(file.metadata())", false),
        ("fs::remove_file(&path).unwrap(); told(file.metadata())", false),
        ("told(fs::metadata(format!(\"/proc/self/fd/{}\", std::os::fd::AsRawFd::as_raw_fd(&file))))", false),
        ("printed(&[\"-c\", \"%Y\", \"-\"])", false),
        ("printed(&[\"-L\", \"-c\", \"%Y\", \"/dev/stdin\"])", false),
        ("std::thread::spawn(move || told(file.metadata())).join().unwrap()", false),
    ] {
        let test = TestEnv::new();
        package(&test, &format!("{CAN_TELL}{asks}"));
        let (_, event) = build(&test, "w", "1");
        assert_eq!(event.stored, is_stored, "{asks}: {:?} {:?}", event.reason_word(), event.detail);
    }
}

/// The program imports a function that tells times, as each does that shares processors by the `jobserver` crate. To enter a
/// directory is to learn no times.
#[test]
fn a_script_that_could_tell_times_may_enter_the_directories_that_it_made() {
    let test = TestEnv::new();
    package(
        &test,
        "extern \"C\" { fn fstat(file: i32, status: *mut u64) -> i32; }
         if env::args().count() > 1 { unsafe { fstat(0, [0; 64].as_mut_ptr()) }; }
         let made = out().join(\"made\");
         fs::create_dir(&made).unwrap();
         assert!(Command::new(\"true\").current_dir(&made).status().unwrap().success());
         env::set_current_dir(&made).unwrap();
         say(\"entered\");",
    );
    assert_eq!(outcome(build(&test, "w", "1")), ("entered".into(), Outcome::Miss));
    assert_eq!(outcome(build(&test, "w", "1")), ("entered".into(), Outcome::Hit));
}

#[test]
fn a_directory_that_is_not_empty_is_left_to_the_script() {
    let test = TestEnv::new();
    package(
        &test,
        r#"println!("cargo::rerun-if-changed=data"); say(exists(out().join("said").to_str().unwrap()).to_string())"#,
    );
    test.write("w/data", "1");
    assert_eq!(outcome(build(&test, "w", "1")), ("false".to_string(), Outcome::Miss));
    let file = test.write("w/data", "2");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(file).unwrap().set_modified(later).unwrap();
    assert_success(cargo(&test, "w").env("KNOB", "1"));
    let said = assert_success(&mut Command::new(test.path("w/target/debug/p"))).stdout;
    assert_eq!(said, b"true");
    let last = test.events().into_iter().rfind(|event| event.unit.kind == "script").unwrap();
    assert_eq!(last.reason_word(), Some("output-directory"));
}

#[test]
fn a_script_that_fails_does_so_each_time_with_its_own_words() {
    let test = TestEnv::new();
    package(&test, r#"say("x"); eprintln!("no luck"); std::process::exit(3)"#);
    for _ in 0..2 {
        let out = cargo(&test, "w").output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && text.contains("no luck") && text.contains("exit status: 3"),
            "{text}"
        );
        fs::remove_dir_all(test.path("w/target")).unwrap();
    }
}

/// A script that dies may have died of the observer, and runs again without it: in a directory as empty as the first time.
#[test]
fn a_run_that_may_have_been_disturbed_is_repeated_from_the_start() {
    let test = TestEnv::new();
    let script = r#"
        fs::create_dir(out().join("new")).unwrap();
        say("x");
        if !exists("../died") {
            fs::write("../died", "").unwrap();
            std::process::abort();
        }"#;
    package(&test, script);
    let (said, event) = build(&test, "w", "1");
    assert_eq!((&said[..], event.stored, event.reason_word()), ("x", false, Some("disturbed")));
}

/// The script sees the environment that it would see without kache, also as the kernel shows it.
#[test]
fn the_script_is_the_same_without_kache() {
    let test = TestEnv::new();
    let script = r#"
        let mut names: Vec<String> = env::vars().map(|(name, _)| name).collect();
        names.sort();
        let shown = fs::read("/proc/self/environ").unwrap();
        let shown = shown.split(|b| *b == 0).any(|entry| entry.starts_with(b"KACHE_PLAIN") || entry.starts_with(b"KACHE_OUTER"));
        say(format!("{} {shown} {}", names.join(","), env::args().count()))"#;
    package(&test, script);
    let said = |command: &mut Command| {
        let _ = fs::remove_dir_all(test.path("w/target"));
        assert_success(command);
        String::from_utf8(assert_success(&mut Command::new(test.path("w/target/debug/p"))).stdout).unwrap()
    };
    let scripts = || test.events().into_iter().filter(|event| event.unit.kind == "script").count();
    let observed = said(&mut cargo(&test, "w"));
    assert_eq!(scripts(), 1);
    assert!(!observed.contains("LD_PRELOAD") && observed.contains(" false 1"), "{observed}");
    let off = said(cargo(&test, "w").env("KACHE_BUILD_SCRIPTS", "false"));
    let removed = |names: &str| names.replace("KACHE_BUILD_SCRIPTS,", "").replace("KACHE_DISABLE,", "");
    assert_eq!(removed(&off), observed);
    let disabled = said(cargo(&test, "w").env("KACHE_DISABLE", "1"));
    assert_eq!(removed(&disabled), observed);
}

/// The file that cargo runs is the script itself.
#[test]
fn a_script_runs_where_kache_is_gone() {
    let test = TestEnv::new();
    package(&test, r#"say(env::var("KNOB").unwrap())"#);
    let _ = build(&test, "w", "1");
    let scripts = || test.events().into_iter().filter(|event| event.unit.kind == "script").count();
    let before = scripts();
    fs::remove_dir_all(test.cache()).unwrap();
    let script = fs::read_dir(test.path("w/target/debug/build")).unwrap();
    let script = script
        .map(|entry| entry.unwrap().path().join("build-script-build"))
        .find(|path| path.exists())
        .unwrap();
    let out = test.path("by-hand");
    fs::create_dir(&out).unwrap();
    let mut command = Command::new(script);
    command.current_dir(test.path("w")).env("OUT_DIR", &out).env("KNOB", "3");
    for (name, value) in [("CARGO_MANIFEST_DIR", "."), ("TARGET", "t"), ("HOST", "h"), ("NUM_JOBS", "1")] {
        command.env(name, value);
    }
    for wrapper in ["", "/nowhere/kache", "/bin/true", "elsewhere/kache"] {
        assert_success(command.env("RUSTC_WRAPPER", wrapper));
        assert_eq!(fs::read_to_string(out.join("said")).unwrap(), "3", "{wrapper}");
        fs::remove_file(out.join("said")).unwrap();
    }
    assert_eq!((before, scripts()), (1, 0), "no cache was made");
}
