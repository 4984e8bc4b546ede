//! `pull`: runs, prints and records.

use super::options::{Format, RunOptions, below, kache};
use crate::analysis::timeline::Timeline;
use crate::error::Result;
use crate::system::{machine, workspace};
use crate::{pull, record};
use std::path::Path;
use std::process::ExitCode;

/// Status 0 for any number of hits: the change between the revisions decides how many are possible.
pub(super) fn run(options: &RunOptions, trace: Option<&Path>) -> Result<ExitCode> {
    let workload = options.workload()?;
    let results = below(&options.results, "results")?;
    let backend = kache(options.kache.as_deref())?;
    let scratch = options.scratch()?;
    let mut timeline = Timeline::default();
    let pulled = scratch.settle(pull::run(&workload, &backend, &scratch, &mut timeline));
    timeline.write(trace)?;
    let mut pull = pulled?;
    pull.commit = workspace::find().ok().and_then(|dir| machine::commit(&dir));
    let line = record::line(&pull, &scratch)?;
    let history = record::append(&results, &workload.name, &line)?;
    match options.format {
        Format::Json => println!("{line}"),
        Format::Text => {
            print!("\n{}", pull::text(&pull));
            println!("\nrecorded in {}", history.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
