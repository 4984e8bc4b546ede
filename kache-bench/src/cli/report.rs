//! `report`: writes a page of the recorded runs.

use super::options::below;
use crate::error::{Error, Result};
use crate::history::History;
use crate::report::{self, Page};
use crate::text::{count, size};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Directory of the recorded runs [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// File of the page [default: report.html next to the recorded runs]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print Markdown for a pull request instead of writing a page
    #[arg(long, conflicts_with = "output")]
    markdown: bool,
}

/// Status 0 for any verdict: `gate` judges.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let results = below(&options.results, "results")?;
    let history = History::read(&results)?;
    if history.entries.is_empty() {
        return Err(Error::input("no run is recorded")
            .at(results.display())
            .remedy("run `kache-bench check demo` first"));
    }
    let page = Page::of(&history);
    if options.markdown {
        print!("{}", report::markdown(&page));
        return Ok(ExitCode::SUCCESS);
    }
    let file = options.output.clone().unwrap_or_else(|| results.join("report.html"));
    let text = report::html(&page);
    std::fs::write(&file, &text).map_err(Error::io("write the page to", &file))?;
    let runs = count(history.entries.len(), "run", "runs");
    println!("{} ({}, {runs})", file.display(), size(text.len() as u64));
    Ok(ExitCode::SUCCESS)
}
