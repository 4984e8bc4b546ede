//! `compare`: selects the participants and prints and records the result.

use super::options::{RunOptions, Shown};
use crate::analysis::timeline::Timeline;
use crate::backend::{self, Backend};
use crate::compare::{self, ComparePhase, ComparePlan, Offered};
use crate::error::{Error, Result};
use crate::inject::Slowdown;
use crate::record::{Record, RecordHead};
use crate::system::scratch::Scratch;
use crate::system::workspace;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    run: RunOptions,
    /// Participants: plain, kache, sccache, ccache, mbx, kache2 (the published program of that name)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = backend::ALL)]
    backends: Vec<String>,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Phases to measure; cold is always measured [default: all]
    #[arg(long, value_name = "PHASES", value_delimiter = ',', value_enum)]
    phases: Vec<ComparePhase>,
    /// Write the builds as a trace for ui.perfetto.dev, with a slice for each invocation
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Delay each compile with kache by this share, such as `20%`, to see that the gate detects it
    #[arg(long, value_name = "SHARE")]
    slow: Option<Slowdown>,
    /// Print tables in Markdown
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
}

/// Status 1 if a participant dropped out or has a phase without a valid build.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let (workload, kache) = (options.run.workload()?, options.run.common.kache.as_deref());
    let mut backends = backends(&options.backends, kache)?;
    let place = options.run.place()?;
    let scratch = &place.scratch;
    if let Some(by) = options.slow {
        slow_down(&mut backends, by, kache, scratch)?;
    }
    let plan = ComparePlan { backends, rounds: options.runs.into(), phases: options.phases.clone() };
    let mut timeline = Timeline::default();
    let compared = scratch.settle(compare::run(&workload, plan, scratch, &mut timeline));
    timeline.write(options.trace.as_deref())?;
    let (findings, source) = compared?;
    let mut head = RecordHead::of("compare", &scratch.repository()).on(&workload, &source);
    head.injected = options.slow.map(|by| format!("each compile with kache takes {by} longer"));
    let record = Record { head, findings };
    let shown = match options.markdown {
        true => Shown::Markdown(compare::markdown(&record)),
        false => Shown::Text(format!("\n{}\n", compare::text(&record))),
    };
    place.conclude(&record, shown, record.findings.is_whole())
}

fn slow_down(backends: &mut Offered, by: Slowdown, kache: Option<&Path>, scratch: &Scratch) -> Result<()> {
    let Some((_, backend)) = backends.iter_mut().find(|(name, _)| name == "kache") else {
        return Err(Error::input("kache is not among the participants, so it cannot be slowed")
            .remedy("name it in --backends, or leave out --slow"));
    };
    let slowed = super::options::kache(kache)?.slowed(by, &scratch.root().join("slow"))?;
    *backend = Ok(Box::new(slowed));
    Ok(())
}

/// An unknown name is an error; a cache that is not installed is a row that says so.
pub(super) fn backends(names: &[String], kache: Option<&Path>) -> Result<Offered> {
    let workspace = workspace::find().unwrap_or_default();
    let mut found = Offered::new();
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
