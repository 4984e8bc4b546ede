//! Levels: the remotes in the order in which they are read. Each has its own storage, circuit breaker, deadline and keys, and
//! at most one is written.
//!
//! Small objects (lists, build manifests) are read from all levels at once, packs from one level after another. So a dead
//! level costs its deadline once, whatever the number of levels, and a result of the first level costs nothing more than
//! without others.

use crate::error::{ConfigError, StorageError};
use crate::storage::Storage;
use crate::trust::Trust;
use crate::{Agent, locked};
use futures_util::future::join_all;
use kache_core::digest::Digest;
use kache_core::remote::format::SignedList;
use kache_core::remote::{Levels, Remote};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One level.
pub struct Level {
    pub remote: Remote,
    pub name: String,
    pub storage: Arc<Storage>,
    pub trust: Trust,
    /// The lists of actions, and when they were read.
    pub lists: Mutex<HashMap<Digest, (Instant, Vec<SignedList>)>>,
    /// Input keys with invalid packs, and why the packs are invalid.
    pub quarantined: Mutex<HashMap<Digest, String>>,
}

impl Level {
    /// Configures a level, without connecting.
    ///
    /// # Errors
    /// If a setting is invalid.
    fn open(remote: &Remote) -> Result<Arc<Level>, ConfigError> {
        Ok(Arc::new(Level {
            remote: remote.clone(),
            name: remote.name(),
            storage: Storage::open(remote)?,
            trust: Trust::of(remote)?,
            lists: Mutex::default(),
            quarantined: Mutex::default(),
        }))
    }
}

/// The answer of all levels to a request for small objects.
pub struct Answers<T> {
    /// What was found, in the order of the levels.
    pub found: Vec<T>,
    /// Why a level did not answer; the first of them.
    pub error: Option<StorageError>,
}

impl Level {
    /// Whether an action had no list when it was last looked up, in a service that never replaces an object. Then nothing is
    /// lost by trying to write without a further look, which costs a request.
    pub fn is_known_empty(&self, action: &Digest) -> bool {
        let is_empty = || locked(&self.lists).get(action).is_some_and(|(_, lists)| lists.is_empty());
        !self.storage.can_overwrite() && is_empty()
    }
}

/// Configures the levels, without connecting. Also returns why a level is left out: a directory that does not exist, such as
/// that of another machine's disk, is not created to be read, and it does not keep the other levels from being used.
///
/// # Errors
/// If a setting is invalid, or no level is left.
pub fn open_all(levels: &Levels) -> Result<(Vec<Arc<Level>>, Vec<ConfigError>), ConfigError> {
    let mut open = Vec::new();
    let mut missing = Vec::new();
    for remote in levels.all() {
        match Level::open(remote) {
            Ok(level) => open.push(level),
            Err(e @ ConfigError::MissingDirectory(_)) => missing.push(e),
            Err(e) => return Err(e),
        }
    }
    match missing.pop_if(|_| open.is_empty()) {
        Some(e) => Err(e),
        None => Ok((open, missing)),
    }
}

impl Agent {
    /// The level that is written.
    ///
    /// # Errors
    /// If none is.
    pub fn writer(&self) -> Result<&Arc<Level>, StorageError> {
        let why = || self.config.levels.written().map_or_else(|why| why, Remote::name);
        let written = self.levels.iter().find(|level| level.remote.write);
        written.ok_or_else(|| StorageError::ReadOnly(why()))
    }

    /// The longest time that a response to a request of all levels at once may take.
    pub fn timeout(&self) -> Duration {
        self.levels.iter().map(|level| level.storage.timeout()).max().unwrap_or_default()
    }

    /// The longest time that the responses of the levels, one after another, may take.
    pub fn timeouts(&self) -> Duration {
        self.levels.iter().map(|level| level.storage.timeout()).sum()
    }

    /// Asks all levels at once.
    pub async fn ask_all<T, F>(&self, ask: impl Fn(Arc<Level>) -> F) -> Answers<T>
    where
        F: Future<Output = Result<Option<T>, StorageError>>,
    {
        let answers = join_all(self.levels.iter().cloned().map(ask).collect::<Vec<_>>()).await;
        let mut all = Answers { found: Vec::new(), error: None };
        for (level, answer) in self.levels.iter().zip(answers) {
            match answer {
                Ok(found) => all.found.extend(found),
                Err(e) => all.error = all.error.or(Some(self.of_level(level, e))),
            }
        }
        all
    }

    /// An error with the name of its level, if there is more than one.
    pub fn of_level(&self, level: &Level, error: StorageError) -> StorageError {
        if self.levels.len() == 1 {
            return error;
        }
        let named = |why: String| format!("{}: {why}", level.name);
        match error {
            StorageError::CircuitOpen(why) => StorageError::CircuitOpen(named(why)),
            StorageError::Failed(why) => StorageError::Failed(named(why)),
            StorageError::Unsupported(why) => StorageError::Unsupported(named(why)),
            other => other,
        }
    }

    /// Opens the circuit breaker of the level that took the longest since the last useful response.
    pub fn trip_slowest(&self, why: String) {
        let spent = |level: &&Arc<Level>| level.storage.spent();
        if let Some(level) = self.levels.iter().max_by_key(spent) {
            level.storage.trip(why);
        }
        self.forget_spent();
    }

    pub fn forget_spent(&self) {
        self.levels.iter().for_each(|level| level.storage.forget_spent());
    }

    /// Why a pack of a level is not used, if it was quarantined.
    pub fn quarantined(&self, level: &Level, input_key: &Digest) -> Option<String> {
        locked(&level.quarantined).get(input_key).cloned()
    }
}
