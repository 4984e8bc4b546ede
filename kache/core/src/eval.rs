//! Evaluating dependencies: what is found now under the name of a dependency.
//!
//! The same code makes the digest that is stored after a miss and the one that a lookup compares, so the two cannot
//! drift apart. Dependencies that only one front end knows ([`Kind::Computed`]) are evaluated by its [`Evaluate`].

use crate::dependency::{ABSENT, Dependency, Kind, RecordedDependency, UNSET};
use crate::digest::{Digest, Table};
use crate::libraries;
use crate::paths::Roots;
use crate::place;
use crate::platform::{self, FileType, StatId, Stats};
use foldhash::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Where one action is evaluated.
pub struct EvalContext<'a> {
    /// Digests of files by identity.
    pub table: &'a Table,
    pub roots: &'a Roots,
    pub cwd: &'a Path,
    /// The front end's part.
    pub plan: &'a dyn Evaluate,
}

/// What a front end adds to evaluation.
pub trait Evaluate {
    /// The value of a computed dependency.
    ///
    /// # Errors
    /// When what it depends on cannot be read: then the dependency counts as changed.
    fn compute(&self, function: &str, _: &[u8], _: &EvalContext) -> io::Result<Computed> {
        Err(io::Error::other(format!("no front end evaluates `{function}`")))
    }

    /// Where a computed dependency leads here, for people.
    fn place(&self, _: &str, _: &[u8], _: &EvalContext) -> String {
        String::new()
    }

    /// The file whose contents a computed dependency is made from: the file must not change while the command runs. Without a
    /// default, since a front end that forgets the file would have a changed one stored.
    fn contents_of(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<PathBuf>;

    /// The dependencies of other kinds that together cover a computed one: as long as they hold, so does it. `None` where there
    /// are none.
    fn covered_by(&self, _: &str, _: &[u8], _: &EvalContext) -> Option<Vec<Dependency>> {
        None
    }

    /// Whether a variable is not an input of a program that may read the whole environment; `every` where the program may
    /// put any of it into the result.
    fn ignores_variable(&self, name: &[u8], every: bool) -> bool;

    /// Whether traces show a variable's value. Any other value is shown as a digest, since it may be a secret.
    fn shows_variable(&self, _: &[u8]) -> bool {
        false
    }
}

/// The digest of the word for what is at a path: a C source has a thousand dependencies on what is absent.
fn digest_of_word(word: &str) -> Digest {
    static OF_ABSENT: LazyLock<Digest> = LazyLock::new(|| Digest::of(ABSENT));
    if word.as_bytes() == ABSENT { *OF_ABSENT } else { Digest::of(word.as_bytes()) }
}

/// The value of a computed dependency.
pub enum Computed {
    Digest(Digest),
    /// A value that traces show.
    Text(Vec<u8>),
}

impl Computed {
    fn digest(&self) -> Digest {
        match self {
            Computed::Digest(digest) => *digest,
            Computed::Text(text) => Digest::of(text),
        }
    }
}

/// A dependency's value here and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedDependency {
    /// What is compared.
    pub digest: Digest,
    /// What people see of the value: a digest in hex where the value is long or may be a secret.
    pub text: String,
    /// Where the name leads here.
    pub place: String,
}

impl EvalContext<'_> {
    /// Whether everything in a set is as it was.
    pub fn holds(&self, set: &[RecordedDependency], seen: &mut HashMap<Dependency, Digest>) -> bool {
        let mut stats = Stats::default();
        set.iter().all(|o| {
            if let Some(d) = seen.get(&o.dependency) {
                return *d == o.digest;
            }
            // What cannot be looked at has changed.
            let now = self.digest_near(&o.dependency, &mut stats).unwrap_or(Digest([0; 32]));
            seen.insert(o.dependency.clone(), now);
            now == o.digest
        })
    }

    /// The digest of what is to be seen now.
    pub fn digest(&self, dependency: &Dependency) -> io::Result<Digest> {
        self.digest_near(dependency, &mut Stats::default())
    }

    /// The same of one of many dependencies, most of which are on files, in the order of their names.
    pub fn digest_near(&self, dependency: &Dependency, stats: &mut Stats) -> io::Result<Digest> {
        Ok(match dependency.kind {
            Kind::File => {
                let path = self.local(dependency)?;
                self.table.file_seen(&path, stats.of(&path)?)?.0.digest
            }
            Kind::Path => digest_of_word(word(stats.of(&self.local(dependency)?))?),
            Kind::Missing => Digest::of(if self.all_missing(&dependency.name)? { ABSENT } else { b"there" }),
            Kind::Twins => Digest::of(&self.twins(&dependency.name)?),
            Kind::Listing => Digest::of(&listing(&self.local(dependency)?)?),
            Kind::Tree => self.tree(&self.local(dependency)?)?,
            Kind::Link => Digest::of(&self.link(&self.local(dependency)?)?),
            Kind::Status => Digest::of(&platform::status(&self.local(dependency)?)?),
            Kind::Permission => Digest::of(self.permission(&dependency.name)?),
            Kind::LeadsTo => Digest::of(&self.roots.portable(&self.link(&self.local(dependency)?)?)),
            Kind::Library => libraries::digest(platform::os_str(&dependency.name), self.table)?,
            Kind::Program => match find_program(OsStr::new(platform::os_str(&dependency.name)), self.roots) {
                Some(path) => self.table.file(&path)?.0.digest,
                None => Digest::of(b"not found"),
            },
            Kind::Computed => {
                let (function, name) = dependency.computed_parts();
                self.plan.compute(function, name, self)?.digest()
            }
            Kind::Host => Digest::of(&self.host_fact(dependency)?),
            _ => Digest::of(&self.value(dependency)),
        })
    }

    /// The whole sight, with words for people.
    pub fn evaluate(&self, dependency: &Dependency) -> io::Result<EvaluatedDependency> {
        if dependency.kind == Kind::Path {
            return self.evaluate_path(dependency, sort_word(&self.local(dependency)?)?);
        }
        if dependency.kind == Kind::Computed {
            return self.evaluate_computed(dependency);
        }
        self.evaluate_known(dependency, self.digest(dependency)?)
    }

    /// The same of a path, of which is known what is there.
    pub fn evaluate_path(&self, dependency: &Dependency, word: &str) -> io::Result<EvaluatedDependency> {
        let place = self.local(dependency)?.into_os_string().into_string();
        let place = place.unwrap_or_else(|place| place.to_string_lossy().into_owned());
        Ok(EvaluatedDependency { digest: digest_of_word(word), text: word.to_string(), place })
    }

    fn evaluate_computed(&self, dependency: &Dependency) -> io::Result<EvaluatedDependency> {
        let (function, name) = dependency.computed_parts();
        let computed = self.plan.compute(function, name, self)?;
        let digest = computed.digest();
        let (text, place) = match computed {
            Computed::Text(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                (text.clone(), text)
            }
            Computed::Digest(_) => (digest.hex(), self.plan.place(function, name, self)),
        };
        Ok(EvaluatedDependency { digest, text, place })
    }

    /// The same of something whose digest is known already.
    pub fn evaluate_known(&self, dependency: &Dependency, digest: Digest) -> io::Result<EvaluatedDependency> {
        let (text, place) = match dependency.kind {
            Kind::Missing | Kind::Twins | Kind::Permission => {
                (digest.hex(), String::from_utf8_lossy(&dependency.name).replace('\0', " "))
            }
            Kind::File
            | Kind::Path
            | Kind::Listing
            | Kind::Tree
            | Kind::Link
            | Kind::Status
            | Kind::LeadsTo => (digest.hex(), self.local(dependency)?.display().to_string()),
            Kind::Program => {
                let found = find_program(platform::os_str(&dependency.name), self.roots);
                (digest.hex(), found.map(|p| p.display().to_string()).unwrap_or_default())
            }
            Kind::Library => {
                let found = libraries::find(platform::os_str(&dependency.name));
                (digest.hex(), found.map(|p| p.display().to_string()).unwrap_or_default())
            }
            Kind::Env | Kind::EnvPath => {
                let value = self.value(dependency);
                let shown = value == UNSET || self.plan.shows_variable(&dependency.name);
                let raw = std::env::var_os(platform::os_str(&dependency.name)).unwrap_or_default();
                if shown {
                    let text = String::from_utf8_lossy(&value).into_owned();
                    (text, raw.to_string_lossy().into_owned())
                } else {
                    (digest.hex(), digest.hex())
                }
            }
            Kind::EnvAll | Kind::EnvAllPath => (digest.hex(), self.env_names()),
            Kind::Computed => return self.evaluate_computed(dependency),
            Kind::Host => {
                let text =
                    String::from_utf8_lossy(&self.host_fact(dependency)?).trim_end().replace('\n', " ");
                (text.clone(), text)
            }
            Kind::Cwd | Kind::Place => {
                let text = String::from_utf8_lossy(&self.value(dependency)).into_owned();
                (text.clone(), text)
            }
        };
        Ok(EvaluatedDependency { digest, text, place })
    }

    /// Where a path dependency leads here.
    pub fn local(&self, dependency: &Dependency) -> io::Result<PathBuf> {
        self.roots
            .local(&dependency.name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such root here"))
    }

    /// What the host answers to the question that a dependency names.
    fn host_fact(&self, dependency: &Dependency) -> io::Result<Vec<u8>> {
        let (name, about) = dependency.host_parts();
        let path = self.roots.local(about).map(PathBuf::into_os_string).map(OsString::into_encoded_bytes);
        let answer = path.and_then(|about| platform::host_fact(name, &about));
        answer.ok_or_else(|| io::Error::other("the host does not answer that"))
    }

    fn value(&self, dependency: &Dependency) -> Vec<u8> {
        match dependency.kind {
            Kind::Env => env(&dependency.name).unwrap_or(UNSET.to_vec()),
            Kind::EnvPath => env(&dependency.name).map_or(UNSET.to_vec(), |v| self.portable_list(&v)),
            Kind::EnvAll if dependency.name == EVERY => self.whole_environment(true, |value| value),
            Kind::EnvAll => self.whole_environment(false, |value| value),
            Kind::EnvAllPath => {
                self.whole_environment(dependency.name == EVERY, |value| self.roots.portable_within(&value))
            }
            Kind::Cwd => self.cwd.as_os_str().as_encoded_bytes().to_vec(),
            Kind::Place if !dependency.name.is_empty() => {
                place::value(self.roots, &dependency.name).unwrap_or(ABSENT.to_vec())
            }
            Kind::Place => {
                let mut places = vec![self.cwd.as_os_str().as_encoded_bytes()];
                places.extend(self.roots.iter().map(|r| r.path.as_os_str().as_encoded_bytes()));
                places.join(&b'\n')
            }
            _ => unreachable!("kinds with a place are handled by `digest`"),
        }
    }

    /// A path, or several between colons, with roots by their names. A path with doubled slashes or the like stays as it is: who
    /// prints the variable prints them.
    fn portable_list(&self, value: &[u8]) -> Vec<u8> {
        let paths = std::env::split_paths(platform::os_str(value));
        let portable = paths.map(|path| {
            let portable = self.roots.portable(path.as_os_str().as_encoded_bytes());
            let is_exact =
                self.roots.local(&portable).is_some_and(|local| local.as_os_str() == path.as_os_str());
            if is_exact { portable } else { path.into_os_string().into_encoded_bytes() }
        });
        portable.collect::<Vec<_>>().join(&b':')
    }

    /// What a program that reads its whole environment could have learned, less the variables that are not inputs. Where
    /// the loader searches, a script seldom puts into what it makes: there the roots count by their names.
    fn whole_environment(&self, every: bool, as_keyed: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let keyed = |name: &[u8], value: &[u8]| match name {
            b"LD_LIBRARY_PATH" if !every => self.portable_list(value),
            _ => as_keyed(without_job_server(name, value)),
        };
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = std::env::vars_os()
            .filter(|(n, _)| !self.plan.ignores_variable(n.as_encoded_bytes(), every))
            .map(|(n, v)| (n.as_encoded_bytes().to_vec(), keyed(n.as_encoded_bytes(), v.as_encoded_bytes())))
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
            let (sort, id) = platform::file_type(&path)?.ok_or(io::ErrorKind::NotFound)?;
            // A directory changes with each entry, and no compiler looks at when.
            ids.push(if sort == FileType::Dir { StatId { mtime: 0, ..id } } else { id });
        }
        let first = |same: &dyn Fn(&StatId) -> bool| ids.iter().position(same).unwrap_or_default();
        let facts = ids.iter().flat_map(|id| {
            let second = |id: &StatId| id.mtime.div_euclid(1_000_000_000);
            [first(&|o| (o.dev, o.ino) == (id.dev, id.ino)), first(&|o| second(o) == second(id))]
        });
        Ok(facts.flat_map(usize::to_le_bytes).collect())
    }

    /// Whether this process may do with a path what the digit behind its name asks.
    fn permission(&self, name: &[u8]) -> io::Result<&'static [u8]> {
        let [path @ .., b':', asked @ b'1'..=b'7'] = name else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let path = self.local(&Dependency::new(Kind::Path, path))?;
        Ok(match platform::may(&path, *asked - b'0') {
            Ok(()) => may_word(true),
            Err(e) if platform::is_absent(&e) => ABSENT,
            Err(_) => may_word(false),
        })
    }

    fn link(&self, path: &Path) -> io::Result<Vec<u8>> {
        let target = link(path)?;
        let is_target = target != NO_LINK && !target.starts_with(ABSENT);
        Ok(if is_target { self.roots.link_target(path.parent().unwrap_or(path), &target) } else { target })
    }

    fn env_names(&self) -> String {
        std::env::vars_os().map(|(n, _)| n.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
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

fn env(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(platform::os_str(name)).map(|v| without_job_server(name, v.as_encoded_bytes()))
}

/// The value of a variable, less the job server in those of make: its numbers differ from run to run.
fn without_job_server(name: &[u8], value: &[u8]) -> Vec<u8> {
    if ![&b"MAKEFLAGS"[..], b"MFLAGS", b"CARGO_MAKEFLAGS"].contains(&name) {
        return value.to_vec();
    }
    let counts = |word: &&[u8]| {
        let word = word.strip_prefix(b"-").unwrap_or(word);
        !word.is_empty() && !word.starts_with(b"j") && !word.starts_with(b"-jobserver-")
    };
    let words = value.split(|b| *b == b' ').filter(counts);
    words.collect::<Vec<_>>().join(&b' ')
}

/// The name of a dependency at the whole environment by code that may put any of it into the program.
pub const EVERY: &[u8] = b"every";

/// What is at a path, in a word.
pub fn sort_word(path: &Path) -> io::Result<&'static str> {
    word(platform::identity(path))
}

/// What was found at a path, in a word.
pub fn word(found: io::Result<(FileType, StatId)>) -> io::Result<&'static str> {
    match found {
        Ok((sort, _)) => Ok(sort.word()),
        Err(e) => platform::absence(&e).ok_or(e),
    }
}

/// The sorted names in a directory.
pub fn names(dir: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut all = std::fs::read_dir(dir)?.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// With the sort of each, as a directory's entry tells it without a further dependency.
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

/// The value of a link that is something else.
pub const NO_LINK: &[u8] = b"\0no link";

/// The value of a permission.
pub const fn may_word(may: bool) -> &'static [u8] {
    if may { b"may" } else { b"may not" }
}

/// Where a link points, or that there is none.
fn link(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read_link(path) {
        Ok(to) => Ok(to.into_os_string().into_encoded_bytes()),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(NO_LINK.to_vec()),
        Err(e) if platform::is_absent(&e) => Ok(b"\0absent".to_vec()),
        Err(e) => Err(e),
    }
}

/// The file that a bare program name leads to. The toolchain's own directories, which a compiler may put in front, are not
/// searched: what is there belongs to the toolchain.
pub fn find_program(name: &OsStr, roots: &Roots) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let own = roots.get("sysroot").map(|sysroot| sysroot.join("lib"));
    std::env::split_paths(&path)
        .filter(|dir| own.as_ref().is_none_or(|own| !dir.starts_with(own)))
        .map(|dir| platform::as_program(dir.join(name)))
        .find(|p| p.is_file() && platform::may_execute(p))
}

#[cfg(all(test, unix))]
mod tests;
