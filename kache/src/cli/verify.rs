//! `kache verify`: reads every cached file and compares it with its digest.
//!
//! JSON: `{"v":1,"ok","blobs","bytes","results","manifests","states","faults":[{"file","what","harmless","repaired"}]}`; `ok` is false
//! if a file is damaged and was not repaired; the exit status is then 1.

use super::output::{Answer, CliError, Format, cache_dir, failed, settings};
use super::page::{self, GREEN, PLAIN, Page, RED, YELLOW};
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
    ok: bool,
    #[serde(flatten)]
    done: &'a Verified,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cache = cache_dir(&settings()?)?;
    let done = Store::open(&cache)
        .and_then(|store| verify::verify(&store, options.repair))
        .map_err(failed(cache.display()))?;
    let ok = done.faults.iter().all(|fault| fault.harmless || fault.repaired);
    let answer = Answer::new(options.format, 1, &Json { ok, done: &done }, |page| text(&done, ok, page))?;
    Ok(answer.with_problem(!ok))
}

fn text(done: &Verified, ok: bool, page: &mut Page) {
    page.line(format!(
        "read {}, {}; {}; {}; {}",
        page::count(done.blobs as usize, "blob", "blobs"),
        page::size(done.bytes),
        page::count(done.results as usize, "result", "results"),
        page::count(done.manifests as usize, "manifest", "manifests"),
        page::count(done.states as usize, "state", "states")
    ));
    for fault in &done.faults {
        let (style, mark) = match (fault.repaired, fault.harmless) {
            (true, _) => (GREEN, "removed "),
            (false, true) => (YELLOW, "incomplete "),
            (false, false) => (RED, "DAMAGED "),
        };
        page.spans(&[(style, mark.to_string()), (PLAIN, format!("{}: {}", fault.file, fault.what))]);
    }
    page.heading(match (ok, done.faults.is_empty()) {
        (true, true) => "all files are intact",
        (true, false) => "no file is damaged",
        (false, _) => "damaged files are never restored; `kache verify --repair` removes them",
    });
}
