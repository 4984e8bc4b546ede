//! What was recorded before: every line of `results/`, read back by the types that wrote it.
//!
//! A record of a command or a version that this reader does not know is kept as [`RecordedRun::Unknown`]: an older harness must
//! be able to read a newer one's history. A line that is no record at all, or not of the shape that its own version
//! promises, is an error that names file and line: a history with silent holes proves less than it seems to. Nothing is
//! ever changed by reading.

use crate::check::CheckFindings;
use crate::compare::{self, Comparison};
use crate::error::{Error, Result};
use crate::latency::{self, Latency};
use crate::pull::{self, Pull};
use crate::record::{self, BackendVersion, Record};
use crate::system::machine::Machine;
use crate::traps;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// How many earlier runs one is compared with: enough to know how much runs differ, few enough to follow the code.
pub const WINDOW: usize = 10;

/// What all records have.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordHead {
    /// Which command wrote it.
    pub command: String,
    /// The version of its shape.
    pub v: u32,
    /// The workload; nothing for commands that have their own.
    #[serde(default)]
    pub workload: String,
    /// The commit of the workload's repository.
    #[serde(default)]
    pub source: String,
    /// When it ended, UTC.
    #[serde(default)]
    pub date: String,
    /// What was cached with; nothing where several were.
    #[serde(default)]
    pub backend: Option<BackendVersion>,
    /// The commit of the harness's repository, `+` if changed.
    #[serde(default)]
    pub commit: Option<String>,
    /// Where; nothing in a record of an unknown shape that does not say.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// The fault that was planted.
    #[serde(default)]
    pub injected: Option<String>,
}

/// A record by its shape.
#[derive(Clone, Debug)]
pub enum RecordedRun {
    /// `check` or `verify`.
    Check(Box<Record<CheckFindings>>),
    /// `audit` or `mutate`, whose findings are for reading.
    SingleUnits(Box<Record<Value>>),
    /// `compare`.
    Comparison(Box<Comparison>),
    /// `latency`.
    Latency(Box<Latency>),
    /// `pull`.
    Pull(Box<Pull>),
    /// `traps`.
    Traps(Box<traps::TrapsReport>),
    /// Of a command or a version that this reader does not know.
    Unknown,
}

/// One line of a history.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// The file's name, without its directory.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What all have.
    pub head: RecordHead,
    /// The rest.
    pub run: RecordedRun,
}

impl HistoryEntry {
    /// The machine's class; nothing for a record that does not say.
    pub fn class(&self) -> Option<String> {
        self.head.machine.as_ref().map(Machine::class)
    }

    /// What is followed over time: the command, the workload and the backend, where there is one of each.
    pub fn subject(&self) -> Subject {
        let backend = self.head.backend.as_ref().map(|backend| backend.name.clone()).unwrap_or_default();
        Subject { workload: self.head.workload.clone(), command: self.head.command.clone(), backend }
    }

    /// Whether the figures of two records can be held against each other.
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

/// What is followed over time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Empty for a command that has its own.
    pub workload: String,
    /// `check`, ….
    pub command: String,
    /// Empty where several take part.
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
    /// By date, and as the files have them where that is the same.
    pub entries: Vec<HistoryEntry>,
}

impl History {
    /// Reads every `*.jsonl` of a directory.
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

    /// Reads these files.
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
                        history.entries.push(HistoryEntry {
                            file: name.to_string(),
                            line: at + 1,
                            head,
                            run,
                        });
                    }
                    Err(why) => bad.push(format!("{}:{}: {why}", file.display(), at + 1)),
                }
            }
        }
        if !bad.is_empty() {
            return Err(Error::input(format!("recorded runs that cannot be read: {}", bad.len()))
                .at(bad.join("\n         "))
                .remedy("mend these lines or take them out; no file was changed"));
        }
        history.entries.sort_by(|a, b| a.head.date.cmp(&b.head.date));
        Ok(history)
    }

    /// The latest record of each subject.
    pub fn latest(&self) -> Vec<&HistoryEntry> {
        let mut latest = std::collections::BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| !matches!(entry.run, RecordedRun::Unknown)) {
            latest.insert(entry.subject(), entry);
        }
        latest.into_values().collect()
    }

    /// The last [`WINDOW`] records before `entry` that it can be compared with, oldest first: of the same command,
    /// workload, source, backend and machine class, without a planted fault.
    pub fn before(&self, entry: &HistoryEntry) -> Vec<&HistoryEntry> {
        // By place, since small runs follow each other within a second; by date where the entry is from elsewhere.
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

fn entry(line: &[u8]) -> std::result::Result<(RecordHead, RecordedRun), String> {
    let value: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let head = RecordHead::deserialize(&value).map_err(|e| format!("no record: {e}"))?;
    let known = |version| head.v == version;
    let run = match head.command.as_str() {
        "check" | "verify" if known(record::VERSION) => RecordedRun::Check(shaped(value)?),
        "audit" | "mutate" if known(record::VERSION) => RecordedRun::SingleUnits(shaped(value)?),
        "compare" if known(compare::VERSION) => RecordedRun::Comparison(shaped(value)?),
        "latency" if known(latency::VERSION) => RecordedRun::Latency(shaped(value)?),
        "pull" if known(pull::VERSION) => RecordedRun::Pull(shaped(value)?),
        "traps" if known(traps::VERSION) => RecordedRun::Traps(shaped(value)?),
        _ => RecordedRun::Unknown,
    };
    Ok((head, run))
}

fn shaped<T: DeserializeOwned>(value: Value) -> std::result::Result<Box<T>, String> {
    serde_json::from_value(value).map(Box::new).map_err(|e| format!("not of the shape of its version: {e}"))
}
