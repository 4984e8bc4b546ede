//! The agent: a separate process that accesses the remote on behalf of all wrappers.
//!
//! The first wrapper that needs the agent starts it. The agent listens on a socket of this user, holds a lock while it
//! runs, and exits when it has been idle for a while and the upload queue is empty. It keeps connections open, fetches each
//! object once however many wrappers request it, prefetches, and uploads the queue in the background. If the agent
//! is killed, the queue remains, and the entries that it installed in the store are complete.
//!
//! The agent only adds to the local store: wrappers always restore from the local store.

mod circuit_breaker;
mod collect;
mod contents;
mod copy_up;
mod error;
mod fetch;
mod level;
mod metrics;
mod pack;
mod prefetch;
mod rate;
mod reapi;
mod serve;
mod service;
mod storage;
mod transfer;
pub mod trust;
mod upload;

pub use contents::{RemoteAnswer, run as run_remote};
pub use error::AgentError;
pub use serve::serve;
pub use transfer::{Report, run};

use kache_core::digest::Digest;
use kache_core::remote::client::AgentConfig;
use kache_core::remote::queue::Queue;
use kache_core::store::{Store, gc};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

/// The fetches by input key, running or successful, so that all requests for a pack share one fetch.
type InFlight = HashMap<Digest, watch::Receiver<fetch::FetchState>>;

pub struct Agent {
    config: AgentConfig,
    store: Store,
    /// In the order in which they are read.
    levels: Vec<Arc<level::Level>>,
    /// The pending uploads to the level that is written.
    queue: Option<Queue>,
    in_flight: Mutex<InFlight>,
    list_checks: Mutex<Vec<upload::ListCheck>>,
    /// The running copies to the level that is written.
    copies: tokio::sync::Mutex<JoinSet<()>>,
    sessions: Mutex<prefetch::Sessions>,
    /// Workspaces whose build manifests are to be written.
    changed: Mutex<HashSet<Vec<u8>>>,
    prefetch_permits: Arc<Semaphore>,
    upload_round: tokio::sync::Mutex<()>,
    wake: Notify,
    ending: AtomicBool,
    useless_waits: Mutex<UselessWaits>,
    /// The exporter of metrics, if one is set.
    metrics: OnceLock<Arc<metrics::Metrics>>,
}

/// How long wrappers have waited for responses without a result, since the last useful response.
#[derive(Debug, Default, PartialEq, Eq)]
struct UselessWaits {
    total: Duration,
    count: u32,
}

impl UselessWaits {
    /// Records a response. Returns a description if many long waits in succession gave no result.
    fn record(&mut self, waited: Duration, useful: bool) -> Option<String> {
        const MAX_TOTAL: Duration = Duration::from_millis(1500);
        const MAX_AVERAGE: Duration = Duration::from_millis(200);
        if useful {
            *self = UselessWaits::default();
            return None;
        }
        self.total += waited;
        self.count += 1;
        if self.total <= MAX_TOTAL || self.total <= MAX_AVERAGE * self.count {
            return None;
        }
        let UselessWaits { total, count } = std::mem::take(self);
        Some(format!("{count} responses took {:.1} s, and none of them had a result", total.as_secs_f64()))
    }
}

impl Agent {
    /// Opens the store and configures the storage, without connecting to the remote.
    ///
    /// # Errors
    /// If the store cannot be opened or a setting is invalid.
    pub fn new(config: AgentConfig) -> Result<Arc<Agent>, AgentError> {
        let store = Store::open(&config.cache)
            .map_err(|source| AgentError::Cache { path: config.cache.clone(), source })?;
        let (levels, missing) = level::open_all(&config.levels)?;
        let queue = config.levels.written().ok().map(|level| Queue::of(level, store.dir()));
        let agent = Arc::new(Agent {
            config,
            store,
            levels,
            queue,
            in_flight: Mutex::default(),
            list_checks: Mutex::default(),
            copies: tokio::sync::Mutex::default(),
            sessions: Mutex::default(),
            changed: Mutex::default(),
            prefetch_permits: Arc::new(Semaphore::new(prefetch::CONCURRENCY)),
            upload_round: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            ending: AtomicBool::new(false),
            useless_waits: Mutex::default(),
            metrics: OnceLock::new(),
        });
        missing.iter().for_each(|why| agent.log(&format!("a level is not used: {why}")));
        Ok(agent)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Starts a garbage collection if fetched results have made the store too large.
    fn store_grew(&self, bytes: u64) {
        gc::start_if_over_limit(&self.store, &self.config.cache, self.config.max_bytes, bytes);
    }

    /// Records how long a wrapper waited. After many long waits without a result the circuit breaker opens.
    fn record_wait(&self, waited: Duration, useful: bool) {
        let slow = locked(&self.useless_waits).record(waited, useful);
        match slow {
            Some(why) => self.trip_slowest(why),
            None if useful => self.forget_spent(),
            None => {}
        }
    }

    /// Appends a line to the agent's log, which is rotated at 1 MiB.
    fn log(&self, line: &str) {
        let path = kache_core::remote::agent_dir(self.store.dir()).join("log");
        if std::fs::metadata(&path).is_ok_and(|m| m.len() > 1 << 20) {
            let _ = std::fs::rename(&path, path.with_extension("old"));
        }
        let seconds = kache_core::platform::now_ns() / 1_000_000_000;
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
            let _ = writeln!(file, "{seconds} {} {line}", std::process::id());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> Result<tokio::runtime::Runtime, AgentError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(|e| AgentError::Io("start threads", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_long_waits_without_a_result_are_too_slow() {
        let mut waits = UselessWaits::default();
        let long = Duration::from_millis(600);
        assert_eq!(waits.record(long, false), None);
        assert_eq!(waits.record(long, false), None);
        assert_eq!(waits.record(long, true), None);
        assert_eq!(waits, UselessWaits::default());
        assert_eq!(waits.record(long, false), None);
        assert_eq!(waits.record(long, false), None);
        assert!(waits.record(long, false).unwrap().starts_with("3 responses took 1.8 s"));
        assert_eq!(waits, UselessWaits::default());
        // Short waits are never too slow, however many there are.
        assert!((0..1000).all(|_| waits.record(Duration::from_millis(100), false).is_none()));
    }
}
