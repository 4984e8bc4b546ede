//! From the observer's log to the set of dependencies that a result depends on.
//!
//! The log is walked once, in order. Each record is asked: whose code did this (the compiler's own, a tool's, or any
//! other's), was the thing made by this very run, does a row of `tables` excuse it, does the toolchain's identity
//! speak for it? What is left is a [`Dependency`].
//!
//! | done by | own code (compiler, linker, assembler) | any other (proc macro, spawned program) |
//! | --- | --- | --- |
//! | opens a file | contents | contents |
//! | finds nothing there | absence | absence |
//! | probes | what sort of thing is there | contents of a file, sort of anything else; the link, where one would not be followed |
//! | probes, in C | contents of a file, sort of anything else, and the links on the way: a C compiler knows files and directories again by their identity | as above |
//! | lists | nothing where only crates of crates are searched (their metadata has their hashes); else the names that could be crates | the names, and of what sort each is |
//! | reads a link, resolves a path | that something is there or not: what it leads to is opened by name | the links on the way; the working directory where the path was relative |
//! | reads a variable | by `tables::IGNORED_ENV`, `COMPILER_ENV`; a path by `include` | by `tables::IGNORED_FOR_MACROS`; a path by `LOCATORS` |
//! | may read all variables (imports `environ`) | nothing | all variables but those ignored for macros; a script but those ignored for it; a linker script by `LOCATORS`, and what it starts: with paths as portable ones |
//! | has a function that tells times or permissions (`tables::TELLS_STATUS`) | nothing | those of the files that it opens or probes |
//! | asks how many processors there are | nothing | their number and sort |
//! | asks for the working directory | nothing | where that is, literally; not of a linker script by `LOCATORS` |
//! | has a function that tells paths (`tables::TELLS_PLACE`) | nothing | where the working directory and all roots are, literally |
//! | takes the standard library from the compiler's | nothing | the result cannot be stored |
//! | has an instruction that calls the kernel (or, on machines whose code is not read, functions by `tables::UNSEEN_CALLS`) | nothing | the result cannot be stored |
//! | asks who and where it is | nothing | host, user |
//! | reads the clock, connects | nothing | the result cannot be stored |
//! | runs a program | the program found under that name, and its file | as left |
//! | loads a library | contents, and what its name leads to; the C runtime excepted | the same |
//! | makes a link | contents of the file that it leads to | the same; one to a directory and the result cannot be stored |
//! | leaves a file behind that is no output | the result cannot be stored | the result cannot be stored |

mod files;
mod programs;

use crate::invocation::Invocation;
use crate::tables;
use crate::toolchain::Toolchain;
use kache_core::collected::{Collected, Step};
use kache_core::dependency::{Dependency, Kind as DependencyKind};
use kache_core::observe::log::{self, Kind, Record, flag};
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// rustc itself.
    Compiler,
    /// A linker, an assembler.
    Tool,
    /// Anything else.
    Other,
}

struct Process {
    class: Class,
    /// Started, at whatever remove, by code that is not the compiler's: nothing it does is excused as a tool's.
    foreign: bool,
    /// A script in the linker's place that is said to use paths only to find files, or something that it started.
    locates: bool,
    name: String,
    /// By module id: whether its code is the program's own.
    own: HashMap<u32, bool>,
    /// Modules that can tell times and permissions of files.
    tells_status: HashSet<u32>,
    /// The directory that it began in.
    cwd: PathBuf,
    /// By module id: the crate that a loaded proc macro was made from.
    crates: HashMap<u32, String>,
    /// Modules recorded before anything else belong to the program as it was linked.
    starting: bool,
}

impl Process {
    fn begun(class: Class, foreign: bool, locates: bool, name: String, cwd: PathBuf) -> Process {
        let (own, crates, tells_status) = (HashMap::new(), HashMap::new(), HashSet::new());
        Process { class, foreign, locates, name, own, crates, tells_status, cwd, starting: true }
    }
}

/// What the walk needs to know of the invocation.
pub struct Collector<'a> {
    /// What was asked.
    pub invocation: &'a Invocation,
    /// Who compiled.
    pub toolchain: &'a Toolchain,
    /// The named places.
    pub roots: &'a Roots,
    /// The linker's file, if the invocation has one.
    pub linker: Option<PathBuf>,
    /// Proc macros and linker scripts that the user says use a path only to find files, beside `tables::LOCATORS`.
    pub locators: &'a [String],
    processes: HashMap<u32, Process>,
    made: HashSet<Vec<u8>>,
    made_dirs: HashSet<Vec<u8>>,
    /// Directories that are known to have no link on the way to them.
    straight: HashSet<PathBuf>,
    temporary: Vec<Vec<u8>>,
    /// Objects whose code has been read for calls of the kernel.
    examined: HashSet<PathBuf>,
    steps: BTreeMap<(u32, u32), Vec<Step>>,
    /// Variables that other code than the compiler's read: what it did with them no include can prove.
    read_by_others: BTreeSet<Vec<u8>>,
    /// Files that are named like outputs and were opened: inputs, unless the run makes them itself.
    perhaps_inputs: BTreeSet<Vec<u8>>,
    /// By child: who started it, and in which process.
    spawned: HashMap<u32, (u32, u32)>,
    /// What a process was last told to become, as it was named: the script's name where an interpreter runs.
    told: HashMap<u32, Vec<u8>>,
    /// Whether the last program that a process became, or had libc start, was its own code's doing.
    exec_own: HashMap<u32, bool>,
    /// Files that were read when this run had not yet made them.
    read_before_made: HashSet<Vec<u8>>,
    /// Response files that the driver has opened.
    responses: HashSet<Vec<u8>>,
    /// Whether the record at hand is of code that the compiler did not start for its own ends.
    foreign: bool,
    out: Collected,
    root_pid: u32,
}

impl<'a> Collector<'a> {
    /// Ready to walk.
    pub fn new(
        invocation: &'a Invocation,
        toolchain: &'a Toolchain,
        roots: &'a Roots,
        linker: Option<PathBuf>,
        locators: &'a [String],
    ) -> Self {
        Collector {
            invocation,
            toolchain,
            roots,
            linker,
            locators,
            processes: HashMap::new(),
            made: HashSet::new(),
            made_dirs: HashSet::new(),
            straight: HashSet::new(),
            temporary: files::temporary_dirs(),
            examined: HashSet::new(),
            steps: BTreeMap::new(),
            read_by_others: BTreeSet::new(),
            perhaps_inputs: BTreeSet::new(),
            spawned: HashMap::new(),
            told: HashMap::new(),
            exec_own: HashMap::new(),
            read_before_made: HashSet::new(),
            responses: HashSet::new(),
            foreign: false,
            out: Collected::default(),
            root_pid: 0,
        }
    }

    /// Walks a log.
    pub fn walk(mut self, log: &log::Log) -> Collected {
        if log.overflowed() {
            self.refuse(Reason::ObserverOverflow, "more was looked at than the observer's log holds");
        }
        for r in log.records().filter(|r| r.kind == Kind::Spawned && r.errno == 0) {
            let Ok(child) = u32::try_from(r.aux) else { continue };
            self.spawned.insert(child, (r.pid, r.module));
            if r.flags & flag::POSIX_SPAWN != 0 {
                self.told.insert(child, r.path.to_vec());
            }
        }
        let mut records = log.records();
        for record in records.by_ref() {
            self.record(&record);
        }
        if records.torn() > 0 {
            self.refuse(Reason::ObserverTorn, "a process was killed while it wrote to the observer's log");
        }
        self.unobserved(log);
        self.left_behind();
        let others = std::mem::take(&mut self.read_by_others);
        self.out.candidates.retain(|name| !others.contains(name));
        self.out.steps = self.steps.into_values().collect();
        self.out
    }

    fn refuse(&mut self, reason: Reason, detail: impl Into<String>) {
        if self.out.refused.is_none() {
            self.out.refused = Some(NotCacheable::new(reason, detail));
        }
    }

    fn record(&mut self, r: &Record) {
        if r.kind == Kind::Start {
            return self.start(r);
        }
        if r.kind == Kind::Module {
            return self.module(r);
        }
        if r.kind == Kind::Exit {
            return;
        }
        let Some(process) = self.processes.get_mut(&r.pid) else {
            return self
                .refuse(Reason::ObserverTorn, "a process wrote to the observer's log without having begun");
        };
        process.starting = false;
        let (foreign, class, locates) = (process.foreign, process.class, process.locates);
        let own = match class {
            Class::Other => false,
            Class::Tool => true,
            Class::Compiler => process.own.get(&r.module).copied().unwrap_or(false),
        };
        let status = process.tells_status.contains(&r.module);
        let real = own.then(|| real_name(r.path, &process.cwd)).flatten();
        let r = &Record { path: real.as_deref().unwrap_or(r.path), ..*r };
        self.foreign = foreign || !own && class == Class::Compiler;
        if status && r.errno == 0 && matches!(r.kind, Kind::Read | Kind::Stat) {
            self.status(r);
        }
        match r.kind {
            Kind::Read => self.read(r, own),
            Kind::Stat => self.probe(r, own),
            Kind::Write => self.write(r, own),
            Kind::Mkdir if r.errno == 0 => {
                self.made_dirs.insert(clean(r.path));
            }
            Kind::Rename if r.errno == 0 => self.rename(r),
            Kind::Link if r.errno == 0 => self.link(r, own),
            Kind::Unlink if r.errno == 0 => self.unlink(r, own),
            Kind::Readlink => self.readlink(r, own),
            Kind::Realpath => self.realpath(r, own),
            Kind::List => self.list(r, own),
            Kind::Exec if r.errno == 0 => self.exec(r, own),
            Kind::GetEnv => self.getenv(r, own),
            Kind::Dlopen if !own && !r.path.is_empty() => self.dlopen(r),
            Kind::Cwd if !own && !locates => self.look(DependencyKind::Cwd, b""),
            Kind::Connect if !own => {
                let to = String::from_utf8_lossy(r.path).into_owned();
                self.refuse(Reason::Network, format!("{} connected to {to}", self.name_of(r)));
            }
            Kind::Volatile if !own => self.volatile(r),
            Kind::RawSyscall if !own => {
                let name = self.name_of(r);
                let what = match r.path {
                    b"" => format!("made system call {}", r.aux),
                    function => format!("called {}", String::from_utf8_lossy(function)),
                };
                self.refuse(Reason::RawSyscall, format!("{name} {what}, which the observer cannot follow"));
            }
            _ => {}
        }
    }

    fn name_of(&self, r: &Record) -> String {
        self.processes.get(&r.pid).map(|p| p.name.clone()).unwrap_or_default()
    }

    /// A library that is loaded by name may not be there; one that is there is recorded as it is loaded.
    fn dlopen(&mut self, r: &Record) {
        if !r.path.contains(&b'/') {
            return self.look(DependencyKind::Library, r.path);
        }
        let path = kache_core::paths::absolute(&self.invocation.cwd, Path::new(platform::os_str(r.path)));
        self.presence(path.as_os_str().as_encoded_bytes(), path.symlink_metadata().is_err(), false);
    }

    fn computed(&mut self, function: &str, name: &[u8]) {
        self.out.dependencies.insert(Dependency::computed(function, name));
    }

    fn look(&mut self, kind: DependencyKind, name: &[u8]) {
        self.out.dependencies.insert(Dependency::new(kind, name));
    }

    fn getenv(&mut self, r: &Record, own: bool) {
        let class = self.processes.get(&r.pid).map_or(Class::Other, |p| p.class);
        // libc's conversion of a time asks for the zone: of `__DATE__`, `__TIME__` and `__TIMESTAMP__`.
        if own && !self.invocation.language.is_rust() && r.path == b"TZ" {
            let what = "a date or time of the build is in the source (__DATE__, __TIME__, __TIMESTAMP__)";
            return self.refuse(Reason::Clock, what);
        }
        if own && class == Class::Compiler {
            self.step(r, Step::Looked(r.path.to_vec()));
        }
        let foreign = self.foreign;
        let row = match (class, own) {
            (_, false) if foreign => tables::ignored_for_macros(r.path),
            (_, true) => tables::ignored_env(r.path).or_else(|| tables::compiler_env(r.path)),
            (_, false) => tables::ignored_env(r.path),
        };
        // A value that is not ours was set inside the tree, by something whose own inputs are observed.
        let ours = std::env::var_os(platform::os_str(r.path));
        let seen = (r.errno == 0).then_some(r.path2);
        let cut = r.path2.len() >= 65_000;
        if row.is_some() || !cut && ours.as_ref().map(|v| v.as_encoded_bytes()) != seen {
            return;
        }
        let compiler = own && class == Class::Compiler;
        if compiler && r.errno == 0 && self.invocation.language.is_rust() {
            self.out.candidates.insert(r.path.to_vec());
        }
        let process = self.processes.get(&r.pid);
        let mut locates = process.is_some_and(|p| p.locates);
        if let Some(name) = process.and_then(|p| p.crates.get(&r.module)).cloned() {
            locates |= self.is_locator(&name);
            self.out.readers.entry(r.path.to_vec()).or_default().insert(name);
        }
        if locates && self.roots.portable(r.path2) != r.path2 {
            return self.look(DependencyKind::EnvPath, r.path);
        }
        if !compiler {
            self.read_by_others.insert(r.path.to_vec());
        }
        self.look(DependencyKind::Env, r.path);
    }

    fn volatile(&mut self, r: &Record) {
        match r.path {
            b"uname" | b"gethostname" => self.look(DependencyKind::Host, b"host"),
            b"sched_getaffinity" | b"sysconf" => self.look(DependencyKind::Host, b"processors"),
            p if p.starts_with(b"getpw") || p.starts_with(b"getlogin") => {
                self.look(DependencyKind::Host, b"user")
            }
            f if tables::ignored_volatile(f) => {}
            b"getaddrinfo" | b"gethostbyname" => {
                self.refuse(Reason::Network, format!("{} looked up a host", self.name_of(r)))
            }
            _ if tables::reads_clock_at_start(&self.name_of(r)) => {}
            what => {
                let what = String::from_utf8_lossy(what).into_owned();
                self.refuse(Reason::Clock, format!("{} called {what}", self.name_of(r)));
            }
        }
    }

    fn step(&mut self, r: &Record, step: Step) {
        if r.pid == self.root_pid {
            self.steps.entry((r.pid, r.tid)).or_default().push(step);
        }
    }
}

/// A path that leads through what `/proc` tells of the process itself, as it is without: another process that dependencies there
/// sees another thing.
fn real_name(path: &[u8], cwd: &Path) -> Option<Vec<u8>> {
    const SELF: [&[u8]; 2] = [b"/proc/self/", b"/proc/thread-self/"];
    let rest = SELF.iter().find_map(|s| path.strip_prefix(*s))?;
    let to = match (rest.strip_prefix(b"cwd/"), rest.strip_prefix(b"root/")) {
        (Some(below), _) => cwd.join(platform::os_str(below)),
        (None, Some(below)) => Path::new("/").join(platform::os_str(below)),
        _ => return None,
    };
    Some(to.into_os_string().into_encoded_bytes())
}

/// Without doubled slashes and `.` components, as paths are compared.
fn clean(path: &[u8]) -> Vec<u8> {
    Roots::default().portable(path)
}
