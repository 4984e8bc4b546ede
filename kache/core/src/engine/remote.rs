//! The remote, seen from one command: the wrapper asks for what the local store does not have before the command runs, and
//! queues what was stored for upload.
//!
//! The agent fills the local store, and the ordinary lookup restores from there. On any error the command runs.

use super::job::Job;
use super::lookup::{Lookup, Purpose};
use crate::dependency::Dependency;
use crate::digest::Digest;
use crate::events::{Phase, RemoteUse, RemoteWay};
use crate::remote::client::{AgentConfig, Client};
use crate::remote::format;
use crate::remote::protocol::{Request, Response, Unavailable};
use crate::remote::queue::{Queue, QueuedUpload};
use foldhash::HashMap;
use std::time::{Duration, Instant};

/// After how long without anything to do an agent ends.
const IDLE: Duration = Duration::from_secs(120);

impl Job<'_> {
    /// Looks the action up in the remote, if there is one.
    pub(super) fn look_up_remote(&self, purpose: Purpose) -> (Lookup, Option<RemoteUse>) {
        // What is fetched goes into the store.
        let Some(config) = self.agent_config().filter(|_| self.engine.settings.write) else {
            return (Lookup::Nothing, None);
        };
        let begun = Instant::now();
        let (found, mut usage) = match Client::open(&config, self.engine.store.dir()) {
            Some(mut client) => self.ask_remote(&mut client, purpose),
            None => nothing(RemoteWay::Failed, "failed to start the agent"),
        };
        self.engine.timer.lap(Phase::Remote);
        usage.us = begun.elapsed().as_micros() as u64;
        (found, Some(usage))
    }

    fn agent_config(&self) -> Option<AgentConfig> {
        let levels = self.engine.settings.remote.clone()?;
        let cache = self.engine.settings.cache_dir.clone()?;
        let max_bytes = self.engine.settings.max_bytes(&cache);
        Some(AgentConfig { levels, cache, max_bytes, idle: IDLE })
    }

    fn ask_remote(&self, client: &mut Client, purpose: Purpose) -> (Lookup, RemoteUse) {
        let workspace = self.workspace();
        let find = |skip_prefetched| Request::Find {
            action: self.action.key,
            workspace: workspace.clone(),
            skip_prefetched,
        };
        let mut response = client.request(&find(false));
        if let Some(Response::Stored { level, .. }) = response {
            let found = self.look_up(purpose);
            if !matches!(found, Lookup::Nothing) {
                return (found, from_level(RemoteWay::Ahead, level));
            }
            // The project had other inputs when that was built.
            response = client.request(&find(true));
        }
        if let Some(Response::Lists(lists)) = &response {
            let fetch = |client: &mut Client, lists: &[Vec<u8>]| match self.input_keys(lists) {
                keys if keys.is_empty() => Some(Response::Unavailable(Unavailable::NotFound, String::new())),
                input_keys => client.request(&Request::Fetch {
                    action: self.action.key,
                    input_keys,
                    workspace: workspace.clone(),
                }),
            };
            response = fetch(client, lists);
            if let Some(Response::Unavailable(Unavailable::NotFound, _)) = response {
                // Of two simultaneous uploads, one may be missing from the first list.
                response = match client.request(&Request::MoreLists { action: self.action.key }) {
                    Some(Response::Lists(more)) => fetch(client, &more),
                    other => other,
                };
            }
        }
        match response {
            Some(Response::Stored { level, .. }) => match self.look_up(purpose) {
                Lookup::Nothing => nothing(RemoteWay::Nothing, "the fetched result does not hold here"),
                found => (found, from_level(RemoteWay::Fetched, level)),
            },
            Some(Response::Unavailable(why, detail)) => {
                let way = match why {
                    Unavailable::NotFound => RemoteWay::Nothing,
                    Unavailable::CircuitOpen => RemoteWay::Closed,
                    Unavailable::Failed => RemoteWay::Failed,
                    Unavailable::Invalid => RemoteWay::Refused,
                };
                nothing(way, &detail)
            }
            Some(_) => nothing(RemoteWay::Failed, "the agent sent an unexpected response"),
            None => nothing(RemoteWay::Failed, "the agent did not answer"),
        }
    }

    /// Queues a stored result for upload.
    pub(super) fn queue_upload(&self, result: &Digest) {
        let Some(config) = self.agent_config() else { return };
        let Ok(written) = config.levels.written() else { return };
        let upload = QueuedUpload { action: self.action.key, result: *result, workspace: self.workspace() };
        // Errors are ignored: the result is only not shared.
        if Queue::of(written, self.engine.store.dir()).add(self.engine.store, &upload).is_ok()
            && let Some(mut client) = Client::open(&config, self.engine.store.dir())
        {
            client.send(&Request::Wake);
        }
    }

    /// The project's directory, by which the agent knows the project.
    fn workspace(&self) -> Vec<u8> {
        let root = self.action.roots.get("workspace").unwrap_or(&self.action.cwd);
        root.as_os_str().as_encoded_bytes().to_vec()
    }

    /// The keys of the inputs as they are here, one for each list of dependencies.
    fn input_keys(&self, lists: &[Vec<u8>]) -> Vec<Digest> {
        let mut seen: HashMap<Dependency, Option<Digest>> = HashMap::default();
        let mut key = |dependencies: Vec<Dependency>| {
            let mut values = Vec::with_capacity(dependencies.len());
            for dependency in &dependencies {
                let now =
                    *seen.entry(dependency.clone()).or_insert_with(|| self.view.digest(dependency).ok());
                // A dependency that cannot be evaluated holds nowhere.
                values.push(now?);
            }
            Some(format::input_key(&self.action.key, dependencies.iter().zip(&values)))
        };
        lists.iter().filter_map(|list| key(format::decode_list(list)?)).collect()
    }
}

/// The use of a remote that had no result.
fn nothing(way: RemoteWay, detail: &str) -> (Lookup, RemoteUse) {
    let detail = Some(detail.to_string()).filter(|detail| !detail.is_empty());
    (Lookup::Nothing, RemoteUse { way, us: 0, detail, level: None })
}

/// The use of a level that had the result.
fn from_level(way: RemoteWay, level: String) -> RemoteUse {
    RemoteUse { way, us: 0, detail: None, level: Some(level) }
}
