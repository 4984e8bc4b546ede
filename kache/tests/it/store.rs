//! The store as users keep it: collected, purged, verified, and damaged.

use crate::env::{LIB, TestEnv, assert_success};
use kache_core::events::Outcome::{Hit, Miss};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// All files below a part of the store.
fn files(test: &TestEnv, part: &str) -> Vec<PathBuf> {
    fn below(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => below(&entry.path(), out),
                false => out.push(entry.path()),
            }
        }
    }
    let mut out = Vec::new();
    below(&test.cache().join("v1").join(part), &mut out);
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
fn compile(test: &TestEnv, name: &str) -> kache_core::events::Outcome {
    let source = format!("{name}.c");
    if !test.path("w").join(&source).exists() {
        test.write(&format!("w/{source}"), &format!("const char {name}[{LARGE}] = {{1}};\n"));
    }
    test.outcome(&mut test.kache(&["gcc", "-c", &source, "-o", &format!("{name}.o")]))
}

/// Compiles and has it all be of some age.
fn compiled(test: &TestEnv, name: &str, by: Duration) {
    let before = [files(test, "results"), files(test, "blobs")].concat();
    assert_eq!(compile(test, name), Miss);
    for file in [files(test, "results"), files(test, "blobs")].concat() {
        if !before.contains(&file) {
            age(&file, by);
        }
    }
}

fn asked(test: &TestEnv, words: &[&str]) -> (Option<i32>, Value) {
    let output = test.kache(words).args(["--format", "json"]).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), answer)
}

#[test]
fn the_first_compile_records_the_toolchain() {
    let test = TestEnv::with_an_empty_cache();
    test.write("w/l.rs", "pub fn f() {}");
    assert_eq!(test.outcome(&mut test.kache(LIB)), Miss);
    let records = files(&test, "toolchains");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(test.outcome(&mut test.kache(LIB)), Hit);
    assert_eq!(files(&test, "toolchains"), records);
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let test = TestEnv::new();
    for (name, old) in [("a", 9), ("b", 8), ("c", 7)] {
        compiled(&test, name, days(old));
    }
    // Used now, it is the youngest.
    assert_eq!(compile(&test, "a"), Hit);
    // Room for one object and a half, besides all else.
    let (_, now) = asked(&test, &["gc", "--dry-run"]);
    let besides = now["before"].as_u64().unwrap() - 3 * LARGE;
    let max = ((besides + LARGE * 3 / 2) * 5 / 4).to_string();
    let (_, told) = asked(&test, &["gc", "--max-size", &max, "--dry-run"]);
    assert_eq!(files(&test, "results").len(), 3, "a dry run removes nothing");
    let (status, done) = asked(&test, &["gc", "--max-size", &max]);
    assert_eq!((status, &done["results"], &done["blobs"]), (Some(0), &told["results"], &told["blobs"]));
    assert!(done["after"].as_u64() < done["before"].as_u64(), "{done}");
    assert_eq!(compile(&test, "a"), Hit, "{done}");
    assert_eq!(compile(&test, "b"), Miss, "{done}");
    let verified = asked(&test, &["verify"]);
    assert_eq!((verified.0, verified.1["faults"].as_array().unwrap().len()), (Some(0), 0), "{}", verified.1);
}

#[test]
fn age_is_a_bound_too_and_everything_can_go() {
    let test = TestEnv::new();
    compiled(&test, "a", days(20));
    compiled(&test, "b", days(2));
    let (_, done) = asked(&test, &["gc", "--max-age", "2w"]);
    assert_eq!((&done["results"]["files"], &done["kept"]), (&1.into(), &1.into()), "{done}");
    assert_eq!((compile(&test, "b"), compile(&test, "a")), (Hit, Miss));
    asked(&test, &["gc", "--max-size", "0"]);
    for part in ["results", "blobs", "manifests", "traces"] {
        assert_eq!(files(&test, part), [] as [PathBuf; 0], "{part}");
    }
    assert_eq!((compile(&test, "b"), compile(&test, "b")), (Miss, Hit));
}

#[test]
fn a_blob_that_two_results_name_stays_with_either() {
    let test = TestEnv::new();
    // The same object from two sources.
    test.write("w/a.c", "int x;\n");
    test.write("w/b.c", "int x;\n");
    let object = |name: &str| {
        let words = ["gcc", "-c", "-x", "c", name, "-o", "same.o"];
        test.outcome(&mut test.kache(&words))
    };
    assert_eq!((object("a.c"), object("b.c")), (Miss, Miss));
    let results = files(&test, "results");
    assert_eq!(results.len(), 2);
    age(&results[0], days(50));
    files(&test, "blobs").iter().for_each(|blob| age(blob, days(60)));
    asked(&test, &["gc", "--max-age", "30d"]);
    let mut outcomes = [object("a.c"), object("b.c")];
    outcomes.sort();
    assert_eq!(outcomes, [Hit, Miss]);
}

#[test]
fn what_killed_processes_left_is_cleared_and_what_lives_is_not() {
    let test = TestEnv::new();
    compiled(&test, "a", days(1));
    let store = test.cache().join("v1");
    let hour = Duration::from_secs(2 * 3600);
    for (name, by) in [("tmp/1-2-3", hour), ("tmp/4-5-6", Duration::ZERO), ("locks/dead", hour)] {
        fs::write(store.join(name), "x").unwrap();
        age(&store.join(name), by);
    }
    let held = fs::File::create(store.join("locks/held")).unwrap();
    held.lock().unwrap();
    age(&store.join("locks/held"), hour);
    asked(&test, &["gc"]);
    let there = |name: &str| store.join(name).exists();
    assert_eq!([there("tmp/1-2-3"), there("locks/dead")], [false, false]);
    assert_eq!([there("tmp/4-5-6"), there("locks/held")], [true, true]);
    assert_eq!(compile(&test, "a"), Hit);
}

#[test]
fn a_cache_that_outgrows_its_bound_is_collected_by_itself() {
    let test = TestEnv::new();
    compiled(&test, "a", days(3));
    let mut builds = test.kache(&["gcc", "-c", "b.c", "-o", "b.o"]);
    test.write("w/b.c", "const char b[20000] = {1};\n");
    assert_success(builds.env("KACHE_MAX_SIZE", "50k"));
    let start = SystemTime::now();
    while files(&test, "results").len() > 1 || !files(&test, "locks").is_empty() {
        assert!(start.elapsed().unwrap() < Duration::from_secs(60), "{:?}", files(&test, "results"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn purged_it_is_empty_and_builds_go_on() {
    let test = TestEnv::new();
    assert_eq!((compile(&test, "a"), compile(&test, "a")), (Miss, Hit));
    let (_, would) = asked(&test, &["purge", "--dry-run"]);
    assert!(would["files"].as_u64().unwrap() > 3 && compile(&test, "a") == Hit);
    assert_success(&mut test.kache(&["purge"]));
    assert_eq!(fs::read_dir(test.cache()).unwrap().count(), 0);
    assert_eq!((compile(&test, "a"), compile(&test, "a")), (Miss, Hit));
}

#[test]
fn damage_is_found_named_and_cleared() {
    let test = TestEnv::new();
    assert_eq!((compile(&test, "a"), compile(&test, "b"), compile(&test, "c")), (Miss, Miss, Miss));
    let right = fs::read(test.path("w/a.o")).unwrap();
    let blob = files(&test, "blobs").into_iter().find(|b| fs::read(b).unwrap() == right).unwrap();
    assert_success(Command::new("chmod").arg("u+w").arg(&blob));
    fs::write(&blob, "wrong").unwrap();
    let results = files(&test, "results");
    fs::write(&results[0], "").unwrap();
    let manifest = files(&test, "manifests").pop().unwrap();
    let bytes = fs::read(&manifest).unwrap();
    fs::write(&manifest, &bytes[..bytes.len() / 2]).unwrap();
    let (status, found) = asked(&test, &["verify"]);
    assert_eq!((status, &found["ok"]), (Some(1), &false.into()));
    assert_eq!(found["faults"].as_array().unwrap().len(), 3, "{found}");
    let (status, done) = asked(&test, &["verify", "--repair"]);
    assert_eq!((status, &done["ok"]), (Some(0), &true.into()), "{done}");
    assert!(!blob.exists() && !results[0].exists() && !manifest.exists());
    for name in ["a", "b", "c"] {
        compile(&test, name);
        assert_eq!(compile(&test, name), Hit);
    }
    assert_eq!(fs::read(test.path("w/a.o")).unwrap(), right);
    // What lost its blob or its result only loses a compile; that is no damage.
    let (status, left) = asked(&test, &["verify"]);
    assert_eq!(status, Some(0), "{left}");
}

#[test]
fn an_output_may_have_the_longest_name() {
    let test = TestEnv::new();
    test.write("w/a.c", "int x;\n");
    let object = format!("{}.o", "n".repeat(253));
    let outcome = || test.outcome(&mut test.kache(&["gcc", "-c", "a.c", "-o", &object]));
    assert_eq!((outcome(), outcome()), (Miss, Hit));
}

#[test]
fn a_token_that_a_crate_reads_is_kept_as_a_digest() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub const T: Option<&str> = option_env!(\"CARGO_REGISTRY_TOKEN\");\n");
    let mut rustc = test.kache(LIB);
    assert_eq!(test.outcome(rustc.env("CARGO_REGISTRY_TOKEN", "hunter2")), Miss);
    let trace = test.trace();
    assert!(trace.contains("env CARGO_REGISTRY_TOKEN") && !trace.contains("hunter2"), "{trace}");
    // Another value is another input all the same.
    assert_eq!(test.outcome(rustc.env("CARGO_REGISTRY_TOKEN", "hunter3")), Miss);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let test = TestEnv::new();
    for words in [
        &["gc", "--max-size", "big"][..],
        &["gc", "--max-size", "120%"],
        &["gc", "--max-age", "5"],
        &["gc", "--max-age", "soon"],
        &["verify", "--repair", "--dry-run"],
        &["purge", "all"],
    ] {
        let output = test.kache(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
}
