//! Faults at the named steps of the store, one at a time: during a miss into an empty cache, a miss into a
//! cache that knows the toolchain, and a hit. An engine with the feature `faults` reads the fault from its
//! environment (see `platform/disk.rs`).

use super::harness::{Engine, Task, wrong};
use super::session::StressRun;
use crate::error::{Error, Result};
use fastrand::Rng;
use kache_core::events::Outcome;
use kache_core::store::Area;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The state of the cache before the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheState {
    Empty,
    /// The toolchain is known, but there is no entry.
    Miss,
    Hit,
}

impl CacheState {
    pub fn name(self) -> &'static str {
        match self {
            CacheState::Empty => "new cache",
            CacheState::Miss => "miss",
            CacheState::Hit => "hit",
        }
    }

    /// Creates the state. A task that was right before must then be stored.
    pub fn bring(self, task: &Task, engine: &Engine) -> Result<()> {
        match self {
            CacheState::Empty => engine.wipe(),
            CacheState::Miss if Area::Blobs.below(&engine.store()).is_dir() => engine.forget(),
            CacheState::Miss => {
                task.must(engine, &[], "before")?;
                engine.forget()
            }
            CacheState::Hit => task.must_hit(engine, "before"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct FaultPoint {
    pub task: usize,
    pub state: CacheState,
    pub step: usize,
    pub kind: &'static str,
}

/// Name of each step by its number in a run: threads take steps concurrently and list them in any order.
pub fn listed(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let numbered = |line: &str| {
        let (n, name) = line.split_once(' ')?;
        Some((n.parse::<u64>().ok()?, name.to_string()))
    };
    let steps: BTreeMap<u64, String> = text.lines().filter_map(numbered).collect();
    steps.into_values().collect()
}

/// All faults of the given kinds in random order, but each kind first at the first step of each name.
pub fn fault_points(
    run_state: &StressRun,
    engine: &Engine,
    kinds: &[&'static str],
    rng: &mut Rng,
) -> Result<Vec<FaultPoint>> {
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for (index, task) in run_state.tasks.iter().enumerate() {
        for state in [CacheState::Empty, CacheState::Miss, CacheState::Hit] {
            // The creation of a cache does not depend on the compile, and rustc's files take long to read.
            if state == CacheState::Empty && index > 0 {
                continue;
            }
            state.bring(task, engine)?;
            let list = run_state.dir().join("steps");
            drop(fs::remove_file(&list));
            task.must(engine, &[("KACHE_FAULT_STEPS", &list.display().to_string())], "listing its steps")?;
            let names = listed(&list);
            if names.len() < 10 {
                return Err(Error::input("this kache names no steps")
                    .at(engine.program.display())
                    .remedy("build it with `--features faults`, or use scripts/stress.sh"));
            }
            let mut seen = BTreeSet::new();
            for (at, name) in names.iter().enumerate() {
                let list = if seen.insert(name) { &mut first } else { &mut rest };
                list.extend(kinds.iter().map(|&kind| FaultPoint { task: index, state, step: at + 1, kind }));
            }
        }
    }
    rng.shuffle(&mut first);
    rng.shuffle(&mut rest);
    first.extend(rest);
    Ok(first)
}

const KINDS: &[&str] = &[
    "enospc", "eio", "erofs", "eacces", "emfile", "edquot", "short", "vanish", "enospc+", "eio+", "erofs+",
    "eacces+", "emfile+",
];

pub fn run(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("steps");
    let mut rng = run_state.rng("steps");
    let fault_points = fault_points(run_state, &engine, KINDS, &mut rng)?;
    each(run_state, fault_points, |run_state, fault| {
        inject(run_state, &engine, fault)?;
        let kind = fault.kind.trim_end_matches('+');
        let on = if fault.kind.ends_with('+') { " from there on" } else { "" };
        Ok(format!("{kind}{on}, {}", fault.state.name()))
    })
}

/// Injects faults while there is time, and counts each in the row that `inject` returns.
pub fn each(
    run_state: &mut StressRun,
    fault_points: Vec<FaultPoint>,
    inject: impl Fn(&StressRun, &FaultPoint) -> Result<String>,
) -> Result<()> {
    let (all, mut done) = (fault_points.len(), 0);
    for fault in fault_points {
        if run_state.is_over()? {
            break;
        }
        let row = inject(run_state, &fault)?;
        run_state.stats.passed(&row, 1);
        done += 1;
    }
    run_state.stats.note("all steps", format!("{done} of {all} pairs of step and fault"));
    Ok(())
}

fn inject(run_state: &StressRun, engine: &Engine, fault: &FaultPoint) -> Result<()> {
    let task = &run_state.tasks[fault.task];
    fault.state.bring(task, engine)?;
    let list = run_state.dir().join("steps");
    drop(fs::remove_file(&list));
    let kind = fault.kind.trim_end_matches('+');
    let order = format!("{}{}:{kind}", fault.step, if fault.kind.ends_with('+') { "+" } else { "" });
    let list_path = list.display().to_string();
    let context =
        |name: &str| format!("{} at step {} ({name}), {}", fault.kind, fault.step, fault.state.name());
    let answer = task.run(engine, &[("KACHE_FAULT", &order), ("KACHE_FAULT_STEPS", &list_path)])?;
    let names = listed(&list);
    let name = names.get(fault.step - 1).map_or("not reached", String::as_str);
    let context = context(name);
    task.judge(&answer, &context)?;
    named(engine, fault, name, &context)?;
    engine.must_be_whole(&context)?;
    task.must(engine, &[], &format!("after {context}"))?;
    engine.must_be_whole(&format!("after {context}"))
}

/// The event must name the step, except where no event could be written.
fn named(engine: &Engine, fault: &FaultPoint, name: &str, context: &str) -> Result<()> {
    let silent = name.starts_with("event:") || name == "not reached" || fault.kind == "vanish";
    if silent || fault.kind.ends_with('+') {
        return Ok(());
    }
    let Some(event) = engine.last() else {
        return if fault.state == CacheState::Empty {
            Ok(())
        } else {
            Err(wrong(context, "there is no event"))
        };
    };
    if event.outcome == Outcome::Error && name.starts_with("store: make a directory") {
        return Ok(());
    }
    match event.trouble.as_deref().is_some_and(|t| t.starts_with(name)) {
        true => Ok(()),
        false => Err(wrong(context, &format!("the event does not name the step: {:?}", event.trouble))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_named_by_their_numbers() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "1 open\n3 rename\n2 write the header\n").unwrap();
        assert_eq!(listed(file.path()), ["open", "write the header", "rename"]);
    }
}
