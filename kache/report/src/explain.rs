//! Explains from events and key traces why a unit was compiled again.
//!
//! A miss with a key trace is compared with the nearest earlier trace of the same unit, which is the trace with the fewest
//! differing inputs, among those of builds for the same purpose ([`purpose`]). If a differing input is the output of another unit that
//! missed in the same build, that unit is compared in turn, with the trace of the invocation whose output was read before.
//! The search ends at a unit whose own inputs changed: the root cause.

pub mod diff;
pub mod history;
pub mod purpose;
pub mod reasons;

use diff::Difference;
use history::History;
use kache_core::events::{Checked, Confirmation, Event, Kind, Outcome, Unit};
use kache_core::key_trace::KeyTrace;
use kache_core::reason::Reason;
use purpose::Purpose;
use serde::Serialize;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The number of misses among which the most frequent cause is sought.
const CONSIDERED: usize = 200;

/// The outcome of a unit in one invocation, with its causes.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The index of the event in the history.
    #[serde(skip)]
    pub at: usize,
    /// The unit's [`title`].
    pub unit: String,
    /// The group of commands: `rustc`, `cc`, `link`, `script`, `command`.
    pub family: String,
    /// When its invocation began, µs since 1970.
    pub time_us: u64,
    /// The build that it belonged to.
    pub build: String,
    /// `hit`, `miss`, `passthrough` or `error`.
    pub outcome: Outcome,
    /// Whether a miss's result was stored.
    pub stored: bool,
    /// Whether a hit was restored before cargo asked for it.
    pub seeded: bool,
    /// The result of a check, if a hit was recompiled.
    pub checked: Option<Checked>,
    /// Where the result of a script or command holds.
    pub confirmation: Option<Confirmation>,
    /// The event's reason: why the command was not cached, failed or was not stored.
    pub reason: Option<Because>,
    /// Compile time in µs: of this run on a miss, of the stored run on a hit.
    pub compile_us: u64,
    /// Why the unit was compiled; only for misses.
    pub why: Option<Why>,
    /// The root causes of a miss.
    pub causes: Vec<Cause>,
}

/// A reason with its meaning and advice.
#[derive(Clone, Debug, Serialize)]
pub struct Because {
    pub word: Reason,
    pub detail: String,
    pub meaning: &'static str,
    pub help: &'static str,
}

/// Why a unit had to be compiled.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Why {
    /// No earlier compile of the unit left a trace.
    FirstSeen,
    /// No earlier compile of the unit was for the same purpose.
    FirstLike {
        /// What is new: `release build`, `build with the feature fast`.
        first: String,
    },
    /// The inputs are not known: see the event's reason.
    NoTrace,
    /// Equal inputs were compiled before, but the lookup did not find the result.
    SameInputs {
        /// The time of the latest of these compiles.
        earlier_us: u64,
        /// Whether any of those compiles stored its result.
        was_stored: bool,
        /// Whether the latest of these compiles ended after this one began.
        at_once: bool,
        /// What the lookup reported, if it reported anything.
        report: Option<String>,
        /// Why the result was not stored, if an event says so.
        reason: Option<Because>,
    },
    /// Inputs differ.
    Differs {
        /// The time of the earlier invocation.
        earlier_us: u64,
        /// The number of compared inputs.
        inputs: usize,
        differences: Vec<Difference>,
    },
    /// No input differs from a run in another place, and the result of that run holds in its own place only: the first of a
    /// second place.
    Place { confirmation: Confirmation },
    /// No known input differs: a hit that was recompiled to check it.
    Checked,
    /// Equal inputs gave different outputs.
    NotReproducible { earlier_us: u64 },
}

/// The root cause of a chain of misses.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// The index of that unit's event in the history.
    #[serde(skip)]
    pub at: usize,
    /// The unit whose own inputs changed.
    pub unit: String,
    /// The path from the explained unit to that unit.
    pub chain: Vec<String>,
    /// One line for people.
    pub summary: String,
    /// Equal for one change in several units, such as a flag given to all of them or a header that many include.
    #[serde(skip)]
    pub key: String,
    pub why: Why,
    /// That unit's reason for not storing its result, if there is one.
    pub reason: Option<Because>,
}

impl Because {
    fn of(event: &Event) -> Option<Because> {
        Some(Because::of_reason(event.reason?, event.detail.as_deref().unwrap_or_default()))
    }

    /// A reason, with what is known of one case.
    pub fn of_reason(word: Reason, detail: &str) -> Because {
        Because {
            word,
            detail: detail.to_string(),
            meaning: reasons::meaning(word),
            help: reasons::help(word),
        }
    }
}

/// Why the event at an index missed, in one line.
pub fn root_cause(history: &History, at: usize) -> String {
    let causes = causes(history, at);
    let Some(cause) = causes.first() else { return String::new() };
    let more = if causes.len() > 1 { format!(", and {} more", causes.len() - 1) } else { String::new() };
    let by = if cause.chain.len() > 1 { format!(" in {}", cause.unit) } else { String::new() };
    format!("{}{by}{more}", cause.summary)
}

/// The root causes of each miss among some events. With very many misses, those that took the longest count.
pub fn causes_of(history: &History, within: impl Fn(&Event) -> bool) -> Vec<(usize, Vec<Cause>)> {
    let is_miss = |e: &Event| within(e) && is_explained(e) && e.outcome == Outcome::Miss;
    let mut missed: Vec<usize> =
        (0..history.events.len()).filter(|at| is_miss(&history.events[*at])).collect();
    missed.sort_by_key(|at| std::cmp::Reverse(history.events[*at].compile_us));
    missed.truncate(CONSIDERED);
    missed.into_iter().map(|at| (at, causes(history, at))).collect()
}

/// The most frequent cause, and the number of units that missed for it. A unit may have met one cause in several of its
/// dependencies.
pub fn top_cause(causes: &[(usize, Vec<Cause>)]) -> Option<(&str, usize)> {
    let mut found: Vec<(&Cause, BTreeSet<usize>)> = Vec::new();
    for (unit, cause) in
        causes.iter().flat_map(|(unit, causes)| causes.iter().map(move |cause| (unit, cause)))
    {
        match found.iter_mut().find(|(known, _)| known.key == cause.key) {
            Some((_, units)) => _ = units.insert(*unit),
            None => found.push((cause, BTreeSet::from([*unit]))),
        }
    }
    // Of several, the first.
    let (cause, units) = found.into_iter().rev().max_by_key(|(_, units)| units.len())?;
    Some((&cause.summary, units.len()))
}

/// Explains the event at an index of the history.
pub fn explain(history: &History, at: usize) -> Explanation {
    let event = &history.events[at];
    let missed = event.outcome == Outcome::Miss;
    let why = missed.then(|| why(history, at, None));
    let causes = if missed { causes(history, at) } else { Vec::new() };
    Explanation {
        at,
        unit: history.title(at),
        family: event.unit.family.clone(),
        time_us: event.time_us,
        build: event.build.clone(),
        outcome: event.outcome,
        stored: event.stored,
        seeded: event.seeded,
        checked: event.checked,
        confirmation: event.confirmation,
        reason: Because::of(event),
        compile_us: event.compile_us,
        why,
        causes,
    }
}

/// Compares an invocation with one earlier result, or with the nearest.
fn why(history: &History, at: usize, against: Option<usize>) -> Why {
    let event = &history.events[at];
    if event.checked.is_some() {
        return Why::Checked;
    }
    if let Some(confirmation @ (Confirmation::Confirmed | Confirmation::Literal)) = event.confirmation {
        return Why::Place { confirmation };
    }
    let Some(trace) = event.result.as_deref().and_then(|r| history.trace(r)) else {
        return Why::NoTrace;
    };
    let earlier = match against {
        Some(earlier) => vec![earlier],
        None => history.earlier(at),
    };
    let with_trace =
        |i: usize| Some((i, history.events[i].result.as_deref().and_then(|r| history.trace(r))?));
    let mut earlier: Vec<(usize, Rc<KeyTrace>)> = earlier.into_iter().filter_map(with_trace).collect();
    if against.is_none() {
        of_project(history, event, &trace, &mut earlier);
        if let Some(first) = keep_alike(history, event, &trace, &mut earlier) {
            return Why::FirstLike { first };
        }
    }
    let compared = earlier.into_iter().map(|(i, old)| (i, diff::differences(&old, &trace)));
    let nearest = compared.min_by_key(|(i, differences)| (differences.len(), std::cmp::Reverse(*i)));
    let Some((i, mut differences)) = nearest else { return Why::FirstSeen };
    if differences.is_empty() {
        return match against {
            Some(_) => Why::NotReproducible { earlier_us: history.events[i].time_us },
            None => same_inputs(history, at, i),
        };
    }
    for difference in &mut differences {
        let producer = producer(history, at, difference);
        difference.made_by = producer.map(|p| history.title(p));
    }
    let inputs = trace.components.len() + differences.iter().filter(|d| d.new.is_none()).count();
    Why::Differs { earlier_us: history.events[i].time_us, inputs, differences }
}

/// Keeps the builds in the same directory, or else those in other checkouts of the project.
fn of_project(history: &History, event: &Event, trace: &KeyTrace, earlier: &mut Vec<(usize, Rc<KeyTrace>)>) {
    let is_here = |i: usize| history.events[i].cwd == event.cwd;
    if earlier.iter().any(|(i, _)| is_here(*i)) {
        earlier.retain(|(i, _)| is_here(*i));
    } else {
        earlier.retain(|(_, old)| purpose::share_a_source(old, trace));
    }
}

/// Keeps the builds for the same purpose. If there is none, returns what is new.
fn keep_alike(
    history: &History,
    event: &Event,
    trace: &KeyTrace,
    earlier: &mut Vec<(usize, Rc<KeyTrace>)>,
) -> Option<String> {
    let now = Purpose::of(event, trace);
    let purposes: Vec<Purpose> =
        earlier.iter().map(|(i, old)| Purpose::of(&history.events[*i], old)).collect();
    if purposes.is_empty() {
        return None;
    }
    let mut alike = purposes.iter().map(|purpose| *purpose == now);
    earlier.retain(|_| alike.next() == Some(true));
    now.first(&purposes)
}

fn same_inputs(history: &History, at: usize, latest: usize) -> Why {
    let (event, earlier) = (&history.events[at], &history.events[latest]);
    let reason = Because::of(earlier).filter(|_| !earlier.stored);
    let was_stored = history.same_result(at).any(|e| e.stored || e.outcome == Outcome::Hit);
    let at_once = earlier.time_us + earlier.total_us > event.time_us;
    let report = event.detail.clone().or_else(|| event.trouble.clone()).filter(|_| event.stored);
    Why::SameInputs { earlier_us: earlier.time_us, was_stored, at_once, report, reason }
}

/// The invocation that made the new version of an input.
fn producer(history: &History, at: usize, difference: &Difference) -> Option<usize> {
    let new = difference.new.as_ref()?;
    match difference.name.split_once(' ')? {
        ("file", portable) => {
            history.producer(&new.raw, at).or_else(|| history.unrecorded_producer(portable, at))
        }
        // The path of a crate whose name contains another hash now.
        ("arg", "--extern") if difference.only_hashes_differ() => {
            history.producer(new.raw.split_once('=')?.1, at)
        }
        _ => None,
    }
}

/// The root causes of a miss, each once.
fn causes(history: &History, at: usize) -> Vec<Cause> {
    let mut walk = Walk { history, seen: BTreeSet::new(), found: Vec::new() };
    walk.follow(at, None, &mut Vec::new());
    walk.found
}

struct Walk<'a> {
    history: &'a History,
    seen: BTreeSet<usize>,
    found: Vec<Cause>,
}

impl Walk<'_> {
    fn follow(&mut self, at: usize, against: Option<usize>, chain: &mut Vec<String>) {
        if !self.seen.insert(at) {
            return;
        }
        chain.push(self.history.title(at));
        let why = why(self.history, at, against);
        match &why {
            Why::Differs { differences, .. } => {
                let mut upstream: Vec<(usize, Option<usize>)> = Vec::new();
                let mut own = false;
                for d in differences {
                    match producer(self.history, at, d).filter(|p| self.is_blamed(*p, at)) {
                        Some(p) if upstream.iter().any(|(seen, _)| *seen == p) => {}
                        Some(p) => {
                            let old = d.old.as_ref().and_then(|old| self.history.maker_of(p, &old.value));
                            upstream.push((p, old));
                        }
                        None => own |= !d.is_derived(),
                    }
                }
                if own || upstream.is_empty() {
                    self.cause(at, why.clone(), chain);
                }
                for (p, old) in upstream {
                    self.follow(p, old, chain);
                }
            }
            _ => self.cause(at, why, chain),
        }
        chain.pop();
    }

    /// Whether a unit missed in the build of another one. What was restored, or built earlier, is an input like any other.
    fn is_blamed(&self, producer: usize, at: usize) -> bool {
        let (producer, event) = (&self.history.events[producer], &self.history.events[at]);
        producer.build == event.build && producer.outcome == Outcome::Miss
    }

    fn cause(&mut self, at: usize, why: Why, chain: &[String]) {
        let event = &self.history.events[at];
        let reason = Because::of(event).filter(|_| !event.stored);
        let summary = summary(&why, reason.as_ref());
        let key = match telling(&why) {
            Some(d) => {
                format!("{:?} {}", [&d.old, &d.new].map(|side| side.as_ref().map(|s| &s.value)), d.name)
            }
            None => summary.clone(),
        };
        let unit = self.history.title(at);
        self.found.push(Cause { at, unit, chain: chain.to_vec(), summary, key, why, reason });
    }
}

/// The most informative difference: the unit's own before another unit's output, a change before its effect on cargo's hashes.
pub fn telling(why: &Why) -> Option<&Difference> {
    let Why::Differs { differences, .. } = why else { return None };
    differences.iter().min_by_key(|d| (d.made_by.is_some(), d.is_derived() || d.is_of_place()))
}

fn summary(why: &Why, reason: Option<&Because>) -> String {
    match (why, reason) {
        (Why::Differs { .. }, _) => telling(why).map_or(String::new(), |d| match &d.made_by {
            Some(unit) => format!("the output of {unit} {}", d.verb()),
            None => format!("{} {}", d.name, d.verb()),
        }),
        (Why::NoTrace, Some(b)) => format!("result not stored ({})", b.word),
        (Why::NoTrace, None) => "its inputs were not recorded".to_string(),
        (Why::FirstSeen, Some(b)) => format!("first build, result not stored ({})", b.word),
        (Why::FirstSeen, None) => "first build".to_string(),
        (Why::FirstLike { first }, _) => format!("first {first}"),
        (Why::SameInputs { at_once: true, .. }, _) => {
            "another build compiled it at the same time".to_string()
        }
        (Why::SameInputs { was_stored: true, report: Some(report), .. }, _) => report.clone(),
        (Why::SameInputs { was_stored: true, .. }, _) => "the lookup did not find its result".to_string(),
        (Why::SameInputs { reason: Some(b), .. }, _) => format!("its result is never stored ({})", b.word),
        (Why::SameInputs { .. }, _) => "its result was not stored".to_string(),
        (Why::Place { confirmation: Confirmation::Literal }, _) => {
            "another place made something else from the same inputs".to_string()
        }
        (Why::Place { .. }, _) => "run to confirm the result of another place".to_string(),
        (Why::Checked, Some(b)) => format!("a hit was checked ({})", b.word),
        (Why::Checked, None) => "a hit was checked".to_string(),
        (Why::NotReproducible { .. }, _) => "equal inputs gave different outputs".to_string(),
    }
}

/// What is done to make a unit, and what was done.
pub fn verbs(family: &str) -> (&'static str, &'static str) {
    match family {
        "script" | "command" => ("run", "ran"),
        "link" => ("link", "linked"),
        _ => ("compile", "compiled"),
    }
}

/// A unit's label, with its package where the names differ: every build script is called `build_script_build`.
pub fn title(unit: &Unit) -> String {
    if unit.family.is_empty() {
        return format!("an invocation of {}", unit.name);
    }
    let package = unit.package.split(' ').next().unwrap_or_default();
    // The run of a build script has the package's name, a crate has it with `_`.
    if package.is_empty() || package.replace('-', "_") == unit.name.replace('-', "_") {
        return unit.label();
    }
    format!("{} of {package}", unit.label())
}

/// Whether `explain` covers the event.
pub fn is_explained(event: &Event) -> bool {
    event.kind == Kind::Unit && !event.unit.name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_where_the_unit_does_not() {
        let of = |package: &str, name: &str, kind: &str| {
            title(&Unit {
                family: "script".into(),
                package: package.into(),
                name: name.into(),
                kind: kind.into(),
                ..Unit::default()
            })
        };
        assert_eq!(of("proc-macro2 1.0.1", "proc-macro2", "script"), "proc-macro2 1.0.1 (script)");
        assert!(of("proc-macro2 1.0.1", "build_script_build", "bin").ends_with(" of proc-macro2"));
        assert!(!of("proc-macro2 1.0.1", "proc_macro2", "lib").contains(" of "));
    }

    #[test]
    fn a_unit_counts_once_for_a_cause_that_several_of_its_dependencies_have() {
        let cause = |at: usize, key: &str| Cause {
            at,
            unit: String::new(),
            chain: Vec::new(),
            summary: key.into(),
            key: key.into(),
            why: Why::NotReproducible { earlier_us: 0 },
            reason: None,
        };
        let causes = [
            (0, vec![cause(0, "flag")]),
            (1, vec![cause(1, "file")]),
            (2, vec![cause(0, "flag"), cause(1, "flag"), cause(1, "file")]),
            (3, vec![cause(1, "file")]),
        ];
        assert_eq!(top_cause(&causes), Some(("file", 3)));
    }
}
