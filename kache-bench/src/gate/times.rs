//! Which times of a run are held against recorded ones: those that were taken repeatedly, with the plain build beside.
//!
//! `compare` builds by turns, and `latency` calls by turns. The single builds of a `check` are no sample, and are not tested.

use crate::compare::{Phase, Race};
use crate::history::{Entry, Run};
use crate::latency::{Latency, Way};
use clap::ValueEnum;

/// One figure's times in one run, over those of the plain build in the same round where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// What was timed; the same in every run.
    pub name: String,
    /// A figure a round.
    pub figures: Vec<f64>,
}

/// All times of a run that can be held against others.
pub fn of(entry: &Entry) -> Vec<Times> {
    let mut all = match &entry.run {
        Run::Race(race) => of_race(race),
        Run::Latency(latency) => of_latency(latency),
        _ => Vec::new(),
    };
    all.retain(|times| !times.figures.is_empty());
    all
}

fn of_race(race: &Race) -> Vec<Times> {
    let has_plain = race.entrants.iter().any(|entrant| entrant.name == "plain" && entrant.out.is_none());
    let time = |backend: &str, phase: Phase, round: usize| {
        let mut laps = race.laps.iter().filter(|lap| lap.invalid.is_none() && lap.seconds > 0.0);
        laps.find(|lap| lap.backend == backend && lap.phase == phase && lap.round == round)
            .map(|lap| lap.seconds)
    };
    let of_phase = |phase: &Phase| {
        let plain = if *phase == Phase::Idle { Phase::Idle } else { Phase::Cold };
        let figure = |round| {
            let seconds = time("kache", *phase, round)?;
            if has_plain { Some(seconds / time("plain", plain, round)?) } else { Some(seconds) }
        };
        let over = if has_plain { " over plain" } else { "" };
        let name = format!("{}: time{over}", phase.title());
        Times { name, figures: (1..=race.rounds).filter_map(figure).collect() }
    };
    Phase::value_variants().iter().map(of_phase).collect()
}

/// The middles alone are recorded; one a run. Of a miss nearly all is the compiler's.
fn of_latency(latency: &Latency) -> Vec<Times> {
    let valid = |backend: &'static str| {
        let figures = latency.figures.iter();
        figures.filter(move |f| f.backend == backend && f.invalid.is_none() && f.median_ms > 0.0)
    };
    let of = |ours: &crate::latency::Figures| {
        let plain = valid("plain").find(|plain| plain.subject == ours.subject && plain.way == ours.way);
        let figures = plain.map(|plain| ours.median_ms / plain.median_ms).into_iter().collect();
        let way = match ours.way {
            Way::Hit => "hit",
            Way::Miss => "miss",
            Way::Passthrough => "passthrough",
        };
        Times { name: format!("{}, {way}: time over the bare compiler", ours.subject), figures }
    };
    valid("kache").map(of).collect()
}
