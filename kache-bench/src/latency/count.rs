//! Counts what an invocation asks of the kernel: figures that a loaded machine does not change.
//!
//! System calls and transferred bytes are read from strace, page faults from the usage of a run without it. All
//! processes of the invocation count, the compiler's as well. A cache's server is not one of them.

use super::command::{quiet_command, timed};
use crate::error::{Error, Result};
use crate::system::{platform, strace};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;

/// System calls that a process makes again or not at all, depending on how long it waits for others.
const BY_CHANCE: [&str; 9] = [
    "clock_nanosleep",
    "epoll_wait",
    "futex",
    "nanosleep",
    "poll",
    "ppoll",
    "restart_syscall",
    "rt_sigreturn",
    "sched_yield",
];
const READS: [&str; 4] = ["pread64", "read", "readv", "recvfrom"];
const WRITES: [&str; 7] = ["copy_file_range", "pwrite64", "sendfile", "sendto", "write", "writev", "splice"];

/// What one invocation asks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelCounts {
    /// System calls, without those whose number depends on waiting.
    pub system_calls: u64,
    pub page_faults: u64,
    pub bytes_read: u64,
    /// Including those that the kernel copies from file to file.
    pub bytes_written: u64,
}

impl KernelCounts {
    /// The lesser of each count: what is more in one of several runs came by chance.
    pub(super) fn least(self, other: KernelCounts) -> KernelCounts {
        KernelCounts {
            system_calls: self.system_calls.min(other.system_calls),
            page_faults: self.page_faults.min(other.page_faults),
            bytes_read: self.bytes_read.min(other.bytes_read),
            bytes_written: self.bytes_written.min(other.bytes_written),
        }
    }
}

/// Page faults of a run of the command.
pub(super) fn page_faults(command: &mut Command) -> Result<u64> {
    let before = platform::faults_of_children().unwrap_or_default();
    succeed(command)?;
    Ok(platform::faults_of_children().unwrap_or_default() - before)
}

/// Runs the command under strace; `log` is a file for strace's output.
pub(super) fn trace(command: &Command, log: &Path, page_faults: u64) -> Result<KernelCounts> {
    succeed(&mut under_strace(command, log))?;
    let bytes = std::fs::read(log).map_err(Error::io("read", log))?;
    count(&bytes, page_faults).map_err(|unknown| unknown.in_log(log))
}

fn succeed(command: &mut Command) -> Result<()> {
    match timed(command)?.1 {
        true => Ok(()),
        false => Err(Error::run(format!("{:?} failed while it was counted", command.get_program()))),
    }
}

fn under_strace(command: &Command, log: &Path) -> Command {
    // With raw arguments, no text is read from the traced process, and none is cut.
    let options = ["-f", "-qq", "-e", "raw=all", "-e", "signal=none", "-o"];
    let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut traced = quiet_command(Path::new("strace"), environment);
    traced.args(options).arg(log).arg("--").arg(command.get_program()).args(command.get_args());
    command.get_current_dir().into_iter().for_each(|dir| _ = traced.current_dir(dir));
    traced
}

fn count(log: &[u8], page_faults: u64) -> std::result::Result<KernelCounts, strace::UnknownLine> {
    let mut reader = strace::Reader::default();
    let mut counts = KernelCounts { system_calls: 0, page_faults, bytes_read: 0, bytes_written: 0 };
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Some(call) = reader.line(line)? else { continue };
        let name = call.name.as_str();
        let bytes = call.result.ok().and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
        counts.system_calls += u64::from(!BY_CHANCE.contains(&name));
        counts.bytes_read += if READS.contains(&name) { bytes } else { 0 };
        counts.bytes_written += if WRITES.contains(&name) { bytes } else { 0 };
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_counted_and_bytes_are_those_that_were_transferred() {
        let log = b"7 openat(0xffffff9c, 0x7f, 0x80000, 0) = 3\n\
            7 read(0x3, 0x7f, 0x340) = 832\n\
            7 read(0x3, 0x7f, 0x340) = -1 EINTR (Interrupted system call)\n\
            8 futex(0x7f, 0x80, 0x2, 0) = 0\n\
            7 pread64(0x3, 0x7f, 0x10, 0 <unfinished ...>\n\
            8 write(0x1, 0x7f, 0x5) = 5\n\
            7 <... pread64 resumed>) = 16\n\
            8 copy_file_range(0x3, 0, 0x4, 0, 0x1000, 0) = 4096\n\
            7 +++ exited with 0 +++\n";
        let counts = count(log, 9).unwrap();
        let expected = KernelCounts { system_calls: 6, page_faults: 9, bytes_read: 848, bytes_written: 4101 };
        assert_eq!(counts, expected);
        assert!(count(b"strace: out of memory\n", 0).is_err());
    }

    #[test]
    fn the_least_is_taken_of_each_count() {
        let of = |n| KernelCounts { system_calls: n, page_faults: 9 - n, bytes_read: n, bytes_written: 1 };
        let least = KernelCounts { system_calls: 2, page_faults: 2, bytes_read: 2, bytes_written: 1 };
        assert_eq!(of(2).least(of(7)), least);
    }
}
