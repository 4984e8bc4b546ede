//! `compare`: which backends take part, and what becomes of the figures.

use super::{Format, below, kache, tell_what_is_left};
use crate::backend::{self, Backend};
use crate::machine;
use crate::race::{self, Phase, Plan};
use crate::record;
use crate::scratch::Scratch;
use crate::trouble::{Result, Trouble};
use crate::workload::Workload;
use crate::workspace;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `compare` can be told.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The workload: the name of a file in workloads/, without .toml
    name: String,
    /// Who takes part: plain, kache, sccache, ccache, mbx, kache2 (the published one)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = backend::NAMES)]
    backends: Vec<String>,
    /// How often each builds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// What is timed; cold always is [default: all]
    #[arg(long, value_name = "PHASES", value_delimiter = ',', value_enum)]
    phases: Vec<Phase>,
    /// Print tables in Markdown
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    kache: Option<PathBuf>,
    /// Where the workloads' files are [default: the repository's workloads/]
    #[arg(long, value_name = "DIR")]
    workloads: Option<PathBuf>,
    /// Where clones, caches and logs are put [default: the system's temporary directory]
    #[arg(long, value_name = "SCRATCH")]
    dir: Option<PathBuf>,
    /// Where the result is appended [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Leave the logs in place
    #[arg(long)]
    keep: bool,
    /// As people read it, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs it; status 1 if a backend fell out or a phase was invalid for all its builds.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let workload = Workload::load(&below(&options.workloads, "workloads")?, &options.name)?;
    let results = below(&options.results, "results")?;
    let backends = backends(options)?;
    let scratch = Scratch::create(options.dir.as_deref(), &workload.name, options.keep)?;
    let plan = Plan { backends, rounds: options.runs.into(), phases: options.phases.clone() };
    let outcome = race::run(&workload, plan, &scratch);
    tell_what_is_left(&scratch);
    let mut race = outcome?;
    race.commit = workspace::find().ok().and_then(|dir| machine::commit(&dir));
    let line = record::line(&race, &scratch)?;
    let history = record::append(&results, &workload.name, &line)?;
    match options.format {
        Format::Json => println!("{line}"),
        Format::Text if options.markdown => print!("{}", race::markdown(&race)),
        Format::Text => {
            print!("\n{}", race::text(&race));
            println!("\nrecorded in {}", history.display());
        }
    }
    Ok(if race.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

type Named = Vec<(String, Result<Box<dyn Backend>>)>;

/// A name that nobody has is an error; a peer that is not installed is a row that says so.
fn backends(options: &Options) -> Result<Named> {
    let workspace = workspace::find().unwrap_or_default();
    let mut found = Named::new();
    for name in &options.backends {
        if found.iter().any(|(other, _)| other == name) {
            return Err(
                Trouble::input(format!("`{name}` is named twice in --backends")).remedy("name each once")
            );
        }
        let backend = match name.as_str() {
            "kache" => Ok(Box::new(kache(options.kache.as_deref())?) as Box<dyn Backend>),
            name => backend::find(name, &workspace),
        };
        match backend {
            Err(trouble) if !backend::NAMES.contains(&name.as_str()) => return Err(trouble),
            backend => found.push((name.clone(), backend)),
        }
    }
    Ok(found)
}
