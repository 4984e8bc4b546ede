//! The figures as text: a table for each compile, and the time of kache's phases.

use super::kind::InvocationKind;
use super::record::Latency;
use crate::record::Record;
use crate::text;
use std::fmt::Write;

pub fn text(record: &Record<Latency>) -> String {
    text::written(|out| write_text(out, record))
}

fn write_text(out: &mut String, record: &Record<Latency>) -> std::fmt::Result {
    let (latency, setting) = (&record.findings, record.head.setting());
    let page_cache = &latency.page_cache;
    writeln!(out, "latency: process start to exit, ms, interleaved; page cache {page_cache}; {setting}")?;
    writeln!(out, "an empty process: {:.2} ms", latency.empty_process_ms)?;
    for participant in &latency.participants {
        writeln!(out, "{participant}")?;
    }
    let mut last = ("", InvocationKind::Hit);
    for figures in &latency.figures {
        if last != (figures.subject.as_str(), figures.kind) {
            last = (figures.subject.as_str(), figures.kind);
            writeln!(out, "\n{}, {}, n = {}", figures.what, figures.kind.word(), figures.n)?;
            writeln!(out, "  {:<10} {:>9} {:>18} {:>12}", "backend", "median", "10 % to 90 %", "over plain")?;
        }
        if let Some(why) = &figures.invalid {
            writeln!(out, "  {:<10} INVALID: {why}", figures.backend)?;
            continue;
        }
        let range = format!("{:.2} to {:.2}", figures.p10_ms, figures.p90_ms);
        let over =
            if figures.backend == "plain" { "–".into() } else { format!("{:+.2}", figures.over_plain_ms) };
        writeln!(out, "  {:<10} {:>9.2} {range:>18} {over:>12}", figures.backend, figures.median_ms)?;
    }
    if !latency.breakdown.is_empty() {
        writeln!(out, "\nkache's phases, by its own clock, µs, medians")?;
    }
    for row in &latency.breakdown {
        let phases: Vec<_> =
            row.phases_us.iter().map(|(phase, us)| format!("{} {us}", phase.word())).collect();
        let kind = format!("{} {}", row.subject, row.kind.word());
        writeln!(out, "  {kind:<18} total {:>7}  {}", row.total_us, phases.join(", "))?;
    }
    Ok(())
}
