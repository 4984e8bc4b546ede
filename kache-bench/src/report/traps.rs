//! The matrix of traps: cases by caches.

use crate::traps::{TrapRow, TrapVerdict, TrapsReport};

pub struct Cell {
    /// As in the table.
    pub label: &'static str,
    /// `good`, `bad`, `open` or `none`.
    pub class: &'static str,
    pub detail: String,
}

/// Cells of a row, in the order of the caches.
pub fn cells(report: &TrapsReport, row: &TrapRow) -> Vec<Option<Cell>> {
    let cell = |(name, _): &(String, String)| {
        let outcome = row.outcomes.get(name)?;
        let (label, class) = (outcome.verdict.label(), class(outcome.verdict));
        Some(Cell { label, class, detail: outcome.detail.clone() })
    };
    report.backends.iter().map(cell).collect()
}

/// Colour of a verdict.
pub fn class(verdict: TrapVerdict) -> &'static str {
    match verdict {
        TrapVerdict::Ok => "good",
        TrapVerdict::FalseHit | TrapVerdict::Wrong | TrapVerdict::Broke | TrapVerdict::Invalid => "bad",
        TrapVerdict::FalseMiss | TrapVerdict::NotCached => "open",
        TrapVerdict::Right | TrapVerdict::NotApplicable | TrapVerdict::Skipped => "none",
    }
}

/// Verdicts that any cache has, in summary order.
pub fn columns(report: &TrapsReport) -> Vec<TrapVerdict> {
    let has =
        |verdict: &TrapVerdict| report.backends.iter().any(|(name, _)| report.count(name, *verdict) > 0);
    TrapVerdict::ALL.into_iter().filter(has).collect()
}

/// Only web addresses become links, whatever a record contains.
pub fn link(source: &str) -> Option<&str> {
    (source.starts_with("https://") || source.starts_with("http://")).then_some(source)
}
