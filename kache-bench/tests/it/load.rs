//! `load`: machines share results through a server, and what is not the compiler's is reported.

use crate::support::{kache, record, require, require_tool};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn load(dir: &Path, kache: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kache-bench"));
    command.args(["load", "--seed", "1", "--results", "results", "--dir", "scratch", "--format", "json"]);
    command.args(arguments).arg("--kache").arg(kache).current_dir(dir).output().unwrap()
}

/// A program in the place of kache that runs the compiler, and then this.
fn impostor(dir: &Path, then: &str) -> std::path::PathBuf {
    let fake = dir.join("fake");
    let text = format!(
        "#!/bin/sh\ncase $1 in --version) echo kache 9; exit ;; flush) exit ;; esac\n\"$@\"\nstatus=$?\n{then}\nexit $status\n"
    );
    std::fs::write(&fake, text).unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    fake
}

fn is_s3_served() -> bool {
    require(cfg!(feature = "remote"), "the feature `remote`")
}

fn counted(record: &Value, name: &str) -> u64 {
    record["runs"][0][name].as_u64().unwrap_or_else(|| panic!("{name}: {record:#}"))
}

fn problems(record: &Value) -> Vec<&str> {
    record["verdict"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap())
        .collect()
}

#[test]
fn machines_fetch_from_each_other_and_every_result_is_the_compilers() {
    for (protocol, is_there, of_lookup) in
        [("s3", is_s3_served(), "GET packs"), ("reapi", require_tool("bgd"), "call")]
    {
        if !is_there {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let arguments =
            ["--agents", "2", "--jobs", "2", "--minutes", "0.1", "--history", "1,6", "--protocol", protocol];
        let output = load(dir.path(), kache(), &arguments);
        let record = record(&output);
        assert_eq!(output.status.code(), Some(0), "{record:#}");
        assert!(counted(&record, "fetched") > 0 && counted(&record, "compiled") > 0, "{record:#}");
        assert!(counted(&record, "largest_agent_kib") > 0 && counted(&record, "agents") >= 2, "{record:#}");
        assert!(counted(&record, "bytes_down") > 0, "{record:#}");
        assert!(record["runs"][0]["requests"][of_lookup].as_u64().unwrap() > 0, "{record:#}");
        let history = record["history"].as_array().unwrap();
        for (cost, sets) in history.iter().zip([1, 6]) {
            assert_eq!((&cost["sets"], &cost["lookups"]), (&sets.into(), &10.into()), "{record:#}");
            // How many in time depends on the load of this machine.
            assert!(cost["restored"].as_u64().unwrap() > 0, "{record:#}");
            assert!(cost["requests"][of_lookup].as_u64().unwrap() >= 10, "{record:#}");
        }
        assert_eq!(history.len(), 2);
    }
}

#[test]
fn with_faults_connections_are_drawn_them_and_every_result_is_the_compilers() {
    if !is_s3_served() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = load(dir.path(), kache(), &["--agents", "2", "--jobs", "2", "--minutes", "0.1", "--faults"]);
    let record = record(&output);
    assert_eq!((counted(&record, "wrong"), counted(&record, "failed")), (0, 0), "{record:#}");
    let drawn = record["runs"][0]["faults"].as_object().unwrap();
    assert!(drawn.values().filter_map(Value::as_u64).sum::<u64>() > 0, "{record:#}");
}

#[test]
fn a_wrong_object_is_reported() {
    if !is_s3_served() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let fake = impostor(dir.path(), "[ ! -f u4.o ] || printf x >>u4.o");
    let output = load(dir.path(), &fake, &["--agents", "1", "--jobs", "1", "--minutes", "0.01"]);
    let record = record(&output);
    assert_eq!(output.status.code(), Some(1), "{record:#}");
    let found = problems(&record);
    let is_it = |problem: &str| {
        problem.starts_with("u4.c of variant ") && problem.ends_with(": the object is not the compiler's")
    };
    assert!(found.iter().any(|problem| is_it(problem)), "{record:#}");
    assert!(counted(&record, "wrong") > 0, "{record:#}");
    assert_eq!(counted(&record, "failed"), 0, "{record:#}");
}

#[test]
fn a_failed_build_is_reported() {
    if !is_s3_served() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let fake = impostor(dir.path(), "case $* in *u5.c*) echo broken >&2; exit 3 ;; esac");
    let output = load(dir.path(), &fake, &["--agents", "1", "--jobs", "1", "--minutes", "0.01"]);
    let record = record(&output);
    assert_eq!(output.status.code(), Some(1), "{record:#}");
    let told = "exit status 3, the compiler exit status 0: broken";
    assert!(problems(&record).iter().any(|problem| problem.ends_with(told)), "{record:#}");
    assert_eq!(counted(&record, "wrong"), 0, "{record:#}");
}
