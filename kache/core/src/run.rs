//! Running a command: its output is forwarded line by line and recorded.
//!
//! A build tool may act on a line before the command ends (dependents start once a library's metadata is written), so each
//! complete line is forwarded at once. Mapped prefixes in it are replaced by the real paths, for people.
//!
//! A command that may have to run a second time holds its lines back until it has ended, or until a line comes that a build
//! tool waits for.

use crate::paths::Roots;
use crate::platform;
use crate::template;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

/// How the lines that a command prints reach the caller.
#[derive(Clone, Copy)]
pub struct Printing<'a> {
    /// Where the command prints mapped paths: they are replaced by those of the roots.
    pub mapped: Option<&'a Roots>,
    /// Whether lines are held back until [`Held::release`].
    pub hold: bool,
    /// Which lines are forwarded at once all the same, with those before them.
    pub is_notice: fn(&[u8]) -> bool,
    /// Lines that an earlier run of the command has printed. They are not printed again.
    pub printed: &'a [Vec<u8>],
}

impl Printing<'_> {
    /// Every line is forwarded at once, as it is.
    pub const PLAIN: Printing<'static> =
        Printing { mapped: None, hold: false, is_notice: |_| false, printed: &[] };
}

/// The status of a finished command and what it printed.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub held: Held,
    /// Where lines were held back, those that were forwarded before the end.
    pub printed: Vec<Vec<u8>>,
}

/// Lines that have not reached the caller yet. They do when the value is dropped, so that no error loses them.
#[derive(Default)]
pub struct Held {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Held {
    /// Prints the lines.
    pub fn release(&mut self) {
        let print = |mut to: Box<dyn Write>, lines: Vec<u8>| {
            if !lines.is_empty() {
                // The reader may be gone.
                let _ = to.write_all(&lines).and_then(|()| to.flush());
            }
        };
        print(Box::new(io::stdout()), std::mem::take(&mut self.stdout));
        print(Box::new(io::stderr()), std::mem::take(&mut self.stderr));
    }

    /// Forgets the lines: another run of the command prints in their place.
    pub fn discard(&mut self) {
        self.stdout.clear();
        self.stderr.clear();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command, printing: &Printing) -> io::Result<Ran> {
    platform::end_child_with_parent(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = std::thread::scope(|scope| {
        let out = scope.spawn(|| forward(out, io::stdout(), printing));
        let err = forward(err, io::stderr(), printing);
        (out.join().unwrap_or_default(), err)
    });
    let status = child.wait()?;
    platform::release_children();
    let printed = [out.printed, err.printed].concat();
    let held = Held { stdout: out.held.concat(), stderr: err.held.concat() };
    Ok(Ran { status, stdout: out.all, stderr: err.all, held, printed })
}

/// What one stream of a command carried.
#[derive(Default)]
struct Forwarded {
    all: Vec<u8>,
    held: Vec<Vec<u8>>,
    printed: Vec<Vec<u8>>,
}

fn forward(from: Option<impl Read>, mut to: impl Write, printing: &Printing) -> Forwarded {
    let mut out = Forwarded::default();
    let Some(from) = from else { return out };
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
                out.all.extend(&line);
                if printing.printed.contains(&line) {
                    continue;
                }
                if printing.hold && !(printing.is_notice)(&line) {
                    out.held.push(line);
                    continue;
                }
                for line in std::mem::take(&mut out.held).into_iter().chain([line]) {
                    // The command continues even if the reader of its output is gone.
                    let _ = to.write_all(&line).and_then(|()| to.flush());
                    if printing.hold {
                        out.printed.push(line);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(forward(Some(&text[..]), to.clone(), &Printing::PLAIN).all, text);
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
        let out = forward(Some(&text[..]), Recorder::default(), &printing).all;
        assert_eq!(out, b"--> /w/src/a.x:1\nsee ./src/a.x\n", "only a diagnostic's file name is unambiguous");
    }

    #[test]
    fn a_closed_reader_does_not_lose_the_record() {
        assert_eq!(forward(Some(&b"a\nb\n"[..]), Closed, &Printing::PLAIN).all, b"a\nb\n");
        assert_eq!(forward(None::<&[u8]>, Closed, &Printing::PLAIN).all, b"");
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
        let out = forward(Some(&text[..]), to.clone(), &printing);
        let printed = [b"warning\n".to_vec(), b"{two}\n".to_vec()];
        assert_eq!(to.0.lock().unwrap().flushed, printed);
        assert_eq!(out.printed, printed);
        assert_eq!((&out.all[..], out.held.concat()), (&text[..], b"later\n".to_vec()));
    }
}
