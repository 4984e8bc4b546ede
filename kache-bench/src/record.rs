//! The record of a run: one JSON line in `results/WORKLOAD.jsonl`.
//!
//! Records are published, so they name no path of the machine: the scratch directory is written as
//! `<scratch>`, the home directory as `~`.

use crate::error::{Error, Result};
use crate::system::machine::Machine;
use crate::system::scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Version of the shape below. A reader skips lines of unknown versions.
pub const VERSION: u32 = 2;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackendVersion {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunVerdict {
    pub ok: bool,
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<F> {
    pub v: u32,
    /// `check`, `verify`, `audit` or `mutate`.
    pub command: String,
    pub workload: String,
    /// Commit of the workload's repository.
    pub source: String,
    /// When it ended, UTC.
    pub date: String,
    pub backend: BackendVersion,
    /// Commit of the harness's repository, with `+` if changed.
    pub commit: Option<String>,
    pub machine: Machine,
    pub verdict: RunVerdict,
    /// Hit rate of units in the first build of the second clone.
    pub hit_rate: Option<f64>,
    pub key_stability: Option<f64>,
    /// The injected fault; a run with one is never compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
    #[serde(flatten)]
    pub findings: F,
}

/// Serializes a record without paths of this machine.
pub fn line(record: &impl Serialize, scratch: &Scratch) -> Result<String> {
    let text = serde_json::to_string(record)
        .map_err(|e| Error::run(format!("cannot write the result as JSON: {e}")))?;
    let mut text = text.replace(&*scratch.root().to_string_lossy(), "<scratch>");
    // A home directory of `/` or `/x` is too short to be replaced safely.
    if let Some(home) = std::env::home_dir().filter(|home| home.as_os_str().len() > 2) {
        text = text.replace(&format!("{}/", home.display()), "~/");
    }
    Ok(text)
}

/// Appends a line to the workload's records and returns the file.
pub fn append(results: &Path, workload: &str, line: &str) -> Result<PathBuf> {
    fs::create_dir_all(results).map_err(Error::io("create", results))?;
    let file = results.join(format!("{workload}.jsonl"));
    let written =
        OpenOptions::new().create(true).append(true).read(true).open(&file).and_then(|mut history| {
            // If an interrupted run left an incomplete line, start a new one.
            let before = if ends_in_line(&mut history)? { "" } else { "\n" };
            history.write_all(format!("{before}{line}\n").as_bytes())
        });
    written.map_err(Error::io("append the result to", &file))?;
    Ok(file)
}

fn ends_in_line(history: &mut File) -> std::io::Result<bool> {
    if history.metadata()?.len() == 0 {
        return Ok(true);
    }
    history.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    history.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), "w", "one").unwrap();
        let file = dir.path().join("w.jsonl");
        fs::write(&file, "one\ntor").unwrap();
        append(dir.path(), "w", "two").unwrap();
        append(dir.path(), "w", "three").unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "one\ntor\ntwo\nthree\n");
    }
}
