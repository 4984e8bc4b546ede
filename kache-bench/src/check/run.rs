//! `check`: one project in three clones with one cache.
//!
//! Builds cold in clone A; in clone B with A's cache; in clone C, where all that A and B agree on must hit; in B
//! again after a clean; and in B with nothing to do. Keys are compared right after B's first build, while
//! generated files of both clones still exist. Artifacts are compared in C, where most was restored.

use crate::analysis::embedded_paths;
use crate::analysis::event_log::EventLog;
use crate::analysis::given::{GivenVariable, GivenVariables};
use crate::analysis::key_mismatch::{self, KeyMismatches};
use crate::analysis::match_units::{self, UnitPairing};
use crate::analysis::normalize::CloneRoot;
use crate::analysis::root_cause::CauseFinder;
use crate::analysis::script_runs;
use crate::analysis::summary::{self, BuildSummary};
use crate::analysis::timeline::Timeline;
use crate::artifacts::compare::ArtifactComparison;
use crate::backend::{Backend, without_cache};
use crate::build_site::{self, BuildSite, Built};
use crate::check::nondeterminism;
use crate::check::phase::PhaseResult;
use crate::check::third_clone::ThirdClone;
use crate::check::verification;
use crate::error::Result;
use crate::inject;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use kache_core::events::Event;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckPlan {
    /// Compare keys and hit rate, including the second and the idle build in B. Otherwise A, B and C are built
    /// once, for their artifacts.
    pub keys: bool,
    /// Compare artifacts with compiled ones.
    pub artifacts: bool,
    /// Build once without a cache first, for comparison within the run.
    pub plain: bool,
    /// Remove this number of results from the cache before the second clone is built, as an injected fault.
    pub lose: usize,
}

/// How many keys of two clones are equal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stability {
    /// Units with a partner and a key.
    pub paired: usize,
    /// Pairs with equal keys.
    pub equal: usize,
    /// Pairs matched without cargo's hash or without the source path.
    pub paired_loosely: usize,
    /// Units built in one clone only.
    pub unpaired: Vec<String>,
    pub unstable: Vec<String>,
    /// Units that did not hit in the second clone, without runs of build scripts.
    pub missed: Vec<String>,
}

impl CheckPlan {
    /// Number of phases to build `workload`, without those that depend on results.
    fn phases(self, workload: &Workload) -> usize {
        let [setup, clean] = [&workload.setup, &workload.clean].map(|lines| usize::from(!lines.is_empty()));
        let plain = if self.plain { 1 + clean } else { 0 };
        let keys = if self.keys { 2 + clean } else { 0 };
        let artifacts = if self.artifacts { 2 + setup } else { 0 };
        1 + 3 * setup + plain + 3 + keys + artifacts
    }
}

impl Stability {
    pub fn share(&self) -> Option<f64> {
        (self.paired > 0).then(|| self.equal as f64 / self.paired as f64)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckFindings {
    /// In the order in which they ran.
    pub phases: Vec<PhaseResult>,
    /// Keys of the first build in the first two clones, without those of build scripts, which name their place.
    pub stability: Stability,
    /// `None` in records of a harness that built two clones.
    pub third: Option<ThirdClone>,
    #[serde(flatten)]
    pub key_mismatches: KeyMismatches,
    /// Claimed exceptions with their proofs.
    pub embedded_paths: Vec<embedded_paths::Proof>,
    /// Units claimed to differ from compile to compile, with their proofs.
    pub nondeterministic: Vec<nondeterminism::Proof>,
    /// Units compiled by a build that had nothing to do.
    pub not_fresh: Vec<String>,
    /// Event lines that are incomplete or of an unknown version.
    pub unreadable_events: usize,
    /// `None` if not compared.
    pub artifacts: Option<ArtifactComparison>,
}

impl CheckFindings {
    pub fn phase(&self, name: &str) -> Option<&PhaseResult> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// The sums of a phase's events; `None` without such a phase or without events.
    pub fn summary(&self, name: &str) -> Option<&BuildSummary> {
        self.phase(name)?.summary.as_ref()
    }
}

pub fn run(
    workload: &Workload,
    backend: &dyn Backend,
    scratch: &Scratch,
    plan: CheckPlan,
    timeline: &mut Timeline,
) -> Result<(CheckFindings, Checkouts)> {
    progress::plan(plan.phases(workload));
    let checkouts = Checkouts::prepare(workload, scratch)?;
    let mut run = CheckRun {
        site: BuildSite { workload, backend, scratch },
        log: backend.events(&scratch.cache()),
        findings: CheckFindings::default(),
        timeline,
    };
    run.phases(&checkouts, plan)?;
    Ok((run.findings, checkouts))
}

#[derive(Debug)]
pub struct Checkouts {
    pub a: Checkout,
    pub b: Checkout,
    pub c: Checkout,
    /// The commit of all.
    pub commit: String,
}

impl Checkouts {
    fn prepare(workload: &Workload, scratch: &Scratch) -> Result<Checkouts> {
        let commit = build_site::fetch(workload, scratch)?;
        let a = Checkout::clone("a", &scratch.repository(), scratch.checkout_a())?;
        let b = Checkout::clone("b", &scratch.repository(), scratch.checkout_b())?;
        let c = Checkout::clone("c", &scratch.repository(), scratch.checkout_c())?;
        Ok(Checkouts { a, b, c, commit })
    }
}

struct CheckRun<'r> {
    site: BuildSite<'r>,
    log: Option<EventLog>,
    findings: CheckFindings,
    timeline: &'r mut Timeline,
}

impl CheckRun<'_> {
    fn phases(&mut self, Checkouts { a, b, c, .. }: &Checkouts, plan: CheckPlan) -> Result<()> {
        for checkout in [a, b, c] {
            self.without_cache("setup", checkout, &self.site.workload.setup)?;
            checkout.require_own_target(self.site.workload)?;
        }
        if plan.plain {
            self.without_cache("plain build", a, &self.site.workload.build)?;
            self.clean(a)?;
        }
        let cold = self.build("cold build", a, None)?;
        if plan.lose > 0 {
            let cache = self.site.scratch.cache();
            inject::forget(plan.lose, &cold, &|event| self.site.backend.forget(&cache, event))?;
        }
        let warm = self.build("build from the cache", b, Some(cold.len()))?;
        self.compare_keys(a, b, &cold, &warm);
        let third = self.build("build in the third clone", c, Some(warm.len()))?;
        self.findings.third = Some(ThirdClone::of(&third));
        if plan.keys {
            self.clean(b)?;
            self.build("second build", b, Some(cold.len()))?;
            let idle = self.build("build with nothing to do", b, Some(0))?;
            let work = idle.iter().filter(|event| summary::is_work(event));
            self.findings.not_fresh = work.map(|event| event.unit.label()).collect();
        }
        if plan.artifacts {
            self.compare_artifacts(c, cold.len())?;
        }
        self.findings.unreadable_events = self.log.as_ref().map_or(0, EventLog::unreadable);
        Ok(())
    }

    /// Builds with the cache and returns the events of counted units.
    fn build(&mut self, name: &str, checkout: &Checkout, expected: Option<usize>) -> Result<Vec<Event>> {
        let environment = self.site.wired(checkout, &self.site.scratch.cache())?;
        let log = self.log.as_mut();
        let built = self.site.build(name, checkout, &environment, log, expected, self.timeline)?;
        let mut events = self.record_build(name, checkout, built);
        events.retain(|event| summary::is_counted(event, &self.site.workload.units));
        Ok(events)
    }

    fn record_build(&mut self, name: &str, checkout: &Checkout, built: Built) -> Vec<Event> {
        self.record(name, checkout, built.took, self.log.is_some().then_some(built.summary));
        built.events
    }

    fn clean(&mut self, checkout: &Checkout) -> Result<()> {
        self.without_cache("clean", checkout, &self.site.workload.clean)
    }

    fn without_cache(&mut self, name: &str, checkout: &Checkout, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let environment = without_cache(checkout.environment(self.site.workload));
        let took = self.site.run(name, checkout, lines, &environment)?;
        self.record(name, checkout, took, None);
        Ok(())
    }

    fn record(&mut self, name: &str, clone: &Checkout, took: Duration, summary: Option<BuildSummary>) {
        self.findings.phases.push(PhaseResult::of(name, clone, took, summary));
    }

    /// The variables that the builds in two clones are given, with who sets them.
    fn given(&self, a: &Checkout, b: &Checkout) -> GivenVariables {
        let workload = self.site.workload;
        let of_b = b.environment(workload);
        let text = |value: &OsStr| value.to_string_lossy().into_owned();
        let both = a.environment(workload);
        let both = both.iter().filter_map(|(name, value)| {
            let name = name.to_str()?;
            let values = [text(value), text(&of_b.get(name)?)];
            let is_set = workload.environment.iter().any(|(set, _)| set == name);
            let by = if is_set {
                "the workload's file, in `[build] env`"
            } else {
                "the environment of the harness"
            };
            Some((name.to_string(), GivenVariable { values, by }))
        });
        both.collect()
    }

    fn compare_keys(&mut self, a: &Checkout, b: &Checkout, cold: &[Event], warm: &[Event]) {
        let without_scripts = |events: &[Event]| -> Vec<Event> {
            events.iter().filter(|event| !summary::is_script(event)).cloned().collect()
        };
        let compiled = [cold, warm].map(without_scripts);
        let mut pairing = match_units::pair(&compiled[0], &compiled[1]);
        pairing.only_a.retain(|unit| !script_runs::is_restored_with(unit, cold, warm));
        let finder = CauseFinder {
            a: CloneRoot::of(a.root()),
            b: CloneRoot::of(b.root()),
            variables: self.given(a, b),
        };
        let (backend, cache) = (self.site.backend, self.site.scratch.cache());
        let trace = |event: &Event| backend.trace(&cache, event);
        let stored = |event: &Event| backend.stored(&cache, event);
        self.findings.key_mismatches = key_mismatch::find(&pairing, &finder, &trace);
        self.findings.embedded_paths = embedded_paths::prove(
            &self.site.workload.expect.embedded_paths,
            &pairing,
            &finder,
            &self.findings.key_mismatches,
            &stored,
        );
        self.findings.stability = stability(&pairing, &compiled[1]);
    }

    /// Builds in C's place without hits and compares.
    fn compare_artifacts(&mut self, c: &Checkout, expected: usize) -> Result<()> {
        let own = c.environment(self.site.workload);
        let found = verification::verify(self.site, c, &own, Some(expected), self.timeline)?;
        self.findings.phases.extend(found.phases);
        self.findings.artifacts = Some(found.artifacts);
        self.findings.nondeterministic = found.nondeterministic;
        Ok(())
    }
}

fn stability(pairing: &UnitPairing<'_>, warm: &[Event]) -> Stability {
    let keyed: Vec<_> =
        pairing.pairs.iter().filter_map(|pair| Some((pair, key_mismatch::agrees(pair)?))).collect();
    let label = |event: &&Event| event.unit.label();
    let missed = warm.iter().filter(|event| event.outcome != kache_core::events::Outcome::Hit);
    Stability {
        paired: keyed.len(),
        equal: keyed.iter().filter(|(_, equal)| *equal).count(),
        paired_loosely: keyed
            .iter()
            .filter(|(pair, _)| pair.quality != match_units::MatchQuality::Exact)
            .count(),
        unpaired: pairing.only_a.iter().chain(&pairing.only_b).map(label).collect(),
        unstable: keyed.iter().filter(|(_, equal)| !equal).map(|(pair, _)| pair.b.unit.label()).collect(),
        missed: missed.map(|event| event.unit.label()).collect(),
    }
}
