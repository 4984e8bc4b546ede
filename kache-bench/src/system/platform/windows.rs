//! Windows, as far as `check` needs. Commands that measure caches, trace compilers or run traps need more of
//! the operating system and are refused.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub const SHELL: &str = "cmd";

/// Commands that are not available: they need strace, links, process times, a shell for the traps, or a
/// remote store.
pub const WITHOUT: &[&str] = &["check --remote", "compare", "latency", "load", "traps", "audit", "mutate"];

/// A command line for the shell, which has its own parsing rules.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new(SHELL);
    command.raw_arg("/D /S /C").raw_arg(format!("\"{line}\""));
    command
}

/// Normalizes a variable's name: `Path` is `PATH`.
pub fn variable(name: &str) -> String {
    name.to_uppercase()
}

/// Not needed: the processes below one are found by query.
pub fn lead_group(_: &mut Command) {}

/// Kills a process and all processes below it.
pub fn kill_group(leader: u32) {
    let mut kill = Command::new("taskkill");
    kill.args(["/T", "/F", "/PID", &leader.to_string()]);
    // An error means that the process no longer exists.
    drop(kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

pub fn kill(pid: u32) {
    kill_group(pid);
}

/// Not possible: a program is called by its file's name.
pub fn call_as(_: &mut Command, _: &OsStr) {}

/// Makes `at` a copy of the target of the link `from`.
pub fn copy_link(from: &Path, at: &Path) -> io::Result<()> {
    fs::copy(from, at).map(drop)
}

/// Not needed: the file name decides whether a file is executable.
pub fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a file is executable.
pub fn is_executable(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("exe"))
}

/// Always false: no backend uses a socket here.
pub fn is_served(_: &Path) -> bool {
    false
}

/// Allocated sizes are not available.
pub fn room(_: &Metadata) -> Option<((u64, u64), u64)> {
    None
}

pub fn faults_of_children() -> Option<u64> {
    None
}

pub fn time_of_children() -> Option<Duration> {
    None
}

/// Without `/proc`.
pub fn ticks() -> Option<u64> {
    None
}
