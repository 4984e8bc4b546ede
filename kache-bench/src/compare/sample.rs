//! One measured build.
//!
//! CPU time is the time of the build's processes, as the system sums it for waited-for children, plus the
//! time of servers: processes outside the build's tree whose environment names the cache, with their
//! waited-for children. A detached process that began and ended during the build is missed. Process starts
//! are counted by the kernel for the whole machine; on an idle machine they are the build's.

use super::phase::ComparePhase;
use crate::backend::{self, Counts};
use crate::build_site::seconds;
use crate::system::platform;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub backend: String,
    /// From 1.
    pub round: usize,
    pub phase: ComparePhase,
    /// Wall-clock time.
    pub seconds: f64,
    /// User and system time of the build's processes.
    pub cpu_seconds: f64,
    /// User and system time of servers outside the build's tree.
    pub server_cpu_seconds: f64,
    /// Processes started on the whole machine during the build.
    pub processes: Option<u64>,
    /// The backend's statistics for this build.
    #[serde(flatten)]
    pub counts: Option<Counts>,
    /// Why the time does not measure the cache.
    pub invalid: Option<String>,
}

impl Sample {
    /// Total of the build and the servers.
    pub fn cpu(&self) -> f64 {
        self.cpu_seconds + self.server_cpu_seconds
    }
}

/// Readings before a build, to be subtracted from those after it.
pub(super) struct Stopwatch {
    cache: PathBuf,
    children: Duration,
    servers: BTreeMap<u32, Duration>,
    processes: Option<u64>,
}

impl Stopwatch {
    pub(super) fn start(cache: &Path) -> Stopwatch {
        let servers = servers(cache);
        Stopwatch { cache: cache.to_path_buf(), children: children(), servers, processes: started() }
    }

    pub(super) fn stop(self, backend: &str, round: usize, phase: ComparePhase, took: Duration) -> Sample {
        let processes = started().zip(self.processes).map(|(after, before)| after.saturating_sub(before));
        let served: Duration = servers(&self.cache)
            .into_iter()
            .map(|(pid, used)| used.saturating_sub(self.servers.get(&pid).copied().unwrap_or_default()))
            .sum();
        Sample {
            backend: backend.to_owned(),
            round,
            phase,
            seconds: seconds(took),
            cpu_seconds: seconds(children().saturating_sub(self.children)),
            server_cpu_seconds: seconds(served),
            processes,
            counts: None,
            invalid: None,
        }
    }
}

fn children() -> Duration {
    platform::time_of_children().unwrap_or_default()
}

/// Processes whose environment names the cache, with their CPU time and that of waited-for children.
fn servers(cache: &Path) -> BTreeMap<u32, Duration> {
    backend::serving(cache).into_iter().filter_map(|pid| Some((pid, used(pid)?))).collect()
}

/// Fields 14 to 17 of a process's `stat`: user and system time, its own and its waited-for children's.
fn used(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may contain any character.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1000 / platform::ticks()?))
}

/// Processes started since boot.
fn started() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("processes "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_counts_once_it_was_waited_for() {
        let before = (children(), started().unwrap());
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", busy]).status().unwrap().success());
        assert!(children() > before.0);
        assert!(started().unwrap() > before.1);
    }
}
