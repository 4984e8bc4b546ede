//! One timed build.
//!
//! CPU time is that of the build's processes, as the system adds it up for a process that waited for its children, plus
//! what servers used meanwhile: processes outside the build's tree whose environment names the cache, with the children
//! that they waited for. A detached process that both began and ended during the build is not seen. Processes started
//! are counted by the kernel for the whole machine: on a quiet one they are the build's.

use super::phase::ComparePhase;
use crate::backend::{self, Counts};
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
    /// The same of the servers outside the build's tree.
    pub server_cpu_seconds: f64,
    /// Processes started on the whole machine meanwhile.
    pub processes: Option<u64>,
    /// What the backend did, by its own account.
    #[serde(flatten)]
    pub counts: Option<Counts>,
    /// Why the time says nothing about a cache.
    pub invalid: Option<String>,
}

impl Sample {
    /// Of the build and the servers.
    pub fn cpu(&self) -> f64 {
        self.cpu_seconds + self.server_cpu_seconds
    }
}

/// What is read before a build, to be taken from what is read after it.
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
            seconds: rounded(took),
            cpu_seconds: rounded(children().saturating_sub(self.children)),
            server_cpu_seconds: rounded(served),
            processes,
            counts: None,
            invalid: None,
        }
    }
}

fn children() -> Duration {
    platform::time_of_children().unwrap_or_default()
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 1e4
}

/// Processes whose environment names the cache, and the time that they and their awaited children used.
fn servers(cache: &Path) -> BTreeMap<u32, Duration> {
    backend::serving(cache).into_iter().filter_map(|pid| Some((pid, used(pid)?))).collect()
}

/// Fields 14 to 17 of a process's `stat`: its own user and system time, and its awaited children's.
fn used(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1000 / platform::ticks()?))
}

/// Processes started since the machine did.
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
