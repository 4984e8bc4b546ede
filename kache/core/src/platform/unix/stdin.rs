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

/// Whether nothing can be read from standard input: it is closed, or the null device.
pub fn stdin_is_empty() -> bool {
    // SAFETY: plain data for the calls to fill in.
    let (mut input, mut null): (libc::stat, libc::stat) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: the path is a C string, and both structures are the calls' own.
    let (of_input, of_null) =
        unsafe { (libc::fstat(0, &mut input), libc::stat(c"/dev/null".as_ptr(), &mut null)) };
    of_input != 0
        || of_null == 0 && input.st_mode & libc::S_IFMT == libc::S_IFCHR && input.st_rdev == null.st_rdev
}

/// The open descriptors that a command would inherit, in order; `None` where the system does not say.
pub fn inherited_descriptors() -> Option<Vec<i32>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").ok()? {
        let fd: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // SAFETY: plain arguments; a number that is closed by now is an error.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            all.push(fd);
        }
    }
    all.sort_unstable();
    Some(all)
}
