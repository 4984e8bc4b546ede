//! Sums of the events of one build.

use crate::text::count;
use crate::workload::Units;
use kache_core::events::{Confirmation, Event, Kind, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Reasons = BTreeMap<String, usize>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildSummary {
    pub units: usize,
    pub hits: usize,
    pub misses: usize,
    /// Units and hits by family: `rustc`, `cc`, `link`, `script`.
    pub families: BTreeMap<String, Rate>,
    /// Runs of build scripts by where their results hold (`confirmed`, `unconfirmed`, …), or `not stored`.
    pub scripts: Reasons,
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

/// A number of units, and of those that hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub units: usize,
    pub hits: usize,
}

impl Rate {
    /// `None` without units.
    pub fn share(self) -> Option<f64> {
        (self.units > 0).then(|| self.hits as f64 / self.units as f64)
    }
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
        Rate { units: self.units, hits: self.hits }.share()
    }

    /// The units without the runs of build scripts, which hold in another place only once two places agree.
    pub fn compiles(&self) -> Rate {
        let scripts = self.script_runs();
        Rate { units: self.units.saturating_sub(scripts.units), hits: self.hits.saturating_sub(scripts.hits) }
    }

    /// The runs of build scripts.
    pub fn script_runs(&self) -> Rate {
        self.families.get(SCRIPT).copied().unwrap_or_default()
    }

    fn unit(&mut self, event: &Event) {
        self.units += 1;
        let family = self.families.entry(family(event).to_owned()).or_default();
        family.units += 1;
        family.hits += usize::from(event.outcome == Outcome::Hit);
        if is_script(event) {
            let holds = event.confirmation.map_or("not stored", Confirmation::word);
            *self.scripts.entry(holds.to_owned()).or_default() += 1;
        }
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

/// The family of the runs of build scripts.
pub const SCRIPT: &str = "script";

/// Families, and what people call their units.
const NAMES: &[(&str, &str, &str)] = &[
    ("rustc", "crate", "crates"),
    ("cc", "C object", "C objects"),
    ("link", "link", "links"),
    (SCRIPT, "script run", "script runs"),
    ("command", "command", "commands"),
];

/// A number of units of a family, as people say it: `7 links`.
pub fn number(units: usize, family: &str) -> String {
    let named = NAMES.iter().find(|(known, ..)| *known == family);
    let (one, many) = named.map_or((family, family), |(_, one, many)| (*one, *many));
    count(units, one, many)
}

/// Whether an event is the run of a build script.
pub fn is_script(event: &Event) -> bool {
    event.unit.family == SCRIPT
}

/// The family that an event counts in: clippy runs as rustc, so wiring one wires the other.
fn family(event: &Event) -> &str {
    if event.unit.family == "clippy" { "rustc" } else { &event.unit.family }
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
    event.kind == Kind::Unit && counted.families.iter().any(|f| f == family(event))
}

/// A C compiler that only links, only answers a query, or fails; a successful build does not need it.
fn is_no_compile(event: &Event) -> bool {
    let handed_through = event.outcome == Outcome::Passthrough;
    let why = event.reason_word().unwrap_or_default();
    event.status != 0 || handed_through && NO_COMPILE.contains(&why)
}

/// Whether a build with nothing to do should not have this event. Some makefiles link a trial program each time they are read.
pub fn is_work(event: &Event) -> bool {
    event.unit.family != "link" || event.outcome != Outcome::Hit
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
    use crate::testing::{object, script, unit};
    use kache_core::reason::Reason;

    #[test]
    fn families_are_rated_apart_and_script_runs_by_where_they_hold() {
        let run = |package: &str| script(package).outcome(Outcome::Miss);
        let mut refused = run("refused").event();
        (refused.stored, refused.reason) = (false, Some(Reason::Clock));
        let events = [
            unit("one").event(),
            object("x.c", "x.o").outcome(Outcome::Miss).event(),
            script("restored").confirmation(Confirmation::Confirmed).event(),
            run("new").confirmation(Confirmation::Unconfirmed).event(),
            run("place").confirmation(Confirmation::Literal).event(),
            refused,
        ];
        let all = ["rustc", "cc", "script"].map(str::to_owned).to_vec();
        let summary = BuildSummary::of(&events, &Units { families: all });
        assert_eq!(summary.compiles(), Rate { units: 2, hits: 1 });
        assert_eq!((summary.units, summary.families["script"]), (6, Rate { units: 4, hits: 1 }));
        let runs: Vec<_> = summary.scripts.iter().map(|(holds, runs)| (&**holds, *runs)).collect();
        assert_eq!(runs, [("confirmed", 1), ("literal", 1), ("not stored", 1), ("unconfirmed", 1)]);
    }

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
    fn a_trial_that_fails_is_no_unit_and_one_that_hits_is_no_work() {
        let mut fails = object("x.c", "x").outcome(Outcome::Miss).event();
        (fails.unit.family, fails.status) = ("link".into(), 1);
        let links = Units { families: vec!["link".into()] };
        assert!(!is_counted(&fails, &links));
        fails.status = 0;
        assert!(is_counted(&fails, &links) && is_work(&fails));
        fails.outcome = Outcome::Hit;
        assert!(is_counted(&fails, &links) && !is_work(&fails));
        assert!(is_work(&object("x.c", "x.o").event()));
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
