//! Sums of the events of one build.

use crate::workload::Units;
use kache_core::events::{Event, Kind, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Reasons = BTreeMap<String, usize>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildSummary {
    pub units: usize,
    pub hits: usize,
    pub misses: usize,
    /// Units passed on to the compiler, by reason.
    pub bypasses: Reasons,
    /// Units on which kache failed, by reason.
    pub errors: Reasons,
    /// Misses that were not stored, by reason.
    pub unstored: Reasons,
    /// Invocations outside the hit rate (`--print`, trial compiles of build scripts), by reason or outcome.
    pub probes: Reasons,
    pub restore: BTreeMap<String, u64>,
    pub restored_bytes: u64,
    pub stored_bytes: u64,
    /// Time of one hit, start to exit, by the wrapper's clock.
    pub hit_us: Option<Spread>,
}

/// Minimum, median and maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub min: u64,
    pub median: u64,
    pub max: u64,
}

impl Spread {
    /// `None` without figures.
    pub fn of(mut figures: Vec<u64>) -> Option<Spread> {
        figures.sort_unstable();
        Some(Spread { min: *figures.first()?, median: figures[figures.len() / 2], max: *figures.last()? })
    }
}

impl BuildSummary {
    pub fn of(events: &[Event], counted: &Units) -> BuildSummary {
        let mut summary = BuildSummary::default();
        for event in events {
            if is_counted(event, counted) {
                summary.unit(event);
            } else {
                *summary.probes.entry(reason(event)).or_default() += 1;
            }
        }
        let hits = events.iter().filter(|event| is_counted(event, counted) && event.outcome == Outcome::Hit);
        summary.hit_us = Spread::of(hits.map(|event| event.total_us).collect());
        summary
    }

    /// `None` without units.
    pub fn hit_rate(&self) -> Option<f64> {
        (self.units > 0).then(|| self.hits as f64 / self.units as f64)
    }

    fn unit(&mut self, event: &Event) {
        self.units += 1;
        match event.outcome {
            Outcome::Hit => {
                self.hits += 1;
                self.restored_bytes += event.bytes;
                for (method, files) in &event.restore {
                    *self.restore.entry(method.clone()).or_default() += files;
                }
            }
            Outcome::Miss => {
                self.misses += 1;
                if event.stored {
                    self.stored_bytes += event.bytes;
                } else {
                    *self.unstored.entry(reason(event)).or_default() += 1;
                }
            }
            Outcome::Passthrough => *self.bypasses.entry(reason(event)).or_default() += 1,
            Outcome::Error => *self.errors.entry(reason(event)).or_default() += 1,
        }
    }
}

/// The families of what the drivers of C compilers do: compiles and links.
pub const DRIVERS: &[&str] = &["cc", "link"];

/// Reasons of invocations that are not compiles and therefore cannot hit.
const NO_COMPILE: &[&str] = &["link", "no-input"];

/// Whether an event counts for the hit rate.
pub fn is_counted(event: &Event, counted: &Units) -> bool {
    if DRIVERS.contains(&&*event.unit.family) && is_no_compile(event) {
        return false;
    }
    // Clippy runs as rustc, so wiring one wires the other.
    let family = if event.unit.family == "clippy" { "rustc" } else { &event.unit.family };
    event.kind == Kind::Unit && counted.families.iter().any(|f| f == family)
}

/// A C compiler that only links, only answers a query, or fails; a successful build does not need it.
fn is_no_compile(event: &Event) -> bool {
    let handed_through = event.outcome == Outcome::Passthrough;
    let why = event.reason_word().unwrap_or_default();
    handed_through && (event.status != 0 || NO_COMPILE.contains(&why))
}

/// The event's reason, or else its outcome.
pub fn reason(event: &Event) -> String {
    event.reason_word().unwrap_or(outcome(event)).to_owned()
}

pub fn outcome(event: &Event) -> &'static str {
    match event.outcome {
        Outcome::Hit => "hit",
        Outcome::Miss => "miss",
        Outcome::Passthrough => "passthrough",
        Outcome::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{object, unit};
    use kache_core::reason::Reason;

    #[test]
    fn a_link_is_no_unit_but_a_compile_that_is_handed_through_is() {
        let through = |reason: &str| {
            let mut event = object("x.c", "x.o").outcome(Outcome::Passthrough).event();
            event.reason = Reason::of_word(reason);
            event
        };
        let events = [object("x.c", "x.o").event(), through("link"), through("unknown-flag")];
        let summary = BuildSummary::of(&events, &Units { families: vec!["cc".into()] });
        assert_eq!((summary.units, summary.hits, summary.probes["link"]), (2, 1, 1));
    }

    #[test]
    fn probes_are_outside_the_hit_rate() {
        let mut probe = unit("probe").outcome(Outcome::Passthrough).event();
        probe.kind = Kind::Probe;
        probe.reason = Some(Reason::Stdin);
        let mut stray = unit("stray").outcome(Outcome::Miss).event();
        stray.stored = false;
        stray.reason = Some(Reason::SideEffect);
        let events = [unit("one").event(), stray, probe];
        let summary = BuildSummary::of(&events, &Units { families: vec!["rustc".into()] });
        assert_eq!(summary.hit_rate(), Some(0.5));
        assert_eq!(summary.hit_us, Some(Spread { min: 1, median: 1, max: 1 }));
        assert_eq!(summary.probes["stdin"], 1);
        assert_eq!(summary.unstored["side-effect"], 1);
    }
}
