//! The table of cases by caches, with a summary.

use super::case::Expect;
use super::judge::TrapVerdict;
use super::record::{TrapRow, TrapsReport};
use super::themes::Chosen;
use crate::record::Record;
use crate::text::{Table, count};
use std::fmt::Write;

/// The cases for `--list`.
pub fn list(chosen: &[Chosen]) -> String {
    let mut out = String::new();
    let mut heading = "";
    for (theme, case) in chosen {
        if *theme != heading {
            heading = theme;
            let _ = writeln!(out, "\n{theme}");
        }
        let demands = match case.expect {
            Expect::Follows => "the result must follow",
            Expect::Right => "the result must be right",
            Expect::Uncacheable => "the result must be right, and need not be stored",
            Expect::Hits => "must hit",
        };
        let _ = writeln!(out, "  {}: {}\n      {demands}; {}", case.name, case.about, case.source);
    }
    let _ = writeln!(out, "\n{}", count(chosen.len(), "case", "cases"));
    out
}

/// As text: the table, details of each bad verdict, and the summary.
pub fn text(report: &TrapsReport) -> String {
    let table = table(report, str::to_owned, |row| row.name.clone());
    let mut out = table.text() + "\n";
    details(report, &mut out);
    summary(report, &mut out);
    out
}

/// Every case with the verdict of each cache, below the heading of its theme.
fn table(
    report: &TrapsReport,
    heading: impl Fn(&str) -> String,
    about: impl Fn(&TrapRow) -> String,
) -> Table {
    let names: Vec<&str> = report.backends.iter().map(|(name, _)| name.as_str()).collect();
    let mut table = Table::new(["case"].into_iter().chain(names.iter().copied()));
    for (at, row) in report.rows.iter().enumerate() {
        if at == 0 || report.rows[at - 1].theme != row.theme {
            table.row([heading(&row.theme)]);
        }
        let label = |name: &&str| row.outcomes.get(*name).map_or("", |outcome| outcome.verdict.label());
        table.row([about(row)].into_iter().chain(names.iter().map(label).map(String::from)));
    }
    table
}

/// Includes skipped cases: a silent skip would suggest more than was checked.
fn details(report: &TrapsReport, out: &mut String) {
    for row in &report.rows {
        for (name, outcome) in &row.outcomes {
            if !matches!(outcome.verdict, TrapVerdict::Ok | TrapVerdict::Right | TrapVerdict::NotApplicable) {
                let _ =
                    writeln!(out, "{} · {name} · {}: {}", row.name, outcome.verdict.label(), outcome.detail);
            }
        }
    }
}

fn summary(report: &TrapsReport, out: &mut String) {
    for (name, version) in &report.backends {
        let shown: Vec<String> = TrapVerdict::ALL
            .iter()
            .filter_map(|&(verdict, label)| {
                let count = report.count(name, verdict);
                let always = matches!(verdict, TrapVerdict::Ok | TrapVerdict::FalseHit);
                (count > 0 || always).then(|| format!("{count} {label}"))
            })
            .collect();
        let _ = writeln!(out, "{name} {version}: {}", shown.join(", "));
    }
}

/// As Markdown: the summary by cache, then every case.
pub fn markdown(record: &Record<TrapsReport>) -> String {
    let (head, report) = (&record.head, &record.findings);
    let linked = |row: &TrapRow| format!("[{}]({}): {}", row.name, row.source, row.about.replace('|', "\\|"));
    format!(
        "{}, {}.\n\n{}\n{}",
        count(report.rows.len(), "case", "cases"),
        head.setting(),
        report.summary("backend").markdown(str::to_owned),
        table(report, |theme| format!("**{theme}**"), linked).markdown(str::to_owned)
    )
}
