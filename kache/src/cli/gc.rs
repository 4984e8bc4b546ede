//! `kache gc`: the garbage collection that the wrapper starts when the cache has exceeded its size limit, on request.
//!
//! JSON: `{"v":1,"dry_run","max_bytes","max_state_bytes","before","after","results":{"files","bytes"},"blobs","manifests",
//! "leftovers","states","kept","troubles":[…]}`, with bytes as used on disk; `{"v":1,"busy":true}` if another collection is running.

use super::output::{Answer, CliError, Format, cache_dir, failed, settings};
use super::page::{self, Page, row};
use kache_core::settings::MaxSize;
use kache_core::store::Store;
use kache_core::store::gc::{self, Collected, Limits};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache gc                      apply the size limit that is set (`kache config`)
  kache gc --max-size 5G        if it exceeds 5 GB, shrink the cache to four fifths of that
  kache gc --max-age 14d        also evict entries that were not used for two weeks
  kache gc --dry-run            report what would be removed")]
pub struct Options {
    /// The size limit: `20G`, `500M`, `5%` of the disk [default: the setting `max_size`]
    #[arg(long, value_parser = size)]
    max_size: Option<MaxSize>,
    /// Also evict entries that were not used for this long: `30d`, `12h`, `45m`
    #[arg(long, value_parser = super::output::duration)]
    max_age: Option<Duration>,
    /// Report what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn size(text: &str) -> Result<MaxSize, String> {
    MaxSize::parse(text).ok_or_else(|| "give a size such as 20G, 500M or 5%".to_string())
}

#[derive(Serialize)]
struct Json<'a> {
    dry_run: bool,
    max_bytes: u64,
    max_state_bytes: u64,
    #[serde(flatten)]
    done: &'a Collected,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let mut settings = settings()?;
    let cache = cache_dir(&settings)?;
    settings.max_size = options.max_size.or(settings.max_size);
    let max_bytes = settings.max_bytes(&cache);
    let max_state_bytes = settings.max_state_bytes(&cache);
    let limits = Limits { max_bytes, max_state_bytes, max_age: options.max_age, dry_run: options.dry_run };
    let collected = Store::open(&cache).and_then(|store| gc::collect(&store, limits));
    let Some(done) = collected.map_err(failed(cache.display()))? else {
        return Answer::new(options.format, 1, &json!({ "busy": true }), |page| {
            page.line("another collection is running; nothing to do");
        });
    };
    let fields = Json { dry_run: options.dry_run, max_bytes, max_state_bytes, done: &done };
    let answer = Answer::new(options.format, 1, &fields, |page| text(&fields, page))?;
    Ok(answer.with_problem(!done.troubles.is_empty()))
}

fn text(fields: &Json, page: &mut Page) {
    let done = fields.done;
    let verb = if fields.dry_run { "would be removed" } else { "removed" };
    page.heading(format!("{} on disk, limit {}", page::size(done.before), page::size(fields.max_bytes)));
    let rows = [
        ("results", done.results, "least recently used, with their traces"),
        ("blobs", done.blobs, "that no remaining result names"),
        ("manifests", done.manifests, "that led only to removed results"),
        ("leftovers", done.leftovers, "of killed processes, and events of more than 30 days"),
        ("states", done.states, "incremental state, least recently used, by a limit of its own"),
    ];
    let rows = rows.map(|(what, amount, means)| {
        row![format!("  {what}"), amount.files, page::size(amount.bytes), means]
    });
    page.columns(&rows, 0);
    let kept = page::count(done.kept as usize, "result", "results");
    page.line(format!("{verb}; {kept} and {} are left", page::size(done.after)));
    for trouble in &done.troubles {
        page.line(format!("could not be removed: {trouble}"));
    }
}
