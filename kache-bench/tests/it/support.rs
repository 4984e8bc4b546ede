//! Shared parts of the tests: workloads on disk, runs of the harness, and required tools.

pub use crate::kache::kache;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Writes files with the directories above them.
pub fn write_files<'f>(dir: &Path, files: impl IntoIterator<Item = (&'f str, &'f str)>) {
    for (name, content) in files {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
}

/// A run of the harness on the workloads in `dir`, with records and scratch files below it.
pub fn harness(dir: &Path, arguments: &[&str]) -> Command {
    harness_with(dir, kache(), arguments)
}

/// The same with another program in place of kache.
pub fn harness_with(dir: &Path, kache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kache-bench"));
    command.args(arguments).args(["--results", "results", "--dir", "scratch", "--kache"]).arg(kache);
    if arguments[0] != "latency" && arguments[0] != "traps" && !arguments.contains(&"--workloads") {
        command.args(["--workloads", "."]);
    }
    command.env("KACHE_BENCH_PEERS", peers()).current_dir(dir);
    command
}

/// The directory of `scripts/peers.sh`.
pub fn peers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers")
}

/// The record on standard output.
pub fn record(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

/// Whether a program is on `PATH`. If not, the caller skips its test; with `KACHE_REQUIRE_TOOLS=1` the test fails.
#[track_caller]
pub fn require_tool(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    require(std::env::split_paths(&path).any(|dir| dir.join(program).is_file()), program)
}

/// The same for something that is not a program on `PATH`.
#[track_caller]
pub fn require(found: bool, what: &str) -> bool {
    let required = std::env::var_os("KACHE_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(found || !required, "{what} is missing");
    if !found {
        eprintln!("skipped: {what} is missing");
    }
    found
}
