//! Operations on files that the standard library needs several calls for, with errors that name the file.

use crate::error::{Error, Result};
use crate::system::platform;
use std::fs;
use std::io::ErrorKind;
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

pub fn create_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(Error::io("create", dir))
}

/// Removes everything below a directory.
pub fn clear(dir: &Path) -> Result<()> {
    fs::remove_dir_all(dir).map_err(Error::io("remove", dir))?;
    create_dir(dir)
}

/// Creates the directory that a file is in.
pub fn create_parent(file: &Path) -> Result<()> {
    file.parent().map_or(Ok(()), create_dir)
}

/// Writes a file, and creates its directory.
pub fn write(file: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    create_parent(file)?;
    fs::write(file, contents).map_err(Error::io("write", file))
}

/// Removes a file, which may be absent.
pub fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("remove", file)),
    }
}

/// Copies a file, or makes `to` a link to the target of a link.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_symlink() {
        return platform::copy_link(from, to).map_err(Error::io("copy the link", from));
    }
    fs::copy(from, to).map(drop).map_err(Error::io("copy", from))
}

/// Writes an executable script of the shell.
pub fn write_script(file: &Path, lines: &str) -> Result<()> {
    write(file, format!("#!/bin/sh\n{lines}\n"))?;
    platform::make_executable(file).map_err(Error::io("make executable", file))
}
