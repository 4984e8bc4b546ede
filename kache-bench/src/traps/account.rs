//! What a backend says itself about its hits.

use crate::backend::Backend;
use crate::eventlog::EventLog;
use kache::events::{Kind, Outcome};
use std::path::Path;

/// How many compiles ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Restored.
    pub hits: u64,
    /// Compiled, and perhaps kept.
    pub misses: u64,
    /// Handed on untouched.
    pub passed: u64,
}

/// A running account of one cache.
#[derive(Debug)]
pub struct Account {
    log: Option<EventLog>,
}

impl Account {
    /// Opens it.
    pub fn open(backend: &dyn Backend, cache: &Path) -> Account {
        Account { log: backend.events(cache) }
    }

    /// What was added since it was last asked; nothing if the backend keeps no account.
    pub fn since(&mut self) -> Option<Counts> {
        let log = self.log.as_mut()?;
        let mut counts = Counts::default();
        for event in log.poll().iter().filter(|event| event.kind == Kind::Unit) {
            match event.outcome {
                Outcome::Hit => counts.hits += 1,
                Outcome::Miss => counts.misses += 1,
                Outcome::Passthrough | Outcome::Error => counts.passed += 1,
            }
        }
        Some(counts)
    }
}
