//! The machine of a measurement; figures of different machines are never compared.

use crate::system::environment::Environment;
use crate::text::count;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine and the versions of a result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Number of processors available to the harness.
    pub cores: usize,
    /// In MiB.
    pub memory_mib: u64,
    pub kernel: String,
    /// Output of rustc in the workload's checkout, which may select a toolchain.
    pub rustc: String,
}

impl Machine {
    pub fn here(checkout: &Path) -> Machine {
        Machine {
            cpu: line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_mib(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            rustc: rustc(checkout),
        }
    }
}

impl Machine {
    pub fn cores(&self) -> String {
        count(self.cores, "core", "cores")
    }

    /// Properties that must be equal for two runs to be comparable: processor model and number, memory in
    /// GiB, the kernel's minor version and the compiler's release. Kernel patches and a host's suffix do not
    /// matter.
    pub fn class(&self) -> String {
        let gib = (self.memory_mib as f64 / 1024.0).round();
        let series: Vec<_> = self.kernel.splitn(3, ['.', '-']).take(2).collect();
        let rustc = self.rustc.split_whitespace().nth(1).unwrap_or("unknown");
        let (cpu, cores) = (&self.cpu, self.cores());
        format!("{cpu}, {cores}, {gib} GiB, Linux {}, rustc {rustc}", series.join("."))
    }
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_mib() -> u64 {
    let kib =
        line_of("/proc/meminfo", "MemTotal").and_then(|v| v.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn rustc(checkout: &Path) -> String {
    let environment = Environment::of_caller();
    let output =
        Command::new("rustc").arg("-V").current_dir(checkout).env_clear().envs(environment.iter()).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

/// Commit of the harness's repository, with `+` if files are changed.
pub fn commit(workspace: &Path) -> Option<String> {
    let repository = git2::Repository::discover(workspace).ok()?;
    let id = repository.head().ok()?.peel_to_commit().ok()?.id().to_string();
    let mut options = git2::StatusOptions::new();
    let changed = repository.statuses(Some(options.include_untracked(false))).ok()?.iter().count() > 0;
    Some(format!("{}{}", &id[..12], if changed { "+" } else { "" }))
}

pub fn now() -> String {
    // To the second.
    jiff::Timestamp::now().strftime("%FT%TZ").to_string()
}

/// µs since 1970, as in events.
pub fn microseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_kernel_is_of_the_same_class_and_another_compiler_is_not() {
        let machine = |kernel: &str, rustc: &str| Machine {
            cpu: "AMD EPYC".into(),
            cores: 2,
            memory_mib: 24_105,
            kernel: kernel.into(),
            rustc: rustc.into(),
        };
        let class = machine("6.18.44-fc-v669", "rustc 1.95.0 (59807616e 2026-04-14)").class();
        assert_eq!(class, "AMD EPYC, 2 cores, 24 GiB, Linux 6.18, rustc 1.95.0");
        assert_eq!(machine("6.18-rc1", "rustc 1.95.0 (other)").class(), class);
        assert_ne!(machine("6.18.44", "rustc 1.96.0").class(), class);
        assert_ne!(machine("6.19.1", "rustc 1.95.0").class(), class);
        assert_eq!(machine("", "").class(), "AMD EPYC, 2 cores, 24 GiB, Linux , rustc unknown");
    }
}
