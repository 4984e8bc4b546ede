//! Injected faults, which show that the harness detects them.
//!
//! A slowdown: the harness runs under kache's name, runs kache, and then waits for a share of the elapsed
//! time. A loss: results are removed from the cache between the build that stored them and the build that
//! should hit. The record of such a run says so, and no other run is compared with it.

use crate::error::{Error, Result};
use crate::system::platform;
use crate::text;
use kache_core::events::Event;
use kache_core::observe::launch::LOG_VARIABLE;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

const SLOWER: &str = "KACHE_BENCH_SLOWER";
const SLOWED: &str = "KACHE_BENCH_SLOWED";

/// Share of a compile's time: `20%` or `0.2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowdown(f64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a share from 0 to 1000 %, such as `20%` or `0.2`")]
pub struct NotAShare;

impl FromStr for Slowdown {
    type Err = NotAShare;

    fn from_str(text: &str) -> std::result::Result<Slowdown, NotAShare> {
        let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
        match number.trim().parse::<f64>() {
            Ok(number) if number >= 0.0 && number / unit <= 10.0 => Ok(Slowdown(number / unit)),
            _ => Err(NotAShare),
        }
    }
}

impl std::fmt::Display for Slowdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

impl Slowdown {
    /// Environment of the slow wrapper.
    pub fn variables(self, kache: &Path) -> [(OsString, OsString); 2] {
        [(SLOWER.into(), self.0.to_string().into()), (SLOWED.into(), kache.into())]
    }
}

/// If this process was started in place of kache: runs kache, waits, and exits with its status. Otherwise
/// returns.
pub fn stand_in() {
    let (Some(share), Some(kache)) = (std::env::var_os(SLOWER), std::env::var_os(SLOWED)) else { return };
    let share: f64 = share.to_str().and_then(|share| share.parse().ok()).unwrap_or_default();
    let begun = Instant::now();
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let mut command = Command::new(&kache);
    command.args(words);
    platform::call_as(&mut command, &name);
    let status = match command.status() {
        Ok(status) => status.code().unwrap_or(1),
        Err(e) => {
            eprintln!("kache-bench: cannot run {}: {e}", Path::new(&kache).display());
            127
        }
    };
    // Within a compile kache passes every invocation on; a delay there would count twice.
    if std::env::var_os(LOG_VARIABLE).is_none() {
        std::thread::sleep(begun.elapsed().mul_f64(share));
    }
    std::process::exit(status)
}

/// Removes the results of the last `count` stored units from the cache.
pub fn forget(count: usize, stored: &[Event], remove: &dyn Fn(&Event) -> std::io::Result<()>) -> Result<()> {
    let last = stored.iter().rev().filter(|event| event.stored && event.result.is_some()).take(count);
    let mut forgotten = 0;
    for event in last {
        let label = event.unit.label();
        remove(event).map_err(|e| Error::run(format!("cannot remove {label} from the cache: {e}")))?;
        eprintln!("injected loss: {label}");
        forgotten += 1;
    }
    if forgotten < count {
        return Err(Error::input(format!(
            "only {forgotten} of {} can be lost: no more were stored",
            text::count(count, "result", "results")
        ))
        .remedy("use a smaller number for --lose"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        assert_eq!("20%".parse(), Ok(Slowdown(0.2)));
        assert_eq!("0.2".parse::<Slowdown>().unwrap().to_string(), "20 %");
        for bad in ["", "fast", "-1%", "NaN", "2000%"] {
            assert!(bad.parse::<Slowdown>().is_err(), "{bad}");
        }
    }
}
