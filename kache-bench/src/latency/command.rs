//! How a measured command is started.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A command with this environment, without input and output.
pub(super) fn quiet_command<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    program: &Path,
    environment: impl IntoIterator<Item = (N, V)>,
) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Time from the start of the process until it was waited for, and whether it succeeded.
pub(super) fn timed(command: &mut Command) -> Result<(Duration, bool)> {
    let start = Instant::now();
    let status = command.status();
    let time = start.elapsed();
    let status = status.map_err(|e| Error::run(format!("cannot start {:?}: {e}", command.get_program())))?;
    Ok((time, status.success()))
}
