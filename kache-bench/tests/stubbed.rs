//! `check demo` where there is neither cargo nor a compiler nor an observer: with stubs (`kache/tests/stub`), which this
//! program is by other names. It is how the harness is tried on Windows, and under Wine; elsewhere the observer is switched
//! off for it. It has a `main` of its own for that.

#[path = "stubbed/cargo.rs"]
mod cargo;
#[path = "it/kache.rs"]
mod engine;
#[path = "../../kache/tests/stub/mod.rs"]
mod stub;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

/// Crates of the demo that are libraries: what is linked is compiled each time without the observer.
const LIBRARIES: u64 = 10;
/// With a proc macro, a dynamic library and a program. (The two C sources go by a compiler that nobody recognises.)
const UNITS: u64 = 13;

const WORKLOAD: &str = r#"
description = "The demo, with stubs for compilers"
[source]
kind = "path"
path = 'DEMO'
[wiring]
cc = "env"
[build]
commands = ["cargo build"]
env = { KACHE_OBSERVE = "off" }
[expect]
units = 13
# What is linked is compiled each time: 10 of 13.
hit_rate = 0.76
"#;

fn main() -> ExitCode {
    let own = std::env::current_exe().expect("a program has a path");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match own.file_stem().and_then(|s| s.to_str()) {
        Some("rustc") => return stub::rustc(&args),
        Some("gcc" | "cc") => return stub::cc(&args),
        Some("cargo") => return cargo::cargo(&args),
        _ => {}
    }
    let trials = vec![
        Trial::test("every_library_hits_in_another_clone", || {
            every_library_hits_in_another_clone();
            Ok(())
        }),
        Trial::test("what_is_lost_is_missed", || {
            what_is_lost_is_missed();
            Ok(())
        }),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A toolchain of stubs, and a workload.
fn set_up(stage: &Path) -> PathBuf {
    let own = std::env::current_exe().expect("a program has a path");
    let bin = stage.join("sys").join("bin");
    let library = stage.join("sys/lib/rustlib/stub/lib");
    for dir in [&bin, &library, &stage.join("workloads")] {
        fs::create_dir_all(dir).expect("room for a directory");
    }
    fs::write(library.join("libstd.rlib"), "std").expect("room for a file");
    for name in ["rustc", "cargo", "gcc", "cc", "g++", "c++"] {
        fs::copy(&own, bin.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))).expect("room for a copy");
    }
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/demo");
    let demo = std::path::absolute(demo).expect("the working directory is there");
    let text = WORKLOAD.replace("DEMO", demo.to_str().expect("UTF-8"));
    fs::write(stage.join("workloads/demo.toml"), text).expect("room for a file");
    bin
}

fn check(more: &[&str]) -> Output {
    let stage = tempfile::tempdir().expect("a temporary directory");
    let (stage, bin) = (stage.path(), set_up(stage.path()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)));
    Command::new(
        std::path::absolute(env!("CARGO_BIN_EXE_kache-bench")).expect("the working directory is there"),
    )
    .args([
        "check",
        "demo",
        "--format",
        "json",
        "--workloads",
        "workloads",
        "--results",
        "results",
        "--kache",
    ])
    .arg(std::path::absolute(engine::kache()).expect("the working directory is there"))
    .args(["--dir", "scratch"])
    .args(more)
    .env("PATH", path.expect("no directory has a colon in its name"))
    .current_dir(stage)
    .output()
    .expect("the harness can be run")
}

/// The record that a run printed.
fn record(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with('{'));
    serde_json::from_str(line.unwrap_or_else(|| panic!("{}\n{told}\n{text}", output.status))).expect("JSON")
}

fn phase<'a>(record: &'a Value, name: &str) -> &'a Value {
    let phases = record["phases"].as_array().expect("phases");
    &phases.iter().find(|phase| phase["name"] == name).unwrap_or_else(|| panic!("no phase is called {name}"))
        ["summary"]
}

fn every_library_hits_in_another_clone() {
    let output = check(&["--verify"]);
    let record = record(&output);
    assert!(output.status.success(), "{record:#}");
    let cold = phase(&record, "cold build");
    assert_eq!((&cold["units"], &cold["misses"]), (&UNITS.into(), &UNITS.into()), "{record:#}");
    let warm = phase(&record, "build from the cache");
    assert_eq!((&warm["units"], &warm["hits"]), (&UNITS.into(), &LIBRARIES.into()), "{record:#}");
    assert_eq!(record["key_stability"], 1.0, "{record:#}");
    let artifacts = &record["artifacts"];
    assert!(artifacts["artifacts"].as_u64() >= Some(LIBRARIES), "{record:#}");
    assert_eq!(artifacts["mismatches"].as_array().map(Vec::len), Some(0), "{record:#}");
}

fn what_is_lost_is_missed() {
    let output = check(&["--lose", "2"]);
    let record = record(&output);
    assert_eq!(output.status.code(), Some(1), "{record:#}");
    assert_eq!(phase(&record, "build from the cache")["hits"], LIBRARIES - 2, "{record:#}");
}
