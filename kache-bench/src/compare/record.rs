//! The result of a comparison, as it is recorded in `results/WORKLOAD.jsonl`.

use super::disk::DiskUse;
use super::participant::Participant;
use super::sample::Sample;
use super::summary::PhaseSummary;
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};

/// The version of [`Comparison`]'s shape in `results/`.
pub const VERSION: u32 = 2;

/// The whole comparison; also its record, one line in `results/WORKLOAD.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    pub v: u32,
    pub command: String,
    pub workload: String,
    /// The commit of the workload's repository.
    pub source: String,
    /// When it ended, UTC.
    pub date: String,
    /// The commit of the harness's repository, `+` if changed.
    pub commit: Option<String>,
    pub machine: Machine,
    /// `warm`: see the module's comment.
    pub page_cache: String,
    /// How many were asked for.
    pub rounds: usize,
    /// The fault that was planted, where one was; such a run is never compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
    pub participants: Vec<Participant>,
    /// Every timed build, in the order in which they were run.
    pub samples: Vec<Sample>,
    /// What each backend left on disk, once a round.
    pub disk: Vec<DiskUse>,
    /// Medians and ratios, made of `samples`.
    pub summary: Vec<PhaseSummary>,
}

impl Comparison {
    /// Whether every backend that can take part in such a workload did, and each of its phases has a time.
    pub fn is_whole(&self) -> bool {
        self.participants.iter().all(|participant| participant.out.is_none())
            && self.summary.iter().all(|row| row.n > 0)
    }
}
