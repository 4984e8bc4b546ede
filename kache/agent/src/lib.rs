//! The agent: a process of its own that talks to the remote, so that no wrapper has to.
//!
//! The first wrapper that needs it starts it; it listens on a socket of this user's, holds a lock as long as it lives, and ends
//! when nothing was asked of it for a while and nothing waits. It keeps connections open, fetches each object once however
//! many ask, fetches ahead, and uploads in the background what lies in the queue. If it is killed, the queue is still there,
//! and what it had put into the store is whole.
//!
//! It fills the local store and nothing else: what a wrapper restores comes from there, by the one way that there is.

mod ahead;
mod circuit;
mod fetch;
mod pack;
mod publish;
mod serve;
mod service;
mod storage;
mod sync;
pub mod trust;

pub use serve::serve;
pub use sync::{Report, run};

use kache_core::digest::Digest;
use kache_core::remote::client::Orders;
use kache_core::remote::format::Signed;
use kache_core::remote::queue::Queue;
use kache_core::store::{Store, gc};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use storage::Storage;
use tokio::sync::{Notify, Semaphore, watch};

type Flights = HashMap<Digest, watch::Receiver<fetch::Stage>>;
/// Where a project is, on this machine.
type Place = Vec<u8>;

/// All that the agent knows.
pub struct Agent {
    orders: Orders,
    store: Store,
    storage: Arc<Storage>,
    trust: trust::Trust,
    queue: Queue,
    flights: Mutex<Flights>,
    lists: Mutex<HashMap<Digest, (Instant, Vec<Signed>)>>,
    /// States whose packs are wrong, and why.
    refused: Mutex<HashMap<Digest, String>>,
    checks: Mutex<Vec<publish::Check>>,
    tours: Mutex<HashMap<Place, Arc<ahead::Tour>>>,
    /// Projects whose order is to be written.
    changed: Mutex<HashSet<Place>>,
    ahead: Arc<Semaphore>,
    rounds: tokio::sync::Mutex<()>,
    wake: Notify,
    ending: AtomicBool,
    uploaded: AtomicU64,
    account: Mutex<Account>,
}

/// How long wrappers waited in vain of late.
#[derive(Default)]
struct Account {
    in_vain: std::time::Duration,
    times: u32,
}

impl Agent {
    /// Makes one; nothing is asked of the remote yet.
    ///
    /// # Errors
    /// Where the store cannot be opened or a setting makes no sense: what, and what to do.
    pub fn new(orders: Orders) -> Result<Arc<Agent>, String> {
        let store = Store::open(&orders.cache)
            .map_err(|e| format!("the cache at {} cannot be opened: {e}", orders.cache.display()))?;
        let storage = Storage::open(&orders.remote)?;
        let trust = trust::Trust::of(&orders.remote)?;
        let queue = Queue::of(&orders.remote, store.dir());
        Ok(Arc::new(Agent {
            orders,
            store,
            storage,
            trust,
            queue,
            flights: Mutex::default(),
            lists: Mutex::default(),
            refused: Mutex::default(),
            checks: Mutex::default(),
            tours: Mutex::default(),
            changed: Mutex::default(),
            ahead: Arc::new(Semaphore::new(ahead::AT_ONCE)),
            rounds: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            ending: AtomicBool::new(false),
            uploaded: AtomicU64::new(0),
            account: Mutex::default(),
        }))
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        locked(&self.flights)
    }

    fn known_lists(&self) -> MutexGuard<'_, HashMap<Digest, (Instant, Vec<Signed>)>> {
        locked(&self.lists)
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<Digest, String>> {
        locked(&self.refused)
    }

    fn checks(&self) -> MutexGuard<'_, Vec<publish::Check>> {
        locked(&self.checks)
    }

    fn tours(&self) -> MutexGuard<'_, HashMap<Place, Arc<ahead::Tour>>> {
        locked(&self.tours)
    }

    fn changed(&self) -> MutexGuard<'_, HashSet<Place>> {
        locked(&self.changed)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn uploaded(&self) {
        self.uploaded.fetch_add(1, Ordering::Relaxed);
    }

    /// The store grew by what was fetched: it is kept below its bound here, too.
    fn grew(&self, bytes: u64) {
        gc::start_if_over_limit(&self.store, &self.orders.cache, self.orders.max_bytes, bytes);
    }

    /// A wrapper waited. Where many do so long and in vain, the remote is too slow to be asked.
    fn waited(&self, long: std::time::Duration, in_vain: bool) {
        /// What waiting in vain may cost in all where each time is long.
        const MOST: std::time::Duration = std::time::Duration::from_millis(1500);
        /// How long is long.
        const LONG: std::time::Duration = std::time::Duration::from_millis(200);
        let mut account = locked(&self.account);
        if !in_vain {
            *account = Account::default();
            return;
        }
        account.in_vain += long;
        account.times += 1;
        if account.in_vain > MOST && account.in_vain > LONG * account.times {
            let why = format!(
                "{} answers took {:.1} s, and none was of use",
                account.times,
                account.in_vain.as_secs_f64()
            );
            *account = Account::default();
            self.storage.too_slow(&why);
        }
    }

    /// A line in the agent's own log, which is started anew where it has grown.
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
