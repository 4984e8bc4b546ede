//! `latency`: selects the participants and prints and records the result.

use super::compare;
use super::options::{CommonOptions, Shown};
use crate::backend;
use crate::error::Result;
use crate::latency::{self, LatencyPlan};
use crate::record::{Record, RecordHead};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Participants: plain (always), kache, sccache, ccache, kache2 (the published program of that name)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = backend::ALL)]
    backends: Vec<String>,
    /// Number of measured hits and bypasses
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Number of measured misses
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    misses: u16,
    /// Count system calls, page faults and bytes as well, which the machine's load does not change (needs strace)
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    common: CommonOptions,
}

/// Status 1 if a participant has an invalid figure or is not installed.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let backends = compare::backends(&options.backends, options.common.kache.as_deref())?;
    let place = options.common.place("latency")?;
    let Options { runs, misses, count, .. } = *options;
    let plan = LatencyPlan { backends, runs: runs.into(), misses: misses.into(), count };
    let findings = place.scratch.settle(latency::run(plan, &place.scratch))?;
    let record = Record { head: RecordHead::of("latency", place.scratch.root()), findings };
    let is_whole = record.findings.figures.iter().all(|figures| figures.invalid.is_none());
    place.conclude(&record, Shown::Text(format!("\n{}\n", latency::text(&record))), is_whole)
}
