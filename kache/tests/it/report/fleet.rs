//! `kache report --events`: the event files of two machines, which real builds wrote.

use super::{build, filled, lines};
use crate::env::{LIB, TestEnv, assert_success};

use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Two machines, and below `logs` of the first a copy of the events of each.
fn fleet() -> (TestEnv, TestEnv) {
    let (one, two) = (filled(), filled());
    two.write("w/l.rs", "pub fn two() -> u32 { 2 }");
    build(&two, &[&LIB.join(" ")]);
    for (machine, test) in [("ci-1", &one), ("ci-2", &two)] {
        copy_events(test, &one.path("logs").join(machine));
    }
    (one, two)
}

fn copy_events(test: &TestEnv, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(test.cache().join("v1/events")).unwrap().map(|f| f.unwrap().path()) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

fn report(test: &TestEnv, args: &[&str]) -> String {
    let args = [&["report", "--events"], args].concat();
    String::from_utf8(assert_success(test.kache(&args).current_dir(test.path("logs"))).stdout).unwrap()
}

fn answer(test: &TestEnv, args: &[&str]) -> Value {
    serde_json::from_str(&report(test, &[args, &["--format", "json"]].concat())).unwrap()
}

/// What a request that kache refuses says.
fn refused(test: &TestEnv, args: &[&str]) -> String {
    let args = [&["report", "--events"], args].concat();
    let out = test.kache(&args).current_dir(test.path("logs")).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{args:?}: {out:?}");
    assert!(out.stdout.is_empty());
    String::from_utf8(out.stderr).unwrap()
}

fn count(events: &[Value], is: impl Fn(&Value) -> bool) -> u64 {
    events.iter().filter(|e| e["kind"] == "unit" && is(e)).count() as u64
}

#[test]
fn the_figures_of_two_machines_are_summed_and_each_has_a_row() {
    let (one, two) = fleet();
    let told = answer(&one, &["ci-1", "ci-2"]);
    assert_eq!(told["v"], 2);
    let logs = [lines(&one), lines(&two)];
    let (mut hits, mut misses, mut builds) = (0, 0, 0);
    for (at, events) in logs.iter().enumerate() {
        let machine = &told["machines"][at];
        let name = format!("ci-{}", at + 1);
        assert_eq!((&machine["machine"], &machine["path"]), (&json!(name), &json!(name)));
        let own = [
            count(events, |e| e["outcome"] == "hit"),
            count(events, |e| e["outcome"] == "miss"),
            count(events, |e| e["outcome"] == "passthrough"),
        ];
        assert_eq!(machine["units"]["hits"], own[0], "{name}");
        assert_eq!(machine["units"]["misses"], own[1], "{name}");
        assert_eq!(machine["units"]["passthroughs"]["unknown-flag"], own[2], "{name}");
        assert_eq!((&machine["torn_lines"], &machine["unknown_lines"]), (&json!(0), &json!(0)));
        (hits, misses) = (hits + own[0], misses + own[1]);
        builds += machine["builds"].as_u64().unwrap();
    }
    let scopes = told["scopes"].as_array().unwrap();
    let names: Vec<&Value> = scopes.iter().map(|s| &s["scope"]).collect();
    assert_eq!(names, ["last-day", "all"]);
    let all = &scopes[1];
    assert_eq!((&all["units"]["hits"], &all["units"]["misses"]), (&json!(hits), &json!(misses)));
    assert_eq!((builds, &all["builds"]), (7, &json!(7)));
    // Both have builds of two days ago: one hit, and a failure.
    assert_eq!(scopes[0]["units"]["hits"], hits - 2);
    let saved = |e: &Value| e["compile_us"].as_i64().unwrap() - e["total_us"].as_i64().unwrap();
    let hit = logs.iter().flatten().filter(|e| e["kind"] == "unit" && e["outcome"] == "hit");
    assert_eq!(all["time"]["saved_us"], hit.map(saved).sum::<i64>());
    let missed = logs.iter().flatten().filter(|e| e["kind"] == "unit" && e["outcome"] == "miss");
    let slowest = missed.map(|e| e["compile_us"].as_u64().unwrap()).max().unwrap();
    assert_eq!(all["slowest"][0]["compile_us"], slowest);
    let unit = all["slowest"][0]["unit"].as_str().unwrap();
    assert!(unit.ends_with(" on ci-1") || unit.ends_with(" on ci-2"), "{unit}");
}

#[test]
fn every_form_has_the_machines_and_the_tables_of_a_report() {
    let (one, _two) = fleet();
    let text = report(&one, &["ci-1", "ci-2"]);
    assert!(text.starts_with("last day, all of 2 machines\n7 builds; "), "{text}");
    let row = |name: &str| text.lines().find(|l| l.trim_start().starts_with(name)).unwrap_or_default();
    assert!(row("ci-1").contains(" 3 ") && row("ci-2").contains(" 4 "), "{text}");
    assert!(row("hit rate").ends_with("hits of all hits, misses and errors"), "{text}");
    assert!(!text.contains("the whole cache"), "{text}");
    let page = report(&one, &["ci-1", "ci-2", "--format", "markdown"]);
    assert!(page.contains("## Machines\n") && page.contains("| ci-2 | 4 | "), "{page}");
    let summary = report(&one, &["ci-1", "ci-2", "--format", "github"]);
    assert!(
        summary.starts_with("### kache: ") && summary.contains("<summary>machines</summary>"),
        "{summary}"
    );
    let since = answer(&one, &["ci-1", "ci-2", "--since", "1h"]);
    assert_eq!(since["scopes"].as_array().unwrap().len(), 1);
    assert_eq!(since["machines"][0]["builds"], 2, "the old build is not within the hour");
    assert!(refused(&one, &["ci-1", "--last-build"]).contains("--last-build"));
}

#[test]
fn a_machine_is_a_directory_a_file_or_a_copied_cache() {
    let (one, two) = fleet();
    let directory = answer(&one, &["ci-2"])["machines"][0].clone();
    fs::create_dir_all(one.path("logs/whole/v1/events")).unwrap();
    copy_events(&two, &one.path("logs/whole/v1/events"));
    let whole = answer(&one, &["whole"])["machines"][0].clone();
    assert_eq!((&whole["machine"], &whole["units"]), (&json!("whole"), &directory["units"]));
    let joined: String = fs::read_dir(one.path("logs/ci-2"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    fs::write(one.path("logs/joined.jsonl"), joined).unwrap();
    let file = answer(&one, &["joined.jsonl"])["machines"][0].clone();
    assert_eq!((&file["machine"], &file["units"]), (&json!("joined"), &directory["units"]));
    // Both are called `events`.
    let names = answer(&one, &["whole/v1/events", "../cache/v1/events"]);
    assert_eq!(names["machines"][0]["machine"], "whole/v1/events");
    assert_eq!(names["machines"][1]["machine"], "../cache/v1/events");
}

#[test]
fn a_torn_line_is_left_out_and_counted_and_so_is_what_another_version_wrote() {
    let (one, _two) = fleet();
    let newest = newest_file(&one.path("logs/ci-2"));
    let text = fs::read_to_string(&newest).unwrap();
    let last = text.trim_end().rsplit('\n').next().unwrap();
    let events = |told: &Value| {
        let versions = told["machines"][0]["versions"].as_object().unwrap().values();
        versions.map(|n| n.as_u64().unwrap()).sum::<u64>()
    };
    let before = events(&answer(&one, &["ci-2"]));
    // Without its end of line, an event is still whole.
    fs::write(&newest, text.trim_end()).unwrap();
    assert_eq!(events(&answer(&one, &["ci-2"])), before);
    // Cut anywhere, it is torn.
    for cut in [1, last.len() / 2, last.len() - 1] {
        fs::write(&newest, &text.trim_end()[..text.trim_end().len() - cut]).unwrap();
        let told = answer(&one, &["ci-2"]);
        assert_eq!((events(&told), &told["machines"][0]["torn_lines"]), (before - 1, &json!(1)));
    }
    assert!(report(&one, &["ci-2"]).lines().any(|l| l.ends_with("1 torn line")));
    // A reason that this version does not have, in this format.
    let mut other: Value = serde_json::from_str(last).unwrap();
    other["reason"] = json!("phase-of-the-moon");
    fs::write(&newest, format!("{text}{other}\n")).unwrap();
    let told = answer(&one, &["ci-2"]);
    assert_eq!((events(&told), &told["machines"][0]["torn_lines"]), (before, &json!(0)));
    assert_eq!(told["machines"][0]["unknown_lines"], 1);
    assert!(report(&one, &["ci-2"]).lines().any(|l| l.ends_with("1 line of another version")));
}

fn newest_file(dir: &Path) -> std::path::PathBuf {
    fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).max().unwrap()
}

#[test]
fn a_log_that_cannot_be_counted_is_refused_and_named() {
    let (one, _two) = fleet();
    let newest = newest_file(&one.path("logs/ci-2"));
    let text = fs::read_to_string(&newest).unwrap();
    let mut newer: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    newer["v"] = json!(3);
    newer["kache"] = json!("9.9.9");
    fs::write(&newest, format!("{text}{newer}\n")).unwrap();
    let said = refused(&one, &["ci-1", "ci-2"]);
    let place = format!("{}:{}", newest.file_name().unwrap().to_str().unwrap(), text.lines().count() + 1);
    assert!(said.contains(&place) && said.contains("kache 9.9.9 wrote events of format 3"), "{said}");
    let said = refused(&one, &["ci-1", "missing"]);
    assert!(said.contains("missing: ") && said.contains("`<cache>/v1/events`"), "{said}");
    fs::create_dir(one.path("logs/empty")).unwrap();
    let said = refused(&one, &["empty"]);
    assert!(said.contains("empty has no events: give a copy of a machine's"), "{said}");
    let said = refused(&one, &["."]);
    assert!(said.contains("directories in it have: give `./*`"), "{said}");
    fs::write(one.path("logs/empty/1.jsonl"), "{\"v\":").unwrap();
    let said = refused(&one, &["empty"]);
    assert!(said.contains("empty has no events (torn lines: 1; "), "{said}");
    let said = refused(&one, &["ci-1", "../logs/ci-1"]);
    assert!(said.contains("../logs/ci-1 was given before"), "{said}");
    let fifo = one.path("logs/fifo");
    assert_success(std::process::Command::new("mkfifo").arg(&fifo));
    let said = refused(&one, &["fifo"]);
    assert!(said.contains("fifo is neither a directory nor a file"), "{said}");
}
