//! The counts of a run, which are compared exactly.

use crate::analysis::summary::{BuildSummary, Rate, Reasons};
use crate::check::CheckFindings;
use crate::compare::{self, Comparison};
use crate::history::{HistoryEntry, RecordedRun};
use crate::latency::{Figures, InvocationKind, Latency};
use crate::pull::Pull;
use crate::record::{Judged, RunVerdict};
use crate::traps::{self, TrapVerdict};
use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    Less,
    More,
    /// Any count above 0 is a regression, whatever was recorded.
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Name of the count; the same in every run.
    pub name: String,
    pub count: usize,
    pub worse: Worse,
    /// Names of the counted items, if they have names.
    pub names: Vec<String>,
}

fn fact(name: impl Into<String>, count: usize, worse: Worse) -> Fact {
    Fact { name: name.into(), count, worse, names: Vec::new() }
}

/// The number of the named items.
fn named(name: impl Into<String>, names: impl IntoIterator<Item = String>, worse: Worse) -> Fact {
    let names: Vec<_> = names.into_iter().collect();
    Fact { names: names.clone(), ..fact(name, names.len(), worse) }
}

/// The number of units that a build did not restore.
fn without_hit(place: &str, build: Rate) -> Fact {
    fact(format!("units without a hit {place}"), build.units - build.hits.min(build.units), Worse::More)
}

/// The number of invocations with a reason.
fn by_reason(name: impl Into<String>, reasons: &Reasons) -> Fact {
    let names = reasons.iter().map(|(reason, count)| format!("{count} {reason}"));
    fact(name, reasons.values().sum(), Worse::More).named(names)
}

impl Fact {
    fn named(mut self, names: impl IntoIterator<Item = String>) -> Fact {
        self.names = names.into_iter().collect();
        self
    }
}

/// All counts of a run.
pub fn of(entry: &HistoryEntry) -> Vec<Fact> {
    match &entry.run {
        RecordedRun::Check(check) => of_check(check, entry.head.command == "check"),
        RecordedRun::SingleUnits(probe) => of_verdict(&probe.verdict),
        RecordedRun::Comparison(comparison) => of_comparison(comparison),
        RecordedRun::Latency(latency) => of_latency(latency),
        RecordedRun::Pull(pull) => of_pull(pull),
        RecordedRun::Traps(report) => of_traps(report),
        RecordedRun::Unknown => Vec::new(),
    }
}

fn of_latency(latency: &Latency) -> Vec<Fact> {
    let ours: Vec<_> = latency.figures.iter().filter(|figures| figures.backend == "kache").collect();
    let invalid = ours.iter().filter(|figures| figures.invalid.is_some());
    let mut facts = vec![fact("invalid figures", invalid.count(), Worse::More)];
    // A miss waits for its compiler, and makes a few calls more or less. Bytes and page faults depend on times and addresses.
    let is_exact = |figures: &&&Figures| figures.kind != InvocationKind::Miss;
    for (figures, kernel) in
        ours.iter().filter(is_exact).filter_map(|figures| Some((figures, figures.kernel?)))
    {
        let kind = format!("{} {}", figures.subject, figures.kind.word());
        facts.push(fact(format!("{kind}: system calls"), kernel.system_calls as usize, Worse::More));
    }
    facts
}

fn of_check(check: &Judged<CheckFindings>, compares_keys: bool) -> Vec<Fact> {
    let CheckFindings { stability, artifacts, .. } = &check.findings;
    let mut facts = of_verdict(&check.verdict);
    if let Some(cold) = check.findings.summary("cold build") {
        facts.push(fact("units built", cold.units, Worse::Less));
        facts.push(by_reason("units not stored", &cold.unstored));
        facts.extend(through("cold build", cold));
    }
    if let Some(warm) = check.findings.summary("build from the cache") {
        facts.push(
            without_hit("in the second clone", warm.compiles()).named(stability.missed.iter().cloned()),
        );
        facts.extend(through("second clone", warm));
    }
    for (phase, place) in
        [("build in the third clone", "in the third clone"), ("second build", "in a second build")]
    {
        let Some(BuildSummary { units, hits, .. }) = check.findings.summary(phase) else { continue };
        facts.push(without_hit(place, Rate { units: *units, hits: *hits }));
    }
    if compares_keys {
        let unstable = stability.paired - stability.equal.min(stability.paired);
        facts.push(fact("unstable keys", unstable, Worse::More).named(stability.unstable.iter().cloned()));
        let unpaired = stability.unpaired.iter().cloned();
        facts.push(named("units built in one clone only", unpaired, Worse::More));
    }
    if let Some(artifacts) = artifacts {
        let differ = artifacts.mismatches.iter().map(|mismatch| mismatch.file.clone());
        facts.push(named("false hits: artifacts that differ", differ, Worse::Any));
    }
    facts
}

fn through(phase: &str, summary: &BuildSummary) -> [Fact; 2] {
    [
        by_reason(format!("bypasses, {phase}"), &summary.bypasses),
        by_reason(format!("errors of the cache, {phase}"), &summary.errors),
    ]
}

fn of_verdict(verdict: &RunVerdict) -> Vec<Fact> {
    // A run that failed is a regression even if the best recorded run failed in the same way.
    let worse = if verdict.ok { Worse::More } else { Worse::Any };
    vec![named("problems of the verdict", verdict.problems.iter().cloned(), worse)]
}

/// Only kache is judged; other caches are for comparison.
fn of_comparison(comparison: &Comparison) -> Vec<Fact> {
    let mut facts = Vec::new();
    for participant in comparison.participants.iter().filter(|participant| participant.name == "kache") {
        facts.push(
            fact("did not finish", usize::from(participant.out.is_some()), Worse::Any)
                .named(participant.out.clone()),
        );
    }
    for phase in compare::ComparePhase::value_variants() {
        let samples: Vec<_> = comparison
            .samples
            .iter()
            .filter(|sample| sample.backend == "kache" && sample.phase == *phase)
            .collect();
        if samples.is_empty() {
            continue;
        }
        let title = phase.title();
        let invalid = samples.iter().filter(|sample| sample.invalid.is_some()).count();
        facts.push(fact(format!("{title}: invalid builds"), invalid, Worse::More));
        let counts: Vec<_> = samples.iter().filter_map(|sample| sample.counts).collect();
        let most = |of: fn(&crate::backend::Counts) -> u64| counts.iter().map(of).max().map(|n| n as usize);
        if phase.is_warm() {
            // Misses must not increase. Fewer hits without more misses are fewer compiles.
            facts.extend(most(|c| c.misses).map(|n| fact(format!("{title}: misses"), n, Worse::More)));
            let least = counts.iter().map(|c| c.hits as usize).min();
            facts.extend(least.map(|n| fact(format!("{title}: hits"), n, Worse::Less)));
        }
        facts.extend(most(|c| c.passed).map(|n| fact(format!("{title}: bypasses"), n, Worse::More)));
    }
    facts
}

fn of_pull(pull: &Pull) -> Vec<Fact> {
    let after = &pull.after.summary;
    let mut facts = vec![
        fact("units built after the move", after.units, Worse::Less),
        without_hit("after the move", Rate { units: after.units, hits: after.hits })
            .named(pull.missed.iter().map(|missed| missed.unit.clone())),
    ];
    facts.extend(through("after the move", after));
    facts
}

fn of_traps(report: &traps::TrapsReport) -> Vec<Fact> {
    let of = |wanted: TrapVerdict| {
        let rows = report.rows.iter();
        let rows = rows.filter(move |row| row.outcomes.get("kache").is_some_and(|o| o.verdict == wanted));
        rows.map(|row| row.name.clone()).collect::<Vec<_>>()
    };
    let counted = |verdict, name: &str, worse| named(name, of(verdict), worse);
    let mut facts = vec![
        counted(TrapVerdict::FalseHit, "false hits", Worse::Any),
        counted(TrapVerdict::Wrong, "wrong results", Worse::Any),
        counted(TrapVerdict::Broke, "broken builds", Worse::Any),
        counted(TrapVerdict::Invalid, "invalid cases", Worse::Any),
    ];
    // A subset of the cases is not comparable in number.
    if report.whole {
        facts.push(counted(TrapVerdict::FalseMiss, "false misses", Worse::More));
        facts.push(counted(TrapVerdict::NotCached, "cases not cached", Worse::More));
        facts.push(counted(TrapVerdict::Skipped, "cases skipped", Worse::More));
        facts.push(fact("cases that are ok", of(TrapVerdict::Ok).len(), Worse::Less));
    }
    facts
}
