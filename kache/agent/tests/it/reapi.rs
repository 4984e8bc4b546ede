//! A server of the Remote Execution API: BuildGrid, which `scripts/buildgrid.sh` installs.

use crate::fleet::{Machine, objects, text, way};
use crate::services::{
    Built, build, installed, noisy, plain, report_faults, report_level_faults, shares, shares_large,
};
use kache_core::events::{Outcome, RemoteWay};
use kache_loopback::daemon::{BuildGrid, Daemon, TOKEN};
use kache_loopback::proxy::{Fault, Proxy};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn start(server: BuildGrid, dir: &Path) -> Option<Daemon> {
    installed(server.start(dir), "bgd of BuildGrid, or openssl; scripts/buildgrid.sh installs the former")
}

fn machine(address: SocketAddr) -> Machine {
    Machine::with_sources(&format!("grpc://{address}/main"))
}

#[test]
fn buildgrid_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    shares(|| machine(server.address()));
    // The API cannot list objects; the error names the alternative.
    let pulled = machine(server.address()).output(&["pull"]);
    assert!(!pulled.status.success() && text(&pulled).contains("kache prefetch"), "{}", text(&pulled));
    // Another prefix is another cache.
    let other = machine(server.address()).set("KACHE_REMOTE_PREFIX", "other");
    assert_eq!(way(&other.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)), "{:?}", other.test.last());
    // The server refuses unknown instances.
    let unknown = Machine::with_sources(&format!("grpc://{}/unknown", server.address()));
    let event = unknown.rust();
    assert_eq!(way(&event), (Outcome::Miss, Some(RemoteWay::Failed)), "{event:?}");
    assert!(format!("{event:?}").contains("unknown"), "{event:?}");
}

#[test]
fn large_objects_are_streamed_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    // One above the size of a batch, and one that is streamed from a file.
    for length in [3_000_000, 20_000_000] {
        shares_large(|| machine(server.address()), length);
    }
}

/// A server that knows its clients by their certificates.
#[test]
fn both_sides_have_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid { mutual_tls: true, ..BuildGrid::default() }, dir.path()) else {
        return;
    };
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let with = |options: String| {
        Machine::with_sources(&format!("grpcs://{}/main", server.address()))
            .set("KACHE_REMOTE_OPTIONS", options)
    };
    shares(|| with(format!("ca={cert};cert={cert};key={key}")));
    // Without the client's certificate, and without trust in the server's.
    for options in [format!("ca={cert}"), format!("cert={cert};key={key}")] {
        let event = with(options).rust();
        assert_eq!(way(&event), (Outcome::Miss, Some(RemoteWay::Failed)), "{event:?}");
    }
}

/// A token and headers reach the server, and no output.
#[test]
fn requests_have_the_headers_of_the_options() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid { token: true, ..BuildGrid::default() }, dir.path()) else { return };
    let header = format!("header.Authorization=Bearer {TOKEN}");
    shares(|| machine(server.address()).set("KACHE_REMOTE_OPTIONS", header.clone()));
    let by_variable = machine(server.address()).set("KACHE_REMOTE_TOKEN", TOKEN);
    assert_eq!(by_variable.rust().outcome, Outcome::Hit, "{:?}", by_variable.test.last());
    let wrong = machine(server.address()).set("KACHE_REMOTE_OPTIONS", "token=hush.hush.hush");
    let event = wrong.rust();
    assert_eq!(way(&event), (Outcome::Miss, Some(RemoteWay::Failed)), "{event:?}");
    assert!(!format!("{event:?}").contains("hush"), "{event:?}");
    for command in [&["doctor"][..], &["config", "list"]] {
        let shown = text(&wrong.output(command));
        assert!(!shown.contains("hush"), "{command:?}: {shown}");
    }
}

#[test]
fn a_server_that_allows_no_updates_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid { read_only: true, ..BuildGrid::default() }, dir.path()) else {
        return;
    };
    let writer = machine(server.address());
    assert_eq!(way(&writer.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)), "{:?}", writer.test.last());
    let flushed = writer.flush();
    assert!(
        !flushed.status.success() && text(&flushed).contains("does not allow updates"),
        "{}",
        text(&flushed)
    );
    assert_eq!(objects(&dir.path().join("cas")), Vec::<PathBuf>::new(), "blobs were sent for nothing");
}

/// Every fault leaves a build as it is without a remote.
#[test]
fn no_fault_of_a_server_changes_a_build() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    let whole = machine(server.address());
    build(&whole);
    assert!(whole.flush().status.success());
    report_faults(server.address(), machine, &plain());
}

/// Every fault of a server in the first level leaves all results to the second level.
#[test]
fn no_fault_of_a_server_takes_the_results_of_another_level() {
    let (dir, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    let url = format!("file://{}", second.path().display());
    let filled_by = |machine: Machine| -> Built {
        let built = build(&machine);
        assert!(machine.flush().status.success());
        built
    };
    filled_by(machine(server.address()));
    let plain = filled_by(Machine::with_sources(&url));
    let both = |first| machine(first).set("KACHE_REMOTE_2_URL", &url);
    report_level_faults(server.address(), both, &plain);
}

/// A connection that no longer answers is replaced: the circuit breaker closes when the server answers again.
#[test]
fn a_dead_connection_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    let a = machine(server.address());
    a.rust();
    assert!(a.flush().status.success());
    let proxy = Proxy::start(server.address(), Fault::Hang).unwrap();
    let b = machine(proxy.address()).set("KACHE_REMOTE_MODE", "read-only");
    assert_eq!(way(&b.rust()), (Outcome::Miss, Some(RemoteWay::Failed)), "{:?}", b.test.last());
    proxy.set(Fault::None);
    // Another source, so that the wrapper asks; until the agent has seen that the server answers, the breaker is open.
    let answers = (0..).any(|n| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        b.test.write("w/l.rs", &format!("pub fn f() -> u32 {{ {n} }}"));
        assert!(n < 300, "{:?}", b.test.last());
        way(&b.rust()).1 == Some(RemoteWay::Nothing)
    });
    assert!(answers);
}

type Damage = fn(&[u8], &[Vec<u8>]) -> Vec<u8>;

/// What can happen to the files of the server, given the bytes of all files of the same kind.
const DAMAGES: &[(&str, Damage)] = &[
    ("emptied", |_, _| Vec::new()),
    ("cut in half", |bytes, _| bytes[..bytes.len() / 2].to_vec()),
    ("a bit flipped in its middle", |bytes, _| crate::trust::flipped(bytes, bytes.len() / 2)),
    ("a bit flipped at its end", |bytes, _| crate::trust::flipped(bytes, bytes.len() - 1)),
    ("bytes appended", |bytes, _| [bytes, b"more"].concat()),
    ("another of its kind", |bytes, all| all.iter().find(|other| *other != bytes).unwrap().clone()),
    ("a page of HTML", |_, _| b"<html>please log in</html>".to_vec()),
];

/// The kinds of files: packs, action results, and the rest (actions, commands, indexes and build manifests).
fn kind(bytes: &[u8]) -> &'static str {
    let is_result = bytes.windows(8).any(|w| w == b"\x0a\x06object");
    match bytes {
        _ if bytes.starts_with(b"kachepk1") => "packs",
        _ if bytes.first() == Some(&0x12) && is_result => "action results",
        _ => "other blobs",
    }
}

/// Whatever the server returns, a build gets the compiler's output or what the digests prove.
#[test]
fn damaged_blobs_and_results_are_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(BuildGrid::default(), dir.path()) else { return };
    // The pack of the crate is too large to be in its action result, too; that of the C unit is not.
    let machine = || noisy(machine(server.address()), 40_000);
    let a = machine();
    a.rust();
    a.c();
    assert!(a.flush().status.success());
    let (rust, c) = (a.artifact("libl.rlib"), a.artifact("c.o"));
    let files = objects(&dir.path().join("cas"));
    let whole: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    println!("| files of the server | damage | artifacts | Rust | C |\n| --- | --- | --- | --- | --- |");
    for of_kind in ["packs", "action results", "other blobs"] {
        let all: Vec<Vec<u8>> =
            whole.iter().filter(|b| kind(b) == of_kind && !b.is_empty()).cloned().collect();
        assert!(all.len() > 1, "the server has no two {of_kind}: {files:?}");
        for (name, damage) in DAMAGES {
            for (path, bytes) in files.iter().zip(&whole).filter(|(_, bytes)| all.contains(bytes)) {
                fs::write(path, damage(bytes, &all)).unwrap();
            }
            let b = machine().set("KACHE_REMOTE_MODE", "read-only");
            let events = [b.rust(), b.c()];
            assert!(b.artifact("libl.rlib") == rust && b.artifact("c.o") == c, "{of_kind}: {name}");
            let hits = events.each_ref().map(|event| event.outcome == Outcome::Hit);
            let possible = match of_kind {
                // The server sends as many bytes as the digest says.
                "packs" => [name == &"bytes appended", true],
                "action results" => [false, false],
                // A hit needs none of them, but the server refuses a request if it cannot read the action.
                _ => hits,
            };
            assert_eq!(hits, possible, "{of_kind}: {name}: {events:?}");
            println!("| {of_kind} | {name} | the compiler's | {} | {} |", said(&events[0]), said(&events[1]));
            files.iter().zip(&whole).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        }
    }
}

fn said(event: &kache_core::events::Event) -> String {
    format!("{:?}, {:?}", event.outcome, way(event).1.unwrap())
}
