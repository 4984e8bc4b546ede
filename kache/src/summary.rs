//! One line about a build, after its end, where the setting `summary` asks for it.
//!
//! The build has ended when its tool has, and nothing in kache lives that long. So the first invocation of a build starts a process that
//! waits for the tool and prints the line to the tool's own standard error. The build does not wait for that process, and no compiler's
//! output is held open by it: cargo reads those of its compilers to their ends. `kache run` waits for its command anyway, and prints the line
//! itself.

use kache_core::events::tail::Tail;
use kache_core::events::{Event, Kind};
use kache_core::observe::launch::PRELOAD_VARIABLE;
use kache_core::origin::Origin;
use kache_core::platform;
use kache_core::printable::count;
use kache_core::printable::duration;
use kache_core::settings::Settings;
use kache_core::store::{Area, Store};
use kache_report::report::tally::Tally;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// The first argument of the process that waits.
pub const WAITER: &str = "summary-waiter";

/// Starts the process that waits, if this is the first invocation of the build and a tool started the build.
pub fn start(settings: &Settings, store: &Store, origin: &Origin, time_us: u64) {
    let is_own = origin.command.starts_with("kache run");
    if !settings.summary || origin.command.is_empty() || is_own {
        return;
    }
    let (Some(cache), Ok(kache)) = (&settings.cache_dir, std::env::current_exe()) else { return };
    if store.mark(Area::Builds, &format!("{}.summary", origin.build)) {
        let _ = start_waiter(&kache, cache, &origin.build, time_us);
    }
}

fn start_waiter(kache: &Path, cache: &Path, build: &str, time_us: u64) -> Option<()> {
    let process = build.split_once('-')?.0.parse().ok()?;
    let output = platform::error_output_of(process)?;
    let end = platform::end_of(process, |found| found.name() == build)?;
    let mut waiter = Command::new(kache);
    waiter.arg(WAITER).arg(build).arg(time_us.to_string()).arg(cache).current_dir(cache);
    waiter.env_remove(PRELOAD_VARIABLE);
    platform::detach_with(&mut waiter, false, end.into(), output.into()).ok().map(|_| ())
}

/// Waits for the end of a build, which standard input tells, and prints the line.
pub fn wait(args: &[OsString]) -> Option<()> {
    let [build, since, cache] = args else { return None };
    let mut events = Tail::of_build(Path::new(cache), build.to_str()?, since.to_str()?.parse().ok()?);
    // What is there now is read while the build runs.
    let mut of_build = events.read().ok()?;
    platform::wait_for_stdin().ok()?;
    of_build.extend(events.read().ok()?);
    io::stderr().write_all(line(&of_build)?.as_bytes()).ok()
}

/// Prints the line for a build that this process has waited for.
pub fn print(cache: &Path, build: &str, since_us: u64) {
    let events = Tail::of_build(cache, build, since_us).read().unwrap_or_default();
    if let Some(line) = line(&events) {
        eprint!("{line}");
    }
}

/// Nothing for a build without units.
fn line(events: &[Event]) -> Option<String> {
    events.iter().find(|e| e.kind == Kind::Unit)?;
    let tally = Tally::of(events);
    let units: u64 = tally.families.values().map(|family| family.units).sum();
    let hits = tally.units.hits;
    let all = count(units, "unit", "units");
    let saved = duration(tally.time.saved_us);
    let advice = if hits < units { "; `kache explain` tells why units missed" } else { "" };
    Some(format!("kache: {hits} of {all} restored, {saved} saved{advice}\n"))
}
