//! The same for a pull request: verdicts, what moved, times, leaks, traps.

use super::page::{Page, seconds};
use super::{key_mismatches, verdicts};
use crate::compare::Race;
use crate::text::markdown_cell as cell;
use std::fmt::Write;

/// How many units a list names.
const NAMED: usize = 10;

/// The whole text.
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
        "## kache: {passed} of {all} latest runs as demanded, {} false hits\n",
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
    for (_, race) in page.races() {
        write_race(out, race)?;
    }
    for found in key_mismatches::found(page) {
        writeln!(out, "<details><summary>{}: {} leaks</summary>\n", cell(found.workload), found.leaks.len())?;
        for leak in found.leaks {
            let units = leak.entered.iter().take(NAMED).map(|unit| cell(unit)).collect::<Vec<_>>().join(", ");
            let (component, diff) = (cell(&leak.component), cell(&leak.contrast.diff));
            writeln!(
                out,
                "- {}: {component}: {diff}; entered by {units}; reached {}",
                leak.cause.word(),
                leak.reached.len()
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

fn write_race(out: &mut String, race: &Race) -> std::fmt::Result {
    writeln!(
        out,
        "{}, {} rounds by turns, {}:\n",
        cell(&race.workload),
        race.rounds,
        cell(&race.machine.class())
    )?;
    writeln!(
        out,
        "| phase | backend | middle | range | × plain | × best peer |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for row in race.summary.iter().filter(|row| row.n > 0) {
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
            ratio(row.over_best_peer)
        )?;
    }
    writeln!(out)
}
