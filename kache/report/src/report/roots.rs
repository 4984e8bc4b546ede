//! Roots that cost each build: units whose result is never stored, or that hold their checkout's path, with what follows from them.
//!
//! One object with the build's time in it is compiled in every build, and every program that links it is linked again. The roots are those
//! of one build. What they cost is summed over all builds in which they missed, with the units that followed from them in that build.

use crate::explain::history::{History, Identity};
use crate::explain::{self, Cause, Why, reasons};
use kache_core::events::{Event, Outcome};
use kache_core::reason::Reason;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// The kind of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The unit contains the time of its build.
    Date,
    /// The same inputs gave another output.
    Random,
    /// The unit depends on where its checkout is.
    Path,
    /// The result cannot be stored for another reason.
    NotStored,
}

/// A unit that costs each build.
#[derive(Clone, Debug, Serialize)]
pub struct Root {
    pub unit: String,
    pub kind: Kind,
    /// The reason why the result was not stored, if that is the cause.
    pub reason: Option<Reason>,
    /// What the unit does, for people.
    pub what: String,
    pub remedy: String,
    /// The units that missed because of it in the build.
    pub affected: Vec<String>,
    /// The number of recorded builds that it cost, and the compile time there, in µs, of the unit and those units.
    pub builds: usize,
    pub cost_us: u64,
}

/// The roots of the misses among some events, the most expensive first. `causes` are those of each miss.
pub fn of<'a>(history: &History, misses: impl IntoIterator<Item = (usize, &'a [Cause])>) -> Vec<Root> {
    let mut found: Vec<(usize, Kind, BTreeSet<usize>)> = Vec::new();
    for (at, cause) in misses.into_iter().flat_map(|(at, causes)| causes.iter().map(move |c| (at, c))) {
        let Some(kind) = kind(&history.events[cause.at], cause) else { continue };
        match found.iter_mut().find(|(root, ..)| *root == cause.at) {
            Some((_, _, affected)) => _ = affected.insert(at),
            None => found.push((cause.at, kind, BTreeSet::from([at]))),
        }
    }
    let mut roots: Vec<Root> =
        found.into_iter().map(|(at, kind, missed)| root(history, at, kind, &missed)).collect();
    // What happened once may not happen again.
    roots.retain(|root| root.builds > 1 || !root.affected.is_empty());
    roots.sort_by_key(|root| std::cmp::Reverse(root.cost_us));
    roots
}

/// The kind of root that a cause is, if the next build will have it as well.
fn kind(event: &Event, cause: &Cause) -> Option<Kind> {
    use Reason::{
        Clock, Different, HostState, InheritedDescriptor, Network, PrivatePath, RawSyscall, SideEffect,
        SystemCallFilter, UnobservedProgram, UnrecordedFunction,
    };
    match event.reason.filter(|_| !event.stored) {
        Some(Clock) => return Some(Kind::Date),
        Some(Different) => return Some(Kind::Random),
        Some(HostState) if event.detail.as_ref().is_some_and(|detail| detail.contains("random")) => {
            return Some(Kind::Random);
        }
        Some(
            HostState | Network | SideEffect | RawSyscall | UnrecordedFunction | UnobservedProgram
            | PrivatePath | InheritedDescriptor | SystemCallFilter,
        ) => return Some(Kind::NotStored),
        Some(_) => return None,
        None => {}
    }
    match &cause.why {
        Why::NotReproducible { .. } => Some(Kind::Random),
        Why::Differs { differences, .. } => {
            let mut own = differences.iter().filter(|d| d.made_by.is_none() && !d.is_derived()).peekable();
            (own.peek().is_some() && own.all(|d| d.is_of_place())).then_some(Kind::Path)
        }
        _ => None,
    }
}

fn root(history: &History, at: usize, kind: Kind, missed: &BTreeSet<usize>) -> Root {
    let event = &history.events[at];
    let follows: HashSet<Identity> = missed.iter().map(|at| Identity::of(&history.events[*at])).collect();
    let is_again = |e: &&Event| {
        e.outcome == Outcome::Miss
            && Identity::of(e) == Identity::of(event)
            && e.stored == event.stored
            && e.reason == event.reason
    };
    let builds: HashSet<&str> = match kind {
        // Only a comparison tells whether another build had the same cause.
        Kind::Path | Kind::Random if event.reason.is_none() => HashSet::from([event.build.as_str()]),
        _ => history.events.iter().filter(is_again).map(|e| e.build.as_str()).collect(),
    };
    let own = Identity::of(event);
    let is_cost = |e: &&Event| {
        let is_of_root = || own == Identity::of(e) || follows.contains(&Identity::of(e));
        e.outcome == Outcome::Miss && builds.contains(e.build.as_str()) && is_of_root()
    };
    let (what, remedy) = advice(event, kind);
    Root {
        unit: history.title(at),
        kind,
        reason: event.reason.filter(|_| !event.stored),
        what,
        remedy,
        affected: missed.iter().filter(|other| **other != at).map(|other| history.title(*other)).collect(),
        builds: builds.len(),
        cost_us: history.events.iter().filter(is_cost).map(|e| e.compile_us).sum(),
    }
}

fn advice(event: &Event, kind: Kind) -> (String, String) {
    let is_compiled_c = event.unit.family == "cc";
    match kind {
        Kind::Date if is_compiled_c => (
            "contains the time of its build (`__DATE__` or `__TIME__`)".to_string(),
            "set `source_date_epoch = \"commit\"` in kache.toml, or a number of seconds".to_string(),
        ),
        Kind::Date => (
            "reads the clock".to_string(),
            "remove the time, or have it read SOURCE_DATE_EPOCH, which the setting `source_date_epoch` gives it"
                .to_string(),
        ),
        Kind::Random => (
            "gives another output for the same inputs".to_string(),
            "find the macro or tool that uses random numbers or an unordered map, and make it deterministic".to_string(),
        ),
        Kind::Path => (
            "depends on the path of its checkout".to_string(),
            "build in one place, or remove the path: see `kache explain` for the input".to_string(),
        ),
        Kind::NotStored => {
            let reason = event.reason.unwrap_or(Reason::HostState);
            (format!("is never stored ({reason})"), reasons::help(reason).to_string())
        }
    }
}

/// The roots of a build.
pub fn of_build(history: &History, within: impl Fn(&Event) -> bool) -> Vec<Root> {
    let causes = explain::causes_of(history, within);
    of(history, causes.iter().map(|(at, causes)| (*at, causes.as_slice())))
}
