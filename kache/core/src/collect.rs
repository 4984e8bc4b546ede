//! From the trace of a run to the set of dependencies of its result.
//!
//! The trace is walked once, in order. Each event becomes one act or several, with the facts that decide what it means:
//! whose code it was, whether the run made the thing itself, what sort of thing it is. The [`TrustPolicy`] answers with
//! treatments, and those become [`Dependency`]s, outputs, or the reason why the result cannot be stored.
//!
//! - `subject`: what the walk needs to know of the action.
//! - `world`: what it needs to know of the machine. Tests have one of their own, and read no real file.
//! - `processes`: who started whom, and whose code each module is.
//! - `made`: what the run made, renamed and left behind.
//! - `files`, `changes`, `programs`, `variables`: from events to acts.
//! - `libraries`: where the loader searched.
//! - `imports`: what they take from the C library.
//! - `answers`: the answers to questions about paths, to be compared after the run.
//! - `status`: who learns times of files.
//! - `facts`: from questions to the host to dependencies on its answers.
//! - `unobserved`: programs that ran and left no trace.
//! - `removed`: files that are gone since a program ran or read them.
//! - `refusal`: the words for why a result cannot be stored.

mod answers;
mod changes;
mod facts;
mod files;
mod imports;
mod libraries;
mod made;
mod processes;
mod programs;
mod refusal;
mod removed;
mod scripts;
mod status;
mod subject;
mod unobserved;
mod variables;
mod walk;
mod world;

pub use subject::{Coverage, Subject};
pub use world::{Machine, World};

use crate::collected::{Collected, Step};
use crate::dependency::{Dependency, Kind as DependencyKind};
use crate::eval::EVERY;
use crate::observe::start_clock::StartCalls;
use crate::observe::trace::{EventKind, Trace, TraceEvent, flag};
use crate::platform::{self, normalize as clean};
use crate::policy::{Act, Actor, Environment, Event, Place, Treatment, TrustPolicy};
use crate::reason::{NotCacheable, Reason};
use foldhash::{HashMap, HashSet};
use made::Made;
use processes::Processes;
use removed::Removed;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Walks a trace.
pub fn collect(subject: &Subject, world: &dyn World, trace: &Trace) -> Collected {
    let mut collector = Collector {
        subject,
        world,
        policy: subject.policy,
        processes: Processes::default(),
        made: Made::default(),
        linker: subject.linker.as_ref().and_then(|linker| world.canonicalize(linker)),
        temporary: temporary_directories(world),
        perhaps_read_all: BTreeMap::new(),
        renamed: subject.renamed(world),
        has_compiler: !subject.is_shim,
        without_links: HashSet::default(),
        examined: HashSet::default(),
        imports: imports::Checked::default(),
        linked: libraries::LinkedObjects::default(),
        start_calls: HashMap::default(),
        steps: BTreeMap::new(),
        looked: HashMap::default(),
        asked_from: HashMap::default(),
        read_by_others: BTreeSet::new(),
        perhaps_inputs: BTreeSet::new(),
        read_before_made: HashSet::default(),
        opened_responses: HashSet::default(),
        set_facts: HashSet::default(),
        removed: Removed::of(trace, world),
        now: 0,
        out: Collected::default(),
    };
    if trace.overflowed {
        collector
            .refuse(Reason::ObserverOverflow, "more was looked at than the observer's log holds".to_string());
    }
    // What was empty when the run started: whatever is found in it, the run made.
    for tree in subject.outputs.trees.iter().filter(|tree| tree.is_there) {
        collector.made.directory(tree.path.as_os_str().as_encoded_bytes(), Actor::Process);
    }
    collector.processes.note_spawned(trace);
    for (at, event) in trace.events.iter().enumerate() {
        collector.now = at;
        collector.event(event);
    }
    if trace.torn > 0 {
        collector.refuse(
            Reason::ObserverTorn,
            "a process was killed while it wrote to the observer's log".to_string(),
        );
    }
    if let Some(program) = unobserved::program(subject, world, trace) {
        let detail = format!("{program} ran without the observer (a static program?)");
        collector.refuse(Reason::UnobservedProgram, detail);
    }
    collector.finish()
}

struct Collector<'a> {
    subject: &'a Subject<'a>,
    world: &'a dyn World,
    policy: &'static TrustPolicy,
    processes: Processes,
    made: Made,
    /// The linker's file, links followed.
    linker: Option<PathBuf>,
    temporary: Vec<Vec<u8>>,
    /// Whether the program is the compiler, or has become it.
    has_compiler: bool,
    /// Processes that may have read all variables, as far as is known; for each, whether it was about to become
    /// another program and had read none.
    perhaps_read_all: BTreeMap<u32, bool>,
    /// See [`Subject::renamed`].
    renamed: Vec<(PathBuf, PathBuf)>,
    /// Directories that are known to have no link on the way to them.
    without_links: HashSet<PathBuf>,
    /// Objects whose code has been searched for system calls.
    examined: HashSet<PathBuf>,
    imports: imports::Checked,
    linked: libraries::LinkedObjects,
    /// By program: the calls of the clock that it makes as it starts, where they could be learnt.
    start_calls: HashMap<PathBuf, Option<StartCalls>>,
    steps: BTreeMap<(u32, u32), Vec<Step>>,
    /// By process and thread: the file whose status it asked for last, with nothing after that.
    looked: HashMap<(u32, u32), Vec<u8>>,
    /// By object and place: whether the code there asks for a status without the standard library.
    asked_from: HashMap<(PathBuf, u64), bool>,
    /// Variables that other code than the compiler's read: what it did with them cannot be proved.
    read_by_others: BTreeSet<Vec<u8>>,
    /// Files that are named like outputs and were opened: inputs, unless the run makes them itself.
    perhaps_inputs: BTreeSet<Vec<u8>>,
    /// Files that were read before this run made them.
    read_before_made: HashSet<Vec<u8>>,
    /// Response files that the first process has opened.
    opened_responses: HashSet<Vec<u8>>,
    /// Facts about the host that a process set for itself and what it starts, with the hash of what each was set to.
    set_facts: HashSet<(Vec<u8>, i64)>,
    removed: Removed,
    /// The event that is looked at, by its place in the trace.
    now: usize,
    out: Collected,
}

/// Whose code caused an event, and in which process.
#[derive(Clone, Copy)]
struct Cause {
    pid: u32,
    actor: Actor,
}

impl Collector<'_> {
    /// A function with changing results was called.
    fn calls(&mut self, e: &TraceEvent, by: Cause) {
        let act = self.call(e);
        let is_clock = matches!(act, Act::ReadsClock | Act::ReadsTimer);
        let is_excused = is_clock
            && (self.asks_as_it_starts(e, act)
                || self.is_tool_with_date_variable(by)
                || self.is_timeless(by));
        self.named(by, if is_excused { Act::ReadsClockAtStart } else { act }, e.path);
    }

    fn uses_given(&mut self, e: &TraceEvent, by: Cause) {
        let asks = e.flags & flag::ASKED_ABOUT != 0;
        if !asks || !self.only_closes_descriptors(e.pid) {
            self.named(by, if asks { Act::AsksAboutGiven } else { Act::UsesGiven }, e.path);
        }
    }

    fn event(&mut self, e: &TraceEvent) {
        match e.kind {
            EventKind::Start => return self.start(e),
            EventKind::Module => return self.module(e),
            EventKind::Exit => return self.exit(e),
            EventKind::Named => return self.begins_with(e),
            EventKind::Argument => return self.processes.note_argument(e),
            EventKind::Toolchain => return self.depend_on_toolchain(e),
            EventKind::Inherited => return self.inherit(e),
            EventKind::Failed | EventKind::Maps => return,
            EventKind::Unlocated => return self.refuse_unlocated(e),
            EventKind::Filtered => return self.refuse_filtered(e),
            EventKind::Unfollowed => return self.refuse_unfollowed(e),
            _ => {}
        }
        let Some(actor) = self.processes.actor(e.pid, e.module) else {
            let detail = "a process wrote to the observer's log without having begun";
            return self.refuse(Reason::ObserverTorn, detail.to_string());
        };
        let by = Cause { pid: e.pid, actor };
        if let Some(unread) = self.perhaps_read_all.get_mut(&e.pid) {
            *unread = e.kind == EventKind::Exec && e.errno == 0 && e.flags & flag::EXEC_UNREAD != 0;
        }
        let real = actor.is_trusted().then(|| self.processes.real_name(e)).flatten();
        let e = &TraceEvent { path: real.as_deref().unwrap_or(e.path), ..*e };
        // The compiler resolves the directories that it writes to: what it does there counts by the names of the command line.
        // So do build tools within a foreign command.
        let may_resolve = actor.is_trusted() || self.subject.is_foreign;
        let named = |path: &[u8]| may_resolve.then(|| self.as_named(path)).flatten();
        let has_two = matches!(e.kind, EventKind::Rename | EventKind::Link);
        let (path, path2) = (named(e.path), if has_two { named(e.path2) } else { None });
        let e = &TraceEvent {
            path: path.as_deref().unwrap_or(e.path),
            path2: path2.as_deref().unwrap_or(e.path2),
            ..*e
        };
        self.learn(e, by);
        self.deed(e, by);
    }

    /// What a process did, by the names of the command line.
    fn deed(&mut self, e: &TraceEvent, by: Cause) {
        match e.kind {
            EventKind::Read | EventKind::Write if self.opens_terminal_as_it_starts(e) => {
                self.named(by, Act::OpensTerminalAtStart, e.path);
            }
            // What is read there or written, the run was given open.
            EventKind::Read | EventKind::Write if e.path == b"/dev/tty" && !by.actor.is_trusted() => {
                self.named(by, Act::OpensTerminal, b"");
            }
            EventKind::Read => self.read(e, by),
            EventKind::Stat => self.probe(e, by),
            EventKind::Write => self.write(e, by),
            EventKind::Mkdir => self.make_directory(e, by),
            EventKind::Rename => self.rename(e, by),
            EventKind::Link => self.link(e, by),
            EventKind::Unlink => self.unlink(e, by),
            EventKind::Change => self.change(e, by),
            EventKind::Readlink => self.read_link(e, by),
            EventKind::Realpath => self.real_path(e, by),
            EventKind::List => self.list(e, by),
            EventKind::Exec => self.exec(e, by),
            EventKind::GetEnv => self.variable(e, by),
            EventKind::Dlopen => self.ask_for_library(e, by),
            EventKind::Cwd => self.named(by, Act::AsksDirectory, b""),
            EventKind::Connect => self.named(by, Act::Connects, e.path),
            EventKind::Volatile => self.calls(e, by),
            EventKind::Lookup => self.look_up(e, by),
            EventKind::HostFact => self.host_fact(e, by),
            EventKind::Descriptor => self.uses_given(e, by),
            EventKind::RawSyscall => self.apply(by, &Event::named(Act::CallsKernel, e.path), e.aux),
            // A child's own events say who it is.
            EventKind::Spawned
            | EventKind::Start
            | EventKind::Module
            | EventKind::Named
            | EventKind::Argument
            | EventKind::Unlocated
            | EventKind::Filtered
            | EventKind::Unfollowed
            | EventKind::Failed
            | EventKind::Exit
            | EventKind::Toolchain
            | EventKind::Inherited
            | EventKind::Maps => {}
        }
    }

    /// A path below a directory of [`Subject::renamed`], as the command line names it.
    fn as_named(&self, path: &[u8]) -> Option<Vec<u8>> {
        let path = Path::new(platform::os_str(path));
        let found =
            self.renamed.iter().find_map(|(real, named)| Some((path.strip_prefix(real).ok()?, named)))?;
        Some(found.1.join(found.0).into_os_string().into_encoded_bytes())
    }

    /// Has the policy treat an act that concerns no path.
    fn named(&mut self, by: Cause, act: Act, name: &[u8]) {
        self.apply(by, &Event::named(act, name), 0);
    }

    /// Has the policy treat an act at a path, which is clean.
    fn at(&mut self, by: Cause, act: Act, path: &[u8]) {
        if self.policy.means_something(by.actor, act) {
            self.apply(by, &Event { act, name: path, place: self.place(path) }, 0);
        }
    }

    /// Has the policy treat an act; `number` is an error or a system call, for the message.
    fn apply(&mut self, by: Cause, event: &Event, number: i64) {
        for treatment in self.policy.treat(by.actor, event) {
            self.take(by, event, treatment, number);
        }
    }

    fn take(&mut self, by: Cause, event: &Event, treatment: Treatment, number: i64) {
        let name = || event.name.to_vec();
        let dependency = self.dependency(treatment, event);
        if let (Treatment::Absence, Some(dependency)) = (treatment, &dependency) {
            self.out.absent.insert(dependency.name.clone());
        }
        self.out.dependencies.extend(dependency);
        match treatment {
            Treatment::ContentsUnlessMade => _ = self.perhaps_inputs.insert(name()),
            Treatment::EachLink => self.each_link(event.name, DependencyKind::Link),
            Treatment::EachLinkPortable => self.each_link(event.name, DependencyKind::LeadsTo),
            Treatment::Env => _ = self.read_by_others.insert(name()),
            // One that is not set has no value whose use could be proved.
            Treatment::EnvUnlessProved if number == 0 => _ = self.out.candidates.insert(name()),
            Treatment::Made => self.made.file(event.name, by.actor),
            Treatment::MadeDirectory => self.made.directory(event.name, by.actor),
            Treatment::Output => _ = self.out.outputs.insert(PathBuf::from(platform::os_str(event.name))),
            Treatment::Refuse(reason) | Treatment::RefuseInput(reason) => {
                let detail = refusal::detail(event, self.processes.name(by.pid), number, self.policy);
                self.refuse(reason, detail);
            }
            Treatment::RefuseState => {
                let detail = format!("{} was looked at", String::from_utf8_lossy(event.name));
                self.refuse(Reason::HostState, detail);
            }
            _ => {}
        }
    }

    /// The dependency that a treatment stands for, if it is one.
    fn dependency(&self, treatment: Treatment, event: &Event) -> Option<Dependency> {
        use DependencyKind as K;
        let path = || self.subject.roots.portable(event.name);
        let name = || event.name.to_vec();
        let (kind, name) = match treatment {
            Treatment::Contents | Treatment::Executable => (K::File, path()),
            Treatment::Existence | Treatment::Absence => (K::Path, path()),
            Treatment::Permission => (K::Permission, event.name.to_vec()),
            Treatment::Link => (K::Link, path()),
            Treatment::Metadata => (K::Status, path()),
            Treatment::Identity => return Some(Dependency::host(b"stat", &path())),
            Treatment::Size => return Some(Dependency::host(b"size", &path())),
            Treatment::Access => return Some(Dependency::host(b"access", &path())),
            Treatment::Listing => (K::Listing, path()),
            Treatment::ListingAs(function) => return Some(Dependency::computed(function, path())),
            Treatment::Env | Treatment::EnvUnlessProved => (K::Env, name()),
            Treatment::EnvPath => (K::EnvPath, name()),
            Treatment::EnvAll(Environment::Most) => (K::EnvAll, Vec::new()),
            Treatment::EnvAll(Environment::Every) => (K::EnvAll, EVERY.to_vec()),
            Treatment::EnvAll(Environment::Portable) => (K::EnvAllPath, Vec::new()),
            Treatment::Cwd => (K::Cwd, Vec::new()),
            Treatment::Place => (K::Place, Vec::new()),
            Treatment::HostFile => return Some(Dependency::host(b"contents", event.name)),
            Treatment::Host(fact) => return Some(Dependency::host(fact.as_bytes(), b"")),
            Treatment::Library => (K::Library, name()),
            Treatment::Program => (K::Program, name()),
            Treatment::Computed(function) => return Some(Dependency::computed(function, b"")),
            // `facts` asks the host first.
            Treatment::HostAnswer
            | Treatment::ContentsUnlessMade
            | Treatment::EachLink
            | Treatment::EachLinkPortable
            | Treatment::Made
            | Treatment::MadeDirectory
            | Treatment::Output
            | Treatment::Refuse(_)
            | Treatment::RefuseInput(_)
            | Treatment::RefuseState => return None,
        };
        Some(Dependency::new(kind, name))
    }

    fn depend(&mut self, kind: DependencyKind, name: &[u8]) {
        self.out.dependencies.insert(Dependency::new(kind, name));
    }

    fn refuse_unlocated(&mut self, e: &TraceEvent) {
        let kind = u8::try_from(e.aux).ok().and_then(EventKind::from_number);
        let what = kind.map_or_else(|| "event".to_string(), |kind| format!("{kind:?}"));
        let detail = format!("{} did something ({what}) at an unknown path", self.processes.name(e.pid));
        self.refuse(Reason::Unlocated, detail);
    }

    fn refuse_filtered(&mut self, e: &TraceEvent) {
        let detail = format!("{} limits the system calls that it may make", self.processes.name(e.pid));
        self.refuse(Reason::SystemCallFilter, detail);
    }

    /// Whoever did it: what other code does in the process afterwards is not seen.
    fn refuse_unfollowed(&mut self, e: &TraceEvent) {
        let name = self.processes.name(e.pid);
        let detail = format!("{name} made system call {}, which cannot be followed", e.aux);
        self.refuse(Reason::RawSyscall, detail);
    }

    /// The first reason is the one that is reported.
    fn refuse(&mut self, reason: Reason, detail: String) {
        if self.out.refused.is_none() {
            self.out.refused = Some(NotCacheable::new(reason, detail));
        }
    }

    /// What a path is to the run.
    fn place(&self, path: &[u8]) -> Place {
        if self.made.has(path) {
            return Place::Made;
        }
        let (subject, p) = (self.subject, Path::new(platform::os_str(path)));
        match () {
            () if subject.outputs.owns(p) => match subject.is_foreign {
                true => Place::NamedOutput,
                false => Place::Output,
            },
            () if subject.outputs.dir == p => Place::OutputDirectory,
            () if subject.is_state(path) => Place::State,
            () if self.temporary.iter().any(|dir| dir == path) => Place::Temporary,
            () if subject.is_inlined(p) => Place::Inlined,
            () => match (subject.coverage)(p) {
                Coverage::Whole => Place::Toolchain,
                Coverage::Existence => Place::ToolchainDirectory,
                Coverage::None => Place::Elsewhere,
            },
        }
    }

    /// Notes what the compiler's own threads did, as a proof of what a variable was used for.
    fn step(&mut self, e: &TraceEvent, step: impl FnOnce() -> Step) {
        if self.processes.is_first(e.pid) {
            self.steps.entry((e.pid, e.tid)).or_default().push(step());
        }
    }

    fn finish(mut self) -> Collected {
        self.check_unknown();
        for pid in std::mem::take(&mut self.perhaps_read_all).into_keys() {
            self.may_have_read_all(pid);
        }
        self.left_running();
        self.left_behind();
        if !self.has_compiler {
            let program = self.subject.program.display();
            let detail = format!("{program} did not become the compiler, but started it, or another");
            self.refuse(Reason::UnknownCompiler, detail);
        }
        let others = std::mem::take(&mut self.read_by_others);
        self.out.candidates.retain(|name| !others.contains(name));
        self.out.steps = self.steps.into_values().collect();
        self.out
    }
}

/// Where temporary files are put. What a run puts there is not an input.
fn temporary_directories(world: &dyn World) -> Vec<Vec<u8>> {
    let named = ["TMPDIR", "TMP", "TEMP"].iter().filter_map(|name| world.variable(name.as_bytes()));
    named.map(|dir| clean(dir.as_encoded_bytes()).into_owned()).collect()
}
