//! The rules of trust: what an event in the trace of a run means, by who caused it.
//!
//! A [`TrustPolicy`] is a value: a table of acts and actors ([`act`]), and lists of paths, variables and programs
//! ([`Excuse`]) that are not inputs or that are trusted. Each front end has one. Applying it is a pure function of the
//! actor and the event: it reads neither the file system nor the environment. What it needs to know of them is in the
//! event ([`Event::act`], [`Event::place`]), where `collect` puts it.
//!
//! The answer is made in two steps:
//!
//! 1. The row of the act and the column of the actor name [`Treatment`]s. An act without a row does not exist: an
//!    event that `collect` has no act for is refused.
//! 2. A treatment that concerns a path is dropped where the path is excused ([`place`]), and replaced where the path
//!    shows the state of the machine.

pub mod act;
mod excuse;
pub mod passages;
pub mod place;
mod programs;
mod words;

pub use act::{Act, Table};
pub use excuse::{ClockAtStart, Excuse, FileTimes, FileTimesOf, RunsScripts, SizedBy, names};
pub use passages::{Passage, UnusedClock};
pub use place::Place;

use crate::reason::Reason;
use crate::settings;
use crate::template::contains;
use excuse::{is_at_or_below, is_below};
use std::path::Path;

/// Whose code caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// The compiler's own code.
    Compiler,
    /// A program that is trusted like the compiler: a linker, an assembler.
    Tool,
    /// Any other program that the compiler or a tool started, such as a script in the linker's place. Also the
    /// compiler itself, where code that is not its own runs in it from the start.
    Script,
    /// A script in the linker's place that the user declares to use paths only to find files, and what it started.
    PathOnly,
    /// Other code within the compiler's process: a macro that is loaded into it.
    Plugin,
    /// A program that a plugin started, at whatever remove.
    Process,
}

impl Actor {
    pub const ALL: [Actor; 6] =
        [Actor::Compiler, Actor::Tool, Actor::Script, Actor::PathOnly, Actor::Plugin, Actor::Process];

    /// The word that the printed table has for the column.
    pub fn word(self) -> &'static str {
        match self {
            Actor::Compiler => "compiler",
            Actor::Tool => "tool",
            Actor::Script => "script",
            Actor::PathOnly => "path-only",
            Actor::Plugin => "plugin",
            Actor::Process => "process",
        }
    }

    /// Whether it is the compiler or is trusted like it.
    pub fn is_trusted(self) -> bool {
        matches!(self, Actor::Compiler | Actor::Tool)
    }

    /// Whether it did not come from the compiler: it can look at anything, for any purpose.
    pub fn is_foreign(self) -> bool {
        matches!(self, Actor::Plugin | Actor::Process)
    }
}

/// Which variables a dependency on the whole environment covers, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// All but those that are excused for scripts.
    Most,
    /// All but those that are excused for plugins.
    Every,
    /// As `Most`, with roots replaced by their names.
    Portable,
}

/// What an event means for the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// A dependency on what the file holds.
    Contents,
    /// A dependency on what the file holds, unless the run makes the file itself: it is named like an output.
    ContentsUnlessMade,
    /// The same for a program that is started: whoever starts it, the compiler's excuses hold for its path.
    Executable,
    /// A dependency on what sort of thing is there.
    Existence,
    /// A dependency on nothing being there.
    Absence,
    /// A dependency on what this process may do with what is there.
    Permission,
    /// A dependency on where a link points.
    Link,
    /// The same for each link on the way to the path.
    EachLink,
    /// The same for each link on the way to the path, with roots replaced by their names.
    EachLinkPortable,
    /// A dependency on permission bits and on whose the file is.
    Access,
    /// A dependency on times and permissions.
    Metadata,
    /// A dependency on all that the file system says of a file.
    Identity,
    /// A dependency on how much room a directory takes.
    Size,
    /// A dependency on the names in a directory.
    Listing,
    /// A dependency on some of the names in a directory, by the front end's own rule.
    ListingAs(&'static str),
    /// A dependency on a variable's value.
    Env,
    /// The same, unless the front end proves later that the variable only located files.
    EnvUnlessProved,
    /// A dependency on a variable's value, with roots replaced by their names.
    EnvPath,
    /// A dependency on all variables.
    EnvAll(Environment),
    /// A dependency on the working directory.
    Cwd,
    /// A dependency on the working directory and all roots.
    Place,
    /// A dependency on a fact about the machine.
    Host(&'static str),
    /// A dependency on what the kernel shows in a file.
    HostFile,
    /// A dependency on what the host answers to the question that the event names.
    HostAnswer,
    /// A dependency on the library that the loader finds under a name.
    Library,
    /// A dependency on the program that `PATH` leads to.
    Program,
    /// A dependency that a function of the front end computes.
    Computed(&'static str),
    /// The run made the file.
    Made,
    /// The run made the directory.
    MadeDirectory,
    /// The file is an output.
    Output,
    /// The result cannot be stored.
    Refuse(Reason),
    /// The result cannot be stored, unless the path is excused.
    RefuseInput(Reason),
    /// The result cannot be stored: the path shows the state of the machine.
    RefuseState,
}

impl Treatment {
    /// Whether what it means depends on the path.
    fn is_about_path(self) -> bool {
        use Treatment as T;
        matches!(
            self,
            T::Contents
                | T::Executable
                | T::Existence
                | T::Absence
                | T::Permission
                | T::Link
                | T::EachLinkPortable
                | T::Access
                | T::Metadata
                | T::Identity
                | T::Size
                | T::Listing
                | T::ListingAs(_)
                | T::Made
                | T::RefuseInput(_)
        )
    }
}

/// One thing that was done, with the facts that decide what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub act: Act,
    /// A path without doubled slashes and `.` components, or the name of a variable, a function or a program.
    pub name: &'a [u8],
    /// What the path is to the run.
    pub place: Place,
}

impl<'a> Event<'a> {
    /// An act that has nothing to do with a path.
    pub fn named(act: Act, name: &'a [u8]) -> Event<'a> {
        Event { act, name, place: Place::Elsewhere }
    }
}

/// What is in the contents of some programs and in no program that only calls them.
#[derive(Debug)]
pub struct ToolMarks {
    /// The names, as the rows of the tools have them.
    pub names: &'static [&'static str],
    /// A program holds all marks of one of these.
    pub any: &'static [&'static [&'static str]],
}

/// What is known of a program when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// It is the process that kache itself started.
    pub is_first: bool,
    /// It is the file that the action names as its program, and its contents show that it is a compiler.
    pub is_named: bool,
    /// It has the name of a tool, and its contents show that it is that.
    pub is_tool: bool,
    /// The toolchain's identity covers it.
    pub is_covered: bool,
    /// A plugin or a process started it.
    pub by_foreign: bool,
    /// It is a path-only script, or was started by one.
    pub is_path_only: bool,
    /// The compiler loads code that is not its own, and none of its own is told apart.
    pub has_plugins: bool,
}

/// Functions about other processes, about what only some processes may do, and about what the C library opens by itself.
static OF_PROCESSES: &[Excuse] = &[
    Excuse { what: "kill", why: "whether another process is there" },
    Excuse { what: "prlimit", why: "another process" },
    Excuse { what: "getpriority", why: "another process" },
    Excuse { what: "setpriority", why: "whether a priority may be raised" },
    Excuse { what: "setrlimit", why: "whether a limit may be raised" },
    Excuse { what: "sched_getaffinity", why: "another process" },
    Excuse { what: "sched_setaffinity", why: "which processors there are" },
    Excuse { what: "flock", why: "whether another process holds a lock" },
    Excuse { what: "ttyname", why: "which terminal it is" },
    Excuse { what: "gettext", why: "a catalog of translations" },
];

/// Functions that look through a whole database, or through one that no fact is recorded of.
static DATABASES: &[Excuse] = &[
    Excuse { what: "getpw*", why: "users" },
    Excuse { what: "getgr*", why: "groups" },
    Excuse { what: "getsp*", why: "passwords" },
    Excuse { what: "getserv*", why: "services" },
    Excuse { what: "getproto*", why: "protocols" },
    Excuse { what: "getrpc*", why: "remote calls" },
    Excuse { what: "getut*", why: "who is logged in" },
    Excuse { what: "getusershell", why: "shells" },
    Excuse { what: "cuserid", why: "users" },
    Excuse { what: "innetgr", why: "groups of the network" },
    Excuse { what: "setnetgrent", why: "groups of the network" },
    Excuse { what: "initgroups", why: "groups" },
];

/// Parts of the names of functions that give a plugin an ability.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// It learns where it runs.
    pub place: &'static [Excuse],
    /// It learns where it runs: symbols that it imports.
    pub place_by_import: &'static [Excuse],
    /// It learns times of files.
    pub metadata: &'static [Excuse],
    /// It learns permissions and owners of files.
    pub permissions: &'static [Excuse],
    /// It learns what no copy of a file has in common with it.
    pub identity: &'static [Excuse],
    /// It learns how large files and directories are.
    pub size: &'static [Excuse],
    /// It learns the numbers of the files in a directory that it lists.
    pub numbers: &'static [Excuse],
    /// It asks for the status of files by functions of the C library: symbols that it imports.
    pub identity_by_import: &'static [Excuse],
    /// The C library asks for the status of files, and hands it to its code: symbols that it imports.
    pub walks_by_import: &'static [Excuse],
    /// It has code that learns the same, and only compares it.
    pub compares_identity: &'static [Excuse],
    /// Its code is not optimised, so that each function has its name.
    pub unoptimised: &'static [Excuse],
    /// The same, for a program.
    pub unoptimised_program: &'static [Excuse],
    /// It learns when files were read.
    pub reading: &'static [Excuse],
    /// It makes system calls without libc.
    pub syscalls: &'static [Excuse],
    /// Parts of the names of functions of the standard library, which ask for a status on behalf of others.
    pub standard_library: &'static [Excuse],
    /// It takes the standard library from the compiler: parts of the names of symbols that it imports.
    pub shared_library: &'static [Excuse],
}

/// The rules of one front end.
#[derive(Debug)]
pub struct TrustPolicy {
    pub table: Table,
    /// The first program is the compiler whatever its file is called (a proxy, a driver).
    pub trusts_first: bool,
    /// Paths that are not inputs, whoever looks at them.
    pub ignored_paths: &'static [Excuse],
    /// Paths that are not inputs where a trusted actor looks at them.
    pub ignored_paths_of_compiler: &'static [Excuse],
    /// Paths that show the state of the machine to any other actor.
    pub host_state: &'static [Excuse],
    /// Those among them that show the processors.
    pub tells_processors: &'static [Excuse],
    /// Those among them that show facts which do not change by themselves.
    pub host_files: &'static [Excuse],
    /// Variables that are in the action key, so that no read of them is a further dependency.
    pub loader_env: &'static [Excuse],
    /// Variables that are not inputs where a trusted actor reads them by name.
    pub ignored_env: &'static [Excuse],
    /// The same, of variables by which it finds or shows things.
    pub compiler_env: &'static [Excuse],
    /// Variables that list directories which a trusted actor searches.
    pub directories_env: &'static [Excuse],
    /// Variables that a dependency on the whole environment leaves out.
    pub ignored_in_whole: &'static [Excuse],
    /// Those that it leaves out besides for scripts.
    pub script_env: &'static [Excuse],
    /// Variables that a trusted actor asks for only where the clock gets into the result.
    pub clock_env: &'static [Excuse],
    /// Variables by which a tool chooses how its messages look on a terminal.
    pub terminal_env: &'static [Excuse],
    /// Libraries that any process loads: they are not inputs where a trusted actor loads them.
    pub c_runtime: &'static [Excuse],
    /// Those among them that make up the C library, which looks on behalf of its callers.
    pub c_library: &'static [Excuse],
    /// Those among them whose contents reach no result, whoever loads them.
    pub loader: &'static [Excuse],
    /// Programs that are trusted like the compiler, where their contents show that they are what their names say.
    pub tools: &'static [Excuse],
    /// By the names of tools: alternatives of marks, all of which are in the contents of such a program.
    pub tool_marks: &'static [ToolMarks],
    /// Tools that ask for the date and the time, and put neither into what they make.
    pub timeless: &'static [Excuse],
    /// Shells by which a trusted actor has the system run one command, and which look at nothing but what the command names.
    pub shells: &'static [Excuse],
    /// Programs that read the clock as they start.
    pub clock_at_start: &'static [ClockAtStart],
    /// Programs that are known for what they do with the times of files.
    pub file_times: &'static [FileTimesOf],
    /// Programs that hand the times of files to scripts.
    pub runs_scripts: &'static [RunsScripts],
    /// Programs, by their files, that look for open descriptors only to have them closed.
    pub closes_descriptors: &'static [Excuse],
    /// Programs, by their files, that ask for the free memory to size a buffer.
    pub sized_by_memory: &'static [Excuse],
    /// Tools that size what they work with by facts about the host.
    pub sized_by: &'static [SizedBy],
    /// Functions with changing results that do not count.
    pub ignored_calls: &'static [Excuse],
    /// Plugins and scripts that use paths only to find files.
    pub path_only: &'static [Excuse],
    pub abilities: Abilities,
}

impl TrustPolicy {
    /// Whose code a program is that starts.
    pub fn actor(&self, started: &Started) -> Actor {
        let is_compiler = started.is_first
            && (self.trusts_first || !started.has_plugins && (started.is_named || started.is_tool));
        // An identity of the program alone does not say that the program is a compiler.
        let is_part = started.is_covered && self.trusts_first;
        match () {
            () if started.by_foreign => Actor::Process,
            () if is_compiler => Actor::Compiler,
            () if !started.has_plugins && (is_part || started.is_tool) => Actor::Tool,
            () if started.is_path_only => Actor::PathOnly,
            () => Actor::Script,
        }
    }

    /// What an event means.
    pub fn treat(&self, actor: Actor, event: &Event) -> impl Iterator<Item = Treatment> {
        let reads_clock =
            matches!(event.act, Act::ReadsVariable | Act::ReadsInnerVariable | Act::ReadsPathVariable)
                && actor.is_trusted()
                && names(self.clock_env, event.name);
        let cell: &[Treatment] =
            if reads_clock { &[Treatment::Refuse(Reason::Clock)] } else { self.table.cell(event.act, actor) };
        cell.iter().filter_map(move |treatment| self.settle(actor, event, *treatment))
    }

    /// Whether two acts mean the same, so that it need not be found out which of them it was.
    pub fn same(&self, actor: Actor, one: Act, other: Act) -> bool {
        self.table.cell(one, actor) == self.table.cell(other, actor)
    }

    /// Whether an act can mean anything.
    pub fn means_something(&self, actor: Actor, act: Act) -> bool {
        !self.table.cell(act, actor).is_empty()
    }

    /// The act of calling a function with changing results.
    pub fn call(&self, function: &[u8]) -> Act {
        match function {
            f if names(self.ignored_calls, f) => Act::DrawsRandom,
            b"getaddrinfo" | b"getnameinfo" => Act::LooksUpHost,
            f if f.starts_with(b"gethost") || f.starts_with(b"getnet") => Act::LooksUpHost,
            b"getloadavg" | b"sysinfo" | b"sched_getcpu" | b"getcpu" | b"sysconf/memory" => Act::AsksState,
            f if [OF_PROCESSES, DATABASES].iter().any(|table| names(table, f)) => Act::AsksState,
            b"dladdr" | b"dladdr1" | b"dlinfo" | b"dl_iterate_phdr" | b"dlopen" | b"getauxval" => {
                Act::AsksPlace
            }
            b"clock_gettime/timer" | b"clock" | b"times" | b"getrusage" | b"wait3" | b"wait4" => {
                Act::ReadsTimer
            }
            _ => Act::ReadsClock,
        }
    }

    /// The act of reading `/proc/self/maps`: it shows where code lies, and a plugin much of the compiler's state. Whether
    /// the program lies below a root decides whether it sees the run's place there.
    pub fn reads_map(actor: Actor, is_below_root: bool) -> Act {
        match actor {
            Actor::Plugin => Act::OpensFile,
            _ if is_below_root => Act::AsksPlace,
            _ => Act::ReadsSystemMap,
        }
    }

    /// The act of asking for a fact about the host.
    pub fn question(&self, fact: &[u8]) -> Act {
        match fact {
            b"fstatfs" => Act::AsksFileSystem,
            _ if fact.starts_with(b"winsize/") => Act::AsksTerminalSize,
            _ => Act::AsksFact,
        }
    }

    /// The excuse of a path; `trusted` where the compiler or a tool looks at it.
    pub fn ignored_path(&self, path: &[u8], trusted: bool) -> Option<&'static Excuse> {
        place::ignored(self.ignored_paths, if trusted { self.ignored_paths_of_compiler } else { &[] }, path)
    }

    /// The excuse of a variable that an actor reads by name.
    pub fn ignored_variable(&self, actor: Actor, name: &[u8]) -> Option<&'static Excuse> {
        let find = |table: &'static [Excuse]| table.iter().find(|row| row.names(name));
        let trusted =
            || find(self.ignored_env).or_else(|| find(self.compiler_env)).or_else(|| own_setting(name));
        find(self.loader_env).or_else(|| actor.is_trusted().then(trusted).flatten())
    }

    /// The excuse of a variable where a dependency on the whole environment is meant; `every` where the program may put any
    /// of it into the result.
    pub fn ignored_in_whole(&self, name: &[u8], every: bool) -> Option<&'static Excuse> {
        let find = |table: &'static [Excuse]| table.iter().find(|row| row.names(name));
        let everywhere = [self.loader_env, self.ignored_in_whole];
        let of_scripts = || if every { None } else { find(self.script_env) };
        everywhere.into_iter().find_map(find).or_else(|| own_setting(name)).or_else(of_scripts)
    }

    /// Whether a loaded library is the C runtime: by its name, and by lying where the system keeps its libraries.
    pub fn is_c_runtime(&self, path: &Path) -> bool {
        excuse::is_system_library(self.c_runtime, path)
    }

    /// Whether a loaded library is a part of the C library.
    pub fn is_c_library(&self, path: &Path) -> bool {
        excuse::is_system_library(self.c_library, path)
    }

    /// The same, by the name under which an object asks for it.
    pub fn is_c_library_name(&self, name: &[u8]) -> bool {
        self.c_library.iter().any(|row| name.starts_with(row.what.as_bytes()))
    }

    /// Whether a loaded library only loads or unwinds.
    pub fn is_loader(&self, path: &Path) -> bool {
        excuse::is_system_library(self.loader, path)
    }

    /// Whether a plugin or a script uses paths only to find files; `declared` are the user's own.
    pub fn is_path_only(&self, name: &str, declared: &[String]) -> bool {
        let name = name.replace('-', "_");
        self.path_only.iter().any(|row| row.what == name) || declared.contains(&name)
    }

    /// Whether a function belongs to the standard library of plugins.
    pub fn is_of_standard_library(&self, function: &[u8]) -> bool {
        self.abilities.standard_library.iter().any(|row| contains(function, row.what.as_bytes()))
    }

    fn settle(&self, actor: Actor, event: &Event, treatment: Treatment) -> Option<Treatment> {
        if matches!(treatment, Treatment::Env | Treatment::EnvUnlessProved | Treatment::EnvPath) {
            let lists = actor.is_trusted() && names(self.directories_env, event.name);
            let treatment = if lists { Treatment::EnvPath } else { treatment };
            return self.ignored_variable(actor, event.name).is_none().then_some(treatment);
        }
        if !treatment.is_about_path() {
            return Some(treatment);
        }
        let trusted = match treatment {
            Treatment::Executable | Treatment::Made => true,
            // What a tool loads is not the tool's own code.
            _ if event.act == Act::LoadsLibrary => actor == Actor::Compiler,
            _ => actor.is_trusted(),
        };
        let ignored = || self.ignored_path(event.name, trusted).is_some();
        match treatment {
            Treatment::Made => return (!ignored()).then_some(treatment),
            Treatment::EachLinkPortable => {
                return (event.place != Place::Made && !ignored()).then_some(treatment);
            }
            _ => {}
        }
        if event.place == Place::Made || ignored() {
            return None;
        }
        let settled = event.place.settle(actor, treatment)?;
        if self.shows_state(event.name) { self.state(actor, event, settled) } else { Some(settled) }
    }

    /// Whether a path shows the state of the machine.
    pub fn shows_state(&self, path: &[u8]) -> bool {
        self.host_state.iter().any(|row| is_at_or_below(row.what, path)) && !path.starts_with(b"/dev/shm/")
    }

    /// What it means to look at the state of the machine, which no digest can hold.
    fn state(&self, actor: Actor, event: &Event, treatment: Treatment) -> Option<Treatment> {
        use Treatment as T;
        let path = event.name;
        match treatment {
            T::Contents | T::Executable => {}
            // What is there, kache finds as the run did: there each process sees the same.
            T::Existence | T::Absence | T::Metadata | T::Identity | T::Size | T::Permission | T::Link
                if is_below("/sys/", path) =>
            {
                return Some(treatment);
            }
            T::Existence | T::Absence if !actor.is_trusted() || is_of_process(path) => {}
            // What is done besides says what the look at the path means.
            T::Access | T::Metadata | T::Identity | T::Size | T::Permission => return None,
            T::Link if event.act == Act::ProbesLink => return None,
            // kache itself would find its own process there, or other processes than the run did.
            T::Link | T::Listing | T::ListingAs(_) if is_at_or_below("/proc/", path) => {}
            other => return Some(other),
        }
        let row = |table: &'static [Excuse]| table.iter().find(|row| is_below(row.what, path));
        Some(match () {
            () if path == b"/proc/self/environ" => T::EnvAll(Environment::Every),
            // A compiler that opens it puts it into the result whole.
            () if !actor.is_trusted() && row(self.tells_processors).is_some() => T::Host("processors"),
            () if path == b"/proc/self/exe" || path == b"/proc/self/cwd" => T::Place,
            () => row(self.host_files).map_or(T::RefuseState, |_| T::HostFile),
        })
    }
}

/// Whether a path shows a process, which is another one for whoever looks there next.
fn is_of_process(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"/proc/").unwrap_or_default();
    let name = rest.split(|b| *b == b'/').next().unwrap_or_default();
    [&b"self"[..], b"thread-self"].contains(&name) || name.first().is_some_and(u8::is_ascii_digit)
}

/// The excuse of kache's own settings, each by its exact name.
fn own_setting(name: &[u8]) -> Option<&'static Excuse> {
    static OWN: Excuse =
        Excuse { what: "kache's own settings", why: "they say how kache works, not what is compiled" };
    settings::is_own_variable(name).then_some(&OWN)
}
