//! `check --remote`: runs, prints and records.

use super::options::{Prepared, RunOptions, Shown};
use crate::backend::{self, Backend, Protocol};
use crate::check::remote_check::{self, RemotePlan};
use crate::error::{Error, Result};
use crate::record::{Judged, Record, RecordHead};
use crate::system::workspace;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Build on a second machine (own home, cargo home and cache at other paths) from a server on loopback
    /// alone
    #[arg(long, conflicts_with_all = ["verify", "plain"])]
    pub(super) remote: bool,
    /// With --remote: added time of each round trip to the server in ms; a second machine for each value
    #[arg(long, value_name = "MS", value_delimiter = ',', default_value = "0", requires = "remote")]
    latency: Vec<u64>,
    /// With --remote: also measure this cache (sccache)
    #[arg(long, value_name = "NAME", requires = "remote")]
    beside: Vec<String>,
    /// With --remote: what kache's server speaks: S3, or the Remote Execution API of BuildGrid
    #[arg(long, value_enum, default_value = "s3", requires = "remote")]
    protocol: Protocol,
    /// With --remote: the second machine has the first machine's paths
    #[arg(long, requires = "remote")]
    same_place: bool,
}

pub(super) fn run(options: &RunOptions, remote: &Options) -> Result<ExitCode> {
    let Prepared { workload, backend, place } = options.prepare()?;
    let own = workspace::find()?;
    let peers = remote.beside.iter().map(|name| backend::find(name, &own)).collect::<Result<Vec<_>>>()?;
    if remote.beside.iter().any(|name| name == "kache") {
        return Err(Error::input("kache is always measured").remedy("leave it out of --beside"));
    }
    let mut backends: Vec<&dyn Backend> = vec![&backend];
    backends.extend(peers.iter().map(|peer| &**peer));
    let plan = RemotePlan {
        latencies: remote.latency.clone(),
        same_place: remote.same_place,
        protocol: remote.protocol,
    };
    let scratch = &place.scratch;
    let (found, source) = scratch.settle(remote_check::run(&workload, &backends, scratch, &plan))?;
    let second = found.seconds.iter().find(|second| second.backend == "kache");
    let hit_rate = second.map(|s| s.hits as f64 / ((s.hits + s.misses).max(1)) as f64);
    let command = match remote.protocol {
        Protocol::S3 => "check --remote",
        Protocol::Reapi => "check --remote --protocol reapi",
    };
    let head = RecordHead::of(command, scratch.root()).on(&workload, &source).with(&backend)?;
    let findings = Judged { hit_rate, ..Judged::of(found.problems(workload.expect.hit_rate), found) };
    let record = Record { head, findings };
    let text = record.heading() + &record.findings.findings.text();
    place.conclude(&record, Shown::Text(text), record.findings.verdict.ok)
}
