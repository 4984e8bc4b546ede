//! A phase of a check, as it is recorded.

use crate::analysis::summary::BuildSummary;
use crate::build_site;
use crate::workload::checkout::Checkout;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhaseResult {
    pub name: String,
    pub clone: String,
    /// Wall-clock time.
    pub seconds: f64,
    /// `None` for a phase without compiles.
    pub summary: Option<BuildSummary>,
}

impl PhaseResult {
    pub fn of(name: &str, clone: &Checkout, took: Duration, summary: Option<BuildSummary>) -> PhaseResult {
        let (name, clone) = (name.to_owned(), clone.label().to_owned());
        PhaseResult { name, clone, seconds: build_site::seconds(took), summary }
    }
}
