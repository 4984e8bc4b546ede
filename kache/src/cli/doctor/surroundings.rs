//! What is around a build: a linker, a clock, and whether builds come by kache at all.

use super::Check;
use crate::cli::page::{ago, count};
use kache_core::eval::find_program;
use kache_core::events::{self, Kind};
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::settings::Settings;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// How far the clock of a file system may be from ours, in seconds.
const APART: i128 = 2;

/// rustc starts `cc` where nothing names another; without it nothing can be linked, and so not be stored.
pub fn linker() -> Check {
    const NAME: &str = "linker";
    match find_program("cc".as_ref(), &Roots::default()) {
        Some(found) => Check::ok(
            NAME,
            format!("cc is {}; what a project names instead is seen when it is used", found.display()),
        ),
        None => Check::problem(
            NAME,
            "there is no `cc` in PATH, which rustc starts to link",
            "install a C compiler (Debian: apt-get install gcc), or name a linker in cargo's configuration",
        ),
    }
}

/// Whether builds come by this cache.
pub fn reached(settings: &Settings) -> Option<Check> {
    const NAME: &str = "reached";
    let events = events::read_all(settings.cache_dir.as_ref()?).unwrap_or_default();
    let units = events.iter().filter(|e| e.kind == Kind::Unit);
    Some(match units.clone().next_back() {
        Some(last) => Check::ok(
            NAME,
            format!(
                "this cache has handled {}, the last {}",
                count(units.count(), "unit", "units"),
                ago(last.time_us)
            ),
        ),
        None => Check::note(
            NAME,
            "this cache has not handled a build yet",
            "build something; if this stays so, see the check `cargo`, and that nothing sets RUSTC_WRAPPER to another",
        ),
    })
}

/// A file that is written now has a time of now, or digests are believed of files that have changed.
pub fn clock(settings: &Settings) -> Option<Check> {
    const NAME: &str = "clock";
    let dir = settings.cache_dir.as_ref()?.ancestors().find(|a| a.is_dir())?.to_path_buf();
    let written = stamp(&dir)?;
    let now = platform::now_ns() as i128;
    let apart = (written - now).abs() / 1_000_000_000;
    if apart > APART {
        return Some(Check::problem(
            NAME,
            format!("a file written now in {} has a time {apart} s away from this machine's", dir.display()),
            "set the clocks (a virtual machine that slept, a file server), or put the cache on a disk of this machine",
        ));
    }
    let newest = events::read_all(settings.cache_dir.as_ref()?).unwrap_or_default().last().map(|e| e.time_us);
    if let Some(later) = newest.filter(|t| *t as i128 * 1000 > now + APART * 1_000_000_000) {
        let ahead = (later as i128 * 1000 - now) / 1_000_000_000;
        return Some(Check::note(
            NAME,
            format!("the last event is {ahead} s in the future: the clock was set back"),
            "nothing, if the clock is right now: what was recorded then is only listed out of order",
        ));
    }
    Some(Check::ok(NAME, "files get the time of this machine"))
}

/// The time of a file that is written now, in ns since 1970.
fn stamp(dir: &Path) -> Option<i128> {
    let path = dir.join(format!(".kache-doctor-{}-clock", std::process::id()));
    let made = std::fs::write(&path, "").and_then(|()| path.metadata()).and_then(|m| m.modified());
    let _ = std::fs::remove_file(&path);
    let since = made.ok()?.duration_since(UNIX_EPOCH);
    Some(since.map_or(0, |d| d.as_nanos() as i128))
}
