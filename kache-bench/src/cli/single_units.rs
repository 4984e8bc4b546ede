//! `audit` and `mutate`: commands that run single units of a recorded build again.

use super::options::{RunOptions, below, conclude, kache};
use crate::audit;
use crate::backend::Backend;
use crate::error::Result;
use crate::mutate;
use crate::record::{self, BackendVersion, Record, RunVerdict};
use crate::recorded_build::RecordedBuild;
use crate::system::machine::{self, Machine};
use crate::system::scratch::Scratch;
use crate::system::workspace;
use serde::Serialize;
use std::process::ExitCode;

pub(super) fn audit(options: &RunOptions, every: u32, forget: Option<&str>) -> Result<ExitCode> {
    audit::require_strace()?;
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
    let workload = options.workload()?;
    let results = below(&options.results, "results")?;
    let backend = kache(options.kache.as_deref())?;
    let scratch = options.scratch()?;
    let asked = RecordedBuild::make(&workload, &backend, &scratch).and_then(|mut recorded| {
        let found = examine(&mut recorded, &scratch)?;
        Ok((recorded, found))
    });
    let (recorded, (problems, text, findings)) = scratch.settle(asked)?;
    let record = Record {
        v: record::VERSION,
        command: command.into(),
        workload: workload.name.clone(),
        source: recorded.commit.clone(),
        date: machine::now(),
        backend: BackendVersion { name: backend.name().into(), version: backend.version()? },
        commit: workspace::find().ok().and_then(|dir| machine::commit(&dir)),
        machine: Machine::here(recorded.checkout.root()),
        verdict: RunVerdict { ok: problems.is_empty(), problems },
        hit_rate: None,
        key_stability: None,
        injected: None,
        findings,
    };
    let heading = if record.verdict.ok { "OK" } else { "NOT OK" };
    let problems: String = record.verdict.problems.iter().map(|p| format!("  ✗ {p}\n")).collect();
    let text = format!("\n{command} {}: {heading}\n{problems}\n{text}", workload.name);
    conclude(options, &record, &text, &scratch, &results)
}
