//! Matches the units of two builds by what they build.
//!
//! Order and paths cannot match them: builds run in parallel, and clones have different paths. If cargo's
//! hash differs (a flag with a path changes every `-C extra-filename`), no unit has an exact partner; then
//! units are matched by less of their identity, in several passes. Equal candidates are matched in order of
//! appearance.
//!
//! A C compile is identified by its object, since one source is often compiled twice, for example with and
//! without `-fPIC`. Cargo's hash is then part of paths (`build/x-HASH/out`), and the cc crate adds a hash of
//! its own to object names.

use crate::analysis::normalize;
use crate::analysis::summary::DRIVERS;
use kache_core::events::{Event, Unit};
use std::collections::{BTreeMap, VecDeque};

/// How much of their identity two units have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchQuality {
    Exact,
    /// All but cargo's hash.
    WithoutHash,
    /// The output, but not the source path; for C the source, but not the object path.
    WithoutPath,
}

#[derive(Clone, Copy, Debug)]
pub struct UnitPair<'a> {
    pub a: &'a Event,
    pub b: &'a Event,
    pub quality: MatchQuality,
}

#[derive(Debug, Default)]
pub struct UnitPairing<'a> {
    /// In the second clone's start order.
    pub pairs: Vec<UnitPair<'a>>,
    /// Built in the first clone only.
    pub only_a: Vec<&'a Event>,
    /// Built in the second clone only.
    pub only_b: Vec<&'a Event>,
}

pub fn pair<'a>(a: &'a [Event], b: &'a [Event]) -> UnitPairing<'a> {
    let mut pairing = UnitPairing { pairs: Vec::new(), only_a: by_start(a), only_b: by_start(b) };
    for (quality, identity) in LEVELS {
        match_level(&mut pairing, *quality, *identity);
    }
    pairing.pairs.sort_by_key(|pair| pair.b.time_us);
    pairing
}

type Identity = fn(&Unit) -> Unit;

const LEVELS: &[(MatchQuality, Identity)] = &[
    (MatchQuality::Exact, Unit::clone),
    (MatchQuality::WithoutHash, without_hash),
    (MatchQuality::WithoutPath, without_path),
];

fn without_hash(unit: &Unit) -> Unit {
    if !DRIVERS.contains(&&*unit.family) {
        return Unit { extra: String::new(), ..unit.clone() };
    }
    let [name, extra, source] =
        [&unit.name, &unit.extra, &unit.source].map(|text| normalize::replace_hashes(text));
    Unit { name, extra, source, ..unit.clone() }
}

fn without_path(unit: &Unit) -> Unit {
    let unit = without_hash(unit);
    let source = if DRIVERS.contains(&&*unit.family) { unit.source } else { String::new() };
    Unit { extra: String::new(), source, ..unit }
}

fn by_start(events: &[Event]) -> Vec<&Event> {
    let mut events: Vec<_> = events.iter().collect();
    events.sort_by_key(|event| event.time_us);
    events
}

fn match_level(pairing: &mut UnitPairing<'_>, quality: MatchQuality, identity: Identity) {
    let mut waiting: BTreeMap<Unit, VecDeque<&Event>> = BTreeMap::new();
    for event in std::mem::take(&mut pairing.only_a) {
        waiting.entry(identity(&event.unit)).or_default().push_back(event);
    }
    for b in std::mem::take(&mut pairing.only_b) {
        match waiting.get_mut(&identity(&b.unit)).and_then(VecDeque::pop_front) {
            Some(a) => pairing.pairs.push(UnitPair { a, b, quality }),
            None => pairing.only_b.push(b),
        }
    }
    pairing.only_a = waiting.into_values().flatten().collect();
    pairing.only_a.sort_by_key(|event| event.time_us);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{object, unit};

    #[test]
    fn order_does_not_matter() {
        let a = [unit("one").time(1).event(), unit("two").time(2).event()];
        let b = [unit("two").time(1).event(), unit("one").time(2).event()];
        let pairing = pair(&a, &b);
        assert_eq!(pairing.pairs.len(), 2);
        assert!(pairing.pairs.iter().all(|p| p.a.unit == p.b.unit && p.quality == MatchQuality::Exact));
        assert_eq!(pairing.pairs[0].b.unit.name, "two");
    }

    #[test]
    fn the_exact_partner_goes_before_one_with_another_hash() {
        let a = [unit("one").extra("-1").time(1).event(), unit("one").extra("-2").time(2).event()];
        let b = [unit("one").extra("-2").time(1).event(), unit("one").extra("-3").time(2).event()];
        let pairing = pair(&a, &b);
        let extras: Vec<_> =
            pairing.pairs.iter().map(|p| (&*p.a.unit.extra, &*p.b.unit.extra, p.quality)).collect();
        assert_eq!(extras, [("-2", "-2", MatchQuality::Exact), ("-1", "-3", MatchQuality::WithoutHash)]);
    }

    #[test]
    fn a_source_compiled_twice_is_two_objects_however_the_builds_run() {
        let a = [
            object("<workspace>/x.c", "<workspace>/x.o").time(1).event(),
            object("<workspace>/x.c", "<workspace>/.libs/x.o").time(2).event(),
        ];
        let b = [
            object("<workspace>/x.c", "<workspace>/.libs/x.o").time(1).event(),
            object("<workspace>/x.c", "<workspace>/x.o").time(2).event(),
        ];
        let pairing = pair(&a, &b);
        assert_eq!(pairing.pairs.len(), 2);
        assert!(pairing.pairs.iter().all(|p| p.a.unit == p.b.unit && p.quality == MatchQuality::Exact));
    }

    #[test]
    fn objects_below_a_hash_are_told_apart_by_the_rest_of_their_path() {
        let built = |hash: &str, part: &str, time| {
            let object_path = format!("<target>/debug/build/z-{hash}/out/{part}/{hash}-x.o");
            object("<workspace>/x.c", &object_path).time(time).event()
        };
        let (one, two) = ("0123456789abcdef", "fedcba9876543210");
        let a = [built(one, "static", 1), built(one, "shared", 2)];
        let b = [built(two, "shared", 1), built(two, "static", 2)];
        let pairing = pair(&a, &b);
        let part = |event: &Event| event.unit.extra.contains("shared");
        assert_eq!(pairing.pairs.len(), 2);
        assert!(
            pairing.pairs.iter().all(|p| part(p.a) == part(p.b) && p.quality == MatchQuality::WithoutHash)
        );
    }

    #[test]
    fn an_object_in_another_place_is_known_by_its_source() {
        let a = [
            object("<workspace>/x.c", "/tmp/aaa/x.o").time(1).event(),
            object("<workspace>/sub/x.c", "/tmp/aab/x.o").time(2).event(),
        ];
        let b = [
            object("<workspace>/sub/x.c", "/tmp/bbb/x.o").time(1).event(),
            object("<workspace>/x.c", "/tmp/bba/x.o").time(2).event(),
        ];
        let pairing = pair(&a, &b);
        assert_eq!(pairing.pairs.len(), 2);
        assert!(
            pairing
                .pairs
                .iter()
                .all(|p| p.a.unit.source == p.b.unit.source && p.quality == MatchQuality::WithoutPath)
        );
    }

    #[test]
    fn duplicates_are_paired_in_order_and_the_rest_is_left() {
        let a = [unit("one").time(1).key("k1").event(), unit("one").time(2).key("k2").event()];
        let b = [unit("one").time(5).key("k3").event(), unit("other").time(6).event()];
        let pairing = pair(&a, &b);
        assert_eq!(pairing.pairs.len(), 1);
        assert_eq!(pairing.pairs[0].a.result.as_deref(), Some("k1"));
        assert_eq!(pairing.only_a[0].result.as_deref(), Some("k2"));
        assert_eq!(pairing.only_b[0].unit.name, "other");
    }
}
