//! Two machines and a shared directory.

use crate::fleet::{Machine, objects, text, way};
use kache_core::events::{Outcome, RemoteWay};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::Command;

#[test]
fn a_second_machine_restores_what_the_first_compiled() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let a = Machine::with_sources(&url);
    assert_eq!(way(&a.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    assert_eq!(way(&a.c()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    let flushed = a.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
    let b = Machine::with_sources(&url);
    let restored = [b.rust(), b.c()];
    for event in &restored {
        assert_eq!(event.outcome, Outcome::Hit, "{event:?}");
        let remote = event.remote.as_ref().unwrap();
        assert!(matches!(remote.way, RemoteWay::Fetched | RemoteWay::Ahead), "{event:?}");
    }
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
    assert_eq!(a.artifact("c.o"), b.artifact("c.o"));
    // From here on it is local, and whence it came is still known.
    b.clean();
    let again = b.rust();
    assert_eq!(way(&again), (Outcome::Hit, Some(RemoteWay::Ahead)));
    assert_eq!(again.remote.unwrap().us, 0);
    // Another source is another state.
    b.test.write("w/l.rs", "pub fn f() -> &'static str { \"from here\" }");
    assert_eq!(way(&b.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    assert!(b.flush().status.success());
    a.clean();
    a.test.write("w/l.rs", "pub fn f() -> &'static str { \"from here\" }");
    assert_eq!(way(&a.rust()), (Outcome::Hit, Some(RemoteWay::Fetched)));
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
}

#[test]
fn a_read_only_remote_is_never_written() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let reader = || Machine::with_sources(&url).set("KACHE_REMOTE_MODE", "read-only");
    let a = reader();
    assert_eq!(a.rust().outcome, Outcome::Miss);
    assert!(a.flush().status.success());
    let pushed = a.tell(&["push"]);
    assert_eq!(pushed.status.code(), Some(2), "{}", text(&pushed));
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0, "nothing is there, not even a folder");
    // A mode that is misspelt writes nothing either.
    let c = Machine::with_sources(&url).set("KACHE_REMOTE_MODE", "readonly");
    assert_eq!(c.rust().outcome, Outcome::Miss);
    assert_eq!(c.tell(&["push"]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
    // What somebody else wrote is read.
    let writer = Machine::with_sources(&url);
    writer.rust();
    assert!(writer.flush().status.success());
    let before = objects(shared.path());
    let b = reader();
    assert_eq!(b.rust().outcome, Outcome::Hit);
    b.c();
    assert!(b.flush().status.success());
    assert_eq!(objects(shared.path()), before);
}

#[test]
fn explicit_transfers_go_both_ways() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let mut a = Machine::with_sources(&url);
    let remote = std::mem::take(&mut a.remote);
    a.rust();
    a.c();
    assert!(a.test.last().remote.is_none() && !a.agents().exists(), "no remote, no agent");
    let none = a.tell(&["push"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none).contains("KACHE_REMOTE_URL"), "{}", text(&none));
    a.remote = remote;
    let count = |output: std::process::Output| {
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        let of = |name: &str| json[name].as_u64().unwrap();
        (output.status.code(), of("transferred"), of("known"), of("failed"))
    };
    let json = ["--format", "json"];
    let with = |machine: &Machine, args: &[&str]| count(machine.tell(&[args, &json].concat()));
    assert_eq!(with(&a, &["push", "--dry-run"]), (Some(0), 2, 0, 0));
    assert!(objects(shared.path()).is_empty());
    assert_eq!(with(&a, &["push"]), (Some(0), 2, 0, 0));
    assert_eq!(with(&a, &["push"]), (Some(0), 0, 2, 0));
    let b = Machine::with_sources(&url);
    assert_eq!(with(&b, &["pull", "--dry-run"]), (Some(0), 2, 0, 0));
    assert_eq!(with(&b, &["pull"]), (Some(0), 2, 0, 0));
    assert_eq!(with(&b, &["pull"]), (Some(0), 0, 2, 0));
    assert_eq!(way(&b.rust()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
    // One object is torn: the rest is transferred, and the status says that not all was.
    let pack = objects(shared.path()).into_iter().find(|p| p.to_string_lossy().contains("/packs/")).unwrap();
    std::fs::write(&pack, "kachepk1").unwrap();
    let c = Machine::with_sources(&url);
    assert_eq!(with(&c, &["pull"]), (Some(1), 1, 0, 1));
}

#[test]
fn the_order_of_a_build_is_fetched_ahead() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let project = || {
        let machine = Machine::with_sources(&url);
        machine.test.write("w/Cargo.lock", "# the same on each machine\n");
        machine
    };
    let a = project();
    a.rust();
    a.c();
    assert!(a.flush().status.success());
    let b = project();
    let fetched = b.tell(&["prefetch", "--format", "json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&fetched.stdout).unwrap_or_else(|_| panic!("{}", text(&fetched)));
    assert_eq!(json["transferred"], 2, "{}", text(&fetched));
    assert_eq!(way(&b.c()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    let c = project();
    // The first unit is waited for; it brings the other along.
    assert_eq!(way(&c.rust()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    assert_eq!(way(&c.c()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    // A source was changed since: the order leads to another state, and the lists to none.
    let d = project();
    d.test.write("w/src/h.h", "#define ANSWER 43\n");
    assert_eq!(way(&d.c()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    let nowhere = Machine::with_sources(&url).tell(&["prefetch"]);
    assert!(
        !nowhere.status.success() && text(&nowhere).contains("has no record of a build"),
        "{}",
        text(&nowhere)
    );
}

#[test]
fn what_waits_survives_the_agent() {
    let shared = tempfile::tempdir().unwrap();
    let away = shared.path().join("not-mounted");
    std::fs::write(&away, "a file where the directory should be").unwrap();
    let url = format!("file://{}/x", away.display());
    let a = Machine::with_sources(&url);
    assert_eq!(a.rust().outcome, Outcome::Miss);
    assert_eq!(a.c().outcome, Outcome::Miss);
    let failed = a.flush();
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed));
    // It is mounted again, and whatever agent there was is gone.
    kill_agents(&a);
    std::fs::remove_file(&away).unwrap();
    clear_marks(&a);
    let flushed = a.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
    let b = Machine::with_sources(&url);
    assert_eq!(b.rust().outcome, Outcome::Hit);
}

#[test]
fn an_agent_that_is_killed_or_hangs_costs_no_build() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let a = Machine::with_sources(&url);
    a.rust();
    assert!(a.flush().status.success());
    let pids = agents_of(&a);
    assert_eq!(pids.len(), 1, "one agent for one cache");
    let directory = std::fs::metadata(a.agents()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    let socket = std::fs::read_dir(a.agents())
        .unwrap()
        .flatten()
        .find(|e| e.metadata().is_ok_and(|m| m.file_type().is_socket()));
    let socket = socket.unwrap().metadata().unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    assert_eq!(socket.uid(), directory.uid());
    signal(pids[0], "STOP");
    let stopped = a.c();
    assert_eq!(way(&stopped), (Outcome::Miss, Some(RemoteWay::Failed)));
    // Those that come after do not even try.
    a.clean();
    a.test.write("w/l.rs", "pub fn f() {}");
    let next = a.rust();
    assert_eq!(way(&next), (Outcome::Miss, Some(RemoteWay::Failed)));
    signal(pids[0], "KILL");
    clear_marks(&a);
    let flushed = a.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
    assert_ne!(agents_of(&a), pids);
}

#[test]
fn a_deep_cache_directory_has_an_agent_too() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let deep = |m: &Machine| m.test.path(&"d".repeat(100)).join("e".repeat(60));
    let a = Machine::with_sources(&url);
    let a_cache = deep(&a).display().to_string();
    let a = a.set("KACHE_CACHE_DIR", a_cache.clone());
    crate::env::assert_success(&mut a.kache(crate::env::LIB));
    let flushed = a.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
    let _ = std::fs::remove_dir_all(a_cache);
}

#[test]
fn secrets_are_neither_shown_nor_logged() {
    let a = Machine::with_sources("redis://user:hush-hush@127.0.0.1:1/0")
        .set("KACHE_REMOTE_OPTIONS", "secret_access_key=hush-hush;region=x")
        .set("KACHE_REMOTE_SIGN_KEY", format!("ed25519:{}", "ab".repeat(32)))
        .set("KACHE_LOG", "stderr");
    a.rust();
    let shown = text(&a.tell(&["config"]));
    assert!(shown.contains("redis://…@127.0.0.1:1/0") && shown.contains("region=…"), "{shown}");
    let flushed = text(&a.flush());
    let mut all = vec![shown, flushed, text(&a.tell(&["push"]))];
    for path in objects(&a.test.cache()) {
        all.push(String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned());
    }
    assert!(all.iter().all(|text| !text.contains("hush-hush") && !text.contains("abababab")));
}

fn clear_marks(machine: &Machine) {
    for entry in std::fs::read_dir(machine.agents()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "backoff") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// The agents that have this machine's cache in their orders.
fn agents_of(machine: &Machine) -> Vec<u32> {
    let cache = format!("\"cache\":\"{}\"", machine.test.cache().display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let agent =
            std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe.ends_with("kache-agent"));
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if agent && String::from_utf8_lossy(&environment).contains(&cache) {
            found.push(pid);
        }
    }
    found
}

fn kill_agents(machine: &Machine) {
    agents_of(machine).into_iter().for_each(|pid| signal(pid, "KILL"));
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}
