//! `--trace`: what is written is a trace that the viewers take, in which nothing overlaps that did not run within the other.

use crate::support::harness;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const WORKLOAD: &str = r#"
description = "Six objects, four at a time"
[source]
kind = "path"
path = "made"
[wiring]
rustc = false
cc = "env"
[build]
commands = ["make -j4"]
[clean]
commands = ["rm -f *.o"]
"#;

const MAKEFILE: &str = "all: $(patsubst %.c,%.o,$(wildcard *.c))\n%.o: %.c\n\t$(CC) -c $< -o $@\n";

fn set_up(dir: &Path) {
    let sources = dir.join("made");
    fs::create_dir_all(&sources).unwrap();
    fs::write(dir.join("made.toml"), WORKLOAD).unwrap();
    fs::write(sources.join("Makefile"), MAKEFILE).unwrap();
    for part in 0..6 {
        fs::write(sources.join(format!("part{part}.c")), format!("int part{part};\n")).unwrap();
    }
}

/// Runs a command that writes a trace; the record and the trace's slices.
fn traced(dir: &Path, arguments: &[&str]) -> (Value, Vec<Value>) {
    let arguments = [arguments, &["--format", "json", "--trace", "trace.json"]].concat();
    let output = harness(dir, &arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("trace written to trace.json"), "{told}");
    let trace: Value = serde_json::from_slice(&fs::read(dir.join("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().all(|e| e["ph"] == "X" || e["ph"] == "M"), "{trace:#}");
    let slices = events.iter().filter(|e| e["ph"] == "X").cloned().collect();
    (serde_json::from_slice(&output.stdout).unwrap(), slices)
}

fn number(slice: &Value, key: &str) -> u64 {
    slice[key].as_u64().unwrap_or_else(|| panic!("no {key}: {slice:#}"))
}

/// In each lane a slice either follows another or lies in it whole: else a viewer draws nonsense.
fn nest(slices: &[Value]) {
    let mut lanes: BTreeMap<(u64, u64), Vec<&Value>> = BTreeMap::new();
    for slice in slices {
        lanes.entry((number(slice, "pid"), number(slice, "tid"))).or_default().push(slice);
    }
    for lane in lanes.values() {
        let mut open: Vec<&Value> = Vec::new();
        for slice in lane {
            let (begin, end) = (number(slice, "ts"), number(slice, "ts") + number(slice, "dur"));
            open.retain(|outer| number(outer, "ts") + number(outer, "dur") > begin);
            for outer in &open {
                assert!(number(outer, "ts") <= begin, "{slice:#} is out of order after {outer:#}");
                assert!(number(outer, "ts") + number(outer, "dur") >= end, "{slice:#} leaves {outer:#}");
            }
            let is_phase = slice["cat"] == "phase";
            assert!(!is_phase || open.len() == 1, "a phase of nothing: {slice:#}");
            assert!(is_phase || open.is_empty(), "{slice:#} overlaps {open:#?}");
            open.push(slice);
        }
    }
}

#[test]
fn a_check_is_traced_build_by_build() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let (record, slices) = traced(dir.path(), &["check", "made"]);
    nest(&slices);

    let builds: Vec<_> = slices.iter().filter(|s| s["cat"] == "build").collect();
    let names: Vec<_> = builds.iter().map(|s| s["name"].as_str().unwrap()).collect();
    let expected = [
        "cold build (a)",
        "build from the cache (b)",
        "build in the third clone (c)",
        "second build (b)",
        "build with nothing to do (b)",
    ];
    assert_eq!(names, expected);
    for (build, outcome) in builds.iter().zip(["miss", "hit", "hit", "hit", ""]) {
        let own: Vec<_> =
            slices.iter().filter(|s| s["pid"] == build["pid"] && s["args"]["unit"].is_object()).collect();
        assert_eq!(own.len(), if outcome.is_empty() { 0 } else { 6 }, "{build:#}");
        assert_eq!(build["args"]["invocations"], own.len());
        for slice in own {
            assert_eq!(slice["args"]["outcome"], outcome);
            assert_eq!(slice["args"]["key"].as_str().unwrap().len(), 64, "{slice:#}");
            assert!(slice["name"].as_str().unwrap().starts_with("part"), "{slice:#}");
            let within = |time: u64| {
                (number(build, "ts")..=number(build, "ts") + number(build, "dur")).contains(&time)
            };
            assert!(within(number(slice, "ts")), "{slice:#} is not in {build:#}");
        }
    }
    let phases: Vec<_> = slices.iter().filter(|s| s["cat"] == "phase").collect();
    assert!(
        phases.iter().all(|s| kache_core::events::Phase::ALL.iter().any(|known| s["name"] == known.word())),
        "{phases:#?}"
    );
    assert_eq!(phases.iter().filter(|s| s["name"] == "compile").count(), 6);
    assert_eq!(record["phases"].as_array().unwrap().iter().filter(|p| p["summary"]["units"] == 6).count(), 4);
}

#[test]
fn a_comparison_is_traced_lap_by_lap() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let arguments =
        ["compare", "made", "--backends", "plain,kache", "--runs", "1", "--phases", "other-first"];
    let (_, slices) = traced(dir.path(), &arguments);
    nest(&slices);
    let builds: Vec<_> = slices.iter().filter(|s| s["cat"] == "build").collect();
    let told: Vec<_> =
        builds.iter().map(|s| (s["name"].as_str().unwrap(), number(&s["args"], "invocations"))).collect();
    let expected = [
        ("round 1/1, plain: cold", 0),
        ("round 1/1, kache: cold", 6),
        ("round 1/1, kache: other clone, first", 6),
    ];
    assert_eq!(told, expected);
}
