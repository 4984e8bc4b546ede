//! Levels: several remotes that are read in order, of which at most one is written.

use crate::fleet::{Machine, objects, text};
use crate::trust::{DAMAGES, Keys, keys, kind};
use crate::write_from::{changes, contents, github};
use kache_core::events::{Event, Outcome};
use kache_core::store::Area;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

struct Store {
    dir: TempDir,
    url: String,
}

fn store() -> Store {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    Store { dir, url }
}

impl Store {
    fn of_kind(&self, wanted: &str) -> Vec<PathBuf> {
        objects(self.dir.path()).into_iter().filter(|path| kind(path) == wanted).collect()
    }
}

/// The outcome, and the level that had the result.
fn level(event: &Event) -> (Outcome, Option<&str>) {
    (event.outcome, event.remote.as_ref().and_then(|remote| remote.level.as_deref()))
}

/// A store with the results of both sources.
fn filled() -> Store {
    let store = store();
    let machine = Machine::with_sources(&store.url);
    machine.rust();
    machine.c();
    assert!(machine.flush().status.success());
    store
}

/// Reads the team's store, then its own, and writes to its own.
fn reader_of(team: &Store, own: &Store) -> Machine {
    Machine::with_sources(&team.url)
        .set("KACHE_REMOTE_MODE", "read-only")
        .set("KACHE_REMOTE_2_URL", &own.url)
        .set("KACHE_REMOTE_2_MODE", "read-write")
}

/// Writes to its own store, and reads the team's after it.
fn writer_before(own: &Store, team: &Store) -> Machine {
    Machine::with_sources(&own.url).set("KACHE_REMOTE_2_URL", &team.url)
}

#[test]
fn levels_are_read_in_order_and_one_is_written() {
    let (team, own) = (filled(), store());
    let before = contents(team.dir.path());
    let a = reader_of(&team, &own);
    assert_eq!(level(&a.rust()), (Outcome::Hit, Some("remote")));
    a.test.write("w/src/h.h", "#define ANSWER 43\n");
    assert_eq!(a.c().outcome, Outcome::Miss);
    assert!(a.flush().status.success());
    assert_eq!(changes(team.dir.path(), &before), Vec::<PathBuf>::new());
    assert_eq!(own.of_kind("packs").len(), 1, "only what this machine made is uploaded");
    let b = reader_of(&team, &own);
    b.test.write("w/src/h.h", "#define ANSWER 43\n");
    assert_eq!(level(&b.c()), (Outcome::Hit, Some("remote.2")));
    assert!(a.artifact("c.o") == b.artifact("c.o"));
    let pulled = reader_of(&team, &own).output(&["pull"]);
    assert!(text(&pulled).starts_with("3 transferred"), "{}", text(&pulled));
    // The agent's identity covers all levels: this one has only the second.
    let alone = b.set("KACHE_REMOTE_URL", "none");
    alone.clean();
    alone.rust();
    let sockets = std::fs::read_dir(alone.agents()).unwrap().flatten();
    let sockets = sockets.filter(|entry| entry.path().extension().is_some_and(|e| e == "sock"));
    assert_eq!(sockets.count(), 2);
}

#[test]
fn a_result_is_copied_up_only_if_asked_for() {
    let team = filled();
    let plain = store();
    let a = writer_before(&plain, &team);
    assert_eq!(level(&a.c()), (Outcome::Hit, Some("remote.2")));
    assert!(a.flush().status.success());
    assert_eq!(objects(plain.dir.path()), Vec::<PathBuf>::new());
    let copies = store();
    let b = writer_before(&copies, &team).set("KACHE_REMOTE_COPY_UP", "true");
    assert_eq!(level(&b.c()), (Outcome::Hit, Some("remote.2")));
    assert!(b.flush().status.success());
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let copied = copies.of_kind("packs");
    assert_eq!(copied.len(), 1);
    assert!(team.of_kind("packs").iter().map(read).any(|pack| pack == read(&copied[0])), "other bytes");
    let c = Machine::with_sources(&copies.url);
    assert_eq!(level(&c.c()), (Outcome::Hit, Some("remote")));
    // A level that may not be written gets no copy.
    let readers = store();
    std::fs::create_dir(readers.dir.path().join("kache")).unwrap();
    let d = writer_before(&readers, &team)
        .set("KACHE_REMOTE_COPY_UP", "true")
        .set("KACHE_REMOTE_MODE", "read-only");
    assert_eq!(level(&d.c()), (Outcome::Hit, Some("remote.2")));
    assert!(d.flush().status.success());
    assert_eq!(objects(readers.dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn each_level_has_its_own_rules_of_signatures() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path(), "ours.key");
    let (unsigned, signed) = (filled(), store());
    let machine = || {
        writer_before(&signed, &unsigned)
            .set("KACHE_REMOTE_VERIFY_KEYS", keys.public.clone())
            .set("KACHE_REMOTE_SIGN_KEY", keys.secret.clone())
            .set("KACHE_REMOTE_COPY_UP", "true")
    };
    // The second level has no keys, so its results are used. They do not get into the first, by a copy or by `kache push`.
    let a = machine();
    assert_eq!(level(&a.c()), (Outcome::Hit, Some("remote.2")));
    assert!(a.flush().status.success());
    let pushed = a.output(&["push"]);
    assert!(text(&pushed).starts_with("0 transferred"), "{}", text(&pushed));
    assert_eq!(signed.of_kind("packs"), Vec::<PathBuf>::new());
    // With keys for the second level, its unsigned results are refused.
    let b = machine().set("KACHE_REMOTE_2_VERIFY_KEYS", keys.public.clone());
    assert_eq!(level(&b.c()), (Outcome::Miss, None));
    assert!(b.flush().status.success());
    assert_eq!(signed.of_kind("packs").len(), 1, "its own result is signed");
    // A signed result is copied with its signature, by a machine that has no key to sign it.
    let copies = store();
    let c = writer_before(&copies, &signed).set("KACHE_REMOTE_COPY_UP", "true");
    assert_eq!(level(&c.c()), (Outcome::Hit, Some("remote.2")));
    assert!(c.flush().status.success());
    let d = Machine::with_sources(&copies.url).set("KACHE_REMOTE_VERIFY_KEYS", keys.public.clone());
    assert_eq!(level(&d.c()), (Outcome::Hit, Some("remote")));
}

/// The first level has every result, without a signature that its readers accept. The second one has them signed.
#[test]
fn results_that_a_level_may_not_use_are_taken_from_the_next() {
    println!("| signatures in the first level | artifacts | Rust | C |\n| --- | --- | --- | --- |");
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (keys(dir.path(), "ours.key"), keys(dir.path(), "theirs.key"));
    let filled = |key: Option<&Keys>| {
        let store = store();
        let machine = Machine::with_sources(&store.url);
        let machine = match key {
            Some(key) => machine.set("KACHE_REMOTE_SIGN_KEY", key.secret.clone()),
            None => machine,
        };
        machine.rust();
        machine.c();
        assert!(machine.flush().status.success());
        (store, ["libl.rlib", "c.o"].map(|file| machine.artifact(file)))
    };
    let (signed, artifacts) = filled(Some(&ours));
    for (name, key, expected) in [
        ("none", None, "remote.2"),
        ("of another key", Some(&theirs), "remote.2"),
        ("of the right key", Some(&ours), "remote"),
    ] {
        let (first, _) = filled(key);
        let before = contents(first.dir.path());
        let reader = Machine::with_sources(&first.url)
            .set("KACHE_REMOTE_VERIFY_KEYS", ours.public.clone())
            .set("KACHE_REMOTE_2_URL", &signed.url)
            .set("KACHE_REMOTE_2_VERIFY_KEYS", ours.public.clone());
        let (rust, c) = (reader.rust(), reader.c());
        for event in [&rust, &c] {
            assert_eq!(level(event), (Outcome::Hit, Some(expected)), "{name}: {event:?}");
        }
        assert!(["libl.rlib", "c.o"].map(|file| reader.artifact(file)) == artifacts, "{name}");
        // A reader without a key to sign with replaces nothing.
        assert_eq!(changes(first.dir.path(), &before), Vec::<PathBuf>::new(), "{name}");
        println!("| {name} | the compiler's | hit, {expected} | hit, {expected} |");
    }
}

/// A server that accepts connections and never answers, and the number of its connections.
fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("dav+http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            open.push(stream);
        }
    });
    (url, connections)
}

#[test]
fn a_dead_level_costs_once() {
    let team = filled();
    let (url, connections) = silent();
    let a = Machine::with_sources(&url)
        .set("KACHE_REMOTE_MODE", "read-only")
        .set("KACHE_REMOTE_PREFETCH", "false")
        .set("KACHE_REMOTE_2_URL", &team.url);
    assert_eq!(level(&a.rust()), (Outcome::Hit, Some("remote.2")));
    let asked = connections.load(Ordering::SeqCst);
    assert!(asked > 0, "the first level was not asked");
    assert_eq!(level(&a.c()), (Outcome::Hit, Some("remote.2")));
    // The breaker's own probe is the only further connection.
    let again = connections.load(Ordering::SeqCst) - asked;
    assert!(again <= 1, "{again} further connections");
    a.test.write("w/src/h.h", "#define ANSWER 43\n");
    let miss = a.c();
    let detail = miss.remote.unwrap().detail.unwrap_or_default();
    assert!(miss.outcome == Outcome::Miss && !detail.contains("remote.2"), "{detail}");
}

/// Damages all objects of the first level in each way: the second one has the results.
#[test]
fn a_tampered_level_is_no_worse_than_none() {
    println!("| damage to the first level | artifacts | Rust | C |\n| --- | --- | --- | --- |");
    let (first, second) = (filled(), filled());
    let plain = Machine::with_sources(&second.url);
    plain.rust();
    plain.c();
    let all = objects(first.dir.path());
    let whole: Vec<Vec<u8>> = all.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (name, damage) in DAMAGES {
        let damaged: Vec<_> = all.iter().zip(&whole).map(|(path, bytes)| damage(path, bytes, &all)).collect();
        all.iter().zip(&damaged).for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
        let machine = Machine::with_sources(&first.url)
            .set("KACHE_REMOTE_MODE", "read-only")
            .set("KACHE_REMOTE_2_URL", &second.url);
        let (rust, c) = (machine.rust(), machine.c());
        for file in ["libl.rlib", "c.o"] {
            assert!(machine.artifact(file) == plain.artifact(file), "{name}: {file}");
        }
        assert_eq!((rust.outcome, c.outcome), (Outcome::Hit, Outcome::Hit), "{name}: {rust:?}, {c:?}");
        let by = |event: &Event| level(event).1.unwrap_or("-").to_string();
        println!("| {name} | the compiler's | hit, {} | hit, {} |", by(&rust), by(&c));
    }
}

#[test]
fn a_pull_request_writes_to_a_prefix_of_its_own() {
    let shared = store();
    let pull = |n: u64| github(&shared.url, "pull_request", &format!("refs/pull/{n}/merge"));
    let main = || github(&shared.url, "push", "refs/heads/main");
    let a = pull(7);
    assert_eq!(a.rust().outcome, Outcome::Miss);
    assert!(a.flush().status.success());
    let all = objects(shared.dir.path());
    assert!(all.iter().any(|path| kind(path) == "packs"));
    let own: &Path = &shared.dir.path().join("kache-pull/7");
    assert!(all.iter().all(|path| path.starts_with(own)), "{all:?}");
    // Nobody else reads it, and the same pull request does.
    for (other, outcome) in [(pull(8), Outcome::Miss), (main(), Outcome::Miss), (pull(7), Outcome::Hit)] {
        assert_eq!(other.rust().outcome, outcome, "{:?}", other.remote);
        assert!(other.flush().status.success());
    }
    // It reads what the main branch wrote, and never replaces it.
    let writer = main();
    writer.c();
    assert!(writer.flush().status.success());
    let main_prefix = shared.dir.path().join("kache");
    let before = contents(&main_prefix);
    assert!(!before.is_empty());
    let b = pull(9);
    assert_eq!(level(&b.c()), (Outcome::Hit, Some("remote")));
    b.rust();
    assert!(b.flush().status.success());
    assert!(b.output(&["push"]).status.success());
    assert_eq!(changes(&main_prefix, &before), Vec::<PathBuf>::new());
    assert!(!Area::Quarantine.in_cache(&b.test.cache()).exists());
}
