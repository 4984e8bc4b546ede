//! Runs a comparison of caches on one workload.
//!
//! A round runs every backend once, and rounds follow each other (A B C A B C), so that changes of the
//! machine's load affect all backends. Each trial begins with an empty cache and new clones at the same three
//! paths: cold in A; A again after a clean; first in B; B again after a clean; first in C, where a cache has
//! what A and B agree on; and the last clone with nothing to do.
//! `plain` builds once a round and once with nothing to do, and every warm phase is compared with that one
//! build.
//!
//! Sources (just cloned), compilers and caches (just used) are in the page cache; a freshly started machine
//! is not measured.

use super::participant::Offered;
use super::phase::ComparePhase;
use super::record::Comparison;
use super::sample::Stopwatch;
use super::{disk, print, summary, validity};
use crate::analysis::timeline::Timeline;
use crate::backend::RunningBackend;
use crate::build_site::{self, BuildSite};
use crate::error::{Error, ErrorKind, Result};
use crate::system::files;
use crate::system::interrupt;
use crate::system::machine;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::fs;

pub struct ComparePlan {
    /// In round order; an error if one is not available.
    pub backends: Offered,
    pub rounds: usize,
    /// Empty: all.
    pub phases: Vec<ComparePhase>,
}

impl ComparePlan {
    /// The requested phases and the phases that they require.
    fn phases(&self) -> BTreeSet<ComparePhase> {
        let mut phases: BTreeSet<_> = if self.phases.is_empty() {
            ComparePhase::value_variants().iter().copied().collect()
        } else {
            self.phases.iter().copied().collect()
        };
        phases.insert(ComparePhase::Cold);
        if phases.contains(&ComparePhase::OtherLater) || phases.contains(&ComparePhase::Third) {
            phases.insert(ComparePhase::OtherFirst);
        }
        phases
    }
}

/// Also returns the source's commit.
pub fn run(
    workload: &Workload,
    plan: ComparePlan,
    scratch: &Scratch,
    timeline: &mut Timeline,
) -> Result<(Comparison, String)> {
    let phases = plan.phases();
    let source = build_site::fetch(workload, scratch)?;
    let (participants, backends) = validity::admit(workload, plan.backends)?;
    let mut comparison = Comparison {
        page_cache: "warm".into(),
        rounds: plan.rounds,
        participants,
        samples: Vec::new(),
        disk: Vec::new(),
        summary: Vec::new(),
    };
    let samples = |plain: bool| {
        if plain { phases.iter().filter(|phase| !phase.is_warm()).count() } else { phases.len() }
    };
    let a_round: usize = backends.iter().map(|(_, backend)| samples(backend.name() == "plain")).sum();
    progress::plan(plan.rounds * a_round);
    for round in 1..=plan.rounds {
        for (at, backend) in &backends {
            if comparison.participants[*at].out.is_some() {
                continue;
            }
            let label = format!("round {round}/{}, {}", plan.rounds, comparison.participants[*at].name);
            let mut trial = Trial {
                site: BuildSite { workload, backend: backend.as_ref(), scratch },
                round,
                label,
                comparison: &mut comparison,
                timeline: &mut *timeline,
            };
            if let Err(error) = trial.run(&phases) {
                interrupt::check()?;
                if error.kind() != ErrorKind::Run {
                    return Err(error);
                }
                // A backend that breaks the build is a result; the others continue.
                scratch.keep_logs();
                comparison.participants[*at].out = Some(format!("round {round}: {error}"));
            }
        }
    }
    comparison.summary = summary::of(&comparison.participants, &comparison.samples);
    Ok((comparison, source))
}

/// One backend in one round.
struct Trial<'r> {
    site: BuildSite<'r>,
    round: usize,
    label: String,
    comparison: &'r mut Comparison,
    timeline: &'r mut Timeline,
}

impl Trial<'_> {
    fn run(&mut self, phases: &BTreeSet<ComparePhase>) -> Result<()> {
        self.clear()?;
        let cache = self.site.scratch.cache();
        fs::create_dir_all(&cache).map_err(Error::io("create", &cache))?;
        let running = RunningBackend::begin(self.site.backend, &cache)?;
        let outcome = self.phases(phases, &running);
        drop(running);
        // Also after a failure, so that the next backend finds neither clones nor a cache.
        self.clear()?;
        outcome
    }

    fn phases(&mut self, phases: &BTreeSet<ComparePhase>, running: &RunningBackend<'_>) -> Result<()> {
        let is_plain = self.site.backend.name() == "plain";
        let a = self.site.clone_to("a", self.site.scratch.checkout_a())?;
        if !self.sample(&a, ComparePhase::Cold, running)? {
            return Ok(());
        }
        if phases.contains(&ComparePhase::SameTree) && !is_plain {
            self.clean(&a)?;
            self.sample(&a, ComparePhase::SameTree, running)?;
        }
        let mut last = a;
        if phases.contains(&ComparePhase::OtherFirst) && !is_plain {
            last = self.site.clone_to("b", self.site.scratch.checkout_b())?;
            self.sample(&last, ComparePhase::OtherFirst, running)?;
            self.measure_disk(&last);
            if phases.contains(&ComparePhase::OtherLater) {
                self.clean(&last)?;
                self.sample(&last, ComparePhase::OtherLater, running)?;
            }
            if phases.contains(&ComparePhase::Third) {
                last = self.site.clone_to("c", self.site.scratch.checkout_c())?;
                self.sample(&last, ComparePhase::Third, running)?;
            }
        } else if is_plain {
            self.measure_disk(&last);
        }
        if phases.contains(&ComparePhase::Idle) {
            self.sample(&last, ComparePhase::Idle, running)?;
        }
        Ok(())
    }

    fn measure_disk(&mut self, checkout: &Checkout) {
        let (name, cache) = (self.site.backend.name(), self.site.scratch.cache());
        self.comparison.disk.push(disk::used(name, self.round, &cache, checkout.root()));
    }

    /// One measured build. Returns whether later phases are useful.
    fn sample(
        &mut self,
        checkout: &Checkout,
        phase: ComparePhase,
        running: &RunningBackend<'_>,
    ) -> Result<bool> {
        let cache = self.site.scratch.cache();
        let environment = self.site.wired(checkout, &cache)?;
        // A server keeps the settings it was started with, and they name the checkout.
        running.stop()?;
        self.site.backend.start(&environment, &cache)?;
        let before = self.site.backend.counts(&cache)?;
        let title = format!("{}: {}", self.label, phase.title());
        let log = self.site.log(&format!("{}-{}", phase.title(), self.round), checkout);
        let left = validity::left_behind(checkout, phase);
        let had = files::below(&cache).len();
        let mut shown = progress::Progress::begin(&title, None);
        let begun = machine::microseconds();
        let watch = Stopwatch::start(&cache);
        let took = checkout.run(&self.site.lines(), &environment, &log, &mut || shown.wait())?;
        let mut sample = watch.stop(self.site.backend.name(), self.round, phase, took);
        // Read after the build, since reading would be part of the time.
        let mut events = self.site.backend.events(&cache).map_or_else(Vec::new, |mut log| log.poll());
        events.retain(|event| event.time_us >= begun);
        let ended = begun + u64::try_from(took.as_micros()).unwrap_or(0);
        self.timeline.add(title, begun, ended, &events);
        sample.counts = self.site.backend.counts(&cache)?.map(|after| after - before.unwrap_or_default());
        sample.invalid = left.or_else(|| {
            validity::judge(
                &sample,
                self.site.backend,
                checkout,
                files::below(&cache).len().saturating_sub(had),
            )
        });
        shown.end(&print::sample(&sample));
        let is_hopeless = phase == ComparePhase::Cold && sample.invalid.is_some();
        if let Some(why) = sample.invalid.as_ref().filter(|_| is_hopeless) {
            let mut participants = self.comparison.participants.iter_mut();
            if let Some(participant) = participants.find(|it| it.name == sample.backend) {
                participant.out = Some(format!("round {}: {why}", sample.round));
            }
        }
        self.comparison.samples.push(sample);
        Ok(!is_hopeless)
    }

    fn clean(&self, checkout: &Checkout) -> Result<()> {
        self.site.run_quietly("clean", checkout, &self.site.workload.clean)
    }

    /// Removes the clones and the cache of the previous backend.
    fn clear(&self) -> Result<()> {
        let scratch = self.site.scratch;
        for dir in [scratch.checkout_a(), scratch.checkout_b(), scratch.checkout_c(), scratch.cache()] {
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))?;
            }
        }
        Ok(())
    }
}
