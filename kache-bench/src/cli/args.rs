//! The command line and the dispatch to the commands.

use super::options::{Format, RunOptions};
use super::{
    backends, check, compare, completions, gate, latency, list, load, pull, remote_check, report,
    single_units,
};
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

/// Checks on real projects that kache's keys agree across checkouts and that cached results equal the
/// compiler's
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build in one clone, then in another from the first one's cache: compare keys and count hits
    Check {
        #[command(flatten)]
        run: RunOptions,
        /// Also compare every artifact with a compile in the same place
        #[arg(long)]
        verify: bool,
        /// Also build once without a cache, for comparison
        #[arg(long)]
        plain: bool,
        /// Write the builds as a trace for ui.perfetto.dev, with a slice for each invocation
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
        /// Remove N results from the cache before the second clone is built, to see that the check detects it
        #[arg(long, value_name = "N", default_value_t = 0)]
        lose: usize,
        #[command(flatten)]
        remote: remote_check::Options,
    },
    /// Compare every artifact of a cached build with a compile in the same place
    Verify {
        #[command(flatten)]
        run: RunOptions,
        /// Write the builds as a trace for ui.perfetto.dev, with a slice for each invocation
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
    },
    /// Measure caches side by side: cold, warm in the same and in another clone, and with nothing to do
    Compare(compare::Options),
    /// Measure single invocations: a hit, a miss and a bypass of rustc, cc and c++, next to the compiler
    /// alone
    Latency(latency::Options),
    /// Build at an earlier revision, move the same tree to the workload's revision, and build again: list
    /// misses and their causes
    Pull {
        #[command(flatten)]
        run: RunOptions,
        /// Write the builds as a trace for ui.perfetto.dev, with a slice for each invocation
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
    },
    /// Compare the latest run with the runs recorded before it on this class of machine
    Gate(gate::Options),
    /// Write one page of all recorded runs: verdicts, plots, key mismatches, traps
    Report(report::Options),
    /// List the other caches and whether scripts/peers.sh has installed them
    Backends {
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Try every known way to make a cache return a wrong result, on every cache
    Traps(traps::TrapsOptions),
    /// Inject faults into kache while builds run, and require what the plain compiler makes
    #[cfg(unix)]
    #[command(alias = "torture")]
    Stress(stress::StressOptions),
    /// Build on many machines through one server, with faults, and require what the plain compiler makes
    Load(load::Options),
    /// Run each unit again under strace and check that every access of the compiler is recorded or excused
    Audit {
        #[command(flatten)]
        run: RunOptions,
        /// Audit every Nth unit only
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        every: u32,
        /// Remove this component (`file <workspace>/a.h`) from each record first, to see that the audit
        /// detects it
        #[arg(long, value_name = "COMPONENT")]
        forget: Option<String>,
    },
    /// Change recorded inputs of single units, one at a time, and require a miss; change excluded inputs and
    /// require a hit
    Mutate {
        #[command(flatten)]
        run: RunOptions,
        #[command(flatten)]
        plan: mutate::MutatePlan,
    },
    /// Print a shell completion script
    Completions(completions::Options),
    /// List the workloads
    List {
        /// Directory of the workload files [default: the repository's workloads/]
        #[arg(long, value_name = "DIR")]
        workloads: Option<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

impl Command {
    /// Name of a command that is not available on every system.
    fn exacting(&self) -> Option<&'static str> {
        match self {
            Command::Check { remote, .. } if remote.remote => Some("check --remote"),
            Command::Compare(_) => Some("compare"),
            Command::Latency(_) => Some("latency"),
            Command::Load(_) => Some("load"),
            Command::Traps(_) => Some("traps"),
            Command::Audit { .. } => Some("audit"),
            Command::Mutate { .. } => Some("mutate"),
            _ => None,
        }
    }
}

pub fn run(cli: Cli) -> Result<ExitCode> {
    if let Some(name) = cli.command.exacting().filter(|name| platform::WITHOUT.contains(name)) {
        let what = format!("`{name}` is not available on this system");
        return Err(
            Error::input(what).remedy("use `check`, `verify`, `pull`, `gate` or `report`; or use Linux")
        );
    }
    match cli.command {
        Command::Check { remote, .. } if remote.remote && !cfg!(feature = "remote") => {
            Err(without_server("check --remote"))
        }
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
        Command::Load(_) if !cfg!(feature = "remote") => Err(without_server("load")),
        Command::Load(options) => load::run(&options),
        Command::Pull { run, trace } => pull::run(&run, trace.as_deref()),
        Command::Gate(options) => gate::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Backends { format } => backends::run(format),
        Command::Traps(options) => traps::run(&options),
        #[cfg(unix)]
        Command::Stress(options) => stress::run(&options),
        Command::Audit { run, every, forget } => single_units::audit(&run, every, forget.as_deref()),
        Command::Mutate { run, plan } => single_units::mutate(&run, plan),
        Command::Completions(options) => Ok(completions::run(&options)),
        Command::List { workloads, format } => list::list(workloads, format),
    }
}

fn without_server(command: &str) -> Error {
    let what = format!("this kache-bench was compiled without the S3 server of `{command}`");
    Error::input(what).remedy("add `--features remote` to the command of cargo that compiles it")
}
