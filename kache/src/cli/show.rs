//! `kache show`: everything that is known about a stored result.
//!
//! JSON: `{"v":1,"key","unit","used_us","hits","made_in","compile_us","observed","confirmation","outputs":[{"path","bytes","digest",
//! "executable","text"}],"stdout_bytes","stderr_bytes","trace"}`. `bytes` is `null` if the blob is missing; `text`
//! means that a restore replaces paths in the file; `trace` is a [`KeyTrace`], or `null` if it is no longer stored.

use super::output::{Answer, CliError, Format, cache_dir, failed, settings};
use super::page::{BOLD, DIM, PLAIN, Page, ago, count, cut, duration, row, short, size};
use kache_core::dependency;
use kache_core::events::{self, Confirmation, Event, Observed, Outcome};
use kache_core::key_trace::{Component, KeyTrace, Part};
use kache_core::store::catalogue::{self, Item};
use kache_core::store::traces;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache list serde              shows keys
  kache show 3f2a9c             one result: outputs, command line, dependencies
  kache show 3f2a9c --format json")]
pub struct Options {
    /// A result's key or its first digits, from `kache list`
    key: String,
    /// Show values in full
    #[arg(long)]
    all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json {
    key: String,
    unit: String,
    used_us: u64,
    hits: usize,
    made_in: Option<String>,
    compile_us: u64,
    observed: Observed,
    confirmation: Option<Confirmation>,
    outputs: Vec<Shown>,
    stdout_bytes: usize,
    stderr_bytes: usize,
    trace: Option<KeyTrace>,
}

#[derive(Serialize)]
struct Shown {
    path: String,
    bytes: Option<u64>,
    digest: String,
    executable: bool,
    text: bool,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let item = find(&cache, &options.key)?;
    let events = events::read_all(&cache).map_err(failed(cache.display()))?;
    let json = described(&cache, &item, &events);
    Answer::new(options.format, 1, &json, |page| text(&json, options.all, page))
}

/// The only result whose key begins with the digits.
fn find(cache: &Path, asked: &str) -> Result<Item, CliError> {
    let prefix = asked.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(CliError::usage(format!(
            "`{asked}` is not a key, which has only digits and the letters a to f: `kache list {asked}` shows the keys of such units"
        )));
    }
    let mut found = Vec::new();
    catalogue::each(cache, |item| {
        if item.key.hex().starts_with(&prefix) {
            found.push(item);
        }
    })
    .map_err(failed(cache.display()))?;
    if found.len() > 1 {
        let some = found.iter().take(5).map(|i| format!("{} ({})", short(&i.key.hex()), i.result.label));
        let (n, some) = (found.len(), some.collect::<Vec<_>>().join(", "));
        return Err(CliError::usage(format!("{n} keys begin with `{asked}`; give more digits: {some}")));
    }
    found.pop().ok_or_else(|| {
        let cache = cache.display();
        CliError::usage(format!(
            "no result in {cache} has a key that begins with `{asked}`: see `kache list`"
        ))
    })
}

fn described(cache: &Path, item: &Item, events: &[Event]) -> Json {
    let key = item.key.hex();
    let of = |outcome: Outcome| {
        events.iter().filter(move |e| e.outcome == outcome).filter(|e| e.result.as_ref() == Some(&key))
    };
    let outputs = item.result.outputs.iter().zip(&item.sizes).map(|(o, bytes)| Shown {
        path: String::from_utf8_lossy(&o.path).into_owned(),
        bytes: *bytes,
        digest: o.digest.hex(),
        executable: o.executable,
        text: o.is_template,
    });
    Json {
        unit: item.result.label.clone(),
        used_us: item.used_us,
        hits: of(Outcome::Hit).count(),
        made_in: of(Outcome::Miss).find(|e| e.stored).map(|e| e.cwd.clone()),
        compile_us: item.result.compile_us,
        observed: item.result.observed,
        confirmation: item.result.confirmation,
        outputs: outputs.collect(),
        stdout_bytes: item.result.stdout.len(),
        stderr_bytes: item.result.stderr.len(),
        trace: traces::load(cache, &key),
        key,
    }
}

fn text(json: &Json, all: bool, page: &mut Page) {
    page.heading(&json.unit);
    let learned = match json.observed {
        Observed::Preload => "by the observer",
        Observed::Unobserved => "from what the compiler reports",
    };
    let mut rows = vec![row!["  result key", json.key]];
    rows.extend(json.trace.as_ref().map(|t| row!["  action key", t.action]));
    rows.extend(json.made_in.as_ref().map(|dir| row!["  made in", dir]));
    let used = format!("{}; restored {}", ago(json.used_us), count(json.hits, "time", "times"));
    let printed = format!("{} out, {} err", size(json.stdout_bytes as u64), size(json.stderr_bytes as u64));
    rows.extend(json.confirmation.map(|it| row!["  holds", it.meaning()]));
    rows.extend([
        row!["  took", duration(json.compile_us as i64)],
        row!["  inputs known", learned],
        row!["  used", used],
        row!["  printed", printed],
    ]);
    page.columns(&rows, 0);
    page.gap();
    page.heading("outputs");
    page.columns(&json.outputs.iter().map(output).collect::<Vec<_>>(), 0);
    let Some(trace) = &json.trace else {
        page.gap();
        return page.line("the trace of this result is no longer in the cache");
    };
    let of = |part: Part| trace.components.iter().filter(move |c| c.part == part).collect();
    components("the action key: what was requested", of(Part::Action), all, page);
    components("dependencies (with the action key, the result key)", of(Part::Dependency), all, page);
}

fn output(o: &Shown) -> Vec<String> {
    let bytes = o.bytes.map_or("missing".to_string(), size);
    let what = match (o.text, o.executable) {
        (true, _) => "text with paths",
        (_, true) => "executable",
        _ => "",
    };
    row![format!("  {}", o.path), bytes, short(&o.digest), what]
}

/// The components of a key, each with its form in the checkout that made the result.
fn components(title: &str, components: Vec<&Component>, all: bool, page: &mut Page) {
    page.gap();
    page.heading(format!("{title}: {}", components.len()));
    for c in components {
        let value = match c.value.as_str() {
            value if value.as_bytes() == dependency::UNSET => "(unset)",
            value if all => value,
            value => short(value),
        };
        let line = |text: &str| if all { text.to_string() } else { cut(text) };
        page.spans(&[(BOLD, format!("  {} ", c.name)), (PLAIN, line(value))]);
        if c.raw != c.value && !c.raw.is_empty() {
            page.styled(DIM, format!("    raw: {}", line(&c.raw)));
        }
    }
}
