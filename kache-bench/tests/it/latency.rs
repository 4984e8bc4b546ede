//! `latency`: each way of answering is measured, and believed only where the backend says that it was that way.

use crate::support::{harness_with, kache, record};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

fn latency(dir: &Path, kache: &Path, arguments: &[&str]) -> Output {
    let arguments = [&["latency", "--runs", "2", "--misses", "2"], arguments].concat();
    harness_with(dir, kache, &arguments).output().unwrap()
}

#[test]
fn every_way_of_every_compile_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    // ccache, where it is installed, since it tells misses from hits by what the preprocessor leaves.
    let output =
        latency(dir.path(), kache(), &["--backends", "plain,kache,ccache", "--count", "--format", "json"]);
    let record = record(&output);
    assert_eq!(output.status.code(), Some(0), "{record:#}");
    let figures = record["figures"].as_array().unwrap();
    for subject in ["rustc", "cc", "c++"] {
        for way in ["hit", "miss", "bypass"] {
            let of = |backend: &str| {
                let is_it =
                    |f: &&Value| f["subject"] == subject && f["kind"] == way && f["backend"] == backend;
                figures
                    .iter()
                    .find(is_it)
                    .unwrap_or_else(|| panic!("no {subject} {way} {backend}: {record:#}"))
            };
            for backend in ["plain", "kache"] {
                assert_eq!(of(backend)["n"], 2);
                assert!(of(backend)["median_ms"].as_f64().unwrap() > 0.0, "{record:#}");
                assert_eq!(of(backend)["invalid"], Value::Null, "{record:#}");
            }
        }
    }
    let calls = |subject: &str, kind: &str, backend: &str| {
        let is_it = |f: &&Value| f["subject"] == subject && f["kind"] == kind && f["backend"] == backend;
        let kernel = &figures.iter().find(is_it).unwrap()["kernel"];
        for count in ["page_faults", "bytes_read", "bytes_written"] {
            assert!(kernel[count].as_u64().unwrap() > 0, "{count}: {record:#}");
        }
        kernel["system_calls"].as_u64().unwrap()
    };
    for subject in ["rustc", "cc", "c++"] {
        assert!(calls(subject, "hit", "kache") < calls(subject, "hit", "plain"), "{record:#}");
        assert!(calls(subject, "miss", "kache") > calls(subject, "miss", "plain"), "{record:#}");
    }
    let breakdown = record["breakdown"].as_array().unwrap();
    let hit = breakdown.iter().find(|row| row["subject"] == "cc" && row["kind"] == "hit").unwrap();
    assert_eq!(hit["n"], 2, "{hit:#}");
    assert!(hit["phases_us"]["lookup"].is_u64() && hit["phases_us"]["restore"].is_u64(), "{hit:#}");
    let history = std::fs::read_to_string(dir.path().join("results/latency.jsonl")).unwrap();
    assert!(!history.contains(&*dir.path().to_string_lossy()), "a path of this machine: {history}");
}

#[cfg(unix)]
#[test]
fn a_program_that_only_runs_the_compiler_has_no_figures() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("fake");
    std::fs::write(&fake, "#!/bin/sh\ncase $1 in --version) echo kache 9 ;; *) exec \"$@\" ;; esac\n")
        .unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = latency(dir.path(), &fake, &["--backends", "kache"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("INVALID: not all are hits by its statistics"), "{text}");
}
