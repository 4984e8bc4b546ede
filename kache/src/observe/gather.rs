//! From the observer's log to the set of looks that a result depends on.
//!
//! The log is walked once, in order. Each record is asked: whose code did this (the compiler's own, a tool's, or any
//! other's), was the thing made by this very run, does a row of `tables` excuse it, does the toolchain's identity
//! speak for it? What is left is a [`Look`].
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

use super::elf;
use super::include::Step;
use super::log::{self, Kind, Record, flag};
use super::look::{EVERY, find_program};
use super::tables;
use crate::compiler::Invocation;
use crate::compiler::flags::Deferred;
use crate::compiler::toolchain::Toolchain;
use crate::observation::{Kind as LookKind, Look};
use crate::paths::Roots;
use crate::platform;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a compile depended on and left behind.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The looks. Those of kind `path` with what they must still show: whether something was there.
    pub looks: BTreeSet<Look>,
    /// Paths that were found absent, to be compared with what is there when the run is over.
    pub absent: BTreeSet<Vec<u8>>,
    /// Outputs that were made, by their absolute paths.
    pub outputs: BTreeSet<PathBuf>,
    /// Why the result cannot be stored, if it cannot.
    pub refused: Option<Deferred>,
    /// Variables read by the compiler's own code whose use may yet be proved harmless.
    pub candidates: BTreeSet<Vec<u8>>,
    /// By variable: the proc macros that read it; by no name: the linker scripts that may have read them all.
    pub readers: BTreeMap<Vec<u8>, BTreeSet<String>>,
    /// What each thread of the compiler did with variables and files, in order.
    pub steps: Vec<Vec<Step>>,
}

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
pub struct Gatherer<'a> {
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
    out: Gathered,
    root_pid: u32,
}

impl<'a> Gatherer<'a> {
    /// Ready to walk.
    pub fn new(
        invocation: &'a Invocation,
        toolchain: &'a Toolchain,
        roots: &'a Roots,
        linker: Option<PathBuf>,
        locators: &'a [String],
    ) -> Self {
        Gatherer {
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
            out: Gathered::default(),
            root_pid: 0,
        }
    }

    /// Walks a log.
    pub fn walk(mut self, log: &log::Log) -> Gathered {
        if log.overflowed() {
            self.refuse("observer-overflow", "more was looked at than the observer's log holds");
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
            self.refuse("observer-torn", "a process was killed while it wrote to the observer's log");
        }
        self.unobserved(log);
        self.left_behind();
        let others = std::mem::take(&mut self.read_by_others);
        self.out.candidates.retain(|name| !others.contains(name));
        self.out.steps = self.steps.into_values().collect();
        self.out
    }

    fn refuse(&mut self, reason: &'static str, detail: impl Into<String>) {
        if self.out.refused.is_none() {
            self.out.refused = Some(Deferred::new(reason, detail));
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
                .refuse("observer-torn", "a process wrote to the observer's log without having begun");
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
            Kind::Cwd if !own && !locates => self.look(LookKind::Cwd, b""),
            Kind::Connect if !own => {
                let to = String::from_utf8_lossy(r.path).into_owned();
                self.refuse("network", format!("{} connected to {to}", self.name_of(r)));
            }
            Kind::Volatile if !own => self.volatile(r),
            Kind::RawSyscall if !own => {
                let name = self.name_of(r);
                let what = match r.path {
                    b"" => format!("made system call {}", r.aux),
                    function => format!("called {}", String::from_utf8_lossy(function)),
                };
                self.refuse("raw-syscall", format!("{name} {what}, which the observer cannot follow"));
            }
            _ => {}
        }
    }

    fn name_of(&self, r: &Record) -> String {
        self.processes.get(&r.pid).map(|p| p.name.clone()).unwrap_or_default()
    }

    fn start(&mut self, r: &Record) {
        let exe = platform::os_str(r.path);
        let name = Path::new(exe).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cwd = PathBuf::from(platform::os_str(r.path2));
        let forked = r.flags & flag::FORKED != 0;
        if forked {
            let parent = u32::try_from(r.aux).ok().and_then(|p| self.processes.get(&p));
            let class = parent.map_or(Class::Other, |p| p.class);
            let foreign = parent.is_none_or(|p| p.foreign);
            let locates = parent.is_some_and(|p| p.locates);
            self.processes.insert(r.pid, Process::begun(class, foreign, locates, name, cwd));
            return;
        }
        if self.root_pid == 0 {
            self.root_pid = r.pid;
        }
        let parent = u32::try_from(r.aux).unwrap_or(0);
        let foreign = self.is_foreign(r.pid, parent);
        let class = if r.pid == self.root_pid && self.is_compiler(exe, &name) {
            Class::Compiler
        } else if foreign || self.invocation.plugin {
            Class::Other
        } else if self.toolchain.covers(Path::new(exe)) || tables::is_tool(&name) {
            Class::Tool
        } else {
            Class::Other
        };
        let locates = !foreign && self.locates(r.pid, parent);
        self.processes.insert(r.pid, Process::begun(class, foreign, locates, name, cwd));
        if r.pid == self.root_pid && class == Class::Compiler {
            return;
        }
        // Whatever runs can have been handed the whole environment by its `main`.
        if class == Class::Other {
            let every = if foreign { EVERY } else { b"" };
            match locates {
                true => self.look(LookKind::EnvAllPath, b""),
                false => self.look(LookKind::EnvAll, every),
            }
            if let Some(name) = self.told(r.pid).filter(|_| !foreign && self.linker.is_some()) {
                self.out.readers.entry(Vec::new()).or_default().insert(name);
            }
        }
        if foreign {
            self.past_libc(Path::new(exe));
        }
        let is_linker =
            self.linker.as_ref().and_then(|l| l.canonicalize().ok()).is_some_and(|l| l.as_os_str() == exe);
        if is_linker {
            self.look(LookKind::Linker, b"");
        } else {
            self.content(r.path, true);
        }
    }

    /// Whether what runs in the compiler's place is it: a script under its name is not, nor is what that starts first.
    fn is_compiler(&self, exe: &std::ffi::OsStr, name: &str) -> bool {
        let crates = self.invocation.adapter.crates;
        let is_it = || self.invocation.program.canonicalize().is_ok_and(|p| p.as_os_str() == exe);
        crates || !self.invocation.plugin && (is_it() || tables::is_tool(name))
    }

    /// Whether a program that begins was started by code that is not the compiler's: a macro's, or a program's that
    /// a macro started. What a linker that is a script starts is as much a tool as it.
    fn is_foreign(&self, pid: u32, parent: u32) -> bool {
        let who = self.processes.get(&pid).map_or(parent, |_| pid);
        let Some(process) = self.processes.get(&who) else { return false };
        let own = match (self.exec_own.get(&pid), self.spawned.get(&pid)) {
            (Some(own), _) => *own,
            (None, Some((_, module))) => process.own.get(module).copied().unwrap_or(false),
            (None, None) => self.exec_own.get(&parent).copied().unwrap_or(false),
        };
        process.foreign || process.class == Class::Compiler && !own
    }

    /// Whether a program that begins is a linker script by `LOCATORS`, or was started by one.
    fn locates(&self, pid: u32, parent: u32) -> bool {
        let by = self.processes.get(&pid).or_else(|| self.processes.get(&parent));
        by.is_some_and(|p| p.locates)
            || self.linker.is_some() && self.told(pid).is_some_and(|name| self.is_locator(&name))
    }

    /// The name of the program that a process was told to become.
    fn told(&self, pid: u32) -> Option<String> {
        let path = Path::new(platform::os_str(self.told.get(&pid)?));
        Some(path.file_name()?.to_string_lossy().into_owned())
    }

    fn is_locator(&self, name: &str) -> bool {
        let name = name.replace('-', "_");
        tables::LOCATORS.iter().any(|row| row.what == name) || self.locators.contains(&name)
    }

    fn module(&mut self, r: &Record) {
        // The loader names what it found by way of `bin/../lib`.
        let real = std::fs::canonicalize(platform::os_str(r.path)).unwrap_or_default();
        let path = real.as_path();
        let Some(process) = self.processes.get_mut(&r.pid) else { return };
        let known = self.toolchain.covers(path) || tables::is_c_runtime(path);
        let own = r.module == 0 || known || process.starting && process.class == Class::Compiler;
        process.own.insert(r.module, own);
        let (class, started_by_others) = (process.class, process.foreign);
        if !own {
            process.crates.insert(r.module, crate_of(path));
        }
        if r.module == 0 || known {
            return;
        }
        // What is not loaded by its path is searched for, and another may come to lie before it.
        let found = Path::new(platform::os_str(r.path));
        if !found.parent().is_some_and(|dir| self.invocation.search.iter().any(|d| d == dir)) {
            self.look(LookKind::Library, found.file_name().unwrap_or_default().as_encoded_bytes());
        }
        self.content(path.as_os_str().as_encoded_bytes(), own);
        if own {
            return;
        }
        if class == Class::Compiler {
            if self.abilities(path) {
                self.processes.entry(r.pid).and_modify(|p| _ = p.tells_status.insert(r.module));
            }
        } else if started_by_others {
            self.past_libc(path);
        }
    }

    /// What calls the kernel by itself can look at anything unseen: a macro, a program that a macro starts.
    fn past_libc(&mut self, path: &Path) {
        let known = self.toolchain.covers(path) || !self.examined.insert(path.to_path_buf());
        if !known && elf::calls_the_kernel(path) == Some(true) {
            self.refuse("raw-syscall", format!("{} makes system calls without libc", path.display()));
        }
    }

    /// What a proc macro could do without a look that is seen: the names in its object tell. Whether it can tell a file's
    /// times and permissions is for the looks that it makes.
    fn abilities(&mut self, path: &Path) -> bool {
        self.past_libc(path);
        if elf::imports(path, &["environ", "__environ", "_environ"]).unwrap_or(true) {
            self.look(LookKind::EnvAll, EVERY);
        }
        if elf::shares_std(path) == Some(true) {
            let shown = path.display();
            self.refuse(
                "raw-syscall",
                format!("{shown} looks by way of the compiler's own standard library"),
            );
        }
        let parts = |table: &[tables::Row]| table.iter().map(|r| r.what).collect::<Vec<&str>>();
        let (unseen, place) = (parts(tables::UNSEEN_CALLS), parts(tables::TELLS_PLACE));
        let (status, reading) = (parts(tables::TELLS_STATUS), parts(tables::TELLS_READING));
        match elf::functions(path, &[&unseen[..], &place, &status, &reading].concat()) {
            Some(found) => {
                if found.iter().any(|f| place.contains(f)) {
                    self.look(LookKind::Place, b"");
                }
                if found.iter().any(|f| unseen.contains(f)) {
                    let shown = path.display().to_string();
                    self.refuse("raw-syscall", format!("{shown} makes system calls without libc"));
                }
                if found.iter().any(|f| reading.contains(f)) {
                    self.refuse("host-state", format!("{} can tell when files were read", path.display()));
                }
                found.iter().any(|f| status.contains(f))
            }
            None => {
                self.look(LookKind::Place, b"");
                true
            }
        }
    }

    /// A library that is loaded by name may not be there; one that is there is recorded as it is loaded.
    fn dlopen(&mut self, r: &Record) {
        if !r.path.contains(&b'/') {
            return self.look(LookKind::Library, r.path);
        }
        let path = crate::paths::absolute(&self.invocation.cwd, Path::new(platform::os_str(r.path)));
        self.presence(path.as_os_str().as_encoded_bytes(), path.symlink_metadata().is_err(), false);
    }

    fn look(&mut self, kind: LookKind, name: &[u8]) {
        self.out.looks.insert(Look::new(kind, name));
    }

    fn exec(&mut self, r: &Record, own: bool) {
        self.exec_own.insert(r.pid, own);
        self.told.insert(r.pid, r.path.to_vec());
        if r.flags & flag::SEARCH != 0 && !self.is_our_path(r.path2) {
            let name = String::from_utf8_lossy(r.path).into_owned();
            self.refuse(
                "private-path",
                format!("{name} was looked for in a PATH of its caller's own making"),
            );
        }
        if r.flags & flag::SEARCH != 0 {
            let named = self
                .linker
                .as_ref()
                .and_then(|l| l.file_name())
                .is_some_and(|n| n.as_encoded_bytes() == r.path);
            let toolchain = self.processes.get(&r.pid).is_some_and(|p| p.class != Class::Other);
            if named && toolchain {
                self.look(LookKind::Linker, b"");
            } else {
                self.look(LookKind::Program, r.path);
            }
            return;
        }
        let path = crate::paths::absolute(&self.invocation.cwd, Path::new(platform::os_str(r.path)));
        if self.linker.as_deref() == Some(&path) {
            self.look(LookKind::Linker, b"");
        } else if path.symlink_metadata().is_err() {
            // A shell tries each directory of PATH.
            self.presence(path.as_os_str().as_encoded_bytes(), true, own);
        } else {
            self.content(path.as_os_str().as_encoded_bytes(), true);
            // clang looks through `PATH` by itself for the assembler, and another may come to lie before it.
            let name = path.file_name().unwrap_or_default();
            if own
                && !self.invocation.adapter.crates
                && find_program(name, self.roots).as_ref() == Some(&path)
            {
                self.look(LookKind::Program, name.as_encoded_bytes());
            }
        }
    }

    /// Whether a `PATH` is the caller's, but for what rustc puts in front.
    fn is_our_path(&self, path: &[u8]) -> bool {
        let ours = std::env::var_os("PATH").unwrap_or_default();
        let dirs = |p: &std::ffi::OsStr| -> Vec<PathBuf> {
            std::env::split_paths(p).filter(|d| !d.starts_with(&self.toolchain.sysroot)).collect()
        };
        dirs(platform::os_str(path)) == dirs(&ours)
    }

    fn getenv(&mut self, r: &Record, own: bool) {
        let class = self.processes.get(&r.pid).map_or(Class::Other, |p| p.class);
        // libc's conversion of a time asks for the zone: of `__DATE__`, `__TIME__` and `__TIMESTAMP__`.
        if own && !self.invocation.adapter.crates && r.path == b"TZ" {
            let what = "a date or time of the build is in the source (__DATE__, __TIME__, __TIMESTAMP__)";
            return self.refuse("clock", what);
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
        if compiler && r.errno == 0 && self.invocation.adapter.crates {
            self.out.candidates.insert(r.path.to_vec());
        }
        let process = self.processes.get(&r.pid);
        let mut locates = process.is_some_and(|p| p.locates);
        if let Some(name) = process.and_then(|p| p.crates.get(&r.module)).cloned() {
            locates |= self.is_locator(&name);
            self.out.readers.entry(r.path.to_vec()).or_default().insert(name);
        }
        if locates && self.roots.portable(r.path2) != r.path2 {
            return self.look(LookKind::EnvPath, r.path);
        }
        if !compiler {
            self.read_by_others.insert(r.path.to_vec());
        }
        self.look(LookKind::Env, r.path);
    }

    fn volatile(&mut self, r: &Record) {
        match r.path {
            b"uname" | b"gethostname" => self.look(LookKind::Host, b"host"),
            b"sched_getaffinity" | b"sysconf" => self.look(LookKind::Host, b"processors"),
            p if p.starts_with(b"getpw") || p.starts_with(b"getlogin") => self.look(LookKind::Host, b"user"),
            f if tables::ignored_volatile(f) => {}
            b"getaddrinfo" | b"gethostbyname" => {
                self.refuse("network", format!("{} looked up a host", self.name_of(r)))
            }
            _ if tables::reads_clock_at_start(&self.name_of(r)) => {}
            what => {
                let what = String::from_utf8_lossy(what).into_owned();
                self.refuse("clock", format!("{} called {what}", self.name_of(r)));
            }
        }
    }

    fn step(&mut self, r: &Record, step: Step) {
        if r.pid == self.root_pid {
            self.steps.entry((r.pid, r.tid)).or_default().push(step);
        }
    }

    /// Programs that ran and wrote nothing to the log cannot be vouched for.
    fn unobserved(&mut self, log: &log::Log) {
        let mut begun: HashMap<u32, usize> = HashMap::new();
        let mut asked: HashMap<u32, (usize, Vec<u8>)> = HashMap::new();
        for (i, r) in log.records().enumerate() {
            match r.kind {
                Kind::Start if r.flags & flag::FORKED == 0 => {
                    begun.insert(r.pid, i);
                }
                Kind::Exec if r.errno == 0 && r.flags & flag::BY_LIBC == 0 => {
                    asked.insert(r.pid, (i, r.path.to_vec()));
                }
                Kind::Exec if r.errno != 0 => {
                    asked.remove(&r.pid);
                }
                Kind::Spawned if r.flags & flag::POSIX_SPAWN != 0 => {
                    // posix_spawn: its Exec stands under the parent's pid.
                    asked.remove(&r.pid);
                    if let Ok(child) = u32::try_from(r.aux) {
                        asked.entry(child).or_insert((0, r.path.to_vec()));
                    }
                }
                _ => {}
            }
        }
        for (pid, (at, program)) in asked {
            if begun.get(&pid).is_none_or(|b| *b < at) {
                let shown = String::from_utf8_lossy(&program).into_owned();
                self.refuse(
                    "unobserved-program",
                    format!("{shown} ran without the observer (a static program?)"),
                );
            }
        }
    }
}

/// `libserde_derive-0f3a.so` is of the crate `serde_derive`.
fn crate_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    name.split('-').next().unwrap_or(name).to_string()
}

/// A path that leads through what `/proc` tells of the process itself, as it is without: another process that looks there
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
