//! Files below a directory.

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a directory, without following links. What cannot be read is left out: a server may remove
/// files meanwhile.
pub fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.append(&mut below(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
