//! `pull`: runs, prints and records.

use super::options::{Prepared, RunOptions, Shown};
use crate::analysis::timeline::Timeline;
use crate::error::Result;
use crate::pull;
use crate::record::{Record, RecordHead};
use std::path::Path;
use std::process::ExitCode;

/// Status 0 for any number of hits: the change between the revisions decides how many are possible.
pub(super) fn run(options: &RunOptions, trace: Option<&Path>) -> Result<ExitCode> {
    let Prepared { workload, backend, place } = options.prepare()?;
    let mut timeline = Timeline::default();
    let pulled = place.scratch.settle(pull::run(&workload, &backend, &place.scratch, &mut timeline));
    timeline.write(trace)?;
    let findings = pulled?;
    let head = RecordHead::of("pull", &place.scratch.checkout_a()).on(&workload, "").with(&backend)?;
    let record = Record { head, findings };
    place.conclude(&record, Shown::Text(format!("\n{}\n", pull::text(&record))), true)
}
