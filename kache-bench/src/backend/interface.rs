//! The interface of everything that is measured: cargo alone, kache, and other caches.
//!
//! A backend gives the environment that puts it in front of the compilers, and, if it can, reports what it
//! did with each invocation and why. A backend without such a report is measured by time and by its
//! artifacts.
//!
//! Other caches run as their documentation tells users to, with all their data below the given cache
//! directory, so that runs do not interfere and no data of the user is read or written. Additional settings
//! are listed with reasons at the top of each file.

use super::Endpoint;
use crate::analysis::event_log::EventLog;
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::text::count;
use crate::workload::Wiring;
use ::kache_core::events::Event;
use ::kache_core::key_trace::KeyTrace;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
    /// What gcc and clang compile: C, C++ and related languages.
    C,
}

/// What a backend did since its cache was created, by its own statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub hits: u64,
    /// Lookups that led to a compile, whether stored or not.
    pub misses: u64,
    /// Invocations passed to the compiler without a lookup.
    pub passed: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hits, misses) = (count(self.hits, "hit", "hits"), count(self.misses, "miss", "misses"));
        write!(f, "{hits}, {misses}, {} bypassed", self.passed)
    }
}

impl std::ops::Sub for Counts {
    type Output = Counts;

    /// The difference to `earlier`.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            passed: self.passed.saturating_sub(earlier.passed),
        }
    }
}

/// A cache between a build and its compilers.
pub trait Backend: Sync {
    fn name(&self) -> &'static str;

    fn version(&self) -> Result<String>;

    /// Adds to `environment` what puts the backend in front of the compilers, with its data in `cache`.
    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment>;

    /// Adds to a wired environment what forbids lookups, so that every unit is compiled as on a miss.
    fn without_lookups(&self, _environment: Environment) -> Result<Environment> {
        Err(Error::input(format!("{} cannot compile without lookups", self.name())))
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::Rust, Language::C]
    }

    /// Whether the backend caches links by C compilers.
    fn caches_links(&self) -> bool {
        false
    }

    /// Adds to `environment` what makes the checkout at `root` equivalent to other checkouts, for a backend
    /// that needs it.
    fn based(&self, environment: Environment, _root: &Path) -> Environment {
        environment
    }

    /// The shell command that runs `line` with the backend, if the environment alone is not enough.
    fn line(&self, line: &str, _wiring: Wiring) -> String {
        line.to_owned()
    }

    /// The program that takes a compiler and its arguments; `None` for a backend that can only run whole
    /// builds.
    fn prefix(&self, _language: Language) -> Option<PathBuf> {
        None
    }

    /// Adds to `environment` what makes the backend share results through a server; `None` if that is not
    /// supported.
    fn with_remote(&self, _environment: Environment, _endpoint: &Endpoint) -> Option<Environment> {
        None
    }

    /// Waits until all results are in the remote store.
    fn flush(&self, _environment: &Environment, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// Starts the cache's server, if there is one, so that no build pays for it. `environment` is wired,
    /// since a server keeps the settings it was started with.
    fn start(&self, _environment: &Environment, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// Stops the cache's server with its own command; harmless without one. Builds hold a `RunningBackend`,
    /// which always stops it.
    fn stop(&self, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// Statistics since the cache was created; `None` if the backend has none.
    fn counts(&self, _cache: &Path) -> Result<Option<Counts>> {
        Ok(None)
    }

    /// The backend's event log, if there is one.
    fn events(&self, _cache: &Path) -> Option<EventLog> {
        None
    }

    /// Removes the result of an event from the cache, as an injected loss.
    fn forget(&self, _cache: &Path, _event: &Event) -> std::io::Result<()> {
        Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this cache cannot remove a single result"))
    }

    /// The key trace of an event's result, if it is stored.
    fn trace(&self, _cache: &Path, _event: &Event) -> Option<KeyTrace> {
        None
    }

    /// The files in the cache that hold an event's outputs, with the outputs' names. A build may remove its
    /// outputs (OpenSSL removes objects that are in its library).
    fn stored(&self, _cache: &Path, _event: &Event) -> Vec<(String, PathBuf)> {
        Vec::new()
    }
}
