//! What differs between operating systems: stat identity, clocks, locks, cloning of files, process replacement.
//!
//! Everything else in the crate is written against these functions. `cfg(target_os)` stands here and under
//! `observe/` and nowhere else.

pub mod disk;
#[cfg(unix)]
pub mod socket;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

use std::io;
use std::path::Path;

/// What the file system says of a file without reading it: two equal identities of a settled file mean equal
/// contents, because every change of contents changes the change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatId {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, ns since 1970.
    pub mtime: i64,
    /// Change time, ns since 1970: cannot be set by a program.
    pub ctime: i64,
}

/// The sort of thing at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A device, a socket, a pipe.
    Other,
}

/// A clock that a test sets: the file that `KACHE_FAULT_CLOCK` names says by how many seconds it is off. Files carry the
/// true time.
#[cfg(feature = "faults")]
fn clock_is_off() -> i64 {
    let file = std::env::var_os("KACHE_FAULT_CLOCK");
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0) * 1_000_000_000
}

/// What a directory has under some names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No entry at all: none can come without the directory changing.
    Nothing,
    /// Only links that lead nowhere. They may lead somewhere tomorrow, and the directory will be as it was.
    DeadLinks,
    /// Something.
    Something,
}

/// What is at a path, links followed; `None` where there is nothing.
pub fn file_type(path: &Path) -> io::Result<Option<(FileType, StatId)>> {
    match identity(path) {
        Ok(there) => Ok(Some(there)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// How a file was put in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The file system shares the blocks.
    Reflink,
    /// The bytes were copied.
    Copy,
}

impl Method {
    /// The word used in events.
    pub fn name(self) -> &'static str {
        match self {
            Method::Reflink => "reflink",
            Method::Copy => "copy",
        }
    }
}
