//! Compares the artifacts of a restored build with those that the compiler makes in the same place.
//!
//! The restored build is moved away and the project cloned again, so it does not matter where a build writes and what
//! a clean removes.

use super::nondeterminism::{self, Proof};
use super::phase::PhaseResult;
use crate::analysis::event_log::EventLog;
use crate::analysis::timeline::Timeline;
use crate::artifacts;
use crate::artifacts::compare::{self, ArtifactComparison};
use crate::backend::without_cache;
use crate::build_site::BuildSite;
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::progress::{self, Progress};
use crate::workload::checkout::Checkout;
use kache_core::events::Event;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What was compared, and what it took.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub artifacts: ArtifactComparison,
    /// The units claimed as nondeterministic that differ.
    pub nondeterministic: Vec<Proof>,
    pub phases: Vec<PhaseResult>,
}

/// The builds without hits in the place of a restored build.
pub struct Verification<'v> {
    site: BuildSite<'v>,
    checkout: Checkout,
    /// Of all builds, with the cache wired and without lookups.
    environment: Environment,
    /// Each build reads on where the one before ended.
    log: Option<EventLog>,
    restored: PathBuf,
    timeline: &'v mut Timeline,
    found: Verified,
}

/// Verifies a restored build in `checkout`, which leaves it in [`crate::system::scratch::Scratch::restored`]. `own` is the
/// environment of its builds before the cache is wired, and `expected` the number of its units.
pub fn verify(
    site: BuildSite<'_>,
    checkout: &Checkout,
    own: &Environment,
    expected: Option<usize>,
    timeline: &mut Timeline,
) -> Result<Verified> {
    let (root, restored) = (checkout.root(), site.scratch.restored());
    std::fs::rename(root, &restored).map_err(Error::io("move aside", root))?;
    let checkout = Checkout::clone(checkout.label(), &site.scratch.repository(), root.to_path_buf())?;
    let cache = site.scratch.verify_cache();
    let wired = site.backend.wire(site.backend.based(own.clone(), root), site.workload.wiring, &cache)?;
    let environment = site.backend.without_lookups(wired)?;
    let log = site.backend.events(&cache);
    let found = Verified::default();
    let mut verification = Verification { site, checkout, environment, log, restored, timeline, found };
    verification.set_up(own)?;
    verification.compare(expected)?;
    Ok(verification.found)
}

impl Verification<'_> {
    fn set_up(&mut self, own: &Environment) -> Result<()> {
        let lines = &self.site.workload.setup;
        if !lines.is_empty() {
            let took = self.site.run("setup", &self.checkout, lines, &without_cache(own.clone()))?;
            self.found.phases.push(PhaseResult::of("setup", &self.checkout, took, None));
        }
        Ok(())
    }

    fn compare(&mut self, expected: Option<usize>) -> Result<()> {
        let events = self.build("build without hits", expected)?;
        let named = artifacts::named(&events, self.checkout.root());
        self.compare_builds(&named)?;
        self.prove_nondeterminism(&events, &named)
    }

    /// Builds without hits, and returns all events.
    fn build(&mut self, name: &str, expected: Option<usize>) -> Result<Vec<Event>> {
        let (site, checkout, log) = (self.site, &self.checkout, self.log.as_mut());
        let built = site.build(name, checkout, &self.environment, log, expected, self.timeline)?;
        let summary = self.log.is_some().then_some(built.summary);
        self.found.phases.push(PhaseResult::of(name, checkout, built.took, summary));
        Ok(built.events)
    }

    fn compare_builds(&mut self, named: &BTreeSet<PathBuf>) -> Result<()> {
        let name = "compare artifacts";
        let (shown, start) = (Progress::begin(name, None), Instant::now());
        self.found.artifacts = compare::compare(&self.restored, self.root(), named)?;
        shown.end(&self.found.artifacts.summary());
        self.found.phases.push(PhaseResult::of(name, &self.checkout, start.elapsed(), None));
        Ok(())
    }

    fn root(&self) -> &Path {
        self.checkout.root()
    }

    /// Proves the units claimed as nondeterministic, and compares their dependants again, built from equal
    /// inputs.
    fn prove_nondeterminism(&mut self, events: &[Event], named: &BTreeSet<PathBuf>) -> Result<()> {
        let claims = &self.site.workload.expect.nondeterministic;
        let claimed = nondeterminism::claimed(claims, events, self.root(), &self.found.artifacts);
        if claimed.is_empty() {
            return Ok(());
        }
        let [reordered, random] = nondeterminism::split(claimed);
        // With the build on the restored output, and its comparison.
        progress::plan(usize::from(!random.is_empty()) + 2);
        let mut proofs = nondeterminism::prove_order(&reordered, &self.restored, self.root())?;
        if !random.is_empty() {
            let first = nondeterminism::take(&random, self.root())?;
            self.build("compile nondeterministic units again", None)?;
            proofs.extend(nondeterminism::prove_randomness(&random, self.root(), &first)?);
        }
        self.found.nondeterministic = proofs;
        if self.found.nondeterministic.iter().any(|proof| proof.evidence.is_none()) {
            return Ok(());
        }
        for claimed in [&reordered, &random] {
            nondeterminism::put_back(claimed, &self.restored, self.root())?;
        }
        self.build("build on their restored output", None)?;
        self.compare_builds(named)
    }
}
