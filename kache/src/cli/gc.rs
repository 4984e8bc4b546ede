//! `kache gc`: what the wrapper starts by itself when the cache has grown past its bound, to be had at any time.
//!
//! JSON: `{"v":1,"dry_run","max_bytes","before","after","results":{"files","bytes"},"blobs","manifests","leftovers","kept",
//! "troubles":[…]}`, bytes as they take room on disk; `{"v":1,"busy":true}` where another collection is at it.

use super::output::{Answer, CliError, Format, cache_dir, settings};
use super::page::{self, Page};
use kache_core::settings::MaxSize;
use kache_core::store::Store;
use kache_core::store::gc::{self, Amount, Collected, Limits};
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kache gc                      down to the bound that is set (`kache config`)\n  kache gc --max-size 5G        now down to four fifths of 5 GB, if it is more\n  kache gc --max-age 14d        also what was not used for two weeks\n  kache gc --dry-run            what that would remove"
)]
pub struct Options {
    /// The size limit: `20G`, `500M`, `5%` of the disk [default: the setting `max_size`]
    #[arg(long, value_parser = size)]
    max_size: Option<MaxSize>,
    /// Also evict entries that were not used for this long: `30d`, `12h`, `45m`
    #[arg(long, value_parser = super::time::parse)]
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
    v: u32,
    dry_run: bool,
    max_bytes: u64,
    #[serde(flatten)]
    done: &'a Collected,
}

#[derive(Serialize)]
struct Busy {
    v: u32,
    busy: bool,
}

/// Collects.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let mut settings = settings()?;
    let cache = cache_dir(&settings)?;
    settings.max_size = options.max_size.or(settings.max_size);
    let max_bytes = settings.max_bytes(&cache);
    let trouble = |e: std::io::Error| CliError::failed(format!("{}: {e}", cache.display()));
    let limits = Limits { max_bytes, max_age: options.max_age, dry_run: options.dry_run };
    let collected = Store::open(&cache).and_then(|store| gc::collect(&store, limits)).map_err(trouble)?;
    let mut answer = match (&collected, options.format) {
        (Some(done), Format::Json) => {
            Answer::json(&Json { v: 1, dry_run: options.dry_run, max_bytes, done })?
        }
        (None, Format::Json) => Answer::json(&Busy { v: 1, busy: true })?,
        (Some(done), Format::Text) => Answer::page(text(options, max_bytes, done)),
        (None, Format::Text) => {
            let mut page = Page::new();
            page.line("another collection is at it; nothing to do");
            Answer::page(page)
        }
    };
    answer.status = u8::from(collected.is_some_and(|done| !done.troubles.is_empty()));
    Ok(answer)
}

fn text(options: &Options, max: u64, done: &Collected) -> Page {
    let mut page = Page::new();
    let verb = if options.dry_run { "would be removed" } else { "removed" };
    page.heading(format!("{} on disk, bound {}", page::size(done.before), page::size(max)));
    let row = |what: &str, amount: Amount, means: &str| {
        vec![format!("  {what}"), amount.files.to_string(), page::size(amount.bytes), means.to_string()]
    };
    page.columns(&[
        row("results", done.results, "used longest ago, with their traces"),
        row("blobs", done.blobs, "that no result is left to name"),
        row("manifests", done.manifests, "that led to nothing else"),
        row("leftovers", done.leftovers, "of killed processes, and events of more than 30 days"),
    ]);
    page.line(format!("{verb}; {} results and {} are left", done.kept, page::size(done.after)));
    for trouble in &done.troubles {
        page.line(format!("could not be removed: {trouble}"));
    }
    page
}
