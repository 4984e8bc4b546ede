//! Metrics reach a collector: a server on loopback that decodes what the agent sends, beside the events that it counts.

use crate::fleet::{Machine, text};
use kache_core::events::{Event, Kind, Outcome};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A collector, and the requests that it took.
#[derive(Clone)]
struct Collector {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    taken: Vec<ExportMetricsServiceRequest>,
    connections: usize,
    /// Refuses requests.
    is_down: bool,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Collector { address: listener.local_addr().unwrap(), state: Arc::default() };
        let server = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                server.state.lock().unwrap().connections += 1;
                let server = server.clone();
                std::thread::spawn(move || while server.answer(&stream).is_some() {});
            }
        });
        collector
    }

    /// Takes a request. `None` at the end of the connection.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
        let lower = head.to_lowercase();
        assert!(lower.contains("content-type: application/x-protobuf\r\n"), "{head}");
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).ok()?;
        let mut state = self.state.lock().unwrap();
        let status = if state.is_down {
            "503 Service Unavailable"
        } else {
            state.taken.push(ExportMetricsServiceRequest::decode(&body[..]).unwrap());
            "200 OK"
        };
        drop(state);
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok()
    }

    fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    /// The last sums: the values of each metric by its attributes.
    fn sums(&self) -> BTreeMap<String, f64> {
        let state = self.state.lock().unwrap();
        let last = state.taken.last().expect("the collector took nothing");
        let resource = last.resource_metrics[0].resource.as_ref().unwrap();
        assert_eq!(attributes(&resource.attributes)["service.name"], "kache");
        let scopes = last.resource_metrics.iter().flat_map(|of| &of.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).flat_map(points).collect()
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => format!("{other:?}"),
    };
    all.iter().map(|one| (one.key.clone(), text(one))).collect()
}

/// `name{a=b,c=d}` with its value; of a histogram the number of values, and `name.sum{…}`.
fn points(metric: &Metric) -> Vec<(String, f64)> {
    let named = |suffix: &str, of: &[KeyValue]| {
        let of: Vec<String> =
            attributes(of).iter().map(|(k, v)| format!("{}={v}", k.trim_start_matches("kache."))).collect();
        format!("{}{suffix}{{{}}}", metric.name, of.join(","))
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            let value = |value: &Option<Number>| match value.unwrap() {
                Number::AsInt(n) => n as f64,
                Number::AsDouble(n) => n,
            };
            sum.data_points.iter().map(|p| (named("", &p.attributes), value(&p.value))).collect()
        }
        Data::Histogram(all) => all
            .data_points
            .iter()
            .flat_map(|p| {
                [(named("", &p.attributes), p.count as f64), (named(".sum", &p.attributes), p.sum.unwrap())]
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn machine(collector: &Collector, store: &std::path::Path) -> Machine {
    Machine::with_sources(&format!("file://{}", store.display()))
        .set("KACHE_REMOTE_OTLP", format!("http://{}/", collector.address))
        .set("KACHE_REMOTE_TIMEOUT", "60")
}

fn flush(machine: &Machine) {
    let flushed = machine.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
}

fn seconds(events: &[Event], outcome: Outcome, of: fn(&Event) -> u64) -> f64 {
    events.iter().filter(|e| e.outcome == outcome).map(|e| of(e) as f64 / 1e6).sum()
}

#[test]
fn a_collector_gets_the_sums_of_the_events_and_of_uploads() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let a = machine(&collector, dir.path());
    a.rust();
    a.c();
    a.c();
    a.test.write("w/src/c.c", "int broken(\n");
    a.kache(crate::fleet::C).output().unwrap();
    flush(&a);
    let events = a.test.events();
    let events: Vec<Event> = events.into_iter().filter(|e| e.kind == Kind::Unit).collect();
    let sums = collector.sums();
    let is = |name: &str, value: f64| {
        let found = sums.get(name).unwrap_or_else(|| panic!("{name}: {sums:#?}"));
        assert!((found - value).abs() < 1e-6, "{name} is {found}, not {value}");
    };
    is("kache.units{family=rustc,outcome=miss}", 1.0);
    is("kache.units{family=cc,outcome=miss}", 1.0);
    is("kache.units{family=cc,outcome=miss,reason=failed}", 1.0);
    is("kache.units{family=cc,outcome=hit,source=local}", 1.0);
    is("kache.remote.lookups{answer=nothing}", events.iter().filter(|e| e.remote.is_some()).count() as f64);
    is("kache.hit.duration{family=cc}", 1.0);
    is("kache.hit.duration.sum{family=cc}", seconds(&events, Outcome::Hit, |e| e.total_us));
    is("kache.avoided.duration.sum{family=cc}", seconds(&events, Outcome::Hit, |e| e.compile_us));
    let rust = |e: &Event| if e.unit.family == "rustc" { e.compile_us } else { 0 };
    is("kache.compile.duration.sum{family=rustc}", seconds(&events, Outcome::Miss, rust));
    let bytes = |e: &&Event| e.unit.family == "cc" && e.stored;
    is("kache.bytes{direction=stored,family=cc}", events.iter().filter(bytes).map(|e| e.bytes as f64).sum());
    is("kache.remote.uploads{}", 2.0);
    // A hit of the remote, on another machine.
    let b = machine(&collector, dir.path());
    b.rust();
    flush(&b);
    let sums = collector.sums();
    assert_eq!(sums["kache.units{family=rustc,outcome=hit,source=remote}"], 1.0, "{sums:#?}");
    let fetched =
        ["fetched", "ahead"].map(|way| format!("kache.remote.lookups{{answer={way},level=remote}}"));
    assert!(fetched.iter().any(|name| sums.contains_key(name)), "{sums:#?}");
}

/// A collector that is down loses nothing, and fails nothing; each event counts once, whichever agent exports it.
#[test]
fn events_wait_for_a_collector_that_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    collector.set_down(true);
    let a = machine(&collector, dir.path());
    a.rust();
    flush(&a);
    let log = std::fs::read_to_string(a.agents().join("log")).unwrap();
    assert!(log.contains("metrics are not exported: "), "{log}");
    assert!(!a.agents().join("metrics.json").exists());
    collector.set_down(false);
    a.c();
    flush(&a);
    let units = |sums: &BTreeMap<String, f64>| -> f64 {
        sums.iter().filter(|(name, _)| name.starts_with("kache.units{")).map(|(_, n)| n).sum()
    };
    assert_eq!(units(&collector.sums()), 2.0, "{:#?}", collector.sums());
    // Another agent begins where the first one stopped.
    let prefix = a.set("KACHE_REMOTE_PREFIX", "another");
    stop_agents(&prefix);
    prefix.test.write("w/src/h.h", "#define ANSWER 43\n");
    prefix.c();
    flush(&prefix);
    assert_eq!(units(&collector.sums()), 1.0, "{:#?}", collector.sums());
}

/// Waits until no agent of a machine holds the lock of the exporter.
fn stop_agents(machine: &Machine) {
    let blobs = kache_core::store::Area::Blobs.in_cache(&machine.test.cache());
    let aside = blobs.with_file_name("aside");
    std::fs::rename(&blobs, &aside).unwrap();
    let lock = std::fs::File::open(machine.agents().join("metrics.lock")).unwrap();
    lock.lock().unwrap();
    std::fs::rename(&aside, &blobs).unwrap();
}

#[test]
fn a_collector_that_never_answers_fails_no_flush() {
    let dir = tempfile::tempdir().unwrap();
    // Connections are accepted by the system.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::with_sources(&format!("file://{}", dir.path().display()))
        .set("KACHE_REMOTE_OTLP", format!("http://{}", silent.local_addr().unwrap()))
        .set("KACHE_REMOTE_TIMEOUT", "60");
    machine.rust();
    flush(&machine);
    let log = std::fs::read_to_string(machine.agents().join("log")).unwrap();
    assert!(log.contains("metrics are not exported: "), "{log}");
}

#[test]
fn nobody_is_called_where_no_collector_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let a = machine(&collector, dir.path()).set("KACHE_REMOTE_OTLP", "none");
    a.rust();
    flush(&a);
    assert_eq!(collector.state.lock().unwrap().connections, 0);
    assert!(!a.agents().join("metrics.lock").exists());
}
