//! The result of a comparison, as it is recorded in `results/WORKLOAD.jsonl`.

use super::disk::DiskUse;
use super::participant::Participant;
use super::sample::Sample;
use super::summary::PhaseSummary;
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};

/// Version of [`Comparison`]'s shape in `results/`.
pub const VERSION: u32 = 2;

/// Also the record: one line in `results/WORKLOAD.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    pub v: u32,
    pub command: String,
    pub workload: String,
    /// Commit of the workload's repository.
    pub source: String,
    /// When it ended, UTC.
    pub date: String,
    /// Commit of the harness's repository, with `+` if changed.
    pub commit: Option<String>,
    pub machine: Machine,
    /// `warm`: see `super::run`.
    pub page_cache: String,
    /// Requested number of rounds.
    pub rounds: usize,
    /// The injected fault; a run with one is never compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
    pub participants: Vec<Participant>,
    /// Every measured build, in order.
    pub samples: Vec<Sample>,
    /// Disk space of each backend, once a round.
    pub disk: Vec<DiskUse>,
    /// Medians and ratios of `samples`.
    pub summary: Vec<PhaseSummary>,
}

impl Comparison {
    /// Whether every participant finished and each of its phases has a valid time.
    pub fn is_whole(&self) -> bool {
        self.participants.iter().all(|participant| participant.out.is_none())
            && self.summary.iter().all(|row| row.n > 0)
    }
}
