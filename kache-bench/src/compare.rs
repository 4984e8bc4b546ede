//! Compares the artifacts of two target directories byte for byte.
//!
//! What counts is what a later compile, a run or a release takes from a target directory. Left out is what cargo or
//! a build script writes for itself: fingerprints, incremental state, the record of a build script's output
//! (its own text, times and absolute paths).

use crate::archive;
use crate::fold;
use crate::trouble::{Result, Trouble};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Directories whose files are no artifacts, each with its reason.
const SKIPPED_DIRECTORIES: &[(&str, &str)] = &[
    (".fingerprint", "cargo's own notes, with times"),
    ("incremental", "the compiler's state, not its product"),
    ("tmp", "scratch space that cargo gives to tests"),
    ("cargo-timings", "reports with times"),
];
/// Kinds of file that a build script's `out` directory may hold and that a compiler made.
const COMPILED: &[&str] = &["o", "a", "so", "d"];

/// Two artifacts that are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The artifact, relative to the target directory.
    pub file: String,
    /// What differs.
    pub why: String,
}

/// What comparing found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// How many artifacts there are on either side.
    pub artifacts: usize,
    /// Of those, equal byte for byte.
    pub identical: usize,
    /// Of those, archives equal but for the session's suffix in members' names.
    pub equal_members: usize,
    /// Bytes compared, of one side.
    pub bytes: u64,
    /// All that differ.
    pub mismatches: Vec<Mismatch>,
}

/// Compares what the cache left (`restored`) with what the compiler makes there (`compiled`).
pub fn compare(restored: &Path, compiled: &Path) -> Result<Comparison> {
    let (left, right) = (artifacts(restored)?, artifacts(compiled)?);
    let all: Vec<_> = left.union(&right).collect();
    let verdicts: Vec<_> = all
        .par_iter()
        .map(|file| match (left.contains(*file), right.contains(*file)) {
            (true, true) => compare_files(&restored.join(file), &compiled.join(file)),
            (true, false) => Ok(Likeness::Different("only in the cached build".into())),
            _ => Ok(Likeness::Different("only in the compiler's own build".into())),
        })
        .collect::<Result<_>>()?;
    let mut found = Comparison { artifacts: all.len(), ..Comparison::default() };
    for (file, verdict) in all.into_iter().zip(verdicts) {
        match verdict {
            Likeness::Identical(bytes) => {
                found.identical += 1;
                found.bytes += bytes;
            }
            Likeness::EqualMembers(bytes) => {
                found.equal_members += 1;
                found.bytes += bytes;
            }
            Likeness::Different(why) => {
                found.mismatches.push(Mismatch { file: file.display().to_string(), why });
            }
        }
    }
    Ok(found)
}

enum Likeness {
    Identical(u64),
    EqualMembers(u64),
    Different(String),
}

fn artifacts(target: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    collect(target, target, &mut found)?;
    Ok(found)
}

fn collect(target: &Path, dir: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Trouble::io("list", dir))? {
        let entry = entry.map_err(Trouble::io("list", dir))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Trouble::io("look at", &path))?;
        let skipped = || SKIPPED_DIRECTORIES.iter().any(|(name, _)| entry.file_name() == *name);
        if kind.is_dir() && !skipped() {
            collect(target, &path, found)?;
        } else if kind.is_file() && is_artifact(path.strip_prefix(target).unwrap_or(&path), &path) {
            found.insert(path.strip_prefix(target).unwrap_or(&path).to_path_buf());
        }
    }
    Ok(())
}

/// By where it lies, and for dep-info by who wrote it: beside the final artifacts (`debug/demo.d`) cargo writes its
/// own, of all packages together and for a library of two types under the name of either; the compiler's have
/// a hash in their name or lie in `deps/`.
///
/// `deps/`, `examples/` and the profile's own directory hold artifacts only; `build/` holds the
/// scripts' programs beside cargo's notes about them, and in `out/` whatever the scripts liked to write.
fn is_artifact(relative: &Path, path: &Path) -> bool {
    let names: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    let name = names.last().map_or("", |name| name);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let in_build = names.iter().position(|part| part == "build");
    if name.starts_with(".cargo") || name == ".rustc_info.json" || name == "CACHEDIR.TAG" {
        return false;
    }
    match in_build {
        None if extension == "d" => names.iter().any(|part| part == "deps") || fold::hashes(name) != name,
        None => true,
        Some(at) if names.get(at + 2).is_some_and(|part| part == "out") => COMPILED.contains(&extension),
        Some(_) => extension == "d" || is_executable(path),
    }
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    return fs::metadata(path)
        .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0);
    #[cfg(not(unix))]
    return path.extension().is_some_and(|e| e == "exe");
}

fn compare_files(restored: &Path, compiled: &Path) -> Result<Likeness> {
    if let Some(why) = mode_difference(restored, compiled) {
        return Ok(Likeness::Different(why));
    }
    let (left, right) = (read(restored)?, read(compiled)?);
    if left == right {
        return Ok(Likeness::Identical(left.len() as u64));
    }
    let at = left.iter().zip(&right).position(|(a, b)| a != b).unwrap_or(left.len().min(right.len()));
    let bytes = format!("{} bytes instead of {}, from byte {at} on", left.len(), right.len());
    Ok(match archive::difference(&right, &left) {
        Ok(None) => Likeness::EqualMembers(left.len() as u64),
        Ok(Some(why)) => Likeness::Different(format!("{why}; {bytes}")),
        Err(archive::NotAnArchive) => Likeness::Different(bytes),
    })
}

/// A program that cannot be run is not the same program.
fn mode_difference(restored: &Path, compiled: &Path) -> Option<String> {
    match (is_executable(restored), is_executable(compiled)) {
        (true, false) => Some("executable, and should not be".into()),
        (false, true) => Some("not executable".into()),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(Trouble::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    #[test]
    fn every_difference_is_named_and_notes_are_left_out() {
        let restored = tree(&[
            ("debug/deps/libx.rlib", "same"),
            ("debug/deps/liby.rmeta", "one"),
            ("debug/deps/only-here", "x"),
            ("debug/.fingerprint/x/invoked.timestamp", "1"),
            ("debug/build/x-1/output", "1"),
            ("debug/build/x-1/out/gen.rs", "1"),
            ("debug/build/x-1/out/native.o", "1"),
            ("debug/incremental/x/s", "1"),
            ("debug/libx.d", "cargo's"),
            ("debug/deps/x.d", "rustc's"),
        ]);
        let compiled = tree(&[
            ("debug/deps/libx.rlib", "same"),
            ("debug/deps/liby.rmeta", "two"),
            ("debug/build/x-1/output", "2"),
            ("debug/build/x-1/out/gen.rs", "2"),
            ("debug/deps/x.d", "rustc's"),
            ("debug/build/x-1/out/native.o", "2"),
        ]);
        let found = compare(restored.path(), compiled.path()).unwrap();
        let names: Vec<_> = found.mismatches.iter().map(|m| &*m.file).collect();
        assert_eq!(names, ["debug/build/x-1/out/native.o", "debug/deps/liby.rmeta", "debug/deps/only-here"]);
        assert_eq!((found.artifacts, found.identical, found.bytes), (5, 2, 11));
    }
}
