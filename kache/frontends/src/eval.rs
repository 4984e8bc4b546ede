//! Looking again: what is to be seen now under the name of an observation.
//!
//! The same code makes the value that is stored after a compile and the one that a lookup compares, so the two
//! cannot drift apart.

use super::{source, tables};
use crate::OutputNames;
use kache_core::dependency::{ABSENT, Dependency, Kind, RecordedDependency, UNSET};
use kache_core::digest::{Digest, Table};
use kache_core::paths::Roots;
use kache_core::platform::{self, FileType, StatId};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Where one invocation dependencies from.
pub struct EvalContext<'a> {
    /// Digests of files by identity.
    pub table: &'a Table,
    /// The named places.
    pub roots: &'a Roots,
    /// The working directory.
    pub cwd: &'a Path,
    /// Macros of the command line with a root's path in them, with what is given for each.
    pub defines: &'a [(String, String)],
    /// How the caller wants diagnostics.
    pub settings: &'a [(&'static str, String)],
    /// What the invocation itself writes.
    pub outputs: &'a OutputNames,
    /// The linker that the invocation names, if it does.
    pub linker: Option<&'a str>,
}

/// What was seen: its digest for the key, and words for the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedDependency {
    /// What is compared.
    pub digest: Digest,
    /// What people see of it; a digest in hex where it is long or may be a secret.
    pub text: String,
    /// Where it was looked for here.
    pub place: String,
}

/// Variables whose values are shown in traces as they are, and the beginnings of the names of more: those that cargo sets for
/// a crate. Any other's is shown as a digest, since it may be a secret (`CARGO_REGISTRY_TOKEN` is one).
const SHOWN_ENV: &[&str] = &[
    "CARGO",
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_TMPDIR",
    "DEBUG",
    "HOST",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "TARGET",
];
const SHOWN_BEGINNINGS: &[&str] =
    &["CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];

fn is_shown(name: &[u8]) -> bool {
    SHOWN_ENV.iter().any(|shown| name == shown.as_bytes())
        || SHOWN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning.as_bytes()))
}

impl EvalContext<'_> {
    /// Whether everything in a set is as it was.
    pub fn holds(&self, set: &[RecordedDependency], seen: &mut HashMap<Dependency, Digest>) -> bool {
        set.iter().all(|o| {
            if let Some(d) = seen.get(&o.look) {
                return *d == o.seen;
            }
            // What cannot be looked at has changed.
            let now = self.digest(&o.look).unwrap_or(Digest([0; 32]));
            seen.insert(o.look.clone(), now);
            now == o.seen
        })
    }

    /// The digest of what is to be seen now.
    pub fn digest(&self, look: &Dependency) -> io::Result<Digest> {
        Ok(match look.kind {
            Kind::File => self.table.file(&self.local(look)?)?.0.digest,
            Kind::Path => Digest::of(sort_word(&self.local(look)?)?.as_bytes()),
            Kind::Missing => Digest::of(if self.all_missing(&look.name)? { ABSENT } else { b"there" }),
            Kind::Twins => Digest::of(&self.twins(&look.name)?),
            Kind::Listing => Digest::of(&listing(&self.local(look)?)?),
            Kind::Crates => Digest::of(&self.crates(&self.local(look)?)?),
            Kind::Tree => self.tree(&self.local(look)?)?,
            Kind::Source => {
                let path = self.local(look)?;
                match source::portable(&std::fs::read(&path)?, self.roots) {
                    Some(text) => Digest::of(&text),
                    None => self.table.file(&path)?.0.digest,
                }
            }
            Kind::Link => Digest::of(&link(&self.local(look)?)?),
            Kind::Status => Digest::of(&platform::status(&self.local(look)?)?),
            Kind::LeadsTo => Digest::of(&self.roots.portable(&link(&self.local(look)?)?)),
            Kind::Library => match find_library(OsStr::new(platform::os_str(&look.name))) {
                Some(path) => self.table.file(&path)?.0.digest,
                None => Digest::of(b"not found"),
            },
            Kind::Program => match find_program(OsStr::new(platform::os_str(&look.name)), self.roots) {
                Some(path) => self.table.file(&path)?.0.digest,
                None => Digest::of(b"not found"),
            },
            Kind::Linker => match self.linker_path() {
                Some(path) => {
                    let mut seen = self.table.file(&path)?.0.digest.0.to_vec();
                    seen.extend(flavor(&path).as_bytes());
                    Digest::of(&seen)
                }
                None => Digest::of(b"not found"),
            },
            _ => Digest::of(&self.value(look)),
        })
    }

    /// The file that the linker's name leads to.
    pub fn linker_path(&self) -> Option<PathBuf> {
        let name = self.linker.unwrap_or(DEFAULT_LINKER);
        if name.contains('/') {
            return Some(kache_core::paths::absolute(self.cwd, Path::new(name)));
        }
        find_program(OsStr::new(name), self.roots)
    }

    /// The whole sight, with words for people.
    pub fn sight(&self, look: &Dependency) -> io::Result<EvaluatedDependency> {
        if look.kind == Kind::Path {
            // By far the most frequent: looked at once.
            let path = self.local(look)?;
            let word = sort_word(&path)?;
            let digest = Digest::of(word.as_bytes());
            return Ok(EvaluatedDependency {
                digest,
                text: word.to_string(),
                place: path.display().to_string(),
            });
        }
        self.sight_of(look, self.digest(look)?)
    }

    /// The same of something whose digest is known already.
    pub fn sight_of(&self, look: &Dependency, digest: Digest) -> io::Result<EvaluatedDependency> {
        let (text, place) = match look.kind {
            Kind::Missing | Kind::Twins => {
                (digest.hex(), String::from_utf8_lossy(&look.name).replace('\0', " "))
            }
            Kind::File
            | Kind::Path
            | Kind::Listing
            | Kind::Crates
            | Kind::Tree
            | Kind::Source
            | Kind::Link
            | Kind::Status
            | Kind::LeadsTo => (digest.hex(), self.local(look)?.display().to_string()),
            Kind::Program => {
                let found = find_program(platform::os_str(&look.name), self.roots);
                (digest.hex(), found.map(|p| p.display().to_string()).unwrap_or_default())
            }
            Kind::Library => {
                let found = find_library(platform::os_str(&look.name));
                (digest.hex(), found.map(|p| p.display().to_string()).unwrap_or_default())
            }
            Kind::Env | Kind::EnvPath => {
                let value = self.value(look);
                let shown = value == UNSET || is_shown(&look.name);
                let raw = std::env::var_os(platform::os_str(&look.name)).unwrap_or_default();
                if shown {
                    let text = String::from_utf8_lossy(&value).into_owned();
                    (text, raw.to_string_lossy().into_owned())
                } else {
                    (digest.hex(), digest.hex())
                }
            }
            Kind::EnvAll | Kind::EnvAllPath => (digest.hex(), self.env_names()),
            Kind::Linker => {
                (digest.hex(), self.linker_path().map(|p| p.display().to_string()).unwrap_or_default())
            }
            Kind::Cwd | Kind::Place | Kind::Define | Kind::Host | Kind::Setting => {
                let text = String::from_utf8_lossy(&self.value(look)).into_owned();
                (text.clone(), text)
            }
        };
        Ok(EvaluatedDependency { digest, text, place })
    }

    fn local(&self, look: &Dependency) -> io::Result<PathBuf> {
        self.roots
            .local(&look.name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such root here"))
    }

    fn value(&self, look: &Dependency) -> Vec<u8> {
        match look.kind {
            Kind::Env => env(&look.name).unwrap_or(UNSET.to_vec()),
            Kind::EnvPath => env(&look.name).map_or(UNSET.to_vec(), |v| self.roots.portable(&v)),
            Kind::EnvAll if look.name == EVERY => {
                whole_environment(tables::ignored_for_macros, |value| value)
            }
            Kind::EnvAll => whole_environment(tables::ignored_env, |value| value),
            Kind::EnvAllPath => {
                whole_environment(tables::ignored_env, |value| self.roots.portable_within(&value))
            }
            Kind::Cwd => self.cwd.as_os_str().as_encoded_bytes().to_vec(),
            Kind::Place => {
                let mut places = vec![self.cwd.as_os_str().as_encoded_bytes()];
                places.extend(self.roots.iter().map(|r| r.path.as_os_str().as_encoded_bytes()));
                places.join(&b'\n')
            }
            Kind::Host => platform::host_fact(&look.name),
            Kind::Define => {
                let given = self.defines.iter().filter(|(n, _)| n.as_bytes() == look.name);
                given.map(|(_, v)| v.as_bytes()).collect::<Vec<_>>().join(&0)
            }
            Kind::Setting => self
                .settings
                .iter()
                .find(|(n, _)| n.as_bytes() == look.name)
                .map(|(_, v)| v.as_bytes().to_vec())
                .unwrap_or_default(),
            _ => unreachable!("kinds with a place are handled by `digest`"),
        }
    }

    /// Whether none of the names is in the directory.
    fn all_missing(&self, name: &[u8]) -> io::Result<bool> {
        let mut parts = name.split(|b| *b == 0);
        let dir = self.local(&Dependency::new(Kind::Path, parts.next().unwrap_or_default()))?;
        self.table.absent(&dir, parts, &Digest::of(name))
    }

    /// Of several files, for each the first that is the same one, and the first that was changed in the same second.
    fn twins(&self, names: &[u8]) -> io::Result<Vec<u8>> {
        let mut ids = Vec::new();
        for name in names.split(|b| *b == 0) {
            let path = self.local(&Dependency::new(Kind::Path, name))?;
            ids.push(platform::file_type(&path)?.ok_or(io::ErrorKind::NotFound)?.1);
        }
        let first = |same: &dyn Fn(&StatId) -> bool| ids.iter().position(same).unwrap_or_default();
        let facts = ids.iter().flat_map(|id| {
            let second = |id: &StatId| id.mtime.div_euclid(1_000_000_000);
            [first(&|o| (o.dev, o.ino) == (id.dev, id.ino)), first(&|o| second(o) == second(id))]
        });
        Ok(facts.flat_map(usize::to_le_bytes).collect())
    }

    fn env_names(&self) -> String {
        std::env::vars_os().map(|(n, _)| n.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// What the invocation itself writes there is no input.
    fn crates(&self, dir: &Path) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for name in names(dir)? {
            let text = name.to_string_lossy();
            let like =
                text.starts_with("lib") && [".rlib", ".rmeta", ".so"].iter().any(|e| text.ends_with(e));
            if like && !self.outputs.owns(&dir.join(&name)) {
                out.extend(name.as_encoded_bytes());
                out.push(0);
            }
        }
        Ok(out)
    }

    /// Everything below a directory, version control and build products apart.
    fn tree(&self, dir: &Path) -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        walk_tree(dir, &mut |path, there| {
            hasher.update(path.as_os_str().as_encoded_bytes().len().to_le_bytes().as_slice());
            hasher.update(&self.roots.portable(path.as_os_str().as_encoded_bytes()));
            if let Some((FileType::File, _)) = there {
                hasher.update(&self.table.file(path)?.0.digest.0);
            }
            Ok(())
        })?;
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}

/// What is at a path, if anything is.
type There = Option<(FileType, StatId)>;

/// Shows each thing below a directory, version control and build products apart.
pub fn walk_tree(dir: &Path, show: &mut dyn FnMut(&Path, There) -> io::Result<()>) -> io::Result<()> {
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for name in names(&dir)? {
            let path = dir.join(&name);
            if path.join("CACHEDIR.TAG").exists() || name == ".git" || name == "target" {
                continue;
            }
            let there = platform::file_type(&path)?;
            show(&path, there)?;
            if matches!(there, Some((FileType::Dir, _))) && !path.is_symlink() {
                todo.push(path);
            }
        }
    }
    Ok(())
}

/// What rustc runs where no linker is named.
pub const DEFAULT_LINKER: &str = "cc";

/// rustc infers from a linker's name how to speak to it: names that it takes for a C compiler's are one.
fn flavor(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    if ["cc", "gcc", "g++", "c++", "clang", "clang++"]
        .iter()
        .any(|n| plain == *n || plain.ends_with(&format!("-{n}")))
    {
        return "cc".to_string();
    }
    stem.into_owned()
}

fn env(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(platform::os_str(name)).map(|v| v.as_encoded_bytes().to_vec())
}

/// The name of a look at the whole environment by code that may put any of it into the program.
pub const EVERY: &[u8] = b"every";

/// All that a program which reads its whole environment could have learned, less what a table excuses.
fn whole_environment(
    ignored: impl Fn(&[u8]) -> Option<&'static tables::Row>,
    as_keyed: impl Fn(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = std::env::vars_os()
        .map(|(n, v)| (n.as_encoded_bytes().to_vec(), as_keyed(v.as_encoded_bytes().to_vec())))
        .filter(|(n, _)| ignored(n).is_none())
        .collect();
    all.sort();
    let mut out = Vec::new();
    for (n, v) in all {
        out.extend(n);
        out.push(b'=');
        out.extend(v);
        out.push(0);
    }
    out
}

/// What is at a path, in a word.
pub fn sort_word(path: &Path) -> io::Result<&'static str> {
    Ok(match platform::file_type(path)? {
        None => "absent",
        Some((FileType::File, _)) => "file",
        Some((FileType::Dir, _)) => "dir",
        Some((FileType::Other, _)) => "other",
    })
}

fn names(dir: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut all = std::fs::read_dir(dir)?.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// With the sort of each, as a directory's entry tells it without a further look.
fn listing(dir: &Path) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let sort = entry.file_type()?;
        let sort = [sort.is_file(), sort.is_dir(), sort.is_symlink()].map(u8::from);
        all.push([entry.file_name().as_encoded_bytes(), &[0], &sort].concat());
    }
    all.sort();
    Ok(all.concat())
}

/// Where a link points, or that there is none.
fn link(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read_link(path) {
        Ok(to) => Ok(to.into_os_string().into_encoded_bytes()),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(b"\0no link".to_vec()),
        Err(e) if platform::is_absent(&e) => Ok(b"\0absent".to_vec()),
        Err(e) => Err(e),
    }
}

/// Where the loader searches besides `LD_LIBRARY_PATH` and what an object names itself (which is in its contents).
const LIBRARY_DIRS: &[&str] = &[
    "/usr/local/lib",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
];

/// The file that the loader would first find under a library's name.
fn find_library(name: &OsStr) -> Option<PathBuf> {
    // One that is empty names nothing; between two colons nothing means the working directory.
    let path = std::env::var_os("LD_LIBRARY_PATH").filter(|path| !path.is_empty());
    let told: Vec<PathBuf> = path.iter().flat_map(std::env::split_paths).collect();
    let dirs = told.into_iter().chain(LIBRARY_DIRS.iter().map(PathBuf::from));
    dirs.map(|dir| dir.join(name)).find(|p| p.is_file())
}

/// The file that a bare program name leads to. The toolchain's own directories, which rustc puts in front, are not
/// searched: what is there belongs to the toolchain.
pub fn find_program(name: &OsStr, roots: &Roots) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|dir| roots.get("sysroot").is_none_or(|s| !dir.starts_with(s)))
        .map(|dir| platform::as_program(dir.join(name)))
        .find(|p| p.is_file() && platform::may_execute(p))
}
