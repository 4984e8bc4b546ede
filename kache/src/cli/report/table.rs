//! The figures of a report: a section a source, a line a figure, a column a stretch of the record.

use super::{Json, Scope};
use crate::cli::page::{count, duration, size};
use kache_core::reason::Reason;
use kache_report::report::tally::{Reasons, Tally};
use std::collections::BTreeMap;

/// The title of the section that is of no scope.
pub const WHOLE: &str = "the whole cache";

/// Figures of one kind.
pub struct Section {
    /// What they are of.
    pub title: &'static str,
    /// Where they are from.
    pub from: &'static str,
    /// What each column is of.
    pub columns: Vec<String>,
    /// The figures.
    pub lines: Vec<Line>,
}

/// A figure, in each column.
pub struct Line {
    /// 1 for a part of the figure above, and so on.
    pub depth: usize,
    /// Its name.
    pub label: String,
    /// The figure.
    pub cells: Vec<String>,
    /// What it counts.
    pub means: String,
}

/// All of them, in their order.
pub fn sections(json: &Json) -> Vec<Section> {
    let columns = || json.scopes.iter().map(|s| s.title.clone()).collect::<Vec<_>>();
    let scopes = Scopes(&json.scopes);
    let mut all = vec![
        Section {
            title: "units",
            from: "counted from the events",
            columns: columns(),
            lines: scopes.units(),
        },
        Section {
            title: "time",
            from: "from the events of units, summed over processes that ran side by side",
            columns: columns(),
            lines: scopes.times(),
        },
        Section {
            title: "bytes",
            from: "from the events of units",
            columns: columns(),
            lines: scopes.bytes(),
        },
    ];
    all.extend(slowest(&json.scopes));
    all.push(store(json));
    all
}

struct Scopes<'a>(&'a [Scope]);

type Figure<'a> = &'a dyn Fn(&Tally) -> u64;

impl Scopes<'_> {
    fn line(&self, depth: usize, label: &str, figure: impl Fn(&Tally) -> String, means: &str) -> Line {
        let cells = self.0.iter().map(|s| figure(&s.tally)).collect();
        Line { depth, label: label.to_string(), cells, means: means.to_string() }
    }

    fn number(&self, depth: usize, label: &str, figure: Figure, means: &str) -> Line {
        self.line(depth, label, |t| figure(t).to_string(), means)
    }

    /// A line only where there is something in any column.
    fn some(&self, depth: usize, label: &str, figure: Figure, means: &str) -> Option<Line> {
        let any = self.0.iter().any(|s| figure(&s.tally) > 0);
        any.then(|| self.number(depth, label, figure, means))
    }

    /// A sum, and below it each reason, the most frequent first.
    fn reasons(
        &self,
        out: &mut Vec<Line>,
        depth: usize,
        label: &str,
        of: fn(&Tally) -> &Reasons,
        means: &str,
    ) {
        out.push(self.number(depth, label, &|t| of(t).values().sum(), means));
        let mut all: BTreeMap<&String, u64> = BTreeMap::new();
        for (word, n) in self.0.iter().flat_map(|s| of(&s.tally)) {
            *all.entry(word).or_default() += n;
        }
        let mut sorted: Vec<_> = all.into_iter().collect();
        sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        out.extend(sorted.into_iter().map(|(word, _)| {
            let meaning = Reason::of_word(word).map_or("", kache_report::explain::reasons::meaning);
            self.number(depth + 1, word, &|t| of(t).get(word).copied().unwrap_or(0), meaning)
        }));
    }

    fn units(&self) -> Vec<Line> {
        let checked = |t: &Tally, word: &str| t.units.checked.get(word).copied().unwrap_or(0);
        let mut out =
            vec![self.line(0, "hit rate", |t| rate(t.hit_rate), "hits of all hits, misses and errors")];
        out.push(self.number(0, "hits", &|t| t.units.hits, "restored: no compiler ran"));
        out.push(self.number(1, "local", &|t| t.units.hits - t.units.remote_hits, "from this cache"));
        out.push(self.number(1, "remote", &|t| t.units.remote_hits, "fetched, now or by an earlier build"));
        out.extend(self.some(1, "checked", &|t| checked(t, "same"), "recompiled, without a difference"));
        out.push(self.number(0, "misses", &|t| t.units.misses, "compiled"));
        out.push(self.number(1, "stored", &|t| t.units.stored, "the result was stored"));
        out.push(self.number(2, "dups", &|t| t.units.dups, "every output byte was already in the store"));
        out.extend(self.some(
            1,
            "different",
            &|t| checked(t, "different"),
            "hits that a check found wrong; their entries are dropped",
        ));
        out.extend(self.some(
            1,
            "unsettled",
            &|t| checked(t, "unsettled"),
            "hits whose check did not finish",
        ));
        self.reasons(&mut out, 1, "not stored", |t| &t.units.not_stored, "the result was not stored");
        let errors = "kache failed, the compiler ran";
        self.reasons(&mut out, 0, "errors", |t| &t.units.errors, errors);
        let untouched = "run without the cache, not in the rate";
        self.reasons(&mut out, 0, "passthroughs", |t| &t.units.passthroughs, untouched);
        let probes = "queries and test compiles by outcome, not in the rate";
        self.reasons(&mut out, 0, "probes", |t| &t.probes, probes);
        if self.0.iter().any(|s| !s.tally.remote.ways.is_empty()) {
            let asked = "units by what the remote did for them";
            self.reasons(&mut out, 0, "remote", |t| &t.remote.ways, asked);
        }
        out
    }

    fn times(&self) -> Vec<Line> {
        let time =
            |label: &str, of: fn(&Tally) -> i64, means: &str| self.line(0, label, |t| duration(of(t)), means);
        let mut out = vec![
            time("saved", |t| t.time.saved_us, "what the hits' results took to compile, less the hits"),
            time("hits", |t| t.time.hits_us as i64, "spent on hits, start to exit"),
            time("compiling", |t| t.time.compile_us as i64, "spent by the compiler on misses"),
            time("overhead", |t| t.time.overhead_us as i64, "spent by kache itself on misses"),
        ];
        if self.0.iter().any(|s| s.tally.time.checks_us > 0) {
            let means = "spent on hits that were checked, with the compiler";
            out.push(time("checks", |t| t.time.checks_us as i64, means));
        }
        if self.0.iter().any(|s| s.tally.remote.waited_us > 0) {
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
            if self.0.iter().any(|s| given(&s.tally).files > 0) {
                let label = format!("by {method}");
                out.push(bytes(1, &label, &|t| given(t).bytes, means));
                out.push(self.number(2, "files", &|t| given(t).files, ""));
            }
        }
        out.push(bytes(0, "stored", &|t| t.stored_bytes, "outputs of stored misses"));
        out.push(bytes(1, "known", &|t| t.known_bytes, "already in the store, so not kept again"));
        let how = "stored results by how their inputs were learned";
        self.reasons(&mut out, 0, "observed", |t| &t.observed, how);
        out
    }
}

fn rate(rate: Option<f64>) -> String {
    // 99.96 % must not read as 100 %.
    rate.map_or("–".to_string(), |rate| format!("{:.1} %", (rate * 1e3).floor() / 10.0))
}

/// Of the shortest stretch that has any.
fn slowest(scopes: &[Scope]) -> Option<Section> {
    let scope = scopes.iter().find(|s| !s.slowest.is_empty())?;
    let line = |s: &super::Slow| Line {
        depth: 0,
        label: s.unit.clone(),
        cells: vec![duration(s.compile_us as i64)],
        means: s.why.clone(),
    };
    Some(Section {
        title: "slowest misses",
        from: "from the events and key traces; `kache explain UNIT` tells more",
        columns: vec![scope.title.clone()],
        lines: scope.slowest.iter().map(line).collect(),
    })
}

fn store(json: &Json) -> Section {
    let line = |depth, label: &str, cell: String, means: String| Line {
        depth,
        label: label.to_string(),
        cells: vec![cell],
        means,
    };
    let files = |n: u64| count(n as usize, "file", "files");
    let (store, sharing) = (&json.store, &json.sharing);
    let mut lines = vec![line(0, "total", size(store.total.bytes), files(store.total.files))];
    lines.extend(store.kinds.iter().map(|(name, room)| line(1, name, size(room.bytes), files(room.files))));
    let outputs = count(sharing.outputs as usize, "output", "outputs");
    let results = count(sharing.results as usize, "result", "results");
    let means = format!("{outputs} of {results} would take {}", size(sharing.output_bytes));
    lines.push(line(
        0,
        "saved by sharing",
        size(sharing.saved_bytes),
        format!("equal bytes are kept once: {means}"),
    ));
    Section { title: WHOLE, from: "lengths of its files", columns: vec!["now".into()], lines }
}
