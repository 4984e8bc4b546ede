//! `kache list`: the stored results.
//!
//! JSON: `{"v":1,"cache","results":[{"key","unit","bytes","compile_us","used_us","hits","confirmation"}],"of"}`; `of` is the number of
//! results, with those that `--limit` leaves out.

use super::completions;
use super::output::{Answer, CliError, Format, cache_dir, failed, settings};
use super::page::{Page, ago, count, duration, row, short, size};
use clap::ValueEnum;
use clap_complete::ArgValueCompleter;
use kache_core::events::{self, Confirmation, Outcome};
use kache_core::store::catalogue;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache list                    most recently used results
  kache list serde              results of units whose names contain serde
  kache list '(script)'         runs of build scripts; '(link)' for links
  kache list --sort size --limit 10
  kache show $(kache list --limit 1 --keys)")]
pub struct Options {
    /// Only units with this in their name
    #[arg(add = ArgValueCompleter::new(completions::units))]
    name: Option<String>,
    /// Sort order
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Maximum number of results; 0 for all
    #[arg(long, default_value_t = 30, value_name = "N")]
    limit: usize,
    /// Print only the keys, a line each
    #[arg(long, conflicts_with = "format")]
    keys: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Most recently used first
    #[default]
    Used,
    /// Largest first
    Size,
    /// Longest compile time first
    Time,
    /// Most hits first
    Hits,
    /// By name
    Name,
}

#[derive(Serialize)]
struct Json {
    cache: String,
    results: Vec<Listed>,
    of: usize,
}

#[derive(Serialize)]
struct Listed {
    key: String,
    unit: String,
    bytes: u64,
    compile_us: u64,
    used_us: u64,
    hits: u64,
    /// Where the result of a script or command holds.
    confirmation: Option<Confirmation>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let unreadable = failed(cache.display());
    let hits = hits(&events::read_all(&cache).map_err(&unreadable)?);
    let mut results = Vec::new();
    let wanted = options.name.as_deref().unwrap_or_default();
    catalogue::each(&cache, |item| {
        let key = item.key.hex();
        if item.result.label.contains(wanted) {
            let (bytes, hits) = (item.bytes(), hits.get(&key).copied().unwrap_or(0));
            let (compile_us, used_us) = (item.result.compile_us, item.used_us);
            let (unit, confirmation) = (item.result.label, item.result.confirmation);
            results.push(Listed { key, unit, bytes, compile_us, used_us, hits, confirmation });
        }
    })
    .map_err(&unreadable)?;
    sort(&mut results, options.sort);
    let of = results.len();
    results.truncate(if options.limit == 0 { of } else { options.limit });
    let json = Json { cache: cache.display().to_string(), results, of };
    if options.keys {
        return Ok(Answer::text(json.results.iter().map(|r| r.key.clone() + "\n").collect()));
    }
    Answer::new(options.format, 1, &json, |page| text(&json, wanted, page))
}

/// The number of hits of each result.
fn hits(events: &[events::Event]) -> HashMap<String, u64> {
    let mut hits = HashMap::new();
    for event in events.iter().filter(|e| e.outcome == Outcome::Hit) {
        *hits.entry(event.result.clone().unwrap_or_default()).or_default() += 1;
    }
    hits
}

fn sort(results: &mut [Listed], by: Sort) {
    results.sort_by(|a, b| (&a.unit, &a.key).cmp(&(&b.unit, &b.key)));
    match by {
        Sort::Used => results.sort_by_key(|r| Reverse(r.used_us)),
        Sort::Size => results.sort_by_key(|r| Reverse(r.bytes)),
        Sort::Time => results.sort_by_key(|r| Reverse(r.compile_us)),
        Sort::Hits => results.sort_by_key(|r| Reverse(r.hits)),
        Sort::Name => {}
    }
}

fn text(json: &Json, wanted: &str, page: &mut Page) {
    if json.results.is_empty() {
        let of = if wanted.is_empty() { String::new() } else { format!(" with `{wanted}` in its name") };
        return page.line(format!("no result{of} is stored in {}", json.cache));
    }
    let mut rows = vec![row!["key", "size", "took", "hits", "used", "unit"]];
    for r in &json.results {
        let (took, holds) = (duration(r.compile_us as i64), r.confirmation.map(Confirmation::word));
        let unit = holds.map_or(r.unit.clone(), |holds| format!("{}, {holds}", r.unit));
        rows.push(row![short(&r.key), size(r.bytes), took, r.hits, ago(r.used_us), unit]);
    }
    page.columns(&rows, 4);
    let left = json.of - json.results.len();
    if left > 0 {
        page.line(format!("… and {}: --limit 0 lists all", count(left, "more result", "more results")));
    }
}
