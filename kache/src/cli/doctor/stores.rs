//! Whether results can be stored: free space, and failures of the last day.

use super::Check;
use crate::cli::page::{ago, count, size};
use kache_core::events::{self, Event};
use kache_core::platform;
use kache_core::reason::Reason;
use kache_core::settings::Settings;
use kache_core::store::states;

/// With less free space, a large output or the build itself soon fails.
const LITTLE: u64 = 2_000_000_000;
/// With less free space, most stores fail.
const NONE: u64 = 100_000_000;
const DAY_US: u64 = 86_400_000_000;

/// Whether the cache's disk has free space.
pub fn space(settings: &Settings) -> Option<Check> {
    const NAME: &str = "space";
    let cache = settings.cache_dir.as_ref()?;
    let existing = cache.ancestors().find(|dir| dir.is_dir())?;
    let free = platform::disk_free(existing)?;
    let found = format!("{} free on the disk of {}", size(free), cache.display());
    let limit = size(settings.max_bytes(cache));
    let remedy = format!(
        "remove files, run `kache gc --max-size SIZE`, or lower `max_size` (now {limit}): kache never stops a build, but stores nothing on a full disk"
    );
    Some(match free {
        0..NONE => Check::problem(NAME, found, remedy),
        NONE..LITTLE => Check::note(NAME, found, remedy),
        _ => Check::ok(NAME, found),
    })
}

/// Whether results could not be stored lately.
pub fn failed(settings: &Settings) -> Option<Check> {
    const NAME: &str = "stores";
    let all = events::read_all(settings.cache_dir.as_ref()?).unwrap_or_default();
    let now = (platform::now_ns() / 1000) as u64;
    let lately: Vec<&Event> = all.iter().filter(|e| now.saturating_sub(e.time_us) < DAY_US).collect();
    let is_failure = |e: &&&Event| e.reason == Some(Reason::Store);
    let failures: Vec<&&Event> = lately.iter().filter(is_failure).collect();
    let stored = lately.iter().filter(|e| e.stored).count();
    let Some(last) = failures.last() else {
        return (stored > 0).then(|| {
            Check::ok(
                NAME,
                format!("{} stored in the last day, none failed", count(stored, "result", "results")),
            )
        });
    };
    let results = count(failures.len(), "result", "results");
    let why = last.detail.as_deref().or(last.trouble.as_deref()).unwrap_or("no detail");
    let found =
        format!("{results} could not be stored in the last day, the last {}: {why}", ago(last.time_us));
    let remedy = "check that the cache directory is writable and its disk has free space; see the checks `cache` and `space`";
    // What was stored since shows that the trouble is over.
    let is_over = lately.iter().any(|e| e.stored && e.time_us > last.time_us);
    Some(if is_over { Check::note(NAME, found, remedy) } else { Check::problem(NAME, found, remedy) })
}

/// The incremental state that is kept.
pub fn states(settings: &Settings) -> Option<Check> {
    const NAME: &str = "states";
    let cache = settings.cache_dir.as_ref()?;
    if !settings.keeps_state() {
        return Some(Check::ok(NAME, "off: the first compile after a restore is one from scratch"));
    }
    let kept = states::usage(cache).ok()?;
    let crates = count(kept.files as usize, "crate", "crates");
    let limit = size(settings.max_state_bytes(cache));
    let found =
        format!("incremental state of {crates} is kept: {} of {limit} (`max_state_size`)", size(kept.bytes));
    Some(Check::ok(NAME, found))
}
