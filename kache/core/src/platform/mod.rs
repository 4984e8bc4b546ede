//! The differences between operating systems: stat identity, clocks, locks, cloning of files, replacing the process.
//!
//! The rest of the crate uses these functions. Only this module and `observe` use `cfg(target_os)`.

pub mod disk;
#[cfg(unix)]
pub mod socket;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
#[cfg(windows)]
use std::os::windows::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Mutex;

/// The identity of a file according to its stat. If a settled file has the same identity as before, it has the same contents,
/// because each change of the contents changes the change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatId {
    pub dev: u64,
    pub ino: u64,
    pub size: u64,
    /// Modification time, ns since 1970.
    pub mtime: i64,
    /// Change time, ns since 1970. Programs cannot set it.
    pub ctime: i64,
}

impl StatId {
    /// As the observer writes it: the numbers in hex, with colons between.
    pub fn parse(text: &[u8]) -> Option<StatId> {
        let mut numbers = std::str::from_utf8(text).ok()?.split(':').map(|n| u64::from_str_radix(n, 16).ok());
        let mut next = || numbers.next().flatten();
        let id = StatId {
            dev: next()?,
            ino: next()?,
            size: next()?,
            mtime: next()? as i64,
            ctime: next()? as i64,
        };
        numbers.next().is_none().then_some(id)
    }

    /// Whether it is the same file, with the same contents as far as its times tell. A further name moves the time of
    /// change.
    pub fn is_same_file(&self, other: &StatId) -> bool {
        let of = |id: &StatId| (id.dev, id.ino, id.size, id.mtime);
        of(self) == of(other)
    }
}

/// The status of a process that ended with a code.
pub fn exited(code: u8) -> ExitStatus {
    #[cfg(unix)]
    let raw = i32::from(code) << 8;
    #[cfg(windows)]
    let raw = u32::from(code);
    ExitStatus::from_raw(raw)
}

/// The variable with the directories that the loader searches first for libraries, where that is all that it does.
pub const LIBRARY_PATH: Option<&str> =
    if cfg!(any(windows, target_os = "macos")) { None } else { Some("LD_LIBRARY_PATH") };

/// The values before [`set_variables`].
static GIVEN: Mutex<Vec<(&str, Option<OsString>)>> = Mutex::new(Vec::new());

/// Sets variables of this process, so that what is evaluated here and what a command is given are the same.
pub fn set_variables(variables: Vec<(&'static str, OsString)>) {
    let Ok(mut given) = GIVEN.lock() else { return };
    for (name, value) in variables {
        given.push((name, std::env::var_os(name)));
        // SAFETY: the wrapper has one thread while it plans.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Sets a variable of this process for all that it starts. [`restore_variables`] leaves it.
pub fn hand_on_variable(name: &str, value: &str) {
    // SAFETY: the wrapper has one thread before it plans.
    unsafe { std::env::set_var(name, value) };
}

/// Undoes [`set_variables`].
pub fn restore_variables() {
    let Ok(mut given) = GIVEN.lock() else { return };
    for (name, value) in given.drain(..).rev() {
        match value {
            // SAFETY: the wrapper has one thread once it is to become the compiler.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    File,
    Dir,
    /// A device, a socket or a pipe.
    Other,
}

/// The values of dependencies on paths where nothing is: the first where there is no such name, the others by the error that
/// a program gets instead.
pub const ABSENCES: [&str; 4] =
    ["absent", "absent: below a file", "absent: links that lead in a circle", "absent: too long a name"];

impl FileType {
    /// The value of a dependency on what is at a path.
    pub const fn word(self) -> &'static str {
        match self {
            FileType::File => "file",
            FileType::Dir => "dir",
            FileType::Other => "other",
        }
    }
}

/// What is at a path, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    File,
    Directory,
    Link,
    /// A device, a socket or a pipe.
    Other,
}

impl EntryType {
    fn of(found: std::fs::FileType) -> EntryType {
        match () {
            () if found.is_symlink() => EntryType::Link,
            () if found.is_dir() => EntryType::Directory,
            () if found.is_file() => EntryType::File,
            () => EntryType::Other,
        }
    }
}

/// The offset of the clock in tests, in ns: the file named by `KACHE_FAULT_CLOCK` contains it in seconds. File times are not
/// affected.
#[cfg(feature = "faults")]
fn clock_is_off() -> i64 {
    let file = std::env::var_os("KACHE_FAULT_CLOCK");
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0) * 1_000_000_000
}

/// What a process was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedWith {
    /// The first one is the name of the program.
    pub args: Vec<OsString>,
    pub variables: Vec<(OsString, OsString)>,
    /// The working directory that it has now.
    pub cwd: PathBuf,
    /// The file of its program.
    pub program: PathBuf,
}

impl StartedWith {
    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }
}

/// A running process and its place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    pub parent: u32,
    /// The process group; 0 where the system has none. So is the session.
    pub group: u32,
    pub session: u32,
    /// When it started, in the system's unit.
    pub start: u64,
    /// The name of its program, without a directory. The system may cut it.
    pub program: String,
}

impl Process {
    /// The id and the start time. An id alone is used again.
    pub fn name(&self) -> String {
        format!("{}-{}", self.id, self.start)
    }
}

/// The parent of this process, as far as the system tells. It is looked up once.
pub fn parent_process() -> Option<&'static Process> {
    static PARENT: std::sync::OnceLock<Option<Process>> = std::sync::OnceLock::new();
    PARENT.get_or_init(|| process(parent_of_this_process())).as_ref()
}

/// The parent process, by its id and its start time.
pub fn parent() -> String {
    parent_process().map_or_else(|| format!("{}-", parent_of_this_process()), Process::name)
}

/// The contents of a file of at most 4 kB, or the beginning of a larger one.
pub fn read_small(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = [0; 4096];
    let n = File::open(path).ok()?.read(&mut bytes).ok()?;
    Some(bytes[..n].to_vec())
}

/// A standard stream of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Input,
    Output,
}

/// The entries that a directory has under given names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// None. A new entry would change the directory.
    Nothing,
    /// Only broken links. A link can become valid without a change of the directory.
    DeadLinks,
    Something,
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Opens a regular file. The opening itself changes what is not a regular file: it releases the writer of a named pipe,
/// and makes a device act. Therefore the type is asked for first.
pub fn open_regular(path: &Path) -> io::Result<File> {
    match identity(path)? {
        (FileType::File, _) => open_known_regular(path).map(|(file, _)| file),
        _ => Err(not_regular()),
    }
}

/// Whether a name leads to an entry of a directory only as it is written there.
pub const NAMES_ARE_EXACT: bool = cfg!(target_os = "linux");

/// Opens a file that was a regular one a moment ago. It does not wait, whatever took the file's place meanwhile.
pub fn open_known_regular(path: &Path) -> io::Result<(File, StatId)> {
    let file = open_at_once(path)?;
    match identity_of(&file)? {
        (FileType::File, id) => Ok((file, id)),
        _ => Err(not_regular()),
    }
}

/// The contents of a regular file; see [`open_regular`].
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_regular(path)?.read_to_end(&mut text)?;
    Ok(text)
}

/// The contents of a file that was a regular one a moment ago; see [`open_known_regular`].
pub fn read_known_regular(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, id) = open_known_regular(path)?;
    let mut text = Vec::with_capacity(id.size as usize + 1);
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// The type and identity of the file at a path, following links; `None` if there is none.
pub fn file_type(path: &Path) -> io::Result<Option<(FileType, StatId)>> {
    match identity(path) {
        Ok(there) => Ok(Some(there)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The hash of an answer about the host, as the observer makes it (64-bit FNV-1a).
pub fn answer_hash(answer: &[u8]) -> i64 {
    let hash = answer.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

/// How a file was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The file system shares the blocks.
    Reflink,
    /// The bytes were copied.
    Copy,
}

impl Method {
    /// The word used in events.
    pub fn name(self) -> &'static str {
        match self {
            Method::Reflink => "reflink",
            Method::Copy => "copy",
        }
    }
}
