//! The result of `latency`, as it is recorded in `results/latency.jsonl`.

use super::figures::{Breakdown, Figures};
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};

/// Version of [`Latency`]'s shape in `results/`.
pub const VERSION: u32 = 2;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LatencyParticipant {
    pub name: String,
    pub version: String,
    /// Why it has no figures.
    pub out: Option<String>,
}

/// Also the record: one line in `results/latency.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub v: u32,
    pub command: String,
    /// When it ended, UTC.
    pub date: String,
    /// Commit of the harness's repository, with `+` if changed.
    pub commit: Option<String>,
    pub machine: Machine,
    pub page_cache: String,
    /// Time to start and end an empty process, in ms.
    pub empty_process_ms: f64,
    pub participants: Vec<LatencyParticipant>,
    /// One for each subject, kind and participant.
    pub figures: Vec<Figures>,
    /// kache's phases.
    pub breakdown: Vec<Breakdown>,
}
