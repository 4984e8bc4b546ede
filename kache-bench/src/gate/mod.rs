//! `gate`: is a run worse than what was recorded before, on the same class of machine, of the same workload?
//!
//! What is counted ([`facts`]) is compared exactly, with the best of the recorded runs: what once held must go on
//! holding, and a regression stays one on the next night, though it is recorded by then. False hits are counted against none
//! at all. Times ([`times`]) are compared by a test ([`shift`]) that can also answer that it does not know.

mod facts;
mod print;
mod shift;
mod times;

pub use print::{markdown, text};
pub use shift::{Decision, Shift};

use crate::history::{Entry, History, Subject};
use facts::{Fact, Worse};
use serde::Serialize;
use times::Times;

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

impl Gate {
    /// Judges these runs by that history.
    pub fn of(runs: &[&Entry], history: &History) -> Gate {
        let mut judged: Vec<_> = runs.iter().map(|run| judge(run, &history.before(run))).collect();
        judged.sort_by_key(|judged| std::cmp::Reverse(judged.verdict));
        let verdict = judged.iter().map(|judged| judged.verdict).max().unwrap_or(Verdict::Inconclusive);
        Gate { v: VERSION, command: "gate", verdict, judged }
    }
}

fn judge(run: &Entry, before: &[&Entry]) -> Judged {
    let recorded: Vec<Vec<Fact>> = before.iter().map(|entry| facts::of(entry)).collect();
    let mut rows: Vec<_> = facts::of(run).into_iter().map(|fact| exactly(fact, &recorded)).collect();
    let recorded: Vec<Vec<Times>> = before.iter().map(|entry| times::of(entry)).collect();
    rows.extend(times::of(run).iter().map(|times| by_test(times, &recorded)));
    let subject: Subject = run.subject();
    Judged {
        place: format!("{}:{}", run.file, run.line),
        subject: subject.to_string(),
        date: run.head.date.clone(),
        commit: run.head.commit.clone(),
        class: run.class(),
        planted: run.head.planted.clone(),
        recorded: before.len(),
        verdict: rows.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Inconclusive),
        rows,
    }
}

fn exactly(fact: Fact, recorded: &[Vec<Fact>]) -> Row {
    let same = recorded.iter().flatten().filter(|old| old.name == fact.name);
    let counts = same.map(|old| old.count);
    let best = if fact.worse == Worse::Less { counts.max() } else { counts.min() };
    let verdict = match (fact.worse, best) {
        (Worse::Any, _) if fact.count > 0 => Verdict::Regression,
        (Worse::Any, _) => Verdict::Ok,
        (_, None) => Verdict::Inconclusive,
        (Worse::Less, Some(best)) if fact.count < best => Verdict::Regression,
        (Worse::More, Some(best)) if fact.count > best => Verdict::Regression,
        _ => Verdict::Ok,
    };
    let detail = match verdict {
        Verdict::Regression => listed(&fact.names),
        Verdict::Inconclusive => "nothing recorded to compare with".into(),
        Verdict::Ok => String::new(),
    };
    let recorded = best.map(|best| best as f64);
    Row { figure: fact.name, verdict, recorded, now: fact.count as f64, shift: None, detail }
}

/// How many names a row lists.
const NAMED: usize = 8;

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    let more = names.len().saturating_sub(NAMED);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn by_test(times: &Times, recorded: &[Vec<Times>]) -> Row {
    let same = recorded.iter().flatten().filter(|old| old.name == times.name);
    let runs: Vec<_> = same.map(|old| old.figures.clone()).collect();
    let shift = Shift::of(&times.figures, &runs);
    let verdict = match shift.map(|shift| shift.decide()) {
        Some(Decision::Slower) => Verdict::Regression,
        Some(Decision::Same | Decision::Faster) => Verdict::Ok,
        Some(Decision::Inconclusive) | None => Verdict::Inconclusive,
    };
    Row {
        figure: times.name.clone(),
        verdict,
        recorded: crate::race::median(&runs.concat()),
        now: crate::race::median(&times.figures).unwrap_or_default(),
        shift,
        detail: print::told(shift.as_ref()),
    }
}
