//! The table of cases by caches, with a summary.

use super::case::Expect;
use super::judge::TrapVerdict;
use super::record::{TrapRow, TrapsReport};
use super::themes::Chosen;
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
    let _ = writeln!(out, "\n{} cases", chosen.len());
    out
}

/// As text: the table, details of each bad verdict, and the summary.
pub fn text(report: &TrapsReport) -> String {
    let mut out = String::new();
    let names: Vec<&str> = report.backends.iter().map(|(name, _)| name.as_str()).collect();
    let width = report.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(8);
    let _ = write!(out, "{:width$}", "case");
    for name in &names {
        let _ = write!(out, "  {name:10}");
    }
    out.push('\n');
    for (at, row) in report.rows.iter().enumerate() {
        if at == 0 || report.rows[at - 1].theme != row.theme {
            let _ = writeln!(out, "{}", row.theme);
        }
        let _ = write!(out, "{:width$}", row.name);
        for name in &names {
            let _ = write!(out, "  {:10}", label(row, name));
        }
        out.push('\n');
    }
    out.push('\n');
    details(report, &mut out);
    summary(report, &mut out);
    out
}

fn label(row: &TrapRow, backend: &str) -> &'static str {
    row.outcomes.get(backend).map_or("", |outcome| outcome.verdict.label())
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
            .filter_map(|&verdict| {
                let count = report.count(name, verdict);
                let always = matches!(verdict, TrapVerdict::Ok | TrapVerdict::FalseHit);
                (count > 0 || always).then(|| format!("{count} {}", verdict.label()))
            })
            .collect();
        let _ = writeln!(out, "{name} {version}: {}", shown.join(", "));
    }
}

/// As Markdown: the summary by cache, then every case.
pub fn markdown(report: &TrapsReport) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} cases, {}, {}, {}.\n",
        report.rows.len(),
        &report.date[..10.min(report.date.len())],
        report.machine.rustc,
        report.machine.kernel
    );
    let columns: Vec<TrapVerdict> = TrapVerdict::ALL
        .into_iter()
        .filter(|&v| report.backends.iter().any(|(name, _)| report.count(name, v) > 0))
        .collect();
    let heads: Vec<&str> = columns.iter().map(|verdict| verdict.label()).collect();
    let _ = writeln!(out, "| backend | {} |", heads.join(" | "));
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(columns.len()));
    for (name, version) in &report.backends {
        let counts: Vec<String> = columns.iter().map(|&v| report.count(name, v).to_string()).collect();
        let _ = writeln!(out, "| {} | {} |", format!("{name} {version}").trim(), counts.join(" | "));
    }
    let names: Vec<&str> = report.backends.iter().map(|(name, _)| name.as_str()).collect();
    let _ = writeln!(out, "\n| case | {} |", names.join(" | "));
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(names.len()));
    for (at, row) in report.rows.iter().enumerate() {
        if at == 0 || report.rows[at - 1].theme != row.theme {
            let _ = writeln!(out, "| **{}** |{}", row.theme, " |".repeat(names.len()));
        }
        let cells: Vec<&str> = names.iter().map(|name| label(row, name)).collect();
        let _ = writeln!(
            out,
            "| [{}]({}): {} | {} |",
            row.name,
            row.source,
            row.about.replace('|', "\\|"),
            cells.join(" | ")
        );
    }
    out
}
