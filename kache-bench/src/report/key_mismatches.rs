//! What made keys differ, and what missed after a move: the latest run of each workload.

use super::page::Page;
use crate::analysis::key_mismatch::Leak;
use crate::history::Run;
use crate::pull::Missed;

/// The leaks of one workload.
pub struct Found<'h> {
    /// The workload.
    pub workload: &'h str,
    /// Its leaks, in the order in which they entered.
    pub leaks: &'h [Leak],
    /// Units whose keys differ without a trace that says why.
    pub unexplained: Vec<String>,
}

/// Of the latest `check` of each workload that has any.
pub fn found<'h>(page: &Page<'h>) -> Vec<Found<'h>> {
    let of = page.latest.iter().filter_map(|entry| match &entry.run {
        Run::Check(check) => {
            let leaks = &check.findings.leaks;
            let unexplained = leaks.unexplained.iter().map(|u| format!("{}: {}", u.unit, u.why)).collect();
            Some(Found { workload: &check.workload, leaks: &leaks.leaks, unexplained })
        }
        _ => None,
    });
    of.filter(|found| !found.leaks.is_empty() || !found.unexplained.is_empty()).collect()
}

/// What missed after a move, by workload, the longest compiles first.
pub fn missed<'h>(page: &Page<'h>) -> Vec<(&'h str, Vec<&'h Missed>)> {
    let of = page.latest.iter().filter_map(|entry| match &entry.run {
        Run::Pull(pull) => {
            let mut missed: Vec<_> = pull.missed.iter().collect();
            missed.sort_by(|a, b| b.compile_seconds.total_cmp(&a.compile_seconds));
            Some((pull.workload.as_str(), missed))
        }
        _ => None,
    });
    of.filter(|(_, missed)| !missed.is_empty()).collect()
}

/// A piece of a contrast: in both texts, or in one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// In both.
    Both(&'t str),
    /// In the first clone's.
    OnlyA(&'t str),
    /// In the second's.
    OnlyB(&'t str),
}

/// Reads `[-only in a-]` and `{+only in b+}` out of a diff.
pub fn pieces(diff: &str) -> Vec<Piece<'_>> {
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
            pieces.push(Piece::Both(&rest[..open]));
        }
        let only = &rest[open + 2..open + 2 + end];
        pieces.push(if is_a { Piece::OnlyA(only) } else { Piece::OnlyB(only) });
        rest = &rest[open + 2 + end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Both(rest));
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
        assert_eq!(read, [Piece::Both("x/"), Piece::OnlyA("a"), Piece::OnlyB("b/c"), Piece::Both("/y")]);
        assert_eq!(pieces("[-torn"), [Piece::Both("[-torn")]);
        assert_eq!(pieces(""), []);
    }

    proptest! {
        #[test]
        fn no_text_is_lost(diff in "[a{}+\\[\\]\\-ü]{0,40}") {
            let back: String = pieces(&diff).iter().map(|piece| match piece {
                Piece::Both(text) => text.to_string(),
                Piece::OnlyA(text) => format!("[-{text}-]"),
                Piece::OnlyB(text) => format!("{{+{text}+}}"),
            }).collect();
            prop_assert_eq!(back, diff);
        }
    }
}
