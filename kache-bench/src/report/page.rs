//! The data of the report.
//!
//! Verdicts come first, then their details. The page contains only data of the records: equal records give an
//! equal page, byte for byte, and text of a record is always escaped. The page needs no other file, no script
//! and no network.

use crate::compare::Comparison;
use crate::gate::{Gate, JudgedRun};
use crate::history::{History, HistoryEntry, RecordedRun};
use crate::latency::Latency;
use crate::traps::TrapsReport;

pub struct Page<'h> {
    pub(super) history: &'h History,
    /// The latest record of each command, workload and cache.
    pub(super) latest: Vec<&'h HistoryEntry>,
    /// The latest records, judged by earlier ones.
    pub(super) gate: Gate,
}

impl<'h> Page<'h> {
    pub fn of(history: &'h History) -> Page<'h> {
        let latest: Vec<_> = history.latest().into_iter().collect();
        let gate = Gate::of(&latest, history);
        Page { history, latest, gate }
    }

    /// The gate's result for a run.
    pub(super) fn judged(&self, entry: &HistoryEntry) -> Option<&JudgedRun> {
        let place = format!("{}:{}", entry.file, entry.line);
        self.gate.judged.iter().find(|judged| judged.place == place)
    }

    pub(super) fn comparisons(&self) -> Vec<(&'h HistoryEntry, &'h Comparison)> {
        let comparison = |entry: &&'h HistoryEntry| match &entry.run {
            RecordedRun::Comparison(comparison) => Some((*entry, &**comparison)),
            _ => None,
        };
        self.latest.iter().filter_map(comparison).collect()
    }

    pub(super) fn latency(&self) -> Option<(&'h HistoryEntry, &'h Latency)> {
        self.latest.iter().find_map(|entry| match &entry.run {
            RecordedRun::Latency(latency) => Some((*entry, &**latency)),
            _ => None,
        })
    }

    pub(super) fn traps(&self) -> Option<(&'h HistoryEntry, &'h TrapsReport)> {
        self.latest.iter().find_map(|entry| match &entry.run {
            RecordedRun::Traps(traps) => Some((*entry, &**traps)),
            _ => None,
        })
    }

    pub(super) fn unknown(&self) -> usize {
        self.history.entries.iter().filter(|entry| matches!(entry.run, RecordedRun::Unknown)).count()
    }

    /// The day of the latest run.
    pub(super) fn day(&self) -> &str {
        self.history.entries.last().map_or("", |entry| day(&entry.head.date))
    }
}

pub(super) fn day(date: &str) -> &str {
    date.split('T').next().unwrap_or(date)
}

/// Rounded down: 99.996 % must not be shown as 100 %.
pub(super) fn share(share: f64) -> String {
    let percent = format!("{:.2}", (share * 1e4).floor() / 1e2);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Fewer digits for long times.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds >= 100.0 { format!("{seconds:.0} s") } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_not_rounded_up() {
        assert_eq!([share(1.0), share(0.99999), share(0.5)], ["100 %", "99.99 %", "50 %"]);
    }
}
