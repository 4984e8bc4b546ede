//! Running the compiler, with its output passed on as it comes and kept.
//!
//! Cargo starts dependants as soon as it reads that a crate's metadata is written, so a line must not wait for the
//! compile to end. Each whole line is passed on at once; with mapped prefixes undone, so that people see their own
//! paths.

use crate::paths::Roots;
use crate::platform;
use crate::template;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

/// What a run printed and how it ended.
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, as passed on.
    pub stdout: Vec<u8>,
    /// Standard error, as passed on.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end; `mapped` where it prints paths as it was told to map them.
pub fn run(command: &mut Command, mapped: Option<&Roots>) -> io::Result<Ran> {
    platform::end_child_with_parent(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = std::thread::scope(|scope| {
        let out = scope.spawn(|| pass_on(out, io::stdout(), mapped));
        let err = pass_on(err, io::stderr(), mapped);
        (out.join().unwrap_or_default(), err)
    });
    let status = child.wait()?;
    platform::release_children();
    Ok(Ran { status, stdout, stderr })
}

fn pass_on(from: Option<impl Read>, mut to: impl Write, mapped: Option<&Roots>) -> Vec<u8> {
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
                // A reader that has gone away is the compiler's caller's affair; the compile goes on.
                let _ = to.write_all(&line).and_then(|()| to.flush());
                all.extend(line);
            }
        }
    }
}
