//! The matrix of traps: cases by backends.

use crate::traps::{TrapRow, TrapVerdict, TrapsReport};

/// What a cell says, and how it is coloured.
pub struct Cell {
    /// As the table has it.
    pub label: &'static str,
    /// `good`, `bad`, `open` or `none`.
    pub class: &'static str,
    pub detail: String,
}

/// Of a row, in the order of the backends.
pub fn cells(report: &TrapsReport, row: &TrapRow) -> Vec<Option<Cell>> {
    let cell = |(name, _): &(String, String)| {
        let outcome = row.outcomes.get(name)?;
        let (label, class) = (outcome.verdict.label(), class(outcome.verdict));
        Some(Cell { label, class, detail: outcome.detail.clone() })
    };
    report.backends.iter().map(cell).collect()
}

/// How a verdict is coloured.
pub fn class(verdict: TrapVerdict) -> &'static str {
    match verdict {
        TrapVerdict::Ok => "good",
        TrapVerdict::FalseHit | TrapVerdict::Wrong | TrapVerdict::Broke | TrapVerdict::Invalid => "bad",
        TrapVerdict::FalseMiss | TrapVerdict::NotCached => "open",
        TrapVerdict::Right | TrapVerdict::NotApplicable | TrapVerdict::Skipped => "none",
    }
}

/// The verdicts that some backend has, in the order of the summary.
pub fn columns(report: &TrapsReport) -> Vec<TrapVerdict> {
    let has =
        |verdict: &TrapVerdict| report.backends.iter().any(|(name, _)| report.count(name, *verdict) > 0);
    TrapVerdict::ALL.into_iter().filter(has).collect()
}

/// Only addresses of pages become links, whatever a record says.
pub fn link(source: &str) -> Option<&str> {
    (source.starts_with("https://") || source.starts_with("http://")).then_some(source)
}
