//! The store as users keep it: collected, purged, verified, and damaged.
#![cfg(target_os = "linux")]

mod stage;

use kache_core::events::Outcome::{Hit, Miss};
use serde_json::Value;
use stage::{Stage, good};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// All files below a part of the store.
fn files(stage: &Stage, part: &str) -> Vec<PathBuf> {
    fn below(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => below(&entry.path(), out),
                false => out.push(entry.path()),
            }
        }
    }
    let mut out = Vec::new();
    below(&stage.cache().join("v1").join(part), &mut out);
    out.sort();
    out
}

fn age(path: &Path, by: Duration) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

const LARGE: u64 = 1_000_000;

/// Compiles `name.c`, which is made where it is not there.
fn compile(stage: &Stage, name: &str) -> kache_core::events::Outcome {
    let source = format!("{name}.c");
    if !stage.path("w").join(&source).exists() {
        stage.write(&format!("w/{source}"), &format!("const char {name}[{LARGE}] = {{1}};\n"));
    }
    stage.outcome(&mut stage.kache(&["gcc", "-c", &source, "-o", &format!("{name}.o")]))
}

/// Compiles and has it all be of some age.
fn compiled(stage: &Stage, name: &str, by: Duration) {
    let before = [files(stage, "results"), files(stage, "blobs")].concat();
    assert_eq!(compile(stage, name), Miss);
    for file in [files(stage, "results"), files(stage, "blobs")].concat() {
        if !before.contains(&file) {
            age(&file, by);
        }
    }
}

fn asked(stage: &Stage, words: &[&str]) -> (Option<i32>, Value) {
    let output = stage.kache(words).args(["--format", "json"]).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), answer)
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let stage = Stage::new();
    for (name, old) in [("a", 9), ("b", 8), ("c", 7)] {
        compiled(&stage, name, days(old));
    }
    // Used now, it is the youngest.
    assert_eq!(compile(&stage, "a"), Hit);
    // Room for one object and a half, besides all else.
    let (_, now) = asked(&stage, &["gc", "--dry-run"]);
    let besides = now["before"].as_u64().unwrap() - 3 * LARGE;
    let max = ((besides + LARGE * 3 / 2) * 5 / 4).to_string();
    let (_, told) = asked(&stage, &["gc", "--max-size", &max, "--dry-run"]);
    assert_eq!(files(&stage, "results").len(), 3, "a dry run removes nothing");
    let (status, done) = asked(&stage, &["gc", "--max-size", &max]);
    assert_eq!((status, &done["results"], &done["blobs"]), (Some(0), &told["results"], &told["blobs"]));
    assert!(done["after"].as_u64() < done["before"].as_u64(), "{done}");
    assert_eq!(compile(&stage, "a"), Hit, "{done}");
    assert_eq!(compile(&stage, "b"), Miss, "{done}");
    let verified = asked(&stage, &["verify"]);
    assert_eq!((verified.0, verified.1["faults"].as_array().unwrap().len()), (Some(0), 0), "{}", verified.1);
}

#[test]
fn age_is_a_bound_too_and_everything_can_go() {
    let stage = Stage::new();
    compiled(&stage, "a", days(20));
    compiled(&stage, "b", days(2));
    let (_, done) = asked(&stage, &["gc", "--max-age", "2w"]);
    assert_eq!((&done["results"]["files"], &done["kept"]), (&1.into(), &1.into()), "{done}");
    assert_eq!((compile(&stage, "b"), compile(&stage, "a")), (Hit, Miss));
    asked(&stage, &["gc", "--max-size", "0"]);
    for part in ["results", "blobs", "manifests", "traces"] {
        assert_eq!(files(&stage, part), [] as [PathBuf; 0], "{part}");
    }
    assert_eq!((compile(&stage, "b"), compile(&stage, "b")), (Miss, Hit));
}

#[test]
fn a_blob_that_two_results_name_stays_with_either() {
    let stage = Stage::new();
    // The same object from two sources.
    stage.write("w/a.c", "int x;\n");
    stage.write("w/b.c", "int x;\n");
    let object = |name: &str| {
        let words = ["gcc", "-c", "-x", "c", name, "-o", "same.o"];
        stage.outcome(&mut stage.kache(&words))
    };
    assert_eq!((object("a.c"), object("b.c")), (Miss, Miss));
    let results = files(&stage, "results");
    assert_eq!(results.len(), 2);
    age(&results[0], days(50));
    files(&stage, "blobs").iter().for_each(|blob| age(blob, days(60)));
    asked(&stage, &["gc", "--max-age", "30d"]);
    let mut outcomes = [object("a.c"), object("b.c")];
    outcomes.sort();
    assert_eq!(outcomes, [Hit, Miss]);
}

#[test]
fn what_killed_processes_left_is_cleared_and_what_lives_is_not() {
    let stage = Stage::new();
    compiled(&stage, "a", days(1));
    let store = stage.cache().join("v1");
    let hour = Duration::from_secs(2 * 3600);
    for (name, by) in [("tmp/1-2-3", hour), ("tmp/4-5-6", Duration::ZERO), ("locks/dead", hour)] {
        fs::write(store.join(name), "x").unwrap();
        age(&store.join(name), by);
    }
    let held = fs::File::create(store.join("locks/held")).unwrap();
    held.lock().unwrap();
    age(&store.join("locks/held"), hour);
    asked(&stage, &["gc"]);
    let there = |name: &str| store.join(name).exists();
    assert_eq!([there("tmp/1-2-3"), there("locks/dead")], [false, false]);
    assert_eq!([there("tmp/4-5-6"), there("locks/held")], [true, true]);
    assert_eq!(compile(&stage, "a"), Hit);
}

#[test]
fn a_cache_that_outgrows_its_bound_is_collected_by_itself() {
    let stage = Stage::new();
    compiled(&stage, "a", days(3));
    let mut builds = stage.kache(&["gcc", "-c", "b.c", "-o", "b.o"]);
    stage.write("w/b.c", "const char b[20000] = {1};\n");
    good(builds.env("KACHE_MAX_SIZE", "50k"));
    let start = SystemTime::now();
    while files(&stage, "results").len() > 1 || !files(&stage, "locks").is_empty() {
        assert!(start.elapsed().unwrap() < Duration::from_secs(60), "{:?}", files(&stage, "results"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn purged_it_is_empty_and_builds_go_on() {
    let stage = Stage::new();
    assert_eq!((compile(&stage, "a"), compile(&stage, "a")), (Miss, Hit));
    let (_, would) = asked(&stage, &["purge", "--dry-run"]);
    assert!(would["files"].as_u64().unwrap() > 3 && compile(&stage, "a") == Hit);
    good(&mut stage.kache(&["purge"]));
    assert_eq!(fs::read_dir(stage.cache()).unwrap().count(), 0);
    assert_eq!((compile(&stage, "a"), compile(&stage, "a")), (Miss, Hit));
}

#[test]
fn damage_is_found_named_and_cleared() {
    let stage = Stage::new();
    assert_eq!((compile(&stage, "a"), compile(&stage, "b"), compile(&stage, "c")), (Miss, Miss, Miss));
    let right = fs::read(stage.path("w/a.o")).unwrap();
    let blob = files(&stage, "blobs").into_iter().find(|b| fs::read(b).unwrap() == right).unwrap();
    good(Command::new("chmod").arg("u+w").arg(&blob));
    fs::write(&blob, "wrong").unwrap();
    let results = files(&stage, "results");
    fs::write(&results[0], "").unwrap();
    let manifest = files(&stage, "manifests").pop().unwrap();
    let bytes = fs::read(&manifest).unwrap();
    fs::write(&manifest, &bytes[..bytes.len() / 2]).unwrap();
    let (status, found) = asked(&stage, &["verify"]);
    assert_eq!((status, &found["ok"]), (Some(1), &false.into()));
    assert_eq!(found["faults"].as_array().unwrap().len(), 3, "{found}");
    let (status, done) = asked(&stage, &["verify", "--repair"]);
    assert_eq!((status, &done["ok"]), (Some(0), &true.into()), "{done}");
    assert!(!blob.exists() && !results[0].exists() && !manifest.exists());
    for name in ["a", "b", "c"] {
        compile(&stage, name);
        assert_eq!(compile(&stage, name), Hit);
    }
    assert_eq!(fs::read(stage.path("w/a.o")).unwrap(), right);
    // What lost its blob or its result only loses a compile; that is no damage.
    let (status, left) = asked(&stage, &["verify"]);
    assert_eq!(status, Some(0), "{left}");
}

#[test]
fn an_output_may_have_the_longest_name() {
    let stage = Stage::new();
    stage.write("w/a.c", "int x;\n");
    let object = format!("{}.o", "n".repeat(253));
    let outcome = || stage.outcome(&mut stage.kache(&["gcc", "-c", "a.c", "-o", &object]));
    assert_eq!((outcome(), outcome()), (Miss, Hit));
}

#[test]
fn a_token_that_a_crate_reads_is_kept_as_a_digest() {
    let stage = Stage::new();
    stage.write("w/l.rs", "pub const T: Option<&str> = option_env!(\"CARGO_REGISTRY_TOKEN\");\n");
    let mut rustc = stage.kache(stage::LIB);
    assert_eq!(stage.outcome(rustc.env("CARGO_REGISTRY_TOKEN", "hunter2")), Miss);
    let trace = stage.trace();
    assert!(trace.contains("env CARGO_REGISTRY_TOKEN") && !trace.contains("hunter2"), "{trace}");
    // Another value is another input all the same.
    assert_eq!(stage.outcome(rustc.env("CARGO_REGISTRY_TOKEN", "hunter3")), Miss);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let stage = Stage::new();
    for words in [
        &["gc", "--max-size", "big"][..],
        &["gc", "--max-size", "120%"],
        &["gc", "--max-age", "5"],
        &["gc", "--max-age", "soon"],
        &["verify", "--repair", "--dry-run"],
        &["purge", "all"],
    ] {
        let output = stage.kache(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
}
