//! Two machines and a shared directory.

use crate::env::LIB;
use crate::fleet::{Machine, objects, text, way};
use kache_core::events::{Outcome, RemoteWay};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_second_machine_restores_the_results_of_the_first() {
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
    // Now the result is local, and the event still names its origin.
    b.clean();
    let again = b.rust();
    assert_eq!(way(&again), (Outcome::Hit, Some(RemoteWay::Ahead)));
    assert_eq!(again.remote.unwrap().us, 0);
    // Another source gives another input key.
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
    let pushed = a.output(&["push"]);
    assert_eq!(pushed.status.code(), Some(2), "{}", text(&pushed));
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0, "the directory is not empty");
    // An unrecognised mode is treated as read-only.
    let c = Machine::with_sources(&url).set("KACHE_REMOTE_MODE", "readonly");
    assert_eq!(c.rust().outcome, Outcome::Miss);
    assert_eq!(c.output(&["push"]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
    // A read-only machine reads the results of other machines.
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
fn push_and_pull_transfer_everything() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let mut a = Machine::with_sources(&url);
    let remote = std::mem::take(&mut a.remote);
    a.rust();
    a.c();
    assert!(a.test.last().remote.is_none() && !a.agents().exists(), "no remote, no agent");
    let none = a.output(&["push"]);
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
    let with = |machine: &Machine, args: &[&str]| count(machine.output(&[args, &json].concat()));
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
    // One object is truncated: the others are transferred, and the exit status reports the failure.
    let pack = objects(shared.path()).into_iter().find(|p| p.to_string_lossy().contains("/packs/")).unwrap();
    std::fs::write(&pack, "kachepk1").unwrap();
    let c = Machine::with_sources(&url);
    assert_eq!(with(&c, &["pull"]), (Some(1), 1, 0, 1));
}

#[test]
fn the_last_build_is_prefetched() {
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
    let fetched = b.output(&["prefetch", "--format", "json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&fetched.stdout).unwrap_or_else(|_| panic!("{}", text(&fetched)));
    assert_eq!(json["transferred"], 2, "{}", text(&fetched));
    assert_eq!(way(&b.c()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    let c = project();
    // The request for the first unit also prefetches the second.
    assert_eq!(way(&c.rust()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    assert_eq!(way(&c.c()), (Outcome::Hit, Some(RemoteWay::Ahead)));
    // The source has changed since the last build: the prefetched result does not hold, and no list leads to a result.
    let d = project();
    d.test.write("w/src/h.h", "#define ANSWER 43\n");
    assert_eq!(way(&d.c()), (Outcome::Miss, Some(RemoteWay::Nothing)));
    let nowhere = Machine::with_sources(&url).output(&["prefetch"]);
    assert!(
        !nowhere.status.success() && text(&nowhere).contains("has no record of a build"),
        "{}",
        text(&nowhere)
    );
}

#[test]
fn the_upload_queue_survives_the_agent() {
    let shared = tempfile::tempdir().unwrap();
    let away = shared.path().join("not-mounted");
    std::fs::write(&away, "a file where the directory should be").unwrap();
    let url = format!("file://{}/x", away.display());
    let a = Machine::with_sources(&url);
    assert_eq!(a.rust().outcome, Outcome::Miss);
    assert_eq!(a.c().outcome, Outcome::Miss);
    let failed = a.flush();
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed));
    // The directory is mounted, and the agent is killed.
    kill_agents(&a);
    std::fs::remove_file(&away).unwrap();
    clear_backoff(&a);
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
fn an_agent_that_hangs_or_is_killed_fails_no_build() {
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
    // Further invocations do not try to connect.
    a.clean();
    a.test.write("w/l.rs", "pub fn f() {}");
    let next = a.rust();
    assert_eq!(way(&next), (Outcome::Miss, Some(RemoteWay::Failed)));
    signal(pids[0], "KILL");
    clear_backoff(&a);
    let flushed = a.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
    assert_ne!(agents_of(&a), pids);
}

/// The wrapper and the agent are installed separately.
#[test]
fn a_missing_agent_is_reported() {
    let shared = tempfile::tempdir().unwrap();
    let a = Machine::with_sources(&format!("file://{}", shared.path().display()));
    let alone = a.test.path("bin/kache");
    std::fs::create_dir_all(alone.parent().unwrap()).unwrap();
    std::fs::copy(crate::kache(), &alone).unwrap();
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        let like = a.kache(args);
        command.args(args).current_dir(like.get_current_dir().unwrap());
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?)))).output().unwrap()
    };
    let check = |program: &Path| {
        let output = run(program, &["doctor", "--format", "json"]);
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        let checks = json["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "agent").unwrap()
    };
    assert_eq!(check(crate::kache())["state"], "ok");
    let missing = check(&alone);
    assert_eq!(missing["state"], "problem");
    assert!(missing["remedy"].as_str().unwrap().contains("--path kache/agent"), "{missing}");
    // A build still works, and `kache flush` names the missing file.
    assert!(run(&alone, LIB).status.success());
    assert_eq!(way(&a.test.last()), (Outcome::Miss, Some(RemoteWay::Failed)));
    let flushed = run(&alone, &["flush"]);
    assert_eq!(flushed.status.code(), Some(1), "{}", text(&flushed));
    assert!(text(&flushed).contains("bin/kache-agent does not exist"), "{}", text(&flushed));
}

#[test]
fn an_agent_serves_a_cache_with_a_long_path() {
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
fn the_agent_of_a_replaced_cache_ends_and_leaves_the_socket_to_the_new_one() {
    let shared = tempfile::tempdir().unwrap();
    let a = Machine::with_sources(&format!("file://{}", shared.path().display()));
    a.rust();
    let old = agents_of(&a);
    assert_eq!(old.len(), 1);
    // The new cache is there sooner than the agent looks for the old one.
    std::fs::rename(a.test.cache(), a.test.path("gone")).unwrap();
    a.clean();
    a.rust();
    let end = Instant::now() + Duration::from_secs(60);
    while agents_of(&a).contains(&old[0]) {
        assert!(Instant::now() < end, "the agent of the removed cache lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let new = agents_of(&a);
    assert!(a.flush().status.success());
    assert_eq!((new.len(), agents_of(&a)), (1, new));
}

#[test]
fn secrets_are_not_printed_or_logged() {
    let a = Machine::with_sources("redis://user:hush-hush@127.0.0.1:1/0")
        .set("KACHE_REMOTE_OPTIONS", "secret_access_key=hush-hush;region=x")
        .set("KACHE_REMOTE_SIGN_KEY", format!("ed25519:{}", "ab".repeat(32)))
        .set("KACHE_LOG", "stderr");
    a.rust();
    let shown = text(&a.output(&["config"]));
    assert!(shown.contains("redis://…@127.0.0.1:1/0") && shown.contains("region=…"), "{shown}");
    let flushed = text(&a.flush());
    let mut all = vec![shown, flushed, text(&a.output(&["push"]))];
    for path in objects(&a.test.cache()) {
        all.push(String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned());
    }
    assert!(all.iter().all(|text| !text.contains("hush-hush") && !text.contains("abababab")));
}

fn clear_backoff(machine: &Machine) {
    for entry in std::fs::read_dir(machine.agents()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "backoff") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// The processes of agents that serve this machine's cache.
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
