//! The verdict on a check, with every reason.

use super::run::{CheckFindings, CheckPlan};
use crate::analysis::embedded_paths;
use crate::record::RunVerdict;
use crate::text;
use crate::workload::{Expect, UnitClaim};

/// Maximum number of names in a sentence.
const NAMED: usize = 5;

/// Compares the findings with the expectations.
pub fn judge(findings: &CheckFindings, expect: &Expect, plan: CheckPlan) -> RunVerdict {
    let mut problems = Vec::new();
    builds(findings, expect, &mut problems);
    if plan.keys {
        keys(findings, expect, &mut problems);
    }
    if let Some(artifacts) = findings.artifacts.as_ref().filter(|a| !a.mismatches.is_empty()) {
        let (differ, all) = (artifacts.mismatches.len(), artifacts.artifacts);
        let are = if differ == 1 { "is" } else { "are" };
        let all = text::count(all, "artifact", "artifacts");
        problems.push(format!("{differ} of {all} {are} not what the compiler makes in that place"));
    }
    for proof in &findings.nondeterministic {
        if let Some(problem) = &proof.problem {
            problems.push(format!("`{}` is claimed as nondeterministic, but {problem}", proof.unit));
        }
    }
    if findings.artifacts.as_ref().is_some_and(|a| a.artifacts == 0) {
        problems.push("there are no artifacts to compare".into());
    }
    RunVerdict { ok: problems.is_empty(), problems }
}

fn builds(findings: &CheckFindings, expect: &Expect, problems: &mut Vec<String>) {
    match findings.summary("cold build") {
        Some(summary) if summary.units < expect.units => {
            let built = text::count(summary.units, "unit was", "units were");
            problems.push(format!("{built} built, at least {} are expected", expect.units));
        }
        None => problems.push("the cache wrote no events, so its keys cannot be checked".into()),
        _ => {}
    }
    for phase in &findings.phases {
        let Some(summary) = &phase.summary else { continue };
        let errors: usize = summary.errors.values().sum();
        if errors > 0 {
            let reasons: Vec<_> = summary.errors.keys().cloned().collect();
            let units = text::count(errors, "unit", "units");
            problems.push(format!("{}: the cache failed on {units} ({})", phase.name, list(&reasons)));
        }
    }
    if findings.unreadable_events > 0 {
        let lines = text::count(findings.unreadable_events, "event line", "event lines");
        problems.push(format!("{lines} could not be read"));
    }
}

fn keys(findings: &CheckFindings, expect: &Expect, problems: &mut Vec<String>) {
    let stability = &findings.stability;
    let claims = &expect.embedded_paths;
    share(problems, "key stability", &stability.unstable, stability.paired, expect.stability, claims);
    if let Some(warm) = findings.summary("build from the cache") {
        let what = "hit rate in the second clone";
        share(problems, what, &stability.missed, warm.compiles().units, expect.hit_rate, claims);
    }
    if let (Some(third), Some(summary)) = (&findings.third, findings.summary("build in the third clone")) {
        let all = summary.units.saturating_sub(third.literal());
        share(problems, "hit rate in the third clone", &third.missed, all, expect.third_hit_rate, claims);
    }
    // B's results are stored by now, so no exception applies.
    if let Some(again) = findings.summary("second build")
        && again.hit_rate().unwrap_or(0.0) < expect.third_hit_rate
    {
        problems.push(format!(
            "second build: {} of {} hit",
            again.hits,
            text::count(again.units, "unit", "units")
        ));
    }
    if !stability.unpaired.is_empty() {
        problems.push(format!("built in one clone only: {}", list(&stability.unpaired)));
    }
    if !findings.not_fresh.is_empty() {
        problems.push(format!("a build with nothing to do compiled: {}", list(&findings.not_fresh)));
    }
    if !findings.key_mismatches.unexplained.is_empty() {
        let units: Vec<_> =
            findings.key_mismatches.unexplained.iter().map(|u| format!("{} ({})", u.unit, u.why)).collect();
        problems.push(format!("no trace explains why these keys differ: {}", list(&units)));
    }
    for proof in findings.embedded_paths.iter().filter(|proof| proof.evidence.is_none()) {
        problems.push(format!("`{}` is claimed to embed a path, but nothing proves it", proof.unit));
    }
}

/// Adds a problem if too many units are `bad`, without the excepted ones.
fn share(
    problems: &mut Vec<String>,
    what: &str,
    bad: &[String],
    all: usize,
    floor: f64,
    excepted: &[UnitClaim],
) {
    let is_excepted = |unit: &String| excepted.iter().any(|claim| embedded_paths::names(&claim.unit, unit));
    let (waived, bad): (Vec<_>, Vec<_>) = bad.iter().cloned().partition(is_excepted);
    let all = all.saturating_sub(waived.len());
    let good = all.saturating_sub(bad.len());
    if all == 0 || (good as f64) < floor * all as f64 {
        let names = if bad.is_empty() { "any".into() } else { list(&bad) };
        problems.push(format!("{what}: {good} of {all}; not {names}"));
    }
}

fn list(names: &[String]) -> String {
    text::list(names, NAMED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::embedded_paths::Proof;
    use crate::analysis::summary::BuildSummary;
    use crate::check::phase::PhaseResult;
    use crate::check::run::Stability;
    use crate::check::third_clone::ThirdClone;

    const PLAN: CheckPlan = CheckPlan { keys: true, artifacts: false, plain: false, lose: 0 };

    fn findings(missed: &[&str]) -> CheckFindings {
        let missed: Vec<_> = missed.iter().map(|m| m.to_string()).collect();
        let phase = |name: &str, hits| {
            let summary = BuildSummary { units: 10, hits, misses: 10 - hits, ..BuildSummary::default() };
            PhaseResult { name: String::from(name), clone: "a".into(), seconds: 1.0, summary: Some(summary) }
        };
        let phases = vec![
            phase("cold build", 0),
            phase("build from the cache", 10 - missed.len()),
            phase("second build", 10),
        ];
        let stability = Stability {
            paired: 10,
            equal: 10 - missed.len(),
            unstable: missed.clone(),
            missed,
            ..Stability::default()
        };
        CheckFindings { phases, stability, ..CheckFindings::default() }
    }

    fn expect(embedded_paths: &[&str]) -> Expect {
        let claim = |unit: &&str| UnitClaim { unit: unit.to_string(), reason: "env!".into() };
        Expect {
            units: 10,
            hit_rate: 1.0,
            third_hit_rate: 1.0,
            stability: 1.0,
            embedded_paths: embedded_paths.iter().map(claim).collect(),
            nondeterministic: Vec::new(),
        }
    }

    #[test]
    fn all_hits_are_good() {
        assert_eq!(judge(&findings(&[]), &expect(&[]), PLAN), RunVerdict { ok: true, problems: vec![] });
    }

    #[test]
    fn a_miss_is_a_problem_unless_proved_baked() {
        let verdict = judge(&findings(&["x 1.0.0 (lib)"]), &expect(&[]), PLAN);
        assert_eq!(verdict.problems.len(), 2, "{verdict:?}");
        assert!(judge(&findings(&["x 1.0.0 (lib)"]), &expect(&["x"]), PLAN).ok);
        let mut unproved = findings(&["x 1.0.0 (lib)"]);
        unproved.embedded_paths.push(Proof {
            unit: "x 1.0.0 (lib)".into(),
            reason: "env!".into(),
            evidence: None,
        });
        assert!(!judge(&unproved, &expect(&["x"]), PLAN).ok);
    }

    #[test]
    fn what_misses_in_the_third_clone_is_a_problem_unless_literal() {
        let third = |missed: &[&str], holds: &str| {
            let summary = BuildSummary { units: 10, hits: 9, misses: 1, ..BuildSummary::default() };
            let mut findings = findings(&[]);
            findings.phases.push(PhaseResult {
                name: "build in the third clone".into(),
                clone: "c".into(),
                seconds: 1.0,
                summary: Some(summary),
            });
            findings.third = Some(ThirdClone {
                missed: missed.iter().map(|unit| unit.to_string()).collect(),
                scripts: [("x 1.0.0 (script)".to_owned(), holds.to_owned())].into(),
            });
            judge(&findings, &expect(&[]), PLAN)
        };
        assert!(third(&[], "literal").ok);
        let verdict = third(&["x 1.0.0 (script)"], "unconfirmed");
        assert!(verdict.problems[0].contains("9 of 10; not x 1.0.0 (script)"), "{verdict:?}");
    }

    #[test]
    fn too_few_units_are_a_problem() {
        let few = Expect { units: 11, ..expect(&[]) };
        assert!(judge(&findings(&[]), &few, PLAN).problems[0].contains("10 units were built"));
    }

    #[test]
    fn no_events_are_a_problem() {
        assert!(!judge(&CheckFindings::default(), &expect(&[]), PLAN).ok);
    }
}
