//! The command line, through the real binary: small crates are compiled through the wrapper into a cache of the
//! test's own, and the commands are asked about them.

use crate::KACHE;
use crate::env::tick_in_shell;
use crate::tools::require_tool;
use kache_core::events::{self, Event, Outcome};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with sources, outputs and a cache, and nothing of the user's settings.
struct Workspace {
    dir: TempDir,
}

impl Workspace {
    fn new() -> Workspace {
        let test = Workspace { dir: tempfile::tempdir().unwrap() };
        for part in ["w/out", "config", "cargo"] {
            fs::create_dir_all(test.path(part)).unwrap();
        }
        test
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("w").join(name), text).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("KACHE_") || text.starts_with("CARGO") || text.starts_with("RUSTC") {
                command.env_remove(&name);
            }
        }
        command.env("KACHE_CACHE_DIR", self.path("cache")).env("XDG_CONFIG_HOME", self.path("config"));
        command.env("CARGO_HOME", self.path("cargo")).current_dir(self.path("w"));
        command
    }

    /// One build: some compiles with one parent. Each is the arguments of a rustc, as a shell reads them.
    fn build(&self, compiles: &[&str], env: &[(&str, &str)]) -> Output {
        // An output that is used within the tick of the clock that stamped it seems to change during the compile that
        // uses it, and such a compile is not stored.
        let one = |c: &&str| format!("'{KACHE}' rustc --edition=2021 --out-dir out {c}");
        let script = compiles.iter().map(one).collect::<Vec<_>>().join(" && tick && ");
        let script = format!("{}{script}\nexit $?", tick_in_shell(self.dir.path()));
        self.command("bash").args(["-c", &script]).envs(env.iter().copied()).output().unwrap()
    }

    fn compiled(&self, compiles: &[&str], env: &[(&str, &str)]) {
        let output = self.build(compiles, env);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // What is explained below rests on records: one that is lacking must say so here.
        let doubtful =
            |e: &&Event| e.outcome == Outcome::Miss && !e.stored && e.reason_word() != Some("write-off");
        let kept = self.events();
        let lost: Vec<_> =
            kept.iter().filter(doubtful).map(|e| (e.unit.label(), &e.reason, &e.detail)).collect();
        assert!(lost.iter().all(|(unit, ..)| unit.starts_with("bad")), "{lost:?}");
    }

    fn ask(&self, args: &[&str]) -> Output {
        self.command(KACHE).args(args).output().unwrap()
    }

    fn text(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[args, &["--format", "json"]].concat());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["v"], 2);
        value
    }

    fn events(&self) -> Vec<Event> {
        events::read_all(&self.path("cache")).unwrap()
    }
}

const LIB: &str = "--crate-name leaf --crate-type lib --emit=dep-info,metadata,link leaf.rs";
const TOP: &str =
    "--crate-name top --crate-type lib --emit=dep-info,metadata,link --extern leaf=out/libleaf.rlib top.rs";

fn refused(output: &Output, with: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(with), "{said}");
}

/// The differences of the first unit of an answer, as `name: old > new`.
fn differences(answer: &Value) -> Vec<String> {
    let side = |d: &Value, s: &str| d[s]["value"].as_str().unwrap_or("–").to_string();
    let all = answer["units"][0]["why"]["differences"].as_array().expect("a miss that differs");
    all.iter()
        .map(|d| format!("{}: {} > {}", d["name"].as_str().unwrap(), side(d, "old"), side(d, "new")))
        .collect()
}

#[test]
fn a_changed_source_is_named() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[]);
    assert!(test.text(&["explain", "leaf"]).contains("first build"));
    test.write("leaf.rs", "pub fn one() -> u32 { 2 }");
    test.compiled(&[LIB], &[]);
    let answer = test.json(&["explain", "leaf"]);
    let found = differences(&answer);
    assert!(found.len() == 1 && found[0].starts_with("file <workspace>/leaf.rs: "), "{found:?}");
    let raw = answer["units"][0]["why"]["differences"][0]["new"]["raw"].as_str().unwrap();
    assert_eq!(Path::new(raw), test.path("w/leaf.rs"));
    let whole = test.text(&["explain"]);
    assert!(whole.contains("file <workspace>/leaf.rs changed\n  in 1 unit: leaf (lib)"), "{whole}");
    // Back to the first text: what is stored is found, and that is said.
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[]);
    assert!(test.text(&["explain", "leaf", "lib"]).contains("leaf (lib): hit"));
}

#[test]
fn a_changed_variable_is_named_and_its_value_is_not_shown() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub const GREETING: &str = env!(\"GREETING\");");
    test.compiled(&[LIB], &[("GREETING", "hush-one")]);
    test.compiled(&[LIB], &[("GREETING", "hush-two")]);
    let found = differences(&test.json(&["explain", "leaf"]));
    assert!(found.len() == 1 && found[0].starts_with("env GREETING: "), "{found:?}");
    assert!(!found[0].contains("hush") && !test.text(&["explain"]).contains("hush"));
}

#[test]
fn a_changed_flag_is_named_with_both_values() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[&format!("{LIB} -C opt-level=1 --cfg kept --cfg old")], &[]);
    test.compiled(&[&format!("{LIB} -C opt-level=2 --cfg kept --cfg new")], &[]);
    let found = differences(&test.json(&["explain", "leaf (lib)"]));
    assert_eq!(found, ["arg -C opt-level: 1 > 2", "arg --cfg: old > new"]);
    let text = test.text(&["explain", "leaf"]);
    assert!(text.contains("    - 1\n    + 2\n"), "{text}");
}

#[test]
fn a_change_is_followed_to_its_root_cause() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.write("top.rs", "pub fn two() -> u32 { leaf::one() * 2 }");
    test.compiled(&[LIB, TOP], &[]);
    test.write("leaf.rs", "pub fn one() -> u32 { 11 }");
    test.compiled(&[LIB, TOP], &[]);
    let answer = test.json(&["explain", "top"]);
    assert_eq!(answer["units"][0]["why"]["differences"][0]["made_by"], "leaf (lib)");
    assert_eq!(answer["causes"].as_array().unwrap().len(), 1);
    let cause = &answer["units"][0]["causes"][0];
    assert_eq!(cause["chain"], serde_json::json!(["top (lib)", "leaf (lib)"]));
    assert_eq!(cause["why"]["differences"][0]["name"], "file <workspace>/leaf.rs");
    assert!(
        test.text(&["explain", "top"]).contains("follows from leaf (lib): file <workspace>/leaf.rs changed")
    );
    let whole = test.json(&["explain", "--last-build"]);
    assert_eq!(whole["causes"].as_array().unwrap().len(), 1);
    assert_eq!(whole["causes"][0]["changed_units"], serde_json::json!(["leaf (lib)"]));
    assert_eq!(whole["causes"][0]["affected_units"], serde_json::json!(["top (lib)"]));
}

#[test]
fn a_restored_dependency_is_named_and_not_blamed() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.write("top.rs", "pub fn two() -> u32 { leaf::one() * 2 }");
    test.compiled(&[&format!("{LIB} --cfg a")], &[]);
    test.compiled(&[&format!("{LIB} -C debuginfo=2"), TOP], &[]);
    // The first leaf is a hit now; `top` has never been built on it.
    test.compiled(&[&format!("{LIB} --cfg a"), TOP], &[]);
    let events = test.events();
    assert_eq!(events[events.len() - 2].outcome, Outcome::Hit);
    let cause = &test.json(&["explain", "top"])["units"][0]["causes"][0];
    assert_eq!(cause["unit"], "top (lib)", "leaf did not miss: {cause:#}");
    assert_eq!(cause["summary"], "the output of leaf (lib) changed");
}

#[test]
fn two_versions_in_one_build_are_two_units_and_an_update_is_one() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    // As cargo would: the package in the environment, and its hash in names.
    let compile = |version: &str| {
        let package = format!("CARGO_PKG_NAME=leafy CARGO_PKG_VERSION={version}");
        let hash = version.replace('.', "");
        format!("{package} '{KACHE}' rustc --out-dir out -C metadata={hash} -C extra-filename=-{hash} {LIB}")
    };
    let run = |script: String| {
        let ran = test.command("sh").args(["-c", &format!("{script}\nexit $?")]).status().unwrap();
        assert!(ran.success());
    };
    run(format!("{} && {}", compile("1.0.0"), compile("2.0.0")));
    let answer = test.json(&["explain", "leafy"]);
    let seen: Vec<_> = answer["units"].as_array().unwrap().iter().map(|u| &u["why"]["is"]).collect();
    assert_eq!(seen, ["first-seen", "first-seen"]);
    run(compile("2.0.1"));
    let answer = test.json(&["explain", "leafy"]);
    assert_eq!(answer["units"][0]["unit"], "leaf 2.0.1 (lib) of leafy");
    assert_eq!(answer["units"][0]["why"]["first"], "build of version 2.0.1");
}

#[test]
fn what_was_not_kept_is_explained_with_a_remedy() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[("KACHE_WRITE", "false")]);
    test.compiled(&[LIB], &[]);
    let answer = test.json(&["explain", "leaf"]);
    let why = &answer["units"][0]["why"];
    assert_eq!((&why["is"], &why["was_stored"]), (&"same-inputs".into(), &false.into()));
    assert_eq!(why["reason"]["word"], "write-off");
    assert!(test.text(&["explain", "leaf"]).contains("help: unset KACHE_WRITE"));
    test.compiled(&[&format!("{LIB} --no-such-flag 2>/dev/null || true")], &[]);
    let text = test.text(&["explain"]);
    assert!(text.contains("not cached") && text.contains("--no-such-flag"), "{text}");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let test = Workspace::new();
    for command in ["report", "explain", "flags", "tables", "config", "doctor"] {
        refused(&test.ask(&[command, "--format", "xml"]), "json");
    }
    refused(&test.ask(&["report", "--since", "yesterday"]), "7d");
    refused(&test.ask(&["flags", "mscv"]), "did you mean `msvc`?");
    refused(&test.ask(&["explian"]), "explain");
    refused(&test.ask(&[]), "Usage: kache");
    refused(&test.ask(&["explain", "leaf"]), "none is recorded");
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[]);
    refused(&test.ask(&["explain", "laef"]), "did you mean `leaf`?");
}

#[test]
fn names_from_outside_do_not_reach_the_terminal_raw() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[]);
    let mut event = test.events().remove(0);
    event.unit.name = "leaf\x1b[2J\r\u{202e}".to_string();
    event.result = Some("../../../../etc/passwd".to_string());
    event.time_us += 1;
    event.append(&test.path("cache/v1"));
    for args in [&["explain"][..], &["explain", "--all"], &["report"]] {
        let text = test.text(args);
        assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text}");
    }
    let typo = test.ask(&["explain", "leaf\x1b[2J"]);
    assert!(!String::from_utf8_lossy(&typo.stderr).contains('\x1b'));
}

#[test]
fn settings_are_listed_with_their_origin_and_bad_ones_warned_of() {
    let test = Workspace::new();
    test.write("kache.toml", "lock_timeout = 5\nobserv = \"off\"\n");
    let output = test.command(KACHE).args(["config", "--format", "json"]).env("KACHE_READ", "maybe").output();
    let answer: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let settings = answer["settings"].as_array().unwrap();
    assert_eq!(settings.len(), kache_core::settings::TABLE.len());
    let of = |key: &str| settings.iter().find(|s| s["key"] == key).unwrap();
    assert_eq!(of("lock_timeout")["value"], "5");
    assert!(of("lock_timeout")["from"].as_str().unwrap().ends_with("kache.toml:1"));
    assert_eq!(of("cache_dir")["from"], "environment variable KACHE_CACHE_DIR");
    assert_eq!((&of("read")["value"], &of("read")["from"]), (&"true".into(), &"default".into()));
    let warnings = answer["warnings"].to_string();
    assert!(
        warnings.contains("KACHE_READ")
            && warnings.contains("kache.toml:2: unknown setting `observ`; did you mean `observe`?"),
        "{warnings}"
    );
}

#[test]
fn tables_are_those_that_the_engine_uses() {
    let test = Workspace::new();
    let flags = test.json(&["flags", "rustc"]);
    assert_eq!(flags["flags"].as_array().unwrap().len(), kache_frontends::rustc_flags::TABLE.len());
    let rpath = flags["flags"].as_array().unwrap().iter().find(|f| f["flag"] == "-C rpath").unwrap();
    assert_eq!(rpath["effect"].to_string(), r#"{"embeds_path":"always"}"#);
    let text = test.text(&["flags", "rustc"]);
    assert!(text.contains("-C linker ") && text.contains("embeds_path=always"), "{text}");
    let tables = test.json(&["tables"]);
    assert_eq!(tables, test.json(&["flags", "--tables"]));
    assert!(tables["tables"].to_string().contains("CARGO_MAKEFLAGS"));
}

#[test]
fn the_version_says_what_decides_on_keys() {
    let test = Workspace::new();
    let text = test.text(&["--version"]);
    assert!(
        text.starts_with(concat!("kache ", env!("CARGO_PKG_VERSION"), " (store v1, observer ")),
        "{text}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let test = Workspace::new();
    let mut child =
        test.command(KACHE).args(["flags"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

fn doctor(test: &Workspace, env: &[(&str, &str)]) -> (Option<i32>, Value) {
    fs::create_dir_all(test.path("tmp")).unwrap();
    let mut command = test.command(KACHE);
    command.args(["doctor", "--format", "json"]).env("TMPDIR", test.path("tmp")).envs(env.iter().copied());
    let output = command.output().unwrap();
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(fs::read_dir(test.path("tmp")).unwrap().count(), 0, "something was left behind");
    (output.status.code(), answer)
}

fn state<'a>(answer: &'a Value, check: &str) -> &'a str {
    let checks = answer["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["name"] == check).unwrap_or_else(|| panic!("{check}: {answer}"));
    found["state"].as_str().unwrap()
}

#[test]
fn the_doctor_finds_all_well() {
    let test = Workspace::new();
    let (status, answer) = doctor(&test, &[("RUSTC_WRAPPER", KACHE)]);
    assert_eq!((status, &answer["ok"]), (Some(0), &true.into()), "{answer:#}");
    assert_eq!((state(&answer, "probe"), state(&answer, "probe-c")), ("ok", "ok"));
    assert!(!test.path("cache").exists(), "the real cache is not made by looking at it");
    // A configuration file does as well.
    fs::write(test.path("cargo/config.toml"), format!("[build]\nrustc-wrapper = \"{KACHE}\"\n")).unwrap();
    assert_eq!(state(&doctor(&test, &[]).1, "cargo"), "ok");
}

#[test]
fn the_doctor_names_each_problem_with_a_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let test = Workspace::new();
    fs::create_dir_all(test.path("cache")).unwrap();
    fs::set_permissions(test.path("cache"), fs::Permissions::from_mode(0o777)).unwrap();
    let (status, answer) = doctor(&test, &[("KACHE_OBSERVE", "sometimes"), ("RUSTC", "/nowhere/rustc")]);
    assert_eq!((status, &answer["ok"]), (Some(1), &false.into()));
    for check in ["probe", "cargo", "settings"] {
        assert_eq!(state(&answer, check), "problem", "{answer:#}");
    }
    let caches = answer["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "cache");
    assert!(caches.into_iter().any(|c| c["state"] == "problem" && c["remedy"].to_string().contains("chmod")));
    for check in answer["checks"].as_array().unwrap() {
        assert!(check["state"] != "problem" || check["remedy"].is_string(), "{check}");
    }
    let (_, answer) = doctor(&test, &[("RUSTC_WRAPPER", "/bin/true")]);
    assert_eq!(state(&answer, "cargo"), "problem");
}

/// The text of a check.
fn found<'a>(answer: &'a Value, check: &str) -> &'a str {
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|c| c["name"] == check).map_or("", |c| c["found"].as_str().unwrap())
}

#[test]
fn the_doctor_suggests_the_nearest_name_of_a_setting() {
    let test = Workspace::new();
    let (status, answer) = doctor(&test, &[("RUSTC_WRAPPER", KACHE), ("KACHE_MAXSIZE", "20G")]);
    assert_eq!(status, Some(1));
    let wanted =
        "environment variable `KACHE_MAXSIZE` is not a setting of kache; did you mean `KACHE_MAX_SIZE`?";
    assert_eq!(found(&answer, "settings"), wanted);
    let config = test.command(KACHE).args(["config"]).env("KACHE_MAXSIZE", "20G").output().unwrap();
    assert!(String::from_utf8_lossy(&config.stdout).contains(wanted));
}

#[test]
fn the_doctor_is_content_with_a_machine_for_c_alone() {
    let test = Workspace::new();
    fs::create_dir_all(test.path("bin")).unwrap();
    for name in ["gcc", "cc", "as", "ld"] {
        std::os::unix::fs::symlink(Path::new("/usr/bin").join(name), test.path("bin").join(name)).unwrap();
    }
    let bin = test.path("bin");
    let (status, answer) = doctor(&test, &[("PATH", bin.to_str().unwrap())]);
    assert_eq!((status, &answer["ok"]), (Some(0), &true.into()), "{answer:#}");
    assert_eq!((state(&answer, "probe-c"), state(&answer, "observer")), ("ok", "ok"), "{answer:#}");
    assert!(found(&answer, "probe").contains("builds C alone"));
    assert!(answer["checks"].as_array().unwrap().iter().all(|c| c["name"] != "cargo"));
}

#[test]
fn the_doctor_tells_of_stores_that_failed_and_of_other_wrappers() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn one() -> u32 { 1 }");
    test.compiled(&[LIB], &[]);
    let well = doctor(&test, &[("RUSTC_WRAPPER", KACHE)]).1;
    assert_eq!(
        (state(&well, "stores"), found(&well, "stores")),
        ("ok", "1 result stored in the last day, none failed")
    );
    assert!(found(&well, "space").contains(" free on the disk of "));
    let mut event = test.events().remove(0);
    event.time_us += 1;
    (event.stored, event.reason) = (false, Some(kache_core::reason::Reason::Store));
    event.detail = Some("blob: copy: No space left on device".to_string());
    event.append(&test.path("cache/v1"));
    let variables = [
        ("RUSTC_WRAPPER", KACHE),
        ("CMAKE_C_COMPILER_LAUNCHER", "/usr/bin/ccache"),
        ("MAKEFLAGS", " -j --jobserver-auth=fifo:/nowhere/fifo"),
    ];
    let (status, answer) = doctor(&test, &variables);
    assert_eq!((status, state(&answer, "stores")), (Some(1), "problem"));
    assert!(found(&answer, "stores").contains("1 result could not be stored in the last day"), "{answer:#}");
    assert!(found(&answer, "stores").ends_with("No space left on device"));
    assert_eq!(state(&answer, "wrappers"), "note");
    assert!(
        found(&answer, "wrappers")
            .starts_with("CMAKE_C_COMPILER_LAUNCHER is `/usr/bin/ccache`, which starts ccache")
    );
    assert!(found(&answer, "jobserver").contains("fifo:/nowhere/fifo"), "{answer:#}");
}

#[test]
fn the_doctor_opens_the_cache_as_the_wrapper_does() {
    let test = Workspace::new();
    fs::create_dir_all(test.path("cache")).unwrap();
    fs::write(test.path("cache/v1"), "not a directory").unwrap();
    let (status, answer) = doctor(&test, &[("RUSTC_WRAPPER", KACHE)]);
    assert_eq!(status, Some(1));
    assert!(
        answer.to_string().contains("the cache cannot be opened, so builds run without it"),
        "{answer:#}"
    );
}

#[test]
fn a_command_is_no_program_even_where_one_is_called_so() {
    use std::os::unix::fs::PermissionsExt;
    let test = Workspace::new();
    let mut file = fs::File::create(test.path("w/stats")).unwrap();
    file.write_all(b"#!/bin/sh\necho taken\n").unwrap();
    drop(file);
    fs::set_permissions(test.path("w/stats"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = test.command(KACHE).arg("stats").env("PATH", test.path("w")).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("taken"));
}

/// The text that `--help` prints, with success.
fn help(mut command: Command) -> String {
    let output = command.arg("--help").stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.trim().is_empty(), "{command:?}: {:?}", output.status);
    text
}

#[test]
fn every_script_answers_help() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let all = fs::read_dir(scripts).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|e| e == "sh")).collect();
    assert!(all.len() > 5);
    for script in all {
        let name = script.file_name().unwrap().to_str().unwrap().to_string();
        let test = Workspace::new();
        // Help needs no repository around it, and leaves nothing behind.
        let mut command = Command::new(&script);
        command.current_dir(test.path("w/out"));
        let text = help(command);
        assert!(text.contains(&format!("scripts/{name}")), "{name} says how it is called: {text}");
        assert_eq!(fs::read_dir(test.path("w/out")).unwrap().count(), 0);
    }
}

/// Asks a command, and all commands below it. Returns how many answered.
fn ask_for_help(test: &Workspace, path: &[&str]) -> usize {
    let mut command = test.command(KACHE);
    command.args(path);
    let text = help(command);
    let called = [&["kache"], path].concat().join(" ");
    assert!(text.contains(&format!("Usage: {called}")), "{text}");
    let listed =
        text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let below =
        names.filter(|name| *name != "help").map(|name| ask_for_help(test, &[path, &[name]].concat()));
    1 + below.sum::<usize>()
}

#[test]
fn every_command_answers_help() {
    let test = Workspace::new();
    let aliases = ["stats", "help"];
    let known = kache::cli::COMMANDS.split_whitespace().filter(|name| !aliases.contains(name)).count();
    assert!(ask_for_help(&test, &[]) > known);
    help({
        let mut command = test.command(KACHE);
        command.arg("stats");
        command
    });
    assert!(test.text(&["help"]).contains("Usage: kache"));
}

#[test]
fn a_program_that_does_not_exist_is_named_as_such() {
    let test = Workspace::new();
    for args in [&["nosuchcc"][..], &["nosuchcc", "-c", "a.c", "-o", "a.o"]] {
        refused(&test.ask(args), "`nosuchcc` is neither a program in PATH nor a command of kache");
    }
    refused(&test.ask(&["raport"]), "did you mean `report`");
    let said = String::from_utf8_lossy(&test.ask(&["nosuchcc"]).stderr).into_owned();
    assert!(!said.contains("Usage"), "{said}");
}

#[test]
fn manual_pages_have_their_examples_in_a_section() {
    let test = Workspace::new();
    let dir = test.path("man");
    test.text(&["man", "--dir", dir.to_str().unwrap()]);
    for command in ["report", "explain", "run", "gc", "config"] {
        let page = fs::read_to_string(dir.join(format!("kache-{command}.1"))).unwrap();
        let (_, examples) = page.split_once(".SH EXAMPLES").unwrap_or_else(|| panic!("{command}: {page}"));
        assert!(examples.contains(&format!("kache {command}")) && !page.contains("EXTRA"), "{page}");
    }
}

/// What the script of a shell is answered for the word that a command line ends with.
fn offered(test: &Workspace, shell: &str, line: &[&str]) -> Vec<String> {
    let mut ask = test.command(KACHE);
    ask.env("_KACHE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    let said = ask.env("_CLAP_IFS", "\n").arg("--").args(line).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().map(|word| word.split(['\t', ':']).next().unwrap_or_default().to_string()).collect()
}

#[test]
fn completion_offers_commands_units_and_reasons() {
    let test = Workspace::new();
    test.write("leaf.rs", "pub fn leaf() {}\n");
    test.write("other.rs", "pub fn other() {}\n");
    test.compiled(
        &["--crate-type lib --crate-name leaf leaf.rs", "--crate-type lib --crate-name other other.rs"],
        &[],
    );
    for shell in ["bash", "zsh", "fish"] {
        let script = test.text(&["completions", shell]);
        assert!(script.contains("_KACHE_COMPLETE"), "{script}");
        assert_eq!(offered(&test, shell, &["kache", "explain", "le"]), ["leaf"], "{shell}");
        assert_eq!(
            offered(&test, shell, &["kache", "explain", "--reason", "not-ob"]),
            ["not-observed"],
            "{shell}"
        );
        let commands = offered(&test, shell, &["kache", ""]);
        for command in kache::cli::COMMANDS.split_whitespace().filter(|name| *name != "stats") {
            assert!(commands.iter().any(|offered| offered == command), "{shell}: {command} of {commands:?}");
        }
    }
    let bin = Path::new(KACHE).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let said = |shell: &str, line: &str| {
        let mut command = test.command(shell);
        let said =
            command.args(["-c", line]).env("PATH", &path).env("HOME", test.path("home")).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    let line = "source <(kache completions bash); COMP_WORDS=(kache explain ot); COMP_CWORD=2; \
                _clap_complete_kache kache ot explain; echo \"${COMPREPLY[@]}\"";
    assert_eq!(said("bash", line).trim(), "other");
    if require_tool("fish", "fish") {
        let line = "kache completions fish | source; complete -C 'kache explain ot'";
        assert_eq!(said("fish", line).trim(), "other");
    }
}

/// zsh loads the script at the first Tab, which must offer words already, as the next one does.
#[test]
fn zsh_completes_at_the_first_tab() {
    if !require_tool("zsh", "zsh") {
        return;
    }
    let test = Workspace::new();
    test.write("_kache", &test.text(&["completions", "zsh"]));
    let bin = Path::new(KACHE).parent().unwrap();
    // A second shell on a terminal of its own, to which the first one types.
    let typed = "zmodload zsh/zpty; zpty shell zsh -fi; \
                 zpty -w shell \"PS1=; fpath=($PWD \\$fpath); autoload -U compinit; compinit -uD; echo rea''dy\"; \
                 zpty -r shell seen '*ready*'; zpty -w -n shell $'kache expl\\t'; zpty -r shell seen '*explain*'; \
                 zpty -w -n shell $'--reason not-ob\\t'; zpty -r shell seen '*not-observed*'; print done";
    let mut zsh = Command::new("timeout");
    zsh.args(["60", "zsh", "-fc", typed]).current_dir(test.path("w")).env("HOME", test.path("home"));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let said = zsh.env("PATH", path).env("TERM", "dumb").stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "done\n", "{said:?}");
}

#[test]
fn a_reason_is_explained_by_its_word() {
    let test = Workspace::new();
    let text = test.text(&["explain", "--reason", "not-observed"]);
    assert!(text.contains("not-observed: ") && text.contains("help: "), "{text}");
    refused(&test.ask(&["explain", "--reason", "not-obsered"]), "did you mean `not-observed`");
}
