//! Faults that are put there on purpose, so that one can see the instrument find them.
//!
//! A slowdown: this program stands in front of kache, under its name, runs it, and takes a share of its time longer. A
//! loss: results are taken out of the cache between the build that stored them and the one that should find them. A record
//! of such a run says so, and no other run is compared with it.

use crate::error::{Error, Result};
use crate::system::platform;
use kache_core::events::Event;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

/// By how much.
const SLOWER: &str = "KACHE_BENCH_SLOWER";
/// What is run.
const SLOWED: &str = "KACHE_BENCH_SLOWED";
/// Within a compile kache hands everything through, and what takes longer there would count twice.
const WITHIN: &str = "KACHE_WITHIN";

/// A share of a compile's time: `20%` or `0.2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowdown(f64);

impl FromStr for Slowdown {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Slowdown, String> {
        let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
        match number.trim().parse::<f64>() {
            Ok(number) if number >= 0.0 && number / unit <= 10.0 => Ok(Slowdown(number / unit)),
            _ => Err("a share from 0 to 1000 % is wanted, as `20%` or `0.2`".into()),
        }
    }
}

impl std::fmt::Display for Slowdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

impl Slowdown {
    /// What the front is told.
    pub fn variables(self, kache: &Path) -> [(OsString, OsString); 2] {
        [(SLOWER.into(), self.0.to_string().into()), (SLOWED.into(), kache.into())]
    }
}

/// Where this process was called in kache's place to be slow: runs kache, waits, and ends with its status. Comes back where it was
/// not.
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
    if std::env::var_os(WITHIN).is_none() {
        std::thread::sleep(begun.elapsed().mul_f64(share));
    }
    std::process::exit(status)
}

/// Takes the results of the last `count` units that were stored out of the cache.
pub fn forget(count: usize, stored: &[Event], remove: &dyn Fn(&Event) -> std::io::Result<()>) -> Result<()> {
    let last = stored.iter().rev().filter(|event| event.stored && event.result.is_some()).take(count);
    let mut forgotten = 0;
    for event in last {
        let label = event.unit.label();
        remove(event).map_err(|e| Error::run(format!("cannot take {label} out of the cache: {e}")))?;
        eprintln!("lost on purpose: {label}");
        forgotten += 1;
    }
    if forgotten < count {
        return Err(Error::input(format!("only {forgotten} results were stored, {count} are to be lost"))
            .remedy("give --lose a smaller number"));
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
