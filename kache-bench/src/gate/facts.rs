//! The counts of a run, which are compared exactly.

use crate::analysis::summary::{BuildSummary, Reasons};
use crate::check::{CheckFindings, PhaseResult};
use crate::compare::{self, Comparison};
use crate::history::{HistoryEntry, RecordedRun};
use crate::pull::Pull;
use crate::record::Judged;
use crate::traps::{self, TrapVerdict};
use clap::ValueEnum;
use serde_json::Value;

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
        RecordedRun::SingleUnits(probe) => of_probe(probe),
        RecordedRun::Comparison(comparison) => of_comparison(comparison),
        RecordedRun::Latency(latency) => {
            let ours = latency.figures.iter().filter(|figures| figures.backend == "kache");
            let invalid = ours.filter(|figures| figures.invalid.is_some());
            vec![fact("invalid figures", invalid.count(), Worse::More)]
        }
        RecordedRun::Pull(pull) => of_pull(pull),
        RecordedRun::Traps(report) => of_traps(report),
        RecordedRun::Unknown => Vec::new(),
    }
}

fn of_check(check: &Judged<CheckFindings>, compares_keys: bool) -> Vec<Fact> {
    let findings = &check.findings;
    let mut facts = vec![
        fact("problems of the verdict", check.verdict.problems.len(), Worse::More)
            .named(check.verdict.problems.iter().cloned()),
    ];
    let summary = |name: &str| {
        let phase = findings.phases.iter().find(|phase: &&PhaseResult| phase.name == name)?;
        phase.summary.as_ref()
    };
    if let Some(cold) = summary("cold build") {
        facts.push(fact("units built", cold.units, Worse::Less));
        facts.push(fact("units not stored", total(&cold.unstored), Worse::More).named(names(&cold.unstored)));
        facts.extend(through("cold build", cold));
    }
    if let Some(warm) = summary("build from the cache") {
        let missed = fact(
            "units without a hit in the second clone",
            warm.units - warm.hits.min(warm.units),
            Worse::More,
        );
        facts.push(missed.named(findings.stability.missed.iter().cloned()));
        facts.extend(through("second clone", warm));
    }
    if let Some(again) = summary("second build") {
        facts.push(fact(
            "units without a hit in a second build",
            again.units - again.hits.min(again.units),
            Worse::More,
        ));
    }
    if compares_keys {
        let stability = &findings.stability;
        let unstable = stability.paired - stability.equal.min(stability.paired);
        facts.push(fact("unstable keys", unstable, Worse::More).named(stability.unstable.iter().cloned()));
        let unpaired = fact("units built in one clone only", stability.unpaired.len(), Worse::More);
        facts.push(unpaired.named(stability.unpaired.iter().cloned()));
    }
    if let Some(artifacts) = &findings.artifacts {
        let differ = fact("false hits: artifacts that differ", artifacts.mismatches.len(), Worse::Any);
        facts.push(differ.named(artifacts.mismatches.iter().map(|mismatch| mismatch.file.clone())));
    }
    facts
}

fn through(phase: &str, summary: &BuildSummary) -> [Fact; 2] {
    [
        fact(format!("bypasses, {phase}"), total(&summary.bypasses), Worse::More)
            .named(names(&summary.bypasses)),
        fact(format!("errors of the cache, {phase}"), total(&summary.errors), Worse::More)
            .named(names(&summary.errors)),
    ]
}

fn total(reasons: &Reasons) -> usize {
    reasons.values().sum()
}

fn names(reasons: &Reasons) -> Vec<String> {
    reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect()
}

fn of_probe(probe: &Judged<Value>) -> Vec<Fact> {
    let problems = &probe.verdict.problems;
    vec![fact("problems of the verdict", problems.len(), Worse::More).named(problems.iter().cloned())]
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
        fact("units without a hit after the move", after.units - after.hits.min(after.units), Worse::More)
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
    let counted = |verdict: TrapVerdict, name: &str, worse| {
        let names = of(verdict);
        fact(name, names.len(), worse).named(names)
    };
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
