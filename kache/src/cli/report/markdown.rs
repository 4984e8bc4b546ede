//! A report as Markdown, for a page or for the summary of a GitHub job.

use super::table::{self, Section};
use super::{Stored, Tables};
use crate::cli::page::{count, duration, sanitize, size};
use std::fmt::Write;

/// A page of tables.
pub fn page(tables: &Tables) -> String {
    let mut out = format!("# kache report\n\n{}.\n", capital(&tables.title));
    tables.sections.iter().for_each(|s| out.push_str(&section(s, "##")));
    out.push_str(&found(tables.differences));
    let _ = write!(out, "\n{}.\n", tables.footer.join("; "));
    out
}

/// The main figures, and the tables folded below them.
pub fn summary(tables: &Tables) -> String {
    let scope = &tables.scopes[0];
    let (tally, units) = (&scope.tally, &scope.tally.units);
    let rate = tally.hit_rate.map_or("no units".to_string(), |r| format!("{} hits", table::rate(Some(r))));
    let mut out = format!(
        "### kache: {rate}, {} saved\n\n{}: {}, {}, {}, {}; {} restored, {} stored.\n",
        duration(tally.time.saved_us),
        capital(&scope.title),
        count(units.hits, "hit", "hits"),
        count(units.misses, "miss", "misses"),
        count(units.passthroughs.values().sum::<u64>(), "passthrough", "passthroughs"),
        count(units.errors.values().sum::<u64>(), "error", "errors"),
        size(tally.restored.bytes),
        size(tally.stored_bytes),
    );
    out.push_str(&found(tables.differences));
    for s in &tables.sections {
        let _ = write!(out, "\n<details><summary>{}</summary>\n{}\n</details>\n", s.title, section(s, ""));
    }
    let _ = write!(out, "\n<sub>{}</sub>\n", tables.footer.join("; "));
    out
}

fn section(section: &Section, heading: &str) -> String {
    let mut out = String::from("\n");
    if !heading.is_empty() {
        let _ = write!(out, "{heading} {}\n\n", capital(section.title));
    }
    let _ = write!(out, "{}.\n\n", capital(section.from));
    let _ = writeln!(out, "| | {} | |", section.columns.join(" | "));
    let _ = writeln!(out, "| --- |{} --- |", " ---: |".repeat(section.columns.len()));
    for line in &section.lines {
        let label = format!("{}{}", "&emsp;".repeat(line.depth), cell(&line.label));
        let cells: Vec<String> = line.cells.iter().map(|c| cell(c)).collect();
        let _ = writeln!(out, "| {label} | {} | {} |", cells.join(" | "), cell(&line.means));
    }
    out
}

fn found(differences: &[Stored]) -> String {
    let mut out = String::new();
    for Stored { place, difference } in differences {
        let (label, names) = (cell(&difference.label), cell(&difference.names()));
        let what = format!("**A check found {label} to differ** in {names}");
        let _ = write!(out, "\n{what}; both versions are in `{place}`.\n");
    }
    out
}

/// Text with Markdown's characters escaped: names of crates and values come from outside.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in sanitize(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text() {
        assert_eq!(cell("<b>|a_b`"), "&lt;b&gt;\\|a\\_b\\`");
    }
}
