//! Options that several commands share, and the end of a run: record and text.

use super::completions;
use crate::backend::Kache;
use crate::error::Result;
use crate::record::{self, Record};
use crate::system::scratch::{Scratch, ScratchOptions};
use crate::system::workspace;
use crate::workload::Workload;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CommonOptions {
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    pub(super) kache: Option<PathBuf>,
    #[command(flatten)]
    scratch: ScratchOptions,
    /// Directory for the record [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// Workload: the name of a file in workloads/, without .toml
    #[arg(value_name = "WORKLOAD", add = ArgValueCompleter::new(completions::workloads))]
    name: String,
    /// Directory of the workload files [default: the repository's workloads/]
    #[arg(long, value_name = "DIR")]
    workloads: Option<PathBuf>,
    /// Take the workload's git repository from this mirror or local clone, at the same revision
    #[arg(long, value_name = "URL-OR-PATH")]
    source: Option<String>,
    /// How the compilers run through the cache
    #[arg(long, value_enum, default_value_t)]
    wiring: WiringChoice,
    #[command(flatten)]
    pub(super) common: CommonOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum WiringChoice {
    /// As the workload's file says
    #[default]
    Workload,
    /// The wrapper of rustc and nothing else, as after `kache init`; recorded as a workload of its own
    InitOnly,
    /// `kache run` in front of the build, and no variable for C compilers; recorded as a workload of its own
    Run,
}

/// What a command needs before it runs. An error in one of the options comes before any work.
pub(super) struct Prepared<'o> {
    pub(super) workload: Workload,
    pub(super) backend: Kache,
    pub(super) place: Place<'o>,
}

/// The scratch directory of a run, and where its record goes.
pub(super) struct Place<'o> {
    pub(super) scratch: Scratch,
    results: PathBuf,
    options: &'o CommonOptions,
}

impl RunOptions {
    pub(super) fn workload(&self) -> Result<Workload> {
        let workload = Workload::load(&below(&self.workloads, "workloads")?, &self.name)?;
        let workload = match self.wiring {
            WiringChoice::Workload => workload,
            WiringChoice::InitOnly => workload.with_wrapper_alone()?,
            WiringChoice::Run => workload.with_run(),
        };
        match &self.source {
            Some(from) => workload.taken_from(from),
            None => Ok(workload),
        }
    }

    pub(super) fn prepare(&self) -> Result<Prepared<'_>> {
        let workload = self.workload()?;
        let backend = kache(self.common.kache.as_deref())?;
        Ok(Prepared { workload, backend, place: self.common.place(&self.name)? })
    }

    pub(super) fn place(&self) -> Result<Place<'_>> {
        self.common.place(&self.name)
    }
}

impl CommonOptions {
    pub(super) fn place(&self, name: &str) -> Result<Place<'_>> {
        let results = below(&self.results, "results")?;
        Ok(Place { scratch: Scratch::create(&self.scratch, name)?, results, options: self })
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

/// How a record is printed without `--format json`.
pub(super) enum Shown {
    /// With the place of the record.
    Text(String),
    Markdown(String),
}

impl Place<'_> {
    /// Stores a record and prints it.
    pub(super) fn conclude<F: Serialize>(
        &self,
        record: &Record<F>,
        shown: Shown,
        is_good: bool,
    ) -> Result<ExitCode> {
        let line = record::line(record, &self.scratch)?;
        let history = record::append(&self.results, &record.head, &line)?;
        match (self.options.format, shown) {
            (Format::Json, _) => println!("{line}"),
            (Format::Text, Shown::Text(text)) => println!("{text}recorded in {}", history.display()),
            (Format::Text, Shown::Markdown(text)) => print!("{text}"),
        }
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
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
