//! Changes each kind of recorded input, one at a time, and requires a miss that names it; changes each kind
//! of excluded input and requires a hit with equal outputs.
//!
//! A workload is built once, then single units run again. For each kind of dependency some units that have
//! one are selected. Each must first hit unchanged. With the input changed it must miss, and the comparison
//! of the two key traces (as in `kache explain`) must name the input. With the input restored it must hit
//! again. If the compiler fails on the changed input, only the miss is checked.

use super::change::{self, Left, MutationSite};
use super::excluded;
use super::paths::{Paths, by_count};
use crate::analysis::summary::SCRIPT;
use crate::artifacts::compare::alike;
use crate::audit;
use crate::backend::invocations::Invocation;
use crate::error::{Error, Result};
use crate::recorded_build::{RecordedBuild, RecordedUnit, Rerun};
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::system::strace;
use crate::text;
use kache_core::dependency::Kind;
use kache_core::events::{Event, Outcome};
use kache_core::key_trace::{Component, KeyTrace, Part};
use kache_report::explain::diff;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct MutatePlan {
    /// Number of units for each kind of input
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    units: u32,
    /// Seed of the selection of units and inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Make no change where one is due, to see that the harness detects it
    #[arg(long, alias = "idle")]
    no_change: bool,
}

/// Results of one kind of dependency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExercisedRow {
    /// Units of the workload with this kind.
    pub units_with: usize,
    pub changed: usize,
    /// Missed, and the input was named.
    pub named: usize,
    /// Missed, and the compiler failed.
    pub refused: usize,
    /// Selected inputs that were not changed, by reason.
    pub left: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Default, Serialize)]
pub struct MutateFindings {
    /// Stored units of the workload.
    pub units: usize,
    pub seed: u64,
    /// By kind, with the family before it where that is not a compiler: `file`, `script file`.
    pub kinds: BTreeMap<String, ExercisedRow>,
    /// Units that hit with the input changed, by row of a table.
    pub excluded: BTreeMap<String, usize>,
    /// Every row of the tables of excluded variables and flags.
    pub rows: Vec<String>,
    /// Rows about paths, which are not changed.
    pub paths: Paths,
    /// Units that were compiled with all excluded inputs changed and came out equal.
    pub equal: usize,
    /// Units that differ between compiles with the same inputs.
    pub nondeterministic: Vec<String>,
    pub wrong: Vec<String>,
}

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
    let of =
        |family: &str| units.iter().filter(|(unit, _)| group(unit) == family).cloned().collect::<Vec<_>>();
    for family in ["", "link", SCRIPT] {
        let units = of(family);
        for word in dependency_words() {
            run.kind(family, word, &units)?;
        }
    }
    let compiles = of("");
    for (unit, trace) in draw(&compiles, plan.seed, "excluded").into_iter().take(plan.units as usize) {
        run.excluded(unit, trace)?;
    }
    let MutateRun { findings, shown, .. } = run;
    let changed: usize = findings.kinds.values().map(|k| k.changed).sum();
    let inputs = text::count(changed, "input", "inputs");
    shown.end(&format!("{inputs} changed, {} wrong", findings.wrong.len()));
    Ok(findings)
}

/// Units whose inputs are drawn apart, since compiles are many and runs of scripts few.
fn group(unit: &RecordedUnit) -> &str {
    match unit.event.unit.family.as_str() {
        family @ ("link" | SCRIPT) => family,
        _ => "",
    }
}

/// The first words of dependencies in traces: the kinds, and the functions of front ends.
fn dependency_words() -> impl Iterator<Item = &'static str> {
    let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Computed).map(|kind| kind.word());
    kinds.chain(kache_frontends::computed::FUNCTIONS.iter().copied())
}

/// Shuffled by the seed.
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
    fn kind(&mut self, family: &str, word: &str, units: &[(RecordedUnit, KeyTrace)]) -> Result<()> {
        let of_kind = |c: &&Component| c.part == Part::Dependency && c.name.split(' ').next() == Some(word);
        let mut exercised = ExercisedRow::default();
        let having: Vec<_> = units.iter().filter(|(_, t)| t.components.iter().any(|c| of_kind(&c))).collect();
        exercised.units_with = having.len();
        let mut seen = BTreeSet::new();
        for (unit, trace) in draw(&having, self.plan.seed, word) {
            if exercised.changed >= self.plan.units as usize {
                break;
            }
            let components: Vec<_> = trace.components.iter().filter(of_kind).collect();
            // A different input for each unit while there are any; inputs that cannot be changed count once.
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
            self.findings.kinds.insert(format!("{family} {word}").trim_start().to_owned(), exercised);
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
        // A compiler's accesses can vary (such as the crates in a listed directory). The compile with the
        // change may then have stored a set of dependencies that holds again without it, which is right if
        // its result is the same.
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
        let Some(event) = &after.event else { return self.wrong(said, "kache wrote no event", after) };
        if event.outcome == Outcome::Hit {
            return self.wrong(said, "FALSE HIT: the unit hits although the input changed", after);
        }
        if event.outcome != Outcome::Miss {
            return self.wrong(said, "the unit was not looked up", after);
        }
        let traces = self.recorded.trace(before).zip(self.recorded.trace(event));
        let Some((old, new)) = traces else {
            exercised.refused += 1;
            // A compile that is not stored for a reason has no trace.
            if after.success && event.reason.is_none() {
                self.wrong(said, "the unit was compiled without a key trace", after);
            }
            return;
        };
        let differences = diff::differences(&old, &new);
        if names(&differences, component) {
            exercised.named += 1;
        } else {
            self.wrong(said, &format!("the miss names other causes: {}", list(&differences)), after);
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

    /// Changes every excluded input of a unit alone, then compiles with all of them changed.
    fn excluded(&mut self, unit: &RecordedUnit, trace: &KeyTrace) -> Result<()> {
        self.shown.show(self.number, &format!("inputs, now those excluded for {}", unit.label()));
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
                Some(_) => self.wrong(&said, "the unit hits with different artifacts", &answer),
                None => self.wrong(&said, "false miss: the input is excluded, but affects the key", &answer),
            }
        }
        let together = excluded::together(&unit.invocation, &parts);
        let answer = self.compile(&together, moved.files())?;
        let said = format!("{}: all excluded inputs at once", unit.label());
        if !answer.success {
            self.wrong(&said, "it does not compile", &answer);
        } else if like(moved.files()) {
            self.findings.equal += 1;
        } else {
            match self.fresh(&unit.invocation, moved.files())? {
                Fresh::Random => self.findings.nondeterministic.push(unit.label()),
                Fresh::AsBuilt => self.wrong(&said, "an excluded input changes the artifacts", &answer),
                Fresh::Another => self.wrong(
                    &said,
                    "the unchanged unit differs from the build as well: an input is not recorded",
                    &answer,
                ),
                Fresh::Refused => self.wrong(&unit.label(), "it does not compile again unchanged", &answer),
            }
        }
        self.watch(unit, trace, moved.files())
    }

    /// Counts the path rows that the unit's compile needs; does nothing without strace.
    fn watch(&mut self, unit: &RecordedUnit, trace: &KeyTrace, files: &[(PathBuf, PathBuf)]) -> Result<()> {
        if strace::require().is_err() {
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

    /// Compiles to the moved outputs' original paths, without lookups.
    fn compile(&mut self, invocation: &Invocation, files: &[(PathBuf, PathBuf)]) -> Result<Rerun> {
        remove(files);
        self.recorded.rerun(invocation, &[], &[("KACHE_READ", OsStr::new("0"))])
    }

    /// Compiles the unchanged unit several times. A single compile could not distinguish an unrecorded input
    /// from a nondeterministic compiler.
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

/// Number of equal compiles after which a unit counts as deterministic: with two random outcomes, two
/// compiles would agree half of the time.
const FRESH: usize = 4;

/// The result of compiling an unchanged unit several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Random,
    /// Equal to the built outputs.
    AsBuilt,
    /// Equal to each other, but not to the built outputs.
    Another,
    Refused,
}

fn list(differences: &[diff::Difference]) -> String {
    let named: Vec<_> = differences.iter().map(|d| format!("{} {}", d.name, d.verb())).collect();
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

fn hit(answer: &Rerun) -> Option<Event> {
    answer.event.clone().filter(|e| e.outcome == Outcome::Hit && answer.success)
}

/// Whether a component is among the differences. A moved file shows as the highest missing directory, and its
/// kind may change.
fn names(differences: &[diff::Difference], component: &Component) -> bool {
    let place = |name: &str| name.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let sought = place(&component.name);
    differences.iter().any(|d| d.name == component.name || !sought.is_empty() && place(&d.name) == sought)
}

/// Whether the current outputs equal the moved ones. A depfile may name another temporary file.
fn same_as(files: &[(PathBuf, PathBuf)]) -> bool {
    let read = |p: &Path| fs::read(p).ok();
    files.iter().all(|(place, aside)| read(place) == read(aside))
}

/// Removes the outputs.
fn remove(files: &[(PathBuf, PathBuf)]) {
    for (place, _) in files {
        // A missing output needs no removal.
        drop(fs::remove_file(place));
    }
}

/// Whether new outputs equal the moved ones, except for normal differences of two compiles.
fn like(files: &[(PathBuf, PathBuf)]) -> bool {
    files.iter().all(|(place, aside)| alike(place, aside))
}

impl MutateFindings {
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.wrong.clone();
        if self.kinds.values().all(|k| k.changed == 0) {
            problems.push("no input was changed".into());
        }
        problems
    }

    pub fn text(&self) -> String {
        let units = text::count(self.units, "unit", "units");
        let mut out = format!("{units}, drawn with --seed {}\n", self.seed);
        out += "recorded inputs: units that have one, changed, missed and named, missed and refused by the compiler\n";
        for (kind, e) in &self.kinds {
            out += &format!(
                "  {kind:<16} {:>6} {:>4} {:>4} {:>4}\n",
                e.units_with, e.changed, e.named, e.refused
            );
            for (why, n) in &e.left {
                out += &format!("                   skipped {n}: {why}\n");
            }
        }
        // Only manifests name `missing`.
        let unseen: Vec<_> = dependency_words()
            .filter(|word| *word != Kind::Missing.word())
            .filter(|word| !self.kinds.keys().any(|kind| kind.rsplit(' ').next() == Some(word)))
            .collect();
        if !unseen.is_empty() {
            out += &format!("  in no unit: {}\n", unseen.join(", "));
        }
        out += "excluded inputs: units that hit with the input changed\n";
        out += &by_count(&self.excluded);
        let left: Vec<&str> =
            self.rows.iter().filter(|r| !self.excluded.contains_key(*r)).map(String::as_str).collect();
        if !left.is_empty() {
            out += &format!("  0, since no selected unit has it: {}\n", left.join(", "));
        }
        out += &self.paths.text();
        let equal = text::count(self.equal, "unit", "units");
        out += &format!("{equal} with equal outputs after all of these changed at once\n");
        if !self.nondeterministic.is_empty() {
            out += &format!("  different on every compile: {}\n", self.nondeterministic.join(", "));
        }
        out
    }
}
