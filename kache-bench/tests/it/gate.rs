//! `gate`, through the binary: what is worse ends in status 1, what cannot be told in 3, what cannot be read in 2.
//!
//! The records are written here, by a model: a build takes what it takes by chance, and so does a whole run. The faults themselves, planted in
//! real builds, are in `injected_faults.rs`.

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// By how much a build's time over that of the plain build in its round scatters, and the same of whole runs, as standard deviations
/// of logarithms: on a machine that is left alone, and as six `compare --runs 5` of a small C workload had it while twenty
/// other processes wanted two cores.
const QUIET: [f64; 2] = [0.04, 0.02];
const LOADED: [f64; 2] = [0.13, 0.05];
const ROUNDS: usize = 5;

/// A deterministic model of runs.
struct Chance(fastrand::Rng, [f64; 2]);

impl Chance {
    fn seeded(seed: u64, spread: [f64; 2]) -> Chance {
        Chance(fastrand::Rng::with_seed(seed), spread)
    }

    /// By Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.0.f64()).ln()).sqrt() * (std::f64::consts::TAU * self.0.f64()).cos()
    }

    /// A run of `compare` on a machine that is as fast as it happens to be, on which kache's builds take `factor` as long.
    fn run(&mut self, day: usize, factor: f64) -> Value {
        let [within, between] = self.1;
        let night = (between * self.normal()).exp();
        let mut laps = Vec::new();
        for round in 1..=ROUNDS {
            // What the machine does in a round it does to both.
            let machine = (0.3 * self.normal()).exp();
            laps.push(lap("plain", "cold", round, 10.0 * machine, 0, 0));
            for (phase, share) in [("cold", 1.04), ("other-first", 0.06)] {
                let seconds = 10.0 * machine * share * night * factor * (within * self.normal()).exp();
                let (hits, misses) = if phase == "cold" { (0, 58) } else { (58, 0) };
                laps.push(lap("kache", phase, round, seconds, hits, misses));
            }
        }
        json!({
            "v": 2, "command": "compare", "workload": "model", "source": "s", "date": date(day), "commit": null,
            "machine": machine(), "page_cache": "warm", "rounds": ROUNDS,
            "participants": [entrant("plain"), entrant("kache")], "samples": laps, "disk": [], "summary": [],
        })
    }
}

fn lap(backend: &str, phase: &str, round: usize, seconds: f64, hits: usize, misses: usize) -> Value {
    json!({
        "backend": backend, "round": round, "phase": phase, "seconds": seconds, "cpu_seconds": 1.0,
        "server_cpu_seconds": 0.0, "processes": null, "hits": hits, "misses": misses, "passed": 0, "invalid": null,
    })
}

fn entrant(name: &str) -> Value {
    json!({ "name": name, "version": "1", "out": null, "note": null })
}

fn machine() -> Value {
    json!({ "cpu": "model", "cores": 2, "memory_mib": 24_000, "kernel": "6.18.1", "rustc": "rustc 1.95.0 (x)" })
}

fn date(day: usize) -> String {
    format!("2026-01-{:02}T{:02}:00:00Z", 1 + day / 24, day % 24)
}

/// A `check` of 58 units in which so many missed.
fn check(day: usize, missed: usize) -> Value {
    let tally = |hits: usize| json!({ "units": 58, "hits": hits, "misses": 58 - hits });
    let phase =
        |name: &str, hits| json!({ "name": name, "clone": "b", "seconds": 1.0, "summary": tally(hits) });
    let names: Vec<_> = (0..missed).map(|at| format!("unit{at} 1.0.0 (lib)")).collect();
    json!({
        "v": 2, "command": "check", "workload": "model", "source": "s", "date": date(day), "commit": null,
        "backend": { "name": "kache", "version": "1" }, "machine": machine(),
        "verdict": { "ok": true, "problems": [] }, "hit_rate": null, "key_stability": 1.0,
        "phases": [phase("cold build", 0), phase("build from the cache", 58 - missed), phase("second build", 58)],
        "stability": { "paired": 58, "equal": 58, "missed": names }, "key_mismatches": [], "unexplained": [],
        "artifacts": { "artifacts": 9, "identical": 9, "equal_members": 0, "bytes": 1, "mismatches": [] },
    })
}

fn write(dir: &Path, records: &[Value]) {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(dir.join("model.jsonl"), lines).unwrap();
}

fn gate(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["gate", "--results"])
        .arg(dir)
        .args(arguments)
        .output()
        .unwrap()
}

fn judged(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_slowdown_of_a_fifth_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let mut chance = Chance::seeded(1, QUIET);
    let mut records: Vec<_> = (0..10).map(|day| chance.run(day, 1.0)).collect();
    records.push(chance.run(10, 1.2));
    write(dir.path(), &records);
    let output = gate(dir.path(), &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("✗ cold: time over plain: slower: +") && text.contains("gate: REGRESSION"),
        "{text}"
    );

    // It is recorded by now, and still one on the next night.
    records.push(chance.run(11, 1.2));
    write(dir.path(), &records);
    let next = gate(dir.path(), &["--format", "json"]);
    assert_ne!(next.status.code(), Some(0), "{:#}", judged(&next));
}

#[test]
fn one_binary_again_and_again_raises_no_alarm() {
    let dir = tempfile::tempdir().unwrap();
    for (seed, spread) in (0..5).map(|seed| (seed, QUIET)).chain([(5, LOADED)]) {
        let mut chance = Chance::seeded(100 + seed, spread);
        let mut records: Vec<Value> = Vec::new();
        for day in 0..10 {
            records.push(chance.run(day, 1.0));
            records.push(check(day, 0));
            write(dir.path(), &records);
            let output = gate(dir.path(), &["--format", "json"]);
            let gate = judged(&output);
            assert!(matches!(output.status.code(), Some(0 | 3)), "seed {seed}, night {day}: {gate:#}");
            assert_eq!(output.status.code() == Some(3), gate["verdict"] == "inconclusive");
        }
    }
}

#[test]
fn two_units_that_miss_are_caught_exactly_and_stay_caught() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = vec![check(0, 0)];
    write(dir.path(), &records);
    assert_eq!(
        gate(dir.path(), &[]).status.code(),
        Some(3),
        "nothing to compare with is not known to be well"
    );
    for day in 1..3 {
        records.push(check(day, 2));
        write(dir.path(), &records);
        let output = gate(dir.path(), &["model"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let told = "✗ units without a hit in the second clone: 0 recorded, 2 now (unit0 1.0.0 (lib), unit1";
        assert!(text.contains(told), "{text}");
    }
    // What was accepted on purpose.
    let since = gate(dir.path(), &["--since", "2026-01-01T01:00:00Z"]);
    assert_eq!(since.status.code(), Some(0), "{}", String::from_utf8_lossy(&since.stdout));
    let markdown = gate(dir.path(), &["--markdown"]);
    assert!(String::from_utf8_lossy(&markdown.stdout).starts_with("**gate: REGRESSION**"));
}

#[test]
fn a_false_hit_needs_nothing_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = check(0, 0);
    wrong["artifacts"]["mismatches"] = json!([{ "file": "a.o", "why": "one byte" }]);
    write(dir.path(), &[wrong]);
    let output = gate(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("false hits: artifacts that differ"));

    let outcome =
        |verdict: &str| json!({ "kache": { "verdict": verdict }, "ccache": { "verdict": "false-hit" } });
    let traps = |day, verdict: &str| {
        let row =
            json!({ "theme": "t", "name": "c", "about": "", "source": "", "outcomes": outcome(verdict) });
        json!({ "v": 2, "command": "traps", "whole": true, "date": date(day), "machine": machine(),
            "backends": [["kache", "1"]], "rows": [row] })
    };
    write(dir.path(), &[traps(0, "ok"), traps(1, "ok")]);
    assert_eq!(gate(dir.path(), &[]).status.code(), Some(0), "another cache's false hits are its own");
    write(dir.path(), &[traps(0, "ok"), traps(1, "false-hit")]);
    assert_eq!(gate(dir.path(), &[]).status.code(), Some(1));
    write(dir.path(), &[traps(0, "ok"), traps(1, "not-cached")]);
    assert_eq!(gate(dir.path(), &[]).status.code(), Some(1));
}

#[test]
fn other_machines_other_sources_and_planted_faults_are_not_compared_with() {
    let dir = tempfile::tempdir().unwrap();
    let (mut machine, mut source, mut planted) = (check(0, 0), check(1, 0), check(2, 0));
    machine["machine"]["cpu"] = "another".into();
    source["source"] = "another".into();
    planted["injected"] = "2 results were lost".into();
    write(dir.path(), &[machine, source, planted, check(3, 2)]);
    let output = gate(dir.path(), &["--format", "json"]);
    assert_eq!((output.status.code(), judged(&output)["judged"][0]["recorded"].as_u64()), (Some(3), Some(0)));
}

#[test]
fn a_run_in_a_file_is_judged_by_the_recorded_ones() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[check(0, 0), check(1, 0)]);
    let run = tempfile::tempdir().unwrap();
    write(run.path(), &[check(2, 1)]);
    let file = run.path().join("model.jsonl");
    assert_eq!(gate(dir.path(), &[]).status.code(), Some(0));
    let output = gate(dir.path(), &["--format", "json", "--run", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), judged(&output)["judged"][0]["recorded"].as_u64()), (Some(1), Some(2)));
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut shapeless = check(2, 0);
    shapeless["verdict"] = json!("fine");
    let text = format!("{}\n{{\"v\":2,\n\n{shapeless}\n\u{fffd}\n", check(1, 0));
    fs::write(dir.path().join("model.jsonl"), &text).unwrap();
    for command in ["gate", "report"] {
        let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
            .args([command, "--results"])
            .arg(dir.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        for line in ["model.jsonl:2: EOF", "model.jsonl:4: does not match the shape", "model.jsonl:5: "] {
            assert!(told.contains(line), "{command}: {told}");
        }
        assert!(!told.contains("model.jsonl:1:"), "{told}");
        assert_eq!(fs::read_to_string(dir.path().join("model.jsonl")).unwrap(), text);
        assert!(!dir.path().join("report.html").exists());
    }
}

#[test]
fn unknown_versions_are_skipped_and_an_empty_history_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (mut newer, mut other) = (check(5, 9), check(6, 9));
    newer["v"] = 3.into();
    newer["verdict"] = "of another shape".into();
    other["command"] = "dance".into();
    write(dir.path(), &[check(0, 0), check(1, 0), newer, other]);
    let output = gate(dir.path(), &["--format", "json"]);
    assert_eq!((output.status.code(), judged(&output)["judged"].as_array().unwrap().len()), (Some(0), 1));

    write(dir.path(), &[]);
    assert_eq!(gate(dir.path(), &[]).status.code(), Some(2));
    let told = gate(&dir.path().join("absent"), &[]);
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("--results"));
    write(dir.path(), &[check(0, 0)]);
    assert_eq!(gate(dir.path(), &["absent"]).status.code(), Some(2));
    assert_eq!(gate(dir.path(), &["--since", "yesterday"]).status.code(), Some(2));
}

#[test]
fn a_check_that_failed_is_a_regression_whatever_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let failed = |day| {
        let mut run = check(day, 0);
        run["verdict"] = json!({ "ok": false, "problems": ["built in one clone only: a"] });
        run
    };
    for records in [vec![failed(0)], vec![failed(0), failed(1), failed(2)]] {
        write(dir.path(), &records);
        let output = gate(dir.path(), &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("problems of the verdict") && text.contains("built in one clone only: a"),
            "{text}"
        );
    }
}

#[test]
fn a_first_run_has_nothing_to_be_compared_with() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[check(0, 0)]);
    let output = gate(dir.path(), &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("there is nothing to compare with") && !text.contains(" ok, compared with"),
        "{text}"
    );
    let table = String::from_utf8_lossy(&gate(dir.path(), &["--markdown"]).stdout).into_owned();
    assert!(table.contains("there is nothing to compare with"), "{table}");
}
