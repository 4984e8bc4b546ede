//! What is put into the store comes out of it as it was, whatever bytes its names have; and what was altered is nothing.

use kache_core::dependency::{self, ABSENT, Dependency, Kind, RecordedDependency};
use kache_core::digest::Digest;
use kache_core::events::{Confirmation, Observed};
use kache_core::place::RootOfPlace;
use kache_core::store::Store;
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::{ActionResult, Exact, Node, Output};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

/// Names as bytes: most with slashes, some with NULs, few of them text.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => Just(b'/'), 3 => Just(b'a'), 1 => Just(b'<'), 4 => any::<u8>()], 0..24)
}

fn observation() -> impl Strategy<Value = RecordedDependency> {
    let kind = proptest::sample::select(Kind::ALL);
    let seen = prop_oneof![Just(Digest::of(ABSENT)), digest()];
    (kind, name(), seen).prop_map(|(kind, name, seen)| RecordedDependency {
        dependency: Dependency::new(kind, name),
        digest: seen,
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    (digest(), vec(observation(), 0..12)).prop_map(|(result, dependencies)| Entry { result, dependencies })
}

fn exact() -> impl Strategy<Value = Exact> {
    let node = prop_oneof![Just(Node::File), Just(Node::Directory), Just(Node::Link)];
    (node, 0_u32..0o10000, any::<u32>()).prop_map(|(node, mode, rank)| Exact { node, mode, rank })
}

fn output() -> impl Strategy<Value = Output> {
    (name(), digest(), any::<bool>(), any::<bool>(), option::of(exact())).prop_map(
        |(path, digest, executable, is_template, exact)| Output {
            path,
            digest,
            executable,
            is_template,
            exact,
        },
    )
}

fn place() -> impl Strategy<Value = RootOfPlace> {
    let of_path = (digest(), any::<u64>(), digest());
    let facts = (vec(digest(), 0..4), digest(), vec(any::<u8>(), 0..8));
    (".{0,12}", of_path, facts).prop_map(|(name, (path, length, last), (components, within, characters))| {
        RootOfPlace { name, path, length, last, components, within, characters }
    })
}

fn result() -> impl Strategy<Value = ActionResult> {
    let observed = prop_oneof![Just(Observed::Preload), Just(Observed::Unobserved)];
    (
        vec(output(), 0..6),
        name(),
        name(),
        ".{0,12}",
        any::<u64>(),
        observed,
        any::<[bool; 2]>(),
        (vec(place(), 0..3), option::of(proptest::sample::select(Confirmation::ALL))),
    )
        .prop_map(
            |(
                outputs,
                stdout,
                stderr,
                label,
                compile_us,
                observed,
                [fetched, literal],
                (place, confirmation),
            )| {
                ActionResult {
                    outputs,
                    stdout,
                    stderr,
                    label,
                    compile_us,
                    observed,
                    fetched,
                    literal,
                    confirmation,
                    place,
                    status: (compile_us % 256) as i32,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_manifest_survives(entries in vec(entry(), 0..6), overflows: bool, action in digest(), at: usize, bit in 0..8u8) {
        let manifest = Manifest { entries, overflow_of: overflows.then_some(action) };
        let bytes = manifest.encode(&action);
        prop_assert_eq!(Manifest::decode(&bytes, &action), Some(manifest));
        let mut altered = bytes.clone();
        let at = at % bytes.len();
        altered[at] ^= 1 << bit;
        prop_assert_eq!(Manifest::decode(&altered, &action), None);
        prop_assert_eq!(Manifest::decode(&bytes[..at], &action), None);
    }

    #[test]
    fn a_result_survives(result in result(), key in digest(), at: usize, bit in 0..8u8) {
        let bytes = result.encode(&key);
        prop_assert_eq!(ActionResult::decode(&bytes, &key), Some(result));
        let mut altered = bytes.clone();
        let at = at % bytes.len();
        altered[at] ^= 1 << bit;
        prop_assert_eq!(ActionResult::decode(&altered, &key), None);
    }

    /// What is packed by directory is, unpacked, the same set of paths that were absent.
    #[test]
    fn packing_loses_nothing(all in vec(observation(), 0..40)) {
        let unpack = |o: RecordedDependency| match o.dependency.kind {
            Kind::Missing => {
                let mut parts = o.dependency.name.split(|b| *b == 0);
                let dir = parts.next().unwrap_or_default().to_vec();
                let absent = |name: &[u8]| (Kind::Path, [&dir[..], b"/", name].concat(), o.digest);
                parts.map(absent).collect()
            }
            kind => vec![(kind, o.dependency.name, o.digest)],
        };
        // As dependencies are made: a path has no NUL in it, and `missing` is only ever made by packing.
        let all: Vec<RecordedDependency> =
            all.into_iter().filter(|o| o.dependency.kind != Kind::Missing && !o.dependency.name.contains(&0)).collect();
        let mut wanted: Vec<_> = all.iter().cloned().flat_map(unpack).collect();
        let mut packed: Vec<_> = dependency::pack(all.into_iter()).into_iter().flat_map(unpack).collect();
        wanted.sort();
        packed.sort();
        prop_assert_eq!(packed, wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_gives_back_the_newest_sets_in_order(entries in vec(entry(), 1..40), action in digest()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for entry in &entries {
            Manifest::add(&store, &action, None, entry.clone()).unwrap();
        }
        let back = Manifest::load(&store, &action).unwrap().entries;
        let newest: Vec<Entry> = entries.into_iter().rev().take(back.len()).collect();
        prop_assert!(back.len() >= 20 || back.len() == newest.len());
        prop_assert_eq!(&back, &newest);
        let gone = back[0].result;
        Manifest::drop_result(&store, &action, &gone).unwrap();
        prop_assert!(Manifest::load(&store, &action).unwrap().entries.iter().all(|e| e.result != gone));
    }
}
