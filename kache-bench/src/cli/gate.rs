//! `gate`: selects the runs to judge and the history to compare with.

use super::completions;
use super::options::{Format, below};
use crate::error::{Error, Result};
use crate::gate::{self, Gate};
use crate::history::{History, HistoryEntry, RecordedRun};
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no regression; 1 a regression; 2 a record cannot be read, or there is nothing to \
                        judge; 3 inconclusive: no known regression, but too few recorded runs or rounds, or too much noise, to \
                        rule one out."
)]
pub(super) struct Options {
    /// Only runs of these workloads [default: all]
    #[arg(value_name = "WORKLOAD", add = ArgValueCompleter::new(completions::workloads))]
    workloads: Vec<String>,
    /// Judge the runs in this file instead of the latest recorded run of each command, workload and cache
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Compare only with runs since this date, `2026-01-31` or `2026-01-31T12:00:00Z`, so that an intended change is not a
    /// regression afterwards
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Directory of the recorded runs [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Exit statuses: see the help text.
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

/// Dates are compared as text.
fn check_date(text: &str) -> Result<()> {
    let is_date = jiff::civil::Date::strptime("%F", text).is_ok();
    if is_date || jiff::civil::DateTime::strptime("%FT%TZ", text).is_ok() {
        return Ok(());
    }
    Err(Error::input(format!("`{text}` is not a date"))
        .remedy("use 2026-01-31 or 2026-01-31T12:00:00Z for --since"))
}
