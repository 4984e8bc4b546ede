//! Figures of repeated measurements of one invocation.

use super::count::KernelCounts;
use super::kind::InvocationKind;
use super::subject::Subject;
use crate::backend::Counts;
use kache_core::events::Event;
use kache_core::events::Phase;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One subject, kind and cache. Times in ms.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    pub subject: String,
    pub what: String,
    pub kind: InvocationKind,
    /// `plain` is the compiler without a cache, which always compiles.
    pub backend: String,
    pub n: usize,
    pub median_ms: f64,
    /// A tenth was faster.
    pub p10_ms: f64,
    /// A tenth was slower.
    pub p90_ms: f64,
    /// Median of the differences to the plain compiler in the same round.
    pub over_plain_ms: f64,
    pub invalid: Option<String>,
    /// What an invocation asks of the kernel, if that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelCounts>,
}

impl Figures {
    pub(super) fn of(
        subject: &Subject,
        kind: InvocationKind,
        backend: &str,
        times: &[Duration],
        bare: &[Duration],
    ) -> Figures {
        let mut all: Vec<_> = times.iter().map(|time| ms(*time)).collect();
        all.sort_by(f64::total_cmp);
        let differences = times.iter().zip(bare).map(|(time, bare)| ms(*time) - ms(*bare));
        Figures {
            subject: subject.name.to_owned(),
            what: subject.what.to_owned(),
            kind,
            backend: backend.to_owned(),
            n: all.len(),
            median_ms: middle(all.clone()),
            p10_ms: rounded(at(&all, 0.1)),
            p90_ms: rounded(at(&all, 0.9)),
            over_plain_ms: middle(differences.collect()),
            invalid: None,
            kernel: None,
        }
    }
}

/// Why the cache's statistics contradict the expected kind.
pub(super) fn judge(kind: InvocationKind, n: u64, counts: Option<Counts>) -> Option<String> {
    let Some(counts @ Counts { hits, misses, .. }) = counts else {
        return Some("it has no statistics of hits and misses".into());
    };
    let (is_wrong, what) = match kind {
        InvocationKind::Hit => (hits < n, "not all are hits"),
        InvocationKind::Miss => (misses < n, "not all are misses"),
        InvocationKind::Bypass => (hits > 0 || misses > 0, "not bypassed"),
    };
    is_wrong.then(|| format!("{what} by its statistics ({counts} of {n})"))
}

/// Where kache spent its time: medians of its events, in µs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Breakdown {
    pub subject: String,
    pub kind: InvocationKind,
    pub n: usize,
    /// From the wrapper's start to its end, by its clock.
    pub total_us: u64,
    /// By phase; a missing phase counts as 0.
    pub phases_us: BTreeMap<Phase, u64>,
}

impl Breakdown {
    pub(super) fn of(subject: &'static str, kind: InvocationKind, events: &[Event]) -> Breakdown {
        let names: BTreeSet<_> = events.iter().flat_map(|event| event.phases_us.keys()).collect();
        let of_phase = |name: &Phase| {
            middle_us(events.iter().map(|event| event.phases_us.get(name).copied().unwrap_or(0)))
        };
        Breakdown {
            subject: subject.to_owned(),
            kind,
            n: events.len(),
            total_us: middle_us(events.iter().map(|event| event.total_us)),
            phases_us: names.iter().map(|name| (**name, of_phase(name))).collect(),
        }
    }
}

fn middle_us(figures: impl Iterator<Item = u64>) -> u64 {
    let mut all: Vec<_> = figures.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or(0)
}

/// Median, in ms.
pub(super) fn middle_ms(times: &[Duration]) -> f64 {
    middle(times.iter().map(|time| ms(*time)).collect())
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    rounded(at(&figures, 0.5))
}

/// The figure at the given quantile of the sorted figures.
fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = (last as f64 * share).round() as usize;
    sorted.get(position).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_believed_only_by_the_backends_own_account() {
        let counts = |hits, misses, passed| Some(Counts { hits, misses, passed });
        assert_eq!(judge(InvocationKind::Hit, 3, counts(3, 0, 0)), None);
        assert!(judge(InvocationKind::Hit, 3, counts(2, 1, 0)).unwrap().contains("not all are hits"));
        assert!(judge(InvocationKind::Miss, 3, counts(3, 0, 0)).unwrap().contains("not all are misses"));
        assert_eq!(judge(InvocationKind::Bypass, 3, counts(0, 0, 0)), None);
        assert!(judge(InvocationKind::Bypass, 3, counts(0, 3, 0)).is_some());
        assert!(judge(InvocationKind::Hit, 3, None).is_some());
    }

    #[test]
    fn the_middle_and_the_tenths() {
        let sorted: Vec<_> = (0..=10).map(f64::from).collect();
        assert_eq!((at(&sorted, 0.1), at(&sorted, 0.5), at(&sorted, 0.9)), (1.0, 5.0, 9.0));
        assert_eq!(at(&[], 0.5), 0.0);
    }
}
