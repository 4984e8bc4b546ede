//! A simulated machine: a home, a checkout and a cache of its own, and so an agent of its own.

use super::counts::{LoadCounts, UnitOutcome};
use super::sources::{self, Compiled, Truth, UNITS};
use crate::analysis::event_log::EventLog;
use crate::backend::{Backend, Counts, Endpoint, Language, RunningBackend};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::workload::Wiring;
use kache_core::events::{Event, Outcome, RemoteWay};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub struct SimulatedMachine<'b> {
    backend: &'b dyn Backend,
    program: PathBuf,
    checkout: PathBuf,
    cache: PathBuf,
    environment: Environment,
    /// Ends the agent or server with the machine.
    _running: RunningBackend<'b>,
    log: Option<EventLog>,
}

impl<'b> SimulatedMachine<'b> {
    pub fn new(backend: &'b dyn Backend, root: &Path, endpoint: &Endpoint) -> Result<SimulatedMachine<'b>> {
        let (home, checkout, cache) = (root.join("home"), root.join("src"), root.join("cache"));
        std::fs::create_dir_all(&home).map_err(Error::io("create", &home))?;
        sources::write(&checkout, 0)?;
        let own = [("HOME".into(), home.into()), ("LC_ALL".into(), "C".into())];
        let own = Environment::of_caller().with_all(own);
        let environment = backend.wire(own, Wiring { rustc: false, cc: None }, &cache)?;
        let remote = backend.with_remote(backend.based(environment, &checkout), endpoint);
        let (Some(environment), Some(program)) = (remote, backend.prefix(Language::C)) else {
            let what = format!("{} cannot share results by {}", backend.name(), endpoint.protocol.title());
            return Err(Error::input(what).remedy("leave it out of --beside"));
        };
        let running = RunningBackend::begin(backend, &cache)?;
        backend.start(&environment, &cache)?;
        let log = backend.events(&cache);
        Ok(SimulatedMachine { backend, program, checkout, cache, environment, _running: running, log })
    }

    /// Removes the cache, as if the machine was replaced.
    pub fn wipe(&mut self) -> Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        *log = EventLog::of_cache(&self.cache);
        // The agent may write until it sees that the cache is gone.
        let begun = Instant::now();
        loop {
            match std::fs::remove_dir_all(&self.cache) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(e) if begun.elapsed() > Duration::from_secs(10) => {
                    return Err(Error::io("remove", &self.cache)(e));
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Waits until the uploads have ended; false if one failed, as they may with faults.
    pub fn flush(&self) -> bool {
        self.backend.flush(&self.environment, &self.cache).is_ok()
    }

    /// Builds all units in the state of a variant, and compares each result.
    pub fn build(&mut self, variant: usize, truth: &Truth, counts: &mut LoadCounts) -> Result<()> {
        sources::switch(&self.checkout, variant)?;
        let before = self.statistics()?;
        let mut times = Vec::new();
        for unit in 0..UNITS {
            let took = self.compile(unit, variant, truth, counts)?;
            match self.last_event() {
                Some(event) => counts.add(outcome_of(&event), took),
                None => times.push(took),
            }
        }
        counts.builds += 1;
        let (Some(before), Some(after)) = (before, self.statistics()?) else { return Ok(()) };
        counts.add_by_statistics(after - before, times);
        Ok(())
    }

    /// Compiles one unit, and returns the time; a difference to the plain compiler is counted.
    pub fn compile(
        &self,
        unit: usize,
        variant: usize,
        truth: &Truth,
        counts: &mut LoadCounts,
    ) -> Result<Duration> {
        let begun = Instant::now();
        let have = self.run(unit)?;
        let took = begun.elapsed();
        let name = format!("{} of variant {variant}", sources::source(unit));
        counts.compare(&name, &have, &*truth.of(unit, variant)?);
        Ok(took)
    }

    /// Compiles one unit.
    pub fn run(&self, unit: usize) -> Result<Compiled> {
        let mut wrapper = Command::new(&self.program);
        wrapper.arg("cc").args(sources::arguments(unit));
        Compiled::by(&mut wrapper, &self.checkout, unit, &self.environment)
    }

    /// The state of another variant.
    pub fn switch(&self, variant: usize) -> Result<()> {
        sources::switch(&self.checkout, variant)
    }

    /// The event of the last invocation, of a backend that has events.
    pub fn last_event(&mut self) -> Option<Event> {
        self.log.as_mut()?.poll().pop()
    }

    /// The hits so far.
    pub fn hits(&mut self) -> Result<u64> {
        Ok(self.backend.counts(&self.cache)?.unwrap_or_default().hits)
    }

    /// Of a backend without events.
    fn statistics(&self) -> Result<Option<Counts>> {
        if self.log.is_some() { Ok(None) } else { self.backend.counts(&self.cache) }
    }
}

fn outcome_of(event: &Event) -> UnitOutcome {
    match (event.outcome, event.remote.as_ref().map(|remote| remote.way)) {
        (Outcome::Hit, Some(RemoteWay::Fetched | RemoteWay::Ahead)) => UnitOutcome::Fetched,
        (Outcome::Hit, _) => UnitOutcome::LocalHit,
        (Outcome::Miss, way) => UnitOutcome::Compiled(way),
        (Outcome::Passthrough | Outcome::Error, _) => UnitOutcome::Bypassed,
    }
}
