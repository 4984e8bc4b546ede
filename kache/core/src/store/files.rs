//! Listing the files of an area while builds change it.

use crate::digest::Digest;
use crate::platform::{self, disk};
use serde::Serialize;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// A number of files and the space they use on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

impl Amount {
    pub(super) fn add(&mut self, meta: &Metadata) {
        self.files += 1;
        self.bytes += platform::disk_usage(meta);
    }
}

/// The key that a file of an area is named by.
pub fn key_of(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?)
}

/// Calls `f` with each entry of a directory. A missing directory is empty, and an entry that disappears is skipped.
pub fn each_entry(dir: &Path, mut f: impl FnMut(PathBuf, Metadata) -> io::Result<()>) -> io::Result<()> {
    let entries = match disk::step("collection: list", dir, || std::fs::read_dir(dir)) {
        Err(e) if platform::is_absent(&e) => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(meta) => f(entry.path(), meta)?,
            Err(e) if platform::is_absent(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The directories into which the keys of an area are divided.
pub fn shards(area: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    each_entry(area, |path, meta| {
        dirs.extend(meta.is_dir().then_some(path));
        Ok(())
    })?;
    Ok(dirs)
}

/// Calls `f` with each file of an area whose keys are divided into directories.
pub fn each_file(area: &Path, mut f: impl FnMut(PathBuf, Metadata) -> io::Result<()>) -> io::Result<()> {
    shards(area)?.into_iter().try_for_each(|dir| each_entry(&dir, &mut f))
}
