//! Why a unit was compiled again, from events and key traces alone.
//!
//! A miss that left a key trace is compared with the nearest earlier trace of the same unit: the one with the fewest
//! differing inputs. An input that is another unit's output is followed to that unit, and so on, until a unit is
//! reached that differs by something of its own: the first cause. There the comparison is not with the nearest trace
//! but with the very one whose output the follower had read before.

pub mod diff;
pub mod history;
pub mod reasons;

use diff::Difference;
use history::History;
use kache_core::events::{Checked, Event, Kind, Outcome, Unit};
use kache_core::reason::Reason;
use serde::Serialize;
use std::collections::BTreeSet;

/// What became of a unit in one invocation, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The unit's [`title`].
    pub unit: String,
    /// When its invocation began, µs since 1970.
    pub time_us: u64,
    /// The build that it belonged to.
    pub build: String,
    /// `hit`, `miss`, `passthrough` or `error`.
    pub outcome: Outcome,
    /// Whether a miss's result was kept.
    pub stored: bool,
    /// Where a hit was compiled to check it: what came of it.
    pub checked: Option<Checked>,
    /// The event's reason: why it passed through, failed or was not kept.
    pub reason: Option<Because>,
    /// What the compiler took, in µs: now on a miss, when the result was made on a hit.
    pub compile_us: u64,
    /// Why it had to be compiled; only for misses.
    pub why: Option<Why>,
    /// The first causes of a miss.
    pub causes: Vec<Cause>,
}

/// A reason word, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Because {
    /// The word.
    pub word: Reason,
    /// The particulars.
    pub detail: String,
    /// What the word means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Why a unit had to be compiled.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Why {
    /// No earlier compile of it left a trace.
    FirstSeen,
    /// Its inputs are not known: see the event's reason.
    NoTrace,
    /// The very same inputs were compiled before, and the result was not there to restore.
    SameInputs {
        /// When the latest of those was.
        earlier_us: u64,
        /// Whether a result had been kept by any of them.
        was_stored: bool,
        /// Why it had not, where one of them said so.
        reason: Option<Because>,
    },
    /// Inputs differ.
    Differs {
        /// When the earlier invocation was that it is compared with.
        earlier_us: u64,
        /// How many inputs were compared.
        inputs: usize,
        /// Those that differ.
        differences: Vec<Difference>,
    },
    /// Nothing that is known differs: it would have been a hit, and was compiled to check it.
    Checked,
    /// The same inputs made other bytes.
    NotReproducible {
        /// When the earlier compile was.
        earlier_us: u64,
    },
}

/// Where a chain of misses began.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// The unit that it entered by.
    pub unit: String,
    /// From the explained unit down to that one.
    pub chain: Vec<String>,
    /// In a line.
    pub summary: String,
    /// Equal for one change that entered by several units: a flag given to all of them, a file that many include.
    #[serde(skip)]
    pub key: String,
    /// The whole of it.
    pub why: Why,
    /// That unit's own reason, where it says why nothing was kept.
    pub reason: Option<Because>,
}

impl Because {
    fn of(event: &Event) -> Option<Because> {
        let word = event.reason?;
        Some(Because {
            word,
            detail: event.detail.clone().unwrap_or_default(),
            meaning: reasons::meaning(word),
            remedy: reasons::help(word),
        })
    }
}

/// Why the event at an index missed, in a line.
pub fn first_cause(history: &History, at: usize) -> String {
    let causes = causes(history, at);
    let Some(cause) = causes.first() else { return String::new() };
    let more = if causes.len() > 1 { format!(", and {} more", causes.len() - 1) } else { String::new() };
    let by = if cause.chain.len() > 1 { format!(" in {}", cause.unit) } else { String::new() };
    format!("{}{by}{more}", cause.summary)
}

/// Explains the event at an index of the history.
pub fn explain(history: &History, at: usize) -> Explanation {
    let event = &history.events[at];
    let missed = event.outcome == Outcome::Miss;
    let why = missed.then(|| why(history, at, None));
    let causes = if missed { causes(history, at) } else { Vec::new() };
    Explanation {
        unit: title(&event.unit),
        time_us: event.time_us,
        build: event.build.clone(),
        outcome: event.outcome,
        stored: event.stored,
        checked: event.checked,
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
    let Some(trace) = event.result.as_deref().and_then(|r| history.trace(r)) else {
        return Why::NoTrace;
    };
    let earlier = match against {
        Some(earlier) => vec![earlier],
        None => history.earlier(at),
    };
    let mut nearest: Option<(usize, Vec<Difference>)> = None;
    for i in earlier {
        let Some(old) = history.events[i].result.as_deref().and_then(|r| history.trace(r)) else { continue };
        let differences = diff::differences(&old, &trace);
        if nearest.as_ref().is_none_or(|(_, d)| differences.len() < d.len()) {
            nearest = Some((i, differences));
        }
    }
    let Some((i, mut differences)) = nearest else { return Why::FirstSeen };
    if differences.is_empty() {
        return if against.is_some() {
            Why::NotReproducible { earlier_us: history.events[i].time_us }
        } else {
            same_inputs(history, at, i)
        };
    }
    for difference in &mut differences {
        let producer = producer(history, at, difference);
        difference.made_by = producer.map(|p| title(&history.events[p].unit));
    }
    let inputs = trace.components.len() + differences.iter().filter(|d| d.new.is_none()).count();
    Why::Differs { earlier_us: history.events[i].time_us, inputs, differences }
}

fn same_inputs(history: &History, at: usize, latest: usize) -> Why {
    let earlier = &history.events[latest];
    let reason = Because::of(earlier).filter(|_| !earlier.stored);
    let was_stored = history.same_result(at).any(|e| e.stored || e.outcome == Outcome::Hit);
    Why::SameInputs { earlier_us: earlier.time_us, was_stored, reason }
}

/// The invocation that made a differing input, as it is now.
fn producer(history: &History, at: usize, difference: &Difference) -> Option<usize> {
    let new = difference.new.as_ref()?;
    let path = match difference.name.split_once(' ')? {
        ("file", _) => new.raw.as_str(),
        // The place of a crate whose name has another hash now.
        ("arg", "--extern") if difference.only_hashes_differ() => new.raw.split_once('=')?.1,
        _ => return None,
    };
    history.producer(path, at)
}

/// The first causes of a miss, each once.
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
        chain.push(title(&self.history.events[at].unit));
        let why = why(self.history, at, against);
        match &why {
            Why::Differs { differences, .. } => {
                let mut upstream: Vec<(usize, Option<usize>)> = Vec::new();
                for d in differences {
                    let Some(p) = producer(self.history, at, d) else { continue };
                    if upstream.iter().all(|(seen, _)| *seen != p) {
                        let old = d.old.as_ref().and_then(|old| self.history.maker_of(p, &old.value));
                        upstream.push((p, old));
                    }
                }
                let own = differences.iter().any(|d| d.made_by.is_none() && !d.is_derived());
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

    fn cause(&mut self, at: usize, why: Why, chain: &[String]) {
        let event = &self.history.events[at];
        let reason = Because::of(event).filter(|_| !event.stored);
        let summary = summary(&why, reason.as_ref());
        let key = match telling(&why) {
            Some(d) => format!(
                "{:?} {:?} {}",
                d.old.as_ref().map(|s| &s.value),
                d.new.as_ref().map(|s| &s.value),
                d.name
            ),
            None => summary.clone(),
        };
        self.found.push(Cause { unit: title(&event.unit), chain: chain.to_vec(), summary, key, why, reason });
    }
}

/// The difference that says most: the unit's own before another's output, a change before what cargo made of it.
fn telling(why: &Why) -> Option<&Difference> {
    let Why::Differs { differences, .. } = why else { return None };
    differences.iter().min_by_key(|d| (d.made_by.is_some(), d.is_derived()))
}

fn summary(why: &Why, reason: Option<&Because>) -> String {
    match (why, reason) {
        (Why::Differs { .. }, _) => {
            telling(why).map_or(String::new(), |d| format!("{} {}", d.name, d.verb()))
        }
        (Why::NoTrace, Some(b)) => b.word.to_string(),
        (Why::NoTrace, None) => "its inputs were not recorded".to_string(),
        (Why::FirstSeen, Some(b)) => format!("first time seen, and not kept ({})", b.word),
        (Why::FirstSeen, None) => "first time seen".to_string(),
        (Why::SameInputs { was_stored: true, .. }, _) => "its result was no longer in the cache".to_string(),
        (Why::SameInputs { reason: Some(b), .. }, _) => format!("its result is never kept ({})", b.word),
        (Why::SameInputs { .. }, _) => "its result had not been kept".to_string(),
        (Why::Checked, Some(b)) => format!("a hit was checked ({})", b.word),
        (Why::Checked, None) => "a hit was checked".to_string(),
        (Why::NotReproducible { .. }, _) => "the same inputs made other bytes than before".to_string(),
    }
}

/// A unit's label, with its package where that is called otherwise: every build script is `build_script_build`.
pub fn title(unit: &Unit) -> String {
    if unit.family.is_empty() {
        return format!("an invocation of {}", unit.name);
    }
    let package = unit.package.split(' ').next().unwrap_or_default();
    if package.is_empty() || package.replace('-', "_") == unit.name {
        return unit.label();
    }
    format!("{} of {package}", unit.label())
}

/// Whether an event is one that `explain` speaks of.
pub fn is_explained(event: &Event) -> bool {
    event.kind == Kind::Unit && !event.unit.name.is_empty()
}
