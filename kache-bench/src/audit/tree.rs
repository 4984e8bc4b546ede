//! Derives the accesses of a process tree from its system calls.
//!
//! kache is the first process of the tree, and its own accesses are not part of a compile: a process counts
//! from the moment at which it executes another program. So it is with a kache that a script's compiler is
//! behind. System calls show which program made an access, but
//! not which code within the process.

use super::lists::is_tool;
use crate::system::platform::os_string;
use crate::system::strace::{Argument, Call};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

/// The result of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessKind {
    /// Opened for reading, or executed.
    Read,
    /// Queried, or opened as a directory, and exists.
    Probed,
    Absent,
    Listed,
    /// A link that was read.
    Followed,
    /// Exists and is not a link.
    NoLink,
    /// An extended attribute was read, or all were listed.
    Attribute,
    /// Removed, or its mode, owner, times, length or attributes set.
    Changed,
    /// Another process or host, by its address.
    Socket,
    /// A descriptor that the tree did not open, read.
    Inherited,
}

impl AccessKind {
    pub fn word(self) -> &'static str {
        match self {
            AccessKind::Read => "read",
            AccessKind::Probed => "probed",
            AccessKind::Absent => "not found",
            AccessKind::Listed => "listed",
            AccessKind::Followed => "read as a link",
            AccessKind::NoLink => "found to be no link",
            AccessKind::Attribute => "asked for attributes",
            AccessKind::Changed => "changed",
            AccessKind::Socket => "connected to",
            AccessKind::Inherited => "read as inherited",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// Absolute, as given, without `.` and doubled slashes.
    pub path: PathBuf,
    pub kind: AccessKind,
    /// File name of the program.
    pub program: String,
}

#[derive(Debug, Default)]
pub struct Tree {
    /// Each access once, with whether the tree had created the target by then.
    pub looks: BTreeMap<Access, bool>,
    /// Everything that the tree created: files, directories, links.
    pub made: HashSet<PathBuf>,
    pub programs: HashSet<PathBuf>,
    /// kache's file.
    kache: Option<PathBuf>,
    /// The processes that were kache.
    kaches: HashSet<u32>,
    /// Files that a program opened after its start, when the loader had finished.
    opened_later: HashSet<Access>,
    threads: HashMap<u32, Thread>,
    /// The descriptors that each process opened or has from one that did. None is forgotten when it is closed.
    descriptors: HashMap<u32, HashSet<i64>>,
    root: Option<u32>,
    cwd: PathBuf,
    /// How each thread began, for each use of its id.
    births: HashMap<u32, VecDeque<Birth>>,
    /// Threads seen before the call that created them returned.
    hasty: HashSet<u32>,
}

/// Calls that return a descriptor.
const OPENS: [&str; 15] = [
    "open",
    "openat",
    "openat2",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "memfd_create",
    "socket",
    "accept",
    "accept4",
    "eventfd2",
    "epoll_create1",
    "pidfd_open",
];

/// Calls that change a file, or what is known of it, by its path.
const CHANGES: [&str; 17] = [
    "unlink",
    "unlinkat",
    "rmdir",
    "chmod",
    "fchmodat",
    "chown",
    "lchown",
    "fchownat",
    "truncate",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "removexattr",
    "lremovexattr",
];

/// The numbers of a pair: `[3<pipe:[7]>, 4<pipe:[7]>]`.
fn numbers(pair: &str) -> Vec<i64> {
    let words = pair.trim_matches(['[', ']']).split(", ");
    words.filter_map(|word| word.split('<').next()?.parse().ok()).collect()
}

#[derive(Clone, Copy, Debug)]
struct Birth {
    parent: u32,
    /// Whether it is in the same process.
    thread: bool,
}

fn birth(call: &Call) -> Option<(u32, Birth)> {
    let child = u32::try_from(*call.result.as_ref().ok()?).ok().filter(|n| *n > 0)?;
    matches!(call.name.as_str(), "clone" | "clone3" | "fork" | "vfork").then_some(())?;
    let thread = call.arguments.iter().any(|a| a.words().contains("CLONE_THREAD"));
    Some((child, Birth { parent: call.thread, thread }))
}

#[derive(Clone, Debug, Default)]
struct Thread {
    process: u32,
    cwd: PathBuf,
    /// `None` while it is kache.
    program: Option<String>,
    /// Whether it has opened a file that the loader does not open.
    started: bool,
}

impl Tree {
    /// Reads the calls of a run that began in `cwd`.
    pub fn of(calls: &[Call], cwd: &Path) -> Tree {
        let mut tree = Tree { cwd: cwd.to_path_buf(), ..Tree::default() };
        for (child, birth) in calls.iter().filter_map(birth) {
            tree.births.entry(child).or_default().push_back(birth);
        }
        for call in calls {
            tree.take(call);
        }
        tree
    }

    fn take(&mut self, call: &Call) {
        self.begin(call.thread);
        self.opened(call);
        match call.name.as_str() {
            "clone" | "clone3" | "fork" | "vfork" => self.fork(call),
            "execve" | "execveat" => self.exec(call),
            "chdir" | "fchdir" => self.move_to(call),
            "getdents" | "getdents64" => {
                if let Some(dir) =
                    call.arguments.first().and_then(Argument::path).filter(|p| p.starts_with(b"/"))
                {
                    self.look(call.thread, PathBuf::from(os_string(dir)), AccessKind::Listed);
                }
            }
            "open" | "openat" | "openat2" | "creat" => self.open(call),
            "mkdir" | "mkdirat" | "mknod" | "mknodat" | "symlink" | "symlinkat" => self.make(call, 1),
            "link" | "linkat" | "rename" | "renameat" | "renameat2" => self.make(call, 2),
            "readlink" | "readlinkat" => self.readlink(call),
            "getcwd" | "exit" | "exit_group" | "memfd_create" => {}
            "read" | "pread64" | "readv" => self.read(call),
            "connect" | "bind" | "sendto" => self.address(call),
            name if name.contains("xattr") && !name.contains("set") && !name.contains("remove") => {
                self.attribute(call);
            }
            name if CHANGES.contains(&name) && call.result.is_ok() => self.change(call),
            _ => self.probe(call),
        }
    }

    /// Handles a new thread. The first one is kache; others were created by a known thread, possibly before
    /// that call returned.
    fn begin(&mut self, thread: u32) {
        if self.threads.contains_key(&thread) {
            return;
        }
        if self.root.is_none() {
            self.root = Some(thread);
            let cwd = self.cwd.clone();
            self.threads.insert(thread, Thread { process: thread, cwd, program: None, started: false });
        } else if let Some(birth) = self.births.get_mut(&thread).and_then(VecDeque::pop_front) {
            self.hasty.insert(thread);
            self.bear(thread, &birth);
        }
    }

    fn bear(&mut self, child: u32, birth: &Birth) {
        // An unknown creator has itself been seen before the call that created it.
        self.begin(birth.parent);
        let Some(parent) = self.threads.get(&birth.parent).cloned() else { return };
        let process = if birth.thread { parent.process } else { child };
        if !birth.thread {
            let inherited = self.descriptors.get(&parent.process).cloned().unwrap_or_default();
            self.descriptors.insert(process, inherited);
        }
        self.threads.insert(child, Thread { process, ..parent });
    }

    fn fork(&mut self, call: &Call) {
        let Some((child, _)) = birth(call) else { return };
        if self.hasty.remove(&child) {
            return;
        }
        if let Some(birth) = self.births.get_mut(&child).and_then(VecDeque::pop_front) {
            self.bear(child, &birth);
        }
    }

    fn exec(&mut self, call: &Call) {
        let Some(path) = self.path_of(call, 0) else { return };
        let own = Some(call.thread) == self.root && self.programs.is_empty();
        if call.result.is_err() {
            return self.failed(call, path);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if own {
            self.kaches.insert(call.thread);
            self.kache = Some(path.clone());
            self.programs.insert(path);
            return;
        }
        let cwd = self.cwd_of(call.thread);
        if self.kache.as_ref() == Some(&path) {
            self.kaches.insert(call.thread);
            self.threads
                .insert(call.thread, Thread { process: call.thread, cwd, program: None, started: false });
            return;
        }
        self.programs.insert(path.clone());
        self.threads
            .insert(call.thread, Thread { process: call.thread, cwd, program: Some(name), started: false });
        self.look(call.thread, path, AccessKind::Read);
    }

    fn move_to(&mut self, call: &Call) {
        if call.result.is_err() {
            return self.probe(call);
        }
        let to = match call.name.as_str() {
            "fchdir" => call.arguments.first().and_then(Argument::path).map(|p| PathBuf::from(os_string(p))),
            _ => self.path_of(call, 0),
        };
        let process = self.threads.get(&call.thread).map(|t| t.process);
        let Some(to) = to else { return };
        self.look(call.thread, to.clone(), AccessKind::Probed);
        for thread in self.threads.values_mut().filter(|t| Some(t.process) == process) {
            thread.cwd = to.clone();
        }
    }

    fn open(&mut self, call: &Call) {
        let Some(path) = self.path_of(call, 0) else { return };
        let flags: String = call.arguments.iter().map(Argument::words).collect::<Vec<_>>().join(" ");
        let has = |flag: &str| flags.contains(flag);
        if call.result.is_err() {
            return self.failed(call, path);
        }
        let writes = has("O_WRONLY") || has("O_RDWR") || call.name == "creat";
        if has("O_TMPFILE") {
            return self.look(call.thread, path, AccessKind::Probed);
        }
        if has("O_DIRECTORY") || has("O_PATH") {
            return self.look(call.thread, path, AccessKind::Probed);
        }
        let anew = has("O_TRUNC") || has("O_EXCL") || call.name == "creat";
        if !has("O_WRONLY") && call.name != "creat" && !anew {
            let kind = if path.is_dir() { AccessKind::Probed } else { AccessKind::Read };
            self.look(call.thread, path.clone(), kind);
            self.later(call.thread, &path);
        }
        if writes {
            self.made(call.thread, path);
        }
    }

    /// Records opened files after the loader has finished, which is when the first file that is not a library
    /// was opened.
    fn later(&mut self, thread: u32, path: &Path) {
        let Some(thread) = self.threads.get_mut(&thread) else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        thread.started |= !name.contains(".so") && !path.starts_with("/etc");
        if let Some(program) = thread.program.clone().filter(|_| thread.started) {
            self.opened_later.insert(Access { path: clean(path), kind: AccessKind::Read, program });
        }
    }

    /// Whether a tool opened a library itself, as a linker does.
    pub fn is_tools_own(&self, access: &Access) -> bool {
        is_tool(&access.program) && self.opened_later.contains(access)
    }

    fn make(&mut self, call: &Call, paths: usize) {
        let all: Vec<PathBuf> = self.paths_of(call);
        let Some(made) = all.last().cloned() else { return };
        if call.result.is_err() {
            return self.failed(call, made);
        }
        if paths == 2
            && let Some(from) = all.first()
        {
            // A renamed directory includes its contents.
            let within: Vec<PathBuf> = self
                .made
                .iter()
                .filter_map(|p| Some(made.join(p.strip_prefix(from).ok()?)).filter(|q| *q != made.join("")))
                .collect();
            self.made.extend(within);
            if !self.is_made(from) && !from.starts_with("/proc") {
                self.look(call.thread, from.clone(), AccessKind::Read);
            }
        }
        self.made(call.thread, made);
    }

    fn readlink(&mut self, call: &Call) {
        let Some(path) = self.path_of(call, 0) else { return };
        match &call.result {
            Ok(_) => self.look(call.thread, path, AccessKind::Followed),
            Err(e) if e == "EINVAL" => self.look(call.thread, path, AccessKind::NoLink),
            Err(_) => self.failed(call, path),
        }
    }

    /// A call that takes a path and shows by its result whether the path exists.
    fn probe(&mut self, call: &Call) {
        let Some(path) = self.path_of(call, 0) else { return };
        match call.result {
            Ok(_) => self.look(call.thread, path, AccessKind::Probed),
            Err(_) => self.failed(call, path),
        }
    }

    fn failed(&mut self, call: &Call, path: PathBuf) {
        let kind = match call.result.as_ref().err().map(String::as_str) {
            Some("ENOENT" | "ENOTDIR") => AccessKind::Absent,
            Some("?") | None => return,
            _ => AccessKind::Probed,
        };
        self.look(call.thread, path, kind);
    }

    /// Notes the descriptors that a call returned.
    fn opened(&mut self, call: &Call) {
        let Ok(result) = call.result else { return };
        let pair = |at: usize| call.arguments.get(at).map(|pair| numbers(pair.words())).unwrap_or_default();
        let new = match call.name.as_str() {
            "pipe" | "pipe2" => pair(0),
            "socketpair" => pair(3),
            "fcntl" if !call.arguments.iter().any(|a| a.words().contains("F_DUPFD")) => return,
            name if OPENS.contains(&name) => vec![result],
            _ => return,
        };
        let process = self.threads.get(&call.thread).map_or(call.thread, |t| t.process);
        self.descriptors.entry(process).or_default().extend(new);
    }

    /// The numbers of the standard streams are the caller's; any other descriptor must have been opened here.
    fn read(&mut self, call: &Call) {
        let Some(number) =
            call.arguments.first().and_then(|a| i64::from_str_radix(a.words().strip_prefix("0x")?, 16).ok())
        else {
            return;
        };
        let process = self.threads.get(&call.thread).map_or(call.thread, |t| t.process);
        let is_own = self.descriptors.get(&process).is_some_and(|own| own.contains(&number));
        if call.result.is_ok() && number > 2 && !is_own {
            self.look(call.thread, PathBuf::from(format!("/descriptor/{number}")), AccessKind::Inherited);
        }
    }

    /// A call that may have the address of another process or host.
    fn address(&mut self, call: &Call) {
        let addresses = call.arguments.iter().filter(|a| a.words().starts_with("{sa_family="));
        for words in addresses.map(Argument::words) {
            let path = words.split_once("sun_path=\"").and_then(|(_, path)| path.split('"').next());
            self.look(call.thread, PathBuf::from(path.unwrap_or(words)), AccessKind::Socket);
        }
    }

    /// A call that asks for attributes, by path or by descriptor.
    fn attribute(&mut self, call: &Call) {
        let path = match call.arguments.first() {
            Some(Argument::Descriptor(path)) => Some(PathBuf::from(os_string(path))),
            _ => self.path_of(call, 0),
        };
        let is_asked = !matches!(
            call.result.as_ref().err().map(String::as_str),
            Some("ENOENT" | "ENOTDIR" | "EBADF" | "?")
        );
        match path {
            Some(path) if is_asked => self.look(call.thread, path, AccessKind::Attribute),
            Some(path) => self.failed(call, path),
            None => {}
        }
    }

    fn change(&mut self, call: &Call) {
        if let Some(path) = self.path_of(call, 0) {
            self.look(call.thread, path, AccessKind::Changed);
        }
    }

    /// The process ids of kache: of the first, and of those within a script.
    pub fn kaches(&self) -> impl Iterator<Item = u32> {
        self.kaches.iter().copied()
    }

    /// Whether a file is kache's.
    pub fn is_kache(&self, path: &Path) -> bool {
        self.kache.as_deref() == Some(path)
    }

    fn look(&mut self, thread: u32, path: PathBuf, kind: AccessKind) {
        let Some(program) = self.threads.get(&thread).and_then(|t| t.program.clone()) else { return };
        let path = clean(&path);
        let made = self.is_made(&path);
        self.looks
            .entry(Access { path, kind, program })
            .and_modify(|recorded_paths| *recorded_paths &= made)
            .or_insert(made);
    }

    fn made(&mut self, thread: u32, path: PathBuf) {
        // A kache within a script may restore what its compiler would have made.
        let is_inner = |t: &Thread| t.program.is_some() || Some(t.process) != self.root;
        if self.threads.get(&thread).is_some_and(is_inner) {
            self.made.insert(clean(&path));
        }
    }

    /// Whether the tree created a path or a directory above it.
    pub fn is_made(&self, path: &Path) -> bool {
        path.ancestors().any(|a| self.made.contains(a))
    }

    fn cwd_of(&self, thread: u32) -> PathBuf {
        self.threads.get(&thread).map_or(&self.cwd, |t| &t.cwd).clone()
    }

    fn path_of(&self, call: &Call, at: usize) -> Option<PathBuf> {
        self.paths_of(call).into_iter().nth(at)
    }

    /// The path arguments, relative to the descriptor before them or else to the working directory.
    fn paths_of(&self, call: &Call) -> Vec<PathBuf> {
        let mut out = Vec::new();
        let mut base: Option<PathBuf> = None;
        for argument in &call.arguments {
            match argument {
                Argument::Descriptor(dir) => base = Some(PathBuf::from(os_string(dir))),
                Argument::Text(path) if path.is_empty() => base = None,
                Argument::Text(path) => {
                    let base = base.take().unwrap_or_else(|| self.cwd_of(call.thread));
                    out.push(base.join(os_string(path)));
                }
                Argument::Other(_) => {}
            }
        }
        out
    }
}

/// Removes `.` components and doubled slashes; `..` stays.
pub fn clean(path: &Path) -> PathBuf {
    path.components().collect()
}

#[cfg(test)]
mod tests;
