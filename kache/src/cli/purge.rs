//! `kache purge`: an empty cache. Builds that run meanwhile compile.
//!
//! JSON: `{"v":1,"dry_run","files","bytes"}`.

use super::output::{Answer, CliError, Format, cache_dir, settings};
use super::page::{self, Page};
use kache_core::store::purge;
use serde::Serialize;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kache purge --dry-run         how much that is\n  KACHE_CACHE_DIR=/ci/cache kache purge"
)]
pub struct Options {
    /// Report what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json {
    v: u32,
    dry_run: bool,
    files: u64,
    bytes: u64,
}

/// Purges.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let gone = purge::purge(&cache, options.dry_run)
        .map_err(|e| CliError::failed(format!("{}: {e}", cache.display())))?;
    if options.format == Format::Json {
        return Answer::json(&Json { v: 1, dry_run: options.dry_run, files: gone.files, bytes: gone.bytes });
    }
    let mut page = Page::new();
    let verb = if options.dry_run { "would be removed" } else { "removed" };
    page.line(format!(
        "{}, {}, {verb} from {}",
        page::count(gone.files as usize, "file", "files"),
        page::size(gone.bytes),
        cache.display()
    ));
    Ok(Answer::page(page))
}
