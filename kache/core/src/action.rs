//! An action: a command line, understood. A value; nothing in it refers to the front end that made it.

use crate::dependency::{Dependency, Kind as DependencyKind};
use crate::digest::Digest;
use crate::eval::find_program;
use crate::events::{Kind, Unit};
use crate::key_trace::{Component, Part};
use crate::paths::{Roots, absolute};
use crate::platform;
use crate::template::{self, Format, Respelled};
use memchr::memmem;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What the wrapper was called with.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program, as given.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    file: OnceCell<Option<PathBuf>>,
    real: OnceCell<Option<PathBuf>>,
    recognised: OnceCell<Option<&'static str>>,
}

impl Request {
    pub fn new(program: impl Into<PathBuf>, args: Vec<OsString>, cwd: impl Into<PathBuf>) -> Request {
        let (file, real, recognised) = Default::default();
        Request { program: program.into(), args, cwd: cwd.into(), file, real, recognised }
    }

    /// The file that the program's name leads to, by its path or through `PATH`.
    pub fn file(&self) -> Option<&Path> {
        let find = || match self.program.components().count() {
            0 | 1 => find_program(self.program.as_os_str(), &Roots::default()),
            _ => Some(platform::as_program(absolute(&self.cwd, &self.program))),
        };
        self.file.get_or_init(find).as_deref()
    }

    /// The same with every symbolic link resolved.
    pub fn real_file(&self) -> Option<&Path> {
        self.real.get_or_init(|| self.file()?.canonicalize().ok()).as_deref()
    }

    /// The name of the front end that the program belongs to. Every front end asks, and the answer may take reading files: it
    /// is found once.
    pub fn recognised(&self, recognise: impl FnOnce() -> Option<&'static str>) -> Option<&'static str> {
        *self.recognised.get_or_init(recognise)
    }
}

/// A command to run, the names of what it writes, and the key of what was asked.
#[derive(Debug)]
pub struct Action {
    /// For people, and to match the unit with the same unit of another checkout.
    pub unit: Unit,
    pub kind: Kind,
    pub program: PathBuf,
    /// Every argument, those that the front end adds included.
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// Variables that differ from those of the caller.
    pub env: Vec<(&'static str, OsString)>,
    pub roots: Roots,
    pub inputs: KeyInputs,
    /// The digest of `inputs`.
    pub key: Digest,
    pub outputs: Outputs,
    /// The one file that tells apart the runs of one command line, if there is one: the source of a compile. A hint for where to
    /// look; the result depends on it as on any other file.
    pub source: Option<Dependency>,
    /// Whether the command prints paths as its arguments map them, so that they are mapped back for people.
    pub unmap_printed: bool,
    /// The directory of outputs, where the arguments spell it otherwise than the caller did.
    pub respelled: Option<Respelled>,
    /// Whether the command's errors go to a terminal where kache's own do: it prints what a terminal is to show.
    pub shows_terminal: bool,
    /// Directories in which later commands give files further names. A further name moves the time of change and leaves
    /// the contents.
    pub relinked_dirs: Vec<PathBuf>,
    /// Whether the program is no compiler: it may use whatever it looks at for any purpose, and so may every program that it
    /// starts. Its result may depend on the paths of roots in ways that no dependency shows (`engine::places`).
    pub is_foreign: bool,
    /// A variable that keeps the program from handing over to kache where nothing observes the run. The program removes it.
    pub keeps_off: Option<&'static str>,
}

impl Action {
    /// Whether arguments map the paths of roots.
    pub fn maps_paths(&self) -> bool {
        self.roots.iter().any(|root| root.mapped.is_some())
    }
}

/// What precedes the role of an output that is stored by it. No root has this name.
const ROLE: &[u8] = b"<output>/";

/// Which files a command may leave.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub names: OutputNames,
    /// Outputs that are text with paths in it: stored as path templates.
    pub templates: Vec<(PathBuf, Format)>,
    /// Whether the command makes the directory that it writes to.
    pub create_dirs: bool,
    /// Whether the command was called for what it prints on standard output: where that cannot be written, the command fails.
    pub printed: bool,
    /// The exit statuses besides zero with which the command has done what it was asked for: a checker that found something.
    pub statuses: Vec<i32>,
}

impl Outputs {
    /// Whether a command that ended with this status has made all outputs.
    pub fn are_made(&self, status: ExitStatus) -> bool {
        status.success() || status.code().is_some_and(|code| self.statuses.contains(&code))
    }

    /// A text of the command with placeholders for all that differs between checkouts.
    pub fn marked(&self, text: &[u8], roots: &Roots, format: Format) -> Option<Vec<u8>> {
        template::templatize_for(text, roots, format, self.names.target.as_deref())
    }

    /// How an output names paths, if it is text that names paths.
    pub fn template(&self, path: &Path) -> Option<Format> {
        self.templates.iter().find(|(p, _)| p == path).map(|(_, format)| *format)
    }
}

/// The names of outputs.
#[derive(Clone, Debug, Default)]
pub struct OutputNames {
    /// The directory of those with a planned stem.
    pub dir: PathBuf,
    /// `<stem>`, `<stem>.*`, `lib<stem>.*` in `dir` are outputs.
    pub stem: String,
    /// Outputs named in full.
    pub exact: Vec<PathBuf>,
    /// Directories whose whole contents are outputs.
    pub trees: Vec<OutputTree>,
    /// Whether standard output is the null device, and gets an output that is not kept for that reason.
    pub to_null: bool,
    /// What each output is to the command, where the key holds that in place of the outputs' paths: results are stored by it.
    pub roles: Vec<(&'static str, PathBuf)>,
    /// The name by which a depfile calls what the command makes, where the key does not hold it.
    pub target: Option<String>,
}

/// A directory whose whole contents are outputs.
#[derive(Clone, Debug)]
pub struct OutputTree {
    pub path: PathBuf,
    /// Whether the directory is there, and empty, when the command starts. Else nothing is there, and the command makes it.
    pub is_there: bool,
}

impl OutputTree {
    /// Whether a path is an output by the directory.
    pub fn owns(&self, path: &Path) -> bool {
        path.starts_with(&self.path) && !(self.is_there && path == self.path)
    }
}

impl OutputNames {
    /// Whether a path is an output by a directory whose whole contents are outputs.
    pub fn is_in_tree(&self, path: &Path) -> bool {
        self.trees.iter().any(|tree| tree.owns(path))
    }

    /// Those outputs named in full that are not there now.
    pub fn absent(&self) -> Vec<PathBuf> {
        self.exact.iter().filter(|path| path.symlink_metadata().is_err()).cloned().collect()
    }

    /// The name of an output in a stored result: what it is to the command, or its portable path.
    pub fn stored(&self, path: &Path, roots: &Roots) -> Vec<u8> {
        match self.roles.iter().find(|(_, output)| output == path) {
            Some((role, _)) => [ROLE, role.as_bytes()].concat(),
            None => roots.portable(path.as_os_str().as_encoded_bytes()),
        }
    }

    /// The output that has this name in a stored result; `None` if the command has no such output.
    pub fn local(&self, stored: &[u8], roots: &Roots) -> Option<PathBuf> {
        let path = match stored.strip_prefix(ROLE) {
            Some(role) => self.roles.iter().find(|(r, _)| r.as_bytes() == role).map(|(_, path)| path.clone()),
            None => roots.local(stored),
        };
        path.filter(|path| self.owns(path))
    }

    /// Whether dependencies may be about one of the outputs that are stored by what they are: one has such a name in it, or is
    /// on the names in a directory that is called like that of an output.
    pub fn may_be_in<'a>(&self, mut dependencies: impl Iterator<Item = &'a Dependency>) -> bool {
        let last = |path: &Path| path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
        let names: Vec<Vec<u8>> = self.roles.iter().map(|(_, path)| last(path)).collect();
        let names: Vec<_> = names.iter().map(|name| (name, memmem::Finder::new(name))).collect();
        let dirs = self.roles.iter().filter_map(|(_, path)| path.parent());
        let dirs: BTreeSet<Vec<u8>> = dirs.map(last).collect();
        dependencies.any(|Dependency { kind, name }| {
            let lists = || match name.iter().rposition(|b| *b == b'/') {
                Some(at) => name.ends_with(b"/..") || dirs.contains(&name[at + 1..]),
                // A root.
                None => true,
            };
            let is_list = matches!(kind, DependencyKind::Listing | DependencyKind::Tree);
            let has = |text: &[u8]| {
                names
                    .iter()
                    .any(|(word, finder)| finder.find(text).is_some() && template::has_word(text, word))
            };
            is_list && lists() || has(name)
        })
    }

    /// Whether a file is an output.
    pub fn owns(&self, path: &Path) -> bool {
        if self.exact.iter().any(|p| p == path) || self.is_in_tree(path) {
            return true;
        }
        if self.stem.is_empty() || path.parent() != Some(&self.dir) {
            return false;
        }
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return false };
        [name, name.strip_prefix("lib").unwrap_or(name)].iter().any(|n| {
            n.strip_prefix(self.stem.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// One input of the action key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInput {
    pub name: Cow<'static, str>,
    /// As it is in this checkout.
    pub raw: String,
    /// As it is hashed: equal in two checkouts.
    pub value: Vec<u8>,
}

/// The inputs of the action key. The key and the trace that people read are made from the same list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyInputs(pub Vec<KeyInput>);

impl KeyInputs {
    pub fn put(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        raw: impl Into<String>,
        value: impl Into<Vec<u8>>,
    ) {
        self.0.push(KeyInput { name: name.into(), raw: raw.into(), value: value.into() });
    }

    /// The action key.
    pub fn digest(&self) -> Digest {
        let mut hasher = KeyHasher::default();
        for input in &self.0 {
            hasher.put(&input.name, &input.value);
        }
        hasher.finish()
    }

    pub fn components(&self) -> impl Iterator<Item = Component> {
        self.0.iter().map(|input| Component {
            part: Part::Action,
            name: input.name.to_string(),
            raw: input.raw.clone(),
            value: String::from_utf8_lossy(&input.value).into_owned(),
            by: None,
        })
    }
}

/// Hashes named values. Each part is preceded by its length, so that no two lists of values hash alike.
#[derive(Default)]
pub struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    pub fn put(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn names() -> OutputNames {
        let exact = vec![PathBuf::from("/w/out/a.o"), PathBuf::from("/w/out/a.d")];
        let roles = ["object", "depfile"].into_iter().zip(exact.iter().cloned()).collect();
        OutputNames { exact, roles, ..OutputNames::default() }
    }

    #[test]
    fn an_output_that_is_stored_by_what_it_is_is_found_under_another_name() {
        let mut roots = Roots::default();
        roots.add("workspace", "/w".into(), None);
        let stored = names().stored(Path::new("/w/out/a.o"), &roots);
        assert_eq!(stored, b"<output>/object");
        let exact = vec![PathBuf::from("/v/b.o")];
        let other =
            OutputNames { roles: vec![("object", exact[0].clone())], exact, ..OutputNames::default() };
        assert_eq!(other.local(&stored, &roots), Some("/v/b.o".into()));
        assert_eq!(other.local(b"<output>/depfile", &roots), None);
        assert_eq!(other.local(b"<workspace>/out/a.o", &roots), None, "this command has no such output");
        let by_path = OutputNames { exact: names().exact, ..OutputNames::default() };
        assert_eq!(by_path.stored(Path::new("/w/out/a.o"), &roots), b"<workspace>/out/a.o");
        assert_eq!(by_path.local(&stored, &roots), None);
    }

    #[test]
    fn a_dependency_that_names_an_output_is_told() {
        use DependencyKind::{File, Listing, Missing, Path, Tree};
        for (kind, name, expected) in [
            (Path, "<workspace>/out/a.o", true),
            (Path, "<workspace>/other/../out/a.d", true),
            (Missing, "<workspace>/out\0b.h\0a.o\0c.h", true),
            (File, "<workspace>/src/a.c", false),
            (File, "/usr/include/a.out.h", false),
            (Listing, "<workspace>/out", true),
            (Listing, "<workspace>", true),
            (Listing, "/opt", false),
            (Tree, "/elsewhere/out", true),
            (Listing, "/w/out/sub/..", true),
        ] {
            let dependency = Dependency::new(kind, name);
            assert_eq!(names().may_be_in([&dependency].into_iter()), expected, "{name}");
        }
    }
}
