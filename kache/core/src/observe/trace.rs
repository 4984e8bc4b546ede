//! What an observed process tree did, as a list of events.
//!
//! The observer writes the events to a log in memory (`log`); `text` is a form of the same log that a person can read
//! and write.
//!
//! How to read a process tree out of it:
//! - Module ids belong to a pid and the program it runs: a [`EventKind::Start`] without [`flag::FORKED`] begins them anew.
//!   Every id is introduced by a [`EventKind::Module`] ahead of its use, in forked processes too (which have a Start
//!   with that flag, ahead of the first thing they do that is recorded).
//! - A successful [`EventKind::Exec`] that no Start without [`flag::FORKED`] answers, in the same process or in the one that
//!   posix_spawn made, began a program that was not observed (a static one, say). So did one that a Start follows
//!   which is of another program: `collect::unobserved` says how the two are compared.
//! - An Exec that failed is there twice: before the attempt, and again with its error.

use std::fmt;
use std::path::Path;

/// The module of a caller whose code belongs to no loaded object.
pub const UNKNOWN_MODULE: u32 = u32::MAX;

/// Bits of [`TraceEvent::flags`], by the kind of record that has them.
pub mod flag {
    /// Start: the process was forked and goes on with its parent's program.
    pub const FORKED: u8 = 1;
    /// Start: kache is there in the place of the program, and tells all that the program would have done.
    pub const IN_PLACE: u8 = 32;
    /// Start: system calls that the process makes outside libc are recorded too.
    pub const DISPATCHED: u8 = 16;
    /// Read, Write: `O_CREAT`.
    pub const CREATE: u8 = 1;
    /// Read, Write: `O_TRUNC`.
    pub const TRUNCATE: u8 = 2;
    /// Read, Write: `O_EXCL`. Rename: `RENAME_NOREPLACE`.
    pub const EXCLUSIVE: u8 = 4;
    /// Read, Write: `O_APPEND`.
    pub const APPEND: u8 = 8;
    /// Read: `O_DIRECTORY`.
    pub const DIRECTORY: u8 = 16;
    /// Read, Write: the file was there before it was opened in a way that may make or change it.
    pub const THERE: u8 = 32;
    /// Read: the argument was relative.
    pub const READ_RELATIVE: u8 = 64;
    /// Stat, Change: a symbolic link was not followed.
    pub const NO_FOLLOW: u8 = 1;
    /// Stat: it was asked whether the file may be executed.
    pub const MAY_EXECUTE: u8 = 2;
    /// Stat: it was asked whether the file may be written to.
    pub const MAY_WRITE: u8 = 4;
    /// Stat: it was asked whether the file may be read.
    pub const MAY_READ: u8 = 8;
    /// Stat: by a system call outside libc.
    pub const BEYOND_LIBC: u8 = 16;
    /// Stat: of a file that is open, whose path the system told.
    pub const BY_DESCRIPTOR: u8 = 32;
    /// Stat: the caller entered the directory. That tells the caller nothing of the status.
    pub const ENTERED: u8 = 64;
    /// Rename: there was something of the new name before.
    pub const REPLACES: u8 = 1;
    /// Realpath: the argument was relative.
    pub const RELATIVE: u8 = 1;
    /// List: the path is a pattern, or the root of a walk whose steps are not recorded.
    pub const PATTERN: u8 = 1;
    /// List: the whole tree below the path is walked.
    pub const RECURSIVE: u8 = 2;
    /// Exec: `path` is a bare name that is looked for in the directories of `path2`.
    pub const SEARCH: u8 = 1;
    /// Exec: the argument was relative. A posix_spawn may have changed directory before it was resolved.
    pub const EXEC_RELATIVE: u8 = 2;
    /// Exec: libc itself starts the child (`system`, `popen`), so that no Spawned tells its pid.
    pub const BY_LIBC: u8 = 4;
    /// Exec: the program cannot be observed, and runs as if nothing were.
    pub const ALONE: u8 = 16;
    /// Exec: nothing but libc, by names that are recorded, has read the array of variables.
    pub const EXEC_UNREAD: u8 = 8;
    /// Exit: as above.
    pub const EXIT_UNREAD: u8 = 1;
    /// Exit: by a system call of the program's own.
    pub const EXIT_RAW: u8 = 2;
    /// Spawned: by posix_spawn, so that an exec surely took place.
    pub const POSIX_SPAWN: u8 = 1;
    /// Unlink: a directory.
    pub const DIRECTORY_REMOVED: u8 = 1;
    /// Link: symbolic, `path` is its text.
    pub const SYMBOLIC: u8 = 1;
    /// Descriptor: it was asked what it is, and not what it holds.
    pub const ASKED_ABOUT: u8 = 1;
    /// Lookup: what was found is the C library's, and no hook stands in front of it.
    pub const OF_C_LIBRARY: u8 = 1;
    /// HostFact: the program did not ask for the fact but set it, to what `aux` is the hash of.
    pub const SET: u8 = 1;
    /// HostFact: the program did not get the whole answer, so that `aux` says nothing.
    pub const UNANSWERED: u8 = 2;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// What a record says. Paths are absolute and not normalised, unless said otherwise.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum EventKind { $($(#[$doc])* $name = $value,)* }

        impl EventKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &[EventKind] = &[$(EventKind::$name,)*];

            /// The kind with this number.
            pub fn from_number(number: u8) -> Option<EventKind> {
                match number { $($value => Some(EventKind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A process began: `path` is its program, `path2` its working directory, `aux` its parent's pid.
    Start = 1,
    /// An object was loaded: `path` is its file, `module` its id in this process, `aux` where it was loaded.
    Module = 2,
    /// A file was opened for reading; `aux` has the flags of `open`, `path2` what the descriptor is: the device, the number
    /// of the file, its size and the times of its contents and of its last change, in hex with colons between. One opened
    /// for both is a Write too.
    Read = 3,
    /// A file was opened for writing, made, or truncated; `aux` has the flags of `open`.
    Write = 4,
    /// A path was probed; the lower half of `aux` is its `st_mode` where known, the upper half where the call returns to in
    /// its module, where that is known.
    Stat = 5,
    /// A symbolic link was read; `path2` is what it holds.
    Readlink = 6,
    /// A path was resolved; `path2` is the result.
    Realpath = 7,
    /// A directory was listed.
    List = 8,
    /// A program is about to be run.
    Exec = 9,
    /// A child came to be, `aux` is its pid.
    Spawned = 10,
    /// The variable `path` was read, and had the value `path2` unless `errno` is `ENOENT`.
    GetEnv = 11,
    /// A directory was made.
    Mkdir = 12,
    /// `path` was renamed to `path2`; `aux` is the number of the file that was replaced, if it was kept.
    Rename = 13,
    /// A path was removed; `aux` is the number of the file, if it was kept.
    Unlink = 14,
    /// `path2` was made as a link to `path`.
    Link = 15,
    /// The working directory was asked for; once for each module.
    Cwd = 16,
    /// An object is about to be loaded; `path` is the name as it was given.
    Dlopen = 17,
    /// A system call that the observer cannot interpret, `aux` is its number: io_uring, chroot, mount and the like.
    RawSyscall = 18,
    /// A connection was asked for; `path` is the printed address.
    Connect = 19,
    /// A function with changing results was called, `path` is its name; once for each module. A clock is recorded for
    /// each call: `aux` is where the call returns to in its module, `errno` how many times it has been made.
    Volatile = 20,
    /// A process ends in the ordinary way, and all its modules have been recorded.
    Exit = 21,
    /// A symbol was looked up by its name `path`, and its version `path2` if it was named, and no hook was found for it.
    Lookup = 22,
    /// A program asked for a fact about the host: `path` is its name, `path2` a file or a second argument, `aux` the hash
    /// of the answer (`platform::Answer`); once for each module and answer.
    HostFact = 25,
    /// Follows the Start of a program that an exec began: `path` is the name that the kernel was given for it, the
    /// script's where the program is a script's interpreter; `path2` is its `LD_LIBRARY_PATH`.
    Named = 30,
    /// The mode, the owner, the times or the attributes of `path` were changed.
    Change = 31,
    /// What the run was given open was used by its descriptor `aux`; `path` is what the kernel calls it.
    Descriptor = 32,
    /// Follows the Start of a program that began after other code than the compiler's was loaded: `path` is an argument, `aux` its
    /// place, or less than zero if not all are recorded.
    Argument = 33,
    /// From here on, system calls that the process makes outside libc are not recorded. It did system call `aux`.
    Unfollowed = 37,
    /// Something was looked at or changed by a path that the observer could not find out; `aux` is the kind of the record
    /// that this would have been.
    Unlocated = 40,
    /// A process is about to limit its own system calls, and from here on nothing of it is recorded.
    Filtered = 41,
    /// A child was found to have failed: `aux` is its pid, `errno` the status as `wait` gives it.
    Failed = 42,
    /// A program began with arguments that map paths in what it writes; `aux` is their number.
    Maps = 46,
    /// In the place of a program: it is the compiler `path`, whose toolchain matters as a whole. `path2` is the directory from
    /// which the toolchain is chosen.
    Toolchain = 47,
    /// In the place of a program: a dependency of the kind `aux` on the paths that the lines of `path` are.
    Inherited = 48,
}

/// One thing that an observed process did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceEvent<'a> {
    /// What it did.
    pub kind: EventKind,
    /// See [`flag`].
    pub flags: u8,
    /// The error it met, or zero.
    pub errno: u16,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The object whose code did it, by its id in this process, or [`UNKNOWN_MODULE`].
    pub module: u32,
    /// See [`EventKind`].
    pub aux: i64,
    /// See [`EventKind`].
    pub path: &'a [u8],
    /// See [`EventKind`]; empty where it has no meaning.
    pub path2: &'a [u8],
}

impl fmt::Debug for TraceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TraceEvent { kind, flags, errno, pid, tid, module, aux, .. } = self;
        let (path, path2) = (self.path.escape_ascii(), self.path2.escape_ascii());
        write!(
            f,
            "{kind:?} flags={flags} errno={errno} pid={pid}/{tid} module={module} aux={aux} {path} {path2}"
        )
    }
}

/// All events of one run, in the order in which they were recorded.
#[derive(Clone, Debug, Default)]
pub struct Trace<'a> {
    pub events: Vec<TraceEvent<'a>>,
    /// Events were dropped because the log was full.
    pub overflowed: bool,
    /// The number of events that their writers did not finish.
    pub torn: usize,
    /// Where the files are that the run removed: see [`Kept`](super::kept::Kept).
    pub kept: Option<&'a Path>,
}
