//! What is measured: cargo alone, kache, and later its peers, all behind one face.
//!
//! A backend says which environment puts it in front of the compilers, and, if it can, what it did with each
//! invocation and why. One that cannot is still measured by time and by the artifacts it leaves.

mod kache;
mod plain;

pub use kache::Kache;
pub use plain::Plain;

use crate::environment::Environment;
use crate::eventlog::EventLog;
use crate::trouble::Result;
use crate::workload::Wiring;
use ::kache::events::Event;
use ::kache::trace::KeyTrace;
use std::path::Path;

/// Whether the cache may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// As always.
    Allowed,
    /// Never look anything up: every unit is compiled as on a miss.
    Forbidden,
}

/// Something that stands between a build and its compilers.
pub trait Backend {
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
        reads: Reads,
    ) -> Result<Environment>;

    /// What it writes about each invocation, if it does.
    fn events(&self, _cache: &Path) -> Option<EventLog> {
        None
    }

    /// What went into the key of an event's result, if it keeps that.
    fn trace(&self, _cache: &Path, _event: &Event) -> Option<KeyTrace> {
        None
    }
}
