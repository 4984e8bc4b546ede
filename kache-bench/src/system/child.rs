//! Child processes that end with the run.
//!
//! Each child leads its own process group, so that Ctrl-C in a terminal reaches only the harness, which kills
//! the whole group: otherwise rustc children of a killed cargo would continue to write into a directory that
//! is being removed. A thread waits for the child, so that the measured time is exact although the main
//! thread polls only a few times a second.

use crate::error::{Error, Result};
use crate::system::interrupt;
use crate::system::platform;
use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

const GLANCE: Duration = Duration::from_millis(100);

/// Runs a command and returns its status and duration; `poll` is called regularly. The error's kind is
/// `Interrupted` after Ctrl-C.
pub fn run(command: &mut Command, poll: &mut dyn FnMut()) -> io::Result<(ExitStatus, Duration)> {
    let (status, took) = watch(command, None, poll, |mut child| child.wait())?;
    Ok((status?, took))
}

/// Runs a command and captures its output. The error's kind is `Interrupted` after Ctrl-C.
pub fn output(command: &mut Command, poll: &mut dyn FnMut()) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    watch(command, None, poll, Child::wait_with_output)?.0
}

/// The same with a time limit: the error's kind is `TimedOut` after it.
pub fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    watch(command, Some(limit), &mut || {}, Child::wait_with_output)?.0
}

/// Runs a command and requires that it succeeds; otherwise the error has what it printed.
pub fn succeed(command: &mut Command) -> Result<Output> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| Error::run(format!("cannot run `{line}`: {e}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let printed = [&*output.stdout, &*output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).trim().replace('\n', "\n    ");
    Err(Error::run(format!("`{line}` failed ({})\n    {printed}", output.status)))
}

fn watch<T: Send + 'static>(
    command: &mut Command,
    limit: Option<Duration>,
    poll: &mut dyn FnMut(),
    wait: impl FnOnce(Child) -> io::Result<T> + Send + 'static,
) -> io::Result<(io::Result<T>, Duration)> {
    if interrupt::pressed() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    platform::lead_group(command);
    let start = Instant::now();
    let child = command.spawn()?;
    let leader = child.id();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let end = wait(child);
        // The receiver is gone only if the run was abandoned.
        drop(tell.send((end, start.elapsed())));
    });
    loop {
        let why = match told.recv_timeout(GLANCE) {
            Ok(end) => {
                poll();
                return Ok(end);
            }
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("lost the running command")),
            Err(RecvTimeoutError::Timeout) if interrupt::pressed() => io::ErrorKind::Interrupted,
            Err(RecvTimeoutError::Timeout) if limit.is_some_and(|limit| start.elapsed() > limit) => {
                io::ErrorKind::TimedOut
            }
            Err(RecvTimeoutError::Timeout) => {
                poll();
                continue;
            }
        };
        platform::kill_group(leader);
        // Its files cannot be removed before it is gone. A process that cannot be killed is not waited for.
        drop(told.recv_timeout(Duration::from_secs(10)));
        return Err(why.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_taken_and_what_takes_too_long_is_ended() {
        let sh = |line: &str, limit| output_within(&mut platform::shell(line), limit);
        let done = sh("echo out; echo err >&2; exit 3", Duration::from_secs(60)).unwrap();
        assert_eq!(
            (done.status.code(), &*done.stdout, &*done.stderr),
            (Some(3), &b"out\n"[..], &b"err\n"[..])
        );

        // A grandchild that holds the pipe is killed as well; otherwise this would not return.
        let late = sh("sleep 1000 & wait", Duration::from_millis(200)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
