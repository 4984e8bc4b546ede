//! `kache verify`: is what is cached what it should be, to the last byte.
//!
//! JSON: `{"v":1,"ok","blobs","bytes","results","manifests","faults":[{"file","what","harmless","repaired"}]}`; `ok` says that
//! nothing is damaged. The exit status is 1 where something is, and was not repaired.

use super::output::{Answer, CliError, Format, cache_dir, settings};
use super::page::{self, Page, Style};
use kache_core::store::Store;
use kache_core::store::verify::{self, Verified};
use serde::Serialize;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A build never uses a damaged file; it compiles instead. This command finds damage and can remove it.\n\nExamples:\n  kache verify\n  kache verify --repair"
)]
pub struct Options {
    /// Remove damaged files
    #[arg(long, conflicts_with = "dry_run")]
    repair: bool,
    /// Only report damage (as without `--repair`)
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json<'a> {
    v: u32,
    ok: bool,
    #[serde(flatten)]
    done: &'a Verified,
}

/// Reads.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let done = Store::open(&cache)
        .and_then(|store| verify::verify(&store, options.repair))
        .map_err(|e| CliError::failed(format!("{}: {e}", cache.display())))?;
    let bad = |f: &&verify::Fault| !f.harmless && !f.repaired;
    let ok = done.faults.iter().filter(bad).count() == 0;
    let mut answer = match options.format {
        Format::Json => Answer::json(&Json { v: 1, ok, done: &done })?,
        Format::Text => Answer::page(text(&done, ok)),
    };
    answer.status = u8::from(!ok);
    Ok(answer)
}

fn text(done: &Verified, ok: bool) -> Page {
    let mut page = Page::new();
    page.line(format!(
        "read {}, {}; {}; {}",
        page::count(done.blobs as usize, "blob", "blobs"),
        page::size(done.bytes),
        page::count(done.results as usize, "result", "results"),
        page::count(done.manifests as usize, "manifest", "manifests")
    ));
    for fault in &done.faults {
        let (style, mark) = match (fault.repaired, fault.harmless) {
            (true, _) => (Style::Green, "removed "),
            (false, true) => (Style::Yellow, "incomplete "),
            (false, false) => (Style::Red, "DAMAGED "),
        };
        page.spans(&[(style, mark.to_string()), (Style::Plain, format!("{}: {}", fault.file, fault.what))]);
    }
    page.heading(match (ok, done.faults.is_empty()) {
        (true, true) => "all is as it should be",
        (true, false) => "nothing is damaged",
        (false, _) => "what is damaged is never restored; `kache verify --repair` removes it",
    });
    page
}
