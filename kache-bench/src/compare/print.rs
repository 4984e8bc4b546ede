//! The comparison as text and as Markdown, from the same rows.

use super::phase::ComparePhase;
use super::record::Comparison;
use super::sample::Sample;
use super::summary::{PhaseSummary, median};
use crate::record::Record;
use crate::text::{Table, markdown_cell, ratio, size};
use clap::ValueEnum;

/// One line about a finished build.
pub(super) fn sample(sample: &Sample) -> String {
    let counts = sample.counts.map(|counts| format!(", {counts}"));
    let invalid = sample.invalid.as_ref().map(|why| format!(" INVALID: {why}"));
    format!("{:.2} s{}{}", sample.seconds, counts.unwrap_or_default(), invalid.unwrap_or_default())
}

pub fn text(record: &Record<Comparison>) -> String {
    heading(record, "") + &tables(&record.findings, Table::text)
}

pub fn markdown(record: &Record<Comparison>) -> String {
    heading(record, "- ") + &tables(&record.findings, |table| table.markdown(markdown_cell))
}

fn heading(record: &Record<Comparison>, bullet: &str) -> String {
    let (comparison, workload, setting) = (&record.findings, &record.head.workload, record.head.setting());
    let mut out = format!(
        "compare {workload}: rounds: {}, interleaved; page cache {}; {setting}\n",
        comparison.rounds, comparison.page_cache
    );
    if !bullet.is_empty() {
        out.push('\n');
    }
    for participant in &comparison.participants {
        out += &format!("{bullet}{participant}\n");
    }
    out
}

fn tables(comparison: &Comparison, print: impl Fn(&Table) -> String) -> String {
    let tables = [times(comparison), disk(comparison)];
    tables.iter().filter(|table| table.has_rows()).map(|table| format!("\n{}", print(table))).collect()
}

fn times(comparison: &Comparison) -> Table {
    let head = "phase|backend|median s|range|n|× plain|× best other|CPU s|hits|misses|passed|processes";
    let mut table = Table::new(head.split('|'));
    for phase in ComparePhase::value_variants() {
        for summary in comparison.summary.iter().filter(|summary| summary.phase == *phase) {
            table.row(if summary.n > 0 { measured(comparison, summary) } else { invalid(summary) });
        }
    }
    table
}

fn measured(comparison: &Comparison, summary: &PhaseSummary) -> Vec<String> {
    let samples = comparison
        .samples
        .iter()
        .filter(|sample| sample.backend == summary.backend && sample.phase == summary.phase);
    // Counts hardly differ between rounds: the last round's are shown; the record has all.
    let counts =
        samples.filter(|sample| sample.invalid.is_none()).filter_map(|sample| sample.counts).next_back();
    let count = |of: fn(&crate::backend::Counts) -> u64| counts.map_or("–".into(), |c| of(&c).to_string());
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
        ratio(summary.over_best_other),
        format!("{:.2}", summary.cpu),
        count(|c| c.hits),
        count(|c| c.misses),
        count(|c| c.passed),
        summary.processes.map_or("–".into(), |count| count.to_string()),
    ]
}

fn invalid(summary: &PhaseSummary) -> Vec<String> {
    let mut cells = vec![
        summary.phase.title().to_owned(),
        summary.backend.clone(),
        "INVALID".into(),
        summary.invalid.join("; "),
    ];
    cells.resize(12, String::new());
    cells
}

fn disk(comparison: &Comparison) -> Table {
    let mut table = Table::new(["backend", "cache after two clones", "second clone in addition"]);
    for participant in &comparison.participants {
        let of: Vec<_> = comparison.disk.iter().filter(|disk| disk.backend == participant.name).collect();
        let middle = |bytes: fn(&super::disk::DiskUse) -> u64| {
            median(&of.iter().map(|disk| bytes(disk) as f64).collect::<Vec<_>>())
                .map(|bytes| size(bytes as u64))
        };
        let (cache, tree) = (middle(|disk| disk.cache_bytes), middle(|disk| disk.second_tree_bytes));
        if let (Some(cache), Some(tree)) = (cache, tree) {
            let cache = if participant.name == "plain" { "–".into() } else { cache };
            table.row([participant.name.clone(), cache, tree]);
        }
    }
    table
}
