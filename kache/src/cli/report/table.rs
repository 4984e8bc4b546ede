//! The figures of a report: one section for each source, one line for each figure, one column for each period.

use super::{Json, Scope};
use crate::cli::page::{count, duration, size};
use kache_core::events::Confirmation;
use kache_core::reason::Reason;
use kache_report::explain::reasons::meaning;
use kache_report::report::footprint::Room;
use kache_report::report::tally::{Reasons, Tally};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The title of the section that belongs to no scope.
pub const WHOLE: &str = "the whole cache";

/// Figures of one kind.
pub struct Section {
    pub title: &'static str,
    /// The source of the figures.
    pub from: &'static str,
    /// The title of each column.
    pub columns: Vec<String>,
    pub lines: Vec<Line>,
}

/// A figure, in each column.
pub struct Line {
    /// 1 for a part of the figure above, and so on.
    pub depth: usize,
    pub label: String,
    pub cells: Vec<String>,
    /// What the figure counts.
    pub means: String,
}

impl Line {
    pub fn new(depth: usize, label: &str, cells: Vec<String>, means: &str) -> Line {
        Line { depth, label: label.to_string(), cells, means: means.to_string() }
    }
}

/// The figures of events. `slow` is the source of the slowest misses.
pub fn figures(scopes: &[Scope], slow: &'static str) -> Vec<Section> {
    let columns: Vec<String> = scopes.iter().map(|s| s.title.clone()).collect();
    let section = |title, from, lines| Section { title, from, columns: columns.clone(), lines };
    let time = "from the events of units, summed over processes that ran side by side";
    let figures = Scopes(scopes);
    let mut all = vec![
        section("units", "counted from the events", figures.units()),
        section("time", time, figures.times()),
        section("bytes", "from the events of units", figures.bytes()),
    ];
    all.extend(slowest(scopes, slow));
    all
}

struct Scopes<'a>(&'a [Scope]);

type Figure<'a> = &'a dyn Fn(&Tally) -> u64;

impl Scopes<'_> {
    fn line(&self, depth: usize, label: &str, figure: impl Fn(&Tally) -> String, means: &str) -> Line {
        Line::new(depth, label, self.0.iter().map(|s| figure(&s.tally)).collect(), means)
    }

    fn number(&self, depth: usize, label: &str, figure: Figure, means: &str) -> Line {
        self.line(depth, label, |t| figure(t).to_string(), means)
    }

    /// Whether the figure of any column is not 0.
    fn any(&self, figure: Figure) -> bool {
        self.0.iter().any(|s| figure(&s.tally) > 0)
    }

    /// A line, if any of its figures is not 0.
    fn some(&self, depth: usize, label: &str, figure: Figure, means: &str) -> Option<Line> {
        self.any(figure).then(|| self.number(depth, label, figure, means))
    }

    /// A sum, and below it each reason, the most frequent first.
    fn reasons(&self, depth: usize, label: &str, of: fn(&Tally) -> &Reasons, means: &str) -> Vec<Line> {
        let mut all: BTreeMap<&String, u64> = BTreeMap::new();
        for (word, n) in self.0.iter().flat_map(|s| of(&s.tally)) {
            *all.entry(word).or_default() += n;
        }
        let mut words = Vec::from_iter(all);
        words.sort_by_key(|(_, n)| Reverse(*n));
        let sum = self.number(depth, label, &|t| of(t).values().sum(), means);
        let each = words.into_iter().map(|(word, _)| {
            let figure: Figure = &|t| of(t).get(word).copied().unwrap_or(0);
            self.number(depth + 1, word, figure, Reason::of_word(word).map_or("", meaning))
        });
        std::iter::once(sum).chain(each).collect()
    }

    fn units(&self) -> Vec<Line> {
        let checked = |word: &'static str| move |t: &Tally| t.units.checked.get(word).copied().unwrap_or(0);
        let dropped = "hits that a check found wrong; their entries are dropped";
        let mut out = vec![
            self.line(0, "hit rate", |t| rate(t.hit_rate), "hits of all hits, misses and errors"),
            self.number(0, "hits", &|t| t.units.hits, "restored: no command ran"),
            self.number(1, "local", &|t| t.units.hits - t.units.remote_hits, "from this cache"),
            self.number(1, "remote", &|t| t.units.remote_hits, "fetched, now or by an earlier build"),
        ];
        let seeded = "restored before cargo asked";
        out.extend(self.some(1, "seeded", &|t| t.units.seeded_hits, seeded));
        out.extend(self.some(1, "checked", &checked("same"), "recompiled, without a difference"));
        out.push(self.number(0, "misses", &|t| t.units.misses, "compiled, linked or run"));
        out.push(self.number(1, "stored", &|t| t.units.stored, "the result was stored"));
        out.push(self.number(2, "dups", &|t| t.units.dups, "every output byte was already in the store"));
        out.extend(self.some(1, "different", &checked("different"), dropped));
        out.extend(self.some(1, "unsettled", &checked("unsettled"), "hits whose check did not finish"));
        out.extend(self.reasons(1, "not stored", |t| &t.units.not_stored, "the result was not stored"));
        out.extend(self.reasons(0, "errors", |t| &t.units.errors, "kache failed, the compiler ran"));
        let bypassed = "run without the cache, not in the rate";
        out.extend(self.reasons(0, "passthroughs", |t| &t.units.passthroughs, bypassed));
        let probes = "queries and test compiles by outcome, not in the rate";
        out.extend(self.reasons(0, "probes", |t| &t.probes, probes));
        out.extend(self.families());
        if self.any(&|t| t.remote.ways.len() as u64) {
            out.extend(self.reasons(
                0,
                "remote",
                |t| &t.remote.ways,
                "units by what the remote did for them",
            ));
        }
        if self.any(&|t| t.remote.levels.len().saturating_sub(1) as u64) {
            out.extend(self.reasons(0, "levels", |t| &t.remote.levels, "fetched units by level"));
        }
        out
    }

    /// A line for each group of commands, where there are several.
    fn families(&self) -> Vec<Line> {
        let names: BTreeSet<&String> = self.0.iter().flat_map(|s| s.tally.families.keys()).collect();
        let one = |family: &String| {
            let of = |t: &Tally| t.families.get(family).copied().unwrap_or_default();
            let figure = |t: &Tally| format!("{} of {}", of(t).hits, of(t).units);
            let line = self.line(1, family, figure, "hits of hits, misses and errors");
            std::iter::once(line).chain(self.confirmations(family))
        };
        let of_place = self.0.iter().any(|s| !s.tally.confirmations.is_empty());
        if names.len() < 2 && !of_place {
            return Vec::new();
        }
        let each: Vec<Line> = names.into_iter().flat_map(one).collect();
        let sum = self.number(
            0,
            "by kind",
            &|t| t.families.values().map(|f| f.units).sum(),
            "units by what they are",
        );
        std::iter::once(sum).chain(each).collect()
    }

    /// Where the results of a group of commands hold.
    fn confirmations(&self, family: &str) -> Vec<Line> {
        let one = |confirmation: &Confirmation| {
            let figure: Figure = &|t| {
                let runs = t.confirmations.get(family).and_then(|runs| runs.get(confirmation.word()));
                runs.copied().unwrap_or(0)
            };
            self.some(2, confirmation.word(), figure, &format!("holds {}", confirmation.meaning()))
        };
        Confirmation::ALL.iter().filter_map(one).collect()
    }

    fn times(&self) -> Vec<Line> {
        let time =
            |label: &str, of: fn(&Tally) -> i64, means: &str| self.line(0, label, |t| duration(of(t)), means);
        let mut out = vec![
            time("saved", |t| t.time.saved_us, "compile time of the hits' results, less the hits"),
            time("hits", |t| t.time.hits_us as i64, "spent on hits, start to exit"),
            time("compiling", |t| t.time.compile_us as i64, "spent by the compiler on misses"),
            time("overhead", |t| t.time.overhead_us as i64, "spent by kache itself on misses"),
        ];
        if self.any(&|t| t.time.checks_us) {
            let means = "spent on hits that were checked, with the compiler";
            out.push(time("checks", |t| t.time.checks_us as i64, means));
        }
        if self.any(&|t| t.remote.waited_us) {
            out.push(time("waiting", |t| t.remote.waited_us as i64, "spent waiting for the remote"));
        }
        out
    }

    fn bytes(&self) -> Vec<Line> {
        let bytes =
            |depth, label: &str, of: Figure, means: &str| self.line(depth, label, |t| size(of(t)), means);
        let mut out = vec![bytes(0, "restored", &|t| t.restored.bytes, "given back to builds by hits")];
        for (method, means) in [
            ("reflink", "shared with the cache: no bytes were copied"),
            ("hardlink", "the cache's own file, under another name"),
            ("copy", "written anew"),
        ] {
            let given = |t: &Tally| t.restored.methods.get(method).copied().unwrap_or_default();
            if self.any(&|t| given(t).files) {
                out.push(bytes(1, &format!("by {method}"), &|t| given(t).bytes, means));
                out.push(self.number(2, "files", &|t| given(t).files, ""));
            }
        }
        out.push(bytes(0, "stored", &|t| t.stored_bytes, "outputs of stored misses"));
        out.push(bytes(1, "known", &|t| t.known_bytes, "already in the store, so not stored again"));
        out.extend(self.reasons(
            0,
            "observed",
            |t| &t.observed,
            "stored results by how their inputs were found",
        ));
        out
    }
}

/// A hit rate. 99.96 % must not read as 100 %.
pub fn rate(rate: Option<f64>) -> String {
    rate.map_or("–".to_string(), |rate| format!("{:.1} %", (rate * 1e3).floor() / 10.0))
}

/// The slowest misses of the shortest period that has any.
fn slowest(scopes: &[Scope], from: &'static str) -> Option<Section> {
    let scope = scopes.iter().find(|s| !s.slowest.is_empty())?;
    let lines =
        scope.slowest.iter().map(|s| Line::new(0, &s.unit, vec![duration(s.compile_us as i64)], &s.why));
    Some(Section {
        title: "slowest misses",
        from,
        columns: vec![scope.title.clone()],
        lines: lines.collect(),
    })
}

/// The figures of the store.
pub fn store(json: &Json) -> Section {
    let (store, sharing) = (&json.store, &json.sharing);
    let line = |depth, label: &str, room: &Room| {
        Line::new(depth, label, vec![size(room.bytes)], &count(room.files as usize, "file", "files"))
    };
    let mut lines = vec![line(0, "total", &store.total)];
    lines.extend(store.kinds.iter().map(|(name, room)| line(1, name, room)));
    let outputs = count(sharing.outputs as usize, "output", "outputs");
    let results = count(sharing.results as usize, "result", "results");
    let unshared = size(sharing.output_bytes);
    let means = format!("equal bytes are stored once: {outputs} of {results} would take {unshared}");
    lines.push(Line::new(0, "saved by sharing", vec![size(sharing.saved_bytes)], &means));
    Section { title: WHOLE, from: "lengths of its files", columns: vec!["now".into()], lines }
}
