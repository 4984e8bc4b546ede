//! The directory in which a run's programs keep what they remove, until it has been examined (`preload/kept.c`).

use crate::platform;
use std::io;
use std::path::{Path, PathBuf};

/// A directory that is removed when this is dropped.
#[derive(Debug)]
pub struct Kept(PathBuf);

impl Kept {
    /// Makes the directory.
    ///
    /// # Errors
    /// When it cannot be made, or is there.
    pub fn create(path: PathBuf) -> io::Result<Kept> {
        std::fs::create_dir(&path).map(|()| Kept(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file with a number in such a directory.
    pub fn file(dir: &Path, number: i64) -> PathBuf {
        dir.join(format!("{number:x}"))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Old entries of the directory of temporary files are removed with the next eviction.
        _ = platform::remove_dir_all(&self.0);
    }
}
