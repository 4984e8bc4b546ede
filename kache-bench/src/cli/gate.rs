//! `gate`: which runs are judged, by which history.

use super::options::{Format, below};
use crate::error::{Error, Result};
use crate::gate::{self, Gate};
use crate::history::{History, HistoryEntry, RecordedRun};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `gate` can be told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing is worse; 1 something is; 2 a record cannot be read, or there is nothing to \
                        judge; 3 inconclusive: nothing is known to be worse, but not all could be told, for want of recorded \
                        runs, of rounds, or of a quiet machine."
)]
pub(super) struct Options {
    /// Only runs of these workloads [default: all]
    workloads: Vec<String>,
    /// Judge the runs in this file instead of the latest recorded one of each command, workload and backend
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Compare with no run before this date, `2026-01-31` or longer: what became worse on purpose is no regression from then on
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Where the recorded runs are [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
    /// As people read it, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// See the help for the statuses.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let results = below(&options.results, "results")?;
    let mut history = History::read(&results)?;
    let given = options.run.as_ref().map(|file| History::of_files(std::slice::from_ref(file))).transpose()?;
    let runs = chosen(options, given.as_ref().unwrap_or(&history), given.is_some())?;
    let runs: Vec<HistoryEntry> = runs.into_iter().cloned().collect();
    if let Some(since) = &options.since {
        check_date(since)?;
        history.entries.retain(|entry| entry.head.date.as_str() >= since.as_str());
    }
    let gate = Gate::of(&runs.iter().collect::<Vec<_>>(), &history);
    match options.format {
        Format::Json => println!("{}", serde_json::to_string(&gate).unwrap_or_default()),
        Format::Text if options.markdown => print!("{}", gate::markdown(&gate)),
        Format::Text => print!("{}", gate::text(&gate)),
    }
    Ok(ExitCode::from(gate.verdict.status()))
}

fn chosen<'h>(options: &Options, from: &'h History, all: bool) -> Result<Vec<&'h HistoryEntry>> {
    let mut runs = if all { from.entries.iter().collect() } else { from.latest() };
    runs.retain(|entry| !matches!(entry.run, RecordedRun::Unknown));
    for wanted in &options.workloads {
        if !runs.iter().any(|entry| entry.head.workload == *wanted) {
            return Err(Error::input(format!("no run of `{wanted}` is recorded"))
                .remedy(format!("run `kache-bench check {wanted}` first")));
        }
    }
    let is_wanted = |entry: &&HistoryEntry| {
        options.workloads.is_empty() || options.workloads.contains(&entry.head.workload)
    };
    runs.retain(is_wanted);
    if runs.is_empty() {
        return Err(Error::input("there is no run to judge")
            .remedy("run `kache-bench check` or another command that records"));
    }
    Ok(runs)
}

/// Dates are compared as text, which only a date bears.
fn check_date(text: &str) -> Result<()> {
    let pattern = b"0000-00-00T00:00:00Z";
    let fits = |(at, byte): (usize, &u8)| match pattern.get(at) {
        Some(b'0') => byte.is_ascii_digit(),
        Some(other) => byte == other,
        None => false,
    };
    if text.len() >= 10 && text.bytes().enumerate().all(|(at, byte)| fits((at, &byte))) {
        return Ok(());
    }
    Err(Error::input(format!("`{text}` is no date"))
        .remedy("give --since as 2026-01-31 or 2026-01-31T12:00:00Z"))
}
