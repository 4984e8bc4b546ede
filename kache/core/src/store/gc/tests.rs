use super::*;
use crate::digest::Digest;
use crate::events::Observed;
use crate::key_trace::{self, KeyTrace};
use crate::store::manifest::Entry;
use crate::store::result::Output;
use tempfile::TempDir;

/// The size of each blob: well above the size of the other files of an entry.
const BLOB: usize = 1 << 20;
const UNLIMITED: Limits =
    Limits { max_bytes: u64::MAX, max_state_bytes: u64::MAX, max_age: None, dry_run: false };

struct TestStore {
    store: Store,
    _dir: TempDir,
}

impl TestStore {
    fn new() -> TestStore {
        let dir = tempfile::tempdir().unwrap();
        TestStore { store: Store::open(dir.path()).unwrap(), _dir: dir }
    }

    /// Stores an entry of that name whose blob has the contents of `blob`, last used `hours` ago.
    fn entry(&self, name: &str, blob: &str, hours: u64) {
        let mut contents = vec![b'.'; BLOB];
        contents[..blob.len()].copy_from_slice(blob.as_bytes());
        let digest = self.store.put_bytes(&contents).unwrap();
        let (action, result) = (key("action", name), key("result", name));
        let stored = ActionResult {
            outputs: vec![Output {
                path: b"/o".to_vec(),
                digest,
                executable: false,
                is_template: false,
                exact: None,
            }],
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: name.to_string(),
            compile_us: 1,
            observed: Observed::Preload,
            fetched: false,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        };
        stored.save(&self.store, &result).unwrap();
        Manifest::add(&self.store, &action, None, Entry { result, dependencies: Vec::new() }).unwrap();
        let trace = KeyTrace {
            v: key_trace::VERSION,
            label: name.to_string(),
            action: action.hex(),
            result: result.hex(),
            components: Vec::new(),
        };
        self.store.save_trace(&trace).unwrap();
        for path in [self.store.path(Area::Results, &result), self.store.path(Area::Blobs, &digest)] {
            age(&path, hours);
        }
    }

    fn collect(&self, limits: Limits) -> Collected {
        collect(&self.store, limits).unwrap().expect("no other collection runs")
    }

    /// The names of `all` whose entries are complete. An entry is never partly there after a collection.
    fn complete(&self, all: &[&str]) -> Vec<String> {
        let is_complete = |name: &&&str| {
            let result = key("result", name);
            let stored = ActionResult::load(&self.store, &result);
            let trace = self.store.path(Area::Traces, &result).exists();
            let leads = Manifest::load(&self.store, &key("action", name)).is_some();
            let blob = stored
                .as_ref()
                .is_some_and(|r| r.outputs.iter().all(|o| self.store.path(Area::Blobs, &o.digest).exists()));
            let parts = [stored.is_some(), trace, leads, blob];
            assert!(parts.iter().all(|part| *part == parts[0]), "{name}: {parts:?}");
            parts[0]
        };
        all.iter().filter(is_complete).map(|name| name.to_string()).collect()
    }

    fn blobs(&self) -> usize {
        let mut count = 0;
        each_file(&self.store.area(Area::Blobs), |_, _| {
            count += 1;
            Ok(())
        })
        .unwrap();
        count
    }
}

fn key(kind: &str, name: &str) -> Digest {
    Digest::of(format!("{kind} {name}").as_bytes())
}

fn age(path: &Path, hours: u64) {
    let then = SystemTime::now() - Duration::from_secs(hours * 3600);
    // A directory, or a read-only blob, can be opened for reading only.
    File::open(path).unwrap().set_modified(then).unwrap();
}

#[test]
fn a_store_within_its_limits_keeps_everything() {
    let test = TestStore::new();
    test.entry("a", "1", 1);
    test.entry("b", "2", 500);
    let done = test.collect(UNLIMITED);
    assert_eq!((done.kept, done.results, done.blobs), (2, Amount::default(), Amount::default()));
    assert_eq!(done.before, done.after);
    assert_eq!(test.store.usage(), Some(done.after));
    assert_eq!(test.complete(&["a", "b"]), ["a", "b"]);
}

#[test]
fn the_least_recently_used_entries_are_evicted_with_all_their_files() {
    let test = TestStore::new();
    let names = ["a", "b", "c", "d"];
    for (name, hours) in names.iter().zip([3, 90, 1, 40]) {
        test.entry(name, name, hours);
    }
    // Four fifths of the limit have room for two entries.
    let limits = Limits { max_bytes: 3 * BLOB as u64, ..UNLIMITED };
    let planned = test.collect(Limits { dry_run: true, ..limits });
    assert_eq!(test.complete(&names), names, "a dry run removes nothing");
    let done = test.collect(limits);
    assert_eq!(test.complete(&names), ["a", "c"]);
    assert_eq!((done.results.files, done.blobs.files, done.manifests.files, done.kept), (2, 2, 2, 2));
    assert_eq!((planned.results, planned.blobs), (done.results, done.blobs));
    assert!(done.after <= limits.max_bytes / 5 * 4, "{done:?}");
}

#[test]
fn a_blob_stays_while_a_recent_result_names_it() {
    let test = TestStore::new();
    test.entry("old", "shared", 100);
    test.entry("new", "shared", 1);
    let done = test.collect(Limits { max_age: Some(Duration::from_secs(48 * 3600)), ..UNLIMITED });
    assert_eq!((done.results.files, done.blobs.files), (1, 0));
    assert_eq!(test.blobs(), 1);
    assert!(ActionResult::load(&test.store, &key("result", "new")).is_some());
    assert!(Manifest::load(&test.store, &key("action", "old")).is_none());
}

#[test]
fn a_blob_without_a_result_is_garbage_once_it_is_not_new() {
    let test = TestStore::new();
    let [new, old] = ["new", "old"].map(|text| test.store.put_bytes(text.as_bytes()).unwrap());
    age(&test.store.path(Area::Blobs, &old), 1);
    assert_eq!(test.collect(UNLIMITED).blobs.files, 1);
    assert!(test.store.path(Area::Blobs, &new).exists() && !test.store.path(Area::Blobs, &old).exists());
}

#[test]
fn a_damaged_result_and_its_manifest_entry_are_removed() {
    let test = TestStore::new();
    test.entry("a", "1", 1);
    test.entry("b", "2", 1);
    std::fs::write(test.store.path(Area::Results, &key("result", "a")), "torn").unwrap();
    std::fs::remove_file(test.store.path(Area::Traces, &key("result", "a"))).unwrap();
    let done = test.collect(UNLIMITED);
    assert_eq!((done.results.files, done.blobs.files, done.manifests.files), (1, 1, 1));
    assert_eq!(test.complete(&["a", "b"]), ["b"]);
}

// Sets the time of a directory through a read-only handle, which Windows denies.
#[cfg(unix)]
#[test]
fn leftovers_of_killed_processes_are_removed_and_held_locks_are_not() {
    let test = TestStore::new();
    let (temporary, locks) = (test.store.area(Area::Temporary), test.store.area(Area::Locks));
    std::fs::write(temporary.join("new"), "x").unwrap();
    std::fs::write(temporary.join("old"), "x").unwrap();
    std::fs::create_dir(temporary.join("old-dir")).unwrap();
    std::fs::write(locks.join("left"), "").unwrap();
    let held = test.store.lock_named("held", Duration::ZERO).unwrap();
    for path in [temporary.join("old"), temporary.join("old-dir"), locks.join("left"), locks.join("held")] {
        age(&path, 2);
    }
    assert_eq!(test.collect(UNLIMITED).leftovers.files, 3);
    let left = |dir: &Path| {
        let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    assert_eq!((left(&temporary), left(&locks)), (vec!["new".into()], vec!["held".into()]));
    drop(held);
}

#[test]
fn records_of_builds_go_a_month_after_their_last_use() {
    let test = TestStore::new();
    let seeds = test.store.area(Area::Seeds);
    for (build, days) in [("used", 29), ("unused", 31)] {
        std::fs::create_dir_all(seeds.join(build)).unwrap();
        std::fs::write(seeds.join(build).join("units"), "x").unwrap();
        age(&seeds.join(build).join("units"), days * 24);
    }
    assert_eq!(test.collect(UNLIMITED).leftovers.files, 1);
    assert!(seeds.join("used/units").exists() && !seeds.join("unused").exists());
}

#[test]
fn one_collection_runs_at_a_time() {
    let test = TestStore::new();
    let held = test.store.lock_named("collection", Duration::ZERO).unwrap();
    assert_eq!(collect(&test.store, UNLIMITED).unwrap(), None);
    drop(held);
    assert!(collect(&test.store, UNLIMITED).unwrap().is_some());
}
