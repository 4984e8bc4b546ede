//! Running a command: its output is forwarded line by line and recorded.
//!
//! A build tool may act on a line before the command ends (dependents start once a library's metadata is written), so each
//! complete line is forwarded at once. Mapped prefixes in it are replaced by the real paths, for people.
//!
//! A command that may have to run a second time holds its lines back until it has ended, or until a line comes that a build
//! tool waits for.
//!
//! The run ends with the command. A process that it left behind may keep the pipes open for as long as it likes.

use crate::paths::Roots;
use crate::platform::{self, UntilEnd};
use crate::template::{self, Respelled};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How the lines that a command prints reach the caller.
#[derive(Clone, Copy)]
pub struct Printing<'a> {
    /// Where the command prints mapped paths: they are replaced by those of the roots.
    pub mapped: Option<&'a Roots>,
    /// Where the command announces outputs in a directory that its arguments spell otherwise than its caller did.
    pub respelled: Option<&'a Respelled>,
    /// Whether lines are held back until [`Held::release`].
    pub hold: bool,
    /// Whether they are from now on, and notices with them.
    pub has_trouble: &'a (dyn Fn() -> bool + Sync),
    /// Which lines are forwarded at once all the same, with those before them.
    pub is_notice: fn(&[u8]) -> bool,
    /// Whether a notice is forwarded where lines are held back.
    pub may_notify: &'a (dyn Fn() -> bool + Sync),
    /// Lines that an earlier run of the command has printed. They are not printed again.
    pub printed: &'a [Vec<u8>],
    /// Whether what the command writes to standard output goes to the null device, and is not read.
    pub to_null: bool,
    /// Whether the command writes its errors to a terminal, where this process has one for them: it may print them in colours,
    /// with links, and as wide as the terminal.
    pub to_terminal: bool,
}

impl Printing<'_> {
    /// Every line is forwarded at once, as it is.
    pub const PLAIN: Printing<'static> = Printing {
        mapped: None,
        respelled: None,
        hold: false,
        has_trouble: &|| false,
        is_notice: |_| false,
        may_notify: &|| true,
        printed: &[],
        to_null: false,
        to_terminal: false,
    };
}

/// The status of a finished command and what it printed.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub held: Held,
    /// Lines that were forwarded before the end.
    pub printed: Vec<Vec<u8>>,
    /// A process that the command started still has its output open.
    pub left_running: bool,
    /// The command has run twice, as the observer may have disturbed it; this is the run that was not observed.
    pub repeated: bool,
}

/// What has not reached the caller yet. It does when the value is dropped, so that no error loses it.
#[derive(Default)]
pub struct Held {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// What a process that was left running still prints to.
    open: (Option<ChildStdout>, Option<ChildStderr>),
    /// Why lines of standard output did not reach the caller.
    pub lost: Option<io::Error>,
}

impl Held {
    /// Prints the lines.
    pub fn release(&mut self) {
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        // A program that writes both to one file keeps standard output back the longer, in a buffer.
        let _ = write_whole(&mut io::stderr(), &stderr);
        if let Err(e) = write_whole(&mut io::stdout(), &stdout) {
            self.lost.get_or_insert(e);
        }
        let (stdout, stderr) = std::mem::take(&mut self.open);
        if let Some(from) = stdout {
            pass_on(from, io::stdout());
        }
        if let Some(from) = stderr {
            pass_on(from, io::stderr());
        }
    }

    /// Forgets the lines: another run of the command prints in their place.
    pub fn discard(&mut self) {
        self.stdout.clear();
        self.stderr.clear();
        self.open = (None, None);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// Has another process forward what is still to come. Without it, what was left running would find its output closed.
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
pub fn run(command: &mut Command, printing: &Printing) -> io::Result<Ran> {
    platform::end_child_with_parent(command);
    platform::rewind_stdin();
    let (end, ended) = platform::end_signal()?;
    let stdout = if printing.to_null { Stdio::null() } else { Stdio::piped() };
    let (stderr, terminal) = errors(printing);
    let child = command.stdout(stdout).stderr(stderr).spawn();
    // Reading from a terminal ends only when no process has its other side open, this one included.
    command.stderr(Stdio::null());
    let mut child = child?;
    let (out, err) = (child.stdout.take(), child.stderr.take().or(terminal));
    let (out, err, status) = std::thread::scope(|scope| {
        let wait = scope.spawn(move || {
            let status = child.wait();
            platform::give(end);
            status
        });
        let out = scope.spawn(|| {
            let mut out = UntilEnd::new(out, &ended);
            (forward(&mut out, io::stdout(), printing), out.into_open())
        });
        let mut err = UntilEnd::new(err, &ended);
        let err = (forward(&mut err, io::stderr(), printing), err.into_open());
        (out.join(), err, wait.join())
    });
    let trouble = |_| io::Error::other("a thread failed");
    let ((out, stdout), (err, stderr), status) = (out.map_err(trouble)?, err, status.map_err(trouble)??);
    platform::release_children();
    let printed = [out.printed, err.printed].concat();
    let left_running = stdout.is_some() || stderr.is_some();
    let open = (stdout, stderr);
    let held = Held { stdout: out.held.concat(), stderr: err.held.concat(), open, lost: out.lost };
    Ok(Ran { status, stdout: out.all, stderr: err.all, held, printed, left_running, repeated: false })
}

/// Where a command writes its errors, and, if that is a terminal, where they come out.
fn errors(printing: &Printing) -> (Stdio, Option<ChildStderr>) {
    match printing.to_terminal.then(platform::terminal_like_ours).flatten() {
        Some((terminal, out)) => (terminal, Some(out)),
        None => (Stdio::piped(), None),
    }
}

/// What one stream of a command carried.
#[derive(Default)]
struct Forwarded {
    all: Vec<u8>,
    held: Vec<Vec<u8>>,
    printed: Vec<Vec<u8>>,
    /// Why a line did not reach the caller.
    lost: Option<io::Error>,
}

/// Writes a text, if there is any, and flushes. Who has the other end, or shares this one, may have made it return at once: then
/// the rest waits.
///
/// # Errors
/// When the rest of the text cannot be written.
pub fn write_whole(to: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let is_later = |e: &io::Error| match e.kind() {
        io::ErrorKind::Interrupted => true,
        io::ErrorKind::WouldBlock => {
            std::thread::sleep(Duration::from_millis(1));
            true
        }
        _ => false,
    };
    let mut rest = text;
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) if is_later(&e) => {}
            Err(e) => return Err(e),
        }
    }
    while !text.is_empty() {
        match to.flush() {
            Err(e) if is_later(&e) => {}
            ended => return ended,
        }
    }
    Ok(())
}

fn forward(from: impl Read, mut to: impl Write, printing: &Printing) -> Forwarded {
    let mut out = Forwarded::default();
    let mut has_trouble = false;
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return out,
            Ok(_) => {
                let line = match printing.mapped {
                    Some(roots) => template::unmap(&line, roots),
                    None => line.clone(),
                };
                let line = match printing.respelled {
                    Some(respelled) => template::respell(&line, respelled),
                    None => line,
                };
                out.all.extend(&line);
                if printing.printed.contains(&line) {
                    continue;
                }
                has_trouble = has_trouble || (printing.has_trouble)();
                if has_trouble || printing.hold && !((printing.is_notice)(&line) && (printing.may_notify)()) {
                    out.held.push(line);
                    continue;
                }
                for line in std::mem::take(&mut out.held).into_iter().chain([line]) {
                    // The command continues even if the reader of its output is gone.
                    if let Err(e) = write_whole(&mut to, &line) {
                        out.lost.get_or_insert(e);
                    }
                    out.printed.push(line);
                }
            }
        }
    }
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

    /// Takes one byte in two writes.
    #[derive(Default)]
    struct Busy {
        taken: Vec<u8>,
        calls: usize,
    }

    impl Busy {
        fn call(&mut self) -> io::Result<()> {
            self.calls += 1;
            if self.calls.is_multiple_of(2) { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        }
    }

    impl Write for Busy {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.call()?;
            self.taken.push(bytes[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.call()
        }
    }

    #[test]
    fn what_cannot_be_written_yet_is_written_later() {
        let mut to = Busy::default();
        write_whole(&mut to, b"text").unwrap();
        assert_eq!(to.taken, b"text");
        assert_eq!(write_whole(&mut Closed, b"text").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
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
        assert_eq!(forward(&text[..], to.clone(), &Printing::PLAIN).all, text);
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
        let printing = Printing { mapped: Some(&roots), ..Printing::PLAIN };
        let out = forward(&text[..], Recorder::default(), &printing).all;
        assert_eq!(out, b"--> /w/src/a.x:1\nsee ./src/a.x\n", "only a diagnostic's file name is unambiguous");
    }

    #[test]
    fn a_closed_reader_does_not_lose_the_record() {
        let out = forward(&b"a\nb\n"[..], Closed, &Printing::PLAIN);
        assert_eq!(out.all, b"a\nb\n");
        assert_eq!(out.lost.unwrap().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn lines_are_held_back_until_a_notice_comes_and_printed_once() {
        let text = b"{one}\nwarning\n{two}\nlater\n";
        let to = Recorder::default();
        let printed = [b"{one}\n".to_vec()];
        let printing = Printing {
            hold: true,
            is_notice: |line| line.starts_with(b"{"),
            printed: &printed,
            ..Printing::PLAIN
        };
        let out = forward(&text[..], to.clone(), &printing);
        let printed = [b"warning\n".to_vec(), b"{two}\n".to_vec()];
        assert_eq!(to.0.lock().unwrap().flushed, printed);
        assert_eq!(out.printed, printed);
        assert_eq!((&out.all[..], out.held.concat()), (&text[..], b"later\n".to_vec()));
    }

    #[test]
    fn from_the_first_trouble_on_every_line_is_held() {
        let asked = AtomicUsize::new(0);
        let has_trouble = || asked.fetch_add(1, Ordering::Relaxed) == 1;
        let to = Recorder::default();
        let printing = Printing { has_trouble: &has_trouble, is_notice: |_| true, ..Printing::PLAIN };
        let out = forward(&b"a\nb\nc\n"[..], to.clone(), &printing);
        assert_eq!((&out.all[..], out.held.concat()), (&b"a\nb\nc\n"[..], b"b\nc\n".to_vec()));
        assert_eq!(to.0.lock().unwrap().flushed, [b"a\n"]);
    }

    // `sh` is there on Unix.
    #[cfg(unix)]
    #[test]
    fn a_process_that_is_left_behind_does_not_keep_the_run() {
        // It ends when the test does: it reads from a pipe that the test holds open.
        let (reader, _writer) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3<&0; cat <&3 & echo out; printf err >&2; exit 3"]).stdin(reader);
        let mut ran = run(&mut command, &Printing { hold: true, ..Printing::PLAIN }).unwrap();
        assert_eq!((ran.status.code(), ran.left_running), (Some(3), true));
        assert_eq!((&ran.stdout[..], &ran.stderr[..]), (&b"out\n"[..], &b"err"[..]));
        ran.held.discard();
    }

    #[test]
    fn a_notice_that_must_not_be_forwarded_yet_is_held_back_with_all_that_follows() {
        let text = b"{one}\nwarning\n";
        let to = Recorder::default();
        let is_notice = |line: &[u8]| line.starts_with(b"{");
        let printing = Printing { hold: true, is_notice, may_notify: &|| false, ..Printing::PLAIN };
        let out = forward(&text[..], to.clone(), &printing);
        assert!(to.0.lock().unwrap().flushed.is_empty() && out.printed.is_empty());
        assert_eq!(out.held.concat(), text);
    }
}
