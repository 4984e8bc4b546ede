//! What is measured: cargo alone, kache, and its peers, all behind one face.
//!
//! A backend says which environment puts it in front of the compilers, and, if it can, what it did with each
//! invocation and why. One that cannot is still measured by time and by the artifacts it leaves.
//!
//! Peers are run as their own documentation tells users to, each with everything that it writes below the cache
//! directory it is given, so that no two runs meet and nothing of the user's is read or written. What is set besides
//! is said, with its reason, at the top of its file.

use super::Endpoint;
use crate::analysis::event_log::EventLog;
use crate::error::Result;
use crate::system::environment::Environment;
use crate::workload::Wiring;
use ::kache_core::events::Event;
use ::kache_core::key_trace::KeyTrace;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Whether the cache may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheReads {
    /// As always.
    Allowed,
    /// Never look anything up: every unit is compiled as on a miss.
    Forbidden,
}

/// What a backend caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// rustc's compiles.
    Rust,
    /// What gcc and clang compile: C, C++ and their relatives.
    C,
}

/// What a backend did since its cache was made, by its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Compiles that were restored.
    pub hits: u64,
    /// Compiles that were looked up and run, or run and stored.
    pub misses: u64,
    /// Invocations handed through to the compiler without a look.
    pub passed: u64,
}

impl std::ops::Add for Counts {
    type Output = Counts;

    fn add(self, more: Counts) -> Counts {
        Counts {
            hits: self.hits + more.hits,
            misses: self.misses + more.misses,
            passed: self.passed + more.passed,
        }
    }
}

impl std::ops::Sub for Counts {
    type Output = Counts;

    /// What was added since `earlier`.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            passed: self.passed.saturating_sub(earlier.passed),
        }
    }
}

/// Something that stands between a build and its compilers.
pub trait Backend: Sync {
    /// As it is recorded.
    fn name(&self) -> &'static str;

    /// As it says itself.
    fn version(&self) -> Result<String>;

    /// `environment` with what puts it in front of the compilers, and with its data in `cache`.
    fn wire(
        &self,
        environment: Environment,
        wiring: Wiring,
        cache: &Path,
        reads: CacheReads,
    ) -> Result<Environment>;

    /// What it caches.
    fn languages(&self) -> &'static [Language] {
        &[Language::Rust, Language::C]
    }

    /// `environment` with what makes it take the checkout at `root` for any other of the same project, where it has to
    /// be told.
    fn based(&self, environment: Environment, _root: &Path) -> Environment {
        environment
    }

    /// The shell line that runs `line` behind it, for one that an environment alone does not put there.
    fn line(&self, line: &str, _wiring: Wiring) -> String {
        line.to_owned()
    }

    /// The program that runs a compiler behind it, for one that is called with the compiler as its argument; nothing for one
    /// that can only be in front of a whole build.
    fn prefix(&self, _language: Language) -> Option<PathBuf> {
        None
    }

    /// `environment` with what makes it share its results through an S3 server; nothing for one that cannot, or is not
    /// known to.
    fn with_remote(&self, _environment: Environment, _endpoint: &Endpoint) -> Option<Environment> {
        None
    }

    /// Waits until all that it made is in the remote.
    fn flush(&self, _environment: &Environment, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// Starts what serves the cache, if it has such a thing, so that no build pays for that. `environment` is the wired
    /// one, since a server keeps what it was started with.
    fn start(&self, _environment: &Environment, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// Stops what serves the cache, by its own command. Harmless where nothing runs. Whoever builds behind a backend
    /// holds a [`Running`], which sees to it in every case.
    fn stop(&self, _cache: &Path) -> Result<()> {
        Ok(())
    }

    /// What it did since the cache was made; nothing for one that does not count.
    fn counts(&self, _cache: &Path) -> Result<Option<Counts>> {
        Ok(None)
    }

    /// What it writes about each invocation, if it does.
    fn events(&self, _cache: &Path) -> Option<EventLog> {
        None
    }

    /// Takes the result of an event out of the cache, as a planted loss.
    fn forget(&self, _cache: &Path, _event: &Event) -> std::io::Result<()> {
        Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "no single result of it can be removed"))
    }

    /// What went into the key of an event's result, if it keeps that.
    fn trace(&self, _cache: &Path, _event: &Event) -> Option<KeyTrace> {
        None
    }

    /// The files that hold an event's outputs within the cache, and the outputs' names. A build may remove what it
    /// built (as OpenSSL's objects are, once they are in its library).
    fn stored(&self, _cache: &Path, _event: &Event) -> Vec<(String, PathBuf)> {
        Vec::new()
    }
}
