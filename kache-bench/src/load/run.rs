//! Many machines build at once through one server.

use super::counts::{LoadCounts, quantile};
use super::faults::{self, Injected};
use super::findings::{LoadFindings, LoadRun};
use super::history;
use super::machine::SimulatedMachine;
use super::memory;
use super::plan::{LoadPlan, joined};
use super::sources::Truth;
use crate::backend::{Backend, Endpoint, Protocol, Server};
use crate::error::{Error, Result};
use crate::system::interrupt;
use crate::system::scratch::Scratch;
use kache_loopback::proxy::{Fault, Proxy};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The percentage of builds that begin with an empty cache.
const WIPED: u32 = 40;
/// The percentage of builds of a new variant.
const NEW: u32 = 10;
/// The builds that are made even if the time is up: in fewer, machines may share nothing.
const LEAST: usize = 8;

pub fn run(backends: &[&dyn Backend], scratch: &Scratch, plan: &LoadPlan) -> Result<LoadFindings> {
    let truth = Truth::new(scratch.root().join("truth"));
    let mut findings = LoadFindings::default();
    for protocol in &plan.protocols {
        // Other caches have S3 only.
        let able = |backend: &&&dyn Backend| *protocol == Protocol::S3 || backend.name() == "kache";
        for backend in backends.iter().filter(able) {
            let name = format!("{}-{protocol:?}", backend.name()).to_lowercase();
            if !plan.time.is_zero() {
                eprintln!("{name}: {} machines, {:.0} s …", plan.machines, plan.time.as_secs_f64());
                let dir = scratch.root().join(&name);
                findings.runs.push(under_load(*backend, *protocol, &dir, plan, &truth)?);
                std::fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))?;
            }
            if !plan.history.is_empty() {
                let dir = scratch.root().join(format!("{name}-history"));
                findings.history.extend(history::run(*backend, *protocol, &dir, plan, &truth)?);
                std::fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))?;
            }
        }
    }
    Ok(findings)
}

/// What all builds of a run share.
struct Crowd<'c> {
    idle: Mutex<Vec<SimulatedMachine<'c>>>,
    /// Variants below this were built.
    variants: AtomicUsize,
    truth: &'c Truth,
    counts: Mutex<LoadCounts>,
    begun: AtomicUsize,
    deadline: Instant,
}

fn under_load(
    backend: &dyn Backend,
    protocol: Protocol,
    dir: &Path,
    plan: &LoadPlan,
    truth: &Truth,
) -> Result<LoadRun> {
    let server = Server::start(protocol, &dir.join("server"))?;
    let proxy = Proxy::start(server.address(), Fault::None).map_err(Error::io("start a proxy for", dir))?;
    // Machines start without faults: the server of sccache ends if its first requests fail.
    if plan.faults {
        proxy.set_draw(faults::start());
    }
    let endpoint = Endpoint { protocol, address: proxy.address(), read_only: false };
    let machine = |at: usize| SimulatedMachine::new(backend, &dir.join(format!("m{at}")), &endpoint);
    let machines = (0..plan.machines).map(machine).collect::<Result<Vec<_>>>()?;
    let injected = Injected::default();
    if plan.faults {
        proxy.set_draw(faults::draw(plan.seed, &injected));
    }
    let begun = Instant::now();
    let crowd = Crowd {
        idle: Mutex::new(machines),
        variants: AtomicUsize::new(4),
        truth,
        counts: Mutex::default(),
        begun: AtomicUsize::new(0),
        deadline: begun + plan.time,
    };
    let ended = AtomicBool::new(false);
    // The clients of sccache have its server's name, and not this variable.
    let (agent, variable) = match backend.name() {
        "sccache" => ("sccache", "SCCACHE_START_SERVER="),
        _ => ("kache-agent", "KACHE_CACHE_DIR="),
    };
    let (outcome, memory) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| memory::watch(agent, &[&dir.to_string_lossy(), variable], &ended));
        let work = |at: usize| {
            let (crowd, seed) = (&crowd, plan.seed.wrapping_add(at as u64));
            scope.spawn(move || crowd.work(fastrand::Rng::with_seed(seed)))
        };
        let workers: Vec<_> = (0..plan.builds_at_once).map(work).collect();
        let outcome = workers.into_iter().map(joined).collect::<Result<Vec<()>>>();
        ended.store(true, Ordering::Relaxed);
        (outcome, joined(watch))
    });
    outcome?;
    let seconds = begun.elapsed().as_secs_f64();
    let (traffic, connections) = (proxy.traffic(), proxy.connections());
    drop(crowd.idle);
    let counts = crowd.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let faults = locked(&injected).clone();
    Ok(LoadRun {
        backend: backend.name().to_owned(),
        protocol,
        machines: plan.machines,
        builds_at_once: plan.builds_at_once,
        seed: plan.seed,
        seconds,
        faults,
        builds: counts.builds,
        units: counts.units,
        local_hits: counts.local_hits,
        fetched: counts.fetched,
        compiled: counts.compiled,
        bypassed: counts.bypassed,
        wiped: counts.wiped,
        answers: counts.answers,
        fetched_p50_ms: quantile(&counts.fetched_ms, 0.5),
        fetched_p95_ms: quantile(&counts.fetched_ms, 0.95),
        connections,
        requests: traffic.requests,
        bytes_up: traffic.up,
        bytes_down: traffic.down,
        agents: memory.processes,
        agents_at_once: memory.at_once,
        largest_agent_kib: memory.largest_kib,
        all_agents_kib: memory.largest_sum_kib,
        first_third_kib: memory.first_third_kib,
        last_third_kib: memory.last_third_kib,
        wrong: counts.wrong.count,
        failed: counts.failed.count,
        differences: [counts.wrong.named, counts.failed.named].concat(),
    })
}

impl Crowd<'_> {
    /// Builds on one idle machine after the other, until the time is up.
    fn work(&self, mut rng: fastrand::Rng) -> Result<()> {
        let mut counts = LoadCounts::default();
        let outcome = self.builds(&mut rng, &mut counts);
        locked(&self.counts).merge(counts);
        outcome
    }

    fn builds(&self, rng: &mut fastrand::Rng, counts: &mut LoadCounts) -> Result<()> {
        while self.begun.fetch_add(1, Ordering::Relaxed) < LEAST || Instant::now() < self.deadline {
            interrupt::check()?;
            let mut machine = {
                let mut idle = locked(&self.idle);
                let at = rng.usize(..idle.len().max(1));
                if idle.is_empty() { return Ok(()) } else { idle.swap_remove(at) }
            };
            if rng.u32(..100) < WIPED {
                machine.wipe()?;
                counts.wiped += 1;
            }
            let variant = match rng.u32(..100) < NEW {
                true => self.variants.fetch_add(1, Ordering::Relaxed),
                false => rng.usize(..self.variants.load(Ordering::Relaxed)),
            };
            let outcome = machine.build(variant, self.truth, counts);
            locked(&self.idle).push(machine);
            outcome?;
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
