//! The kache that the harness is tried with.

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The kache that was built with these tests, or the one that `KACHE_BENCH_TEST_KACHE` names.
pub fn kache() -> PathBuf {
    if let Some(program) = std::env::var_os("KACHE_BENCH_TEST_KACHE") {
        return program.into();
    }
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells of the package under test has build scripts run anew that look at it (ring's).
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .args(["build", "-p", "kache", "--message-format=json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    // The agent is built along with it.
    programs.rfind(|program| program.file_stem().is_some_and(|name| name == "kache")).unwrap()
}
