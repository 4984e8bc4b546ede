//! A workload that was built once, with every invocation written down, so that single units can be asked again.
//!
//! Nothing is built here beside a unit's own compile: it is asked again in the clone that it was built in, one at a
//! time, since what one unit writes another reads.

use crate::analysis::event_log::EventLog;
use crate::analysis::summary::{self, BuildSummary};
use crate::backend::invocations::{Invocation, Recorder};
use crate::backend::{Backend, CacheReads, Kache, Plain};
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use kache_core::events::Event;
use kache_core::key_trace::KeyTrace;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A built clone and its cache.
pub struct RecordedBuild {
    /// The clone.
    pub checkout: Checkout,
    /// Its commit.
    pub commit: String,
    /// Every unit that counts, in the order in which it was built.
    pub units: Vec<RecordedUnit>,
    /// Where the cache is.
    pub cache: PathBuf,
    log: EventLog,
    kache: Kache,
    aside: PathBuf,
}

/// A unit as it was built.
#[derive(Clone, Debug)]
pub struct RecordedUnit {
    /// What kache said of it.
    pub event: Event,
    /// How it was called.
    pub invocation: Invocation,
}

impl RecordedUnit {
    /// Its label.
    pub fn label(&self) -> String {
        self.event.unit.label()
    }
}

/// What asking again came to.
pub struct Rerun {
    /// What kache said; nothing where it said nothing.
    pub event: Option<Event>,
    /// Whether the command succeeded.
    pub success: bool,
    /// What was printed as errors.
    pub errors: Vec<u8>,
}

impl RecordedBuild {
    /// Clones, sets up and builds.
    pub fn make(workload: &Workload, kache: &Kache, scratch: &Scratch) -> Result<RecordedBuild> {
        // Fetched, built, and asked again; set up where that takes anything.
        progress::plan(3 + usize::from(!workload.setup.is_empty()));
        let mut shown = progress::Progress::begin("fetch and clone", None);
        let commit = workload.obtain(&scratch.repository(), &mut || shown.wait())?;
        let checkout = Checkout::clone("a", &scratch.repository(), scratch.checkout_a())?;
        shown.end(&format!("{} at {}", workload.source, &commit[..12.min(commit.len())]));
        let cache = scratch.cache();
        let plain =
            Plain.wire(checkout.environment(workload), workload.wiring, &cache, CacheReads::Allowed)?;
        run("setup", &checkout, &workload.setup, &plain, scratch, &mut || {})?;
        checkout.require_own_target(workload)?;
        let recorder = Recorder::install(&scratch.root().join("recorded"), kache.program())?;
        let environment = kache.behind(recorder.front()).wire(
            checkout.environment(workload),
            workload.wiring,
            &cache,
            CacheReads::Allowed,
        )?;
        let environment = environment.with_all(recorder.variables());
        let (mut log, mut events) = (EventLog::of_cache(&cache), Vec::new());
        run("cold build", &checkout, &workload.build, &environment, scratch, &mut || {
            events.extend(log.poll())
        })?;
        events.sort_by_key(|e| e.time_us);
        let summary = BuildSummary::of(&events, &workload.units);
        eprintln!(
            "{} units, of which {} were not kept",
            summary.units,
            summary.unstored.values().sum::<usize>()
        );
        events.retain(|event| summary::is_counted(event, &workload.units));
        let units = events.into_iter().map(|event| {
            let invocation = recorder.find(&event)?;
            Ok(RecordedUnit { event, invocation })
        });
        let units = units.collect::<Result<_>>()?;
        let aside = scratch.root().join("aside");
        Ok(RecordedBuild { checkout, commit, units, cache, log, kache: kache.clone(), aside })
    }

    /// Asks kache for a unit once more: `line` goes in front of kache, `more` into the environment. Its outputs are away
    /// while it is asked, as they were when it was built.
    pub fn rerun(
        &mut self,
        invocation: &Invocation,
        line: &[&OsStr],
        more: &[(&str, &OsStr)],
    ) -> Result<Rerun> {
        crate::system::interrupt::check()?;
        invocation.forget_state();
        let program = self.kache.program().to_path_buf();
        let mut words = line.to_vec();
        words.push(program.as_os_str());
        let mut command: Command = invocation.command(&words);
        command.envs(more.iter().copied());
        drop(self.log.poll());
        let done = child::output(&mut command, &mut || {});
        // What it came to once it was interrupted says nothing.
        crate::system::interrupt::check()?;
        let done = done.map_err(Error::io("run", Path::new(words[0])))?;
        let mut events = self.log.poll();
        Ok(Rerun { event: events.pop(), success: done.status.success(), errors: done.stderr })
    }

    /// The trace of an event's result.
    pub fn trace(&self, event: &Event) -> Option<KeyTrace> {
        self.kache.trace(&self.cache, event)
    }

    /// Puts a unit's outputs away; they come back when what is returned is dropped.
    pub fn stash(&self, outputs: &[String]) -> Result<TempMove> {
        fs::create_dir_all(&self.aside).map_err(Error::io("create", &self.aside))?;
        let mut moved = TempMove { files: Vec::new() };
        for (i, output) in outputs.iter().map(PathBuf::from).enumerate() {
            let to = self.aside.join(i.to_string());
            if output.symlink_metadata().is_ok() {
                fs::rename(&output, &to).map_err(Error::io("put away", &output))?;
                moved.files.push((output, to));
            }
        }
        Ok(moved)
    }
}

/// Files that are put away.
pub struct TempMove {
    files: Vec<(PathBuf, PathBuf)>,
}

impl TempMove {
    /// Where each is meanwhile: its own place, and where it was put.
    pub fn files(&self) -> &[(PathBuf, PathBuf)] {
        &self.files
    }
}

impl Drop for TempMove {
    fn drop(&mut self) {
        for (place, aside) in &self.files {
            // What cannot be put back will be missed by the next unit that reads it, and told then.
            drop(fs::rename(aside, place));
        }
    }
}

fn run(
    name: &str,
    checkout: &Checkout,
    lines: &[String],
    environment: &Environment,
    scratch: &Scratch,
    poll: &mut dyn FnMut(),
) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut shown = progress::Progress::begin(name, None);
    let log = scratch.logs().join(format!("{}.log", name.replace(' ', "-")));
    let took = checkout.run(lines, environment, &log, &mut || {
        poll();
        shown.wait();
    })?;
    shown.end(&format!("{:.2} s", took.as_secs_f64()));
    Ok(())
}
