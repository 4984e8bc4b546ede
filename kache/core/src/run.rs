//! Running a command: its output is forwarded line by line and recorded.
//!
//! A build tool may act on a line before the command ends (dependents start once a library's metadata is written), so each
//! complete line is forwarded at once. Mapped prefixes in it are replaced by the real paths, for people.

use crate::paths::Roots;
use crate::platform;
use crate::template;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

/// The status of a finished command and what it printed, as forwarded.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a command to its end. With `mapped`, the command prints mapped paths, which are replaced by those of the roots.
pub fn run(command: &mut Command, mapped: Option<&Roots>) -> io::Result<Ran> {
    platform::end_child_with_parent(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = std::thread::scope(|scope| {
        let out = scope.spawn(|| forward(out, io::stdout(), mapped));
        let err = forward(err, io::stderr(), mapped);
        (out.join().unwrap_or_default(), err)
    });
    let status = child.wait()?;
    platform::release_children();
    Ok(Ran { status, stdout, stderr })
}

fn forward(from: Option<impl Read>, mut to: impl Write, mapped: Option<&Roots>) -> Vec<u8> {
    let Some(from) = from else { return Vec::new() };
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let (mut all, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {
                let line = match mapped {
                    Some(roots) => template::unmap(&line, roots),
                    None => line.clone(),
                };
                // The command continues even if the reader of its output is gone.
                let _ = to.write_all(&line).and_then(|()| to.flush());
                all.extend(line);
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
        assert_eq!(forward(Some(&text[..]), to.clone(), None), text);
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
        let out = forward(Some(&text[..]), Recorder::default(), Some(&roots));
        assert_eq!(out, b"--> /w/src/a.x:1\nsee ./src/a.x\n", "only a diagnostic's file name is unambiguous");
    }

    #[test]
    fn a_closed_reader_does_not_lose_the_record() {
        assert_eq!(forward(Some(&b"a\nb\n"[..]), Closed, None), b"a\nb\n");
        assert_eq!(forward(None::<&[u8]>, Closed, None), b"");
    }
}
