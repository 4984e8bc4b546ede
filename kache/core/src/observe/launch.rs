//! Putting a command under observation: the preload object that is embedded here, its place on disk, and the
//! two environment variables that load it.
//!
//! The object's name has a hash of the object, so that any number of kache versions share one directory and none
//! overwrites what another's running compilers have mapped.

use super::log::Log;
use crate::platform::{self, disk};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::{fs, process};

/// The preload object; empty where observation is not supported.
pub static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/observer.so"));

/// The variable that names the log to the preload object.
pub const LOG_VARIABLE: &str = "KACHE_OBSERVE_LOG";

/// The loader's variable.
pub const PRELOAD_VARIABLE: &str = "LD_PRELOAD";

/// Makes sure that the preload object is in `dir`, whole, and says where.
///
/// # Errors
/// When observation is not supported here, or when `dir` cannot be written to.
pub fn unpack(dir: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(dir)?;
    if path.as_os_str().as_encoded_bytes().iter().any(|b| matches!(b, b':' | b' ' | b'$')) {
        return in_memory();
    }
    unpack_object(&path, OBJECT, concat!(env!("KACHE_OBSERVER"), ".so"))
}

/// Makes sure that an object is in `dir`, whole, under a name that no other object has, and says where.
///
/// # Errors
/// When the object is empty, as it is where it is not supported, or when `dir` cannot be written to.
pub fn unpack_object(dir: &Path, object: &[u8], name: &str) -> io::Result<PathBuf> {
    if object.is_empty() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "no observer on this system"));
    }
    let path = std::path::absolute(dir)?.join(name);
    // Read whole rather than trusted: this is done on misses only, and what it guards against is a torn copy.
    if disk::step("observer: read", &path, || holds(&path, object)).unwrap_or(false) {
        return Ok(path);
    }
    disk::step("observer: make a directory", dir, || fs::create_dir_all(dir))?;
    let temporary = path.with_extension(format!("{}.tmp", process::id()));
    let written = write_new(&temporary, object).and_then(|()| into_place(&temporary, &path, object));
    if written.is_err() {
        _ = fs::remove_file(&temporary);
    }
    written.map(|()| path)
}

/// Whether a file holds an object. Read in pieces: a miss would wait for the memory of the whole.
fn holds(path: &Path, object: &[u8]) -> io::Result<bool> {
    let (mut file, mut piece, mut rest) = (fs::File::open(path)?, [0; 1 << 14], object);
    loop {
        let n = file.read(&mut piece)?;
        match rest.strip_prefix(&piece[..n]) {
            Some(after) if n > 0 => rest = after,
            same => return Ok(same.is_some_and(<[u8]>::is_empty)),
        }
    }
}

/// Gives a new file its name. A file that another process has put there meanwhile stays: a linker may be reading it.
fn into_place(temporary: &Path, path: &Path, object: &[u8]) -> io::Result<()> {
    let linked = disk::step("observer: link", temporary, || fs::hard_link(temporary, path));
    if linked.is_ok() || fs::read(path).is_ok_and(|there| there == object) {
        return fs::remove_file(temporary);
    }
    disk::step("observer: rename", temporary, || fs::rename(temporary, path))
}

/// For a directory whose path `LD_PRELOAD` (whose separators are colons and spaces) cannot hold: the object in memory,
/// under a name that holds for as long as this process lives, as that of the log does.
pub(super) fn in_memory() -> io::Result<PathBuf> {
    let mut file = platform::memory_file()?;
    file.write_all(OBJECT)?;
    let path = platform::path_of_open(&file);
    std::mem::forget(file);
    Ok(path)
}

fn write_new(path: &Path, object: &[u8]) -> io::Result<()> {
    // One left by a killed process of the same id is read-only and could not be opened again.
    _ = fs::remove_file(path);
    let mut file = disk::step("observer: create", path, || fs::File::create_new(path))?;
    disk::write_all("observer: write", path, &mut file, object)?;
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    disk::step("observer: make it read-only", path, || file.set_permissions(permissions))
}

/// The variables to set for a command that is to be observed; `base` is the `LD_PRELOAD` it would have had.
///
/// The command itself will not see them: the object takes them out of its environment and hands them on to
/// its children.
pub fn environment(log: &Log, object: &Path, base: Option<&OsStr>) -> [(&'static str, OsString); 2] {
    let mut preload = object.as_os_str().to_owned();
    if let Some(base) = base {
        preload.push(":");
        preload.push(base);
    }
    [(LOG_VARIABLE, log.path().into()), (PRELOAD_VARIABLE, preload)]
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn unpacking_twice_gives_one_file_and_mends_a_torn_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = unpack(dir.path()).unwrap();
        assert_eq!(unpack(dir.path()).unwrap(), path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, &OBJECT[..100]).unwrap();
        assert_eq!(fs::read(unpack(dir.path()).unwrap()).unwrap(), OBJECT);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_the_loader_would_split_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = unpack(&dir.path().join("a b")).unwrap();
        assert!(!path.starts_with(dir.path()) && fs::read(path).unwrap() == OBJECT);
    }
}
