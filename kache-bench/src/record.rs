//! The result as it is kept: one JSON line a run, in `results/WORKLOAD.jsonl`.
//!
//! Recorded results are committed and published, so they name no path of the machine: the scratch directory and
//! the home directory are written as `<scratch>` and `~`.

use crate::machine::Machine;
use crate::scratch::Scratch;
use crate::trouble::{Result, Trouble};
use crate::verdict::Verdict;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the shape below; a reader skips lines of one that it does not know.
pub const VERSION: u32 = 1;

/// What was cached with.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// `kache`, ….
    pub name: String,
    /// As it says itself.
    pub version: String,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Record<F> {
    /// [`VERSION`].
    pub v: u32,
    /// `check`, `verify`, `audit` or `mutate`.
    pub command: &'static str,
    /// The workload's name.
    pub workload: String,
    /// The commit of the workload's repository.
    pub source: String,
    /// When it ended, UTC.
    pub date: String,
    /// What was cached with.
    pub backend: Measured,
    /// The commit of the harness's repository, `+` if changed.
    pub commit: Option<String>,
    /// Where.
    pub machine: Machine,
    /// Good or not.
    pub verdict: Verdict,
    /// Hits of units, in the first build of the second clone.
    pub hit_rate: Option<f64>,
    /// Equal keys of pairs.
    pub key_stability: Option<f64>,
    /// Everything else.
    #[serde(flatten)]
    pub findings: F,
}

/// A record as one line, without paths of this machine.
pub fn line(record: &impl Serialize, scratch: &Scratch) -> Result<String> {
    let text = serde_json::to_string(record)
        .map_err(|e| Trouble::run(format!("cannot write the result as JSON: {e}")))?;
    let mut text = text.replace(&*scratch.root().to_string_lossy(), "<scratch>");
    // A home of `/` or `/x` is short enough to be found where it is not meant.
    if let Some(home) = std::env::home_dir().filter(|home| home.as_os_str().len() > 2) {
        text = text.replace(&format!("{}/", home.display()), "~/");
    }
    Ok(text)
}

/// Appends a line to the workload's history and says where that is.
pub fn append(results: &Path, workload: &str, line: &str) -> Result<PathBuf> {
    fs::create_dir_all(results).map_err(Trouble::io("create", results))?;
    let file = results.join(format!("{workload}.jsonl"));
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .and_then(|mut history| history.write_all(format!("{line}\n").as_bytes()));
    written.map_err(Trouble::io("append the result to", &file))?;
    Ok(file)
}
