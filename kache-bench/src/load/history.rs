//! The cost of a lookup as the recorded sets of its action grow.
//!
//! Machines compile one unit in new variants, and upload. Then new machines, with an empty cache and a connected
//! agent, look up variants of all ages, one each. No faults are injected.

use super::counts::{LoadCounts, quantile};
use super::findings::HistoryCost;
use super::machine::SimulatedMachine;
use super::plan::{LoadPlan, joined};
use super::sources::{SMALL, Truth};
use crate::backend::{Backend, Endpoint, Protocol, Server};
use crate::error::{Error, Result};
use crate::system::interrupt;
use kache_loopback::proxy::{Fault, Proxy, Traffic};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A unit that the agent is asked for first.
const FIRST: usize = 2;
const LOOKUPS: usize = 10;
/// After so many sets the cache of a writing machine is removed: the local store is not what is measured.
const BATCH: usize = 250;
/// What an agent does after its first answer ends within this time.
const CALM: Duration = Duration::from_millis(300);

pub fn run(
    backend: &dyn Backend,
    protocol: Protocol,
    dir: &Path,
    plan: &LoadPlan,
    truth: &Truth,
) -> Result<Vec<HistoryCost>> {
    let server = Server::start(protocol, &dir.join("server"))?;
    let proxy = Proxy::start(server.address(), Fault::None).map_err(Error::io("start a proxy for", dir))?;
    let endpoint = Endpoint { protocol, address: proxy.address(), read_only: false };
    let scene = Scene { backend, dir, endpoint, proxy, truth };
    let (mut costs, mut have) = (Vec::new(), 0);
    for sets in &plan.history {
        let before = scene.proxy.traffic();
        let writers = plan.builds_at_once.min(sets.saturating_sub(have)).max(1);
        std::thread::scope(|scope| {
            let write = |at: usize| {
                scope.spawn({
                    let (scene, range) = (&scene, (have + at..*sets).step_by(writers));
                    move || scene.write(at, range)
                })
            };
            let threads: Vec<_> = (0..writers).map(write).collect();
            threads.into_iter().try_for_each(joined)
        })?;
        let recording = difference(&scene.proxy.traffic(), &before);
        let recorded = sets.saturating_sub(have);
        have = have.max(*sets);
        let cost = scene.look_up(*sets)?;
        eprintln!(
            "{} over {}: {sets} sets, a lookup {:.1} ms",
            backend.name(),
            protocol.title(),
            cost.p50_ms
        );
        costs.push(HistoryCost {
            recorded,
            recording_requests: recording.requests,
            recording_bytes_up: recording.up,
            ..cost
        });
    }
    Ok(costs)
}

struct Scene<'s> {
    backend: &'s dyn Backend,
    dir: &'s Path,
    endpoint: Endpoint,
    proxy: Proxy,
    truth: &'s Truth,
}

impl Scene<'_> {
    fn machine(&self, name: &str) -> Result<SimulatedMachine<'_>> {
        SimulatedMachine::new(self.backend, &self.dir.join(name), &self.endpoint)
    }

    fn remove(&self, name: &str, machine: SimulatedMachine) -> Result<()> {
        drop(machine);
        let dir = self.dir.join(name);
        std::fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))
    }

    /// Compiles and uploads variants. What is wrong with a result shows when it is looked up.
    fn write(&self, writer: usize, variants: impl Iterator<Item = usize>) -> Result<()> {
        let name = format!("writer{writer}");
        let mut machine = self.machine(&name)?;
        for (at, variant) in variants.enumerate() {
            interrupt::check()?;
            if at == 0 {
                machine.run(FIRST)?;
            } else if at % BATCH == 0 {
                self.flushed(&machine)?;
                machine.wipe()?;
            }
            machine.switch(variant)?;
            machine.run(SMALL)?;
        }
        self.flushed(&machine)?;
        self.remove(&name, machine)
    }

    fn flushed(&self, machine: &SimulatedMachine) -> Result<()> {
        match machine.flush() {
            true => Ok(()),
            false => Err(Error::run("an upload failed, and no fault was injected").at(self.dir.display())),
        }
    }

    /// Looks up variants between the oldest and the newest.
    fn look_up(&self, sets: usize) -> Result<HistoryCost> {
        let mut counts = LoadCounts::default();
        let (mut traffic, mut times, mut restored) = (Traffic::default(), Vec::new(), 0);
        for at in 0..LOOKUPS {
            let name = format!("reader{at}");
            let mut machine = self.machine(&name)?;
            machine.compile(FIRST, 0, self.truth, &mut counts)?;
            std::thread::sleep(CALM);
            let variant = at * (sets - 1) / (LOOKUPS - 1);
            machine.switch(variant)?;
            let (before, hits) = (self.proxy.traffic(), machine.hits()?);
            let took = machine.compile(SMALL, variant, self.truth, &mut counts)?;
            add(&mut traffic, difference(&self.proxy.traffic(), &before));
            times.push(took.as_secs_f64() * 1e3);
            restored += machine.hits()? - hits;
            self.remove(&name, machine)?;
        }
        Ok(HistoryCost {
            backend: self.backend.name().to_owned(),
            protocol: self.endpoint.protocol,
            sets,
            lookups: LOOKUPS,
            restored,
            p50_ms: quantile(&times, 0.5),
            largest_ms: quantile(&times, 1.0),
            requests: traffic.requests,
            bytes_up: traffic.up,
            bytes_down: traffic.down,
            recorded: 0,
            recording_requests: BTreeMap::new(),
            recording_bytes_up: 0,
            wrong: counts.wrong.count,
            failed: counts.failed.count,
        })
    }
}

fn difference(now: &Traffic, before: &Traffic) -> Traffic {
    let less = |(kind, count): (&String, &u64)| {
        let more = count - before.requests.get(kind).copied().unwrap_or(0);
        (more > 0).then(|| (kind.clone(), more))
    };
    Traffic {
        up: now.up - before.up,
        down: now.down - before.down,
        requests: now.requests.iter().filter_map(less).collect(),
    }
}

fn add(sum: &mut Traffic, more: Traffic) {
    sum.up += more.up;
    sum.down += more.down;
    for (kind, count) in more.requests {
        *sum.requests.entry(kind).or_default() += count;
    }
}
