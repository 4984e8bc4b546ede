//! `check` and `verify`.

use super::options::{Prepared, RunOptions, Shown};
use crate::analysis::timeline::Timeline;
use crate::check::{self, CheckPlan, print, verdict};
use crate::error::Result;
use crate::record::{Judged, Record, RecordHead};
use crate::text;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn judge(
    command: &str,
    options: &RunOptions,
    plan: CheckPlan,
    trace: Option<&Path>,
) -> Result<ExitCode> {
    let Prepared { workload, backend, place } = options.prepare()?;
    let mut timeline = Timeline::default();
    let checked = place.scratch.settle(check::run(&workload, &backend, &place.scratch, plan, &mut timeline));
    timeline.write(trace)?;
    let (findings, checkouts) = checked?;
    let mut head =
        RecordHead::of(command, checkouts.a.root()).on(&workload, &checkouts.commit).with(&backend)?;
    head.injected =
        (plan.lose > 0).then(|| format!("{} lost", text::count(plan.lose, "result was", "results were")));
    let findings = Judged {
        verdict: verdict::judge(&findings, &workload.expect, plan),
        hit_rate: findings.summary("build from the cache").and_then(|warm| warm.compiles().share()),
        key_stability: findings.stability.share(),
        findings,
    };
    let record = Record { head, findings };
    place.conclude(&record, Shown::Text(print::report(&record)), record.findings.verdict.ok)
}
