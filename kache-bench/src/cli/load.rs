//! `load`: selects the caches, prints and records.

use super::options::{CommonOptions, Shown, kache};
use crate::backend::{self, Backend, Protocol};
use crate::error::{Error, Result};
use crate::load::{self, LoadPlan};
use crate::record::{Judged, Record, RecordHead};
use crate::system::{machine, workspace};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Machines, each with a cache and an agent of its own
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    agents: u16,
    /// Duration, for each cache and protocol; 0 measures the history only
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// What the server speaks: S3, or the Remote Execution API of BuildGrid
    #[arg(long, value_enum, value_delimiter = ',', default_value = "s3")]
    protocol: Vec<Protocol>,
    /// Builds that run at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Delay, reset, truncate, alter and refuse answers of the server
    #[arg(long)]
    faults: bool,
    /// Also measure a lookup after so many sets of one action were recorded, without faults
    #[arg(long, value_name = "SETS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    history: Vec<u32>,
    /// Also measure this cache (sccache; S3 only)
    #[arg(long, value_name = "NAME")]
    beside: Vec<String>,
    /// Seed of all random choices [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    common: CommonOptions,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes = text.parse().ok().filter(|m: &f64| (0.0..=1440.0).contains(m));
    minutes.ok_or_else(|| "expected a number of minutes, at most 1440".to_string())
}

/// Status 1 if a result of kache was wrong or a build failed.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let own = workspace::find()?;
    let peers = options.beside.iter().map(|name| backend::find(name, &own)).collect::<Result<Vec<_>>>()?;
    if options.beside.iter().any(|name| name == "kache") {
        return Err(Error::input("kache is always measured").remedy("leave it out of --beside"));
    }
    let kache = kache(options.common.kache.as_deref())?;
    let mut backends: Vec<&dyn Backend> = vec![&kache];
    backends.extend(peers.iter().map(|peer| &**peer));
    let mut history: Vec<usize> = options.history.iter().map(|sets| *sets as usize).collect();
    history.sort_unstable();
    let plan = LoadPlan {
        machines: options.agents.into(),
        builds_at_once: options.jobs.into(),
        time: Duration::from_secs_f64(options.minutes * 60.0),
        protocols: options.protocol.clone(),
        faults: options.faults,
        seed: options.seed.unwrap_or_else(machine::microseconds) & u64::from(u32::MAX),
        history,
    };
    let place = options.common.place("load")?;
    let findings = place.scratch.settle(load::run(&backends, &place.scratch, &plan))?;
    let head = RecordHead::of("load", place.scratch.root()).with(&kache)?;
    let record = Record { head, findings: Judged::of(findings.problems(), findings) };
    let text = record.heading() + &record.findings.findings.text();
    place.conclude(&record, Shown::Text(text), record.findings.verdict.ok)
}
