//! `kache report`: the last build of this workspace in six lines, or all figures: what the cache did, by its events, and the
//! space that it uses.
//!
//! JSON: `{"v":2,"cache","kache","store_format","observer","scopes":[{"scope","slowest":[…],"roots":[…]} and everything of a
//! `Tally`],"store","sharing","differences"}`. `scope` is `last-build`, `last-day`, `all` or `since <µs since 1970>`; the
//! fields are documented at [`Tally`], `Slow`, [`Root`], [`Footprint`], [`Sharing`] and [`differences`]. Store, sharing and differences
//! are those of the whole cache in any scope. With `--events`, see `report/fleet.rs`.

mod brief;
mod fleet;
mod markdown;
mod table;

use super::output::{Answer, CliError, cache_dir, cwd, failed, settings};
use super::page::{PLAIN, Page, ago, count, duration};
pub use brief::lasting;
use clap::ValueEnum;
use kache_core::events::{self, Event, builds};
use kache_core::store::Store;
use kache_core::store::differences::{self, Difference};
use kache_report::explain::history::History;
use kache_report::explain::{self, is_explained};
use kache_report::report::footprint::{self, Footprint};
use kache_report::report::roots::{self, Root};
use kache_report::report::sharing::{self, Sharing};
use kache_report::report::tally::Tally;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Section;
pub use table::rate;

/// The number of slowest misses that a report lists.
const SLOWEST: usize = 5;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache report                  the last build of this workspace, in six lines
  kache report --all            the last build, the last day, all that is recorded
  kache report --last-build
  kache report --since 7d --format json
  kache report --events logs/*  many machines, each by a copy of its <cache>/v1/events
  kache report --format github >> \"$GITHUB_STEP_SUMMARY\"")]
pub struct Options {
    /// All figures: of the last build, of the last day, and of all that is recorded
    #[arg(long, conflicts_with_all = ["since", "last_build"])]
    all: bool,
    /// All figures of the last build
    #[arg(long, conflicts_with = "since")]
    last_build: bool,
    /// All figures of invocations that began within this time: 90s, 30m, 12h, 7d
    #[arg(long, value_name = "DURATION", value_parser = super::output::duration)]
    since: Option<Duration>,
    /// All figures of many machines, each by a copy of its `<cache>/v1/events` (a directory or one file)
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with = "last_build")]
    events: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// Tables for a page
    Markdown,
    /// Markdown for the summary of a GitHub job: the figures first, the rest folded
    Github,
    /// One JSON object
    Json,
}

#[derive(Serialize)]
struct Json {
    cache: String,
    kache: &'static str,
    store_format: &'static str,
    observer: String,
    scopes: Vec<Scope>,
    store: Footprint,
    sharing: Sharing,
    differences: Vec<Stored>,
}

/// A period of the record.
#[derive(Serialize)]
struct Scope {
    scope: String,
    /// For people: `last build`.
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    from_us: u64,
    #[serde(flatten)]
    tally: Tally,
    slowest: Vec<Slow>,
    /// The units that cost each build, in the last build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roots: Vec<Root>,
}

/// A compile that a hit would have saved.
#[derive(Serialize)]
struct Slow {
    /// The unit's title, as `explain` knows it.
    unit: String,
    compile_us: u64,
    /// The root cause, in one line.
    why: String,
}

#[derive(Serialize)]
struct Stored {
    place: String,
    #[serde(flatten)]
    difference: Difference,
}

/// What a report shows as tables.
struct Tables<'a> {
    title: String,
    scopes: &'a [Scope],
    sections: Vec<Section>,
    differences: &'a [Stored],
    footer: Vec<String>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    if !options.events.is_empty() {
        return fleet::run(options);
    }
    let cache = cache_dir(&settings()?)?;
    let unreadable = failed(cache.display());
    let history = History::load(&cache).map_err(&unreadable)?;
    if options.format == Format::Text && !options.all && !options.last_build && options.since.is_none() {
        let here = cwd()?;
        return Ok(Answer::page(|to| {
            brief::page(&history, &here, &cache, to);
            found(&stored_differences(&cache), to);
        }));
    }
    let json = Json {
        cache: cache.display().to_string(),
        kache: env!("CARGO_PKG_VERSION"),
        store_format: kache_core::store::FORMAT,
        observer: super::version::observer(),
        scopes: scopes(options, &history),
        store: footprint::measure(&cache).map_err(&unreadable)?,
        sharing: sharing::measure(&cache).map_err(&unreadable)?,
        differences: stored_differences(&cache),
    };
    match options.format {
        Format::Json => Answer::json(2, &json),
        Format::Text => Ok(Answer::page(|to| page(&json, to))),
        Format::Markdown => Ok(Answer::text(markdown::page(&tables(&json)))),
        Format::Github => Ok(Answer::text(markdown::summary(&tables(&json)))),
    }
}

fn tables(json: &Json) -> Tables<'_> {
    let mut sections =
        table::figures(&json.scopes, "from the events and key traces; `kache explain UNIT` tells more");
    sections.push(table::store(json));
    let kache =
        format!("kache {}, store format {}, observer {}", json.kache, json.store_format, json.observer);
    Tables {
        title: titles(&json.scopes),
        scopes: &json.scopes,
        sections,
        differences: &json.differences,
        footer: footer(kache, json.kache, &json.scopes),
    }
}

fn stored_differences(cache: &Path) -> Vec<Stored> {
    let all = differences::list(cache).into_iter();
    all.map(|(place, difference)| Stored { place: place.display().to_string(), difference }).collect()
}

/// Why the cache cannot be used, if it cannot.
fn unusable(cache: &Path) -> Option<String> {
    match cache.exists().then(|| Store::open(cache)) {
        Some(Err(e)) => Some(format!("cannot be used, so builds run without it: {e}")),
        _ => None,
    }
}

/// A time since which events count.
struct Period {
    /// Its name in JSON.
    scope: String,
    title: String,
    from_us: u64,
}

/// The requested periods but the last build, the shortest first.
fn periods(options: &Options) -> Vec<Period> {
    let now_us = (kache_core::platform::now_ns() / 1000) as u64;
    let since = |time: Duration| now_us.saturating_sub(time.as_micros() as u64);
    match (options.last_build, options.since) {
        (true, _) => Vec::new(),
        (_, Some(time)) => {
            let from_us = since(time);
            let title = format!("last {}", duration(time.as_micros() as i64));
            vec![Period { scope: format!("since {from_us}"), title, from_us }]
        }
        _ => vec![
            Period { scope: "last-day".into(), title: "last day".into(), from_us: since(DAY) },
            Period { scope: "all".into(), title: "all".into(), from_us: 0 },
        ],
    }
}

/// The requested scopes, the shortest first.
fn scopes(options: &Options, history: &History) -> Vec<Scope> {
    let mut all = Vec::new();
    if options.since.is_none() {
        let build = builds::last(&history.events);
        let within = |e: &Event| build.as_ref().is_some_and(|b| b.has(e));
        let period = Period { scope: "last-build".into(), title: "last build".into(), from_us: 0 };
        let roots = roots::of_build(history, within);
        all.push(Scope { roots, ..scope(period, history, within) });
    }
    for period in periods(options) {
        let from_us = period.from_us;
        all.push(scope(period, history, |e| e.time_us >= from_us));
    }
    all
}

fn missed(e: &Event) -> bool {
    is_explained(e) && e.outcome == events::Outcome::Miss
}

impl Scope {
    /// A period without an event.
    fn empty(period: Period) -> Scope {
        let Period { scope, title, from_us } = period;
        Scope { scope, title, from_us, tally: Tally::default(), slowest: Vec::new(), roots: Vec::new() }
    }
}

fn scope(period: Period, history: &History, within: impl Fn(&Event) -> bool) -> Scope {
    let events = || history.events.iter().enumerate().filter(|(_, e)| within(e));
    let tally = Tally::of(events().map(|(_, e)| e));
    let mut misses: Vec<(usize, &Event)> = events().filter(|(_, e)| missed(e)).collect();
    misses.sort_by_key(|(_, e)| std::cmp::Reverse(e.compile_us));
    misses.truncate(SLOWEST);
    let slow = |(at, e): (usize, &Event)| Slow {
        unit: explain::title(&e.unit),
        compile_us: e.compile_us,
        why: explain::root_cause(history, at),
    };
    Scope { tally, slowest: misses.into_iter().map(slow).collect(), ..Scope::empty(period) }
}

fn page(json: &Json, page: &mut Page) {
    let all = &json.scopes[json.scopes.len() - 1];
    page.heading(format!("{} of {}", titles(&json.scopes), json.cache));
    match (all.tally.first_us, all.tally.last_us) {
        (Some(first), Some(last)) => page.line(format!(
            "{}; the first invocation {}, the last {}",
            count(all.tally.builds as usize, "build", "builds"),
            ago(first),
            ago(last)
        )),
        _ if all.scope.starts_with("since") => page.line("no build is recorded for that time"),
        _ => page.line(
            "no build is recorded yet: `kache init` makes cargo use kache, `kache doctor` checks the installation",
        ),
    }
    if let Some(trouble) = unusable(Path::new(&json.cache)) {
        page.line(format!("the cache {trouble}"));
    }
    let tables = tables(json);
    // Without an invocation all figures but those of the store are zero.
    for section in tables.sections {
        if all.tally.first_us.is_some() || section.title == table::WHOLE {
            text(&section, page);
        }
    }
    costly(&json.scopes[0].roots, page);
    found(&json.differences, page);
    page.gap();
    tables.footer.iter().for_each(|line| page.line(line));
}

fn titles(scopes: &[Scope]) -> String {
    scopes.iter().map(|s| s.title.as_str()).collect::<Vec<_>>().join(", ")
}

fn text(section: &Section, page: &mut Page) {
    page.gap();
    page.heading(format!("{} ({})", section.title, section.from));
    let mut rows = Vec::new();
    if section.columns.len() > 1 {
        rows.push([&[String::new()], &section.columns[..]].concat());
    }
    for line in &section.lines {
        let label = format!("{}{}", "  ".repeat(line.depth + 1), line.label);
        rows.push([&[label], &line.cells[..], std::slice::from_ref(&line.means)].concat());
    }
    page.columns(&rows, section.columns.len());
}

/// The units that cost each build.
fn costly(roots: &[Root], page: &mut Page) {
    if roots.is_empty() {
        return;
    }
    page.gap();
    page.heading("units that cost each build");
    for root in roots.iter().take(SLOWEST) {
        page.folded(&[(PLAIN, "  ".to_string())], &lasting(root));
    }
}

/// The results that checks found to differ, in any scope.
fn found(differences: &[Stored], page: &mut Page) {
    if differences.is_empty() {
        return;
    }
    page.gap();
    page.heading("results that a check found to differ (both versions are stored)");
    for Stored { place, difference } in differences {
        page.line(format!("  {}, {}: {}", difference.label, ago(difference.time_us), difference.names()));
        page.line(format!("    {place}"));
    }
}

/// The version of `kache` that made the report, which `line` describes, and those that handled the invocations.
fn footer(line: String, kache: &str, scopes: &[Scope]) -> Vec<String> {
    let mut lines = vec![line];
    let versions = &scopes[scopes.len() - 1].tally.versions;
    if versions.keys().any(|v| v != kache) {
        let each: Vec<String> = versions.iter().map(|(v, n)| format!("{v} ({n})")).collect();
        lines.push(format!("invocations by version: {}", each.join(", ")));
    }
    lines
}
