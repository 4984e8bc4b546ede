//! Faults planted in real builds: the gate finds lost results, and a slowed cache still answers right.
//!
//! Whether a slowdown is found depends on how quiet the machine is: `scripts/alarms.sh` shows that, and `gate.rs` tries it on modelled
//! times.

use crate::support::harness;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const WORKLOAD: &str = r#"
description = "Three objects and a program"
[source]
kind = "path"
path = "made"
[wiring]
rustc = false
cc = "env"
[build]
commands = ["make all"]
[clean]
commands = ["make clean"]
[tools]
required = ["cc", "make"]
[expect]
units = 3
"#;

const MAKEFILE: &str = "\
all: app\n\
app: main.o one.o two.o\n\t$(CC) -o $@ $^\n\
%.o: %.c\n\t$(CC) -c $< -o $@\n\
clean:\n\trm -f app *.o\n";

fn set_up(dir: &Path) {
    let sources = dir.join("made");
    fs::create_dir_all(&sources).unwrap();
    fs::write(dir.join("made.toml"), WORKLOAD).unwrap();
    fs::write(sources.join("Makefile"), MAKEFILE).unwrap();
    fs::write(
        sources.join("main.c"),
        "int one(void);\nint two(void);\nint main(void) { return one() + two(); }\n",
    )
    .unwrap();
    fs::write(sources.join("one.c"), "int one(void) { return 1; }\n").unwrap();
    fs::write(sources.join("two.c"), "int two(void) { return 2; }\n").unwrap();
}

fn run(dir: &Path, arguments: &[&str], builds: bool) -> Output {
    if builds {
        return harness(dir, arguments).output().unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_kache-bench"));
    command.args(arguments).args(["--results", "results"]).current_dir(dir).output().unwrap()
}

#[test]
fn two_lost_results_are_a_regression_and_do_not_count_later() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    assert_eq!(run(dir.path(), &["check", "made"], true).status.code(), Some(0));
    assert_eq!(
        run(dir.path(), &["gate"], false).status.code(),
        Some(3),
        "the first run has none to be compared with"
    );
    let lost = run(dir.path(), &["check", "made", "--lose", "2"], true);
    let told = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert_eq!((lost.status.code(), told.matches("injected loss").count()), (Some(1), 2), "{told}");
    let gate = run(dir.path(), &["gate"], false);
    let text = String::from_utf8_lossy(&gate.stdout).into_owned();
    assert_eq!(gate.status.code(), Some(1), "{text}");
    assert!(text.contains("✗ units without a hit in the second clone: 0 recorded, 2 now"), "{text}");
    assert!(text.contains("injected fault: 2 results were lost"), "{text}");

    assert_eq!(run(dir.path(), &["check", "made"], true).status.code(), Some(0));
    let gate = run(dir.path(), &["gate", "--format", "json"], false);
    let judged: Value = serde_json::from_slice(&gate.stdout).unwrap();
    assert_eq!((gate.status.code(), &judged["judged"][0]["recorded"]), (Some(0), &1.into()), "{judged:#}");

    let too_many = run(dir.path(), &["check", "made", "--lose", "5"], true);
    assert_eq!(too_many.status.code(), Some(2), "{}", String::from_utf8_lossy(&too_many.stderr));
}

#[test]
fn a_slowed_cache_still_hits_and_its_record_says_so() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let arguments = [
        "compare",
        "made",
        "--backends",
        "kache",
        "--runs",
        "1",
        "--phases",
        "other-first",
        "--slow",
        "20%",
        "--format",
        "json",
    ];
    let output = run(dir.path(), &arguments, true);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["injected"], "each compile with kache takes 20 % longer");
    let laps = record["samples"].as_array().unwrap();
    let counts = |phase: &str| {
        let lap = laps.iter().find(|lap| lap["phase"] == phase).unwrap();
        (lap["hits"].as_u64(), lap["misses"].as_u64())
    };
    assert_eq!(
        (counts("cold"), counts("other-first")),
        ((Some(0), Some(4)), (Some(4), Some(0))),
        "{record:#}"
    );

    let nobody =
        run(dir.path(), &["compare", "made", "--backends", "plain", "--runs", "1", "--slow", "20%"], true);
    assert_eq!(nobody.status.code(), Some(2));
}
