//! The result of a comparison, as it is recorded in `results/WORKLOAD.jsonl`.

use super::disk::DiskUse;
use super::participant::Participant;
use super::sample::Sample;
use super::summary::PhaseSummary;
use serde::{Deserialize, Serialize};

/// The findings of `compare`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// `warm`: see `super::run`.
    pub page_cache: String,
    /// Requested number of rounds.
    pub rounds: usize,
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
