//! `latency`: selects the participants and prints and records the result.

use super::compare;
use super::options::{Format, below};
use crate::backend;
use crate::error::Result;
use crate::latency::{self, LatencyPlan};
use crate::record;
use crate::system::scratch::{Scratch, ScratchOptions};
use crate::system::{machine, workspace};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Participants: plain (always), kache, sccache, ccache, kache2 (the published program of that name)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = backend::NAMES)]
    backends: Vec<String>,
    /// Number of measured hits and bypasses
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Number of measured misses
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    misses: u16,
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    kache: Option<PathBuf>,
    #[command(flatten)]
    scratch: ScratchOptions,
    /// Directory for the record [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Status 1 if a participant has an invalid figure or is not installed.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let results = below(&options.results, "results")?;
    let backends = compare::backends(&options.backends, options.kache.as_deref())?;
    let scratch = Scratch::create(&options.scratch, "latency")?;
    let plan = LatencyPlan { backends, runs: options.runs.into(), misses: options.misses.into() };
    let mut latency = scratch.settle(latency::run(plan, &scratch))?;
    latency.commit = workspace::find().ok().and_then(|dir| machine::commit(&dir));
    let line = record::line(&latency, &scratch)?;
    let history = record::append(&results, "latency", &line)?;
    match options.format {
        Format::Json => println!("{line}"),
        Format::Text => {
            print!("\n{}", latency::text(&latency));
            println!("\nrecorded in {}", history.display());
        }
    }
    let is_whole = latency.figures.iter().all(|figures| figures.invalid.is_none());
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
