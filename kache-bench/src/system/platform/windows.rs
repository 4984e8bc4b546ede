//! Windows, as far as `check` takes it. What times backends, looks into compilers or sets traps needs more of a system, and
//! is refused there by name.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What runs a command line.
pub const SHELL: &str = "cmd";

/// Commands that need what this system has not: strace, links, process times, a shell that traps are written for, a remote.
pub const WITHOUT: &[&str] = &["check --remote", "compare", "latency", "traps", "audit", "mutate"];

/// A command line for the shell, which takes it apart by rules of its own.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new(SHELL);
    command.raw_arg("/D /S /C").raw_arg(format!("\"{line}\""));
    command
}

/// A variable's name: `Path` is `PATH`.
pub fn variable(name: &str) -> String {
    name.to_uppercase()
}

/// Nothing: the processes below one are found by asking for them.
pub fn lead_group(_: &mut Command) {}

/// Kills a process and all below it.
pub fn kill_group(leader: u32) {
    let mut kill = Command::new("taskkill");
    kill.args(["/T", "/F", "/PID", &leader.to_string()]);
    // One that is gone is what is wanted.
    drop(kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

pub fn kill(pid: u32) {
    kill_group(pid);
}

/// Nothing: a program is called by its file's name.
pub fn call_as(_: &mut Command, _: &OsStr) {}

/// Makes `at` the same as what the link `from` leads to.
pub fn copy_link(from: &Path, at: &Path) -> io::Result<()> {
    fs::copy(from, at).map(drop)
}

/// Nothing: a name says whether a file may be executed.
pub fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a file may be executed.
pub fn is_executable(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("exe"))
}

/// Whether somebody listens at a socket: no backend here has one.
pub fn is_served(_: &Path) -> bool {
    false
}

/// What a file takes is not known here.
pub fn room(_: &Metadata) -> Option<((u64, u64), u64)> {
    None
}

pub fn time_of_children() -> Option<Duration> {
    None
}

/// There is no `/proc`.
pub fn ticks() -> Option<u64> {
    None
}
