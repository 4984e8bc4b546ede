//! The record of a run: one JSON line in `results/WORKLOAD.jsonl`.
//!
//! Records are published, so they name no path of the machine: the scratch directory is written as
//! `<scratch>`, the home directory as `~`.

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::system::files;
use crate::system::machine::{self, Machine};
use crate::system::scratch::Scratch;
use crate::system::workspace;
use crate::workload::Workload;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Version of the shape of all records. A reader skips lines of unknown versions.
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

/// What every record says about its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordHead {
    pub v: u32,
    pub command: String,
    /// Name of the workload; empty for commands without a workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workload: String,
    /// Commit of the workload's repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// When it ended, UTC.
    #[serde(default)]
    pub date: String,
    /// The cache; `None` if the run used several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendVersion>,
    /// Commit of the harness's repository, with `+` if changed.
    #[serde(default)]
    pub commit: Option<String>,
    /// `None` if a record of an unknown shape does not name its machine.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// The injected fault; a run with one is never compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
}

impl RecordHead {
    /// Of a run that ends now, on this machine with the compiler of `checkout`.
    pub fn of(command: &str, checkout: &Path) -> RecordHead {
        RecordHead {
            v: VERSION,
            command: command.to_owned(),
            workload: String::new(),
            source: String::new(),
            date: machine::now(),
            backend: None,
            commit: workspace::find().ok().and_then(|dir| machine::commit(&dir)),
            machine: Some(Machine::here(checkout)),
            injected: None,
        }
    }

    pub fn on(self, workload: &Workload, source: &str) -> RecordHead {
        RecordHead { workload: workload.name.clone(), source: source.to_owned(), ..self }
    }

    pub fn with(self, backend: &dyn Backend) -> Result<RecordHead> {
        let backend = BackendVersion { name: backend.name().to_owned(), version: backend.version()? };
        Ok(RecordHead { backend: Some(backend), ..self })
    }

    /// Class of the machine, if the record names one.
    pub fn class(&self) -> Option<String> {
        self.machine.as_ref().map(Machine::class)
    }

    /// The machine and the date, for the heading of a measurement.
    pub fn setting(&self) -> String {
        let machine = self
            .machine
            .as_ref()
            .map(|it| format!("{}, {}, Linux {}, {}; ", it.cpu, it.cores(), it.kernel, it.rustc));
        format!("{}{}", machine.unwrap_or_default(), self.date)
    }

    /// The file of records in `results/`, without extension.
    fn series(&self) -> &str {
        if self.workload.is_empty() { &self.command } else { &self.workload }
    }
}

/// One line in `results/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<F> {
    #[serde(flatten)]
    pub head: RecordHead,
    #[serde(flatten)]
    pub findings: F,
}

/// The findings of a command that judges.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judged<F> {
    pub verdict: RunVerdict,
    /// Hit rate of units in the first build of the second clone, without runs of build scripts.
    pub hit_rate: Option<f64>,
    pub key_stability: Option<f64>,
    #[serde(flatten)]
    pub findings: F,
}

impl<F> Judged<F> {
    /// A verdict that is good without problems.
    pub fn of(problems: Vec<String>, findings: F) -> Judged<F> {
        let verdict = RunVerdict { ok: problems.is_empty(), problems };
        Judged { verdict, hit_rate: None, key_stability: None, findings }
    }
}

impl<F> Record<Judged<F>> {
    /// The verdict with its problems, as the text begins.
    pub fn heading(&self) -> String {
        let verdict = &self.findings.verdict;
        let ok = if verdict.ok { "OK" } else { "NOT OK" };
        let problems: String = verdict.problems.iter().map(|problem| format!("  ✗ {problem}\n")).collect();
        format!("\n{} {}: {ok}\n{problems}\n", self.head.command, self.head.workload)
    }
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

/// Appends a line to the records of its series and returns the file.
pub fn append(results: &Path, head: &RecordHead, line: &str) -> Result<PathBuf> {
    append_to(results.join(format!("{}.jsonl", head.series())), line)
}

fn append_to(file: PathBuf, line: &str) -> Result<PathBuf> {
    files::create_parent(&file)?;
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
    use std::fs;

    #[test]
    fn a_torn_line_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = append_to(dir.path().join("w.jsonl"), "one").unwrap();
        fs::write(&file, "one\ntor").unwrap();
        append_to(file.clone(), "two").unwrap();
        append_to(file.clone(), "three").unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "one\ntor\ntwo\nthree\n");
    }
}
