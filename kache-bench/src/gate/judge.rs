//! Judges a run by the recorded runs of the same workload on the same class of machine.
//!
//! Counts (`facts`) are compared exactly with the best recorded run, so a regression remains
//! one in the next run although it is recorded by then. False hits are always compared with 0. Times
//! (`times`) are compared by a significance test ([`significance`]) that can also be
//! inconclusive.

use super::facts::{self, Fact, Worse};
use super::significance::{self, Decision, Shift};
use super::times::{self, Times};
use super::verdict::{FigureRow, Gate, GateVerdict, JudgedRun, VERSION};
use crate::history::{History, HistoryEntry, Subject};
use crate::text;

impl Gate {
    pub fn of(runs: &[&HistoryEntry], history: &History) -> Gate {
        let mut judged: Vec<_> = runs.iter().map(|run| judge(run, &history.before(run))).collect();
        judged.sort_by_key(|judged| std::cmp::Reverse(judged.verdict));
        let verdict = judged.iter().map(|judged| judged.verdict).max().unwrap_or(GateVerdict::Inconclusive);
        Gate { v: VERSION, command: "gate", verdict, judged }
    }
}

fn judge(run: &HistoryEntry, before: &[&HistoryEntry]) -> JudgedRun {
    let recorded: Vec<Vec<Fact>> = before.iter().map(|entry| facts::of(entry)).collect();
    let mut rows: Vec<_> = facts::of(run).into_iter().map(|fact| exactly(fact, &recorded)).collect();
    let recorded: Vec<Vec<Times>> = before.iter().map(|entry| times::of(entry)).collect();
    rows.extend(times::of(run).iter().map(|times| by_test(times, &recorded)));
    let subject: Subject = run.subject();
    JudgedRun {
        place: format!("{}:{}", run.file, run.line),
        subject: subject.to_string(),
        date: run.head.date.clone(),
        commit: run.head.commit.clone(),
        class: run.class(),
        injected: run.head.injected.clone(),
        recorded: before.len(),
        verdict: rows.iter().map(|row| row.verdict).max().unwrap_or(GateVerdict::Inconclusive),
        rows,
    }
}

fn exactly(fact: Fact, recorded: &[Vec<Fact>]) -> FigureRow {
    let same = recorded.iter().flatten().filter(|old| old.name == fact.name);
    let counts = same.map(|old| old.count);
    let best = if fact.worse == Worse::Less { counts.max() } else { counts.min() };
    let verdict = match (fact.worse, best) {
        (Worse::Any, _) if fact.count > 0 => GateVerdict::Regression,
        (Worse::Any, _) => GateVerdict::Ok,
        (_, None) => GateVerdict::Inconclusive,
        (Worse::Less, Some(best)) if fact.count < best => GateVerdict::Regression,
        (Worse::More, Some(best)) if fact.count > best => GateVerdict::Regression,
        _ => GateVerdict::Ok,
    };
    let detail = match verdict {
        GateVerdict::Regression => text::list(&fact.names, NAMED),
        GateVerdict::Inconclusive => "nothing recorded to compare with".into(),
        GateVerdict::Ok => String::new(),
    };
    let recorded = best.map(|best| best as f64);
    FigureRow { figure: fact.name, verdict, recorded, now: fact.count as f64, shift: None, detail }
}

/// Maximum number of names in a row.
const NAMED: usize = 8;

fn by_test(times: &Times, recorded: &[Vec<Times>]) -> FigureRow {
    let same = recorded.iter().flatten().filter(|old| old.name == times.name);
    let runs: Vec<_> = same.map(|old| old.figures.clone()).collect();
    let shift = Shift::of(&times.figures, &runs);
    let verdict = match shift.map(|shift| shift.decide()) {
        Some(Decision::Slower) => GateVerdict::Regression,
        Some(Decision::Same | Decision::Faster) => GateVerdict::Ok,
        Some(Decision::Inconclusive) | None => GateVerdict::Inconclusive,
    };
    FigureRow {
        figure: times.name.clone(),
        verdict,
        recorded: crate::compare::median(&runs.concat()),
        now: crate::compare::median(&times.figures).unwrap_or_default(),
        shift,
        detail: significance::description(shift.as_ref()),
    }
}
