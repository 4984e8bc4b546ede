//! `check --remote`: builds on a second machine from a remote store alone.
//!
//! The first machine builds with an empty cache and uploads. The second machine has an empty home, cargo home
//! and cache at other paths, and shares only a server on loopback with the first (S3, or BuildGrid with
//! `--protocol reapi`), behind a proxy that adds latency. Both use the installed toolchain.
//!
//! The result of a build script holds where it was made until another place confirms it, and there is no third
//! machine. So scripts run on the second, and their runs do not count; what they compile does.
//!
//! Each second machine finds the uploads of the first, and none of another second machine: the objects of S3 are
//! restored, and from BuildGrid, whose action results are in its memory, second machines only read. A unit whose
//! output contains a path of the machine may miss: the workload file claims it (`expect.embedded_paths`), and
//! the path must be found in the output.
//!
//! The artifacts of the second machine are compared byte for byte with compiled ones from the same place.
//! Other caches run with a server of the same kind; a cache that cannot hit at other paths can get the first
//! machine's paths (`--same-place`), which is its best case.

use crate::analysis::embedded_paths::{self, Proof};
use crate::analysis::event_log::EventLog;
use crate::analysis::summary::{self, BuildSummary, Rate};
use crate::analysis::timeline::Timeline;
use crate::backend::{Backend, Counts, Endpoint, Protocol, RunningBackend, Server};
use crate::build_site::{self, BuildSite, Built};
use crate::check::remote_findings::{RemoteFindings, SecondMachine};
use crate::check::verification::{self, Verified};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::scratch::Scratch;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use kache_core::events::{Event, RemoteWay};
use kache_loopback::proxy::{Fault, Proxy};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct RemotePlan {
    /// Added round-trip time in ms; a second machine for each.
    pub latencies: Vec<u64>,
    /// The second machine has the first machine's paths.
    pub same_place: bool,
    /// What kache's remote store speaks; that of other caches is S3.
    pub protocol: Protocol,
}

pub fn run(
    workload: &Workload,
    backends: &[&dyn Backend],
    scratch: &Scratch,
    plan: &RemotePlan,
) -> Result<(RemoteFindings, String)> {
    let commit = build_site::fetch(workload, scratch)?;
    let mut findings = RemoteFindings::default();
    for backend in backends {
        let site = BuildSite { workload, backend: *backend, scratch };
        RemoteRun { site, plan }.all(&mut findings)?;
    }
    Ok((findings, commit))
}

struct RemoteRun<'r> {
    site: BuildSite<'r>,
    plan: &'r RemotePlan,
}

/// A machine: its clone and the environment of its builds.
struct BuildMachine {
    checkout: Checkout,
    environment: Environment,
    cache: PathBuf,
    root: PathBuf,
}

impl RemoteRun<'_> {
    fn all(&self, findings: &mut RemoteFindings) -> Result<()> {
        let name = self.site.backend.name();
        let dir = self.site.scratch.root().join(format!("remote-{name}"));
        let server = Server::start(self.protocol(), &dir)?;
        let first =
            self.machine("a", &self.site.scratch.root().join("m1"), self.site.scratch.checkout_a())?;
        let direct = Endpoint { protocol: self.protocol(), address: server.address(), read_only: false };
        let (took, flushed) = self.first(&first, &direct)?;
        findings.first_seconds.insert(name.to_owned(), took.as_secs_f64());
        findings.flush_seconds.insert(name.to_owned(), flushed.as_secs_f64());
        findings.remote_bytes.insert(name.to_owned(), size(&server.objects()));
        self.remove(first)?;
        let uploaded = self.site.scratch.root().join(format!("uploaded-{name}"));
        let s3 = match &server {
            Server::S3(s3) => Some(s3),
            Server::BuildGrid { .. } => None,
        };
        if let Some(s3) = s3 {
            std::fs::rename(s3.objects(), &uploaded).map_err(Error::io("move aside", &s3.objects()))?;
        }
        for latency in &self.plan.latencies {
            let fault = match latency {
                0 => Fault::None,
                ms => Fault::Latency(Duration::from_millis(*ms)),
            };
            if let Some(s3) = s3 {
                copy(&uploaded, &s3.objects()).map_err(Error::io("copy", &uploaded))?;
            }
            let proxy =
                Proxy::start(server.address(), fault).map_err(Error::io("start a proxy for", &dir))?;
            let second = self.second(&proxy, *latency)?;
            findings.seconds.push(second);
            if let Some(s3) = s3 {
                std::fs::remove_dir_all(s3.objects()).map_err(Error::io("remove", &s3.objects()))?;
            }
        }
        let uploaded = s3.map(|_| &uploaded);
        for dir in [&dir].into_iter().chain(uploaded) {
            std::fs::remove_dir_all(dir).map_err(Error::io("remove", dir))?;
        }
        Ok(())
    }

    fn protocol(&self) -> Protocol {
        match self.site.backend.name() {
            "kache" => self.plan.protocol,
            _ => Protocol::S3,
        }
    }

    fn machine(&self, label: &'static str, root: &Path, place: PathBuf) -> Result<BuildMachine> {
        let (home, cargo) = (root.join("home"), root.join("cargo-home"));
        for dir in [&home, &cargo] {
            std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        }
        copy_cargo_downloads(&cargo)?;
        let checkout = Checkout::clone(label, &self.site.scratch.repository(), place)?;
        let rustup = Environment::of_caller().get("RUSTUP_HOME").map(PathBuf::from);
        let rustup = rustup.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")));
        let mut own: Vec<(OsString, OsString)> =
            vec![("HOME".into(), home.into()), ("CARGO_HOME".into(), cargo.into())];
        own.extend(rustup.map(|dir| ("RUSTUP_HOME".into(), dir.into())));
        let environment = checkout.environment(self.site.workload).with_all(own);
        self.site.run("setup", &checkout, &self.site.workload.setup, &environment)?;
        Ok(BuildMachine {
            checkout,
            environment,
            cache: root.join(format!("cache-{}", self.site.backend.name())),
            root: root.to_path_buf(),
        })
    }

    fn remove(&self, machine: BuildMachine) -> Result<()> {
        for dir in [machine.checkout.root(), &machine.root] {
            std::fs::remove_dir_all(dir).map_err(Error::io("remove", dir))?;
        }
        Ok(())
    }

    fn wire(&self, machine: &BuildMachine, endpoint: &Endpoint) -> Result<Environment> {
        let (own, wiring) = (machine.environment.clone(), self.site.workload.wiring);
        let environment = self.site.backend.wire(own, wiring, &machine.cache)?;
        let environment = self.site.backend.based(environment, machine.checkout.root());
        self.site.backend.with_remote(environment, endpoint).ok_or_else(|| {
            Error::input(format!("the harness knows no remote store for {}", self.site.backend.name()))
                .remedy("leave it out of --beside, or name sccache there")
        })
    }

    fn first(&self, machine: &BuildMachine, endpoint: &Endpoint) -> Result<(Duration, Duration)> {
        let environment = self.wire(machine, endpoint)?;
        let running = RunningBackend::begin(self.site.backend, &machine.cache)?;
        self.site.backend.start(&environment, &machine.cache)?;
        let took = self.build("first machine", &machine.checkout, &environment, None)?.took;
        let begun = std::time::Instant::now();
        self.site.backend.flush(&environment, &machine.cache)?;
        running.stop()?;
        Ok((took, begun.elapsed()))
    }

    fn second(&self, proxy: &Proxy, latency: u64) -> Result<SecondMachine> {
        let (root, place) = match self.plan.same_place {
            true => (self.site.scratch.root().join("m1"), self.site.scratch.checkout_a()),
            false => (self.site.scratch.root().join("another/machine-2"), self.site.scratch.checkout_b()),
        };
        let label = if self.plan.same_place { "a" } else { "b" };
        let machine = self.machine(label, &root, place)?;
        let protocol = self.protocol();
        let read_only = protocol == Protocol::Reapi;
        let environment = self.wire(&machine, &Endpoint { protocol, address: proxy.address(), read_only })?;
        let running = RunningBackend::begin(self.site.backend, &machine.cache)?;
        self.site.backend.start(&environment, &machine.cache)?;
        let mut log = self.site.backend.events(&machine.cache);
        let name = format!("second machine, {latency} ms");
        let built = self.build(&name, &machine.checkout, &environment, log.as_mut())?;
        let counts = match &log {
            Some(_) => counted(&built.summary),
            None => self.site.backend.counts(&machine.cache)?.unwrap_or_default(),
        };
        let scripts = log.is_some().then(|| built.summary.script_runs());
        let mut events = built.events;
        drop(running);
        events.retain(|event| {
            summary::is_counted(event, &self.site.workload.units) && !summary::is_script(event)
        });
        let embedded_paths = self.proved(&machine, &events);
        let (connections, requests) = (proxy.connections(), proxy.requests());
        let verified = log.is_some().then(|| self.verify(&machine)).transpose()?;
        let (artifacts, nondeterministic) = verified.map(|v| (v.artifacts, v.nondeterministic)).unzip();
        self.remove(machine)?;
        Ok(SecondMachine {
            backend: self.site.backend.name().to_owned(),
            protocol,
            latency_ms: latency,
            same_place: self.plan.same_place,
            seconds: build_site::seconds(built.took),
            hits: counts.hits,
            misses: counts.misses,
            scripts,
            missed: missed(&events),
            embedded_paths,
            ways: ways(&events),
            connections,
            requests,
            artifacts,
            nondeterministic: nondeterministic.unwrap_or_default(),
        })
    }

    /// Proofs of the claims about units that were not restored.
    fn proved(&self, machine: &BuildMachine, events: &[Event]) -> Vec<Proof> {
        let places = [machine.checkout.root(), &machine.root];
        let stored = |event: &Event| self.site.backend.stored(&machine.cache, event);
        let prove = |event: &Event| {
            let unit = event.unit.label();
            let claims = &self.site.workload.expect.embedded_paths;
            let claim = claims.iter().find(|claim| embedded_paths::names(&claim.unit, &unit))?;
            let found = places.iter().find_map(|place| {
                let file = embedded_paths::holds(event, &place.to_string_lossy(), &stored)?;
                Some(format!("a path below {} is in {file}", place.display()))
            });
            Some(Proof { unit, reason: claim.reason.clone(), evidence: found })
        };
        not_restored(events).filter_map(prove).collect()
    }

    /// Builds in the same place without hits and compares.
    fn verify(&self, machine: &BuildMachine) -> Result<Verified> {
        let (timeline, own) = (&mut Timeline::default(), &machine.environment);
        let found = verification::verify(self.site, &machine.checkout, own, None, timeline)?;
        for dir in [self.site.scratch.restored(), self.site.scratch.verify_cache()] {
            std::fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))?;
        }
        Ok(found)
    }

    fn build(
        &self,
        name: &str,
        checkout: &Checkout,
        environment: &Environment,
        log: Option<&mut EventLog>,
    ) -> Result<Built> {
        let name = format!("{name}, {}", self.site.backend.name());
        self.site.build(&name, checkout, environment, log, None, &mut Timeline::default())
    }
}

/// Copies cargo's downloads, but nothing unpacked.
fn copy_cargo_downloads(cargo: &Path) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(home) = home else { return Ok(()) };
    for part in ["config.toml", "registry/index", "registry/cache"] {
        copy(&home.join(part), &cargo.join(part)).map_err(Error::io("copy", &home.join(part)))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if from.is_file() {
        std::fs::copy(from, to)?;
    }
    Ok(())
}

fn size(dir: &Path) -> u64 {
    files::below(dir).iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn counted(summary: &BuildSummary) -> Counts {
    let Rate { units, hits } = summary.compiles();
    Counts { hits: hits as u64, misses: (units - hits) as u64, passed: 0 }
}

fn not_restored(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.outcome != kache_core::events::Outcome::Hit)
}

fn missed(events: &[Event]) -> Vec<String> {
    let description = not_restored(events).map(|event| {
        let remote = event.remote.as_ref();
        let why = remote.and_then(|r| r.detail.clone()).unwrap_or_default();
        format!("{}: {} {why}", event.unit.label(), remote.map_or("not asked".to_owned(), |r| name_of(r.way)))
    });
    description.collect()
}

/// The name in events.
fn name_of(way: RemoteWay) -> String {
    format!("{way:?}").to_lowercase()
}

fn ways(events: &[Event]) -> BTreeMap<String, u64> {
    let mut ways = BTreeMap::new();
    for event in events {
        let way = event.remote.as_ref().map_or("local".to_owned(), |r| name_of(r.way));
        *ways.entry(way).or_default() += 1;
    }
    ways
}
