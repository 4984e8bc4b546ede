//! From pairs whose keys differ to leaks: by cause, with where each entered and how far it reached.
//!
//! One leak can make hundreds of units miss, because a unit's output is its dependants' input. So differences
//! are first split into those that came from another unit's output (edges of a graph) and those that came in
//! here; the latter are grouped, and each group's reach is what lies downstream of it.

use crate::analysis::key_diff::{self, Contrast, Difference, Differences};
use crate::analysis::match_units::{Pair, Pairing};
use crate::analysis::root_cause::{self, Cause, Finding, Judge};
use kache_core::events::{Event, Outcome};
use kache_core::key_trace::KeyTrace;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// One cause that made keys differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leak {
    /// Of which kind.
    pub cause: Cause,
    /// The key component that it came in by.
    pub component: String,
    /// What is known beyond the kind.
    pub detail: String,
    /// The first unit that it entered, in build order.
    pub first: String,
    /// All units that it entered, the first among them.
    pub entered: Vec<String>,
    /// Units whose keys differ because of those.
    pub reached: Vec<String>,
    /// What differs, in the first unit.
    pub contrast: Contrast,
}

/// A unit whose key differs without a component that says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexplained {
    /// Its label.
    pub unit: String,
    /// What is missing.
    pub why: String,
}

/// All that was found out about differing keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Leaks {
    /// In the order in which they entered.
    pub leaks: Vec<Leak>,
    /// What no trace explains.
    pub unexplained: Vec<Unexplained>,
}

/// Finds the leaks of a pairing; `trace` reads the key trace of an event.
pub fn find(pairing: &Pairing<'_>, judge: &Judge, trace: &dyn Fn(&Event) -> Option<KeyTrace>) -> Leaks {
    let mut search = Search {
        judge,
        pairs: &pairing.pairs,
        outputs: outputs(pairing),
        upstream: vec![BTreeSet::new(); pairing.pairs.len()],
        groups: BTreeMap::new(),
        unexplained: Vec::new(),
    };
    for unit in 0..pairing.pairs.len() {
        search.look_at(unit, trace);
    }
    search.finish()
}

/// Whether the keys of a pair agree; nothing where neither has one.
pub fn agrees(pair: &Pair<'_>) -> Option<bool> {
    match (&pair.a.result, &pair.b.result) {
        (None, None) => None,
        (a, b) => Some(a == b),
    }
}

type Identity = (Cause, String, String, String);

struct Group {
    finding: Finding,
    component: String,
    entered: BTreeSet<usize>,
}

struct Search<'s> {
    judge: &'s Judge,
    pairs: &'s [Pair<'s>],
    outputs: HashMap<PathBuf, usize>,
    /// For each unit those whose differing output it read.
    upstream: Vec<BTreeSet<usize>>,
    groups: BTreeMap<Identity, Group>,
    unexplained: Vec<Unexplained>,
}

fn outputs(pairing: &Pairing<'_>) -> HashMap<PathBuf, usize> {
    let of = |event: &Event, at: usize| {
        event.outputs.iter().map(move |path| (PathBuf::from(path), at)).collect::<Vec<_>>()
    };
    pairing
        .pairs
        .iter()
        .enumerate()
        .flat_map(|(at, pair)| [of(pair.a, at), of(pair.b, at)].concat())
        .collect()
}

impl Search<'_> {
    fn look_at(&mut self, unit: usize, trace: &dyn Fn(&Event) -> Option<KeyTrace>) {
        let pair = &self.pairs[unit];
        if agrees(pair) != Some(false) {
            return;
        }
        let (a, b) = match (trace_of(pair.a, trace), trace_of(pair.b, trace)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(why), _) => return self.cannot_explain(unit, format!("in the first clone, {why}")),
            (_, Err(why)) => return self.cannot_explain(unit, format!("in the second clone, {why}")),
        };
        match key_diff::diff(&a, &b) {
            Differences::None => {
                self.cannot_explain(unit, "its traces are the same, its keys are not".into())
            }
            Differences::Order => self.enter_order(unit),
            Differences::Components(found) => self.enter_all(unit, &found),
        }
    }

    fn cannot_explain(&mut self, unit: usize, why: String) {
        self.unexplained.push(Unexplained { unit: self.pairs[unit].b.unit.label(), why });
    }

    fn enter_all(&mut self, unit: usize, found: &[Difference<'_>]) {
        let mut explained = false;
        for difference in found.iter() {
            if let Some(producer) = self.producer(difference).filter(|producer| *producer != unit) {
                explained = true;
                self.pass_on(unit, producer);
            } else if !difference.is_only_hash() {
                explained = true;
                let finding = self.judge.cause(difference);
                let identity = root_cause::identity(self.judge, difference, &finding);
                self.enter(unit, identity, finding);
            }
        }
        // Cargo's hashes follow from something; where nothing else differs they are all that is to be seen.
        if let Some(difference) = found.first().filter(|_| !explained) {
            let mut finding = self.judge.cause(difference);
            finding.cause = Cause::Flag;
            finding.detail = "only cargo's hash differs: the package's identity has a path in it".into();
            self.enter(unit, (Cause::Flag, "arg -C metadata".into(), String::new(), String::new()), finding);
        }
    }

    fn enter_order(&mut self, unit: usize) {
        let contrast = key_diff::contrast("", "");
        let finding = Finding {
            cause: Cause::Nondeterminism,
            detail: "the same inputs in another order".into(),
            contrast,
        };
        let identity = (finding.cause, "order of components".into(), String::new(), String::new());
        self.enter(unit, identity, finding);
    }

    fn enter(&mut self, unit: usize, identity: Identity, finding: Finding) {
        let component = identity.1.clone();
        let group =
            self.groups.entry(identity).or_insert(Group { finding, component, entered: BTreeSet::new() });
        group.entered.insert(unit);
    }

    /// The unit that wrote the file of a component.
    fn producer(&self, difference: &Difference<'_>) -> Option<usize> {
        let (a, b) = self.judge.files(difference);
        let wrote = |path: &Path| self.outputs.get(path).copied();
        b.as_deref().and_then(wrote).or_else(|| a.as_deref().and_then(wrote))
    }

    /// `unit` read an output of `producer` that differs.
    fn pass_on(&mut self, unit: usize, producer: usize) {
        self.upstream[unit].insert(producer);
        let pair = &self.pairs[producer];
        let detail = match agrees(pair) {
            Some(false) => return,
            Some(true) => "the same key, but another output".to_owned(),
            None => format!("not cached ({}), and its output differs", reason(pair.b)),
        };
        let component = format!("output of {}", pair.b.unit.label());
        let contrast = key_diff::contrast("", "");
        let finding = Finding { cause: Cause::Nondeterminism, detail, contrast };
        self.enter(producer, (Cause::Nondeterminism, component, String::new(), String::new()), finding);
    }

    fn finish(self) -> Leaks {
        let label = |unit: &usize| self.pairs[*unit].b.unit.label();
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by_key(|group| group.entered.first().copied());
        let leak = |group: Group| {
            let reached = downstream(&self.upstream, &group.entered);
            Leak {
                cause: group.finding.cause,
                component: group.component,
                detail: group.finding.detail,
                first: group.entered.first().map(label).unwrap_or_default(),
                entered: group.entered.iter().map(label).collect(),
                reached: reached.iter().map(label).collect(),
                contrast: group.finding.contrast,
            }
        };
        Leaks { leaks: groups.into_iter().map(leak).collect(), unexplained: self.unexplained }
    }
}

fn trace_of(event: &Event, trace: &dyn Fn(&Event) -> Option<KeyTrace>) -> Result<KeyTrace, String> {
    match (&event.result, trace(event)) {
        (_, Some(trace)) => Ok(trace),
        (Some(_), None) => Err("its key has no trace".into()),
        (None, None) => Err(format!("it has no key ({})", reason(event))),
    }
}

fn reason(event: &Event) -> String {
    let outcome = match event.outcome {
        Outcome::Hit => "hit",
        Outcome::Miss => "miss",
        Outcome::Passthrough => "passthrough",
        Outcome::Error => "error",
    };
    event.reason.as_ref().map_or(outcome.into(), |reason| format!("{outcome}: {reason}"))
}

/// All units that read, directly or not, an output of one of `from`, less those themselves.
fn downstream(upstream: &[BTreeSet<usize>], from: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut reached = from.clone();
    loop {
        let before = reached.len();
        for (unit, read) in upstream.iter().enumerate() {
            if !read.is_disjoint(&reached) {
                reached.insert(unit);
            }
        }
        if reached.len() == before {
            return &reached - from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::match_units::pair;
    use crate::analysis::normalize::Place;
    use crate::testing::{trace, unit};

    type Components<'c> = &'c [(&'c str, &'c str, &'c str)];

    fn find_in(a: &[Event], b: &[Event], traces: &[(&str, Components<'_>)]) -> Leaks {
        let judge = Judge { a: Place::of(Path::new("/t/a")), b: Place::of(Path::new("/t/b")) };
        let pairing = pair(a, b);
        let read = |event: &Event| {
            let key = event.result.as_deref()?;
            traces.iter().find(|(name, _)| *name == key).map(|(_, components)| trace(components))
        };
        find(&pairing, &judge, &read)
    }

    #[test]
    fn equal_keys_leak_nothing() {
        let leaks = find_in(&[unit("one").event()], &[unit("one").event()], &[]);
        assert!(leaks.leaks.is_empty() && leaks.unexplained.is_empty());
    }

    #[test]
    fn a_leak_names_where_it_entered_and_what_it_reached() {
        let output = |root: &str, name: &str| format!("/t/{root}/target/debug/deps/lib{name}.rmeta");
        let build = |root: &str| {
            ["base", "middle", "top", "free"].map(|name| {
                let key = if name == "free" { "same".into() } else { format!("{name}-{root}") };
                unit(name).key(&key).output(&output(root, name)).event()
            })
        };
        let read = |root: &str, name: &str| output(root, name);
        let (base_a, base_b) = (read("a", "base"), read("b", "base"));
        let (middle_a, middle_b) = (read("a", "middle"), read("b", "middle"));
        let file = "file <target>/debug/deps/x";
        let leaks = find_in(
            &build("a"),
            &build("b"),
            &[
                ("base-a", &[("env ID", "1", "1")]),
                ("base-b", &[("env ID", "2", "2")]),
                ("middle-a", &[(file, &base_a, "d1")]),
                ("middle-b", &[(file, &base_b, "d2")]),
                ("top-a", &[(file, &middle_a, "d3")]),
                ("top-b", &[(file, &middle_b, "d4")]),
            ],
        );
        assert_eq!(leaks.leaks.len(), 1, "{leaks:?}");
        let leak = &leaks.leaks[0];
        assert_eq!((leak.cause, &*leak.component, &*leak.first), (Cause::Env, "env ID", "base 0.1.0 (lib)"));
        assert_eq!(leak.reached, ["middle 0.1.0 (lib)", "top 0.1.0 (lib)"]);
        assert_eq!(leak.contrast.diff, "[-1-]{+2+}");
    }

    #[test]
    fn a_flag_in_every_unit_is_one_leak_and_hides_no_other() {
        let build = |root: &str, hash: &str| {
            ["one", "two"].map(|name| unit(name).extra(hash).key(&format!("{name}-{root}")).event())
        };
        let (a, b) = (build("a", "-0123456789abcdef"), build("b", "-fedcba9876543210"));
        let leaks = find_in(
            &a,
            &b,
            &[
                (
                    "one-a",
                    &[
                        ("arg --cfg", "p=/t/a", "p=/t/a"),
                        ("arg -C metadata", "0123456789abcdef", "0123456789abcdef"),
                    ],
                ),
                (
                    "one-b",
                    &[
                        ("arg --cfg", "p=/t/b", "p=/t/b"),
                        ("arg -C metadata", "fedcba9876543210", "fedcba9876543210"),
                    ],
                ),
                ("two-a", &[("arg --cfg", "p=/t/a", "p=/t/a"), ("env ID", "1", "1")]),
                ("two-b", &[("arg --cfg", "p=/t/b", "p=/t/b"), ("env ID", "2", "2")]),
            ],
        );
        let found: Vec<_> = leaks.leaks.iter().map(|l| (l.cause, l.entered.len())).collect();
        assert_eq!(found, [(Cause::Flag, 2), (Cause::Env, 1)]);
        assert_eq!(leaks.leaks[0].contrast.diff, "p=/t/[-a-]{+b+}");
    }

    #[test]
    fn the_same_key_with_another_output_is_nondeterminism_of_the_producer() {
        let file = "file <target>/x";
        let build = |root: &str| {
            [
                unit("macro").key("same").output(&format!("/t/{root}/m.so")).event(),
                unit("user").key(&format!("user-{root}")).event(),
            ]
        };
        let leaks = find_in(
            &build("a"),
            &build("b"),
            &[("user-a", &[(file, "/t/a/m.so", "1")]), ("user-b", &[(file, "/t/b/m.so", "2")])],
        );
        assert_eq!(leaks.leaks.len(), 1);
        assert_eq!(leaks.leaks[0].cause, Cause::Nondeterminism);
        assert_eq!(leaks.leaks[0].first, "macro 0.1.0 (lib)");
        assert_eq!(leaks.leaks[0].reached, ["user 0.1.0 (lib)"]);
    }

    #[test]
    fn a_missing_trace_is_told() {
        let leaks = find_in(&[unit("one").key("k1").event()], &[unit("one").key("k2").event()], &[]);
        assert_eq!(leaks.unexplained[0].unit, "one 0.1.0 (lib)");
    }
}
