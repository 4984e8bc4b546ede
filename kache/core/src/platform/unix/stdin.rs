//! Standard input that is an input of the command: it is read whole, and then each run of the command finds the same.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_HELD: AtomicBool = AtomicBool::new(false);

/// Reads standard input to its end and puts a file in memory with the same contents in its place.
///
/// # Errors
/// When it cannot be read, is a terminal, or no such file can be made. Of a terminal, nothing is read.
pub fn take_stdin() -> io::Result<Vec<u8>> {
    let mut stdin = io::stdin().lock();
    if stdin_is_held() {
        let file = File::open("/proc/self/fd/0")?;
        let mut text = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
        file.read_exact_at(&mut text, 0)?;
        return Ok(text);
    }
    if io::IsTerminal::is_terminal(&stdin) {
        return Err(io::Error::other("standard input is a terminal"));
    }
    let mut file = super::memory_file()?;
    let mut text = Vec::new();
    stdin.read_to_end(&mut text)?;
    file.write_all(&text)?;
    // SAFETY: both descriptors are open.
    if unsafe { libc::dup2(file.as_raw_fd(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    IS_HELD.store(true, Ordering::Relaxed);
    rewind_stdin();
    Ok(text)
}

/// Whether [`take_stdin`] has put a file in the place of standard input.
pub fn stdin_is_held() -> bool {
    IS_HELD.load(Ordering::Relaxed)
}

/// Has the next command that inherits standard input find it from the start, where it is held.
pub fn rewind_stdin() {
    if stdin_is_held() {
        // SAFETY: plain arguments.
        unsafe { libc::lseek(0, 0, libc::SEEK_SET) };
    }
}
