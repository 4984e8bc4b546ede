//! The report for a pull request: verdicts, changes, times, key mismatches, traps.

use super::page::{Page, seconds};
use super::{key_mismatches, verdicts};
use crate::compare::Comparison;
use crate::text::markdown_cell as cell;
use std::fmt::Write;

/// Maximum number of units in a list.
const NAMED: usize = 10;

pub fn markdown(page: &Page<'_>) -> String {
    let mut out = String::new();
    write(&mut out, page).expect("writing to a String cannot fail");
    out
}

fn write(out: &mut String, page: &Page<'_>) -> std::fmt::Result {
    let cards = verdicts::cards(page);
    let (passed, all) = verdicts::passed(&cards);
    writeln!(
        out,
        "## kache: {passed} of {all} latest runs as required, {} false hits\n",
        verdicts::false_hits(page)
    )?;
    writeln!(
        out,
        "| run | verdict | figures | problems | when and where |\n| --- | --- | --- | --- | --- |"
    )?;
    for card in &cards {
        let verdict = card.ok.map_or("–", |ok| if ok { "OK" } else { "**NOT OK**" });
        let lines = |lines: &[String]| lines.iter().map(|line| cell(line)).collect::<Vec<_>>().join("<br>");
        let (figures, problems) = (lines(&card.figures), lines(&card.problems));
        writeln!(
            out,
            "| {} | {verdict} | {figures} | {problems} | {} |",
            cell(&card.title),
            cell(&card.place)
        )?;
    }
    writeln!(out, "\n{}", crate::gate::markdown(&page.gate))?;
    for (_, comparison) in page.comparisons() {
        write_comparison(out, comparison)?;
    }
    for found in key_mismatches::found(page) {
        writeln!(
            out,
            "<details><summary>{}: {} key mismatches</summary>\n",
            cell(found.workload),
            found.key_mismatches.len()
        )?;
        for mismatch in found.key_mismatches {
            let units =
                mismatch.root_units.iter().take(NAMED).map(|unit| cell(unit)).collect::<Vec<_>>().join(", ");
            let (component, diff) = (cell(&mismatch.component), cell(&mismatch.text_difference.diff));
            writeln!(
                out,
                "- {}: {component}: {diff}; root cause in {units}; affected {}",
                mismatch.cause.word(),
                mismatch.affected.len()
            )?;
        }
        writeln!(out, "\n</details>\n")?;
    }
    if let Some(report) = page.traps() {
        let columns = super::traps::columns(report);
        let heads: Vec<_> = columns.iter().map(|verdict| verdict.label()).collect();
        writeln!(out, "| traps | {} |\n| --- |{}", heads.join(" | "), " --- |".repeat(heads.len()))?;
        for (name, version) in &report.backends {
            let counts: Vec<_> = columns.iter().map(|v| report.count(name, *v).to_string()).collect();
            writeln!(out, "| {} | {} |", cell(format!("{name} {version}").trim()), counts.join(" | "))?;
        }
    }
    Ok(())
}

fn write_comparison(out: &mut String, comparison: &Comparison) -> std::fmt::Result {
    writeln!(
        out,
        "{}, {} interleaved rounds, {}:\n",
        cell(&comparison.workload),
        comparison.rounds,
        cell(&comparison.machine.class())
    )?;
    writeln!(
        out,
        "| phase | backend | median | range | × plain | × best other |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for row in comparison.summary.iter().filter(|row| row.n > 0) {
        let ratio = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.3}"));
        writeln!(
            out,
            "| {} | {} | {} | {} to {} | {} | {} |",
            row.phase.title(),
            cell(&row.backend),
            seconds(row.median),
            seconds(row.min),
            seconds(row.max),
            ratio(row.over_plain),
            ratio(row.over_best_other)
        )?;
    }
    writeln!(out)
}
