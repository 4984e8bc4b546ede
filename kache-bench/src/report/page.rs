//! `report`: the recorded runs as one page, or as Markdown for a pull request.
//!
//! Verdicts first, then what they rest on. Nothing is in a page but what is in the records: the same records make the
//! same page to the byte, and whatever a record says is written as words, never as a tag. The page needs no other file,
//! no script and no network.

use crate::compare::Comparison;
use crate::gate::{Gate, JudgedRun};
use crate::history::{History, HistoryEntry, RecordedRun};
use crate::latency::Latency;
use crate::traps::TrapsReport;

/// What a page is made of.
pub struct Page<'h> {
    pub(super) history: &'h History,
    /// The latest record of each command, workload and backend.
    pub(super) latest: Vec<&'h HistoryEntry>,
    /// Those, judged by the records before them.
    pub(super) gate: Gate,
}

impl<'h> Page<'h> {
    pub fn of(history: &'h History) -> Page<'h> {
        let latest: Vec<_> = history.latest().into_iter().collect();
        let gate = Gate::of(&latest, history);
        Page { history, latest, gate }
    }

    /// How a run was judged.
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

    pub(super) fn latency(&self) -> Option<&'h Latency> {
        self.latest.iter().find_map(|entry| match &entry.run {
            RecordedRun::Latency(latency) => Some(&**latency),
            _ => None,
        })
    }

    pub(super) fn traps(&self) -> Option<&'h TrapsReport> {
        self.latest.iter().find_map(|entry| match &entry.run {
            RecordedRun::Traps(traps) => Some(&**traps),
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

/// Of a date and time.
pub(super) fn day(date: &str) -> &str {
    date.split('T').next().unwrap_or(date)
}

/// A share as people read it: 99.996 % must not read as 100 %.
pub(super) fn share(share: f64) -> String {
    let percent = format!("{:.2}", (share * 1e4).floor() / 1e2);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Seconds, with as many digits as say something.
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
