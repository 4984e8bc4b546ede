//! Who started whom, and whose code each module of a process is.

use crate::observe::trace::{EventKind, Trace, TraceEvent, flag};
use crate::platform;
use crate::policy::{Act, Actor};
use foldhash::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A program that runs, or ran.
#[derive(Clone)]
pub struct Process {
    /// Whose code the program's own is.
    pub actor: Actor,
    /// A path-only script, or something that one started.
    pub is_path_only: bool,
    /// Whether the system calls that it makes outside libc are recorded.
    pub is_dispatched: bool,
    /// Whether it is kache, which restored or stored what a compiler makes.
    pub is_in_place: bool,
    /// The name of the program's file.
    name: String,
    /// The program's file.
    pub program: PathBuf,
    /// The directory that it began in.
    cwd: PathBuf,
    /// By module id: whether its code is the program's own.
    own: HashMap<u32, bool>,
    /// By module id: its file.
    files: HashMap<u32, Vec<u8>>,
    /// By module id: the library whose code it is, where that is not the program's own.
    libraries: HashMap<u32, String>,
    /// By module id: its file, links followed.
    real_files: HashMap<u32, PathBuf>,
    /// A plugin has been loaded.
    has_plugin: bool,
    /// Modules that can tell times and permissions of files.
    learns: HashSet<(u32, Act)>,
    /// How the program was called; `None` where not all of that is known.
    arguments: Option<Vec<Vec<u8>>>,
    /// Whether a script that it has read may ask when files were read.
    asks_for_read_times: bool,
    /// A script that it has read can ask for the times of files.
    pub asks_for_times: bool,
    /// A script that it has read compares the times of files.
    pub compares_times: bool,
    /// A script that it has read gives the value for which others ask for the time in vain.
    pub replaces_clock: bool,
    /// Calls of the clock that its scripts make in vain, and that have not been made.
    pub unused_clock: u16,
    /// Directories that the loader searches for libraries: those that the objects of the program name.
    searched: Vec<PathBuf>,
    /// Events of opening the terminal since the program started.
    pub terminal: u16,
    /// Its own code is no compiler's: all of it counts as a plugin's.
    pub is_foreign: bool,
    /// It has the name of a tool, and its contents show that it is that.
    pub is_tool: bool,
    /// kache is there in its place.
    pub is_told: bool,
    /// It has asked whether `PWD` is the directory that it is in.
    pub has_checked_directory: bool,
    /// Modules recorded before anything else belong to the program as it was linked.
    is_starting: bool,
}

impl Process {
    /// Whether the code of a module that is being loaded is the program's own. A library that looks on behalf of its
    /// callers is only as long as no plugin may be the caller.
    pub fn loads(&mut self, module: &Module) -> bool {
        let is_known = module.is_covered || module.is_common && !self.has_plugin;
        let own = module.id == 0 || is_known || self.is_starting && self.actor == Actor::Compiler;
        let own = own && !self.is_foreign;
        // A forked process repeats what its parent had loaded.
        let own = *self.own.entry(module.id).or_insert(own);
        self.files.insert(module.id, module.found.as_os_str().as_encoded_bytes().to_vec());
        self.real_files.insert(module.id, module.real.to_path_buf());
        if !own {
            self.libraries.insert(module.id, library_name(module.real));
            self.has_plugin |= !module.is_common;
        }
        own
    }

    /// A library of the program's own that the loader found under a name: its module, and its file.
    pub fn own_library(&self, name: &[u8]) -> Option<(u32, &Path)> {
        let is = |file: &[u8]| file.rsplit(|byte| *byte == b'/').next() == Some(name);
        let own = self.files.iter().filter(|(id, _)| **id != 0 && self.own.get(*id) == Some(&true));
        let module = own.filter(|(_, file)| is(file)).map(|(id, _)| *id).min()?;
        Some((module, self.real_files.get(&module)?))
    }

    /// Counts what a library of the program's own does as a plugin's, which uses it too.
    pub fn share(&mut self, module: u32) {
        self.own.insert(module, false);
        if let Some(real) = self.real_files.get(&module) {
            self.libraries.insert(module, library_name(real));
        }
    }

    fn actor_of(&self, module: u32) -> Actor {
        match self.actor {
            Actor::Compiler if !self.own.get(&module).copied().unwrap_or(false) => Actor::Plugin,
            actor => actor,
        }
    }

    /// The library whose code a module is.
    pub fn library(&self, module: u32) -> Option<&String> {
        self.libraries.get(&module)
    }

    pub fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.files.values().map(Vec::as_slice)
    }

    /// Whether a library has been loaded under a name.
    pub fn has_loaded(&self, name: &[u8]) -> bool {
        self.files().any(|file| file.rsplit(|byte| *byte == b'/').next() == Some(name))
    }

    /// How it was called; `None` where that is not known.
    pub fn arguments(&self) -> Option<&[Vec<u8>]> {
        self.arguments.as_deref().filter(|arguments| !arguments.is_empty())
    }

    pub fn note_script(&mut self, asks_for_read_times: bool) {
        self.asks_for_read_times |= asks_for_read_times;
    }

    /// Whether a shell, or a program that tests for one condition, may ask whether a file was read since it was changed. A
    /// script on standard input is not known.
    pub fn may_ask_for_read_times(&self) -> bool {
        let Some(arguments) = self.arguments() else { return true };
        let asks = arguments.iter().any(|argument| has_operator(argument, b"-N"));
        let has_option = |option: u8| {
            let is = |argument: &&Vec<u8>| argument.starts_with(b"-") && !argument.starts_with(b"--");
            arguments.iter().filter(is).any(|argument| argument.contains(&option))
        };
        let names_script = || arguments.iter().skip(1).any(|argument| !argument.starts_with(b"-"));
        let has_script = has_option(b'c') || names_script() && !has_option(b's');
        let is_test = ["test", "["].contains(&&*self.name);
        asks || self.asks_for_read_times || !has_script && !is_test
    }

    /// Whether it was called with no other options than these letters.
    pub fn has_only_options(&self, letters: &str) -> bool {
        let is_known = |argument: &Vec<u8>| match argument.strip_prefix(b"-") {
            Some(option) => option.iter().all(|letter| letters.as_bytes().contains(letter)),
            None => true,
        };
        self.arguments().is_some_and(|all| all.iter().skip(1).all(is_known))
    }

    /// Whether the command of a tool such as git (`git -C DIR status`) is one of these words. The function knows four options before
    /// the command. After any other option, the answer is no.
    pub fn has_first_word(&self, words: &[&str]) -> bool {
        let Some(mut rest) = self.arguments().and_then(|all| all.get(1..)) else { return false };
        while let [option, after @ ..] = rest {
            rest = match &option[..] {
                b"-C" | b"-c" => after.get(1..).unwrap_or_default(),
                b"--no-pager" | b"--no-optional-locks" => after,
                word => return words.iter().any(|known| known.as_bytes() == word),
            };
        }
        false
    }

    /// The directory that it began in.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    pub fn searched(&self) -> &[PathBuf] {
        &self.searched
    }

    /// Notes directories that the loader searches for libraries.
    pub fn search(&mut self, directories: Vec<PathBuf>) {
        let new: Vec<_> = directories.into_iter().filter(|dir| !self.searched.contains(dir)).collect();
        self.searched.extend(new);
    }

    pub fn file(&self, module: u32) -> Option<&[u8]> {
        self.files.get(&module).map(Vec::as_slice)
    }

    /// The file of a module, links followed.
    pub fn real_file(&self, module: u32) -> Option<&Path> {
        self.real_files.get(&module).map(PathBuf::as_path)
    }

    /// Notes what a module can learn of the files that it looks at.
    pub fn learns(&mut self, module: u32, act: Act) {
        self.learns.insert((module, act));
    }
}

/// A module that is being loaded.
pub struct Module<'a> {
    pub id: u32,
    /// The file that the loader found, links not followed.
    pub found: &'a Path,
    pub real: &'a Path,
    /// The toolchain's identity covers it.
    pub is_covered: bool,
    /// It is a part of the C library, or loads and unwinds.
    pub is_common: bool,
}

/// All processes of a run.
#[derive(Default)]
pub struct Processes {
    all: HashMap<u32, Process>,
    first: Option<u32>,
    /// By child: its parent, and the module that started it there.
    spawned: HashMap<u32, (u32, u32)>,
    /// The program that a process was to become, as it was named: the script's name where an interpreter runs.
    became: HashMap<u32, Vec<u8>>,
    /// Whether the last program that a process became, or had libc start, was started by trusted code.
    exec_trusted: HashMap<u32, bool>,
}

impl Processes {
    /// Notes who started whom before the walk: a child may be recorded before its parent's call returns.
    pub fn note_spawned(&mut self, trace: &Trace) {
        for e in trace.events.iter().filter(|e| e.kind == EventKind::Spawned && e.errno == 0) {
            let Ok(child) = u32::try_from(e.aux) else { continue };
            self.spawned.insert(child, (e.pid, e.module));
            if e.flags & flag::POSIX_SPAWN != 0 {
                self.became.insert(child, e.path.to_vec());
            }
        }
    }

    /// Notes that a process is about to become another program, or has libc start one.
    pub fn note_exec(&mut self, e: &TraceEvent, trusted: bool) {
        self.exec_trusted.insert(e.pid, trusted);
        self.became.insert(e.pid, e.path.to_vec());
    }

    /// A forked process continues its parent's program, and takes over from the parent whose code each module is.
    pub fn fork(&mut self, e: &TraceEvent) {
        // The number may have been another process's before.
        self.exec_trusted.remove(&e.pid);
        self.became.remove(&e.pid);
        match self.parent(e.pid, u32::try_from(e.aux).unwrap_or(0)).cloned() {
            Some(parent) => {
                let cwd = PathBuf::from(platform::os_str(e.path2));
                self.all.insert(e.pid, Process { cwd, ..parent });
            }
            None => self.begin(e, Actor::Process, false),
        }
    }

    /// What started a process. One whose parent ended before has another's number for its parent's.
    fn parent(&self, pid: u32, parent: u32) -> Option<&Process> {
        let known = self.spawned.get(&pid).and_then(|(parent, _)| self.all.get(parent));
        known.or_else(|| self.all.get(&parent))
    }

    pub fn begin(&mut self, e: &TraceEvent, actor: Actor, is_path_only: bool) {
        let process = Process {
            actor,
            is_path_only,
            is_dispatched: e.flags & flag::DISPATCHED != 0,
            is_in_place: e.flags & flag::IN_PLACE != 0,
            name: file_name(e.path).unwrap_or_default(),
            program: PathBuf::from(platform::os_str(e.path)),
            cwd: PathBuf::from(platform::os_str(e.path2)),
            own: HashMap::default(),
            files: HashMap::default(),
            libraries: HashMap::default(),
            real_files: HashMap::default(),
            has_plugin: false,
            learns: HashSet::default(),
            arguments: Some(Vec::new()),
            asks_for_read_times: false,
            asks_for_times: false,
            compares_times: false,
            replaces_clock: false,
            unused_clock: 0,
            searched: Vec::new(),
            terminal: 0,
            is_foreign: false,
            is_tool: false,
            has_checked_directory: false,
            is_told: false,
            is_starting: true,
        };
        self.all.insert(e.pid, process);
    }

    /// Notes how a program was called.
    pub fn note_argument(&mut self, e: &TraceEvent) {
        let Some(process) = self.all.get_mut(&e.pid) else { return };
        match process.arguments.as_mut().filter(|_| e.aux >= 0) {
            Some(arguments) => arguments.push(e.path.to_vec()),
            None => process.arguments = None,
        }
    }

    pub fn get(&self, pid: u32) -> Option<&Process> {
        self.all.get(&pid)
    }

    pub fn get_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.all.get_mut(&pid)
    }

    /// Whether a process is the one that kache started; the first that is asked about is.
    pub fn begins_first(&mut self, pid: u32) -> bool {
        *self.first.get_or_insert(pid) == pid
    }

    pub fn is_first(&self, pid: u32) -> bool {
        self.first == Some(pid)
    }

    pub fn name(&self, pid: u32) -> &str {
        self.all.get(&pid).map_or("", |process| &process.name)
    }

    /// Whose code an event is; `None` for a process that has not begun.
    pub fn actor(&mut self, pid: u32, module: u32) -> Option<Actor> {
        let process = self.all.get_mut(&pid)?;
        process.is_starting = false;
        Some(process.actor_of(module))
    }

    /// Whether a program that begins was started by a plugin, or by what a plugin started.
    pub fn is_started_by_foreign(&self, pid: u32, parent: u32) -> bool {
        if self.is_first(pid) && !self.all.contains_key(&pid) {
            return false;
        }
        // A process that nothing is known to have started may be anybody's.
        let Some(by) = self.predecessor(pid, parent) else { return true };
        let trusted = match (self.exec_trusted.get(&pid), self.spawned.get(&pid)) {
            (Some(trusted), _) => *trusted,
            (None, Some((_, module))) => by.own.get(module).copied().unwrap_or(false),
            (None, None) => self.exec_trusted.get(&parent).copied().unwrap_or(false),
        };
        by.actor.is_foreign() || by.actor == Actor::Compiler && !trusted
    }

    /// What ran in the process before, else what started it.
    pub fn predecessor(&self, pid: u32, parent: u32) -> Option<&Process> {
        self.all.get(&pid).or_else(|| self.parent(pid, parent))
    }

    /// The processes that are none of the compiler's own doing.
    pub fn foreign(&self) -> impl Iterator<Item = (u32, Actor)> {
        let foreign = |pid: &u32, process: &Process| match self.spawned.get(pid) {
            _ if process.actor.is_foreign() => Some(process.actor),
            Some((parent, module)) => {
                let by = self.all.get(parent)?.actor_of(*module);
                by.is_foreign().then_some(by)
            }
            None => None,
        };
        self.all.iter().filter_map(move |(pid, process)| Some((*pid, foreign(pid, process)?)))
    }

    /// The file name of the program that a process was to become.
    pub fn became(&self, pid: u32) -> Option<String> {
        file_name(self.became.get(&pid)?)
    }

    /// Whether a module can do an act with the files that it looks at.
    pub fn can_learn(&self, pid: u32, module: u32, act: Act) -> bool {
        self.get(pid).is_some_and(|process| process.learns.contains(&(module, act)))
    }

    /// Whether any module of a process can do an act with the files that it looks at.
    pub fn can_any_learn(&self, pid: u32, act: Act) -> bool {
        self.get(pid).is_some_and(|process| process.learns.iter().any(|(_, learns)| *learns == act))
    }

    /// The real name of a path that leads through what `/proc` shows of the process itself: another process that looks
    /// there finds another thing.
    pub fn real_name(&self, e: &TraceEvent) -> Option<Vec<u8>> {
        const ITSELF: [&[u8]; 2] = [b"/proc/self/", b"/proc/thread-self/"];
        let rest = ITSELF.iter().find_map(|itself| e.path.strip_prefix(*itself))?;
        let to = match (rest.strip_prefix(b"cwd/"), rest.strip_prefix(b"root/")) {
            (Some(below), _) => self.get(e.pid)?.cwd.join(platform::os_str(below)),
            (None, Some(below)) => Path::new("/").join(platform::os_str(below)),
            _ => return None,
        };
        Some(to.into_os_string().into_encoded_bytes())
    }
}

/// `libname-0f3a.so` is the library `name`.
fn library_name(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    name.split('-').next().unwrap_or(name).to_string()
}

fn file_name(path: &[u8]) -> Option<String> {
    Some(Path::new(platform::os_str(path)).file_name()?.to_string_lossy().into_owned())
}

/// Whether a command line may contain an operator of a shell. The `-N` in `/tmp/build-Next` is part of a name, since a letter
/// follows it.
fn has_operator(text: &[u8], operator: &[u8]) -> bool {
    let goes_on = |after: &u8| after.is_ascii_alphanumeric() || b"_./-".contains(after);
    text.windows(operator.len())
        .enumerate()
        .any(|(at, part)| part == operator && !text.get(at + operator.len()).is_some_and(goes_on))
}
