//! Options that several commands share, and the end of a run: record and text.

use crate::backend::Kache;
use crate::error::Result;
use crate::record::{self, Record};
use crate::system::scratch::{Scratch, ScratchOptions};
use crate::system::workspace;
use crate::workload::Workload;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// Workload: the name of a file in workloads/, without .toml
    pub(super) name: String,
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    pub(super) kache: Option<PathBuf>,
    /// Directory of the workload files [default: the repository's workloads/]
    #[arg(long, value_name = "DIR")]
    pub(super) workloads: Option<PathBuf>,
    /// Take the workload's git repository from this mirror or local clone, at the same revision
    #[arg(long, value_name = "URL-OR-PATH")]
    pub(super) source: Option<String>,
    #[command(flatten)]
    pub(super) scratch: ScratchOptions,
    /// Directory for the record [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    pub(super) results: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

impl RunOptions {
    pub(super) fn workload(&self) -> Result<Workload> {
        let workload = Workload::load(&below(&self.workloads, "workloads")?, &self.name)?;
        match &self.source {
            Some(from) => workload.taken_from(from),
            None => Ok(workload),
        }
    }

    pub(super) fn scratch(&self) -> Result<Scratch> {
        Scratch::create(&self.scratch, &self.name)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Stores a record and prints it.
pub(super) fn conclude<F: Serialize>(
    options: &RunOptions,
    record: &Record<F>,
    text: &str,
    scratch: &Scratch,
    results: &Path,
) -> Result<ExitCode> {
    let line = record::line(record, scratch)?;
    let history = record::append(results, &record.workload, &line)?;
    match options.format {
        Format::Text => {
            print!("{text}");
            println!("recorded in {}", history.display());
        }
        Format::Json => println!("{line}"),
    }
    Ok(if record.verdict.ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The given kache, or else a new build.
pub(super) fn kache(given: Option<&Path>) -> Result<Kache> {
    match given {
        Some(program) => Kache::at(program),
        None => {
            eprintln!("building kache (cargo build --release -p kache; --kache PATH to use another)");
            Kache::build(&workspace::find()?)
        }
    }
}

pub(super) fn below(given: &Option<PathBuf>, default: &str) -> Result<PathBuf> {
    match given {
        Some(dir) => Ok(dir.clone()),
        None => Ok(workspace::find()?.join(default)),
    }
}
