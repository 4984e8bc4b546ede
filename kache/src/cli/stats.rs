//! `kache stats`: what the cache did, from its events, and the room that it takes.
//!
//! JSON: `{"v":1,"cache","scope","store_format","kache"}` and everything of [`Tally`] (see there for each name) and
//! `"store"`, a [`Footprint`], and `"differences"`, what checks found (see [`differences`]), each with its `place`. `scope` is `all`, `last-build` or `since <µs since 1970>`. The room is the whole
//! cache's, whatever the scope.

use super::page::{Page, ago, count, duration, size};
use super::{Answer, Format, Trouble};
use crate::events::{self, Event, Kind};
use crate::report::footprint::{self, Footprint};
use crate::report::tally::{Reasons, Tally};
use crate::store::differences::{self, Difference};
use serde::Serialize;
use std::time::Duration;

/// What was asked.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only the last build
    #[arg(long, conflicts_with = "since")]
    last_build: bool,
    /// Only what began within this time: 90s, 30m, 12h, 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json {
    v: u32,
    cache: String,
    scope: String,
    store_format: &'static str,
    kache: &'static str,
    #[serde(flatten)]
    tally: Tally,
    store: Footprint,
    differences: Vec<Kept>,
}

#[derive(Serialize)]
struct Kept {
    place: String,
    #[serde(flatten)]
    difference: Difference,
}

/// Counts and prints.
pub fn run(options: &Options) -> Result<Answer, Trouble> {
    let cache = super::cache_dir(&super::settings()?)?;
    let unreadable = |e: std::io::Error| Trouble::here(format!("{}: {e}", cache.display()));
    let events = events::read_all(&cache).map_err(unreadable)?;
    let (scope, chosen) = choose(options, &events);
    let json = Json {
        v: 1,
        cache: cache.display().to_string(),
        scope,
        store_format: crate::store::FORMAT,
        kache: super::version::text(),
        tally: Tally::of(chosen),
        store: footprint::measure(&cache).map_err(unreadable)?,
        differences: differences::list(&cache)
            .into_iter()
            .map(|(place, difference)| Kept { place: place.display().to_string(), difference })
            .collect(),
    };
    match options.format {
        Format::Json => Answer::json(&json),
        Format::Text => Ok(Answer::page(page(&json, options))),
    }
}

fn choose<'a>(options: &Options, events: &'a [Event]) -> (String, Vec<&'a Event>) {
    if options.last_build {
        // An editor asks the compiler questions all day: only units make a build.
        let build = events.iter().rev().find(|e| e.kind == Kind::Unit).map(|e| e.build.as_str());
        return (
            "last-build".to_string(),
            events.iter().filter(|e| Some(e.build.as_str()) == build).collect(),
        );
    }
    if let Some(since) = options.since {
        let now = (crate::platform::now_ns() / 1000) as u64;
        let from = now.saturating_sub(since.as_micros() as u64);
        return (format!("since {from}"), events.iter().filter(|e| e.time_us >= from).collect());
    }
    ("all".to_string(), events.iter().collect())
}

fn page(json: &Json, options: &Options) -> Page {
    let mut page = Page::new();
    let tally = &json.tally;
    page.heading(format!("{}, {}", scope(options), json.cache));
    match (tally.first_us, tally.last_us) {
        (Some(first), Some(last)) => page.line(format!(
            "{}; the first invocation {}, the last {}",
            count(tally.builds as usize, "build", "builds"),
            ago(first),
            ago(last)
        )),
        _ => page.line(
            "no invocations are recorded; RUSTC_WRAPPER=kache makes cargo use kache (see `kache doctor`)",
        ),
    }
    units(tally, &mut page);
    times(tally, &mut page);
    found(&json.differences, &mut page);
    store(json, &mut page);
    page
}

fn scope(options: &Options) -> String {
    match options.since {
        _ if options.last_build => "the last build".to_string(),
        Some(d) => format!("the last {}", duration(d.as_micros() as i64)),
        None => "all builds".to_string(),
    }
}

/// Label, figure, and what the figure counts.
fn row(label: &str, figure: String, counts: &str) -> Vec<String> {
    vec![format!("  {label}"), figure, counts.to_string()]
}

fn units(tally: &Tally, page: &mut Page) {
    let u = &tally.units;
    let errors: u64 = u.errors.values().sum();
    let rate = match tally.hit_rate {
        // 99.96 % must not read as 100 %.
        Some(rate) => format!("{:.1} %", (rate * 1e3).floor() / 10.0),
        None => "–".to_string(),
    };
    let of = format!("hits of {} units (hits, misses and errors)", u.hits + u.misses + errors);
    let checked = |word: &str| u.checked.get(word).copied().unwrap_or(0);
    let mut rows = vec![
        row("hit rate", rate, &of),
        row("hits", u.hits.to_string(), "units restored: no compiler ran (but for those checked)"),
        row(
            "  checked",
            checked("same").to_string(),
            "of the hits: compiled all the same, and nothing differed",
        ),
        row("misses", u.misses.to_string(), "units compiled"),
        row("  stored", u.stored.to_string(), "of the misses: the result was kept"),
    ];
    for (label, word, counts) in [
        (
            "  different",
            "different",
            "of the misses: hits that a check found wrong; their entries are dropped",
        ),
        ("  unsettled", "unsettled", "of the misses: hits whose check could not be ended"),
    ] {
        if checked(word) > 0 {
            rows.push(row(label, checked(word).to_string(), counts));
        }
    }
    reasons(&mut rows, "  not stored", &u.not_stored, "of the misses: the result was not kept");
    reasons(&mut rows, "errors", &u.errors, "kache had trouble of its own, the compiler ran");
    reasons(&mut rows, "passthroughs", &u.passthroughs, "handed to the compiler untouched, not in the rate");
    reasons(&mut rows, "probes", &tally.probes, "questions and trial compiles by outcome, not in the rate");
    page.gap();
    page.heading("units");
    page.columns(&rows);
}

fn reasons(rows: &mut Vec<Vec<String>>, label: &str, reasons: &Reasons, counts: &str) {
    rows.push(row(label, reasons.values().sum::<u64>().to_string(), counts));
    let mut sorted: Vec<_> = reasons.iter().collect();
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let indent = " ".repeat(label.len() - label.trim_start().len() + 2);
    rows.extend(sorted.into_iter().map(|(reason, n)| {
        let meaning = crate::explain::reasons::find(reason).map_or("", |r| r.meaning);
        row(&format!("{indent}{reason}"), n.to_string(), meaning)
    }));
}

fn times(tally: &Tally, page: &mut Page) {
    let t = &tally.time;
    let files: Vec<String> = tally.restored.files.iter().map(|(m, n)| format!("{n} by {m}")).collect();
    let files =
        if files.is_empty() { "no files".to_string() } else { format!("files: {}", files.join(", ")) };
    let observed: Vec<String> = tally.observed.iter().map(|(how, n)| format!("{n} {how}")).collect();
    let observed = if observed.is_empty() { "–".to_string() } else { observed.join(", ") };
    page.gap();
    page.heading("time and bytes (units only; times are summed over processes that ran side by side)");
    page.columns(&[
        row("saved", duration(t.saved_us), "compile times of the hits' results, less the time of the hits"),
        row("hits", duration(t.hits_us as i64), "time of the hits, start to exit"),
        row("checks", duration(t.checks_us as i64), "time of the hits that were checked, with the compiler"),
        row("compiling", duration(t.compile_us as i64), "time of the compiler on misses"),
        row("overhead", duration(t.overhead_us as i64), "time of kache itself on misses"),
        row("restored", size(tally.restored.bytes), &files),
        row("stored", size(tally.stored_bytes), "outputs of stored misses"),
        row("observed", observed, "stored results by how their inputs were learned"),
    ]);
}

/// What checks found wrong, whatever the scope.
fn found(kept: &[Kept], page: &mut Page) {
    if kept.is_empty() {
        return;
    }
    page.gap();
    page.heading("what checks found to differ (both versions are kept)");
    for Kept { place, difference } in kept {
        page.line(format!("  {}, {}: {}", difference.label, ago(difference.time_us), difference.names()));
        page.line(format!("    {place}"));
    }
}

fn store(json: &Json, page: &mut Page) {
    page.gap();
    page.heading("the whole cache");
    let room =
        |name: &str, r: &footprint::Room| row(name, size(r.bytes), &count(r.files as usize, "file", "files"));
    let mut rows: Vec<_> = json.store.kinds.iter().map(|(name, r)| room(name, r)).collect();
    rows.push(room("total", &json.store.total));
    page.columns(&rows);
    page.gap();
    page.line(format!("kache {}", json.kache));
    let versions: Vec<String> = json.tally.versions.iter().map(|(v, n)| format!("{v} ({n})")).collect();
    if !versions.is_empty() {
        page.line(format!("invocations by version: {}", versions.join(", ")));
    }
}

/// `90s`, `30m`, `12h`, `7d`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "give a whole number and a unit: 90s, 30m, 12h, 7d";
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(WANTED)?;
    let (number, unit) = text.split_at(split);
    let n: u64 = number.parse().map_err(|_| WANTED)?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(WANTED.to_string()),
    };
    n.checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| "that is longer than time is counted".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "7", "d", "-1s", "1.5h", "7 days", "99999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
