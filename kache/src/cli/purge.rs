//! `kache purge`: empties the cache. Builds that run at the same time compile.
//!
//! JSON: `{"v":1,"dry_run","files","bytes"}`.

use super::output::{Answer, CliError, Format, cache_dir, failed, settings};
use super::page;
use kache_core::store::purge;
use serde_json::json;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache purge --dry-run         report how much that is
  KACHE_CACHE_DIR=/ci/cache kache purge")]
pub struct Options {
    /// Report what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let gone = purge::purge(&cache, options.dry_run).map_err(failed(cache.display()))?;
    let fields = json!({ "dry_run": options.dry_run, "files": gone.files, "bytes": gone.bytes });
    Answer::new(options.format, 1, &fields, |page| {
        let verb = if options.dry_run { "would be removed" } else { "removed" };
        let files = page::count(gone.files as usize, "file", "files");
        page.line(format!("{files}, {}, {verb} from {}", page::size(gone.bytes), cache.display()));
    })
}
