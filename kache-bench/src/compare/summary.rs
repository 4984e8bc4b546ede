//! Medians of the rounds and their ratios.

use super::participant::Participant;
use super::phase::ComparePhase;
use super::sample::Sample;
use crate::backend;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One backend in one phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhaseSummary {
    pub backend: String,
    pub phase: ComparePhase,
    /// Number of valid builds.
    pub n: usize,
    /// Seconds.
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// Median of CPU seconds of build and servers.
    pub cpu: f64,
    pub processes: Option<u64>,
    /// Median divided by `plain`'s median: of its build, or for the idle phase of its idle build.
    pub over_plain: Option<f64>,
    /// Median divided by that of the fastest other cache in this phase.
    pub over_best_other: Option<f64>,
    /// Why builds are invalid.
    pub invalid: Vec<String>,
}

/// Each backend and phase that ran.
pub(super) fn of(participants: &[Participant], samples: &[Sample]) -> Vec<PhaseSummary> {
    let names: Vec<_> = participants.iter().map(|participant| participant.name.as_str()).collect();
    let mut all = Vec::new();
    for phase in ComparePhase::value_variants() {
        let mut rows: Vec<_> = names.iter().filter_map(|name| row(samples, name, *phase)).collect();
        let yardstick = if *phase == ComparePhase::Idle { ComparePhase::Idle } else { ComparePhase::Cold };
        let plain = row(samples, "plain", yardstick).filter(|row| row.n > 0).map(|row| row.median);
        let peers = rows.iter().filter(|row| row.n > 0 && backend::is_peer(&row.backend));
        let best = peers.map(|row| row.median).min_by(f64::total_cmp);
        for row in rows.iter_mut().filter(|row| row.n > 0) {
            row.over_plain = plain.and_then(|plain| ratio(row.median, plain));
            row.over_best_other = best.and_then(|best| ratio(row.median, best));
        }
        all.extend(rows);
    }
    all
}

fn row(samples: &[Sample], name: &str, phase: ComparePhase) -> Option<PhaseSummary> {
    let samples: Vec<_> =
        samples.iter().filter(|sample| sample.backend == name && sample.phase == phase).collect();
    if samples.is_empty() {
        return None;
    }
    let valid: Vec<_> = samples.iter().filter(|sample| sample.invalid.is_none()).collect();
    let seconds: Vec<_> = valid.iter().map(|sample| sample.seconds).collect();
    let processes: Vec<_> = valid.iter().filter_map(|sample| Some(sample.processes? as f64)).collect();
    let mut invalid: Vec<_> = samples.iter().filter_map(|sample| sample.invalid.clone()).collect();
    invalid.dedup();
    Some(PhaseSummary {
        backend: name.to_owned(),
        phase,
        n: valid.len(),
        median: median(&seconds).unwrap_or_default(),
        min: seconds.iter().copied().min_by(f64::total_cmp).unwrap_or_default(),
        max: seconds.iter().copied().max_by(f64::total_cmp).unwrap_or_default(),
        cpu: median(&valid.iter().map(|sample| sample.cpu()).collect::<Vec<_>>()).unwrap_or_default(),
        processes: median(&processes).map(|count| count.round() as u64),
        over_plain: None,
        over_best_other: None,
        invalid,
    })
}

fn ratio(of: f64, to: f64) -> Option<f64> {
    (to > 0.0).then(|| (of / to * 1e4).round() / 1e4)
}

/// The middle figure, or the mean of the two middle figures.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
