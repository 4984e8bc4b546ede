//! The matrix of traps: cases by caches.

use crate::traps::TrapVerdict;

/// Colour of a verdict.
pub fn class(verdict: TrapVerdict) -> &'static str {
    match verdict {
        TrapVerdict::Ok => "good",
        TrapVerdict::FalseHit | TrapVerdict::Wrong | TrapVerdict::Broke | TrapVerdict::Invalid => "bad",
        TrapVerdict::FalseMiss | TrapVerdict::NotCached => "open",
        TrapVerdict::Right | TrapVerdict::NotApplicable | TrapVerdict::Skipped => "none",
    }
}

/// Only web addresses become links, whatever a record contains.
pub fn link(source: &str) -> Option<&str> {
    (source.starts_with("https://") || source.starts_with("http://")).then_some(source)
}
