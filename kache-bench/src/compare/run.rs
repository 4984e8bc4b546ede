//! `compare`: backends side by side on one workload, in one run.
//!
//! A round is every backend once, one after the other, and rounds follow each other (A B C A B C), so that a machine
//! that grows slower or faster does so for all of them. A backend's turn begins with an empty cache and two fresh
//! clones, at the same two paths for each: cold in A; A cleaned and built again; first in B; B cleaned and built again;
//! and B once more with nothing to do. Without a cache there is one way to build, so `plain` builds once a round and
//! once with nothing to do, and every warm phase is held against that one build.
//!
//! Sources are in the page cache (just cloned), compilers and caches too (just used): a freshly started machine is not
//! measured.

use super::phase::Phase;
use super::record::{Race, VERSION};
use super::sample::Stopwatch;
use super::{disk, print, summary, validity};
use crate::analysis::timeline::Timeline;
use crate::backend::{Backend, Running};
use crate::error::{Fault, Result, Trouble};
use crate::system::interrupt;
use crate::system::machine::{self, Machine};
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::fs;

/// What is to be run.
pub struct Plan {
    /// In the order in which each round has them; why not, for one that is not there.
    pub backends: Vec<(String, Result<Box<dyn Backend>>)>,
    /// How often each.
    pub rounds: usize,
    /// Empty: all.
    pub phases: Vec<Phase>,
}

impl Plan {
    /// The phases, with those that others begin with.
    fn phases(&self) -> BTreeSet<Phase> {
        let mut phases: BTreeSet<_> = if self.phases.is_empty() {
            Phase::value_variants().iter().copied().collect()
        } else {
            self.phases.iter().copied().collect()
        };
        phases.insert(Phase::Cold);
        if phases.contains(&Phase::OtherLater) {
            phases.insert(Phase::OtherFirst);
        }
        phases
    }
}

/// Runs the plan.
pub fn run(workload: &Workload, plan: Plan, scratch: &Scratch, timeline: &mut Timeline) -> Result<Race> {
    let phases = plan.phases();
    let mut shown = progress::Phase::begin("fetch", None);
    let source = workload.obtain(&scratch.repository(), &mut || shown.wait())?;
    shown.end(&format!("{} at {}", workload.source, &source[..12.min(source.len())]));

    let (entrants, backends) = validity::admit(workload, plan.backends)?;
    let mut race = Race {
        v: VERSION,
        command: "compare".into(),
        workload: workload.name.clone(),
        source,
        date: String::new(),
        commit: None,
        machine: Machine::here(&scratch.repository()),
        page_cache: "warm".into(),
        rounds: plan.rounds,
        planted: None,
        entrants,
        laps: Vec::new(),
        disk: Vec::new(),
        summary: Vec::new(),
    };
    let laps = |plain: bool| {
        if plain { phases.iter().filter(|phase| !phase.is_warm()).count() } else { phases.len() }
    };
    let a_round: usize = backends.iter().map(|(_, backend)| laps(backend.name() == "plain")).sum();
    progress::plan(plan.rounds * a_round);
    for round in 1..=plan.rounds {
        for (at, backend) in &backends {
            if race.entrants[*at].out.is_some() {
                continue;
            }
            let label = format!("round {round}/{}, {}", plan.rounds, race.entrants[*at].name);
            let mut turn = Turn {
                workload,
                backend: backend.as_ref(),
                scratch,
                round,
                label,
                race: &mut race,
                timeline: &mut *timeline,
            };
            if let Err(trouble) = turn.run(&phases) {
                interrupt::check()?;
                if trouble.fault() != Fault::Run {
                    return Err(trouble);
                }
                // One backend that breaks the build is a finding; the others go on.
                scratch.keep_logs();
                race.entrants[*at].out = Some(format!("round {round}: {trouble}"));
            }
        }
    }
    race.date = machine::now();
    race.summary = summary::of(&race.entrants, &race.laps);
    Ok(race)
}

/// One backend's part of one round.
struct Turn<'r> {
    workload: &'r Workload,
    backend: &'r dyn Backend,
    scratch: &'r Scratch,
    round: usize,
    label: String,
    race: &'r mut Race,
    timeline: &'r mut Timeline,
}

impl Turn<'_> {
    fn run(&mut self, phases: &BTreeSet<Phase>) -> Result<()> {
        self.clear()?;
        let cache = self.scratch.cache();
        fs::create_dir_all(&cache).map_err(Trouble::io("create", &cache))?;
        let running = Running::begin(self.backend, &cache)?;
        let outcome = self.phases(phases, &running);
        drop(running);
        // Also after a failure: the next backend is to find neither its clones nor its cache.
        self.clear()?;
        outcome
    }

    fn phases(&mut self, phases: &BTreeSet<Phase>, running: &Running<'_>) -> Result<()> {
        let is_plain = self.backend.name() == "plain";
        let a = self.clone_to("a")?;
        if !self.lap(&a, Phase::Cold, running)? {
            return Ok(());
        }
        if phases.contains(&Phase::SameTree) && !is_plain {
            self.clean(&a)?;
            self.lap(&a, Phase::SameTree, running)?;
        }
        let mut last = a;
        if phases.contains(&Phase::OtherFirst) && !is_plain {
            last = self.clone_to("b")?;
            self.lap(&last, Phase::OtherFirst, running)?;
            self.race.disk.push(disk::used(
                self.backend.name(),
                self.round,
                &self.scratch.cache(),
                last.root(),
            ));
            if phases.contains(&Phase::OtherLater) {
                self.clean(&last)?;
                self.lap(&last, Phase::OtherLater, running)?;
            }
        } else if is_plain {
            self.race.disk.push(disk::used(
                self.backend.name(),
                self.round,
                &self.scratch.cache(),
                last.root(),
            ));
        }
        if phases.contains(&Phase::Idle) {
            self.lap(&last, Phase::Idle, running)?;
        }
        Ok(())
    }

    /// One timed build; whether going on makes sense.
    fn lap(&mut self, checkout: &Checkout, phase: Phase, running: &Running<'_>) -> Result<bool> {
        let (workload, cache) = (self.workload, self.scratch.cache());
        let environment = self.backend.based(checkout.environment(workload), checkout.root());
        let reads = crate::backend::Reads::Allowed;
        let environment = self.backend.wire(environment, workload.wiring, &cache, reads)?;
        // A server keeps the settings that it was started with, and they name the checkout.
        running.stop()?;
        self.backend.start(&environment, &cache)?;
        let before = self.backend.counts(&cache)?;
        let lines: Vec<_> =
            workload.build.iter().map(|line| self.backend.line(line, workload.wiring)).collect();
        let left = validity::left_behind(checkout, phase);
        let had = validity::files(&cache);
        let mut shown = progress::Phase::begin(&format!("{}: {}", self.label, phase.title()), None);
        let begun = machine::microseconds();
        let watch = Stopwatch::start(&cache);
        let took = checkout.run(&lines, &environment, &self.log(phase, checkout), &mut || shown.wait())?;
        let mut lap = watch.stop(self.backend.name(), self.round, phase, took);
        // Read once it is over, since reading would be part of the time.
        let mut events = self.backend.events(&cache).map_or_else(Vec::new, |mut log| log.poll());
        events.retain(|event| event.time_us >= begun);
        let ended = begun + u64::try_from(took.as_micros()).unwrap_or(0);
        self.timeline.add(format!("{}: {}", self.label, phase.title()), begun, ended, &events);
        lap.counts = self.backend.counts(&cache)?.map(|after| after - before.unwrap_or_default());
        lap.invalid = left.or_else(|| {
            validity::judge(&lap, self.backend, checkout, validity::files(&cache).saturating_sub(had))
        });
        shown.end(&print::lap(&lap));
        let is_hopeless = phase == Phase::Cold && lap.invalid.is_some();
        if let Some(why) = lap.invalid.as_ref().filter(|_| is_hopeless) {
            let entrant = self.race.entrants.iter_mut().find(|entrant| entrant.name == lap.backend);
            entrant.into_iter().for_each(|entrant| entrant.out = Some(format!("round {}: {why}", lap.round)));
        }
        self.race.laps.push(lap);
        Ok(!is_hopeless)
    }

    fn clone_to(&self, label: &'static str) -> Result<Checkout> {
        let root = if label == "a" { self.scratch.checkout_a() } else { self.scratch.checkout_b() };
        let checkout = Checkout::clone(label, &self.scratch.repository(), root)?;
        self.outside(&checkout, &self.workload.setup, "setup")?;
        checkout.require_own_target(self.workload)?;
        Ok(checkout)
    }

    fn clean(&self, checkout: &Checkout) -> Result<()> {
        self.outside(checkout, &self.workload.clean, "clean")
    }

    /// Without a cache, and outside all times.
    fn outside(&self, checkout: &Checkout, lines: &[String], what: &str) -> Result<()> {
        let wiring = self.workload.wiring;
        let environment = checkout.environment(self.workload);
        let environment = crate::backend::Plain.wire(
            environment,
            wiring,
            &self.scratch.cache(),
            crate::backend::Reads::Allowed,
        )?;
        let log =
            self.scratch.logs().join(format!("{what}-{}-{}.log", self.backend.name(), checkout.label()));
        checkout.run(lines, &environment, &log, &mut || {}).map(drop)
    }

    fn log(&self, phase: Phase, checkout: &Checkout) -> std::path::PathBuf {
        let phase = phase.title().replace([' ', ','], "-");
        let name = format!("{}-{phase}-{}-{}.log", self.backend.name(), checkout.label(), self.round);
        self.scratch.logs().join(name)
    }

    /// Removes the clones and the cache of the backend before.
    fn clear(&self) -> Result<()> {
        for dir in [self.scratch.checkout_a(), self.scratch.checkout_b(), self.scratch.cache()] {
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(Trouble::io("remove", &dir))?;
            }
        }
        Ok(())
    }
}
