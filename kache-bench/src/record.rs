//! The result as it is kept: one JSON line a run, in `results/WORKLOAD.jsonl`.
//!
//! Recorded results are committed and published, so they name no path of the machine: the scratch directory and
//! the home directory are written as `<scratch>` and `~`.

use crate::error::{Error, Result};
use crate::system::machine::Machine;
use crate::system::scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The version of the shape below; a reader skips lines of one that it does not know.
pub const VERSION: u32 = 2;

/// What was cached with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackendVersion {
    /// `kache`, ….
    pub name: String,
    /// As it says itself.
    pub version: String,
}

/// What the whole run comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// No problem at all.
    pub ok: bool,
    /// Each a sentence.
    pub problems: Vec<String>,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<F> {
    /// [`VERSION`].
    pub v: u32,
    /// `check`, `verify`, `audit` or `mutate`.
    pub command: String,
    /// The workload's name.
    pub workload: String,
    /// The commit of the workload's repository.
    pub source: String,
    /// When it ended, UTC.
    pub date: String,
    /// What was cached with.
    pub backend: BackendVersion,
    /// The commit of the harness's repository, `+` if changed.
    pub commit: Option<String>,
    /// Where.
    pub machine: Machine,
    /// Good or not.
    pub verdict: RunVerdict,
    /// Hits of units, in the first build of the second clone.
    pub hit_rate: Option<f64>,
    /// Equal keys of pairs.
    pub key_stability: Option<f64>,
    /// The fault that was planted, where one was; such a run is never compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub findings: F,
}

/// A record as one line, without paths of this machine.
pub fn line(record: &impl Serialize, scratch: &Scratch) -> Result<String> {
    let text = serde_json::to_string(record)
        .map_err(|e| Error::run(format!("cannot write the result as JSON: {e}")))?;
    let mut text = text.replace(&*scratch.root().to_string_lossy(), "<scratch>");
    // A home of `/` or `/x` is short enough to be found where it is not meant.
    if let Some(home) = std::env::home_dir().filter(|home| home.as_os_str().len() > 2) {
        text = text.replace(&format!("{}/", home.display()), "~/");
    }
    Ok(text)
}

/// Appends a line to the workload's history and says where that is.
pub fn append(results: &Path, workload: &str, line: &str) -> Result<PathBuf> {
    fs::create_dir_all(results).map_err(Error::io("create", results))?;
    let file = results.join(format!("{workload}.jsonl"));
    let written =
        OpenOptions::new().create(true).append(true).read(true).open(&file).and_then(|mut history| {
            // A line that a stopped run left half written must not take this one with it.
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
