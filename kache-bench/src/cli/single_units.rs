//! `audit` and `mutate`: commands that run single units of a recorded build again.

use super::options::{Prepared, RunOptions, Shown};
use crate::audit;
use crate::error::Result;
use crate::mutate;
use crate::record::{Judged, Record, RecordHead};
use crate::recorded_build::RecordedBuild;
use crate::system::scratch::Scratch;
use crate::system::strace;
use serde::Serialize;
use std::process::ExitCode;

pub(super) fn audit(options: &RunOptions, every: u32, forget: Option<&str>) -> Result<ExitCode> {
    strace::require()?;
    run_units("audit", options, |recorded, scratch| {
        let found = audit::run(recorded, scratch, every as usize, forget)?;
        Ok((found.problems(), found.text(), found))
    })
}

pub(super) fn mutate(options: &RunOptions, plan: mutate::MutatePlan) -> Result<ExitCode> {
    run_units("mutate", options, |recorded, scratch| {
        let found = mutate::run(recorded, scratch, plan)?;
        Ok((found.problems(), found.text(), found))
    })
}

/// Runs single units of a recorded build; `examine` returns the problems, the text and the findings.
fn run_units<F: Serialize>(
    command: &'static str,
    options: &RunOptions,
    examine: impl FnOnce(&mut RecordedBuild, &Scratch) -> Result<(Vec<String>, String, F)>,
) -> Result<ExitCode> {
    let Prepared { workload, backend, place } = options.prepare()?;
    let scratch = &place.scratch;
    let asked = RecordedBuild::make(&workload, &backend, scratch).and_then(|mut recorded| {
        let found = examine(&mut recorded, scratch)?;
        Ok((recorded, found))
    });
    let (recorded, (problems, text, findings)) = scratch.settle(asked)?;
    let head = RecordHead::of(command, recorded.checkout.root());
    let head = head.on(&workload, &recorded.commit).with(&backend)?;
    let record = Record { head, findings: Judged::of(problems, findings) };
    place.conclude(&record, Shown::Text(record.heading() + &text), record.findings.verdict.ok)
}
