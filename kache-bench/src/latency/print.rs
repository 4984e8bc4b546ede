//! The figures as text: a table for each compile, and the time of kache's phases.

use super::count::KernelCounts;
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
    write_counts(out, latency)?;
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

fn write_counts(out: &mut String, latency: &Latency) -> std::fmt::Result {
    let counted = latency.figures.iter().filter_map(|figures| Some((figures, figures.kernel?)));
    for (at, (figures, kernel)) in counted.enumerate() {
        if at == 0 {
            writeln!(
                out,
                "\nwhat one invocation asks of the kernel, with its compiler, least of a few runs"
            )?;
            let [calls, faults, read, written] = ["system calls", "page faults", "kB read", "kB written"];
            writeln!(
                out,
                "  {:<18} {:<10} {calls:>12} {faults:>12} {read:>10} {written:>10}",
                "", "backend"
            )?;
        }
        let kind = format!("{} {}", figures.subject, figures.kind.word());
        let KernelCounts { system_calls, page_faults, bytes_read, bytes_written } = kernel;
        let [read, written] = [bytes_read, bytes_written].map(|bytes| bytes.div_ceil(1000));
        let backend = &figures.backend;
        writeln!(
            out,
            "  {kind:<18} {backend:<10} {system_calls:>12} {page_faults:>12} {read:>10} {written:>10}"
        )?;
    }
    Ok(())
}
