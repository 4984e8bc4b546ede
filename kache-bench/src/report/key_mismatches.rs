//! Root causes of differing keys, and misses after a move: the latest run of each workload.

use super::page::Page;
use crate::analysis::key_mismatch::KeyMismatch;
use crate::history::RecordedRun;
use crate::pull::MissedUnit;

pub struct WorkloadMismatches<'h> {
    pub workload: &'h str,
    /// In build order.
    pub key_mismatches: &'h [KeyMismatch],
    /// Units whose keys differ without an explanation in their traces.
    pub unexplained: Vec<String>,
}

/// From the latest `check` of each workload with any.
pub fn found<'h>(page: &Page<'h>) -> Vec<WorkloadMismatches<'h>> {
    let of = page.latest.iter().filter_map(|entry| match &entry.run {
        RecordedRun::Check(check) => {
            let key_mismatches = &check.findings.key_mismatches;
            let unexplained =
                key_mismatches.unexplained.iter().map(|u| format!("{}: {}", u.unit, u.why)).collect();
            Some(WorkloadMismatches {
                workload: &entry.head.workload,
                key_mismatches: &key_mismatches.key_mismatches,
                unexplained,
            })
        }
        _ => None,
    });
    of.filter(|found| !found.key_mismatches.is_empty() || !found.unexplained.is_empty()).collect()
}

/// Misses after a move by workload, longest compiles first.
pub fn missed<'h>(page: &Page<'h>) -> Vec<(&'h str, Vec<&'h MissedUnit>)> {
    let of = page.latest.iter().filter_map(|entry| match &entry.run {
        RecordedRun::Pull(pull) => {
            let mut missed: Vec<_> = pull.missed.iter().collect();
            missed.sort_by(|a, b| b.compile_seconds.total_cmp(&a.compile_seconds));
            Some((entry.head.workload.as_str(), missed))
        }
        _ => None,
    });
    of.filter(|(_, missed)| !missed.is_empty()).collect()
}

/// A part of a text difference: common, or in one of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffPiece<'t> {
    Both(&'t str),
    OnlyA(&'t str),
    OnlyB(&'t str),
}

/// Parses `[-only in a-]` and `{+only in b+}`.
pub fn pieces(diff: &str) -> Vec<DiffPiece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = diff;
    while !rest.is_empty() {
        let (open, close, is_a) = match (rest.find("[-"), rest.find("{+")) {
            (Some(a), b) if b.is_none_or(|b| a < b) => (a, "-]", true),
            (_, Some(b)) => (b, "+}", false),
            _ => break,
        };
        let Some(end) = rest[open + 2..].find(close) else { break };
        if open > 0 {
            pieces.push(DiffPiece::Both(&rest[..open]));
        }
        let only = &rest[open + 2..open + 2 + end];
        pieces.push(if is_a { DiffPiece::OnlyA(only) } else { DiffPiece::OnlyB(only) });
        rest = &rest[open + 2 + end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(DiffPiece::Both(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_diff_is_read_piece_by_piece() {
        let read = pieces("x/[-a-]{+b/c+}/y");
        assert_eq!(
            read,
            [DiffPiece::Both("x/"), DiffPiece::OnlyA("a"), DiffPiece::OnlyB("b/c"), DiffPiece::Both("/y")]
        );
        assert_eq!(pieces("[-torn"), [DiffPiece::Both("[-torn")]);
        assert_eq!(pieces(""), []);
    }

    proptest! {
        #[test]
        fn no_text_is_lost(diff in "[a{}+\\[\\]\\-ü]{0,40}") {
            let back: String = pieces(&diff).iter().map(|piece| match piece {
                DiffPiece::Both(text) => text.to_string(),
                DiffPiece::OnlyA(text) => format!("[-{text}-]"),
                DiffPiece::OnlyB(text) => format!("{{+{text}+}}"),
            }).collect();
            prop_assert_eq!(back, diff);
        }
    }
}
