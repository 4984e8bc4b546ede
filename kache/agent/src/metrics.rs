//! Metrics for an OpenTelemetry collector, where the setting `otlp` names one: sums of the events that the wrappers of this cache
//! write, and of uploads.
//!
//! One agent of a cache exports. How far it has read the event files is in a file, written after the collector took the sums.
//! So each event counts once, whichever agent runs, and events wait for a collector that is down. The sums begin at 0 with each
//! agent, as OTLP's start times say.

use crate::{Agent, locked};
use kache_core::digest::Digest;
use kache_core::events::tail::Tail;
use kache_core::events::{Event, Kind, Outcome, RemoteWay};
use kache_core::platform;
use kache_core::remote::client::AgentConfig;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;

/// How often new events are read.
const INTERVAL: Duration = Duration::from_secs(10);
/// Longer than any agent runs: exports are asked for.
const NEVER: Duration = Duration::from_secs(1 << 40);
/// The deadline of an export.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The first agent of a cache counts the events of the build that started it, and not those of the last month.
const RECENT: Duration = Duration::from_secs(600);
/// The bounds of the durations' histograms, in seconds: from a hit to a large link.
const BOUNDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// The exporter.
pub struct Metrics {
    provider: SdkMeterProvider,
    instruments: Instruments,
    reader: Mutex<Reader>,
    /// Held locked, so that one agent exports.
    _lock: File,
}

/// Reads events.
struct Reader {
    tail: Tail,
    /// Where the position in the event files is kept.
    position: PathBuf,
    /// Older events are not counted.
    since_us: u64,
    /// Whether sums changed since the last export.
    changed: bool,
    last_error: String,
}

struct Instruments {
    units: Counter<u64>,
    hit_time: Histogram<f64>,
    avoided_time: Histogram<f64>,
    compile_time: Histogram<f64>,
    bytes: Counter<u64>,
    remote_requests: Counter<u64>,
    remote_wait: Histogram<f64>,
    uploads: Counter<u64>,
    upload_errors: Counter<u64>,
}

impl Instruments {
    fn of(meter: &Meter) -> Instruments {
        let counter = |name: &'static str, unit: &'static str, what: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(what).build()
        };
        let time = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(BOUNDS.to_vec()).build()
        };
        Instruments {
            units: counter("kache.units", "{unit}", "compiles, links and runs of scripts by outcome"),
            hit_time: time("kache.hit.duration", "hits, from start to exit"),
            avoided_time: time(
                "kache.avoided.duration",
                "the command's run time when a hit's result was made",
            ),
            compile_time: time("kache.compile.duration", "the command's run time on a miss"),
            bytes: counter("kache.bytes", "By", "bytes restored by hits, and stored by misses"),
            remote_requests: counter(
                "kache.remote.lookups",
                "{lookup}",
                "units that asked the remote, by its answer",
            ),
            remote_wait: time("kache.remote.wait", "how long a unit waited for the remote"),
            uploads: counter("kache.remote.uploads", "{result}", "uploaded results"),
            upload_errors: counter("kache.remote.upload.errors", "{error}", "failed uploads"),
        }
    }

    /// Counts an event, as `kache report` does.
    fn record(&self, event: &Event) {
        if event.kind != Kind::Unit {
            return;
        }
        let family = KeyValue::new("kache.family", event.unit.family.clone());
        let mut of = vec![family.clone(), KeyValue::new("kache.outcome", word(event.outcome))];
        of.extend(event.reason_word().map(|reason| KeyValue::new("kache.reason", reason)));
        let seconds = |us: u64| us as f64 / 1e6;
        let direction = |word: &'static str| [family.clone(), KeyValue::new("kache.direction", word)];
        match event.outcome {
            Outcome::Hit => {
                let way = event.remote.as_ref().map(|remote| remote.way);
                let is_remote = matches!(way, Some(RemoteWay::Fetched | RemoteWay::Ahead));
                of.push(KeyValue::new("kache.source", if is_remote { "remote" } else { "local" }));
                self.hit_time.record(seconds(event.total_us), std::slice::from_ref(&family));
                self.avoided_time.record(seconds(event.compile_us), std::slice::from_ref(&family));
                self.bytes.add(event.bytes, &direction("restored"));
            }
            Outcome::Miss => {
                self.compile_time.record(seconds(event.compile_us), std::slice::from_ref(&family));
                if event.stored {
                    self.bytes.add(event.bytes, &direction("stored"));
                }
            }
            Outcome::Passthrough | Outcome::Error => {}
        }
        self.units.add(1, &of);
        if let Some(remote) = &event.remote {
            let mut of = vec![KeyValue::new("kache.answer", word(remote.way))];
            of.extend(remote.level.clone().map(|level| KeyValue::new("kache.level", level)));
            self.remote_requests.add(1, &of);
            self.remote_wait.record(seconds(remote.us), &of);
        }
    }
}

impl Metrics {
    /// Configures the exporter, without connecting; `None` if none is set, or another agent of the cache exports. Must be
    /// called in the runtime.
    fn open(config: &AgentConfig, dir: &Path) -> Result<Option<Metrics>, String> {
        let Some(address) = config.levels.all().iter().find_map(|remote| remote.otlp.as_ref()) else {
            return Ok(None);
        };
        let text = |e: &dyn ToString| e.to_string();
        let lock = File::options().write(true).create(true).truncate(false).open(dir.join("metrics.lock"));
        let lock = lock.map_err(|e| text(&e))?;
        if !platform::try_lock(&lock).map_err(|e| text(&e))? {
            return Ok(None);
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client {
            runtime: Handle::current(),
            inner: reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|e| text(&e))?,
        };
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/metrics", address.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            // The next export is the next attempt.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|e| text(&e))?;
        let provider = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(exporter).with_interval(NEVER).build())
            .with_resource(resource(&config.cache))
            .build();
        let instruments = Instruments::of(&provider.meter("kache"));
        Ok(Some(Metrics {
            provider,
            instruments,
            reader: Mutex::new(Reader::open(&config.cache, dir)),
            _lock: lock,
        }))
    }

    /// Reads new events and sends the sums, if they changed. Blocks until the deadline.
    fn export(&self) -> Result<(), String> {
        let mut reader = locked(&self.reader);
        for event in reader.tail.read().map_err(|e| e.to_string())? {
            if event.time_us >= reader.since_us {
                self.instruments.record(&event);
                reader.changed = true;
            }
        }
        if !reader.changed {
            return Ok(());
        }
        self.provider.force_flush().map_err(|e| e.to_string())?;
        reader.changed = false;
        reader.save().map_err(|e| e.to_string())
    }

    /// Counts uploads.
    pub fn uploaded(&self, uploaded: u64, errors: u64) {
        if uploaded + errors > 0 {
            self.instruments.uploads.add(uploaded, &[]);
            self.instruments.upload_errors.add(errors, &[]);
            locked(&self.reader).changed = true;
        }
    }
}

impl Reader {
    fn open(cache: &Path, dir: &Path) -> Reader {
        let position = dir.join("metrics.json");
        let read = std::fs::read(&position).ok();
        let read = read.and_then(|text| serde_json::from_slice::<BTreeMap<String, u64>>(&text).ok());
        let now_us = (platform::now_ns() / 1000) as u64;
        let since_us = if read.is_some() { 0 } else { now_us.saturating_sub(RECENT.as_micros() as u64) };
        let tail = Tail::after(cache, read.unwrap_or_default());
        Reader { tail, position, since_us, changed: false, last_error: String::new() }
    }

    fn save(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec(&self.tail.position())?;
        let new = self.position.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, &self.position)
    }
}

/// What the sums are of: this cache on this machine. `OTEL_RESOURCE_ATTRIBUTES` adds to it.
fn resource(cache: &Path) -> Resource {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_string();
    let instance = Digest::of(format!("{host}\0{}", cache.display()).as_bytes()).hex();
    Resource::builder()
        .with_service_name("kache")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance[..16].to_string()),
            KeyValue::new("host.name", host),
        ])
        .build()
}

/// The word for a variant in events.
fn word(variant: impl Serialize) -> String {
    let value = serde_json::to_value(variant).ok();
    value.and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
}

/// A client whose requests run in the agent's runtime: the exporter's thread has none.
#[derive(Debug)]
struct Client {
    runtime: Handle,
    inner: reqwest::Client,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request: reqwest::Request = request.map(reqwest::Body::from).try_into()?;
        let client = self.inner.clone();
        let sent = self.runtime.spawn(async move {
            let response = client.execute(request).await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let (status, body) = sent.await??;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}

impl Agent {
    /// Starts to export, if that is set.
    pub fn start_metrics(&self) {
        let dir = kache_core::remote::agent_dir(self.store.dir());
        match Metrics::open(&self.config, &dir) {
            Ok(None) => {}
            Ok(Some(metrics)) => _ = self.metrics.set(Arc::new(metrics)),
            Err(why) => self.log(&format!("metrics are not exported: {why}")),
        }
    }

    /// Exports until the agent exits.
    pub async fn export_in_background(self: Arc<Self>) {
        while self.metrics.get().is_some() {
            tokio::time::sleep(INTERVAL).await;
            self.export_metrics().await;
        }
    }

    /// Exports what is new.
    pub async fn export_metrics(&self) {
        let Some(metrics) = self.metrics.get().cloned() else { return };
        let exported = tokio::task::spawn_blocking(move || {
            let why = metrics.export().err().unwrap_or_default();
            let mut reader = locked(&metrics.reader);
            // A collector that is down is logged once.
            let is_new = why != reader.last_error;
            reader.last_error.clone_from(&why);
            (is_new && !why.is_empty()).then_some(why)
        });
        if let Ok(Some(why)) = exported.await {
            self.log(&format!("metrics are not exported: {why}"));
        }
    }
}
