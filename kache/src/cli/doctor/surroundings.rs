//! The surroundings of a build: the linker, the clock, and whether builds use the cache.

use super::Check;
use super::cache::trial;
use crate::cli::page::{ago, count};
use kache_core::eval::find_program;
use kache_core::events::{self, Kind};
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::settings::Settings;
use std::time::UNIX_EPOCH;

/// The accepted difference between the file system's clock and the machine's, in seconds.
const APART: i128 = 2;

/// rustc links with `cc` unless another linker is named. Without a linker, no unit that is linked can be built.
pub fn linker() -> Check {
    const NAME: &str = "linker";
    match find_program("cc".as_ref(), &Roots::default()) {
        Some(cc) => {
            Check::ok(NAME, format!("cc is {}; kache observes any other linker in use", cc.display()))
        }
        None => Check::problem(
            NAME,
            "PATH has no `cc`, which rustc starts to link",
            "install a C compiler (Debian: apt-get install gcc), or name a linker in cargo's configuration",
        ),
    }
}

/// Whether builds use this cache.
pub fn reached(settings: &Settings) -> Option<Check> {
    const NAME: &str = "reached";
    let events = events::read_all(settings.cache_dir.as_ref()?).unwrap_or_default();
    let units: Vec<_> = events.iter().filter(|e| e.kind == Kind::Unit).collect();
    let Some(last) = units.last() else {
        let remedy = "build something; if this note remains, see the check `cargo`, and look for another RUSTC_WRAPPER";
        return Some(Check::note(NAME, "this cache has not handled a build yet", remedy));
    };
    let (units, last) = (count(units.len(), "unit", "units"), ago(last.time_us));
    Some(Check::ok(NAME, format!("this cache has handled {units}, the last {last}")))
}

/// Whether a new file gets the current time. Otherwise kache would accept digests of files that have changed.
pub fn clock(settings: &Settings) -> Option<Check> {
    const NAME: &str = "clock";
    let cache = settings.cache_dir.as_ref()?;
    let dir = cache.ancestors().find(|a| a.is_dir())?;
    let written = trial(dir).ok()?.as_file().metadata().ok()?.modified().ok()?;
    let written = written.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
    let now = platform::now_ns() as i128;
    let apart = (written - now).abs() / 1_000_000_000;
    if apart > APART {
        return Some(Check::problem(
            NAME,
            format!("the time of a new file in {} is {apart} s from this machine's", dir.display()),
            "set the clocks (of a virtual machine that slept, of a file server), or use a cache on a local disk",
        ));
    }
    let newest =
        events::read_all(cache).unwrap_or_default().last().map_or(0, |e| i128::from(e.time_us) * 1000);
    let ahead = (newest - now) / 1_000_000_000;
    Some(match ahead > APART {
        false => Check::ok(NAME, "files get the time of this machine"),
        true => Check::note(
            NAME,
            format!("the last event is {ahead} s in the future: the clock was set back"),
            "none if the clock is right now: only the order of events in lists is wrong",
        ),
    })
}
