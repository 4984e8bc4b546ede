//! `pull`: builds one tree at two revisions, as a `git pull` leaves it.
//!
//! The tree is built at an earlier revision, moved to the workload's revision, cleaned and built again. Each
//! unit that missed is listed with its root cause, often a change in another unit: one changed source affects
//! every unit that depends on it.

use crate::analysis::event_log::EventLog;
use crate::analysis::summary::{self, BuildSummary};
use crate::analysis::timeline::Timeline;
use crate::backend::{Backend, RunningBackend};
use crate::build_site::{self, BuildSite};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::text;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use kache_core::events::{Event, Outcome};
use kache_report::explain::{self, Explanation, history::History};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MissedUnit {
    pub unit: String,
    /// The first changed input and its change; for a new unit, that it is new.
    pub cause: String,
    /// The unit with that input, if it is another one.
    pub root_unit: Option<String>,
    pub compile_seconds: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildResult {
    /// The revision as the workload file names it.
    pub revision: String,
    pub commit: String,
    /// Wall-clock time.
    pub seconds: f64,
    pub summary: BuildSummary,
}

/// The findings of `pull`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pull {
    /// Earlier revision, empty cache.
    pub before: BuildResult,
    /// After the move, from clean.
    pub after: BuildResult,
    /// Hit rate of units after the move.
    pub hit_rate: Option<f64>,
    pub missed: Vec<MissedUnit>,
}

pub fn run(
    workload: &Workload,
    backend: &dyn Backend,
    scratch: &Scratch,
    timeline: &mut Timeline,
) -> Result<Pull> {
    let Some(earlier) = &workload.earlier else {
        return Err(Error::input(format!(
            "workload `{}` has no earlier revision to pull from",
            workload.name
        ))
        .at(format!("{}.toml", workload.name))
        .remedy("add a table [pull] with the key `from`: an earlier version, revision or directory"));
    };
    let earlier = Workload { source: earlier.clone(), ..workload.clone() };
    PullRun { site: BuildSite { workload, backend, scratch }, timeline }.both(&earlier)
}

struct PullRun<'r> {
    site: BuildSite<'r>,
    timeline: &'r mut Timeline,
}

impl PullRun<'_> {
    fn both(&mut self, earlier: &Workload) -> Result<Pull> {
        progress::plan(3);
        let mut shown = progress::Progress::begin("fetch both revisions", None);
        let (old, new) = (self.site.scratch.earlier_repository(), self.site.scratch.repository());
        let from = earlier.obtain(&old, &mut || shown.wait())?;
        let to = self.site.workload.obtain(&new, &mut || shown.wait())?;
        shown.end(&format!("{} and {}", earlier.source, self.site.workload.source));
        if from == to {
            return Err(Error::input("`from` under [pull] is the revision that the workload already has")
                .at(&from)
                .remedy("name an earlier revision"));
        }
        let cache = self.site.scratch.cache();
        let _running = RunningBackend::begin(self.site.backend, &cache)?;
        let checkout = Checkout::clone("a", &old, self.site.scratch.checkout_a())?;
        let mut log = self.log()?;
        let (before, _) = self.build("cold build", &checkout, earlier, from, &mut log)?;
        checkout.move_to(&new)?;
        self.site.run_quietly("clean", &checkout, &self.site.workload.clean)?;
        let (after, begun) =
            self.build("build after the move", &checkout, self.site.workload, to, &mut log)?;
        Ok(Pull { hit_rate: after.summary.hit_rate(), missed: self.missed(&cache, begun)?, before, after })
    }

    fn log(&self) -> Result<EventLog> {
        self.site.backend.events(&self.site.scratch.cache()).ok_or_else(|| {
            Error::input(format!("{} does not report what it did with each unit", self.site.backend.name()))
        })
    }

    /// Also returns the start time, by the clock of events.
    fn build(
        &mut self,
        name: &str,
        checkout: &Checkout,
        workload: &Workload,
        commit: String,
        log: &mut EventLog,
    ) -> Result<(BuildResult, u64)> {
        let site = BuildSite { workload, ..self.site };
        site.run_quietly("setup", checkout, &workload.setup)?;
        checkout.require_own_target(workload)?;
        let environment = site.wired(checkout, &site.scratch.cache())?;
        let built = site.build(name, checkout, &environment, Some(log), None, self.timeline)?;
        if built.summary.units == 0 {
            return Err(Error::run(format!("the {name} had no units: no compiler ran through the cache"))
                .at(site.log(name, checkout).display())
                .remedy("see `wiring` in workloads/README.md"));
        }
        let (revision, seconds) = (workload.source.to_string(), build_site::seconds(built.took));
        Ok((BuildResult { revision, commit, seconds, summary: built.summary }, built.began_us))
    }

    fn missed(&self, cache: &Path, since: u64) -> Result<Vec<MissedUnit>> {
        let history = History::load(cache).map_err(Error::io("read the events of", cache))?;
        let is_missed = |event: &Event| {
            let counts = event.time_us >= since && summary::is_counted(event, &self.site.workload.units);
            counts && event.outcome != Outcome::Hit
        };
        let units = (0..history.events.len()).filter(|at| is_missed(&history.events[*at]));
        Ok(units.map(|at| missed(&history, at, since)).collect())
    }
}

fn missed(history: &History, at: usize, since: u64) -> MissedUnit {
    let event = &history.events[at];
    let explanation = explain::explain(history, at);
    let compile_seconds = event.compile_us as f64 / 1e6;
    if let Some(cause) = package_change(history, event, since) {
        return MissedUnit { unit: explanation.unit, cause, root_unit: None, compile_seconds };
    }
    let Some(first) = explanation.causes.first() else {
        return MissedUnit {
            cause: reason(&explanation),
            unit: explanation.unit,
            root_unit: None,
            compile_seconds,
        };
    };
    // For a package with another version, the version says more than the first changed input (its directory).
    let cause =
        package_change(history, &history.events[first.at], since).unwrap_or_else(|| first.summary.clone());
    let root_unit = Some(first.unit.clone()).filter(|unit| *unit != explanation.unit);
    MissedUnit { unit: explanation.unit, cause, root_unit, compile_seconds }
}

/// How the unit's package differs from the earlier revision: new, or another version.
fn package_change(history: &History, event: &Event, since: u64) -> Option<String> {
    let package = &event.unit.package;
    let (name, version) = package.split_once(' ')?;
    let earlier = history.events.iter().filter(|other| other.time_us < since);
    let versions: BTreeSet<_> = earlier
        .filter_map(|other| other.unit.package.split_once(' '))
        .filter(|(other, _)| *other == name)
        .map(|(_, version)| version)
        .collect();
    if versions.contains(version) {
        return None;
    }
    if versions.is_empty() {
        return Some("not in the earlier revision".into());
    }
    let versions: Vec<_> = versions.into_iter().collect();
    Some(format!("{name} has another version: {version}, {} before", versions.join(" and ")))
}

fn reason(explanation: &Explanation) -> String {
    explanation.reason.as_ref().map_or("no reason was given", |because| because.word.word()).to_string()
}

pub fn text(record: &Record<Pull>) -> String {
    text::written(|out| write_text(out, record))
}

fn write_text(out: &mut String, record: &Record<Pull>) -> std::fmt::Result {
    let pull = &record.findings;
    let (before, after) = (&pull.before, &pull.after);
    writeln!(out, "pull {}: {} → {}", record.head.workload, before.revision, after.revision)?;
    let share = pull.hit_rate.map_or("–".into(), |rate| format!("{:.1} %", rate * 100.0));
    let (hits, units) = (after.summary.hits, text::count(after.summary.units, "unit", "units"));
    writeln!(out, "hits    {share}  ({hits} of {units} after the move)")?;
    writeln!(out, "builds  {:.2} s cold before, {:.2} s from clean after", before.seconds, after.seconds)?;
    let mut causes: BTreeMap<(&str, Option<&str>), Vec<&MissedUnit>> = BTreeMap::new();
    for missed in &pull.missed {
        causes.entry((&missed.cause, missed.root_unit.as_deref())).or_default().push(missed);
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, units)| std::cmp::Reverse(units.len()));
    for ((cause, root_unit), units) in causes {
        let by = root_unit.map(|unit| format!(", through {unit}")).unwrap_or_default();
        writeln!(out, "missed  {}: {cause}{by}", units.len())?;
        for missed in units {
            writeln!(out, "          {} ({:.2} s)", missed.unit, missed.compile_seconds)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unit;

    #[test]
    fn a_package_of_another_version_is_told_as_such() {
        let cache = tempfile::tempdir().unwrap();
        let dir = cache.path().join("v1/events");
        std::fs::create_dir_all(&dir).unwrap();
        let event = |package: &str, time| {
            let mut event = unit("x").time(time).event();
            event.unit.package = package.into();
            event
        };
        let events =
            [event("libc 0.2.1", 1), event("syn 1.0.0", 2), event("syn 2.0.0", 3), event("same 1.0.0", 4)];
        let lines: String = events.iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect();
        std::fs::write(dir.join("day.jsonl"), lines).unwrap();
        let history = History::load(cache.path()).unwrap();
        let explanation = |package: &str| package_change(&history, &event(package, 9), 5);
        assert_eq!(explanation("same 1.0.0"), None);
        assert_eq!(explanation("new 1.0.0").unwrap(), "not in the earlier revision");
        assert_eq!(
            explanation("syn 3.0.0").unwrap(),
            "syn has another version: 3.0.0, 1.0.0 and 2.0.0 before"
        );
    }
}
