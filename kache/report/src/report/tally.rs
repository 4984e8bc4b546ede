//! The sums of events.
//!
//! | counted as | what |
//! | --- | --- |
//! | unit | a compile, a link or the run of a build script that the build asked for; only these make the hit rate |
//! | probe | a query to the compiler (`-vV`, `--print`) or a build script's test compile |
//! | hit | a restored unit: no command ran, or a check recompiled it without a difference |
//! | miss | a unit compiled under observation, whether or not its result was stored |
//! | passthrough | a command that ran without the cache; often not a unit (a source on standard input), so it is not in the rate |
//! | error | kache failed and the compiler ran: a unit that did not hit |

use super::footprint::Room;
use kache_core::events::{Event, Kind, Observed, Outcome, RemoteWay, builds};
use kache_core::reason::Reason;
use serde::Serialize;
use std::collections::BTreeMap;

/// The number of events by a word, such as a reason.
pub type Reasons = BTreeMap<String, u64>;

/// The sums of events. Times are in µs, sizes in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// The number of builds (see [`builds`]).
    pub builds: u64,
    /// When the first invocation began, µs since 1970.
    pub first_us: Option<u64>,
    /// When the last invocation began.
    pub last_us: Option<u64>,
    /// Hits of hits, misses and errors of units; nothing where there were none.
    pub hit_rate: Option<f64>,
    pub units: Units,
    /// Hits, and all units that count for the rate, by the group of commands: `rustc`, `cc`, `link`, `script`, `command`.
    pub families: BTreeMap<String, Rated>,
    /// Hits and stored misses by where their results hold, for each group of commands that may compute anything from a path.
    pub confirmations: BTreeMap<String, Reasons>,
    /// Probes by outcome.
    pub probes: Reasons,
    /// Times of units.
    pub time: Time,
    /// Files restored by hits of units.
    pub restored: Restored,
    /// The part of the remote in units.
    pub remote: Remote,
    /// Outputs of stored misses.
    pub stored_bytes: u64,
    /// The part of `stored_bytes` that the store had already.
    pub known_bytes: u64,
    /// How the inputs of stored results were found.
    pub observed: Reasons,
    /// Invocations by the version of kache that handled them.
    pub versions: Reasons,
}

/// Units of one group of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rated {
    pub hits: u64,
    /// Hits, misses and errors.
    pub units: u64,
}

/// Units by outcome.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Units {
    pub hits: u64,
    /// The hits whose result came from the remote, now or in an earlier build.
    pub remote_hits: u64,
    /// The hits that were restored before cargo asked for them. cargo may have had no use for some.
    pub seeded_hits: u64,
    /// Hits that were recompiled, by the outcome: `same` (counted as hits), `different` and `unsettled` (counted as misses).
    pub checked: Reasons,
    /// Compiled: `stored` and the sum of `not_stored`.
    pub misses: u64,
    /// Misses whose result was stored.
    pub stored: u64,
    /// The stored results of which the store had every byte already: a part of the key did not matter.
    pub dups: u64,
    /// Misses whose result was not stored, by reason.
    pub not_stored: Reasons,
    /// Commands that ran without the cache, by reason.
    pub passthroughs: Reasons,
    /// Failures of kache, by reason.
    pub errors: Reasons,
}

/// Sums of times.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Time {
    /// The compile times of the hits' results, less the times of the hits.
    pub saved_us: i64,
    /// The times of checked hits, with the compiler; not part of the other sums.
    pub checks_us: u64,
    /// The times of the hits.
    pub hits_us: u64,
    /// The compiler's time on misses.
    pub compile_us: u64,
    /// kache's own time on misses: lookup, observation, storing.
    pub overhead_us: u64,
}

/// Restored files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Restored {
    /// By method: `reflink`, `hardlink`, `copy`.
    pub methods: BTreeMap<String, Room>,
    pub bytes: u64,
}

/// The part of the remote.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Remote {
    /// Units by the outcome: `fetched`, `ahead`, `nothing`, `closed`, `failed`, `refused`.
    pub ways: Reasons,
    /// Units that were fetched by the level that had them: `remote`, `remote.2`, ….
    pub levels: Reasons,
    /// The time that units waited for the remote.
    pub waited_us: u64,
}

impl Tally {
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Tally {
        let mut tally = Tally::default();
        let events: Vec<&Event> = events.into_iter().collect();
        tally.builds = builds::all(events.iter().copied()).len() as u64;
        for event in events {
            tally.first_us = Some(tally.first_us.map_or(event.time_us, |t| t.min(event.time_us)));
            tally.last_us = tally.last_us.max(Some(event.time_us));
            add(&mut tally.versions, event.kache.clone());
            match event.kind {
                Kind::Unit => tally.unit(event),
                Kind::Probe => add(&mut tally.probes, word(event.outcome)),
            }
        }
        tally.hit_rate = tally.units.rate();
        tally
    }

    /// Adds the sums of other events, of other builds.
    pub fn merge(&mut self, other: &Tally) {
        let Tally { builds, first_us, last_us, hit_rate: _, units, families, confirmations, .. } = other;
        let Tally { probes, time, restored, remote, stored_bytes, known_bytes, observed, versions, .. } =
            other;
        self.builds += builds;
        self.first_us = self.first_us.into_iter().chain(*first_us).min();
        self.last_us = self.last_us.max(*last_us);
        self.units.merge(units);
        self.hit_rate = self.units.rate();
        for (family, rated) in families {
            let sum = self.families.entry(family.clone()).or_default();
            sum.hits += rated.hits;
            sum.units += rated.units;
        }
        for (family, runs) in confirmations {
            merge(self.confirmations.entry(family.clone()).or_default(), runs);
        }
        merge(&mut self.probes, probes);
        self.time.merge(time);
        self.restored.merge(restored);
        self.remote.merge(remote);
        self.stored_bytes += stored_bytes;
        self.known_bytes += known_bytes;
        merge(&mut self.observed, observed);
        merge(&mut self.versions, versions);
    }

    fn unit(&mut self, event: &Event) {
        if event.outcome != Outcome::Passthrough {
            let rated = self.families.entry(event.unit.family.clone()).or_default();
            rated.units += 1;
            rated.hits += u64::from(event.outcome == Outcome::Hit);
        }
        if let Some(confirmation) = event.confirmation {
            let runs = self.confirmations.entry(event.unit.family.clone()).or_default();
            add(runs, confirmation.word().to_string());
        }
        if let Some(checked) = event.checked {
            add(&mut self.units.checked, word(checked));
        }
        if let Some(remote) = &event.remote {
            add(&mut self.remote.ways, word(remote.way));
            if let Some(level) = &remote.level {
                add(&mut self.remote.levels, level.clone());
            }
            self.remote.waited_us += remote.us;
        }
        match event.outcome {
            Outcome::Hit => self.hit(event),
            Outcome::Miss => self.miss(event),
            Outcome::Passthrough => add(&mut self.units.passthroughs, reason(event)),
            Outcome::Error => add(&mut self.units.errors, reason(event)),
        }
    }

    fn hit(&mut self, event: &Event) {
        self.units.hits += 1;
        self.units.seeded_hits += u64::from(event.seeded);
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
            return add(&mut self.units.not_stored, reason(event));
        }
        self.units.stored += 1;
        self.stored_bytes += event.bytes;
        self.known_bytes += event.known_bytes;
        self.units.dups += u64::from(event.bytes > 0 && event.known_bytes == event.bytes);
        add(&mut self.observed, word(event.observed.unwrap_or(Observed::Unobserved)));
    }
}

impl Units {
    fn rate(&self) -> Option<f64> {
        let rated = self.hits + self.misses + self.errors.values().sum::<u64>();
        (rated > 0).then(|| self.hits as f64 / rated as f64)
    }

    fn merge(&mut self, other: &Units) {
        let Units { hits, remote_hits, seeded_hits, checked, misses, stored, dups, .. } = other;
        let Units { not_stored, passthroughs, errors, .. } = other;
        self.hits += hits;
        self.remote_hits += remote_hits;
        self.seeded_hits += seeded_hits;
        merge(&mut self.checked, checked);
        self.misses += misses;
        self.stored += stored;
        self.dups += dups;
        merge(&mut self.not_stored, not_stored);
        merge(&mut self.passthroughs, passthroughs);
        merge(&mut self.errors, errors);
    }
}

impl Time {
    fn merge(&mut self, other: &Time) {
        let Time { saved_us, checks_us, hits_us, compile_us, overhead_us } = other;
        self.saved_us += saved_us;
        self.checks_us += checks_us;
        self.hits_us += hits_us;
        self.compile_us += compile_us;
        self.overhead_us += overhead_us;
    }
}

impl Restored {
    fn merge(&mut self, other: &Restored) {
        let Restored { methods, bytes } = other;
        for (method, room) in methods {
            self.methods.entry(method.clone()).or_default().add(*room);
        }
        self.bytes += bytes;
    }
}

impl Remote {
    fn merge(&mut self, other: &Remote) {
        let Remote { ways, levels, waited_us } = other;
        merge(&mut self.ways, ways);
        merge(&mut self.levels, levels);
        self.waited_us += waited_us;
    }
}

fn merge(to: &mut Reasons, other: &Reasons) {
    for (word, n) in other {
        *to.entry(word.clone()).or_default() += n;
    }
}

fn reason(event: &Event) -> String {
    event.reason.map_or("no reason given", Reason::word).to_string()
}

fn add(to: &mut Reasons, word: String) {
    *to.entry(word).or_default() += 1;
}

/// The word for a variant in events.
fn word(variant: impl Serialize) -> String {
    let value = serde_json::to_value(variant).ok();
    value.and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
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
    fn runs_of_scripts_are_counted_by_where_their_results_hold() {
        let run = |outcome: &str, confirmation: &str| {
            let more = format!(r#""stored":true,"compile_us":8,"confirmation":"{confirmation}""#);
            let mut run = event("unit", outcome, &more);
            run.unit.family = "script".to_string();
            run
        };
        let mut refused = run("miss", "literal");
        (refused.stored, refused.confirmation) = (false, None);
        let t = Tally::of(&[
            run("hit", "confirmed"),
            run("miss", "confirmed"),
            run("miss", "unconfirmed"),
            refused,
        ]);
        let runs: Vec<_> = t.confirmations["script"].iter().map(|(holds, runs)| (&**holds, *runs)).collect();
        assert_eq!(runs, [("confirmed", 2), ("unconfirmed", 1)]);
        assert_eq!(t.families["script"], Rated { hits: 1, units: 4 });
    }

    fn several() -> Vec<Event> {
        vec![
            event(
                "unit",
                "hit",
                r#""stored":false,"compile_us":100,"restore":{"copy":3},"restore_bytes":{"copy":7},
                "remote":{"way":"ahead","us":2,"level":"remote.2"}"#,
            ),
            event("unit", "hit", r#""stored":false,"compile_us":8,"checked":"same""#),
            event("unit", "miss", r#""stored":true,"compile_us":8,"observed":"preload","known_bytes":7"#),
            event("unit", "miss", r#""stored":false,"compile_us":8,"reason":"clock""#),
            event("unit", "error", r#""stored":false,"compile_us":0,"reason":"panic""#),
            event("unit", "passthrough", r#""stored":false,"compile_us":0,"reason":"stdin""#),
            event("probe", "hit", r#""stored":false,"compile_us":9999"#),
        ]
    }

    #[test]
    fn the_tallies_of_machines_add_up_to_the_tally_of_all_their_events() {
        let mut events = several();
        let mut script = event("unit", "miss", r#""stored":true,"compile_us":8,"confirmation":"literal""#);
        (script.unit.family, script.kache) = ("script".to_string(), "1".to_string());
        events.push(script);
        for (at, event) in events.iter_mut().enumerate() {
            (event.build, event.time_us) = (format!("build {at}"), 5 + at as u64);
        }
        let plain = |tally: &Tally| serde_json::to_value(tally).unwrap();
        let all = plain(&Tally::of(&events));
        // Each event is alone once, and everything but it is merged with it.
        for at in 0..events.len() {
            let (before, rest) = events.split_at(at);
            let mut merged = Tally::default();
            [&rest[1..], before, &rest[..1]].iter().for_each(|part| merged.merge(&Tally::of(*part)));
            assert_eq!(plain(&merged), all, "event {at}");
        }
    }

    #[test]
    fn only_units_make_the_rate_and_passthroughs_stand_apart() {
        let t = Tally::of(&several());
        assert_eq!(t.hit_rate, Some(0.4));
        assert_eq!(t.families["rustc"], Rated { hits: 2, units: 5 });
        assert_eq!((t.units.hits, t.units.misses, t.units.stored), (2, 2, 1));
        assert_eq!((t.units.checked["same"], t.time.checks_us), (1, 10));
        assert_eq!(t.units.not_stored["clock"], 1);
        assert_eq!(t.units.passthroughs["stdin"], 1);
        assert_eq!(t.probes["hit"], 1);
        assert_eq!((t.time.saved_us, t.time.overhead_us, t.restored.bytes), (90, 4, 7));
        assert_eq!((t.units.dups, t.stored_bytes, t.known_bytes), (1, 7, 7));
        assert_eq!((t.units.remote_hits, &t.remote.ways["ahead"], t.remote.waited_us), (1, &1, 2));
        assert_eq!(t.remote.levels["remote.2"], 1);
        assert_eq!(t.restored.methods["copy"], Room { files: 3, bytes: 7 });
        assert_eq!(Tally::of([]).hit_rate, None);
    }
}
