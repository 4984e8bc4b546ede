//! The figures as text: a table for each compile, and the time of kache's phases.

use super::kind::InvocationKind;
use super::record::Latency;
use std::fmt::Write;

pub fn text(latency: &Latency) -> String {
    let mut out = String::new();
    write_text(&mut out, latency).expect("writing to a String cannot fail");
    out
}

fn write_text(out: &mut String, latency: &Latency) -> std::fmt::Result {
    let machine = &latency.machine;
    writeln!(
        out,
        "latency: process start to exit, ms, interleaved; page cache {}; {}, {} cores, Linux {}, {}; {}",
        latency.page_cache, machine.cpu, machine.cores, machine.kernel, machine.rustc, latency.date
    )?;
    writeln!(out, "an empty process: {:.2} ms", latency.empty_process_ms)?;
    for participant in &latency.participants {
        let why = participant.out.as_ref().map(|why| format!(" is out: {}", why.replace("\n  ", "; ")));
        writeln!(
            out,
            "{}",
            format!("{} {}{}", participant.name, participant.version, why.unwrap_or_default()).trim_end()
        )?;
    }
    let mut last = ("", InvocationKind::Hit);
    for figures in &latency.figures {
        if last != (figures.subject.as_str(), figures.kind) {
            last = (figures.subject.as_str(), figures.kind);
            writeln!(out, "\n{}, {}, n = {}", figures.what, title(figures.kind), figures.n)?;
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
        let kind = format!("{} {}", row.subject, title(row.kind));
        writeln!(out, "  {kind:<18} total {:>7}  {}", row.total_us, phases.join(", "))?;
    }
    Ok(())
}

fn title(kind: InvocationKind) -> &'static str {
    match kind {
        InvocationKind::Hit => "hit",
        InvocationKind::Miss => "miss",
        InvocationKind::Bypass => "passthrough",
    }
}
