//! The result as text: the verdict, the figures, and each key mismatch with its difference.

use crate::analysis::key_mismatch::KeyMismatch;
use crate::analysis::leak::Words;
use crate::analysis::summary::{self, BuildSummary, Rate, Reasons, SCRIPT};
use crate::artifacts::compare::ArtifactComparison;
use crate::check::{CheckFindings, Stability};
use crate::record::{Judged, Record};
use crate::text::{self, size};
use std::fmt::{self, Write};

/// Maximum number of list entries in the text; the record has all.
const SHOWN: usize = 20;
/// Maximum length of a difference.
const WIDTH: usize = 400;

pub fn report(record: &Record<Judged<CheckFindings>>) -> String {
    record.heading() + &text::written(|out| write_report(out, record))
}

fn write_report(out: &mut String, record: &Record<Judged<CheckFindings>>) -> fmt::Result {
    let findings = &record.findings.findings;
    if record.head.command == "check" {
        write_figures(out, &record.findings)?;
    }
    if let Some(artifacts) = &findings.artifacts {
        write_artifacts(out, artifacts)?;
    }
    write_phases(out, findings)?;
    write_key_mismatches(out, &findings.key_mismatches.key_mismatches)?;
    for proof in &findings.nondeterministic {
        write!(out, "nondeterministic: {}: {} (", proof.unit, proof.reason)?;
        match &proof.evidence {
            Some(evidence) => {
                let then = "dependants were compared after building on its restored output";
                writeln!(out, "{evidence}; {then})")?;
            }
            None => writeln!(out, "NOT PROVED)")?,
        }
    }
    for proof in &findings.embedded_paths {
        let evidence = proof.evidence.as_deref().unwrap_or("NOT PROVED");
        writeln!(out, "embedded path: {}: {} ({evidence})", proof.unit, proof.reason)?;
    }
    Ok(())
}

fn write_figures(out: &mut String, judged: &Judged<CheckFindings>) -> fmt::Result {
    let findings = &judged.findings;
    let summary = findings.summary("build from the cache").cloned().unwrap_or_default();
    let Stability { paired, equal, .. } = &findings.stability;
    let rate = percent(judged.hit_rate);
    writeln!(out, "hit rate       {rate}  (second clone: {})", of_what(&summary, false))?;
    if let Some(third) = findings.summary("build in the third clone") {
        writeln!(out, "third clone    {}  ({})", percent(third.hit_rate()), of_what(third, true))?;
        write_reasons(out, "script runs", &third.scripts)?;
    }
    for (script, holds) in findings.third.iter().flat_map(|third| &third.scripts) {
        writeln!(out, "  {script}: {holds}")?;
    }
    writeln!(
        out,
        "key stability  {}  ({equal} of {})",
        percent(judged.key_stability),
        text::count(paired, "pair", "pairs")
    )?;
    writeln!(out, "restored       {}, {}", restored(&summary), size(summary.restored_bytes))?;
    if let Some(hit) = summary.hit_us {
        let [median, min, max] = [hit.median, hit.min, hit.max].map(|us| us as f64 / 1e3);
        writeln!(out, "one hit        {median:.2} ms median, {min:.2} to {max:.2}")?;
    }
    write_reasons(out, "passthroughs", &summary.bypasses)?;
    write_reasons(out, "errors", &summary.errors)?;
    let cold = findings.summary("cold build");
    write_reasons(out, "not stored", &cold.map(|cold| cold.unstored.clone()).unwrap_or_default())?;
    write_reasons(out, "probes", &summary.probes)?;
    writeln!(out)
}

/// Hits and units by family: `118 of 118 crates, 6 of 7 links`.
fn of_what(summary: &BuildSummary, with_scripts: bool) -> String {
    let counted = summary.families.iter().filter(|(family, _)| with_scripts || *family != SCRIPT);
    let each: Vec<_> = counted
        .map(|(family, Rate { units, hits })| format!("{hits} of {}", summary::number(*units, family)))
        .collect();
    each.join(", ")
}

fn restored(summary: &BuildSummary) -> String {
    let by =
        |(method, files): (&String, &u64)| format!("{} by {method}", text::count(files, "file", "files"));
    let methods: Vec<_> = summary.restore.iter().map(by).collect();
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
    let ArtifactComparison { artifacts, equal_members, .. } = found;
    let (equal, bytes) = (found.identical + equal_members, size(found.bytes));
    writeln!(out, "artifacts      {equal} of {artifacts} equal the compiler's ({bytes})")?;
    if *equal_members > 0 {
        let but = "except for session names and times of archive members";
        writeln!(out, "               {equal_members} of them {but}")?;
    }
    for mismatch in found.mismatches.iter().take(SHOWN) {
        writeln!(out, "  ✗ {}: {}", mismatch.file, mismatch.why)?;
    }
    write_more(out, found.mismatches.len())?;
    writeln!(out)
}

fn write_phases(out: &mut String, findings: &CheckFindings) -> fmt::Result {
    writeln!(
        out,
        "{:<24} {:<6} {:>9} {:>6} {:>6} {:>7}",
        "phase", "clone", "seconds", "units", "hits", "misses"
    )?;
    for phase in &findings.phases {
        write!(out, "{:<24} {:<6} {:>9.2}", phase.name, phase.clone, phase.seconds)?;
        match &phase.summary {
            Some(summary) => {
                writeln!(out, " {:>6} {:>6} {:>7}", summary.units, summary.hits, summary.misses)?
            }
            None => writeln!(out)?,
        }
    }
    write_ratios(out, findings)?;
    writeln!(out)
}

/// Ratios to cargo alone, if measured in the same run; times of different runs are not compared.
fn write_ratios(out: &mut String, findings: &CheckFindings) -> fmt::Result {
    let seconds = |name: &str| findings.phase(name).map(|phase| phase.seconds);
    let Some(plain) = seconds("plain build").filter(|plain| *plain > 0.0) else { return Ok(()) };
    for name in ["cold build", "build from the cache", "build in the third clone", "second build"] {
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
            let units = text::count(mismatch.affected.len(), "unit", "units");
            writeln!(out, "  affected     {units}: {}", names(&mismatch.affected))?;
        }
        write_words(out, mismatch)?;
    }
    write_more(out, key_mismatches.len())
}

fn write_words(out: &mut String, mismatch: &KeyMismatch) -> fmt::Result {
    if !mismatch.text_difference.diff.is_empty() {
        writeln!(out, "  differs      {}", cut(&mismatch.text_difference.diff))?;
    }
    let Some(Words { values, what, set_by, remedy }) = &mismatch.words else { return Ok(()) };
    writeln!(out, "  what it is   {what}")?;
    if let Some([first, second]) = values {
        writeln!(out, "    clone a    {}", cut(first))?;
        writeln!(out, "    clone b    {}", cut(second))?;
    }
    writeln!(out, "  set by       {set_by}")?;
    writeln!(out, "  remedy       {remedy}")
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
    fn one_unit_and_one_file_are_not_named_as_many() {
        let one = Rate { units: 1, hits: 0 };
        let summary = BuildSummary {
            families: [("cc".into(), one), ("link".into(), Rate { units: 2, hits: 1 })].into(),
            restore: [("clone".into(), 1)].into(),
            ..BuildSummary::default()
        };
        assert_eq!(of_what(&summary, false), "0 of 1 C object, 1 of 2 links");
        assert_eq!(restored(&summary), "1 file by clone");
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(Some(0.99996)), " 99.99 %");
        assert_eq!(percent(Some(1.0)), "100.00 %");
    }
}
