//! Data of the plots: hit rates over time, and times by cache.

use super::page::{Page, day, seconds};
use super::plot::{Bar, Line, Tone, bars, shares};
use crate::compare::{ComparePhase, Comparison, PhaseSummary};
use crate::history::{RecordedRun, WINDOW};
use crate::latency::{Breakdown, InvocationKind, Latency};
use clap::ValueEnum;
use kache_core::events::Phase;
use std::collections::{BTreeMap, BTreeSet};

pub struct Plot {
    pub title: String,
    /// Text alternative.
    pub description: String,
    pub svg: String,
}

impl Plot {
    fn of_bars(title: impl Into<String>, drawn: &[Bar]) -> Plot {
        let description: Vec<_> =
            drawn.iter().map(|bar| format!("{} {}", bar.label, bar.description)).collect();
        Plot { title: title.into(), description: description.join(", "), svg: bars(drawn) }
    }
}

/// Maximum number of runs in a plot over time.
const RUNS: usize = 3 * WINDOW;

/// Day of a run, hit rate, and share of equal keys.
type Rates<'h> = (&'h str, Option<f64>, Option<f64>);

/// A plot for each workload: hit rate and share of equal keys, run by run.
pub fn over_time(page: &Page<'_>) -> Vec<Plot> {
    let mut runs: BTreeMap<&str, Vec<Rates<'_>>> = BTreeMap::new();
    for entry in page.history.entries.iter().filter(|entry| entry.head.injected.is_none()) {
        if let RecordedRun::Check(check) = &entry.run
            && entry.head.command == "check"
        {
            let run = (day(&entry.head.date), check.hit_rate, check.key_stability);
            runs.entry(&entry.head.workload).or_default().push(run);
        }
    }
    let plot = |(workload, mut runs): (&str, Vec<Rates<'_>>)| {
        let runs = runs.split_off(runs.len().saturating_sub(RUNS));
        let labels: Vec<_> = runs.iter().map(|(day, ..)| day.get(5..).unwrap_or(day).to_owned()).collect();
        let hits: Vec<_> = runs.iter().map(|run| run.1).collect();
        let keys = runs.iter().map(|run| run.2).collect();
        let description: Vec<_> = runs
            .iter()
            .map(|(day, hits, keys)| {
                let description = |value: &Option<f64>| value.map_or("–".into(), super::page::share);
                format!("{day}: {} hits, {} equal keys", description(hits), description(keys))
            })
            .collect();
        let lines = [Line { tone: Tone::Part(0), values: hits }, Line { tone: Tone::Part(1), values: keys }];
        Plot { title: workload.to_owned(), description: description.join("; "), svg: shares(&lines, &labels) }
    };
    runs.into_iter().map(plot).collect()
}

fn tone(backend: &str) -> Tone {
    match backend {
        "kache" => Tone::Ours,
        "plain" => Tone::Plain,
        _ => Tone::Peer,
    }
}

/// A plot for each phase of a comparison: each backend's median, with its range.
pub fn of_comparison(comparison: &Comparison) -> Vec<Plot> {
    let measured = |phase| comparison.summary.iter().filter(move |row| row.phase == phase && row.n > 0);
    let plot = |phase: &ComparePhase| {
        let of = |row: &PhaseSummary| bar(&row.backend, row.median, (row.min, row.max));
        let mut drawn: Vec<_> = measured(*phase).map(of).collect();
        // Without a cache, every warm build equals the cold one.
        let plain = measured(ComparePhase::Cold).find(|row| row.backend == "plain");
        if let Some(plain) = plain.filter(|_| phase.is_warm()) {
            drawn.insert(0, of(plain));
        }
        Plot::of_bars(phase.title(), &drawn)
    };
    let has = |phase: &&ComparePhase| measured(**phase).next().is_some();
    ComparePhase::value_variants().iter().filter(has).map(plot).collect()
}

fn bar(backend: &str, middle: f64, range: (f64, f64)) -> Bar {
    Bar {
        label: backend.to_owned(),
        parts: vec![(tone(backend), middle)],
        range: Some(range),
        description: seconds(middle),
    }
}

/// A plot for each subject and kind: each backend's median. For misses and bypasses the overhead over the
/// compiler.
pub fn of_latency(latency: &Latency) -> Vec<Plot> {
    let mut groups: Vec<(&str, InvocationKind)> =
        latency.figures.iter().map(|f| (f.subject.as_str(), f.kind)).collect();
    groups.dedup();
    let plot = |(subject, kind): (&str, InvocationKind)| {
        let is_hit = kind == InvocationKind::Hit;
        let of = latency.figures.iter().filter(|f| f.subject == subject && f.kind == kind);
        let valid = of.filter(|f| f.invalid.is_none() && (is_hit || f.backend != "plain"));
        let drawn: Vec<_> = valid
            .map(|f| {
                let value = if is_hit { f.median_ms } else { f.over_plain_ms };
                Bar {
                    label: f.backend.clone(),
                    parts: vec![(tone(&f.backend), value.max(0.0))],
                    range: is_hit.then_some((f.p10_ms, f.p90_ms)),
                    description: format!("{value:.1} ms"),
                }
            })
            .collect();
        let besides = if is_hit { "" } else { ", over the compiler" };
        let title = format!("{subject} {}{besides}", kind.word());
        Plot::of_bars(title, &drawn)
    };
    groups.into_iter().map(plot).collect()
}

/// kache's phases by subject and kind, with the colours: the longest phases, and the rest.
pub fn breakdown(latency: &Latency) -> Option<(Plot, Vec<(Tone, String)>)> {
    const NAMED: usize = 5;
    let shown: Vec<&Breakdown> =
        latency.breakdown.iter().filter(|b| b.kind != InvocationKind::Miss).collect();
    let phases: BTreeSet<Phase> = shown.iter().flat_map(|b| b.phases_us.keys().copied()).collect();
    let sum = |phase: &Phase| shown.iter().filter_map(|b| b.phases_us.get(phase)).sum::<u64>();
    let mut phases: Vec<_> = phases.into_iter().filter(|phase| sum(phase) > 0).collect();
    phases.sort_by_key(|phase| std::cmp::Reverse(sum(phase)));
    phases.truncate(NAMED);
    let tone = |at: usize| Tone::Part(u8::try_from(at).unwrap_or(u8::MAX));
    let bar = |b: &&Breakdown| {
        let us = |phase: &Phase| b.phases_us.get(phase).copied().unwrap_or(0) as f64;
        let mut parts: Vec<_> = phases.iter().enumerate().map(|(at, phase)| (tone(at), us(phase))).collect();
        let named: f64 = parts.iter().map(|(_, us)| us).sum();
        parts.push((tone(NAMED), (b.total_us as f64 - named).max(0.0)));
        let short = if b.kind == InvocationKind::Hit { "hit" } else { "passed" };
        let label = format!("{} {short}", b.subject);
        Bar { label, parts, range: None, description: format!("{:.2} ms", b.total_us as f64 / 1e3) }
    };
    let drawn: Vec<_> = shown.iter().map(bar).collect();
    if drawn.is_empty() {
        return None;
    }
    let mut key: Vec<_> =
        phases.iter().enumerate().map(|(at, phase)| (tone(at), phase.word().to_owned())).collect();
    key.push((tone(NAMED), "the rest".into()));
    Some((Plot::of_bars("kache's phases", &drawn), key))
}

/// Single builds of the latest check: not a sample, but available without a comparison.
pub fn of_checks(page: &Page<'_>) -> Vec<Plot> {
    let plot = |entry: &&crate::history::HistoryEntry| {
        let RecordedRun::Check(check) = &entry.run else { return None };
        if entry.head.command != "check" {
            return None;
        }
        let names = [
            "plain build",
            "cold build",
            "build from the cache",
            "build in the third clone",
            "second build",
            "build with nothing to do",
        ];
        let labels = ["plain", "cold", "second clone", "third clone", "built again", "nothing to do"];
        let drawn: Vec<_> = names
            .iter()
            .zip(labels)
            .filter_map(|(name, label)| {
                let phase = check.findings.phase(name)?;
                let tone = if label == "plain" { Tone::Plain } else { Tone::Ours };
                let parts = vec![(tone, phase.seconds)];
                Some(Bar { label: label.into(), parts, range: None, description: seconds(phase.seconds) })
            })
            .collect();
        Some(Plot::of_bars(entry.head.workload.clone(), &drawn))
    };
    page.latest.iter().filter_map(plot).collect()
}
