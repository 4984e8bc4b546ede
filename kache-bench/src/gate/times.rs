//! The times of a run that are compared with recorded runs: those measured repeatedly, next to a plain build.
//!
//! `compare` and `latency` alternate between caches. The single builds of a `check` are not a sample and are
//! not tested.

use crate::compare::{ComparePhase, Comparison};
use crate::history::{HistoryEntry, RecordedRun};
use crate::latency::Latency;
use clap::ValueEnum;

/// One figure's times in one run, as ratios to the plain build of the same round if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// Name of the figure; the same in every run.
    pub name: String,
    /// A figure a round.
    pub figures: Vec<f64>,
}

/// All comparable times of a run.
pub fn of(entry: &HistoryEntry) -> Vec<Times> {
    let mut all = match &entry.run {
        RecordedRun::Comparison(comparison) => of_comparison(comparison),
        RecordedRun::Latency(latency) => of_latency(latency),
        _ => Vec::new(),
    };
    all.retain(|times| !times.figures.is_empty());
    all
}

fn of_comparison(comparison: &Comparison) -> Vec<Times> {
    let has_plain = comparison
        .participants
        .iter()
        .any(|participant| participant.name == "plain" && participant.out.is_none());
    let time = |backend: &str, phase: ComparePhase, round: usize| {
        let mut samples =
            comparison.samples.iter().filter(|sample| sample.invalid.is_none() && sample.seconds > 0.0);
        samples
            .find(|sample| sample.backend == backend && sample.phase == phase && sample.round == round)
            .map(|sample| sample.seconds)
    };
    let of_phase = |phase: &ComparePhase| {
        let plain = if *phase == ComparePhase::Idle { ComparePhase::Idle } else { ComparePhase::Cold };
        let figure = |round| {
            let seconds = time("kache", *phase, round)?;
            if has_plain { Some(seconds / time("plain", plain, round)?) } else { Some(seconds) }
        };
        let over = if has_plain { " over plain" } else { "" };
        let name = format!("{}: time{over}", phase.title());
        Times { name, figures: (1..=comparison.rounds).filter_map(figure).collect() }
    };
    ComparePhase::value_variants().iter().map(of_phase).collect()
}

/// Only medians are recorded, one for each run. A miss is mostly the compiler's time.
fn of_latency(latency: &Latency) -> Vec<Times> {
    let valid = |backend: &'static str| {
        let figures = latency.figures.iter();
        figures.filter(move |f| f.backend == backend && f.invalid.is_none() && f.median_ms > 0.0)
    };
    let of = |ours: &crate::latency::Figures| {
        let plain = valid("plain").find(|plain| plain.subject == ours.subject && plain.kind == ours.kind);
        let figures = plain.map(|plain| ours.median_ms / plain.median_ms).into_iter().collect();
        let name = format!("{}, {}: time over the plain compiler", ours.subject, ours.kind.word());
        Times { name, figures }
    };
    valid("kache").map(of).collect()
}
