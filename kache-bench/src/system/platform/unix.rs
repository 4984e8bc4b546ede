//! Linux and other Unix systems.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub const SHELL: &str = "sh";

/// Commands that are not available on this system: none.
pub const WITHOUT: &[&str] = &[];

/// A command line for the shell.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new(SHELL);
    command.arg("-c").arg(line);
    command
}

pub fn variable(name: &str) -> String {
    name.to_owned()
}

/// Makes the command lead its own process group.
pub fn lead_group(command: &mut Command) {
    command.process_group(0);
}

/// Kills the process group of `leader`.
pub fn kill_group(leader: u32) {
    if let Ok(group) = libc::pid_t::try_from(leader) {
        // SAFETY: killpg takes two integers and touches no memory of ours; a group that is gone is an error
        // return, which is what is wanted then.
        unsafe { libc::killpg(group, libc::SIGKILL) };
    }
}

pub fn kill(pid: u32) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: kill takes two integers and touches no memory of ours; one that is gone is an error return.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// Calls the program by another name than its file's.
pub fn call_as(command: &mut Command, name: &OsStr) {
    command.arg0(name);
}

/// Makes `at` a link to the target of `from`.
pub fn copy_link(from: &Path, at: &Path) -> io::Result<()> {
    super::link(&fs::read_link(from)?, at)
}

/// Adds execute permission for everyone.
pub fn make_executable(file: &Path) -> io::Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// Whether anyone has execute permission.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// Whether a process listens at a socket.
pub fn is_served(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Device, inode, and allocated bytes.
pub fn room(metadata: &Metadata) -> Option<((u64, u64), u64)> {
    Some(((metadata.dev(), metadata.ino()), kache_core::platform::disk_usage(metadata)))
}

/// Page faults of all waited-for children and their waited-for children.
pub fn faults_of_children() -> Option<u64> {
    let usage = usage_of_children();
    u64::try_from(usage.ru_minflt + usage.ru_majflt).ok()
}

/// User and system time of all waited-for children and their waited-for children.
pub fn time_of_children() -> Option<Duration> {
    let usage = usage_of_children();
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec.unsigned_abs()) + Duration::from_micros(t.tv_usec.unsigned_abs())
    };
    Some(time(usage.ru_utime) + time(usage.ru_stime))
}

fn usage_of_children() -> libc::rusage {
    // SAFETY: getrusage fills the struct it is given; all-zero is a valid value of that plain C struct.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    }
}

/// Ticks per second of the times in `/proc`.
pub fn ticks() -> Option<u64> {
    // SAFETY: sysconf only reads a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok().filter(|n| *n > 0)
}
