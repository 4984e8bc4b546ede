//! The memory of agents and servers, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(500);

/// What was seen of the processes of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Processes that were seen, and the largest number at the same time.
    pub processes: usize,
    pub at_once: usize,
    /// The largest resident set of one process, and of all at the same time, in KiB.
    pub largest_kib: u64,
    pub largest_sum_kib: u64,
    /// The largest resident set of one process in the first and in the last third of the time.
    pub first_third_kib: u64,
    pub last_third_kib: u64,
}

/// Samples the processes of a name whose environment contains all of `marks`, until `ended` is set.
pub fn watch(name: &str, marks: &[&str], ended: &AtomicBool) -> MemoryUse {
    let (begun, mut samples, mut peaks) = (Instant::now(), Vec::new(), BTreeMap::new());
    while !ended.load(Ordering::Relaxed) {
        let now = sample(name, marks);
        for (pid, of_process) in &now {
            let peak: &mut u64 = peaks.entry(*pid).or_default();
            *peak = (*peak).max(of_process.peak_kib);
        }
        samples.push((begun.elapsed(), now));
        std::thread::sleep(PERIOD);
    }
    let all = begun.elapsed();
    let largest = |during: &dyn Fn(Duration) -> bool| {
        let within = samples.iter().filter(|(at, _)| during(*at)).flat_map(|(_, now)| now.values());
        within.map(|of_process| of_process.resident_kib).max().unwrap_or(0)
    };
    MemoryUse {
        processes: peaks.len(),
        at_once: samples.iter().map(|(_, now)| now.len()).max().unwrap_or(0),
        largest_kib: peaks.into_values().max().unwrap_or(0),
        largest_sum_kib: samples
            .iter()
            .map(|(_, now)| now.values().map(|p| p.resident_kib).sum())
            .max()
            .unwrap_or(0),
        first_third_kib: largest(&|at| at * 3 <= all),
        last_third_kib: largest(&|at| at * 3 >= all * 2),
    }
}

struct ProcessMemory {
    resident_kib: u64,
    /// Since the process began.
    peak_kib: u64,
}

fn sample(name: &str, marks: &[&str]) -> BTreeMap<u32, ProcessMemory> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of = |pid: u32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        if comm.trim() != name {
            return None;
        }
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok())
        };
        let memory = ProcessMemory { resident_kib: line("VmRSS:")?, peak_kib: line("VmHWM:")? };
        let is_marked = |mark: &&str| memchr::memmem::find(&environment, mark.as_bytes()).is_some();
        marks.iter().all(is_marked).then_some((pid, memory))
    };
    pids.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_found_by_its_name_and_directory() {
        let path = |dir: &tempfile::TempDir| dir.path().to_string_lossy().into_owned();
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut child = Command::new("sleep")
            .arg("1000")
            .env("SOME_DIR", dir.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // Its environment appears with a delay.
        let begun = Instant::now();
        while sample("sleep", &[&path(&dir), "SOME_DIR="]).is_empty()
            && begun.elapsed() < Duration::from_secs(30)
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let found = sample("sleep", &[&path(&dir), "SOME_DIR="]);
        let (elsewhere, unnamed) = (sample("sleep", &[&path(&other)]), sample("sleepy", &[&path(&dir)]));
        child.kill().unwrap();
        child.wait().unwrap();
        let memory = &found[&child.id()];
        assert!(memory.resident_kib > 0 && memory.peak_kib >= memory.resident_kib);
        assert!(elsewhere.is_empty() && unnamed.is_empty());
    }
}
