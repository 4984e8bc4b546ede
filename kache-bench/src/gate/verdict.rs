//! The verdict on each figure and each run.

use super::significance::Shift;
use serde::Serialize;

/// The version of [`Gate`]'s shape, as `--format json` prints it.
pub const VERSION: u32 = 1;

/// What it comes to; the worst of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is worse, and that is known.
    Ok,
    /// Nothing is known to be worse, but not all could be told.
    Inconclusive,
    /// Something is worse.
    Regression,
}

impl Verdict {
    /// The exit status. A status of its own for "not known" lets a nightly script go on (`[ $? = 3 ]`) and a release stop.
    pub fn status(self) -> u8 {
        match self {
            Verdict::Ok => 0,
            Verdict::Regression => 1,
            Verdict::Inconclusive => 3,
        }
    }

    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Regression => "REGRESSION",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// One figure, held against the recorded ones.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is.
    pub figure: String,
    /// What it comes to.
    pub verdict: Verdict,
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
pub struct Judged {
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
    pub planted: Option<String>,
    /// How many recorded runs it was compared with.
    pub recorded: usize,
    /// The worst of its rows.
    pub verdict: Verdict,
    /// Counts, then times.
    pub rows: Vec<Row>,
}

/// All that was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// [`VERSION`].
    pub v: u32,
    /// `gate`.
    pub command: &'static str,
    /// The worst of all.
    pub verdict: Verdict,
    /// By workload and command.
    pub judged: Vec<Judged>,
}
