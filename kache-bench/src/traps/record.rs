//! The result of `traps`, as it is recorded in `results/traps.jsonl`.

use super::judge::TrapVerdict;
use crate::system::machine::Machine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of one case with one backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub verdict: TrapVerdict,
    /// What it rests on, where that is not plain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// One case, on all backends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrapRow {
    pub theme: String,
    pub name: String,
    pub about: String,
    pub source: String,
    /// By backend.
    pub outcomes: BTreeMap<String, Outcome>,
}

/// The version of [`TrapsReport`]'s shape in `results/`.
pub const VERSION: u32 = 2;

/// A whole run; also its record, one line in `results/traps.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrapsReport {
    /// The version of this shape.
    pub v: u32,
    #[serde(default)]
    pub command: String,
    /// Whether all cases were tried, and not a choice of them.
    #[serde(default)]
    pub whole: bool,
    pub date: String,
    pub machine: Machine,
    /// The commit of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The backends with their versions, in the order of the columns.
    pub backends: Vec<(String, String)>,
    pub rows: Vec<TrapRow>,
}

impl TrapsReport {
    /// How many cases a backend has with a verdict.
    pub fn count(&self, backend: &str, verdict: TrapVerdict) -> usize {
        let outcomes = self.rows.iter().filter_map(|row| row.outcomes.get(backend));
        outcomes.filter(|outcome| outcome.verdict == verdict).count()
    }
}

/// kache, where it was tried, has nothing against it, and no case is itself broken.
pub fn passes(rows: &[TrapRow]) -> bool {
    rows.iter().flat_map(|row| &row.outcomes).all(|(name, outcome)| {
        outcome.verdict != TrapVerdict::Invalid && (name != "kache" || !outcome.verdict.fails())
    })
}
