//! `kache remote stats` and `gc` on shared directories, S3 and WebDAV: the counts are those of the files of the server, and a
//! collection deletes nothing that is young or in use, and leaves nothing wrong behind, wherever it is killed.

use crate::fleet::{Machine, objects, text, way};
use crate::services::{installed, on_s3};
use kache_core::events::{Outcome, RemoteWay};
use kache_loopback::daemon::{self, Daemon, Scheme};
use kache_loopback::proxy::{Fault, Proxy};
use kache_loopback::s3::S3;
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// A store, whose objects are files of this machine.
struct Store {
    files: PathBuf,
    machine: Box<dyn Fn() -> Machine>,
    _dir: tempfile::TempDir,
    _daemon: Option<Daemon>,
}

impl Store {
    fn directory() -> Store {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        let files = dir.path().join("kache");
        Store { files, machine: Box::new(move || Machine::with_sources(&url)), _dir: dir, _daemon: None }
    }

    /// With the server's address, which outlives the store.
    fn s3() -> (Store, S3) {
        let dir = tempfile::tempdir().unwrap();
        let s3 = S3::start(dir.path()).unwrap();
        let address = s3.address();
        let machine = move || on_s3(Machine::with_sources("s3://x"), address);
        let files = s3.objects().join("deep/er/kache");
        (Store { files, machine: Box::new(machine), _dir: dir, _daemon: None }, s3)
    }

    fn dav() -> Option<Store> {
        let dir = tempfile::tempdir().unwrap();
        let dav = installed(daemon::dav(dir.path(), Scheme::Plain), "nginx with WebDAV")?;
        let url = format!("dav+http://{}/a/b", dav.address());
        let files = dir.path().join("files/a/b/kache");
        let machine = Box::new(move || Machine::with_sources(&url));
        Some(Store { files, machine, _dir: dir, _daemon: Some(dav) })
    }

    /// A machine with a project whose builds are recorded.
    fn machine(&self) -> Machine {
        let machine = (self.machine)().set("KACHE_REMOTE_TIMEOUT", "60");
        machine.test.write("w/Makefile", "all:\n");
        machine
    }

    fn of(&self, kind: &str) -> Vec<PathBuf> {
        objects(&self.files.join("v2").join(kind))
    }

    /// As if all objects, or those of one kind, had been written so long ago.
    fn age(&self, kind: &str, by: Duration) {
        for file in self.of(kind) {
            let file = File::options().write(true).open(file).unwrap();
            file.set_modified(SystemTime::now() - by).unwrap();
        }
    }
}

fn json_of(machine: &Machine, args: &[&str]) -> Value {
    let out = machine.output(&[&["remote"], args, &["--format", "json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", text(&out));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn refused(machine: &Machine, args: &[&str]) -> String {
    let out = machine.output(&[&["remote"], args].concat());
    assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out));
    text(&out)
}

fn flush(machine: &Machine) {
    let flushed = machine.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
}

fn edit(machine: &Machine, answer: u32) {
    machine.test.write("w/src/h.h", &format!("#define ANSWER {answer}\n"));
}

/// A machine that has uploaded two results 40 days ago, and one of them again, of another source, today.
fn used(store: &Store) -> Machine {
    let machine = store.machine();
    machine.rust();
    machine.c();
    flush(&machine);
    store.age("", DAY * 40);
    edit(&machine, 43);
    machine.c();
    flush(&machine);
    machine
}

fn sum(files: &[PathBuf]) -> Value {
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    json!({"objects": files.len(), "bytes": bytes})
}

fn counts_and_collects(store: &Store) {
    let a = used(store);
    let stats = json_of(&a, &["stats"]);
    let kinds = &stats["levels"][0]["kinds"];
    for (kind, folder) in
        [("results", "packs"), ("indexes", "index"), ("lists", "lists"), ("builds", "builds")]
    {
        assert_eq!(kinds[kind]["total"], sum(&store.of(folder)), "{kind}: {stats}");
    }
    assert_eq!(kinds["results"]["ages"]["older"]["objects"], 2, "{stats}");
    assert_eq!(kinds["results"]["ages"]["day"]["objects"], 1, "{stats}");
    // The list of the C file is that of 40 days ago, and the record is new.
    assert_eq!(
        (kinds["lists"]["ages"]["day"].clone(), kinds["builds"]["total"]["objects"].clone()),
        (Value::Null, json!(1))
    );
    let old = kinds["results"]["oldest_us"].as_u64().unwrap();
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_micros(old)).unwrap();
    assert!(age > DAY * 39 && age < DAY * 41, "{age:?}");
    let page = text(&a.output(&["remote", "stats"]));
    assert!(
        page.lines().any(|l| l.trim_start().starts_with("older ") && l.contains("2 results, ")),
        "{page}"
    );
    // Of the old results, the last build used the crate.
    let before = store.of("");
    let told = json_of(&a, &["gc", "--older-than", "30d", "--dry-run"]);
    assert_eq!(store.of(""), before, "a dry run deletes nothing");
    let real = json_of(&a, &["gc", "--older-than", "30d"]);
    for told in [&told, &real] {
        let results = &told["kinds"]["results"];
        assert_eq!(
            (&results["deleted"]["objects"], &results["kept"]["objects"]),
            (&json!(1), &json!(2)),
            "{told}"
        );
        assert_eq!((&results["in_use"]["objects"], &told["failed"]), (&json!(1), &json!(0)), "{told}");
        assert_eq!(told["kinds"]["lists"]["deleted"]["objects"], 0, "{told}");
    }
    assert_eq!((store.of("packs").len(), store.of("").len()), (2, before.len() - 1));
    // Another machine has what is kept, and compiles what is gone.
    let b = store.machine();
    assert_eq!(b.rust().outcome, Outcome::Hit, "{:?}", b.test.last());
    edit(&b, 43);
    assert_eq!(b.c().outcome, Outcome::Hit, "{:?}", b.test.last());
    assert_eq!(a.artifact("c.o"), b.artifact("c.o"));
    edit(&b, 42);
    assert_eq!(way(&b.c()), (Outcome::Miss, Some(RemoteWay::Nothing)), "{:?}", b.test.last());
    flush(&b);
    // When all is old, nothing is left, and the next machine begins anew.
    store.age("", DAY * 40);
    let told = json_of(&a, &["gc", "--older-than", "30d"]);
    assert_eq!(told["kinds"]["results"]["deleted"]["objects"], 3, "{told}");
    assert_eq!(store.of(""), Vec::<PathBuf>::new());
    let page = text(&a.output(&["remote", "stats"]));
    assert!(page.contains("  no objects"), "{page}");
    let c = store.machine();
    assert_eq!(way(&c.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    flush(&c);
    assert_eq!(store.machine().rust().outcome, Outcome::Hit);
}

#[test]
fn a_shared_directory_is_counted_and_collected() {
    let store = Store::directory();
    counts_and_collects(&store);
    // What a stopped upload left.
    let partial = store.files.join(".partial/part");
    std::fs::write(&partial, "part").unwrap();
    let machine = store.machine();
    assert_eq!(json_of(&machine, &["stats"])["levels"][0]["kinds"]["unfinished"]["total"]["bytes"], 4);
    let delete =
        || json_of(&machine, &["gc", "--older-than", "7d"])["kinds"]["unfinished"]["deleted"].clone();
    assert_eq!(delete()["objects"], 0);
    File::options().write(true).open(&partial).unwrap().set_modified(SystemTime::now() - DAY * 8).unwrap();
    assert_eq!(delete()["objects"], 1);
    assert!(!partial.exists());
}

#[test]
fn s3_is_counted_and_collected() {
    let (store, _server) = Store::s3();
    counts_and_collects(&store);
}

#[test]
fn webdav_is_counted_and_collected() {
    let Some(store) = Store::dav() else { return };
    counts_and_collects(&store);
}

#[test]
fn what_is_younger_than_the_grace_period_is_never_deleted() {
    let store = Store::directory();
    let machine = store.machine();
    machine.rust();
    flush(&machine);
    let before = store.of("");
    for too_young in ["0s", "5h 59m"] {
        let said = refused(&machine, &["gc", "--older-than", too_young]);
        assert!(said.contains("an object is kept for 6h"), "{said}");
    }
    store.age("", Duration::from_secs(5 * 3600));
    json_of(&machine, &["gc", "--older-than", "6h"]);
    assert_eq!(store.of(""), before);
    store.age("", Duration::from_secs(7 * 3600));
    json_of(&machine, &["gc", "--older-than", "6h"]);
    assert_eq!(store.of(""), Vec::<PathBuf>::new());
}

/// A collection may be killed after any deletion: what is left is restored as it was, or compiled.
#[test]
fn whatever_a_killed_collection_leaves_serves_nothing_wrong() {
    let whole = Store::directory();
    let a = used(&whole);
    let plain = [a.artifact("libl.rlib"), a.artifact("c.o")];
    // The order of deletion, and more: each kind alone.
    for gone in [
        &["builds"][..],
        &["builds", "index"],
        &["builds", "index", "lists"],
        &["builds", "index", "lists", "packs"],
        &["index"],
        &["lists"],
        &["packs"],
    ] {
        let store = Store::directory();
        copy(&whole.files, &store.files);
        gone.iter().for_each(|kind| _ = std::fs::remove_dir_all(store.files.join("v2").join(kind)));
        for round in 0..2 {
            let machine = store.machine();
            edit(&machine, 43);
            let events = [machine.rust(), machine.c()];
            let hits = events.iter().filter(|e| e.outcome == Outcome::Hit).count();
            assert_eq!([machine.artifact("libl.rlib"), machine.artifact("c.o")], plain, "{gone:?}");
            flush(&machine);
            // The first machine has uploaded what was gone, and led again to what was there.
            assert!(round == 0 || hits == 2, "{gone:?}: {events:?}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").args(["-a", "-T"]).args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The same with a real kill, at the first deletion that is seen.
#[test]
fn a_killed_collection_is_finished_by_the_next() {
    let (store, server) = Store::s3();
    let a = used(&store);
    store.age("", DAY * 40);
    let proxy = Proxy::start(server.address(), Fault::Latency(Duration::from_millis(300))).unwrap();
    let before = store.of("").len();
    let slow = on_s3(Machine::with_sources("s3://x"), proxy.address()).set("KACHE_REMOTE_TIMEOUT", "60");
    let mut collect = slow.kache(&["remote", "gc", "--older-than", "30d"]);
    // With the agent that it starts, in a group of processes.
    let mut child = collect.process_group(0).spawn().unwrap();
    while store.of("").len() >= before && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let group = format!("-{}", child.id());
    std::process::Command::new("kill").args(["-KILL", "--", &group]).status().unwrap();
    child.wait().unwrap();
    let b = store.machine();
    edit(&b, 43);
    b.rust();
    b.c();
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
    assert_eq!(a.artifact("c.o"), b.artifact("c.o"));
    flush(&b);
    store.age("", DAY * 40);
    json_of(&b, &["gc", "--older-than", "30d"]);
    assert_eq!(store.of("packs"), Vec::<PathBuf>::new());
    // An object by which the killed collection asked for the time is as old as it says.
    assert!(store.of("").iter().all(|file| file.to_string_lossy().contains("/clock/")), "{:?}", store.of(""));
}

#[test]
fn a_read_only_remote_is_not_collected() {
    let store = Store::directory();
    used(&store);
    store.age("", DAY * 40);
    let before = store.of("");
    let reader = store.machine().set("KACHE_REMOTE_MODE", "read-only");
    for args in [&["gc", "--older-than", "30d"][..], &["gc", "--older-than", "30d", "--dry-run"]] {
        let said = refused(&reader, args);
        assert!(said.contains("nothing is deleted: remote: "), "{said}");
    }
    assert_eq!(json_of(&reader, &["stats"])["levels"][0]["kinds"]["results"]["total"]["objects"], 3);
    assert_eq!(store.of(""), before);
}

#[test]
fn a_service_that_cannot_list_says_so() {
    let github = Machine::with_sources("ghac://")
        .set("ACTIONS_CACHE_SERVICE_V2", "on")
        .set("ACTIONS_RESULTS_URL", "http://127.0.0.1:1/")
        .set("ACTIONS_RUNTIME_TOKEN", "token");
    let redis = Machine::with_sources("redis://127.0.0.1:1/0");
    let reapi = Machine::with_sources("grpc://127.0.0.1:1/main");
    for (machine, who) in [
        (github, "GitHub removes"),
        (redis, "maxmemory-policy"),
        (reapi, "the server decides when objects expire"),
    ] {
        for args in [&["stats"][..], &["gc", "--older-than", "30d"]] {
            let said = refused(&machine, args);
            assert!(said.contains("the service cannot list objects") && said.contains(who), "{said}");
        }
    }
    // Where another level can, the first one is named below.
    let store = Store::directory();
    let both = Machine::with_sources("redis://127.0.0.1:1/0")
        .set("KACHE_REMOTE_2_URL", format!("file://{}", store.files.parent().unwrap().display()));
    std::fs::create_dir_all(&store.files).unwrap();
    let stats = json_of(&both, &["stats"]);
    assert_eq!(
        (&stats["levels"][0]["level"], &stats["unlisted"][0]["level"]),
        (&json!("remote.2"), &json!("remote"))
    );
}

/// What two actions share, and what a third one needs: an index is kept as long as a result of its action is.
#[test]
fn an_index_lives_as_long_as_the_results_of_its_action() {
    let store = Store::directory();
    let a = used(&store);
    // Without the record, only the header of the new result says whose it is.
    std::fs::remove_dir_all(store.files.join("v2/builds")).unwrap();
    store.age("index", DAY * 40);
    let told = json_of(&a, &["gc", "--older-than", "30d"]);
    for kind in ["indexes", "lists", "results"] {
        assert_eq!(told["kinds"][kind]["kept"]["objects"], 1, "{kind}: {told}");
    }
    let b = store.machine();
    edit(&b, 43);
    assert_eq!(b.c().outcome, Outcome::Hit, "{:?}", b.test.last());
}
