//! The verdict on each figure and each run.

use super::significance::Shift;
use serde::Serialize;

/// The version of [`Gate`]'s shape, as `--format json` prints it.
pub const VERSION: u32 = 2;

/// What it comes to; the worst of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GateVerdict {
    /// Nothing is worse, and that is known.
    Ok,
    /// Nothing is known to be worse, but not all could be told.
    Inconclusive,
    /// Something is worse.
    Regression,
}

impl GateVerdict {
    /// The exit status. A status of its own for "not known" lets a nightly script go on (`[ $? = 3 ]`) and a release stop.
    pub fn status(self) -> u8 {
        match self {
            GateVerdict::Ok => 0,
            GateVerdict::Regression => 1,
            GateVerdict::Inconclusive => 3,
        }
    }

    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            GateVerdict::Ok => "ok",
            GateVerdict::Regression => "REGRESSION",
            GateVerdict::Inconclusive => "inconclusive",
        }
    }
}

/// One figure, held against the recorded ones.
#[derive(Clone, Debug, Serialize)]
pub struct FigureRow {
    /// What it is.
    pub figure: String,
    /// What it comes to.
    pub verdict: GateVerdict,
    /// The best that was recorded; a count, or the middle of times. Nothing where none was.
    pub recorded: Option<f64>,
    /// In this run.
    pub now: f64,
    /// Of times: by how much they moved.
    pub shift: Option<Shift>,
    /// What there is to know besides.
    pub detail: String,
}

/// One run, judged.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedRun {
    /// Where its record is, `demo.jsonl:3`.
    pub place: String,
    /// What it is a run of.
    pub subject: String,
    /// When it ended.
    pub date: String,
    /// The commit of the harness's repository.
    pub commit: Option<String>,
    /// The class of its machine.
    pub class: Option<String>,
    /// The fault that was planted in it.
    pub injected: Option<String>,
    /// How many recorded runs it was compared with.
    pub recorded: usize,
    /// The worst of its rows.
    pub verdict: GateVerdict,
    /// Counts, then times.
    pub rows: Vec<FigureRow>,
}

/// All that was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// [`VERSION`].
    pub v: u32,
    /// `gate`.
    pub command: &'static str,
    /// The worst of all.
    pub verdict: GateVerdict,
    /// By workload and command.
    pub judged: Vec<JudgedRun>,
}
