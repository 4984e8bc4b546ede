//! What the commands that build a workload have in common: the source is fetched, clones are made, command
//! lines run without a cache, and a build runs with a cache while its events are read.

use crate::analysis::event_log::EventLog;
use crate::analysis::summary::BuildSummary;
use crate::analysis::timeline::Timeline;
use crate::backend::{Backend, without_cache};
use crate::error::Result;
use crate::system::environment::Environment;
use crate::system::machine;
use crate::system::progress::Progress;
use crate::system::scratch::Scratch;
use crate::text;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use kache_core::events::Event;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A workload that is built with one cache.
#[derive(Clone, Copy)]
pub struct BuildSite<'r> {
    pub workload: &'r Workload,
    pub backend: &'r dyn Backend,
    pub scratch: &'r Scratch,
}

pub struct Built {
    /// Wall-clock time.
    pub took: Duration,
    /// The start, by the clock of events.
    pub began_us: u64,
    /// All events, also of invocations that do not count. Empty if the backend writes none.
    pub events: Vec<Event>,
    pub summary: BuildSummary,
}

/// Fetches the source of a workload to the repository that clones are made from, and returns its commit.
pub fn fetch(workload: &Workload, scratch: &Scratch) -> Result<String> {
    let mut shown = Progress::begin("fetch", None);
    let commit = workload.obtain(&scratch.repository(), &mut || shown.wait())?;
    shown.end(&format!("{} at {}", workload.source, &commit[..12.min(commit.len())]));
    Ok(commit)
}

impl BuildSite<'_> {
    /// Clones the source to `root` and sets the clone up without a cache.
    pub fn clone_to(&self, label: &'static str, root: PathBuf) -> Result<Checkout> {
        let checkout = Checkout::clone(label, &self.scratch.repository(), root)?;
        self.run_quietly("setup", &checkout, &self.workload.setup)?;
        checkout.require_own_target(self.workload)?;
        Ok(checkout)
    }

    /// The environment of a build with the cache.
    pub fn wired(&self, checkout: &Checkout, cache: &Path) -> Result<Environment> {
        let environment = self.backend.based(checkout.environment(self.workload), checkout.root());
        self.backend.wire(environment, self.workload.wiring, cache)
    }

    /// The build's command lines with the backend.
    pub fn lines(&self) -> Vec<String> {
        self.workload.build.iter().map(|line| self.backend.line(line, self.workload.wiring)).collect()
    }

    pub fn log(&self, name: &str, checkout: &Checkout) -> PathBuf {
        let name = name.replace([' ', ','], "-");
        self.scratch.logs().join(format!("{}-{name}-{}.log", self.backend.name(), checkout.label()))
    }

    /// Runs command lines without a cache; neither shown nor measured.
    pub fn run_quietly(&self, name: &str, checkout: &Checkout, lines: &[String]) -> Result<()> {
        let environment = without_cache(checkout.environment(self.workload));
        checkout.run(lines, &environment, &self.log(name, checkout), &mut || {}).map(drop)
    }

    /// Runs command lines, if there are any, as a phase of its own.
    pub fn run(
        &self,
        name: &str,
        checkout: &Checkout,
        lines: &[String],
        environment: &Environment,
    ) -> Result<Duration> {
        if lines.is_empty() {
            return Ok(Duration::ZERO);
        }
        let mut shown = Progress::begin(&title(name, checkout), None);
        let took = checkout.run(lines, environment, &self.log(name, checkout), &mut || shown.wait())?;
        shown.end(&format!("{:.2} s", took.as_secs_f64()));
        Ok(took)
    }

    /// Builds as a phase of its own, and reads the events that are written meanwhile. The timeline also has
    /// a build that fails.
    pub fn build(
        &self,
        name: &str,
        checkout: &Checkout,
        environment: &Environment,
        mut log: Option<&mut EventLog>,
        expected: Option<usize>,
        timeline: &mut Timeline,
    ) -> Result<Built> {
        let (title, units) = (title(name, checkout), &self.workload.units);
        let (mut shown, mut events) = (Progress::begin(&title, expected), Vec::new());
        let began_us = machine::microseconds();
        let took = checkout.run(&self.lines(), environment, &self.log(name, checkout), &mut || {
            let Some(log) = &mut log else { return shown.wait() };
            events.extend(log.poll());
            let summary = BuildSummary::of(&events, units);
            shown.count(summary.units, summary.hits);
        });
        timeline.add(title, began_us, machine::microseconds(), &events);
        let (took, summary) = (took?, BuildSummary::of(&events, units));
        let counts = match log {
            Some(_) => {
                let hits = text::count(summary.hits, "hit", "hits");
                format!(", {}, {hits}", text::count(summary.units, "unit", "units"))
            }
            None => String::new(),
        };
        shown.end(&format!("{:.2} s{counts}", took.as_secs_f64()));
        Ok(Built { took, began_us, events, summary })
    }
}

fn title(name: &str, checkout: &Checkout) -> String {
    format!("{name} ({})", checkout.label())
}

/// Seconds as they are recorded.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 1e4
}
