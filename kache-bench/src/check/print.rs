//! The result as text: the verdict, the figures, and each key mismatch with its difference.

use crate::analysis::key_mismatch::KeyMismatch;
use crate::analysis::summary::{BuildSummary, Reasons};
use crate::artifacts::compare::ArtifactComparison;
use crate::check::{CheckFindings, PhaseResult, Stability};
use crate::record::{Judged, Record};
use crate::text::size;
use std::fmt::{self, Write};

/// Maximum number of list entries in the text; the record has all.
const SHOWN: usize = 20;
/// Maximum length of a difference.
const WIDTH: usize = 400;

pub fn report(record: &Record<Judged<CheckFindings>>) -> String {
    let mut out = record.heading();
    write_report(&mut out, record).expect("writing to a String cannot fail");
    out
}

fn write_report(out: &mut String, record: &Record<Judged<CheckFindings>>) -> fmt::Result {
    let findings = &record.findings.findings;
    if record.head.command == "check" {
        write_figures(out, &record.findings)?;
    }
    if let Some(artifacts) = &findings.artifacts {
        write_artifacts(out, artifacts)?;
    }
    write_phases(out, &findings.phases)?;
    write_key_mismatches(out, &findings.key_mismatches.key_mismatches)?;
    for proof in &findings.nondeterministic {
        let evidence = proof.evidence.as_deref().unwrap_or("NOT PROVED");
        writeln!(
            out,
            "nondeterministic: {}: {} ({evidence}; dependants were compared after building on its restored output)",
            proof.unit, proof.reason
        )?;
    }
    for proof in &findings.embedded_paths {
        let evidence = proof.evidence.as_deref().unwrap_or("NOT PROVED");
        writeln!(out, "embedded path: {}: {} ({evidence})", proof.unit, proof.reason)?;
    }
    Ok(())
}

fn write_figures(out: &mut String, judged: &Judged<CheckFindings>) -> fmt::Result {
    let findings = &judged.findings;
    let warm = findings.phases.iter().find(|phase| phase.name == "build from the cache");
    let summary = warm.and_then(|phase| phase.summary.clone()).unwrap_or_default();
    let Stability { paired, equal, .. } = findings.stability;
    writeln!(
        out,
        "hit rate       {}  ({} of {} units, second clone)",
        percent(judged.hit_rate),
        summary.hits,
        summary.units
    )?;
    writeln!(out, "key stability  {}  ({equal} of {paired} pairs)", percent(judged.key_stability))?;
    writeln!(out, "restored       {}, {}", restored(&summary), size(summary.restored_bytes))?;
    if let Some(hit) = summary.hit_us {
        let ms = |us: u64| us as f64 / 1e3;
        writeln!(
            out,
            "one hit        {:.2} ms median, {:.2} to {:.2}",
            ms(hit.median),
            ms(hit.min),
            ms(hit.max)
        )?;
    }
    write_reasons(out, "passthroughs", &summary.bypasses)?;
    write_reasons(out, "errors", &summary.errors)?;
    write_reasons(out, "not stored", &unstored(&findings.phases))?;
    write_reasons(out, "probes", &summary.probes)?;
    writeln!(out)
}

fn unstored(phases: &[PhaseResult]) -> Reasons {
    let cold = phases.iter().find(|phase| phase.name == "cold build");
    cold.and_then(|phase| phase.summary.as_ref()).map(|summary| summary.unstored.clone()).unwrap_or_default()
}

fn restored(summary: &BuildSummary) -> String {
    let methods: Vec<_> =
        summary.restore.iter().map(|(method, files)| format!("{files} files by {method}")).collect();
    if methods.is_empty() { "nothing".into() } else { methods.join(", ") }
}

fn write_reasons(out: &mut String, what: &str, reasons: &Reasons) -> fmt::Result {
    if reasons.is_empty() {
        return Ok(());
    }
    let all: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    writeln!(out, "{what:<14} {}", all.join(", "))
}

fn write_artifacts(out: &mut String, found: &ArtifactComparison) -> fmt::Result {
    let equal = found.identical + found.equal_members;
    writeln!(
        out,
        "artifacts      {equal} of {} equal the compiler's ({})",
        found.artifacts,
        size(found.bytes)
    )?;
    if found.equal_members > 0 {
        writeln!(
            out,
            "               {} of them except for session names and times of archive members",
            found.equal_members
        )?;
    }
    for mismatch in found.mismatches.iter().take(SHOWN) {
        writeln!(out, "  ✗ {}: {}", mismatch.file, mismatch.why)?;
    }
    write_more(out, found.mismatches.len())?;
    writeln!(out)
}

fn write_phases(out: &mut String, phases: &[PhaseResult]) -> fmt::Result {
    writeln!(
        out,
        "{:<24} {:<6} {:>9} {:>6} {:>6} {:>7}",
        "phase", "clone", "seconds", "units", "hits", "misses"
    )?;
    for phase in phases {
        write!(out, "{:<24} {:<6} {:>9.2}", phase.name, phase.clone, phase.seconds)?;
        match &phase.summary {
            Some(summary) => {
                writeln!(out, " {:>6} {:>6} {:>7}", summary.units, summary.hits, summary.misses)?
            }
            None => writeln!(out)?,
        }
    }
    write_ratios(out, phases)?;
    writeln!(out)
}

/// Ratios to cargo alone, if measured in the same run; times of different runs are not compared.
fn write_ratios(out: &mut String, phases: &[PhaseResult]) -> fmt::Result {
    let seconds = |name: &str| phases.iter().find(|phase| phase.name == name).map(|phase| phase.seconds);
    let Some(plain) = seconds("plain build").filter(|plain| *plain > 0.0) else { return Ok(()) };
    for name in ["cold build", "build from the cache", "second build"] {
        if let Some(taken) = seconds(name) {
            writeln!(out, "{name} / plain build: {:.3}", taken / plain)?;
        }
    }
    Ok(())
}

fn write_key_mismatches(out: &mut String, key_mismatches: &[KeyMismatch]) -> fmt::Result {
    for (at, mismatch) in key_mismatches.iter().enumerate().take(SHOWN) {
        let detail =
            if mismatch.detail.is_empty() { String::new() } else { format!(" ({})", mismatch.detail) };
        writeln!(out, "key mismatch {}: {}: {}{detail}", at + 1, mismatch.cause.word(), mismatch.component)?;
        writeln!(out, "  root cause   {}{}", mismatch.first, others(&mismatch.root_units[1..]))?;
        if !mismatch.affected.is_empty() {
            writeln!(out, "  affected     {} units: {}", mismatch.affected.len(), names(&mismatch.affected))?;
        }
        if !mismatch.text_difference.diff.is_empty() {
            writeln!(out, "  differs      {}", cut(&mismatch.text_difference.diff))?;
        }
    }
    write_more(out, key_mismatches.len())
}

fn others(units: &[String]) -> String {
    if units.is_empty() { String::new() } else { format!(", then {} more: {}", units.len(), names(units)) }
}

fn names(units: &[String]) -> String {
    let shown = units[..units.len().min(3)].join(", ");
    if units.len() > 3 { format!("{shown}, …") } else { shown }
}

fn write_more(out: &mut String, count: usize) -> fmt::Result {
    if count > SHOWN { writeln!(out, "  … and {} more, in the record", count - SHOWN) } else { Ok(()) }
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(WIDTH).collect();
    if text.chars().count() > WIDTH {
        cut.push('…');
    }
    cut.replace('\n', "⏎")
}

fn percent(share: Option<f64>) -> String {
    // 99.96 % must not be shown as 100.0 %.
    share.map_or("    –   ".into(), |share| format!("{:>6.2} %", (share * 1e4).floor() / 1e2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(Some(0.99996)), " 99.99 %");
        assert_eq!(percent(Some(1.0)), "100.00 %");
    }
}
