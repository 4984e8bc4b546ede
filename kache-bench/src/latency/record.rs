//! The result of `latency`, as it is recorded in `results/latency.jsonl`.

use super::figures::{Breakdown, Figures};
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};

/// The version of [`Latency`]'s shape in `results/`.
pub const VERSION: u32 = 2;

/// Who took part, or why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LatencyParticipant {
    /// Its name.
    pub name: String,
    /// As it says itself.
    pub version: String,
    /// Why it has no figures at all.
    pub out: Option<String>,
}

/// All figures; also the record, one line in `results/latency.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// [`VERSION`].
    pub v: u32,
    /// `latency`.
    pub command: String,
    /// When it ended, UTC.
    pub date: String,
    /// The commit of the harness's repository, `+` if changed.
    pub commit: Option<String>,
    /// Where.
    pub machine: Machine,
    /// `warm`.
    pub page_cache: String,
    /// What starting and ending a process that does nothing takes, in ms.
    pub empty_process_ms: f64,
    /// Who took part.
    pub participants: Vec<LatencyParticipant>,
    /// One for each compile, way and entrant.
    pub figures: Vec<Figures>,
    /// Where kache's own time went.
    pub breakdown: Vec<Breakdown>,
}
