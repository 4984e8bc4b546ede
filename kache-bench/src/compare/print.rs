//! The comparison as people read it, on a terminal and in a Markdown page, from the same rows.

use super::phase::Phase;
use super::record::Race;
use super::sample::Lap;
use super::summary::{Summary, median};
use crate::text::size;
use clap::ValueEnum;
use std::fmt::Write;

/// One line about a build that has just ended.
pub(super) fn lap(lap: &Lap) -> String {
    let counts = lap.counts.map(|c| format!(", {} hits, {} misses, {} passed", c.hits, c.misses, c.passed));
    let invalid = lap.invalid.as_ref().map(|why| format!(" INVALID: {why}"));
    format!("{:.2} s{}{}", lap.seconds, counts.unwrap_or_default(), invalid.unwrap_or_default())
}

/// For a terminal.
pub fn text(race: &Race) -> String {
    let mut out = heading(race, "");
    for table in tables(race) {
        out.push('\n');
        let widths: Vec<_> = (0..table[0].len())
            .map(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &table {
            let cells: Vec<_> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            out.push_str(cells.join("  ").trim_end());
            out.push('\n');
        }
    }
    out
}

/// For a page.
pub fn markdown(race: &Race) -> String {
    let mut out = heading(race, "- ");
    for table in tables(race) {
        out.push('\n');
        for (at, row) in table.iter().enumerate() {
            let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            writeln!(out, "| {} |", cells.join(" | ")).expect("writing to a String cannot fail");
            if at == 0 {
                writeln!(out, "|{}", " --- |".repeat(row.len())).expect("writing to a String cannot fail");
            }
        }
    }
    out
}

fn heading(race: &Race, bullet: &str) -> String {
    let machine = &race.machine;
    let mut out = format!(
        "compare {}: rounds: {}, interleaved; page cache {}; {}, {} cores, Linux {}, {}; {}\n",
        race.workload,
        race.rounds,
        race.page_cache,
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.rustc,
        race.date
    );
    if !bullet.is_empty() {
        out.push('\n');
    }
    for entrant in &race.entrants {
        let said =
            [&entrant.out, &entrant.remark].into_iter().flatten().cloned().collect::<Vec<_>>().join("; ");
        let out_of_it = if entrant.out.is_some() { " is out" } else { "" };
        let colon = if said.is_empty() { "" } else { ": " };
        let version =
            if entrant.version.is_empty() { String::new() } else { format!(" {}", entrant.version) };
        writeln!(out, "{bullet}{}{version}{out_of_it}{colon}{}", entrant.name, said.replace("\n  ", "; "))
            .expect("writing to a String cannot fail");
    }
    out
}

type Table = Vec<Vec<String>>;

fn tables(race: &Race) -> Vec<Table> {
    [times(race), disk(race)].into_iter().filter(|table| table.len() > 1).collect()
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn times(race: &Race) -> Table {
    let mut table = vec![row([
        "phase",
        "backend",
        "median s",
        "range",
        "n",
        "× plain",
        "× best peer",
        "CPU s",
        "hits",
        "misses",
        "passed",
        "processes",
    ])];
    for phase in Phase::value_variants() {
        for summary in race.summary.iter().filter(|summary| summary.phase == *phase) {
            table.push(if summary.n > 0 { measured(race, summary) } else { invalid(summary) });
        }
    }
    table
}

fn measured(race: &Race, summary: &Summary) -> Vec<String> {
    let laps = race.laps.iter().filter(|lap| lap.backend == summary.backend && lap.phase == summary.phase);
    // Counts hardly differ between rounds; those of the last are shown, all are in the record.
    let counts = laps.filter(|lap| lap.invalid.is_none()).filter_map(|lap| lap.counts).next_back();
    let count = |of: fn(&crate::backend::Counts) -> u64| counts.map_or("–".into(), |c| of(&c).to_string());
    let ratio = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.3}"));
    let n = if summary.invalid.is_empty() {
        summary.n.to_string()
    } else {
        format!("{} (others INVALID: {})", summary.n, summary.invalid.join("; "))
    };
    vec![
        summary.phase.title().into(),
        summary.backend.clone(),
        format!("{:.2}", summary.median),
        format!("{:.2} to {:.2}", summary.min, summary.max),
        n,
        ratio(summary.over_plain),
        ratio(summary.over_best_peer),
        format!("{:.2}", summary.cpu),
        count(|c| c.hits),
        count(|c| c.misses),
        count(|c| c.passed),
        summary.processes.map_or("–".into(), |count| count.to_string()),
    ]
}

fn invalid(summary: &Summary) -> Vec<String> {
    let mut cells = vec![
        summary.phase.title().to_owned(),
        summary.backend.clone(),
        "INVALID".into(),
        summary.invalid.join("; "),
    ];
    cells.resize(12, String::new());
    cells
}

fn disk(race: &Race) -> Table {
    let mut table = vec![row(["backend", "cache after two clones", "second clone besides"])];
    for entrant in &race.entrants {
        let of: Vec<_> = race.disk.iter().filter(|disk| disk.backend == entrant.name).collect();
        let middle = |bytes: fn(&super::disk::Disk) -> u64| {
            median(&of.iter().map(|disk| bytes(disk) as f64).collect::<Vec<_>>())
                .map(|bytes| size(bytes as u64))
        };
        let (cache, tree) = (middle(|disk| disk.cache_bytes), middle(|disk| disk.second_tree_bytes));
        if let (Some(cache), Some(tree)) = (cache, tree) {
            let cache = if entrant.name == "plain" { "–".into() } else { cache };
            table.push(vec![entrant.name.clone(), cache, tree]);
        }
    }
    table
}
