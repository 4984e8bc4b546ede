//! An action: a command line, understood. A value; nothing in it refers to the front end that made it.

use crate::dependency::Dependency;
use crate::digest::Digest;
use crate::eval::find_program;
use crate::events::{Kind, Unit};
use crate::key_trace::{Component, Part};
use crate::paths::{Roots, absolute};
use crate::platform;
use crate::template::Format;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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

/// Which files a command may leave.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub names: OutputNames,
    /// Outputs that are text with paths in it: stored as path templates.
    pub templates: Vec<(PathBuf, Format)>,
    /// Whether the command makes the directory that it writes to.
    pub create_dirs: bool,
}

impl Outputs {
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
