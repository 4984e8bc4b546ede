//! Reads the recorded runs: every line of `results/`, parsed into the types that wrote it.
//!
//! A record of an unknown command or version becomes [`RecordedRun::Unknown`], so that an older harness can
//! read a newer history. A line that is not a record, or does not match the shape of its version, is an error
//! that names the file and the line; skipping it silently would hide missing runs. Reading never changes a
//! file.

use crate::check::CheckFindings;
use crate::compare::Comparison;
use crate::error::{Error, Result};
use crate::latency::Latency;
use crate::pull::Pull;
use crate::record::{self, Judged, RecordHead};
use crate::traps::TrapsReport;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Number of earlier runs to compare with: enough to estimate the variation between runs, few enough to
/// follow changes of the code.
pub const WINDOW: usize = 10;

#[derive(Clone, Debug)]
pub enum RecordedRun {
    Check(Box<Judged<CheckFindings>>),
    /// `audit` or `mutate`; their findings are not compared.
    SingleUnits(Box<Judged<Value>>),
    Comparison(Box<Comparison>),
    Latency(Box<Latency>),
    Pull(Box<Pull>),
    Traps(Box<TrapsReport>),
    /// A command or a version that this reader does not know.
    Unknown,
}

/// One line of a results file.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// File name without directory.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub head: RecordHead,
    pub run: RecordedRun,
}

impl HistoryEntry {
    /// Class of the machine; `None` for records without one.
    pub fn class(&self) -> Option<String> {
        self.head.class()
    }

    /// The series that this record belongs to.
    pub fn subject(&self) -> Subject {
        let backend = self.head.backend.as_ref().map(|backend| backend.name.clone()).unwrap_or_default();
        Subject { workload: self.head.workload.clone(), command: self.head.command.clone(), backend }
    }

    /// Whether the figures of two records are comparable.
    fn is_comparable(&self, other: &HistoryEntry) -> bool {
        self.subject() == other.subject()
            && self.sources() == other.sources()
            && self.class().is_some()
            && self.class() == other.class()
    }

    fn sources(&self) -> [&str; 2] {
        match &self.run {
            RecordedRun::Pull(pull) => [&pull.before.commit, &pull.after.commit],
            _ => [&self.head.source, ""],
        }
    }
}

/// A series of records: one command, workload and cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Empty for commands without a workload.
    pub workload: String,
    pub command: String,
    /// Empty if the run used several caches.
    pub backend: String,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words =
            [&self.command, &self.workload, &self.backend].into_iter().filter(|word| !word.is_empty());
        f.write_str(&words.cloned().collect::<Vec<_>>().join(" "))
    }
}

/// All records, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Sorted by date, then by position in the files.
    pub entries: Vec<HistoryEntry>,
}

impl History {
    /// Reads every `*.jsonl` file of a directory.
    pub fn read(results: &Path) -> Result<History> {
        let listed = fs::read_dir(results).map_err(|e| {
            Error::input(format!("cannot read the recorded runs: {e}"))
                .at(results.display())
                .remedy("run `kache-bench check`, or name the directory with --results")
        })?;
        let mut files: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        History::of_files(&files)
    }

    pub fn of_files(files: &[PathBuf]) -> Result<History> {
        let (mut history, mut bad) = (History::default(), Vec::new());
        for file in files {
            let bytes = fs::read(file)
                .map_err(|e| Error::input(format!("cannot read it: {e}")).at(file.display()))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                match entry(line) {
                    Ok((head, run)) => {
                        let (file, line) = (name.to_string(), at + 1);
                        history.entries.push(HistoryEntry { file, line, head, run });
                    }
                    Err(why) => bad.push(format!("{}:{}: {why}", file.display(), at + 1)),
                }
            }
        }
        if !bad.is_empty() {
            return Err(Error::input(format!("recorded runs that cannot be read: {}", bad.len()))
                .at(bad.join("\n         "))
                .remedy("fix or remove these lines; no file was changed"));
        }
        history.entries.sort_by(|a, b| a.head.date.cmp(&b.head.date));
        Ok(history)
    }

    /// The latest record of each series.
    pub fn latest(&self) -> Vec<&HistoryEntry> {
        let mut latest = std::collections::BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| !matches!(entry.run, RecordedRun::Unknown)) {
            latest.insert(entry.subject(), entry);
        }
        latest.into_values().collect()
    }

    /// The last [`WINDOW`] records before `entry` of the same command, workload, source, cache and machine
    /// class, oldest first. Records with an injected fault are left out.
    pub fn before(&self, entry: &HistoryEntry) -> Vec<&HistoryEntry> {
        // By position, since small runs can end within the same second; by date if the entry is not part of
        // this history.
        let of = |entry: &HistoryEntry| (entry.file.clone(), entry.line, entry.head.date.clone());
        let at = self.entries.iter().position(|other| of(other) == of(entry));
        let is_before = |i: usize, other: &HistoryEntry| match at {
            Some(at) => i < at,
            None => other.head.date < entry.head.date,
        };
        let counts = |other: &HistoryEntry| other.head.injected.is_none() && entry.is_comparable(other);
        let entries = self.entries.iter().enumerate();
        let mut before: Vec<_> = entries
            .filter(|(i, other)| is_before(*i, other) && counts(other))
            .map(|(_, other)| other)
            .collect();
        before.split_off(before.len().saturating_sub(WINDOW))
    }
}

#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("not a record: {0}")]
    Head(serde_json::Error),
    #[error("does not match the shape of its version: {0}")]
    Shape(serde_json::Error),
}

fn entry(line: &[u8]) -> std::result::Result<(RecordHead, RecordedRun), LineError> {
    let value: Value = serde_json::from_slice(line)?;
    let head = RecordHead::deserialize(&value).map_err(LineError::Head)?;
    let run = match head.command.as_str() {
        _ if head.v != record::VERSION => RecordedRun::Unknown,
        "check" | "verify" => RecordedRun::Check(shaped(value)?),
        "audit" | "mutate" => RecordedRun::SingleUnits(shaped(value)?),
        "compare" => RecordedRun::Comparison(shaped(value)?),
        "latency" => RecordedRun::Latency(shaped(value)?),
        "pull" => RecordedRun::Pull(shaped(value)?),
        "traps" => RecordedRun::Traps(shaped(value)?),
        _ => RecordedRun::Unknown,
    };
    Ok((head, run))
}

fn shaped<T: DeserializeOwned>(value: Value) -> std::result::Result<Box<T>, LineError> {
    serde_json::from_value(value).map(Box::new).map_err(LineError::Shape)
}
