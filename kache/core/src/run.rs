//! Running a command: its output is forwarded line by line and recorded.
//!
//! A build tool may act on a line before the command ends (dependents start once a library's metadata is written), so each
//! complete line is forwarded at once. Mapped prefixes in it are replaced by the real paths, for people. Once something in
//! the run may have to be done again, the lines that follow are held until the end.
//!
//! The run ends with the command. A process that it left behind may keep the pipes open for as long as it likes.

use crate::paths::Roots;
use crate::platform::{self, UntilEnd};
use crate::template;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

/// The status of a finished command and what it printed, as forwarded.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// A process that the command started still has its output open.
    pub left_running: bool,
    /// The command was run twice, as the observer may have disturbed it; this is the run that was not observed.
    pub repeated: bool,
}

/// How the output of a command is forwarded.
pub struct Forwarding<'a> {
    /// Where the command prints mapped paths: the roots that replace them.
    pub mapped: Option<&'a Roots>,
    /// Whether lines are held from now on.
    pub hold: &'a (dyn Fn() -> bool + Sync),
    /// What an earlier run of the same command printed already, and is not to be printed again.
    pub printed: [&'a [u8]; 2],
}

impl<'a> Forwarding<'a> {
    /// Forwards each line at once.
    pub fn at_once(mapped: Option<&'a Roots>) -> Forwarding<'a> {
        Forwarding { mapped, hold: &|| false, printed: [b"", b""] }
    }
}

/// What is left to do when a command has run.
#[derive(Default)]
pub struct Pending {
    /// How much of each output was forwarded.
    forwarded: [usize; 2],
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Pending {
    /// What was forwarded of standard output and standard error.
    pub fn printed<'a>(&self, ran: &'a Ran) -> [&'a [u8]; 2] {
        [&ran.stdout[..self.forwarded[0]], &ran.stderr[..self.forwarded[1]]]
    }

    /// Forwards what was held, and lets a process that was left behind go on printing.
    pub fn finish(self, ran: &Ran) {
        let put = |mut to: Box<dyn Write>, bytes: &[u8]| {
            if !bytes.is_empty() {
                let _ = to.write_all(bytes).and_then(|()| to.flush());
            }
        };
        put(Box::new(io::stdout()), &ran.stdout[self.forwarded[0]..]);
        put(Box::new(io::stderr()), &ran.stderr[self.forwarded[1]..]);
        if let Some(from) = self.stdout {
            pass_on(from, io::stdout());
        }
        if let Some(from) = self.stderr {
            pass_on(from, io::stderr());
        }
    }
}

/// Has another process forward what is still to come. Without it, what was left behind would find its output closed.
#[cfg(unix)]
fn pass_on(from: impl Into<Stdio>, to: impl std::os::fd::AsFd) {
    if let Ok(to) = to.as_fd().try_clone_to_owned() {
        let _ = Command::new("cat").stdin(from).stdout(to).stderr(Stdio::null()).spawn();
    }
}

#[cfg(not(unix))]
fn pass_on(_: impl Into<Stdio>, _: impl Write) {}

/// Runs a command to its end.
///
/// # Errors
/// When the command cannot be started.
pub fn run(command: &mut Command, how: &Forwarding) -> io::Result<(Ran, Pending)> {
    platform::end_child_with_parent(command);
    let (end, ended) = platform::end_signal()?;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = std::thread::scope(|scope| {
        let wait = scope.spawn(move || {
            let status = child.wait();
            drop(end);
            status
        });
        let out = scope.spawn(|| forward(UntilEnd::new(out, &ended), io::stdout(), how, how.printed[0]));
        let err = forward(UntilEnd::new(err, &ended), io::stderr(), how, how.printed[1]);
        (out.join(), err, wait.join())
    });
    let trouble = |_| io::Error::other("a thread failed");
    let (stdout, status) = (stdout.map_err(trouble)?, status.map_err(trouble)??);
    platform::release_children();
    let forwarded = [stdout.forwarded, stderr.forwarded];
    let pending = Pending { forwarded, stdout: stdout.from.into_open(), stderr: stderr.from.into_open() };
    let left_running = pending.stdout.is_some() || pending.stderr.is_some();
    Ok((Ran { status, stdout: stdout.all, stderr: stderr.all, left_running, repeated: false }, pending))
}

/// An output that was forwarded.
struct Forwarded<R> {
    all: Vec<u8>,
    /// How much of it has been written.
    forwarded: usize,
    from: R,
}

fn forward<R: Read>(from: R, mut to: impl Write, how: &Forwarding, printed: &[u8]) -> Forwarded<R> {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut printed = count_lines(printed);
    let (mut all, mut line, mut held_from) = (Vec::new(), Vec::new(), None);
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                let line = match how.mapped {
                    Some(roots) => template::unmap(&line, roots),
                    None => line.clone(),
                };
                if held_from.is_none() && (how.hold)() {
                    held_from = Some(all.len());
                }
                let again =
                    printed.get_mut(&line[..]).filter(|count| **count > 0).map(|count| *count -= 1).is_some();
                // The command continues even if the reader of its output is gone.
                if held_from.is_none() && !again {
                    let _ = to.write_all(&line).and_then(|()| to.flush());
                }
                all.extend(line);
            }
        }
    }
    let forwarded = held_from.unwrap_or(all.len());
    Forwarded { all, forwarded, from: from.into_inner() }
}

fn count_lines(text: &[u8]) -> HashMap<&[u8], usize> {
    let mut lines = HashMap::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        *lines.entry(line).or_default() += 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Lines {
        open: Vec<u8>,
        flushed: Vec<Vec<u8>>,
    }

    /// Records what was written before each flush.
    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Lines>>);

    impl Write for Recorder {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().open.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let mut inner = self.0.lock().unwrap();
            let line = std::mem::take(&mut inner.open);
            inner.flushed.push(line);
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_is_forwarded_at_once_and_recorded() {
        let text = b"one\n\ntwo without an end";
        let to = Recorder::default();
        let out = forward(&text[..], to.clone(), &Forwarding::at_once(None), b"");
        assert_eq!((&out.all[..], out.forwarded), (&text[..], text.len()));
        let lines = &to.0.lock().unwrap().flushed;
        assert_eq!(lines, &[b"one\n".to_vec(), b"\n".to_vec(), b"two without an end".to_vec()]);
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn mapped_paths_are_replaced() {
        let mut roots = Roots::default();
        roots.add("workspace", "/w".into(), Some("."));
        let text = b"--> ./src/a.x:1\nsee ./src/a.x\n";
        let out = forward(&text[..], Recorder::default(), &Forwarding::at_once(Some(&roots)), b"");
        assert_eq!(
            out.all, b"--> /w/src/a.x:1\nsee ./src/a.x\n",
            "only a diagnostic's file name is unambiguous"
        );
    }

    #[test]
    fn a_closed_reader_does_not_lose_the_record() {
        assert_eq!(forward(&b"a\nb\n"[..], Closed, &Forwarding::at_once(None), b"").all, b"a\nb\n");
    }

    #[test]
    fn lines_are_held_from_where_a_run_may_be_repeated() {
        let asked = AtomicUsize::new(0);
        let hold = || asked.fetch_add(1, Ordering::Relaxed) == 1;
        let to = Recorder::default();
        let out = forward(
            &b"a\nb\nc\n"[..],
            to.clone(),
            &Forwarding { hold: &hold, ..Forwarding::at_once(None) },
            b"",
        );
        assert_eq!((&out.all[..], out.forwarded), (&b"a\nb\nc\n"[..], 2));
        assert_eq!(to.0.lock().unwrap().flushed, [b"a\n"]);
    }

    #[test]
    fn a_second_run_does_not_repeat_what_the_first_printed() {
        let to = Recorder::default();
        let out = forward(&b"a\na\nb\n"[..], to.clone(), &Forwarding::at_once(None), b"a\nother\n");
        assert_eq!(out.all, b"a\na\nb\n");
        assert_eq!(to.0.lock().unwrap().flushed, [b"a\n", b"b\n"]);
    }

    // `sh` is there on Unix.
    #[cfg(unix)]
    #[test]
    fn a_process_that_is_left_behind_does_not_keep_the_run() {
        // The process that is left behind ends when the test does: it reads from a pipe that the test holds open.
        let (reader, _writer) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3<&0; cat <&3 & echo out; printf err >&2; exit 3"]).stdin(reader);
        let (ran, pending) =
            run(&mut command, &Forwarding { hold: &|| true, ..Forwarding::at_once(None) }).unwrap();
        assert_eq!((ran.status.code(), ran.left_running), (Some(3), true));
        assert_eq!((&ran.stdout[..], &ran.stderr[..]), (&b"out\n"[..], &b"err"[..]));
        assert_eq!(pending.printed(&ran), [b"", b""]);
    }
}
