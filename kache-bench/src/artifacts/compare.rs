//! Compares the artifacts of two builds of one clone byte for byte.

use crate::artifacts;
use crate::artifacts::archive;
use crate::error::{Error, Result};
use crate::system::platform;
use crate::text::count;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Path relative to the clone.
    pub file: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ArtifactComparison {
    /// Number of artifacts in either build.
    pub artifacts: usize,
    /// Equal byte for byte.
    pub identical: usize,
    /// Archives that differ only in times and owners of members and in session suffixes.
    pub equal_members: usize,
    /// Bytes compared, of one build.
    pub bytes: u64,
    pub mismatches: Vec<Mismatch>,
}

impl ArtifactComparison {
    /// The result in a few words: `12 artifacts, 1 differs`.
    pub fn summary(&self) -> String {
        let differ = count(self.mismatches.len(), "differs", "differ");
        format!("{}, {differ}", count(self.artifacts, "artifact", "artifacts"))
    }
}

/// Compares the restored build with the compiled one. `named` are files, relative to both, that a compiler is
/// known to have written.
pub fn compare(restored: &Path, compiled: &Path, named: &BTreeSet<PathBuf>) -> Result<ArtifactComparison> {
    let (left, right) = (artifacts::find(restored, named)?, artifacts::find(compiled, named)?);
    let all: Vec<_> = left.union(&right).collect();
    let verdicts: Vec<_> = all
        .par_iter()
        .map(|file| match (left.contains(*file), right.contains(*file)) {
            (true, true) => compare_files(&restored.join(file), &compiled.join(file)),
            (true, false) => Ok(FileComparison::Different("only in the cached build".into())),
            _ => Ok(FileComparison::Different("only in the compiled build".into())),
        })
        .collect::<Result<_>>()?;
    let mut found = ArtifactComparison { artifacts: all.len(), ..ArtifactComparison::default() };
    for (file, verdict) in all.into_iter().zip(verdicts) {
        match verdict {
            FileComparison::Identical(bytes) => {
                found.identical += 1;
                found.bytes += bytes;
            }
            FileComparison::EqualMembers(bytes) => {
                found.equal_members += 1;
                found.bytes += bytes;
            }
            FileComparison::Different(why) => {
                found.mismatches.push(Mismatch { file: file.display().to_string(), why });
            }
        }
    }
    Ok(found)
}

pub(super) enum FileComparison {
    Identical(u64),
    EqualMembers(u64),
    Different(String),
}

fn compare_files(restored: &Path, compiled: &Path) -> Result<FileComparison> {
    if let Some(comparison) = compare_links(restored, compiled) {
        return Ok(comparison);
    }
    if let Some(why) = mode_difference(restored, compiled) {
        return Ok(FileComparison::Different(why));
    }
    let (left, right) = (read(restored)?, read(compiled)?);
    if left == right {
        return Ok(FileComparison::Identical(left.len() as u64));
    }
    let at = left.iter().zip(&right).position(|(a, b)| a != b).unwrap_or(left.len().min(right.len()));
    let bytes = count(left.len(), "byte", "bytes");
    let bytes = format!("{bytes} instead of {}, from byte {at} on", right.len());
    Ok(match archive::difference(&right, &left) {
        Ok(None) => FileComparison::EqualMembers(left.len() as u64),
        Ok(Some(why)) => FileComparison::Different(format!("{why}; {bytes}")),
        Err(archive::NotAnArchive) => FileComparison::Different(bytes),
    })
}

/// Compares where links lead; `None` without a link.
pub(super) fn compare_links(restored: &Path, compiled: &Path) -> Option<FileComparison> {
    let target = |path: &Path| fs::read_link(path).ok();
    match (target(restored), target(compiled)) {
        (None, None) => None,
        (left, right) if left == right => Some(FileComparison::Identical(0)),
        (Some(left), Some(right)) => {
            let why = format!("leads to {} instead of {}", left.display(), right.display());
            Some(FileComparison::Different(why))
        }
        (Some(_), None) => Some(FileComparison::Different("a link instead of a file".into())),
        (None, Some(_)) => Some(FileComparison::Different("a file instead of a link".into())),
    }
}

/// Whether two files, or all in two directories, are the same artifact, as in two builds of one clone. Two missing
/// files are alike.
pub fn alike(one: &Path, other: &Path) -> bool {
    let names = |dir: &Path| -> Option<BTreeSet<_>> {
        fs::read_dir(dir).ok()?.map(|entry| entry.ok().map(|entry| entry.file_name())).collect()
    };
    let is_link = one.is_symlink() || other.is_symlink();
    match (one.is_dir(), other.is_dir()) {
        (true, true) if !is_link => match (names(one), names(other)) {
            (Some(left), Some(right)) => {
                left == right && left.iter().all(|name| alike(&one.join(name), &other.join(name)))
            }
            _ => false,
        },
        _ if is_link || one.is_file() && other.is_file() => {
            compare_files(one, other).is_ok_and(|it| !matches!(it, FileComparison::Different(_)))
        }
        _ => !one.exists() && !other.exists(),
    }
}

/// Execute permission is part of an artifact.
pub(super) fn mode_difference(restored: &Path, compiled: &Path) -> Option<String> {
    match (platform::is_executable(restored), platform::is_executable(compiled)) {
        (true, false) => Some("executable, but should not be".into()),
        (false, true) => Some("not executable".into()),
        _ => None,
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_compared_by_where_they_lead() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        for (link, to) in [("one", "file"), ("same", "file"), ("other", "one")] {
            platform::link(Path::new(to), &at(link)).unwrap();
        }
        assert!(alike(&at("one"), &at("same")));
        assert!(!alike(&at("one"), &at("other")) && !alike(&at("one"), &at("file")));
    }

    #[test]
    fn directories_are_alike_if_all_in_them_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("a/x/file", "1"), ("b/x/file", "1"), ("c/x/file", "2"), ("d/x/other", "1")] {
            crate::system::files::write(&at(name), text).unwrap();
        }
        assert!(alike(&at("a"), &at("b")) && alike(&at("none"), &at("neither")));
        assert!(["c", "d", "none"].iter().all(|other| !alike(&at("a"), &at(other))));
    }

    #[test]
    fn every_difference_is_named() {
        let tree = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::write(dir.path().join(name), content).unwrap();
            }
            dir
        };
        let restored = tree(&[("same.o", "same"), ("other.a", "one"), ("only.d", "x"), ("listing", "1")]);
        let compiled = tree(&[("same.o", "same"), ("other.a", "two"), ("listing", "2"), ("notes", "2")]);
        let named = BTreeSet::from([PathBuf::from("listing"), PathBuf::from("gone.o")]);
        let found = compare(restored.path(), compiled.path(), &named).unwrap();
        let names: Vec<_> = found.mismatches.iter().map(|m| &*m.file).collect();
        assert_eq!(names, ["listing", "only.d", "other.a"]);
        assert_eq!((found.artifacts, found.identical, found.bytes), (4, 1, 4));
    }
}
