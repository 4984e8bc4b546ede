//! The result of `traps`, as it is recorded in `results/traps.jsonl`.

use super::judge::TrapVerdict;
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The verdict on one case with one cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub verdict: TrapVerdict,
    /// Details, if the verdict needs any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// One case with all caches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrapRow {
    pub theme: String,
    pub name: String,
    pub about: String,
    pub source: String,
    pub outcomes: BTreeMap<String, Outcome>,
}

/// Version of [`TrapsReport`]'s shape in `results/`.
pub const VERSION: u32 = 2;

/// Also the record: one line in `results/traps.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrapsReport {
    pub v: u32,
    #[serde(default)]
    pub command: String,
    /// Whether all cases ran.
    #[serde(default)]
    pub whole: bool,
    pub date: String,
    pub machine: Machine,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The caches with their versions, in column order.
    pub backends: Vec<(String, String)>,
    pub rows: Vec<TrapRow>,
}

impl TrapsReport {
    /// Number of cases of a cache with a verdict.
    pub fn count(&self, backend: &str, verdict: TrapVerdict) -> usize {
        let outcomes = self.rows.iter().filter_map(|row| row.outcomes.get(backend));
        outcomes.filter(|outcome| outcome.verdict == verdict).count()
    }
}

/// Whether kache has no failure and no case is invalid.
pub fn passes(rows: &[TrapRow]) -> bool {
    rows.iter().flat_map(|row| &row.outcomes).all(|(name, outcome)| {
        outcome.verdict != TrapVerdict::Invalid && (name != "kache" || !outcome.verdict.fails())
    })
}
