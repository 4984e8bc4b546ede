//! What `collect` needs to know of the machine.

use crate::digest::Table;
use crate::eval::{self, find_program};
use crate::libraries;
use crate::observe::object::{self as reader, Imports};
use crate::observe::start_clock::{self, StartCalls};
use crate::observe::variables::{self, Use};
use crate::paths::Roots;
use crate::platform::{self, FileType};
use crate::policy::{Passage, passages};
use crate::template;
use foldhash::HashMap;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The machine as it is once the run is over.
pub trait World {
    /// What is at a path, links followed.
    fn file_type(&self, path: &Path) -> Option<FileType>;
    /// Whether anything is at a path, be it a link that leads nowhere.
    fn is_there(&self, path: &Path) -> bool;
    fn read_link(&self, path: &Path) -> Option<PathBuf>;
    /// The names in a directory; none where it cannot be listed.
    fn names(&self, directory: &Path) -> Vec<OsString>;
    fn canonicalize(&self, path: &Path) -> Option<PathBuf>;
    /// Whether a path leads to a file that may be executed.
    fn may_execute(&self, path: &Path) -> bool;
    /// Whether a file that may be executed is neither an object nor a script that names its interpreter.
    fn is_plain_script(&self, path: &Path) -> bool;
    /// The interpreter that a script names.
    fn interpreter(&self, script: &Path) -> Option<PathBuf>;
    /// Whether a process still runs.
    fn is_running(&self, pid: u32) -> bool;
    /// A variable of kache's own environment, which the run was given.
    fn variable(&self, name: &[u8]) -> Option<OsString>;
    /// What the host answers to a question.
    fn host_fact(&self, name: &[u8], about: &[u8]) -> Option<Vec<u8>>;
    /// The file that a bare program name leads to by `PATH`.
    fn program(&self, name: &OsStr) -> Option<PathBuf>;
    /// The library that the loader finds under a name, where no object says otherwise.
    fn library(&self, name: &OsStr) -> Option<PathBuf>;
    /// Whether a file's contents hold all marks of one of the alternatives. A program's show that it is the tool that its
    /// name says.
    fn holds(&self, file: &Path, marks: &[&[&str]]) -> bool;
    /// Whether a file has any of these words, as scripts spell them, beside these passages; `None` where it cannot be read.
    fn has_word(&self, file: &Path, words: &[&str], beside: &[Passage]) -> Option<bool>;
    /// Whether an object has an instruction that calls the kernel; `None` where that cannot be read.
    fn calls_kernel(&self, object: &Path) -> Option<bool>;
    /// What an object takes from others; `None` where that cannot be read.
    fn imports(&self, object: &Path) -> Option<Imports>;
    /// The symbols that a library exports; `None` where that cannot be read.
    fn exports(&self, library: &Path) -> Option<BTreeSet<Vec<u8>>>;
    /// Which of the parts of names occur in the names of an object's functions; `None` where it has been stripped.
    fn functions(&self, object: &Path, parts: &[&'static str]) -> Option<Vec<&'static str>>;
    /// The function that an address in an object lies in: see [`reader::function_at`].
    fn function_at(&self, object: &Path, address: u64) -> Option<Vec<u8>>;
    /// Whether only root can replace the contents of a program's file.
    fn only_root_replaces(&self, program: &Path) -> bool;
    /// What an object does with the array of all variables.
    fn variables(&self, object: &Path, known_constructors: u64) -> Use;
    /// The calls of the clock that a program makes as it starts; `None` where that cannot be learnt.
    fn start_calls(&self, program: &Path, arguments: &[&str]) -> Option<StartCalls>;
}

/// The real machine. It is asked about a path once, however many events name it: a run with configure and make has a million.
pub struct Machine<'a> {
    roots: &'a Roots,
    table: &'a Table,
    types: Memo<Option<FileType>>,
    there: Memo<bool>,
    links: Memo<Option<PathBuf>>,
    real: Memo<Option<PathBuf>>,
    owned_by_root: Memo<bool>,
}

impl Machine<'_> {
    pub fn new<'a>(roots: &'a Roots, table: &'a Table) -> Machine<'a> {
        Machine {
            roots,
            table,
            types: Memo::default(),
            there: Memo::default(),
            links: Memo::default(),
            real: Memo::default(),
            owned_by_root: Memo::default(),
        }
    }
}

/// Answers by path, or rather by its bytes: a path is hashed part by part.
struct Memo<T>(RefCell<HashMap<OsString, T>>);

impl<T> Default for Memo<T> {
    fn default() -> Memo<T> {
        Memo(RefCell::default())
    }
}

impl<T: Clone> Memo<T> {
    fn get(&self, path: &Path, ask: impl FnOnce() -> T) -> T {
        if let Some(known) = self.0.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let answer = ask();
        self.0.borrow_mut().insert(path.into(), answer.clone());
        answer
    }
}

impl World for Machine<'_> {
    fn file_type(&self, path: &Path) -> Option<FileType> {
        self.types.get(path, || {
            let found = path.metadata().ok()?.file_type();
            Some(match () {
                () if found.is_file() => FileType::File,
                () if found.is_dir() => FileType::Dir,
                () => FileType::Other,
            })
        })
    }

    fn is_there(&self, path: &Path) -> bool {
        self.there.get(path, || path.symlink_metadata().is_ok())
    }

    fn names(&self, directory: &Path) -> Vec<OsString> {
        eval::names(directory).unwrap_or_default()
    }

    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        self.links.get(path, || path.read_link().ok())
    }

    fn canonicalize(&self, path: &Path) -> Option<PathBuf> {
        self.real.get(path, || match (path.parent(), path.file_name()) {
            // The files of a run share directories. The system resolves each part of each path anew.
            (Some(directory), Some(name)) if platform::NAMES_ARE_EXACT && path.is_absolute() => {
                let entry = self.canonicalize(directory)?.join(name);
                match entry.read_link() {
                    Ok(_) => path.canonicalize().ok(),
                    Err(e) => (e.kind() == ErrorKind::InvalidInput).then_some(entry),
                }
            }
            _ => path.canonicalize().ok(),
        })
    }

    fn may_execute(&self, path: &Path) -> bool {
        path.is_file() && platform::may_execute(path)
    }

    fn is_plain_script(&self, path: &Path) -> bool {
        let mut head = [0; 4];
        let read = platform::open_regular(path).and_then(|file| platform::read_at(&file, &mut head, 0));
        read.is_ok() && &head != b"\x7fELF" && !head.starts_with(b"#!")
    }

    fn interpreter(&self, script: &Path) -> Option<PathBuf> {
        let mut head = [0; 256];
        let n = platform::read_at(&platform::open_regular(script).ok()?, &mut head, 0).ok()?;
        let line = head[..n].strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?.trim_ascii_start();
        let name = line.split(u8::is_ascii_whitespace).next().filter(|name| !name.is_empty())?;
        Some(PathBuf::from(platform::os_str(name)))
    }

    fn is_running(&self, pid: u32) -> bool {
        platform::is_running(pid)
    }

    fn variable(&self, name: &[u8]) -> Option<OsString> {
        std::env::var_os(platform::os_str(name))
    }

    fn host_fact(&self, name: &[u8], about: &[u8]) -> Option<Vec<u8>> {
        platform::host_fact(name, about)
    }

    fn program(&self, name: &OsStr) -> Option<PathBuf> {
        find_program(name, self.roots)
    }

    fn library(&self, name: &OsStr) -> Option<PathBuf> {
        libraries::find(name)
    }

    fn holds(&self, file: &Path, marks: &[&[&str]]) -> bool {
        let test = format!("tool {marks:?}");
        let is_held = |contents: &[u8]| {
            let holds = |mark: &&str| template::contains(contents, mark.as_bytes());
            marks.iter().any(|all| all.iter().all(holds))
        };
        self.table.passes(file, &test, is_held).unwrap_or(false)
    }

    fn has_word(&self, file: &Path, words: &[&str], beside: &[Passage]) -> Option<bool> {
        let has = |text: &[u8]| passages::has_word(text, words, beside);
        let test = format!("word {words:?} beside {beside:?}");
        match platform::file_type(file).ok()?? {
            (FileType::File, _) => self.table.passes(file, &test, has).ok(),
            // A directory holds no script; a pipe or a device may.
            (sort, _) => Some(sort != FileType::Dir),
        }
    }

    fn calls_kernel(&self, object: &Path) -> Option<bool> {
        reader::calls_kernel(object)
    }

    fn imports(&self, object: &Path) -> Option<Imports> {
        reader::imports(object)
    }

    fn exports(&self, library: &Path) -> Option<BTreeSet<Vec<u8>>> {
        reader::exports(library)
    }

    fn functions(&self, object: &Path, parts: &[&'static str]) -> Option<Vec<&'static str>> {
        reader::functions(object, parts)
    }

    fn function_at(&self, object: &Path, address: u64) -> Option<Vec<u8>> {
        reader::function_at(object, address)
    }

    fn only_root_replaces(&self, program: &Path) -> bool {
        self.owned_by_root.get(program, || platform::only_root_replaces(program))
    }

    fn variables(&self, object: &Path, known_constructors: u64) -> Use {
        variables::used_by(object, known_constructors)
    }

    fn start_calls(&self, program: &Path, arguments: &[&str]) -> Option<StartCalls> {
        start_clock::ask(program, arguments)
    }
}
