//! The disk space that a cache uses, by kind of file.

use kache_core::store::FORMAT;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Room {
    pub files: u64,
    /// The sum of the lengths. (`digests` is a sparse file, which uses less on disk.)
    pub bytes: u64,
}

impl Room {
    pub fn add(&mut self, other: Room) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// A cache's files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Footprint {
    pub total: Room,
    /// By the store's directories: `blobs`, `results`, `manifests`, `traces`, `events`, ….
    pub kinds: BTreeMap<String, Room>,
}

/// Measures a cache. A cache that does not exist uses nothing.
pub fn measure(cache: &Path) -> io::Result<Footprint> {
    let mut out = Footprint::default();
    for entry in list(&cache.join(FORMAT))? {
        let entry = entry?;
        let room = room(&entry)?;
        if room.files > 0 {
            out.total.add(room);
            out.kinds.insert(entry.file_name().to_string_lossy().into_owned(), room);
        }
    }
    Ok(out)
}

fn room(entry: &std::fs::DirEntry) -> io::Result<Room> {
    let meta = match entry.metadata() {
        Ok(m) => m,
        // A build may remove files at the same time.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Room::default()),
        Err(e) => return Err(e),
    };
    if !meta.is_dir() {
        return Ok(Room { files: 1, bytes: meta.len() });
    }
    let mut sum = Room::default();
    for entry in list(&entry.path())? {
        sum.add(room(&entry?)?);
    }
    Ok(sum)
}

fn list(dir: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<std::fs::DirEntry>>>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => Ok(Box::new(entries)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Box::new(std::iter::empty())),
        Err(e) => Err(e),
    }
}
