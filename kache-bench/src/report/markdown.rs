//! The report for a pull request: verdicts, changes, times, key mismatches, traps.

use super::page::{Page, seconds};
use super::{key_mismatches, verdicts};
use crate::compare::Comparison;
use crate::history::HistoryEntry;
use crate::text::count;
use crate::text::{self, Table, markdown_cell as cell, ratio};
use std::fmt::Write;

/// Maximum number of units in a list.
const NAMED: usize = 10;

pub fn markdown(page: &Page<'_>) -> String {
    text::written(|out| write(out, page))
}

fn write(out: &mut String, page: &Page<'_>) -> std::fmt::Result {
    let cards = verdicts::cards(page);
    let (passed, all) = verdicts::passed(&cards);
    let wrong = verdicts::false_hits(page);
    let (all, wrong) = (count(all, "latest run", "latest runs"), count(wrong, "false hit", "false hits"));
    writeln!(out, "## kache: {passed} of {all} as required, {wrong}\n")?;
    let mut table = Table::new(["run", "verdict", "figures", "problems", "when and where"]);
    for card in &cards {
        let verdict = card.ok.map_or("–", |ok| if ok { "OK" } else { "**NOT OK**" });
        let lines = |lines: &[String]| lines.iter().map(|line| cell(line)).collect::<Vec<_>>().join("<br>");
        let (figures, problems) = (lines(&card.figures), lines(&card.problems));
        table.row([cell(&card.title), verdict.into(), figures, problems, cell(&card.place)]);
    }
    write!(out, "{}", table.markdown(str::to_owned))?;
    writeln!(out, "\n{}", crate::gate::markdown(&page.gate))?;
    for (entry, comparison) in page.comparisons() {
        write_comparison(out, entry, comparison)?;
    }
    for found in key_mismatches::found(page) {
        let workload = cell(found.workload);
        let mismatches = count(found.key_mismatches.len(), "key mismatch", "key mismatches");
        writeln!(out, "<details><summary>{workload}: {mismatches}</summary>\n")?;
        for mismatch in found.key_mismatches {
            let units =
                mismatch.root_units.iter().take(NAMED).map(|unit| cell(unit)).collect::<Vec<_>>().join(", ");
            let (component, diff) = (cell(&mismatch.component), cell(&mismatch.text_difference.diff));
            let (cause, affected) = (mismatch.cause.word(), mismatch.affected.len());
            writeln!(out, "- {cause}: {component}: {diff}; root cause in {units}; affected {affected}")?;
        }
        writeln!(out, "\n</details>\n")?;
    }
    if let Some((_, report)) = page.traps() {
        write!(out, "{}", report.summary("traps").markdown(cell))?;
    }
    Ok(())
}

fn write_comparison(out: &mut String, entry: &HistoryEntry, comparison: &Comparison) -> std::fmt::Result {
    writeln!(
        out,
        "{}, {}, {}:\n",
        cell(&entry.head.workload),
        count(comparison.rounds, "round", "interleaved rounds"),
        cell(&entry.class().unwrap_or_default())
    )?;
    let mut table = Table::new(["phase", "backend", "median", "range", "× plain", "× best other"]);
    for row in comparison.summary.iter().filter(|row| row.n > 0) {
        table.row([
            row.phase.title().to_owned(),
            row.backend.clone(),
            seconds(row.median),
            format!("{} to {}", seconds(row.min), seconds(row.max)),
            ratio(row.over_plain),
            ratio(row.over_best_other),
        ]);
    }
    writeln!(out, "{}", table.markdown(cell))
}
