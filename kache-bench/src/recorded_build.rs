//! A build of a workload with every invocation recorded, so that single units can run again.
//!
//! Only the unit's own command runs again, in the clone that it was built in, one unit at a time, since a
//! unit reads what others write.
//!
//! Compilers within the run of a build script are not called by the build, so their invocations cannot be
//! recorded there. So the workload is built twice: with scripts that run as ever, for every compile, and once
//! more with kache in front of the scripts, for their runs.

use crate::analysis::event_log::EventLog;
use crate::analysis::summary;
use crate::analysis::timeline::Timeline;
use crate::backend::invocations::{Invocation, Recorder};
use crate::backend::{Backend, Kache, without_cache};
use crate::build_site::{self, BuildSite};
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::text;
use crate::workload::checkout::Checkout;
use crate::workload::{Wiring, Workload};
use kache_core::events::{Event, Outcome};
use kache_core::key_trace::KeyTrace;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct RecordedBuild {
    pub checkout: Checkout,
    pub commit: String,
    /// Every counted unit, in build order.
    pub units: Vec<RecordedUnit>,
    pub cache: PathBuf,
    log: EventLog,
    kache: Kache,
    aside: PathBuf,
}

#[derive(Clone, Debug)]
pub struct RecordedUnit {
    pub event: Event,
    pub invocation: Invocation,
}

impl RecordedUnit {
    pub fn label(&self) -> String {
        self.event.unit.label()
    }
}

/// The result of running a unit again.
pub struct Rerun {
    /// `None` if kache wrote no event.
    pub event: Option<Event>,
    pub success: bool,
    /// Standard error.
    pub errors: Vec<u8>,
}

/// Whether an event is the run of a build script, or the compile of one.
fn is_of_scripts(event: &Event) -> bool {
    summary::is_script(event) || event.unit.name.starts_with("build_script_")
}

/// The units of one build, in build order: all, or build scripts and their runs.
fn recorded(
    site: &BuildSite<'_>,
    checkout: &Checkout,
    recorder: &Recorder,
    log: &mut EventLog,
    scripts: bool,
) -> Result<Vec<RecordedUnit>> {
    // A seeded unit has no command line of its own.
    let unseeded = [("KACHE_SEED".into(), "0".into())];
    let mut environment =
        site.wired(checkout, &site.scratch.cache())?.with_all(recorder.variables()).with_all(unseeded);
    if !scripts {
        environment = environment.with_all([("KACHE_BUILD_SCRIPTS".into(), "0".into())]);
    }
    let name = if scripts { "build with scripts" } else { "cold build" };
    let built = site.build(name, checkout, &environment, Some(log), None, &mut Timeline::default())?;
    let mut events = built.events;
    events.sort_by_key(|e| e.time_us);
    events.retain(|event| {
        summary::is_counted(event, &site.workload.units) && (!scripts || is_of_scripts(event))
    });
    let is_unstored = |event: &&Event| event.outcome == Outcome::Miss && !event.stored;
    let unstored = events.iter().filter(is_unstored).count();
    eprintln!("{} not stored", text::count(unstored, "unit was", "units were"));
    let units = events.into_iter().map(|event| {
        let invocation = recorder.find(&event)?;
        Ok(RecordedUnit { event, invocation })
    });
    units.collect()
}

impl RecordedBuild {
    /// Clones, sets up and builds.
    pub fn make(workload: &Workload, kache: &Kache, scratch: &Scratch) -> Result<RecordedBuild> {
        // Fetch, two builds, and rerun, plus set-up commands if there are any.
        progress::plan(4 + usize::from(!workload.setup.is_empty()));
        let commit = build_site::fetch(workload, scratch)?;
        let checkout = Checkout::clone("a", &scratch.repository(), scratch.checkout_a())?;
        let recorder = Recorder::install(&scratch.root().join("recorded"), kache.program())?;
        let recording = kache.behind(recorder.front());
        let site = BuildSite { workload, backend: &recording, scratch };
        let plain = without_cache(checkout.environment(workload));
        site.run("setup", &checkout, &workload.setup, &plain)?;
        checkout.require_own_target(workload)?;
        let cache = scratch.cache();
        let mut log = EventLog::of_cache(&cache);
        let mut units = recorded(&site, &checkout, &recorder, &mut log, false)?;
        if units.iter().any(|unit| is_of_scripts(&unit.event)) {
            // The second build links another object into them.
            units.retain(|unit| !is_of_scripts(&unit.event));
            site.run_quietly("clean", &checkout, &workload.clean)?;
            let without_cc = Wiring { cc: None, ..workload.wiring };
            let alone = Workload { wiring: without_cc, ..workload.clone() };
            let site = BuildSite { workload: &alone, ..site };
            units.extend(recorded(&site, &checkout, &recorder, &mut log, true)?);
        }
        let aside = scratch.root().join("aside");
        Ok(RecordedBuild { checkout, commit, units, cache, log, kache: kache.clone(), aside })
    }

    /// Runs kache for a unit again, with `line` before kache and `more` in the environment. The caller has
    /// moved the unit's outputs away, as in the first build.
    pub fn rerun(
        &mut self,
        invocation: &Invocation,
        line: &[&OsStr],
        more: &[(&str, &OsStr)],
    ) -> Result<Rerun> {
        crate::system::interrupt::check()?;
        invocation.forget_state()?;
        let program = self.kache.program().to_path_buf();
        let mut words = line.to_vec();
        words.push(program.as_os_str());
        let mut command: Command = invocation.command(&words);
        command.envs(more.iter().copied());
        drop(self.log.poll());
        let done = child::output(&mut command, &mut || {});
        // The result of an interrupted command means nothing.
        crate::system::interrupt::check()?;
        let done = done.map_err(Error::io("run", Path::new(words[0])))?;
        let mut events = self.log.poll();
        Ok(Rerun { event: events.pop(), success: done.status.success(), errors: done.stderr })
    }

    pub fn trace(&self, event: &Event) -> Option<KeyTrace> {
        self.kache.trace(&self.cache, event)
    }

    /// Moves a unit's outputs away; dropping the returned value moves them back.
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

pub struct TempMove {
    files: Vec<(PathBuf, PathBuf)>,
}

impl TempMove {
    /// Original and temporary path of each file.
    pub fn files(&self) -> &[(PathBuf, PathBuf)] {
        &self.files
    }
}

impl Drop for TempMove {
    fn drop(&mut self) {
        for (place, aside) in &self.files {
            // A run again may have made a directory there.
            if place.is_dir() {
                drop(fs::remove_dir_all(place));
            }
            // If a file cannot be moved back, the next unit that reads it fails and reports it.
            drop(fs::rename(aside, place));
        }
    }
}
