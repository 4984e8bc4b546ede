//! A child process that ends when the run does.
//!
//! Each is the leader of a process group of its own, so that the terminal's Ctrl-C reaches the harness alone, which passes it
//! on to the whole group: a cargo that is killed without its rustc children would go on writing into a directory that is
//! being removed. A thread waits for the child, so that the measured time is exact although the main thread looks at it
//! only a few times a second.

use crate::system::interrupt;
use crate::system::platform;
use std::io;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often a running command is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs a command to its end; its status and how long it took. `poll` is called now and then meanwhile.
/// The error's kind is `Interrupted` where Ctrl-C ended it.
pub fn run(command: &mut Command, poll: &mut dyn FnMut()) -> io::Result<(ExitStatus, Duration)> {
    let (status, took) = watch(command, None, poll, |mut child| child.wait())?;
    Ok((status?, took))
}

/// Runs a command and takes what it prints. The error's kind is `Interrupted` where Ctrl-C ended it.
pub fn output(command: &mut Command, poll: &mut dyn FnMut()) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    watch(command, None, poll, Child::wait_with_output)?.0
}

/// The same, of a command that is ended after a while: the error's kind is `TimedOut` then.
pub fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    watch(command, Some(limit), &mut || {}, Child::wait_with_output)?.0
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
        // The receiver is gone only when the run was abandoned.
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
        // Until it is gone, what it writes to cannot be removed; a process that cannot be killed is not waited for.
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

        // A grandchild that holds the pipe is ended, too: nothing here would return before it otherwise.
        let late = sh("sleep 1000 & wait", Duration::from_millis(200)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
