//! Real servers, and every fault that they can have.

use crate::fleet::{Machine, text, way};
use crate::tools::missing;
use kache_core::events::{Outcome, RemoteWay};
use kache_loopback::daemon::{self, Daemon, Scheme};
use kache_loopback::proxy::{Fault, Proxy};
use kache_loopback::s3::{ACCESS_KEY, BUCKET, S3, SECRET_KEY};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub fn on_s3(machine: Machine, address: SocketAddr) -> Machine {
    machine
        .set("KACHE_REMOTE_URL", format!("s3://{BUCKET}/deep/er"))
        .set("KACHE_REMOTE_OPTIONS", format!("endpoint=http://{address};region=nowhere"))
        .set("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .set("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
}

fn s3_machine(address: SocketAddr) -> Machine {
    on_s3(Machine::with_sources("s3://x"), address)
}

/// One machine compiles and uploads, another restores.
pub fn shares(machine: impl Fn() -> Machine) {
    let a = machine();
    assert_eq!(way(&a.rust()), (Outcome::Miss, Some(RemoteWay::Nothing)), "{:?}", a.test.last());
    a.c();
    let flushed = a.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
    let b = machine();
    let events = [b.rust(), b.c()];
    assert!(events.iter().all(|e| e.outcome == Outcome::Hit && e.remote.is_some()), "{events:?}");
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
    assert_eq!(a.artifact("c.o"), b.artifact("c.o"));
    // A second writer has nothing to upload.
    let c = machine().set("KACHE_READ", "false");
    c.rust();
    let flushed = c.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
}

#[test]
fn s3_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path()).unwrap();
    shares(|| s3_machine(s3.address()));
    let pulled = s3_machine(s3.address()).output(&["pull"]);
    assert!(pulled.status.success() && text(&pulled).starts_with("2 transferred"), "{}", text(&pulled));
}

/// A result with a crate of this many bytes reaches a second machine.
pub fn shares_large(machine: impl Fn() -> Machine, length: usize) {
    // The long timeout keeps the agent from giving up a download that is slower than compiling.
    let large = || noisy(machine(), length).set("KACHE_REMOTE_TIMEOUT", "60");
    let a = large();
    a.rust();
    let flushed = a.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
    let b = large();
    assert_eq!(b.rust().outcome, Outcome::Hit, "{:?}", b.test.last());
    assert_eq!(a.artifact("libl.rlib"), b.artifact("libl.rlib"));
}

/// A machine with a crate that contains incompressible bytes.
pub fn noisy(machine: Machine, length: usize) -> Machine {
    let mut state = 1u64;
    let bytes: Vec<u8> = (0..length)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect();
    std::fs::write(machine.test.path("w/noise"), bytes).unwrap();
    machine.test.write("w/l.rs", "pub static NOISE: &[u8] = include_bytes!(\"noise\");");
    machine
}

/// A build does not wait for a download that is slower than compiling, but `kache pull` does.
#[test]
fn builds_do_not_wait_for_slow_downloads() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path()).unwrap();
    let a = noisy(s3_machine(s3.address()), 400_000);
    a.rust();
    assert!(a.flush().status.success());
    let proxy = Proxy::start(s3.address(), Fault::Slow(100_000)).unwrap();
    let b = noisy(s3_machine(proxy.address()), 400_000);
    assert_eq!(b.rust().outcome, Outcome::Miss, "{:?}", b.test.last());
    let c = noisy(s3_machine(proxy.address()), 400_000);
    let pulled = c.output(&["pull"]);
    assert!(pulled.status.success() && text(&pulled).starts_with("1 transferred"), "{}", text(&pulled));
    assert_eq!(c.rust().outcome, Outcome::Hit, "{:?}", c.test.last());
}

#[test]
fn large_objects_are_uploaded_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path()).unwrap();
    shares_large(|| s3_machine(s3.address()), 20_000_000);
}

/// An encrypted connection, to a server whose certificate the user trusts.
#[test]
fn webdav_is_shared_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let Some(dav) = installed(daemon::dav(dir.path(), Scheme::SelfSigned), "nginx or openssl") else {
        return;
    };
    shares(|| {
        Machine::with_sources(&format!("dav+https://{}/a/b", dav.address()))
            .set("SSL_CERT_FILE", dir.path().join("cert.pem").display().to_string())
    });
}

pub fn installed(server: std::io::Result<Option<Daemon>>, what: &str) -> Option<Daemon> {
    let server = server.unwrap();
    if server.is_none() {
        missing(what, "install it");
    }
    server
}

#[test]
fn redis_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = installed(daemon::redis(dir.path()), "redis-server") else { return };
    let machine = || Machine::with_sources(&format!("redis://{}/2", redis.address()));
    shares(machine);
    // Redis cannot list objects; the error names the alternative.
    let pulled = machine().output(&["pull"]);
    assert!(!pulled.status.success() && text(&pulled).contains("kache prefetch"), "{}", text(&pulled));
}

#[test]
fn webdav_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let Some(dav) = installed(daemon::dav(dir.path(), Scheme::Plain), "nginx with WebDAV") else { return };
    shares(|| Machine::with_sources(&format!("dav+http://{}/a/b", dav.address())));
}

/// What a service can do wrong. `None` stands for an address at which nobody listens.
fn faults() -> Vec<(&'static str, Option<Fault>)> {
    let throttled = Fault::Answer("429 Too Many Requests", "retry-after: 30\r\n");
    vec![
        ("hanging", Some(Fault::Hang)),
        ("resetting", Some(Fault::Reset)),
        ("200 bytes a second", Some(Fault::Slow(200))),
        ("1 s of latency", Some(Fault::Latency(Duration::from_secs(1)))),
        ("answers cut at 900 bytes", Some(Fault::Cut(900))),
        ("answers reset at 900 bytes", Some(Fault::Break(900))),
        ("a bit in 700 flipped", Some(Fault::Flip(700))),
        ("403", Some(Fault::Answer("403 Forbidden", ""))),
        ("404", Some(Fault::Answer("404 Not Found", ""))),
        ("500", Some(Fault::Answer("500 Internal Server Error", ""))),
        ("429, Retry-After: 30", Some(throttled)),
        ("connections refused", None),
    ]
}

/// Every fault leaves a build as it is without a remote. The extra time is printed but not checked, since the machine may be
/// busy.
#[test]
fn no_fault_of_a_remote_changes_a_build() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path()).unwrap();
    let whole = s3_machine(s3.address());
    build(&whole);
    assert!(whole.flush().status.success());
    let tls_dir = tempfile::tempdir().unwrap();
    let tls = installed(daemon::dav(tls_dir.path(), Scheme::SelfSigned), "nginx or openssl");
    let plain = plain();
    report_faults(s3.address(), s3_machine, &plain);
    if let Some(tls) = tls {
        report(
            "a self-signed certificate",
            &Machine::with_sources(&format!("dav+https://{}/x", tls.address())),
            &plain,
        );
    }
    let skewed = s3_machine(s3.address()).set("AWS_SECRET_ACCESS_KEY", "wrong");
    report("a wrong request signature, as with a skewed clock", &skewed, &plain);
}

/// A build without a remote.
pub fn plain() -> Built {
    build(&Machine::with_sources("none"))
}

/// Builds with each fault between machines and a server.
pub fn report_faults(server: SocketAddr, machine: impl Fn(SocketAddr) -> Machine, plain: &Built) {
    let (_reserved, refusing) = daemon::refusing().unwrap();
    println!("| fault | outcome | added | what the events say |\n| --- | --- | --- | --- |");
    for (name, fault) in faults() {
        let proxy = fault.map(|fault| Proxy::start(server, fault).unwrap());
        let address = proxy.as_ref().map_or(refusing, Proxy::address);
        report(name, &machine(address), plain);
    }
}

/// Every fault of the first level leaves all results to the second one.
#[test]
fn no_fault_of_a_level_takes_the_results_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path()).unwrap();
    let whole = s3_machine(s3.address());
    let plain = build(&whole);
    assert!(whole.flush().status.success());
    let both = |first| {
        s3_machine(first)
            .set("KACHE_REMOTE_2_URL", format!("s3://{BUCKET}/deep/er"))
            .set("KACHE_REMOTE_2_OPTIONS", format!("endpoint=http://{};region=nowhere", s3.address()))
    };
    report_level_faults(s3.address(), both, &plain);
}

/// Builds with each fault between machines and the server of the first level. The second one has all results.
pub fn report_level_faults(server: SocketAddr, machine: impl Fn(SocketAddr) -> Machine, plain: &Built) {
    let (_reserved, refusing) = daemon::refusing().unwrap();
    println!(
        "| fault of the first level | outcome | added | what the events say |\n| --- | --- | --- | --- |"
    );
    for (name, fault) in faults() {
        let proxy = fault.map(|fault| Proxy::start(server, fault).unwrap());
        let machine = machine(proxy.as_ref().map_or(refusing, Proxy::address))
            .set("KACHE_REMOTE_MODE", "read-only")
            // The second level answers, however busy the machine is.
            .set("KACHE_REMOTE_2_TIMEOUT", "60");
        report(name, &machine, plain);
        let events = machine.test.events();
        assert!(events.iter().all(|event| event.outcome == Outcome::Hit), "{name}: {events:?}");
    }
}

pub struct Built {
    took: Duration,
    artifacts: Vec<Vec<u8>>,
}

/// Builds ten units.
pub fn build(machine: &Machine) -> Built {
    let begun = Instant::now();
    let mut artifacts = Vec::new();
    for n in 0..5 {
        machine.test.write("w/l.rs", &format!("pub fn f() -> u32 {{ {n} }}"));
        machine.test.write("w/src/h.h", &format!("#define ANSWER {n}\n"));
        machine.rust();
        machine.c();
        artifacts.extend([machine.artifact("libl.rlib"), machine.artifact("c.o")]);
    }
    Built { took: begun.elapsed(), artifacts }
}

pub fn report(name: &str, machine: &Machine, plain: &Built) {
    let built = build(machine);
    assert!(built.artifacts == plain.artifacts, "{name}: the artifacts differ from those without a remote");
    let events = machine.test.events();
    let mut ways: Vec<String> = events.iter().map(|e| format!("{:?}", way(e).1.unwrap())).collect();
    let hits = events.iter().filter(|e| e.outcome == Outcome::Hit).count();
    let waited: u64 = events.iter().filter_map(|e| Some(e.remote.as_ref()?.us)).sum();
    ways.dedup();
    println!(
        "| {name} | as without, {hits} of {} hit | {:.2} s waited, {:.2} s in all | {} |",
        events.len(),
        waited as f64 / 1e6,
        built.took.as_secs_f64() - plain.took.as_secs_f64(),
        ways.join(", ")
    );
}
