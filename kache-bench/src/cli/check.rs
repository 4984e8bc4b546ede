//! `check` and `verify`.

use super::options::{RunOptions, below, conclude, kache};
use crate::analysis::timeline::Timeline;
use crate::backend::Backend;
use crate::check::{self, CheckPlan, print, verdict};
use crate::error::Result;
use crate::record::{self, BackendVersion, Record};
use crate::system::machine::{self, Machine};
use crate::system::workspace;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn judge(
    command: &'static str,
    options: &RunOptions,
    plan: CheckPlan,
    trace: Option<&Path>,
) -> Result<ExitCode> {
    let workload = options.workload()?;
    let results = below(&options.results, "results")?;
    let backend = kache(options.kache.as_deref())?;
    let scratch = options.scratch()?;
    let mut timeline = Timeline::default();
    let checked = scratch.settle(check::run(&workload, &backend, &scratch, plan, &mut timeline));
    timeline.write(trace)?;
    let (findings, checkouts) = checked?;
    let record = Record {
        v: record::VERSION,
        command: command.into(),
        workload: workload.name.clone(),
        source: checkouts.commit.clone(),
        date: machine::now(),
        backend: BackendVersion { name: backend.name().into(), version: backend.version()? },
        commit: workspace::find().ok().and_then(|dir| machine::commit(&dir)),
        machine: Machine::here(checkouts.a.root()),
        verdict: verdict::judge(&findings, &workload.expect, plan),
        hit_rate: hit_rate(&findings),
        key_stability: findings.stability.share(),
        injected: (plan.lose > 0).then(|| format!("{} results were lost", plan.lose)),
        findings,
    };
    conclude(options, &record, &print::report(&record), &scratch, &results)
}

fn hit_rate(findings: &check::CheckFindings) -> Option<f64> {
    let warm = findings.phases.iter().find(|phase| phase.name == "build from the cache")?;
    warm.summary.as_ref()?.hit_rate()
}
