//! What a number of events add up to.
//!
//! | counted as | what |
//! | --- | --- |
//! | unit | a compile that the build asked for; only these make the hit rate |
//! | probe | a question to the compiler (`-vV`, `--print`) or a build script's trial compile |
//! | hit | a unit restored: no compiler ran, or, where it was checked, it made the same |
//! | miss | a unit compiled under observation, whether or not its result was kept |
//! | passthrough | handed to the compiler untouched; often no unit at all (a source on standard input), so it is not in the rate |
//! | error | kache had trouble of its own and the compiler ran: a unit that did not hit |

use kache_core::events::{Checked, Event, Kind, Observed, Outcome, RemoteWay, builds};
use kache_core::reason::Reason;
use serde::Serialize;
use std::collections::BTreeMap;

/// How often each reason was given.
pub type Reasons = BTreeMap<String, u64>;

/// What one way of giving files back gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Given {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Events, counted. Times are in µs, sizes in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Builds: one `cargo build` each, with what its build scripts compile (see [`builds`]).
    pub builds: u64,
    /// When the first invocation began, µs since 1970.
    pub first_us: Option<u64>,
    /// When the last invocation began.
    pub last_us: Option<u64>,
    /// Hits of hits, misses and errors of units; nothing where there were none.
    pub hit_rate: Option<f64>,
    /// Units.
    pub units: Units,
    /// Probes by outcome.
    pub probes: Reasons,
    /// Where time went, units only.
    pub time: Time,
    /// Files given back on hits of units.
    pub restored: Restored,
    /// What the remote had to do with units.
    pub remote: Remote,
    /// Outputs of stored misses.
    pub stored_bytes: u64,
    /// Of those: what the store had already, from other compiles that made the same.
    pub known_bytes: u64,
    /// How the inputs of stored results were learned.
    pub observed: Reasons,
    /// Invocations by the version of kache that handled them.
    pub versions: Reasons,
}

/// Units by outcome.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Units {
    /// Restored.
    pub hits: u64,
    /// Of the hits: those whose result came from the remote, now or in an earlier build.
    pub remote_hits: u64,
    /// Hits that were compiled all the same, by what came of it: `same` (counted as hits), `different` and `unsettled`
    /// (counted as misses).
    pub checked: Reasons,
    /// Compiled: `stored` and the sum of `not_stored`.
    pub misses: u64,
    /// Misses whose result was kept.
    pub stored: u64,
    /// Of the stored: those of which the store had every byte already. Something was in the key that did not matter.
    pub dups: u64,
    /// Misses whose result was not kept, by reason.
    pub not_stored: Reasons,
    /// Handed to the compiler untouched, by reason.
    pub passthroughs: Reasons,
    /// Troubles of kache's own, by reason.
    pub errors: Reasons,
}

/// Where time went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Time {
    /// What the compiler took when the results of the hits were made, less what the hits took.
    pub saved_us: i64,
    /// What checked hits took, with the compiler: in none of the others.
    pub checks_us: u64,
    /// What the hits took.
    pub hits_us: u64,
    /// What the compiler took on misses.
    pub compile_us: u64,
    /// What kache itself took on misses: looking up, observing, storing.
    pub overhead_us: u64,
}

/// Files given back.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Restored {
    /// By method: `reflink`, `hardlink`, `copy`.
    pub methods: BTreeMap<String, Given>,
    /// In all.
    pub bytes: u64,
}

/// What the remote did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Remote {
    /// Units by what came of it: `fetched`, `ahead`, `nothing`, `closed`, `failed`, `refused`.
    pub ways: Reasons,
    /// How long units waited for it.
    pub waited_us: u64,
}

impl Tally {
    /// Counts them.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Tally {
        let mut tally = Tally::default();
        let events: Vec<&Event> = events.into_iter().collect();
        tally.builds = builds::all(events.iter().copied()).len() as u64;
        for event in events {
            tally.first_us = Some(tally.first_us.map_or(event.time_us, |t| t.min(event.time_us)));
            tally.last_us = tally.last_us.max(Some(event.time_us));
            *tally.versions.entry(event.kache.clone()).or_default() += 1;
            match event.kind {
                Kind::Unit => tally.unit(event),
                Kind::Probe => *tally.probes.entry(word(event.outcome).to_string()).or_default() += 1,
            }
        }
        let rated = tally.units.hits + tally.units.misses + tally.units.errors.values().sum::<u64>();
        tally.hit_rate = (rated > 0).then(|| tally.units.hits as f64 / rated as f64);
        tally
    }

    fn unit(&mut self, event: &Event) {
        if let Some(checked) = event.checked {
            let word = match checked {
                Checked::Same => "same",
                Checked::Different => "different",
                Checked::Unsettled => "unsettled",
            };
            *self.units.checked.entry(word.to_string()).or_default() += 1;
        }
        if let Some(remote) = &event.remote {
            *self.remote.ways.entry(way(remote.way).to_string()).or_default() += 1;
            self.remote.waited_us += remote.us;
        }
        match event.outcome {
            Outcome::Hit => self.hit(event),
            Outcome::Miss => self.miss(event),
            Outcome::Passthrough => *self.units.passthroughs.entry(reason(event)).or_default() += 1,
            Outcome::Error => *self.units.errors.entry(reason(event)).or_default() += 1,
        }
    }

    fn hit(&mut self, event: &Event) {
        self.units.hits += 1;
        let from = event.remote.as_ref().map(|r| r.way);
        self.units.remote_hits += u64::from(matches!(from, Some(RemoteWay::Fetched | RemoteWay::Ahead)));
        if event.checked.is_some() {
            self.time.checks_us += event.total_us;
            return;
        }
        self.time.saved_us += event.compile_us as i64 - event.total_us as i64;
        self.time.hits_us += event.total_us;
        self.restored.bytes += event.bytes;
        for (method, files) in &event.restore {
            let given = self.restored.methods.entry(method.clone()).or_default();
            given.files += files;
            given.bytes += event.restore_bytes.get(method).copied().unwrap_or(0);
        }
    }

    fn miss(&mut self, event: &Event) {
        self.units.misses += 1;
        self.time.compile_us += event.compile_us;
        self.time.overhead_us += event.total_us.saturating_sub(event.compile_us);
        if !event.stored {
            *self.units.not_stored.entry(reason(event)).or_default() += 1;
            return;
        }
        self.units.stored += 1;
        self.stored_bytes += event.bytes;
        self.known_bytes += event.known_bytes;
        self.units.dups += u64::from(event.bytes > 0 && event.known_bytes == event.bytes);
        let how = match event.observed {
            Some(Observed::Preload) => "preload",
            Some(Observed::Unobserved) | None => "unobserved",
        };
        *self.observed.entry(how.to_string()).or_default() += 1;
    }
}

fn reason(event: &Event) -> String {
    event.reason.map_or("no reason given", Reason::word).to_string()
}

fn way(way: RemoteWay) -> &'static str {
    match way {
        RemoteWay::Fetched => "fetched",
        RemoteWay::Ahead => "ahead",
        RemoteWay::Nothing => "nothing",
        RemoteWay::Closed => "closed",
        RemoteWay::Failed => "failed",
        RemoteWay::Refused => "refused",
    }
}

/// An outcome as events spell it.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "hit",
        Outcome::Miss => "miss",
        Outcome::Passthrough => "passthrough",
        Outcome::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, outcome: &str, more: &str) -> Event {
        let text = format!(
            r#"{{"v":2,"time_us":5,"kache":"0","pid":1,"build":"1-1","kind":"{kind}","outcome":"{outcome}",
            "unit":{{"family":"rustc","package":"","name":"a","kind":"lib","emit":"","extra":"","source":""}},
            "status":0,"cwd":"/","phases_us":{{}},"total_us":10,"bytes":7,{more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn only_units_make_the_rate_and_passthroughs_stand_apart() {
        let events = [
            event(
                "unit",
                "hit",
                r#""stored":false,"compile_us":100,"restore":{"copy":3},"restore_bytes":{"copy":7},
                "remote":{"way":"ahead","us":2}"#,
            ),
            event("unit", "hit", r#""stored":false,"compile_us":8,"checked":"same""#),
            event("unit", "miss", r#""stored":true,"compile_us":8,"observed":"preload","known_bytes":7"#),
            event("unit", "miss", r#""stored":false,"compile_us":8,"reason":"clock""#),
            event("unit", "error", r#""stored":false,"compile_us":0,"reason":"panic""#),
            event("unit", "passthrough", r#""stored":false,"compile_us":0,"reason":"stdin""#),
            event("probe", "hit", r#""stored":false,"compile_us":9999"#),
        ];
        let t = Tally::of(&events);
        assert_eq!(t.hit_rate, Some(0.4));
        assert_eq!((t.units.hits, t.units.misses, t.units.stored), (2, 2, 1));
        assert_eq!((t.units.checked["same"], t.time.checks_us), (1, 10));
        assert_eq!(t.units.not_stored["clock"], 1);
        assert_eq!(t.units.passthroughs["stdin"], 1);
        assert_eq!(t.probes["hit"], 1);
        assert_eq!((t.time.saved_us, t.time.overhead_us, t.restored.bytes), (90, 4, 7));
        assert_eq!((t.units.dups, t.stored_bytes, t.known_bytes), (1, 7, 7));
        assert_eq!((t.units.remote_hits, &t.remote.ways["ahead"], t.remote.waited_us), (1, &1, 2));
        assert_eq!(t.restored.methods["copy"], Given { files: 3, bytes: 7 });
        assert_eq!(Tally::of([]).hit_rate, None);
    }
}
