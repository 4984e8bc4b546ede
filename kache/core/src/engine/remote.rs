//! The remote, seen from one command: the wrapper asks for what the local store does not have before the command runs, and
//! queues what was stored for upload.
//!
//! The agent fills the local store, and the ordinary lookup restores from there. On any error the command runs.

use super::job::Job;
use super::lookup::Lookup;
use crate::dependency::Dependency;
use crate::digest::Digest;
use crate::events::{Phase, RemoteUse, RemoteWay};
use crate::remote::client::{Client, Orders};
use crate::remote::format;
use crate::remote::protocol::{Ask, Tell, Why};
use crate::remote::queue::{Queue, Waiting};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After how long without anything to do an agent ends.
const IDLE: Duration = Duration::from_secs(120);

impl Job<'_> {
    /// Looks the action up in the remote, if there is one.
    pub(super) fn look_up_remote(&self, check: bool) -> (Lookup, Option<RemoteUse>) {
        // What is fetched goes into the store.
        let Some(orders) = self.orders().filter(|_| self.engine.settings.write) else {
            return (Lookup::Nothing, None);
        };
        let begun = Instant::now();
        let (found, way, detail) = match Client::open(&orders, self.engine.store.dir()) {
            Some(mut client) => self.ask_remote(&mut client, check),
            None => (Lookup::Nothing, RemoteWay::Failed, Some("failed to start the agent".to_string())),
        };
        self.engine.timer.lap(Phase::Remote);
        (found, Some(RemoteUse { way, us: begun.elapsed().as_micros() as u64, detail }))
    }

    fn orders(&self) -> Option<Orders> {
        let remote = self.engine.settings.remote.clone()?;
        let cache = self.engine.settings.cache_dir.clone()?;
        let max_bytes = self.engine.settings.max_bytes(&cache);
        Some(Orders { remote, cache, max_bytes, idle: IDLE })
    }

    fn ask_remote(&self, client: &mut Client, check: bool) -> (Lookup, RemoteWay, Option<String>) {
        let place = self.place();
        let find = |again| Ask::Find { action: self.action.key, place: place.clone(), again };
        let mut tell = client.ask(&find(false));
        if let Some(Tell::Here { .. }) = tell {
            let found = self.look_up(check);
            if !matches!(found, Lookup::Nothing) {
                return (found, RemoteWay::Ahead, None);
            }
            // The project had other inputs when that was built.
            tell = client.ask(&find(true));
        }
        if let Some(Tell::Lists(lists)) = &tell {
            let fetch = |client: &mut Client, lists: &[Vec<u8>]| match self.input_keys(lists) {
                states if states.is_empty() => Some(Tell::Nothing(Why::Absent, String::new())),
                states => client.ask(&Ask::Fetch { action: self.action.key, states, place: place.clone() }),
            };
            tell = fetch(client, lists);
            if let Some(Tell::Nothing(Why::Absent, _)) = tell {
                // Of two simultaneous uploads, one may be missing from the first list.
                tell = match client.ask(&Ask::More { action: self.action.key }) {
                    Some(Tell::Lists(more)) => fetch(client, &more),
                    other => other,
                };
            }
        }
        match tell {
            Some(Tell::Here { .. }) => match self.look_up(check) {
                Lookup::Nothing => {
                    (Lookup::Nothing, RemoteWay::Nothing, Some("what was fetched does not hold".to_string()))
                }
                found => (found, RemoteWay::Fetched, None),
            },
            Some(Tell::Nothing(why, detail)) => {
                let way = match why {
                    Why::Absent => RemoteWay::Nothing,
                    Why::Closed => RemoteWay::Closed,
                    Why::Failed => RemoteWay::Failed,
                    Why::Refused => RemoteWay::Refused,
                };
                (Lookup::Nothing, way, Some(detail).filter(|d| !d.is_empty()))
            }
            Some(_) => {
                (Lookup::Nothing, RemoteWay::Failed, Some("the agent's answer makes no sense".to_string()))
            }
            None => (Lookup::Nothing, RemoteWay::Failed, Some("the agent did not answer".to_string())),
        }
    }

    /// Queues a stored result for upload.
    pub(super) fn queue_upload(&self, result: &Digest) {
        let Some(orders) = self.orders().filter(|orders| orders.remote.write) else { return };
        let waiting = Waiting { action: self.action.key, result: *result, place: self.place() };
        // Errors are ignored: the result is only not shared.
        if Queue::of(&orders.remote, self.engine.store.dir()).add(self.engine.store, &waiting).is_ok()
            && let Some(mut client) = Client::open(&orders, self.engine.store.dir())
        {
            client.tell(&Ask::Wake);
        }
    }

    /// The project's directory, by which the agent knows the project.
    fn place(&self) -> Vec<u8> {
        let root = self.action.roots.get("workspace").unwrap_or(&self.action.cwd);
        root.as_os_str().as_encoded_bytes().to_vec()
    }

    /// The keys of the inputs as they are here, one for each list of dependencies.
    fn input_keys(&self, lists: &[Vec<u8>]) -> Vec<Digest> {
        let mut seen: HashMap<Dependency, Option<Digest>> = HashMap::new();
        let mut key = |dependencies: Vec<Dependency>| {
            let mut values = Vec::with_capacity(dependencies.len());
            for dependency in &dependencies {
                let now =
                    *seen.entry(dependency.clone()).or_insert_with(|| self.view.digest(dependency).ok());
                // A dependency that cannot be evaluated holds nowhere.
                values.push(now?);
            }
            Some(format::state_key(&self.action.key, dependencies.iter().zip(&values)))
        };
        lists.iter().filter_map(|list| key(format::decode_looks(list)?)).collect()
    }
}
