//! The verdict on each figure and each run.

use super::significance::Shift;
use serde::Serialize;

/// Version of [`Gate`]'s shape in `--format json`.
pub const VERSION: u32 = 2;

/// Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GateVerdict {
    /// No regression, with significance.
    Ok,
    /// No known regression, but not all figures are conclusive.
    Inconclusive,
    Regression,
}

impl GateVerdict {
    /// Exit status. Inconclusive has a status of its own, so that a nightly script can continue (`[ $? = 3
    /// ]`) and a release can stop.
    pub fn status(self) -> u8 {
        match self {
            GateVerdict::Ok => 0,
            GateVerdict::Regression => 1,
            GateVerdict::Inconclusive => 3,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            GateVerdict::Ok => "ok",
            GateVerdict::Regression => "REGRESSION",
            GateVerdict::Inconclusive => "inconclusive",
        }
    }
}

/// One figure compared with the recorded figures.
#[derive(Clone, Debug, Serialize)]
pub struct FigureRow {
    pub figure: String,
    pub verdict: GateVerdict,
    /// The best recorded count, or the median of recorded times; `None` without any.
    pub recorded: Option<f64>,
    pub now: f64,
    /// The change of times.
    pub shift: Option<Shift>,
    pub detail: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct JudgedRun {
    /// Place of its record, such as `demo.jsonl:3`.
    pub place: String,
    pub subject: String,
    pub date: String,
    /// Commit of the harness's repository.
    pub commit: Option<String>,
    /// Class of its machine.
    pub class: Option<String>,
    /// The injected fault.
    pub injected: Option<String>,
    /// Number of runs it was compared with.
    pub recorded: usize,
    /// The worst of its rows.
    pub verdict: GateVerdict,
    pub rows: Vec<FigureRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    pub v: u32,
    pub command: &'static str,
    pub verdict: GateVerdict,
    pub judged: Vec<JudgedRun>,
}
