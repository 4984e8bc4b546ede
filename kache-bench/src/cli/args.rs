//! The command line, and the dispatch to each command.

use super::options::{Format, RunOptions};
use super::{backends, check, compare, gate, latency, list, pull, remote_check, report, single_units};
use crate::check::CheckPlan;
use crate::error::{Error, Result};
use crate::mutate;
#[cfg(unix)]
use crate::stress;
use crate::system::platform;
use crate::traps;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Proves on real projects that kache's keys agree across checkouts and that its hits are what the compiler makes.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build in one clone, then from its cache in another: do the keys agree, does everything hit?
    Check {
        #[command(flatten)]
        run: RunOptions,
        /// Also compare every artifact with what the compiler makes in the same place
        #[arg(long)]
        verify: bool,
        /// Also build once without a cache, for comparison
        #[arg(long)]
        plain: bool,
        /// Write the builds in time, an invocation a slice, as a trace for ui.perfetto.dev
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
        /// Take N results out of the cache before the second clone is built, to see that found out
        #[arg(long, value_name = "N", default_value_t = 0)]
        lose: usize,
        #[command(flatten)]
        remote: remote_check::Options,
    },
    /// Compare every artifact of a cached build with what the compiler makes in the same place
    Verify {
        #[command(flatten)]
        run: RunOptions,
        /// Write the builds in time, an invocation a slice, as a trace for ui.perfetto.dev
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
    },
    /// Time backends side by side: cold, warm in the same and in another clone, and with nothing to do
    Compare(compare::Options),
    /// Time single invocations: a hit, a miss and a passthrough of rustc, cc and c++, with the bare compiler beside
    Latency(latency::Options),
    /// Build at an earlier revision, move the same tree to the workload's own, build again: what hits, what not and why?
    Pull {
        #[command(flatten)]
        run: RunOptions,
        /// Write the builds in time, an invocation a slice, as a trace for ui.perfetto.dev
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
    },
    /// Is the latest run worse than those recorded before it, on this class of machine?
    Gate(gate::Options),
    /// One page of all recorded runs: verdicts, plots, leaks, traps
    Report(report::Options),
    /// List the caches that kache is measured against, as scripts/peers.sh installed them
    Backends {
        /// As people read it, or as JSON
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Try every known way to make a cache lie, on every backend
    Traps(traps::TrapsOptions),
    /// Hurt kache in every way there is, and demand what the plain compiler makes
    #[cfg(unix)]
    #[command(alias = "torture")]
    Stress(stress::StressOptions),
    /// Ask for each unit again under strace: is all that its compiler looked at in its record, or excused?
    Audit {
        #[command(flatten)]
        run: RunOptions,
        /// Only every so many units
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        every: u32,
        /// Take this component (`file <workspace>/a.h`) out of each record first, to see the audit find it out
        #[arg(long, value_name = "COMPONENT")]
        forget: Option<String>,
    },
    /// Change recorded inputs of single units, one at a time, and demand a miss; change excluded ones and demand a hit
    Mutate {
        #[command(flatten)]
        run: RunOptions,
        /// How many units for each kind of input
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        units: u32,
        /// Another number draws other units and inputs
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Change nothing where something is to be changed, to see the harness find that out
        #[arg(long, alias = "idle")]
        no_change: bool,
    },
    /// List the workloads
    List {
        /// Where the workloads' files are [default: the repository's workloads/]
        #[arg(long, value_name = "DIR")]
        workloads: Option<PathBuf>,
        /// As people read it, or as JSON
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

impl Command {
    /// Its name, of those that not every system can do.
    fn exacting(&self) -> Option<&'static str> {
        match self {
            Command::Check { remote, .. } if remote.remote => Some("check --remote"),
            Command::Compare(_) => Some("compare"),
            Command::Latency(_) => Some("latency"),
            Command::Traps(_) => Some("traps"),
            Command::Audit { .. } => Some("audit"),
            Command::Mutate { .. } => Some("mutate"),
            _ => None,
        }
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    if let Some(name) = cli.command.exacting().filter(|name| platform::WITHOUT.contains(name)) {
        let what = format!("`{name}` cannot be done on this system");
        return Err(
            Error::input(what).remedy("`check`, `verify`, `pull`, `gate` and `report` can; or use Linux")
        );
    }
    match cli.command {
        Command::Check { run, remote, .. } if remote.remote => remote_check::run(&run, &remote),
        Command::Check { run, verify, plain, trace, lose, .. } => check::judge(
            "check",
            &run,
            CheckPlan { keys: true, artifacts: verify, plain, lose },
            trace.as_deref(),
        ),
        Command::Verify { run, trace } => {
            let plan = CheckPlan { keys: false, artifacts: true, plain: false, lose: 0 };
            check::judge("verify", &run, plan, trace.as_deref())
        }
        Command::Compare(options) => compare::run(&options),
        Command::Latency(options) => latency::run(&options),
        Command::Pull { run, trace } => pull::run(&run, trace.as_deref()),
        Command::Gate(options) => gate::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Backends { format } => backends::run(format),
        Command::Traps(options) => traps::run(&options),
        #[cfg(unix)]
        Command::Stress(options) => stress::run(&options),
        Command::Audit { run, every, forget } => single_units::audit(&run, every, forget.as_deref()),
        Command::Mutate { run, units, seed, no_change } => {
            single_units::mutate(&run, mutate::MutatePlan { units: units as usize, seed, no_change })
        }
        Command::List { workloads, format } => list::list(workloads, format),
    }
}
