//! The gate's verdict as text and as Markdown.

use super::significance::{EFFECT, RULED_OUT, share};
use super::verdict::{FigureRow, Gate, GateVerdict, JudgedRun};
use crate::text::Table;
use crate::text::count;
use std::fmt::Write;

/// As text: details of figures that are not ok, and the number of the others.
pub fn text(gate: &Gate) -> String {
    let mut out = String::new();
    for judged in &gate.judged {
        let _ = writeln!(out, "{}", heading(judged));
        if let Some(injected) = &judged.injected {
            let _ = writeln!(out, "  injected fault: {injected}");
        }
        for row in judged.rows.iter().filter(|row| is_worth_a_line(row)) {
            let _ = writeln!(out, "  {} {}: {}", mark(row.verdict), row.figure, figures(row));
        }
        let _ = writeln!(out, "  {}", rest(judged));
    }
    let _ = writeln!(out, "\ngate: {}", gate.verdict.word());
    out
}

fn heading(judged: &JudgedRun) -> String {
    format!("{}: {} ({}, {})", judged.subject, judged.verdict.word(), judged.place, judged.date)
}

fn rest(judged: &JudgedRun) -> String {
    if judged.recorded == 0 {
        return "the first recorded run of its kind on this class of machine: there is nothing to compare with".to_string();
    }
    let ok = judged.rows.iter().filter(|row| row.verdict == GateVerdict::Ok).count();
    let figures = count(judged.rows.len(), "figure", "figures");
    let runs = count(judged.recorded, "recorded run", "recorded runs");
    format!("{ok} of {figures} ok, compared with {runs}")
}

/// A run without recorded runs takes one line, not one for each figure.
fn is_worth_a_line(row: &FigureRow) -> bool {
    match row.verdict {
        GateVerdict::Ok => row.shift.is_some(),
        GateVerdict::Inconclusive => row.recorded.is_some(),
        GateVerdict::Regression => true,
    }
}

fn mark(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Ok => "✓",
        GateVerdict::Inconclusive => "?",
        GateVerdict::Regression => "✗",
    }
}

fn figures(row: &FigureRow) -> String {
    if row.shift.is_some() {
        return row.detail.clone();
    }
    let recorded = row.recorded.map_or("none".into(), |count| format!("{count}"));
    let detail = if row.detail.is_empty() { String::new() } else { format!(" ({})", row.detail) };
    format!("{recorded} recorded, {} now{detail}", row.now)
}

pub fn markdown(gate: &Gate) -> String {
    let mut out = format!("**gate: {}**\n\n", gate.verdict.word());
    let mut table = Table::new(["run", "verdict", "recorded runs", "what"]);
    for judged in &gate.judged {
        let description: Vec<_> = judged
            .rows
            .iter()
            .filter(|row| row.verdict != GateVerdict::Ok && is_worth_a_line(row))
            .map(|row| format!("{} {}: {}", mark(row.verdict), row.figure, figures(row)))
            .collect();
        let injected = judged.injected.as_ref().map(|injected| format!(" (injected fault: {injected})"));
        let description = if description.is_empty() { rest(judged) } else { description.join("<br>") };
        let subject = format!("{}{}", judged.subject, injected.unwrap_or_default());
        table.row([&subject, judged.verdict.word(), &judged.recorded.to_string(), &description]);
    }
    out += &table.markdown(cell);
    let _ = writeln!(
        out,
        "\nCounts are compared exactly. A time is a regression if it is significantly longer, by at least {}; it is ok if a slowdown of {} is ruled out.",
        share(EFFECT),
        share(RULED_OUT)
    );
    out
}

/// Escapes a Markdown table cell, except for our `<br>`.
fn cell(text: &str) -> String {
    let lines: Vec<_> = text.split("<br>").map(crate::text::markdown_cell).collect();
    lines.join("<br>")
}
