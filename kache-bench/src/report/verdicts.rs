//! A card for each series: its verdict, figures, and the gate's result.

use super::page::{Page, day, seconds, share};
use crate::analysis::summary::{BuildSummary, Rate};
use crate::check::{CheckFindings, Stability};
use crate::gate::{GateVerdict, JudgedRun};
use crate::history::{HistoryEntry, RecordedRun};
use crate::record::Judged;
use crate::text::count;
use crate::traps::TrapVerdict;

#[derive(Debug, PartialEq)]
pub struct Card {
    pub title: String,
    /// Whether the run passed; `None` without requirements.
    pub ok: Option<bool>,
    /// The gate's verdict and the number of compared runs.
    pub gate: Option<(GateVerdict, usize)>,
    pub figures: Vec<String>,
    pub problems: Vec<String>,
    /// Figures that changed, by the gate.
    pub moved: Vec<String>,
    pub place: String,
}

/// Problems come first.
pub fn cards(page: &Page<'_>) -> Vec<Card> {
    let mut cards: Vec<_> = page.latest.iter().map(|entry| card(entry, page.judged(entry))).collect();
    let rank = |card: &Card| {
        let regressed = card.gate.is_some_and(|(verdict, _)| verdict == GateVerdict::Regression);
        (card.ok != Some(false), !regressed)
    };
    cards.sort_by_key(rank);
    cards
}

fn card(entry: &HistoryEntry, judged: Option<&JudgedRun>) -> Card {
    let (ok, figures, problems) = match &entry.run {
        RecordedRun::Check(check) => {
            (Some(check.verdict.ok), of_check(entry, check), check.verdict.problems.clone())
        }
        RecordedRun::SingleUnits(probe) => {
            (Some(probe.verdict.ok), Vec::new(), probe.verdict.problems.clone())
        }
        RecordedRun::Comparison(comparison) => {
            let out = comparison.participants.iter().filter_map(|participant| {
                Some(format!("{} is out: {}", participant.name, participant.out.as_ref()?))
            });
            let phases = comparison.summary.iter().filter(|row| row.backend == "kache" && row.n > 0);
            let figures = phases.map(|row| format!("{}: {}", row.phase.title(), seconds(row.median)));
            (None, figures.collect(), out.collect())
        }
        RecordedRun::Latency(latency) => {
            let ours = latency.figures.iter().filter(|figures| figures.backend == "kache");
            let hits =
                ours.clone().filter(|f| f.kind == crate::latency::InvocationKind::Hit && f.invalid.is_none());
            let description = hits.map(|f| format!("{}, one hit: {:.2} ms", f.subject, f.median_ms));
            let invalid = ours.filter_map(|f| Some(format!("{}: {}", f.subject, f.invalid.as_ref()?)));
            (None, description.collect(), invalid.collect())
        }
        RecordedRun::Pull(pull) => {
            let summary = &pull.after.summary;
            let rate = pull.hit_rate.map_or("–".into(), share);
            let description = format!("hits after the move: {rate} ({} of {})", summary.hits, summary.units);
            (None, vec![description], Vec::new())
        }
        RecordedRun::Traps(report) => {
            let named = |verdict| {
                let rows = report.rows.iter();
                rows.filter(move |row| row.outcomes.get("kache").is_some_and(|o| o.verdict == verdict))
            };
            let bad = [
                TrapVerdict::FalseHit,
                TrapVerdict::Wrong,
                TrapVerdict::Broke,
                TrapVerdict::FalseMiss,
                TrapVerdict::NotCached,
                TrapVerdict::Invalid,
            ];
            let problems = bad.into_iter().flat_map(|verdict| {
                named(verdict).map(move |row| format!("{}: {}", verdict.label(), row.name))
            });
            let figures = vec![
                format!(
                    "{}, {} of them ok",
                    count(report.rows.len(), "case", "cases"),
                    report.count("kache", TrapVerdict::Ok)
                ),
                format!("false hits: {}", report.count("kache", TrapVerdict::FalseHit)),
            ];
            (Some(crate::traps::passes(&report.rows)), figures, problems.collect())
        }
        RecordedRun::Unknown => (None, Vec::new(), Vec::new()),
    };
    let mut problems = problems;
    problems.extend(entry.head.injected.iter().map(|injected| format!("injected fault: {injected}")));
    Card {
        title: entry.subject().to_string(),
        ok,
        gate: judged.map(|judged| (judged.verdict, judged.recorded)),
        figures,
        problems,
        moved: judged.map(moved).unwrap_or_default(),
        place: format!("{}, {}", day(&entry.head.date), entry.class().unwrap_or_default()),
    }
}

fn of_check(entry: &HistoryEntry, check: &Judged<CheckFindings>) -> Vec<String> {
    let findings = &check.findings;
    let mut figures = Vec::new();
    if entry.head.command == "check" {
        let warm = findings.summary("build from the cache");
        if let (Some(rate), Some(Rate { units, hits })) = (check.hit_rate, warm.map(BuildSummary::compiles)) {
            figures.push(format!("hits in the second clone: {} ({hits} of {units})", share(rate)));
        }
        let third = findings.summary("build in the third clone");
        if let Some((rate, summary)) = third.and_then(|summary| Some((summary.hit_rate()?, summary))) {
            let BuildSummary { hits, units, .. } = summary;
            figures.push(format!("hits in the third clone: {} ({hits} of {units})", share(rate)));
        }
        if let Some(stable) = check.key_stability {
            let Stability { equal, paired, .. } = &findings.stability;
            figures.push(format!("equal keys: {} ({equal} of {paired})", share(stable)));
        }
    }
    if let Some(artifacts) = &findings.artifacts {
        let right = artifacts.artifacts - artifacts.mismatches.len().min(artifacts.artifacts);
        figures.push(format!("artifacts equal to the compiler's: {right} of {}", artifacts.artifacts));
    }
    figures
}

fn moved(judged: &JudgedRun) -> Vec<String> {
    let rows = judged.rows.iter().filter(|row| row.verdict == GateVerdict::Regression);
    let description = rows.map(|row| match row.recorded {
        Some(recorded) if row.shift.is_none() => {
            format!("{}: {recorded} recorded, {} now", row.figure, row.now)
        }
        _ if row.shift.is_some() => format!("{}: {}", row.figure, row.detail),
        _ => format!("{}: {} now", row.figure, row.now),
    });
    description.collect()
}

/// The number of latest runs that passed, and of those with requirements.
pub fn passed(cards: &[Card]) -> (usize, usize) {
    let judged = cards.iter().filter_map(|card| card.ok);
    (judged.clone().filter(|ok| *ok).count(), judged.count())
}

/// False hits of kache in the latest runs: traps, and artifacts that differ from the compiler's.
pub fn false_hits(page: &Page<'_>) -> usize {
    let of = |entry: &&HistoryEntry| match &entry.run {
        RecordedRun::Check(check) => {
            check.findings.artifacts.as_ref().map_or(0, |found| found.mismatches.len())
        }
        RecordedRun::Traps(report) => {
            report.count("kache", TrapVerdict::FalseHit) + report.count("kache", TrapVerdict::Wrong)
        }
        _ => 0,
    };
    page.latest.iter().map(of).sum()
}
