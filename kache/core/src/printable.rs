//! Text for people: what comes from outside (names, paths, values of settings), safe to print on a terminal, numbers of things, and
//! durations.

use std::fmt::Display;

/// A number of things: `1 unit`, `3 units`.
pub fn count(n: impl Display, one: &str, many: &str) -> String {
    let n = n.to_string();
    let things = if n == "1" { one } else { many };
    format!("{n} {things}")
}

/// Escapes control characters and characters that reorder a line.
pub fn sanitize(text: &str) -> String {
    let reorders =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || reorders(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A duration in µs for people. A negative duration keeps its sign.
pub fn duration(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let s = us / 1_000_000;
    match us {
        0..1000 => format!("{sign}{us} µs"),
        1000..1_000_000 => format!("{sign}{:.1} ms", us as f64 / 1e3),
        1_000_000..60_000_000 => format!("{sign}{:.1} s", us as f64 / 1e6),
        60_000_000..3_600_000_000 => format!("{sign}{} min {} s", s / 60, s % 60),
        3_600_000_000..172_800_000_000 => format!("{sign}{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{sign}{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_named_as_many() {
        let counted = [0, 1, 2, 11].map(|n| count(n, "miss", "misses"));
        assert_eq!(counted, ["0 misses", "1 miss", "2 misses", "11 misses"]);
    }
}
