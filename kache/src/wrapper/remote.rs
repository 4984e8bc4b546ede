//! The remote, seen from one invocation: what the local store does not have is asked for before anything is compiled, and what
//! was compiled is left to be uploaded.
//!
//! The agent fills the local store; what is then given back comes from there, by the ordinary lookup. Whatever goes wrong
//! with it ends in compiling.

use super::{Asked, Found, Session};
use kache_core::dependency::Dependency;
use kache_core::digest::Digest;
use kache_core::events::Phase;
use kache_core::events::{Event, RemoteUse, RemoteWay};
use kache_core::remote::client::{Client, Orders};
use kache_core::remote::format;
use kache_core::remote::protocol::{Ask, Tell, Why};
use kache_core::remote::queue::{Queue, Waiting};
use kache_frontends::eval::EvalContext;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After how long without anything to do an agent ends.
const IDLE: Duration = Duration::from_secs(120);

impl Session<'_> {
    /// Looks the invocation up in the remote. Nothing is asked where none is set.
    pub(super) fn look_afar(
        &mut self,
        asked: &Asked,
        view: &EvalContext,
        check: bool,
        event: &mut Event,
    ) -> Found {
        // What is fetched goes into the store.
        let Some(orders) = self.orders().filter(|_| self.settings.write) else { return Found::Nothing };
        let begun = Instant::now();
        let (found, way, detail) = match Client::open(&orders, self.store.dir()) {
            Some(mut client) => self.converse(&mut client, asked, view, check, event),
            None => (Found::Nothing, RemoteWay::Failed, Some("there is no agent to ask".to_string())),
        };
        self.clock.lap(event, Phase::Remote);
        event.remote = Some(RemoteUse { way, us: begun.elapsed().as_micros() as u64, detail });
        found
    }

    fn orders(&self) -> Option<Orders> {
        let remote = self.settings.remote.clone()?;
        let cache = self.settings.cache_dir.clone()?;
        let max_bytes = self.settings.max_bytes(&cache);
        Some(Orders { remote, cache, max_bytes, idle: IDLE })
    }

    fn converse(
        &mut self,
        client: &mut Client,
        asked: &Asked,
        view: &EvalContext,
        check: bool,
        event: &mut Event,
    ) -> (Found, RemoteWay, Option<String>) {
        let place = place(asked);
        let find = |again| Ask::Find { action: asked.key, place: place.clone(), again };
        let mut tell = client.ask(&find(false));
        if let Some(Tell::Here { .. }) = tell {
            let found = self.look_up(asked, view, check, event);
            if !matches!(found, Found::Nothing) {
                return (found, RemoteWay::Ahead, None);
            }
            // The project was in another state when that was built.
            tell = client.ask(&find(true));
        }
        if let Some(Tell::Lists(lists)) = &tell {
            let fetch = |client: &mut Client, lists: &[Vec<u8>]| match states(lists, asked, view) {
                states if states.is_empty() => Some(Tell::Nothing(Why::Absent, String::new())),
                states => client.ask(&Ask::Fetch { action: asked.key, states, place: place.clone() }),
            };
            tell = fetch(client, lists);
            if let Some(Tell::Nothing(Why::Absent, _)) = tell {
                // Of two that uploaded at one moment, one may not have been told of.
                tell = match client.ask(&Ask::More { action: asked.key }) {
                    Some(Tell::Lists(more)) => fetch(client, &more),
                    other => other,
                };
            }
        }
        match tell {
            Some(Tell::Here { .. }) => match self.look_up(asked, view, check, event) {
                Found::Nothing => {
                    (Found::Nothing, RemoteWay::Nothing, Some("what was fetched does not hold".to_string()))
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
                (Found::Nothing, way, Some(detail).filter(|d| !d.is_empty()))
            }
            Some(_) => {
                (Found::Nothing, RemoteWay::Failed, Some("the agent's answer makes no sense".to_string()))
            }
            None => (Found::Nothing, RemoteWay::Failed, Some("the agent did not answer".to_string())),
        }
    }

    /// Leaves what was stored to be uploaded.
    pub(super) fn share(&self, asked: &Asked, result: &Digest) {
        let Some(orders) = self.orders().filter(|orders| orders.remote.write) else { return };
        let waiting = Waiting { action: asked.key, result: *result, place: place(asked) };
        // What cannot be left is not shared, and that is all.
        if Queue::of(&orders.remote, self.store.dir()).add(self.store, &waiting).is_ok()
            && let Some(mut client) = Client::open(&orders, self.store.dir())
        {
            client.tell(&Ask::Wake);
        }
    }
}

/// Where the project is: under it the agent finds what the project is.
fn place(asked: &Asked) -> Vec<u8> {
    let root = asked.roots.get("workspace").unwrap_or(&asked.invocation.cwd);
    root.as_os_str().as_encoded_bytes().to_vec()
}

/// The states that this invocation is in, one for each list.
fn states(lists: &[Vec<u8>], asked: &Asked, view: &EvalContext) -> Vec<Digest> {
    let mut seen: HashMap<Dependency, Option<Digest>> = HashMap::new();
    let mut state = |dependencies: Vec<Dependency>| {
        let mut values = Vec::with_capacity(dependencies.len());
        for look in &dependencies {
            let now = match seen.get(look) {
                Some(known) => *known,
                None => {
                    let now = view.digest(look).ok();
                    seen.insert(look.clone(), now);
                    now
                }
            };
            // What cannot be looked at was seen by nobody.
            values.push(now?);
        }
        Some(format::state_key(&asked.key, dependencies.iter().zip(&values)))
    };
    lists.iter().filter_map(|list| state(format::decode_looks(list)?)).collect()
}
