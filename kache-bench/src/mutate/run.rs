//! Sensitivity: every sort of input that kache records is changed, one at a time, and the unit must miss and say why; every
//! sort of input that it excludes is changed, and the unit must hit and be what the compiler makes.
//!
//! A workload is built once, then single units of it are asked for again. For each kind of observation some units
//! that have one are drawn. Each must first hit as it is; with that very input changed it must miss, and the
//! comparison of the two key traces (what `kache explain` shows) must name it; with the input put back it must hit again.
//! Where the compiler refuses what was changed, the miss is all that can be seen.

use super::change::{self, Left, MutationSite};
use super::excluded;
use super::paths::{Paths, by_count};
use crate::artifacts::compare::alike;
use crate::audit;
use crate::backend::invocations::Invocation;
use crate::error::{Error, Result};
use crate::recorded_build::{RecordedBuild, RecordedUnit, Rerun};
use crate::system::progress;
use crate::system::scratch::Scratch;
use kache_core::dependency::Kind;
use kache_core::events::{Event, Outcome};
use kache_core::key_trace::{Component, KeyTrace, Part};
use kache_report::explain::diff;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How much is to be changed.
#[derive(Clone, Copy, Debug)]
pub struct MutatePlan {
    /// Units for each kind of observation, and for the excluded inputs.
    pub units: usize,
    /// Another number draws other units and inputs.
    pub seed: u64,
    /// Nothing is changed, to see that the harness sees that.
    pub no_change: bool,
}

/// One kind of observation, exercised.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExercisedRow {
    /// Units of the workload that have one.
    pub units_with: usize,
    /// Inputs that were changed.
    pub changed: usize,
    /// Of those, missed and named.
    pub named: usize,
    /// Of those, missed, and refused by the compiler.
    pub refused: usize,
    /// Inputs that were drawn and not changed, by why.
    pub left: BTreeMap<&'static str, usize>,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct MutateFindings {
    /// Units of the workload that are kept.
    pub units: usize,
    /// What was drawn with.
    pub seed: u64,
    /// By kind of observation.
    pub kinds: BTreeMap<&'static str, ExercisedRow>,
    /// By row of a table: units that hit with that input changed.
    pub excluded: BTreeMap<String, usize>,
    /// Every row of the tables of excluded variables and flags, as `excluded` names them.
    pub rows: Vec<String>,
    /// Rows about paths, which are not changed.
    pub paths: Paths,
    /// Units that were compiled with all excluded inputs changed, and came out equal.
    pub equal: usize,
    /// Units that came out otherwise, as they do in two compiles under the same inputs.
    pub random: Vec<String>,
    /// What should not be.
    pub wrong: Vec<String>,
}

/// Changes inputs of a built workload.
pub fn run(recorded: &mut RecordedBuild, scratch: &Scratch, plan: MutatePlan) -> Result<MutateFindings> {
    let dir = scratch.root().join("mutants");
    for made in [dir.clone(), dir.join("tmp"), dir.join("home")] {
        fs::create_dir_all(&made).map_err(Error::io("create", &made))?;
    }
    let kept = |u: &&RecordedUnit| u.event.outcome == Outcome::Miss && u.event.stored;
    let units: Vec<(RecordedUnit, KeyTrace)> = recorded
        .units
        .iter()
        .filter(kept)
        .filter_map(|u| Some((u.clone(), recorded.trace(&u.event)?)))
        .collect();
    let rows = excluded::rows();
    let paths = Paths::of_tables();
    let findings = MutateFindings { units: units.len(), seed: plan.seed, rows, paths, ..Default::default() };
    let shown = progress::Progress::begin("mutate", None);
    let mut run = MutateRun { recorded, dir, plan, findings, number: 0, shown };
    for kind in Kind::ALL {
        run.kind(*kind, &units)?;
    }
    for (unit, trace) in draw(&units, plan.seed, "excluded").into_iter().take(plan.units) {
        run.excluded(unit, trace)?;
    }
    let MutateRun { findings, shown, .. } = run;
    let changed: usize = findings.kinds.values().map(|k| k.changed).sum();
    shown.end(&format!("{changed} inputs changed, {} wrong", findings.wrong.len()));
    Ok(findings)
}

/// In an order that a number draws.
fn draw<'a, T>(all: &'a [T], seed: u64, what: &str) -> Vec<&'a T> {
    let mark = |i: usize| kache_core::digest::Digest::of(format!("{seed} {what} {i}").as_bytes()).0;
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| mark(*i));
    order.into_iter().map(|i| &all[i]).collect()
}

struct MutateRun<'a> {
    recorded: &'a mut RecordedBuild,
    dir: PathBuf,
    plan: MutatePlan,
    findings: MutateFindings,
    number: usize,
    shown: progress::Progress,
}

impl MutateRun<'_> {
    fn kind(&mut self, kind: Kind, units: &[(RecordedUnit, KeyTrace)]) -> Result<()> {
        let word = kind.word();
        let of_kind = |c: &&Component| c.part == Part::Dependency && c.name.split(' ').next() == Some(word);
        let mut exercised = ExercisedRow::default();
        let having: Vec<_> = units.iter().filter(|(_, t)| t.components.iter().any(|c| of_kind(&c))).collect();
        exercised.units_with = having.len();
        let mut seen = BTreeSet::new();
        for (unit, trace) in draw(&having, self.plan.seed, word) {
            if exercised.changed >= self.plan.units {
                break;
            }
            let components: Vec<_> = trace.components.iter().filter(of_kind).collect();
            // Another input for each unit, as long as there is one; those that cannot be changed are counted once.
            for component in draw(&components, self.plan.seed, &unit.label()) {
                let named = component.name.contains(' ');
                let one = if named { component.name.clone() } else { unit.label() };
                if !seen.insert(one) {
                    continue;
                }
                match self.one(unit, component, &mut exercised)? {
                    None => break,
                    Some(left) => *exercised.left.entry(left.why()).or_default() += 1,
                }
            }
        }
        if !exercised.left.is_empty() || exercised.units_with > 0 {
            self.findings.kinds.insert(word, exercised);
        }
        Ok(())
    }

    /// Changes one input of one unit.
    fn one(
        &mut self,
        unit: &RecordedUnit,
        component: &Component,
        exercised: &mut ExercisedRow,
    ) -> Result<Option<Left>> {
        self.number += 1;
        let number = self.number;
        self.shown.show(number, &format!("inputs, now {}", component.name));
        let (root, dir) = (self.recorded.checkout.root().to_path_buf(), self.dir.clone());
        let site = MutationSite { checkout: &root, dir: &dir, outputs: &unit.event.outputs, number };
        let moved = self.recorded.stash(&unit.event.outputs)?;
        let said = format!("{}: {}", unit.label(), component.name);
        let before = self.recorded.rerun(&unit.invocation, &[], &[])?;
        let Some(before) = hit(&before) else {
            self.wrong(&said, "it does not hit unchanged", &before);
            return Ok(None);
        };
        let changed =
            match change::make(&component.name, &component.raw, &component.value, &unit.invocation, &site)? {
                Ok(changed) => changed,
                Err(left) => return Ok(Some(left)),
            };
        let after = match self.plan.no_change {
            true => {
                drop(changed);
                self.recorded.rerun(&unit.invocation, &[], &[])?
            }
            false => {
                let after = self.recorded.rerun(&changed.invocation, &[], &[])?;
                drop(changed);
                after
            }
        };
        exercised.changed += 1;
        self.judge(&said, component, &before, &after, exercised);
        let again = self.recorded.rerun(&unit.invocation, &[], &[])?;
        // What the compiler looks at may hang on chance (which crates lay there when it listed a directory): then the
        // compile with the change has left a set that holds again without it, and is as right if it gives the same.
        if hit(&again).is_none_or(|e| e.result != before.result && !like(moved.files())) {
            let traces =
                again.event.as_ref().and_then(|e| self.recorded.trace(e)).zip(self.recorded.trace(&before));
            let differences = traces.map(|(new, old)| diff::differences(&old, &new)).unwrap_or_default();
            let what = format!("it does not hit again after the change is undone: {}", list(&differences));
            self.wrong(&said, &what, &again);
        }
        drop(moved);
        Ok(None)
    }

    fn judge(
        &mut self,
        said: &str,
        component: &Component,
        before: &Event,
        after: &Rerun,
        exercised: &mut ExercisedRow,
    ) {
        let Some(event) = &after.event else { return self.wrong(said, "kache said nothing of it", after) };
        if event.outcome == Outcome::Hit {
            return self.wrong(said, "FALSE HIT: it hits with the input changed", after);
        }
        if event.outcome != Outcome::Miss {
            return self.wrong(said, "it was not looked up", after);
        }
        let traces = self.recorded.trace(before).zip(self.recorded.trace(event));
        let Some((old, new)) = traces else {
            exercised.refused += 1;
            // What is not kept for a reason has none to leave.
            if after.success && event.reason.is_none() {
                self.wrong(said, "it was compiled, and left no trace", after);
            }
            return;
        };
        let differences = diff::differences(&old, &new);
        if names(&differences, component) {
            exercised.named += 1;
        } else {
            self.wrong(said, &format!("it missed, but for {}", list(&differences)), after);
        }
    }

    fn wrong(&mut self, said: &str, what: &str, answer: &Rerun) {
        let reason = answer.event.as_ref().and_then(|e| e.reason_word()).unwrap_or_default().to_string();
        let errors = String::from_utf8_lossy(&answer.errors);
        let tail = errors
            .lines()
            .find(|l| l.contains("error"))
            .or(errors.lines().next())
            .unwrap_or_default()
            .to_owned();
        let more: Vec<String> = [reason, tail].into_iter().filter(|t| !t.is_empty()).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        self.findings.wrong.push(format!("{said}: {what}{more}"));
    }

    /// Changes every excluded input of a unit, each by itself, then all of them under the compiler's eyes.
    fn excluded(&mut self, unit: &RecordedUnit, trace: &KeyTrace) -> Result<()> {
        self.shown.show(self.number, &format!("inputs, now what is excluded for {}", unit.label()));
        let moved = self.recorded.stash(&unit.event.outputs)?;
        let components: Vec<String> = trace.components.iter().map(|c| c.name.clone()).collect();
        let before = self.recorded.rerun(&unit.invocation, &[], &[])?;
        let Some(before) = hit(&before) else {
            self.wrong(&unit.label(), "it does not hit unchanged", &before);
            return Ok(());
        };
        let parts = excluded::all(&unit.invocation, &components, &self.dir);
        for part in &parts {
            let answer = self.recorded.rerun(&part.invocation, &[], &[])?;
            let said = format!("{}: {}", unit.label(), part.name);
            match hit(&answer).filter(|e| e.result == before.result) {
                Some(_) if same_as(moved.files()) => {
                    *self.findings.excluded.entry(part.name.clone()).or_default() += 1
                }
                Some(_) => self.wrong(&said, "it hits, and its artifacts are others", &answer),
                None => self.wrong(&said, "false miss: it is excluded, and counts", &answer),
            }
        }
        let together = excluded::together(&unit.invocation, &parts);
        let answer = self.compile(&together, moved.files())?;
        let said = format!("{}: all that is excluded, at once", unit.label());
        if !answer.success {
            self.wrong(&said, "it does not compile", &answer);
        } else if like(moved.files()) {
            self.findings.equal += 1;
        } else {
            match self.fresh(&unit.invocation, moved.files())? {
                Fresh::Random => self.findings.random.push(unit.label()),
                Fresh::AsBuilt => {
                    self.wrong(&said, "an input that is said to be none changes the artifacts", &answer)
                }
                Fresh::Another => self.wrong(
                    &said,
                    "unchanged it is not as it was built either: an input is not recorded",
                    &answer,
                ),
                Fresh::Refused => self.wrong(&unit.label(), "it does not compile again unchanged", &answer),
            }
        }
        self.watch(unit, trace, moved.files())
    }

    /// Which rows about paths the unit's compile comes by; nothing where nobody could tell.
    fn watch(&mut self, unit: &RecordedUnit, trace: &KeyTrace, files: &[(PathBuf, PathBuf)]) -> Result<()> {
        if audit::require_strace().is_err() {
            return Ok(());
        }
        remove(files);
        let (answer, watched) = audit::watch(self.recorded, &unit.invocation, &self.dir.join("strace.log"))?;
        if answer.success {
            self.findings.paths.count(&watched, trace);
        } else {
            self.wrong(&unit.label(), "it does not compile under strace", &answer);
        }
        Ok(())
    }

    /// Compiles, whatever could hit, to where the unit's outputs were put away from.
    fn compile(&mut self, invocation: &Invocation, files: &[(PathBuf, PathBuf)]) -> Result<Rerun> {
        remove(files);
        self.recorded.rerun(invocation, &[], &[("KACHE_READ", OsStr::new("0"))])
    }

    /// Compiles the unchanged unit anew, more than once. One such compile beside what was built would take an
    /// input that no record has for chance.
    fn fresh(&mut self, invocation: &Invocation, files: &[(PathBuf, PathBuf)]) -> Result<Fresh> {
        let dir = self.dir.join("fresh");
        fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        let first: Vec<PathBuf> = (0..files.len()).map(|i| dir.join(i.to_string())).collect();
        let mut fresh = Fresh::Another;
        for round in 0..FRESH {
            if !self.compile(invocation, files)?.success {
                fresh = Fresh::Refused;
                break;
            }
            if round == 0 {
                for ((place, _), kept) in files.iter().zip(&first).filter(|((place, _), _)| place.is_file()) {
                    fs::rename(place, kept).map_err(Error::io("put away", place))?;
                }
            } else if !files.iter().zip(&first).all(|((place, _), kept)| alike(place, kept)) {
                fresh = Fresh::Random;
                break;
            }
        }
        let as_built = || files.iter().zip(&first).all(|((_, built), kept)| alike(built, kept));
        if fresh == Fresh::Another && as_built() {
            fresh = Fresh::AsBuilt;
        }
        fs::remove_dir_all(&dir).map_err(Error::io("remove", &dir))?;
        Ok(fresh)
    }
}

/// How many compiles must agree before it is believed that a unit comes out alike each time: of two outcomes by chance two
/// compiles would show one as often as both.
const FRESH: usize = 4;

/// What compiles of an unchanged unit, under the same inputs, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    /// They differ among themselves.
    Random,
    /// They are as the unit was built.
    AsBuilt,
    /// They are alike, and are not as it was built.
    Another,
    /// One of them failed.
    Refused,
}

fn list(differences: &[diff::Difference]) -> String {
    let named: Vec<_> = differences.iter().map(|d| format!("{} {}", d.name, d.verb())).collect();
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

fn hit(answer: &Rerun) -> Option<Event> {
    answer.event.clone().filter(|e| e.outcome == Outcome::Hit && answer.success)
}

/// Whether a component is among what differs. A file that is moved away shows as the highest directory that is gone, and
/// what was a file may be told by another kind now.
fn names(differences: &[diff::Difference], component: &Component) -> bool {
    let place = |name: &str| name.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let sought = place(&component.name);
    differences.iter().any(|d| d.name == component.name || !sought.is_empty() && place(&d.name) == sought)
}

/// Whether the files at their places are those that were put away. A depfile may name another temporary file.
fn same_as(files: &[(PathBuf, PathBuf)]) -> bool {
    let read = |p: &Path| fs::read(p).ok();
    files.iter().all(|(place, aside)| read(place) == read(aside))
}

/// Makes the places of outputs free.
fn remove(files: &[(PathBuf, PathBuf)]) {
    for (place, _) in files {
        // What is not there need not go.
        drop(fs::remove_file(place));
    }
}

/// Whether what was compiled anew is what was put away, but for what two compiles of one place differ in by nature.
fn like(files: &[(PathBuf, PathBuf)]) -> bool {
    files.iter().all(|(place, aside)| alike(place, aside))
}

impl MutateFindings {
    /// What speaks against it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.wrong.clone();
        if self.kinds.values().all(|k| k.changed == 0) {
            problems.push("no input was changed".into());
        }
        problems
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let mut out = format!("{} units, drawn with --seed {}\n", self.units, self.seed);
        out += "recorded inputs: units that have one, changed, missed and named, missed and refused by the compiler\n";
        for (kind, e) in &self.kinds {
            out += &format!(
                "  {kind:<9} {:>6} {:>4} {:>4} {:>4}\n",
                e.units_with, e.changed, e.named, e.refused
            );
            for (why, n) in &e.left {
                out += &format!("            skipped {n}: {why}\n");
            }
        }
        // Of `missing` only manifests tell.
        let unseen: Vec<_> = Kind::ALL
            .iter()
            .filter(|k| **k != Kind::Missing && !self.kinds.contains_key(k.word()))
            .map(|k| k.word())
            .collect();
        if !unseen.is_empty() {
            out += &format!("  in no unit: {}\n", unseen.join(", "));
        }
        out += "excluded inputs: units that hit with it changed\n";
        out += &by_count(&self.excluded);
        let left: Vec<&str> =
            self.rows.iter().filter(|r| !self.excluded.contains_key(*r)).map(String::as_str).collect();
        if !left.is_empty() {
            out += &format!("  0, since no unit drawn could have it changed: {}\n", left.join(", "));
        }
        out += &self.paths.text();
        out += &format!("{} units compiled to the same with all of these changed at once\n", self.equal);
        if !self.random.is_empty() {
            out += &format!("  made differently each time by the compiler: {}\n", self.random.join(", "));
        }
        out
    }
}
