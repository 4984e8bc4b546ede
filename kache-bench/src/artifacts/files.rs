//! Finds the files of a built clone that a compiler, an archiver or a linker wrote.
//!
//! An artifact is a file that a later compile, a run or a release uses. In cargo's profile directories
//! (`target/debug`) the location decides: all that a build script wrote below `OUT_DIR` and what it printed, links
//! included. Elsewhere (next to sources, in a build directory of CMake or of a
//! configure script) the name or the first bytes decide, since other files (logs, caches, generated
//! makefiles) contain times; outputs that an event names always count. Unchanged checked-out files are not
//! artifacts.

use crate::analysis::normalize;
use crate::error::{Error, Result};
use crate::system::platform;
use git2::{ObjectType, Oid, Repository};
use kache_core::events::{Event, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Directories below a profile directory without artifacts, each with its reason.
const SKIPPED_DIRECTORIES: &[(&str, &str)] = &[
    (".fingerprint", "cargo's own notes, with times"),
    ("incremental", "the compiler's state, not its product"),
    ("tmp", "scratch space that cargo gives to tests"),
    ("cargo-timings", "reports with times"),
];

/// Extensions of files that a compiler writes.
const COMPILED: &[(&str, &[&str])] = &[
    ("objects, archives and shared libraries", &["o", "obj", "os", "a", "so"]),
    ("depfiles of plain make, automake and Mozilla's makefiles", &["d", "Po", "Plo", "pp"]),
    ("debug information, coverage notes, stack usage", &["dwo", "gcno", "su"]),
    ("precompiled headers", &["gch", "pch"]),
    ("intermediate outputs on request", &["s", "i", "ii", "bc"]),
];

/// First bytes of such files with other names: programs, `libx.so.1.2`.
const MAGIC: &[&[u8]] =
    &[b"\x7fELF", b"!<arch>\n", b"!<thin>\n", b"oncg", b"gpch", b"CPCH", b"BC\xc0\xde", b"\xcf\xfa\xed\xfe"];

/// Files that the build's compilers wrote below `root`, relative to it.
pub fn named(events: &[Event], root: &Path) -> BTreeSet<PathBuf> {
    let outputs = events.iter().filter(|event| event.kind == Kind::Unit).flat_map(|event| &event.outputs);
    outputs.filter_map(|output| Some(Path::new(output).strip_prefix(root).ok()?.to_path_buf())).collect()
}

/// The artifacts below `root`, relative to it: those found, and the files of `named` that exist.
pub fn find(root: &Path, named: &BTreeSet<PathBuf>) -> Result<BTreeSet<PathBuf>> {
    let mut search = ArtifactSearch { root, tracked: tracked(root), found: BTreeSet::new() };
    search.directory(root, None)?;
    search.found.extend(named.iter().filter(|file| root.join(file).is_file()).cloned());
    Ok(search.found)
}

/// Checked-out files and their content; empty without a repository.
fn tracked(root: &Path) -> BTreeMap<PathBuf, Oid> {
    let index = Repository::open(root).and_then(|repository| repository.index());
    let entries = index.iter().flat_map(|index| index.iter().collect::<Vec<_>>());
    entries
        .map(|entry| (PathBuf::from(String::from_utf8_lossy(&entry.path).into_owned()), entry.id))
        .collect()
}

struct ArtifactSearch<'r> {
    root: &'r Path,
    tracked: BTreeMap<PathBuf, Oid>,
    found: BTreeSet<PathBuf>,
}

impl ArtifactSearch<'_> {
    /// `profile` is the cargo profile directory that `dir` is or is in.
    fn directory(&mut self, dir: &Path, profile: Option<&Path>) -> Result<()> {
        let profile = if dir.join(".fingerprint").is_dir() { Some(dir) } else { profile };
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let entry = entry.map_err(Error::io("list", dir))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(Error::io("look at", &path))?;
            let skipped = || SKIPPED_DIRECTORIES.iter().any(|(name, _)| entry.file_name() == *name);
            if kind.is_dir() && entry.file_name() != ".git" && !(profile.is_some() && skipped()) {
                self.directory(&path, profile)?;
            } else if kind.is_file() || kind.is_symlink() && profile.is_some_and(|it| is_of_script(it, &path))
            {
                self.file(path, profile);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, profile: Option<&Path>) {
        let is_artifact = match profile {
            Some(profile) => is_cargos(path.strip_prefix(profile).unwrap_or(&path), &path),
            None => is_compiled(&path),
        };
        let relative = path.strip_prefix(self.root).unwrap_or(&path);
        if is_artifact && !self.is_as_checked_out(relative, &path) {
            self.found.insert(relative.to_path_buf());
        }
    }

    fn is_as_checked_out(&self, relative: &Path, path: &Path) -> bool {
        let checked_out = self.tracked.get(relative);
        checked_out.is_some_and(|id| Oid::hash_file(ObjectType::Blob, path).is_ok_and(|now| now == *id))
    }
}

/// Decides by location below the profile directory. Dep-info next to the final artifacts (`demo.d`) is
/// cargo's, about all packages together; the compiler's dep-info has a hash in its name or is in `deps/`.
///
/// `deps/`, `examples/` and the profile directory contain only artifacts. `build/` contains the scripts'
/// programs next to cargo's notes, what the scripts printed (`output`), and in `out/` whatever they wrote.
fn is_cargos(relative: &Path, path: &Path) -> bool {
    let names: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    let name = names.last().map_or("", |name| name);
    let is_dep_info = path.extension().is_some_and(|e| e == "d");
    match names.first().map(|first| &**first) {
        _ if name.starts_with(".cargo") => false,
        Some("build") if names.len() == 3 && name == "output" => true,
        Some("build") if is_below_out(&names) => true,
        Some("build") => is_dep_info || platform::is_executable(path),
        Some("deps") => true,
        _ => !is_dep_info || normalize::replace_hashes(name) != name,
    }
}

fn is_below_out(names: &[std::borrow::Cow<'_, str>]) -> bool {
    names.len() > 3 && names[0] == "build" && names[2] == "out"
}

/// Whether a path is below the output directory of a build script.
fn is_of_script(profile: &Path, path: &Path) -> bool {
    let relative = path.strip_prefix(profile).unwrap_or(path);
    is_below_out(&relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>())
}

fn is_compiled(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if COMPILED.iter().any(|(_, ends)| ends.contains(&extension)) {
        return true;
    }
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    MAGIC.iter().any(|magic| start[..read].starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn found(dir: &tempfile::TempDir) -> Vec<String> {
        find(dir.path(), &BTreeSet::new()).unwrap().iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn in_cargos_directories_the_place_says_what_is_one() {
        let dir = tree(&[
            ("target/.rustc_info.json", b""),
            ("target/debug/.cargo-lock", b""),
            ("target/debug/demo", b""),
            ("target/debug/examples/list-0123456789abcdef.d", b"rustc's"),
            ("target/debug/deps/libx.rlib", b""),
            ("target/debug/deps/x.d", b"rustc's"),
            ("target/debug/libx.d", b"cargo's"),
            ("target/debug/.fingerprint/x/invoked.timestamp", b""),
            ("target/debug/incremental/x/s", b""),
            ("target/debug/build/x-1/output", b""),
            ("target/debug/build/x-1/root-output", b""),
            ("target/debug/build/x-1/out/gen.rs", b""),
            ("target/debug/build/x-1/out/native.o", b""),
            ("target/debug/build/x-1/out/bin/tool", b"\x7fELF..."),
        ]);
        let expected = [
            "target/debug/build/x-1/out/bin/tool",
            "target/debug/build/x-1/out/gen.rs",
            "target/debug/build/x-1/out/native.o",
            "target/debug/build/x-1/output",
            "target/debug/demo",
            "target/debug/deps/libx.rlib",
            "target/debug/deps/x.d",
            "target/debug/examples/list-0123456789abcdef.d",
        ];
        assert_eq!(found(&dir), expected);
    }

    #[test]
    fn elsewhere_it_is_name_or_content() {
        let dir = tree(&[
            ("config.log", b"at noon"),
            ("Makefile", b"all:"),
            ("incremental/.libs/x.o", b""),
            (".deps/x.Po", b""),
            ("libx.so.1.2", b"\x7fELF"),
            ("tmp/x.gcno", b""),
        ]);
        assert_eq!(found(&dir), [".deps/x.Po", "incremental/.libs/x.o", "libx.so.1.2", "tmp/x.gcno"]);
    }

    #[test]
    fn what_was_checked_out_is_none_until_it_is_overwritten() {
        let dir = tree(&[("shipped.o", b"old"), ("rebuilt.o", b"old"), ("made.o", b"new")]);
        let repository = Repository::init(dir.path()).unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new("shipped.o")).unwrap();
        index.add_path(Path::new("rebuilt.o")).unwrap();
        index.write().unwrap();
        fs::write(dir.path().join("rebuilt.o"), "new").unwrap();
        assert_eq!(found(&dir), ["made.o", "rebuilt.o"]);
    }
}
