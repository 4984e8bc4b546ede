//! The kache under test, with its agent beside it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `KACHE_BENCH_TEST_KACHE`, or else a build into the target directory of these tests, once for each run.
pub fn kache() -> &'static Path {
    static KACHE: OnceLock<PathBuf> = OnceLock::new();
    KACHE.get_or_init(|| std::env::var_os("KACHE_BENCH_TEST_KACHE").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // Build scripts that read these variables (ring's) would run again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    // The features of the whole workspace, as `cargo test` has just built it.
    let output = cargo
        .args(["build", "--workspace", "--bin", "kache", "--bin", "kache-agent"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    programs.find(|program| program.file_stem().is_some_and(|name| name == "kache")).unwrap()
}
