//! The command line, and what each command does.

mod afar;
mod backends;
mod compare;
mod gate;
mod latency;
mod pull;
mod report;

use crate::audit;
use crate::backend::{Backend, Kache};
use crate::bed::Bed;
use crate::check::{self, Plan};
use crate::machine::{self, Machine};
use crate::mutate;
use crate::platform;
use crate::print;
use crate::record::{self, Measured, Record};
use crate::scratch::{Place, Scratch};
use crate::timeline::Timeline;
#[cfg(unix)]
use crate::torture;
use crate::traps;
use crate::trouble::{Result, Trouble};
use crate::verdict::{self, Verdict};
use crate::workload::Workload;
use crate::workspace;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};
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
        afar: afar::Options,
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
    Traps(traps::Options),
    /// Hurt kache in every way there is, and demand what the plain compiler makes
    #[cfg(unix)]
    Torture(torture::Options),
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
        #[arg(long)]
        idle: bool,
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

#[derive(Debug, Args)]
struct RunOptions {
    /// The workload: the name of a file in workloads/, without .toml
    name: String,
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    kache: Option<PathBuf>,
    /// Where the workloads' files are [default: the repository's workloads/]
    #[arg(long, value_name = "DIR")]
    workloads: Option<PathBuf>,
    /// Take the workload's git repository from here, at the same revision: a mirror, or a clone that is here
    #[arg(long, value_name = "URL-OR-PATH")]
    source: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Where the result is appended [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// As people read it, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl RunOptions {
    fn workload(&self) -> Result<Workload> {
        let workload = Workload::load(&below(&self.workloads, "workloads")?, &self.name)?;
        match &self.source {
            Some(from) => workload.taken_from(from),
            None => Ok(workload),
        }
    }

    fn scratch(&self) -> Result<Scratch> {
        Scratch::create(&self.place, &self.name)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Command {
    /// Its name, of those that not every system can do.
    fn exacting(&self) -> Option<&'static str> {
        match self {
            Command::Check { afar, .. } if afar.remote => Some("check --remote"),
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
            Trouble::input(what).remedy("`check`, `verify`, `pull`, `gate` and `report` can; or use Linux")
        );
    }
    match cli.command {
        Command::Check { run, afar, .. } if afar.remote => afar::run(&run, &afar),
        Command::Check { run, verify, plain, trace, lose, .. } => {
            judge("check", &run, Plan { keys: true, artifacts: verify, plain, lose }, trace.as_deref())
        }
        Command::Verify { run, trace } => {
            let plan = Plan { keys: false, artifacts: true, plain: false, lose: 0 };
            judge("verify", &run, plan, trace.as_deref())
        }
        Command::Compare(options) => compare::run(&options),
        Command::Latency(options) => latency::run(&options),
        Command::Pull { run, trace } => pull::run(&run, trace.as_deref()),
        Command::Gate(options) => gate::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Backends { format } => backends::run(format),
        Command::Traps(options) => traps::run(&options),
        #[cfg(unix)]
        Command::Torture(options) => torture::run(&options),
        Command::Audit { run, every, forget } => audit::require_strace().and_then(|()| {
            probe("audit", &run, |bed, scratch| {
                let found = audit::run(bed, scratch, every as usize, forget.as_deref())?;
                Ok((found.problems(), found.text(), found))
            })
        }),
        Command::Mutate { run, units, seed, idle } => probe("mutate", &run, |bed, scratch| {
            let found = mutate::run(bed, scratch, mutate::Plan { units: units as usize, seed, idle })?;
            Ok((found.problems(), found.text(), found))
        }),
        Command::List { workloads, format } => list(workloads, format),
    }
}

fn judge(command: &'static str, options: &RunOptions, plan: Plan, trace: Option<&Path>) -> Result<ExitCode> {
    let workload = options.workload()?;
    let results = below(&options.results, "results")?;
    let backend = kache(options.kache.as_deref())?;
    let scratch = options.scratch()?;
    let mut timeline = Timeline::default();
    let checked = scratch.settle(check::run(&workload, &backend, &scratch, plan, &mut timeline));
    timeline.write(trace)?;
    let (findings, checkouts) = checked?;
    let record = Record {
        v: record::VERSION,
        command: command.into(),
        workload: workload.name.clone(),
        source: checkouts.commit.clone(),
        date: machine::now(),
        backend: Measured { name: backend.name().into(), version: backend.version()? },
        commit: workspace::find().ok().and_then(|dir| machine::commit(&dir)),
        machine: Machine::here(checkouts.a.root()),
        verdict: verdict::judge(&findings, &workload.expect, plan),
        hit_rate: hit_rate(&findings),
        key_stability: findings.stability.share(),
        planted: (plan.lose > 0).then(|| format!("{} results were lost", plan.lose)),
        findings,
    };
    conclude(options, &record, &print::report(&record), &scratch, &results)
}

/// Keeps a record and prints it.
fn conclude<F: Serialize>(
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

/// The kache that was given, or else one that is built.
fn kache(given: Option<&Path>) -> Result<Kache> {
    match given {
        Some(program) => Kache::at(program),
        None => {
            eprintln!("building kache (cargo build --release -p kache; --kache PATH to use another)");
            Kache::build(&workspace::find()?)
        }
    }
}

/// A command that asks for single units of a built workload: what speaks against it, its text, its findings.
fn probe<F: Serialize>(
    command: &'static str,
    options: &RunOptions,
    ask: impl FnOnce(&mut Bed, &Scratch) -> Result<(Vec<String>, String, F)>,
) -> Result<ExitCode> {
    let workload = options.workload()?;
    let results = below(&options.results, "results")?;
    let backend = kache(options.kache.as_deref())?;
    let scratch = options.scratch()?;
    let asked = Bed::make(&workload, &backend, &scratch).and_then(|mut bed| {
        let found = ask(&mut bed, &scratch)?;
        Ok((bed, found))
    });
    let (bed, (problems, text, findings)) = scratch.settle(asked)?;
    let record = Record {
        v: record::VERSION,
        command: command.into(),
        workload: workload.name.clone(),
        source: bed.commit.clone(),
        date: machine::now(),
        backend: Measured { name: backend.name().into(), version: backend.version()? },
        commit: workspace::find().ok().and_then(|dir| machine::commit(&dir)),
        machine: Machine::here(bed.checkout.root()),
        verdict: Verdict { ok: problems.is_empty(), problems },
        hit_rate: None,
        key_stability: None,
        planted: None,
        findings,
    };
    let heading = if record.verdict.ok { "OK" } else { "NOT OK" };
    let problems: String = record.verdict.problems.iter().map(|p| format!("  ✗ {p}\n")).collect();
    let text = format!("\n{command} {}: {heading}\n{problems}\n{text}", workload.name);
    conclude(options, &record, &text, &scratch, &results)
}

fn hit_rate(findings: &check::Findings) -> Option<f64> {
    let warm = findings.phases.iter().find(|phase| phase.name == "build from the cache")?;
    warm.tally.as_ref()?.hit_rate()
}

fn below(given: &Option<PathBuf>, default: &str) -> Result<PathBuf> {
    match given {
        Some(dir) => Ok(dir.clone()),
        None => Ok(workspace::find()?.join(default)),
    }
}

/// A workload as `list --format json` has it.
#[derive(Serialize)]
struct Listed {
    v: u32,
    name: String,
    source: Option<String>,
    description: Option<String>,
    error: Option<String>,
}

fn list(workloads: Option<PathBuf>, format: Format) -> Result<ExitCode> {
    let mut bad = false;
    for (name, workload) in Workload::all(&below(&workloads, "workloads")?)? {
        bad |= workload.is_err();
        let (found, error) = match workload {
            Ok(workload) => (Some(workload), None),
            Err(trouble) => (None, Some(trouble.to_string())),
        };
        let source = found.as_ref().map(|w| w.source.to_string());
        let description = found.map(|w| w.description);
        match format {
            Format::Json => {
                let listed = Listed { v: record::VERSION, name, source, description, error };
                println!("{}", serde_json::to_string(&listed).unwrap_or_default());
            }
            Format::Text => {
                let text = error.as_deref().or(description.as_deref()).unwrap_or_default().replace('\n', " ");
                println!("{name:<12} {:<24} {text}", source.unwrap_or_default());
            }
        }
    }
    Ok(if bad { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
