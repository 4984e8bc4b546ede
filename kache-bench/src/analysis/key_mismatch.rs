//! Groups the units whose keys differ by root cause, with the units where the cause arose and the units it
//! affects.
//!
//! One cause can make hundreds of units miss, since a unit's output is an input of its dependants.
//! Differences that come from another unit's output become edges of a graph; the others are root causes.
//! Equal root causes are grouped, and each group affects the units downstream of it.

use crate::analysis::key_diff::{self, Difference, Differences, TextDifference};
use crate::analysis::leak::Words;
use crate::analysis::match_units::{UnitPair, UnitPairing};
use crate::analysis::root_cause::{self, CauseFinder, CauseFinding, RootCause};
use crate::analysis::summary;
use kache_core::events::Event;
use kache_core::key_trace::KeyTrace;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// One root cause of differing keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyMismatch {
    pub cause: RootCause,
    /// The key component that differs.
    pub component: String,
    /// Details beyond the kind.
    pub detail: String,
    /// The first unit with this cause, in build order.
    pub first: String,
    /// All units with this cause, including the first.
    pub root_units: Vec<String>,
    /// Units whose keys differ because of those units.
    pub affected: Vec<String>,
    /// The difference in the first unit.
    pub text_difference: TextDifference,
    /// The difference in words; `None` in records of a harness that had none, and where no component differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub words: Option<Words>,
}

/// A unit whose key differs although no component explains it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexplained {
    pub unit: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyMismatches {
    /// In build order.
    pub key_mismatches: Vec<KeyMismatch>,
    pub unexplained: Vec<Unexplained>,
}

/// Finds the root causes; `trace` reads the key trace of an event.
pub fn find(
    pairing: &UnitPairing<'_>,
    finder: &CauseFinder,
    trace: &dyn Fn(&Event) -> Option<KeyTrace>,
) -> KeyMismatches {
    let mut search = MismatchSearch {
        finder,
        pairs: &pairing.pairs,
        outputs: outputs(pairing),
        upstream: vec![BTreeSet::new(); pairing.pairs.len()],
        groups: BTreeMap::new(),
        unexplained: Vec::new(),
    };
    for unit in 0..pairing.pairs.len() {
        search.examine(unit, trace);
    }
    search.finish()
}

/// Whether the keys of a pair are equal; `None` if neither unit has a key.
pub fn agrees(pair: &UnitPair<'_>) -> Option<bool> {
    match (&pair.a.result, &pair.b.result) {
        (None, None) => None,
        (a, b) => Some(a == b),
    }
}

type MismatchIdentity = (RootCause, String, String, String);

struct MismatchGroup {
    finding: CauseFinding,
    component: String,
    root_units: BTreeSet<usize>,
}

struct MismatchSearch<'s> {
    finder: &'s CauseFinder,
    pairs: &'s [UnitPair<'s>],
    outputs: HashMap<PathBuf, usize>,
    /// For each unit, the units whose differing output it read.
    upstream: Vec<BTreeSet<usize>>,
    groups: BTreeMap<MismatchIdentity, MismatchGroup>,
    unexplained: Vec<Unexplained>,
}

fn outputs(pairing: &UnitPairing<'_>) -> HashMap<PathBuf, usize> {
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

impl MismatchSearch<'_> {
    fn examine(&mut self, unit: usize, trace: &dyn Fn(&Event) -> Option<KeyTrace>) {
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
                self.cannot_explain(unit, "its traces are equal, but its keys are not".into())
            }
            Differences::Order => {
                let (what, detail) = ("order of components", "the same inputs in a different order");
                self.add_group(unit, RootCause::Nondeterminism, what, detail, TextDifference::default());
            }
            Differences::Components(found) => self.add_roots(unit, &found),
        }
    }

    fn cannot_explain(&mut self, unit: usize, why: String) {
        self.unexplained.push(Unexplained { unit: self.pairs[unit].b.unit.label(), why });
    }

    fn add_roots(&mut self, unit: usize, found: &[Difference<'_>]) {
        let mut explained = false;
        for difference in found.iter() {
            if let Some(producer) = self.producer(difference).filter(|producer| *producer != unit) {
                explained = true;
                self.add_upstream(unit, producer);
            } else if !difference.is_only_hash() {
                explained = true;
                let finding = self.finder.cause(difference);
                let identity = root_cause::identity(self.finder, difference, &finding);
                self.add_root(unit, identity, finding);
            }
        }
        // Cargo's hashes follow from another difference; if no other is visible, report the hash.
        if let Some(difference) = found.first().filter(|_| !explained) {
            let detail = "only cargo's hash differs: the package's identity contains a path";
            let text = self.finder.cause(difference).text_difference;
            self.add_group(unit, RootCause::Flag, "arg -C metadata", detail, text);
        }
    }

    /// Adds a root cause that is the same in every unit.
    fn add_group(
        &mut self,
        unit: usize,
        cause: RootCause,
        component: &str,
        detail: &str,
        text_difference: TextDifference,
    ) {
        let identity = (cause, component.to_owned(), String::new(), String::new());
        self.add_root(unit, identity, CauseFinding { cause, detail: detail.to_owned(), text_difference });
    }

    fn add_root(&mut self, unit: usize, identity: MismatchIdentity, finding: CauseFinding) {
        let component = identity.1.clone();
        let group = self.groups.entry(identity).or_insert(MismatchGroup {
            finding,
            component,
            root_units: BTreeSet::new(),
        });
        group.root_units.insert(unit);
    }

    /// The unit that wrote the file of a component.
    fn producer(&self, difference: &Difference<'_>) -> Option<usize> {
        let (a, b) = self.finder.files(difference);
        let wrote = |path: &Path| self.outputs.get(path).copied();
        b.as_deref().and_then(wrote).or_else(|| a.as_deref().and_then(wrote))
    }

    /// `unit` read a differing output of `producer`.
    fn add_upstream(&mut self, unit: usize, producer: usize) {
        self.upstream[unit].insert(producer);
        let pair = &self.pairs[producer];
        let detail = match agrees(pair) {
            Some(false) => return,
            Some(true) => "the same key, but a different output".to_owned(),
            None => format!("not cached ({}), and its output differs", reason(pair.b)),
        };
        let component = format!("output of {}", pair.b.unit.label());
        let nothing = TextDifference::default();
        self.add_group(producer, RootCause::Nondeterminism, &component, &detail, nothing);
    }

    fn finish(self) -> KeyMismatches {
        let label = |unit: &usize| self.pairs[*unit].b.unit.label();
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by_key(|group| group.root_units.first().copied());
        let mismatch = |group: MismatchGroup| {
            let affected = downstream(&self.upstream, &group.root_units);
            let texts = &group.finding.text_difference;
            let words =
                (texts.a != texts.b).then(|| self.finder.words(group.finding.cause, &group.component, texts));
            KeyMismatch {
                words,
                cause: group.finding.cause,
                component: group.component,
                detail: group.finding.detail,
                first: group.root_units.first().map(label).unwrap_or_default(),
                root_units: group.root_units.iter().map(label).collect(),
                affected: affected.iter().map(label).collect(),
                text_difference: group.finding.text_difference,
            }
        };
        KeyMismatches {
            key_mismatches: groups.into_iter().map(mismatch).collect(),
            unexplained: self.unexplained,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NoTrace {
    #[error("its key has no trace")]
    Trace,
    #[error("it has no key ({0})")]
    Key(String),
}

fn trace_of(event: &Event, trace: &dyn Fn(&Event) -> Option<KeyTrace>) -> Result<KeyTrace, NoTrace> {
    match (&event.result, trace(event)) {
        (_, Some(trace)) => Ok(trace),
        (Some(_), None) => Err(NoTrace::Trace),
        (None, None) => Err(NoTrace::Key(reason(event))),
    }
}

fn reason(event: &Event) -> String {
    let outcome = summary::outcome(event);
    event.reason.as_ref().map_or(outcome.into(), |reason| format!("{outcome}: {reason}"))
}

/// All units that directly or indirectly read an output of `from`, without `from`.
fn downstream(upstream: &[BTreeSet<usize>], from: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut affected = from.clone();
    loop {
        let before = affected.len();
        for (unit, read) in upstream.iter().enumerate() {
            if !read.is_disjoint(&affected) {
                affected.insert(unit);
            }
        }
        if affected.len() == before {
            return &affected - from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::match_units::pair;
    use crate::analysis::normalize::CloneRoot;
    use crate::testing::{trace, unit};

    type Components<'c> = &'c [(&'c str, &'c str, &'c str)];

    fn find_in(a: &[Event], b: &[Event], traces: &[(&str, Components<'_>)]) -> KeyMismatches {
        let finder = CauseFinder {
            a: CloneRoot::of(Path::new("/t/a")),
            b: CloneRoot::of(Path::new("/t/b")),
            variables: Default::default(),
        };
        let pairing = pair(a, b);
        let read = |event: &Event| {
            let key = event.result.as_deref()?;
            traces.iter().find(|(name, _)| *name == key).map(|(_, components)| trace(components))
        };
        find(&pairing, &finder, &read)
    }

    #[test]
    fn equal_keys_leak_nothing() {
        let key_mismatches = find_in(&[unit("one").event()], &[unit("one").event()], &[]);
        assert!(key_mismatches.key_mismatches.is_empty() && key_mismatches.unexplained.is_empty());
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
        let key_mismatches = find_in(
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
        assert_eq!(key_mismatches.key_mismatches.len(), 1, "{key_mismatches:?}");
        let mismatch = &key_mismatches.key_mismatches[0];
        assert_eq!(
            (mismatch.cause, &*mismatch.component, &*mismatch.first),
            (RootCause::Env, "env ID", "base 0.1.0 (lib)")
        );
        assert_eq!(mismatch.affected, ["middle 0.1.0 (lib)", "top 0.1.0 (lib)"]);
        assert_eq!(mismatch.text_difference.diff, "[-1-]{+2+}");
    }

    #[test]
    fn a_flag_in_every_unit_is_one_leak_and_hides_no_other() {
        let build = |root: &str, hash: &str| {
            ["one", "two"].map(|name| unit(name).extra(hash).key(&format!("{name}-{root}")).event())
        };
        let (a, b) = (build("a", "-0123456789abcdef"), build("b", "-fedcba9876543210"));
        let key_mismatches = find_in(
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
        let found: Vec<_> =
            key_mismatches.key_mismatches.iter().map(|l| (l.cause, l.root_units.len())).collect();
        assert_eq!(found, [(RootCause::Flag, 2), (RootCause::Env, 1)]);
        assert_eq!(key_mismatches.key_mismatches[0].text_difference.diff, "p=/t/[-a-]{+b+}");
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
        let key_mismatches = find_in(
            &build("a"),
            &build("b"),
            &[("user-a", &[(file, "/t/a/m.so", "1")]), ("user-b", &[(file, "/t/b/m.so", "2")])],
        );
        assert_eq!(key_mismatches.key_mismatches.len(), 1);
        assert_eq!(key_mismatches.key_mismatches[0].cause, RootCause::Nondeterminism);
        assert_eq!(key_mismatches.key_mismatches[0].first, "macro 0.1.0 (lib)");
        assert_eq!(key_mismatches.key_mismatches[0].affected, ["user 0.1.0 (lib)"]);
    }

    #[test]
    fn a_missing_trace_is_told() {
        let key_mismatches = find_in(&[unit("one").key("k1").event()], &[unit("one").key("k2").event()], &[]);
        assert_eq!(key_mismatches.unexplained[0].unit, "one 0.1.0 (lib)");
    }
}
