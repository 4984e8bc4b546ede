//! The result of `traps`, as it is recorded in `results/traps.jsonl`.

use super::judge::TrapVerdict;
use crate::text::Table;
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

/// The findings of `traps`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrapsReport {
    /// Whether all cases ran.
    #[serde(default)]
    pub whole: bool,
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

    /// Verdicts that any cache has, in summary order.
    pub fn verdicts(&self) -> Vec<TrapVerdict> {
        let has =
            |verdict: &TrapVerdict| self.backends.iter().any(|(name, _)| self.count(name, *verdict) > 0);
        TrapVerdict::ALL.iter().map(|(verdict, _)| *verdict).filter(has).collect()
    }

    /// The number of cases by cache and verdict.
    pub fn summary(&self, title: &str) -> Table {
        let verdicts = self.verdicts();
        let mut table = Table::new([title].into_iter().chain(verdicts.iter().map(|verdict| verdict.label())));
        for (name, version) in &self.backends {
            let counts = verdicts.iter().map(|verdict| self.count(name, *verdict).to_string());
            table.row([format!("{name} {version}").trim().to_owned()].into_iter().chain(counts));
        }
        table
    }
}

/// Whether kache has no failure and no case is invalid.
pub fn passes(rows: &[TrapRow]) -> bool {
    rows.iter().flat_map(|row| &row.outcomes).all(|(name, outcome)| {
        outcome.verdict != TrapVerdict::Invalid && (name != "kache" || !outcome.verdict.fails())
    })
}
