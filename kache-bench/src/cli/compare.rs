//! `compare`: which backends take part, and what becomes of the figures.

use super::options::{Format, RunOptions, below};
use crate::analysis::timeline::Timeline;
use crate::backend::{self, Backend};
use crate::compare::{self, ComparePhase, ComparePlan};
use crate::error::{Error, Result};
use crate::inject::Slowdown;
use crate::record;
use crate::system::machine;
use crate::system::scratch::Scratch;
use crate::system::workspace;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `compare` can be told.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    run: RunOptions,
    /// Who takes part: plain, kache, sccache, ccache, mbx, kache2 (the published one)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = backend::NAMES)]
    backends: Vec<String>,
    /// How often each builds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// What is timed; cold always is [default: all]
    #[arg(long, value_name = "PHASES", value_delimiter = ',', value_enum)]
    phases: Vec<ComparePhase>,
    /// Write the builds in time, an invocation a slice, as a trace for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Let each compile behind kache take this share longer, as `20%`, to see the gate find that out
    #[arg(long, value_name = "SHARE")]
    slow: Option<Slowdown>,
    /// Print tables in Markdown
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
}

/// Runs it; status 1 if a backend fell out or a phase was invalid for all its builds.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let workload = options.run.workload()?;
    let results = below(&options.run.results, "results")?;
    let mut backends = backends(&options.backends, options.run.kache.as_deref())?;
    let scratch = options.run.scratch()?;
    if let Some(by) = options.slow {
        slow_down(&mut backends, by, options.run.kache.as_deref(), &scratch)?;
    }
    let plan = ComparePlan { backends, rounds: options.runs.into(), phases: options.phases.clone() };
    let mut timeline = Timeline::default();
    let raced = scratch.settle(compare::run(&workload, plan, &scratch, &mut timeline));
    timeline.write(options.trace.as_deref())?;
    let mut comparison = raced?;
    comparison.injected = options.slow.map(|by| format!("each compile behind kache takes {by} longer"));
    comparison.commit = workspace::find().ok().and_then(|dir| machine::commit(&dir));
    let line = record::line(&comparison, &scratch)?;
    let history = record::append(&results, &workload.name, &line)?;
    match options.run.format {
        Format::Json => println!("{line}"),
        Format::Text if options.markdown => print!("{}", compare::markdown(&comparison)),
        Format::Text => {
            print!("\n{}", compare::text(&comparison));
            println!("\nrecorded in {}", history.display());
        }
    }
    Ok(if comparison.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

type Named = Vec<(String, Result<Box<dyn Backend>>)>;

fn slow_down(backends: &mut Named, by: Slowdown, kache: Option<&Path>, scratch: &Scratch) -> Result<()> {
    let Some((_, backend)) = backends.iter_mut().find(|(name, _)| name == "kache") else {
        return Err(Error::input("kache takes no part, so that it cannot be slowed")
            .remedy("name it in --backends, or leave out --slow"));
    };
    let slowed = super::options::kache(kache)?.slowed(by, &scratch.root().join("slow"))?;
    *backend = Ok(Box::new(slowed));
    Ok(())
}

/// A name that nobody has is an error; a peer that is not installed is a row that says so.
pub(super) fn backends(names: &[String], kache: Option<&Path>) -> Result<Named> {
    let workspace = workspace::find().unwrap_or_default();
    let mut found = Named::new();
    for name in names {
        if found.iter().any(|(other, _)| other == name) {
            return Err(
                Error::input(format!("`{name}` is named twice in --backends")).remedy("name each once")
            );
        }
        let backend = match name.as_str() {
            "kache" => Ok(Box::new(super::options::kache(kache)?) as Box<dyn Backend>),
            name => backend::find(name, &workspace),
        };
        match backend {
            Err(error) if !backend::NAMES.contains(&name.as_str()) => return Err(error),
            backend => found.push((name.clone(), backend)),
        }
    }
    Ok(found)
}
