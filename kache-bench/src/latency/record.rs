//! The findings of `latency`.

use super::figures::{Breakdown, Figures};
use crate::compare::Participant;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub page_cache: String,
    /// Time to start and end an empty process, in ms.
    pub empty_process_ms: f64,
    pub participants: Vec<Participant>,
    /// One for each subject, kind and participant.
    pub figures: Vec<Figures>,
    /// kache's phases.
    pub breakdown: Vec<Breakdown>,
}
