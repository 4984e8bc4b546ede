//! `compare`: backends take turns, what they took is recorded, and a build that did not come by the cache is not taken for a
//! fast one.

use crate::support::{harness_with, kache, peers, record, write_files};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const WORKLOAD: &str = r#"
description = "Two objects and a program"
[source]
kind = "path"
path = "made"
[wiring]
rustc = false
cc = "env"
[build]
commands = ["make all"]
[clean]
commands = ["CLEAN"]
[tools]
required = ["cc", "make"]
"#;

const MAKEFILE: &str = "\
all: app\n\
app: main.o part.o\n\t$(CC) -o $@ $^\n\
%.o: %.c\n\t$(CC) -g -MMD -c $< -o $@\n\
clean:\n\trm -f app *.o *.d\n";

fn set_up(dir: &Path, clean: &str) {
    let sources = dir.join("made");
    fs::create_dir_all(&sources).unwrap();
    fs::write(dir.join("made.toml"), WORKLOAD.replace("CLEAN", clean)).unwrap();
    fs::write(sources.join("Makefile"), MAKEFILE).unwrap();
    fs::write(sources.join("main.c"), "int part(void);\nint main(void) { return part(); }\n").unwrap();
    fs::write(sources.join("part.c"), "int part(void) { return 0; }\n").unwrap();
}

fn compare(dir: &Path, kache: &Path, arguments: &[&str]) -> Output {
    harness_with(dir, kache, &[&["compare", "made"], arguments].concat()).output().unwrap()
}

fn list<'r>(record: &'r Value, key: &str) -> &'r [Value] {
    record[key].as_array().unwrap()
}

fn row<'r>(record: &'r Value, backend: &str, phase: &str) -> &'r Value {
    let mut rows = list(record, "summary").iter();
    rows.find(|row| row["backend"] == backend && row["phase"] == phase)
        .unwrap_or_else(|| panic!("no {backend} {phase}: {record:#}"))
}

#[test]
fn backends_take_turns_and_warm_builds_are_hits() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "make clean");
    let arguments = ["--backends", "plain,kache", "--runs", "2", "--format", "json"];
    let output = compare(dir.path(), kache(), &arguments);
    let record = record(&output);
    assert_eq!(output.status.code(), Some(0), "{record:#}");
    let mut turns: Vec<_> =
        list(&record, "samples").iter().map(|lap| (&lap["round"], &lap["backend"])).collect();
    turns.dedup();
    assert_eq!(format!("{turns:?}").matches("Number").count(), 4, "A B A B: {turns:?}");
    for phase in ["same-tree", "other-first", "other-later", "third"] {
        let laps = list(&record, "samples").iter().filter(|lap| lap["phase"] == phase);
        let hits: Vec<_> = laps.map(|lap| (&lap["hits"], &lap["misses"])).collect();
        // Two compiles and a link.
        assert_eq!(hits, [(&3.into(), &0.into()), (&3.into(), &0.into())], "{phase}: {record:#}");
        let row = row(&record, "kache", phase);
        assert_eq!(row["n"], 2);
        let over =
            row["median"].as_f64().unwrap() / self::row(&record, "plain", "cold")["median"].as_f64().unwrap();
        assert!((row["over_plain"].as_f64().unwrap() - over).abs() < 1e-3, "{row:#}");
    }
    let idle =
        list(&record, "samples").iter().filter(|lap| lap["phase"] == "idle" && lap["backend"] == "kache");
    assert!(idle.clone().count() == 2 && idle.clone().all(|lap| lap["misses"] == 0), "{record:#}");
    assert!(
        list(&record, "samples").iter().all(|lap| lap["cpu_seconds"].as_f64().unwrap() > 0.0),
        "{record:#}"
    );
    assert_eq!(list(&record, "disk").len(), 4);
    assert!(list(&record, "disk").iter().all(|disk| disk["second_tree_bytes"].as_u64().unwrap() > 0));

    let history = fs::read_to_string(dir.path().join("results/made.jsonl")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(history.trim()).unwrap(), record);
    assert!(!history.contains(&*dir.path().to_string_lossy()), "a path of this machine: {history}");
    assert!(
        fs::read_dir(dir.path().join("scratch")).unwrap().next().is_none(),
        "the scratch directory stays"
    );
}

/// A crate whose build script calls the C compiler by its name.
const SCRIPTED: &[(&str, &str)] = &[
    ("Cargo.toml", "[package]\nname = \"scripted\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n"),
    ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"scripted\"\nversion = \"0.1.0\"\n"),
    ("part.c", "int part(void) { return 0; }\n"),
    (
        "build.rs",
        "fn main() {\n    assert!(std::env::var_os(\"CC\").is_none());\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         let object = format!(\"{out}/part.o\");\n    \
         assert!(std::process::Command::new(\"cc\").args([\"-c\", \"part.c\", \"-o\", &object]).status().unwrap().success());\n}\n",
    ),
    ("src/lib.rs", ""),
];

#[test]
fn with_the_wrapper_alone_scripts_and_the_compilers_in_them_are_cached() {
    let dir = tempfile::tempdir().unwrap();
    let workload = "description = \"A build script with a C compiler\"\n[source]\nkind = \"path\"\npath = \"made\"\n\
                    [wiring]\ncc = \"env\"\n[build]\ncommands = [\"cargo build --locked --offline\"]\n";
    fs::write(dir.path().join("made.toml"), workload).unwrap();
    write_files(&dir.path().join("made"), SCRIPTED.iter().copied());
    let arguments = ["--wiring", "init-only", "--backends", "kache", "--runs", "1", "--format", "json"];
    let output = compare(dir.path(), kache(), &arguments);
    let record = record(&output);
    assert_eq!(
        (output.status.code(), &record["workload"]),
        (Some(0), &"made-init-only".into()),
        "{record:#}"
    );
    let counts = |phase: &str| {
        let lap = list(&record, "samples").iter().find(|lap| lap["phase"] == phase).unwrap();
        (lap["hits"].as_u64().unwrap(), lap["misses"].as_u64().unwrap())
    };
    // The library, the script, its run, and the object in it. The second clone runs the script to confirm its result.
    assert_eq!(
        [counts("cold"), counts("other-first"), counts("third")],
        [(0, 4), (3, 1), (3, 0)],
        "{record:#}"
    );
}

#[test]
fn a_build_that_found_its_work_done_is_invalid() {
    let dir = tempfile::tempdir().unwrap();
    // Cleans nothing.
    set_up(dir.path(), "true");
    let arguments = ["--backends", "kache", "--runs", "1", "--phases", "same-tree", "--format", "json"];
    let output = compare(dir.path(), kache(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let record = record(&output);
    let row = row(&record, "kache", "same-tree");
    assert_eq!(row["n"], 0, "{row:#}");
    assert!(row["invalid"][0].as_str().unwrap().contains("no hits"), "{row:#}");
}

#[cfg(unix)]
#[test]
fn a_cache_that_is_not_asked_is_out() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "make clean");
    // As fast as no cache, since it is none.
    let fake = dir.path().join("fake");
    fs::write(&fake, "#!/bin/sh\ncase $1 in --version) echo kache 9 ;; *) exec \"$@\" ;; esac\n").unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let output = compare(dir.path(), &fake, &["--backends", "kache", "--runs", "2", "--markdown"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("kache 9 is out: round 1: its statistics show no compile"), "{text}");
    assert!(text.contains("| cold | kache | INVALID |"), "{text}");
}

#[test]
#[ignore = "needs the caches that scripts/peers.sh installs"]
fn other_caches_are_wired_to_hit_in_another_clone() {
    let programs = ["sccache/bin/sccache", "ccache/bin/ccache", "mbx/bin/mbx", "kache-2/bin/kache"];
    for (name, program) in ["sccache", "ccache", "mbx", "kache2"].into_iter().zip(programs) {
        assert!(peers().join(program).exists(), "{name} is not installed: run scripts/peers.sh");
        let dir = tempfile::tempdir().unwrap();
        set_up(dir.path(), "make clean");
        let output = compare(dir.path(), kache(), &["--backends", name, "--runs", "1", "--format", "json"]);
        let record = record(&output);
        assert_eq!(output.status.code(), Some(0), "{record:#}");
        let first = list(&record, "samples").iter().find(|lap| lap["phase"] == "other-first").unwrap();
        assert_eq!((&first["hits"], &first["misses"]), (&2.into(), &0.into()), "{record:#}");
    }
}

#[test]
fn a_wrong_name_is_an_error_and_an_absent_peer_a_row() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "make clean");
    let output = compare(dir.path(), kache(), &["--backends", "kashe"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `kache`?"));

    let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["compare", "made", "--workloads", ".", "--results", "results", "--dir", "scratch"])
        .args(["--backends", "plain,sccache", "--runs", "1", "--phases", "cold"])
        .env("KACHE_BENCH_PEERS", dir.path().join("none"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("sccache is out: it is not installed") && text.contains("scripts/peers.sh"),
        "{text}"
    );
}
