//! Events about programs: what began, what it loaded and can do, what it started.

use super::processes::Module;
use super::{Cause, Collector, clean};
use crate::dependency::{Dependency, Kind};
use crate::observe::start_clock::{StartCalls, TERMINAL};
use crate::observe::trace::{TraceEvent, flag};
use crate::observe::variables::Use;
use crate::paths::absolute;
use crate::platform;
use crate::policy::{Act, Actor, ClockAtStart, Event, Excuse, Started, names};
use crate::reason::Reason;
use crate::template::contains;
use std::path::Path;

impl Collector<'_> {
    pub(super) fn start(&mut self, e: &TraceEvent) {
        if e.flags & flag::FORKED != 0 {
            self.processes.fork(e);
            return self.begin_to_read(e.pid);
        }
        let exe = Path::new(platform::os_str(e.path));
        let name = exe.file_name().unwrap_or_default().to_string_lossy();
        let parent = u32::try_from(e.aux).unwrap_or(0);
        let is_covered = self.subject.covers(exe);
        let mut is_first = self.processes.begins_first(e.pid);
        if is_first && self.subject.is_shim {
            is_first = is_covered;
            self.has_compiler |= is_covered;
        }
        let is_script = is_first && self.subject.is_script;
        let by_foreign = self.processes.is_started_by_foreign(e.pid, parent);
        let is_path_only = !by_foreign && self.begins_path_only(e.pid, parent);
        let marks = self.policy.marks_of_tool(&name);
        let is_tool = marks.is_some_and(|marks| self.world.holds(exe, marks))
            || self.runs_one_command(e.pid, parent, exe, &name);
        let has_plugins = self.subject.has_plugins;
        let started =
            Started { is_first, is_named: false, is_tool, is_covered, by_foreign, is_path_only, has_plugins };
        let actor = match () {
            // All of its code counts as a plugin's.
            () if is_script => Actor::Compiler,
            () if is_first && self.subject.is_foreign => Actor::Process,
            () => self.policy.actor(&Started { is_named: self.is_named(&started, exe), ..started }),
        };
        self.out.runs_others |= !actor.is_trusted();
        if self.perhaps_read_all.remove(&e.pid) == Some(false) {
            self.may_have_read_all(e.pid);
        }
        self.processes.begin(e, actor, is_path_only);
        if e.flags & flag::IN_PLACE != 0 {
            return self.begins_in_place(e);
        }
        if is_script && let Some(process) = self.processes.get_mut(e.pid) {
            process.is_foreign = true;
        }
        if let Some(process) = self.processes.get_mut(e.pid) {
            process.is_tool = is_tool;
        }
        self.begin_to_read(e.pid);
        let by = Cause { pid: e.pid, actor };
        if matches!(actor, Actor::Script | Actor::PathOnly)
            && let Some(name) = self.processes.became(e.pid).filter(|_| self.subject.linker.is_some())
        {
            self.out.readers.entry(Vec::new()).or_default().insert(name);
        }
        if actor.is_trusted() {
            self.examine_syscalls(by, exe);
        } else if !self.subject.covers(exe) {
            self.examine_program(by, &self.file_as_it_was(e.path));
        }
        if self.linker.as_deref() == Some(exe) {
            self.named(by, Act::BeginsAsLinker, b"");
        } else {
            self.at(by, Act::Begins, &clean(e.path));
        }
    }

    /// Whether a program is a shell that the compiler or a tool has the system start for one command. A script whose interpreter
    /// the shell is was asked for by the script's name.
    fn runs_one_command(&self, pid: u32, parent: u32, shell: &Path, name: &str) -> bool {
        let is_asked_for = |named: String| named == "sh" || named == name;
        self.policy.is_shell(name)
            && self.processes.predecessor(pid, parent).is_some_and(|by| by.actor.is_trusted())
            && self.processes.became(pid).is_none_or(is_asked_for)
            && self.world.only_root_replaces(shell)
    }

    /// Whether the first process is what the action names, and a compiler by its contents.
    fn is_named(&self, started: &Started, exe: &Path) -> bool {
        let is_named = || self.world.canonicalize(self.subject.program).is_some_and(|program| program == exe);
        let is_compiler = || self.policy.compiler_marks().any(|marks| self.world.holds(exe, marks));
        started.is_first && !self.policy.trusts_first && is_named() && (started.is_tool || is_compiler())
    }

    /// What kache tells in a program's place is all that the program would have done.
    fn begins_in_place(&mut self, e: &TraceEvent) {
        if let Some(process) = self.processes.get_mut(e.pid) {
            process.actor = Actor::Process;
            process.is_told = true;
        }
        self.begin_to_read(e.pid);
        self.at(Cause { pid: e.pid, actor: Actor::Process }, Act::Begins, &clean(e.path));
    }

    /// A compiler that kache answered for: the toolchain is chosen as its name and the working directory say.
    pub(super) fn depend_on_toolchain(&mut self, e: &TraceEvent) {
        let portable = |path: &[u8]| self.subject.roots.portable(path);
        let program = if e.path.contains(&b'/') { portable(e.path) } else { e.path.to_vec() };
        let name = [&program[..], &portable(e.path2)].join(&b'\n');
        self.out.dependencies.insert(Dependency::computed("toolchain", name));
    }

    /// A dependency of a command within the run. What the run made is none.
    pub(super) fn inherit(&mut self, e: &TraceEvent) {
        let paths = e.path.split(|b| *b == b'\n').map(clean).filter(|path| !self.made.has(path));
        let portable: Vec<_> = paths.map(|path| self.subject.roots.portable(&path)).collect();
        match u8::try_from(e.aux).ok().and_then(Kind::from_number) {
            Some(Kind::Twins) if portable.len() < 2 => {}
            Some(kind @ (Kind::Twins | Kind::Status)) if !portable.is_empty() => {
                self.out.dependencies.insert(Dependency::new(kind, portable.join(&0)));
            }
            Some(Kind::Twins | Kind::Status) => {}
            _ => self.refuse(Reason::ObserverTorn, "an unknown dependency was inherited".to_string()),
        }
    }

    /// A program that a plugin started counts as one that reads all variables until it ends and has read none.
    fn begin_to_read(&mut self, pid: u32) {
        if self.processes.get(pid).is_some_and(|process| process.actor == Actor::Process) {
            self.perhaps_read_all.insert(pid, false);
        }
    }

    /// A program of Rust's whose objects only pass the variables on did no more than that.
    pub(super) fn may_have_read_all(&mut self, pid: u32) {
        let Some(process) = self.processes.get(pid) else { return };
        let passes_on = |file: &[u8]| {
            let file = Path::new(platform::os_str(file));
            self.subject.covers(file)
                || self.policy.is_c_runtime(file)
                || !matches!(self.world.variables(file, 0), Use::Reads | Use::Copies)
        };
        let program = process.program.as_os_str().as_encoded_bytes();
        let in_rust = self.world.variables(&process.program, 0) == Use::PassesOn { in_rust: true };
        if !in_rust || !process.files().filter(|file| *file != program).all(passes_on) {
            self.named(Cause { pid, actor: Actor::Process }, Act::MayHaveReadAll, b"");
        }
    }

    pub(super) fn exit(&mut self, e: &TraceEvent) {
        if e.flags & flag::EXIT_UNREAD != 0 {
            self.perhaps_read_all.remove(&e.pid);
        }
    }

    /// A daemon, say, which a hit would not start. What the compiler or a linker leaves has done its work: `mold` returns
    /// before it has given back its memory.
    pub(super) fn left_running(&mut self) {
        let left = self.processes.foreign().find(|(pid, _)| self.world.is_running(*pid));
        if let Some((pid, actor)) = left {
            let name = self.processes.name(pid).to_string();
            self.named(Cause { pid, actor }, Act::LeavesRunning, name.as_bytes());
        }
    }

    /// Whether a program that begins is a path-only script in the linker's place, or was started by one.
    fn begins_path_only(&self, pid: u32, parent: u32) -> bool {
        let inherited = self.processes.predecessor(pid, parent).is_some_and(|by| by.is_path_only);
        let script = || self.processes.became(pid).is_some_and(|name| self.is_path_only(&name));
        inherited || self.subject.linker.is_some() && script()
    }

    pub(super) fn module(&mut self, e: &TraceEvent) {
        // The loader names what it found by way of `bin/../lib`.
        let found = Path::new(platform::os_str(e.path));
        let file = self.as_it_was(found).and_then(|file| self.world.canonicalize(&file));
        let is_kept = file.as_ref().is_some_and(|file| self.removed.is_kept(file));
        let real = file.unwrap_or_default();
        let is_covered = self.subject.covers(&real);
        let is_loader = self.policy.is_loader(&real);
        let is_c_library = self.policy.is_c_library(&real);
        if is_c_library {
            self.imports.note_c_library(&real);
        }
        let Some(process) = self.processes.get_mut(e.pid) else { return };
        let is_common = is_loader || is_c_library;
        let own = process.loads(&Module { id: e.module, found, real: &real, is_covered, is_common });
        let actor = match process.actor {
            Actor::Compiler if !own => Actor::Plugin,
            actor => actor,
        };
        let by = Cause { pid: e.pid, actor };
        let is_runtime = || actor.is_trusted() && self.policy.is_c_runtime(&real);
        let is_by_name = !found.parent().is_some_and(|dir| self.subject.is_searched(dir));
        // A trusted program that is started with a `LD_LIBRARY_PATH` of the run's.
        let has_own_path = self.processes.get(e.pid).is_some_and(|process| !process.searched().is_empty());
        if !actor.is_trusted() || has_own_path {
            self.searches(by, found, e.module != 0 && is_by_name);
        }
        if e.module == 0 && actor == Actor::Plugin {
            return self.examine(by, e.module, &real);
        }
        if e.module == 0 || is_covered || is_loader || is_runtime() {
            return;
        }
        if !is_kept {
            self.out.loaded.insert(real.clone());
        }
        // What is not loaded by its path is searched for, and another may come to lie before it.
        if is_by_name {
            self.named(by, Act::FindsLibrary, found.file_name().unwrap_or_default().as_encoded_bytes());
        }
        // One that is kept was made by the run, under the name that it had.
        let named = if is_kept { found } else { &*real };
        self.at(by, Act::LoadsLibrary, &clean(named.as_os_str().as_encoded_bytes()));
        self.out.loads_plugins |= actor == Actor::Plugin;
        match actor {
            _ if is_c_library => {}
            Actor::Plugin => self.examine(by, e.module, &real),
            // Whose code a tool loads besides its own is a matter of its identity.
            Actor::Compiler | Actor::Tool => {}
            _ => {
                self.note_code(by, &real);
                self.examine_program(by, &real);
            }
        }
    }

    /// A library of the compiler's own that a plugin uses too: what it does may be done for the plugin.
    fn share(&mut self, by: Cause, name: &[u8]) {
        let process = self.processes.get(by.pid);
        let Some((module, real)) = process.and_then(|process| process.own_library(name)) else { return };
        let real = real.to_path_buf();
        if self.subject.covers(&real) || self.policy.is_loader(&real) {
            return;
        }
        if let Some(process) = self.processes.get_mut(by.pid) {
            process.share(module);
        }
        self.at(by, Act::LoadsLibrary, &clean(real.as_os_str().as_encoded_bytes()));
        if !self.policy.is_c_library(&real) {
            self.named(by, Act::FindsLibrary, name);
            self.examine(by, module, &real);
        }
    }

    /// What a program, or a library that it loads, could do without an event.
    fn examine_program(&mut self, by: Cause, object: &Path) {
        self.examine_syscalls(by, object);
        if self.imports.is_new(object) {
            let imports = self.world.imports(object);
            self.check_imports(by, object, imports.as_ref());
        }
    }

    /// Whether a program asks for the clock as it does whenever it starts.
    pub(super) fn asks_as_it_starts(&mut self, e: &TraceEvent, act: Act) -> bool {
        let Some(process) = self.processes.get(e.pid).filter(|_| e.errno != 0) else { return false };
        let unless = self.policy.clock_at_start(self.processes.name(e.pid)).map_or(&[][..], |row| row.unless);
        let is_told = |argument: &Vec<u8>| unless.iter().any(|word| contains(argument, word.as_bytes()));
        if !unless.is_empty() && process.arguments().is_none_or(|all| all.iter().any(is_told)) {
            return false;
        }
        let scripts = self.policy.runs_scripts(self.processes.name(e.pid));
        if let Some(row) = scripts {
            let is_plain = self.runs_plain_scripts(e.pid, row);
            if !is_plain || row.asks_the_clock && self.world.only_root_replaces(&process.program) {
                return is_plain;
            }
        }
        let Some(file) = process.file(e.module).map(<[u8]>::to_vec) else { return false };
        let Some((row, calls)) = self.start_of(e.pid) else { return false };
        let is_of_start = act == Act::ReadsTimer && row.timers || calls.has(&file, e.aux, e.errno, row.again);
        is_of_start || self.asks_in_vain(e.pid)
    }

    /// Whether a program opens the terminal as it does whenever it starts, and no more often.
    pub(super) fn opens_terminal_as_it_starts(&mut self, e: &TraceEvent) -> bool {
        let Some(process) = self.processes.get_mut(e.pid).filter(|_| e.path == TERMINAL) else {
            return false;
        };
        process.terminal += 1;
        let count = process.terminal;
        self.start_of(e.pid).is_some_and(|(_, calls)| count <= calls.terminal)
    }

    /// What the program of a process asks for as it starts, if it is one that may be started to learn it.
    fn start_of(&mut self, pid: u32) -> Option<(&'static ClockAtStart, &StartCalls)> {
        let row = self.policy.clock_at_start(self.processes.name(pid))?;
        let (world, program) = (self.world, &self.processes.get(pid)?.program);
        let learn = || world.start_calls(program, row.arguments);
        Some((row, self.start_calls.entry(program.clone()).or_insert_with(learn).as_ref()?))
    }

    /// What calls the kernel by itself can look at anything unseen, unless its process has that recorded.
    fn examine_syscalls(&mut self, by: Cause, object: &Path) {
        if self.is_dispatched(by) || !self.policy.means_something(by.actor, Act::HoldsSyscall) {
            return;
        }
        // That a program is covered says what it is, and not what it reads.
        let is_covered = by.actor != Actor::Compiler && self.subject.covers(object);
        let is_known = is_covered || !self.examined.insert(object.to_path_buf());
        if !is_known && self.world.calls_kernel(object) == Some(true) {
            self.named(by, Act::HoldsSyscall, object.as_os_str().as_encoded_bytes());
        }
    }

    fn is_dispatched(&self, by: Cause) -> bool {
        self.processes.get(by.pid).is_some_and(|process| process.is_dispatched)
    }

    /// What a plugin could do without an event: the names in its object tell. Whether it can tell a file's times and
    /// permissions matters for the files that it looks at.
    fn examine(&mut self, by: Cause, module: u32, object: &Path) {
        self.examine_syscalls(by, object);
        let name = object.as_os_str().as_encoded_bytes();
        let imports = self.world.imports(object);
        self.check_imports(by, object, imports.as_ref());
        let imports = imports.unwrap_or_default();
        // A foreign program has a constructor of kache's own.
        let known = u64::from(module == 0);
        match self.world.variables(object, known) {
            Use::Reads => self.named(by, Act::HoldsEnvironment, name),
            Use::Copies => self.named(by, Act::CopiesEnvironment, name),
            Use::None | Use::PassesOn { .. } => {}
        }
        let has = &self.policy.abilities;
        let shared =
            |symbol: &[u8]| has.shared_library.iter().any(|row| contains(symbol, row.what.as_bytes()));
        if imports.symbols.iter().any(|import| shared(&import.name)) {
            self.named(by, Act::SharesLibrary, name);
        }
        for library in &imports.libraries {
            self.share(by, library);
        }
        let takes = |table: &[Excuse]| imports.symbols.iter().any(|import| names(table, &import.name));
        if takes(has.place_by_import) {
            self.named(by, Act::HoldsPlace, name);
        }
        if takes(has.identity_by_import) {
            self.learns(by.pid, module, Act::TellsStatus);
        }
        self.examine_functions(by, module, object, takes(has.walks_by_import));
    }

    /// The same by the names of its functions. `is_handed_status` where libc asks for the status of files, and hands it on.
    fn examine_functions(&mut self, by: Cause, module: u32, object: &Path, is_handed_status: bool) {
        let (has, name) = (&self.policy.abilities, object.as_os_str().as_encoded_bytes());
        let tables = [
            has.syscalls,
            has.place,
            has.metadata,
            has.permissions,
            has.reading,
            has.identity,
            has.size,
            has.numbers,
            has.compares_identity,
            has.unoptimised,
            has.unoptimised_program,
        ];
        let parts: Vec<_> = tables.into_iter().flatten().map(|row| row.what).collect();
        let found = self.world.functions(object, &parts);
        // Stripped of its names, it may have any function that leaves no other trace.
        if found.is_none() {
            self.named(by, Act::HoldsPlace, name);
        }
        let found = found.unwrap_or_default();
        let holds = |table: &[Excuse]| table.iter().any(|row| found.contains(&row.what));
        let acts = [
            (has.place, Act::HoldsPlace),
            (has.syscalls, Act::HoldsSyscall),
            (has.reading, Act::HoldsReadTimes),
        ];
        for (_, act) in acts.iter().filter(|(table, _)| holds(table)) {
            if *act != Act::HoldsSyscall || !self.is_dispatched(by) {
                self.named(by, *act, name);
            }
        }
        let marks = if module == 0 { has.unoptimised_program } else { has.unoptimised };
        // Who asks by itself is told by the place that the call returns to.
        let is_nameless = !holds(marks) || is_handed_status;
        let identity = holds(has.identity) && !holds(has.compares_identity);
        let learns = [
            (is_nameless || holds(has.size), Act::LearnsSize),
            (is_nameless || holds(has.numbers), Act::LearnsNumbers),
            (is_nameless || holds(has.metadata), Act::LearnsMetadata),
            (holds(has.permissions), Act::LearnsPermissions),
            (is_nameless || identity, Act::LearnsIdentity),
        ];
        for (_, act) in learns.into_iter().filter(|(learns, _)| *learns) {
            self.learns(by.pid, module, act);
        }
    }

    fn learns(&mut self, pid: u32, module: u32, act: Act) {
        if let Some(process) = self.processes.get_mut(pid) {
            process.learns(module, act);
        }
    }

    pub(super) fn exec(&mut self, e: &TraceEvent, by: Cause) {
        if e.errno != 0 {
            return self.exec_failed(e, by);
        }
        self.processes.note_exec(e, by.actor.is_trusted());
        if e.flags & flag::SEARCH != 0 {
            if !self.is_given_path(e.path2) {
                self.named(by, Act::RunsBesidePath, e.path);
            }
            if self.is_in_front_of_path(e, by) {
                return;
            }
            // For the compiler and its tools it means nothing, and the search asks the system.
            if self.policy.means_something(by.actor, Act::GoesThrough)
                && let Some(found) = self.world.program(platform::os_str(e.path))
            {
                self.goes_through(by, &clean(found.as_os_str().as_encoded_bytes()));
            }
            let linker = self.subject.is_linker_name(e.path);
            return self.named(by, if linker { Act::RunsLinkerByName } else { Act::RunsByName }, e.path);
        }
        let path = absolute(self.subject.cwd, Path::new(platform::os_str(e.path)));
        let name = path.as_os_str().as_encoded_bytes();
        if self.subject.is_linker(&path) {
            return self.named(by, Act::RunsLinkerByPath, name);
        }
        if !self.world.is_there(&path) {
            // A shell tries each directory of PATH.
            return self.at(by, Act::RunsNothing, &clean(name));
        }
        self.at(by, Act::RunsByPath, &clean(name));
        self.goes_through(by, &clean(name));
        self.permission(by, &clean(name), 1, None);
        // A driver may look through PATH by itself, and another program may come to lie before what it found.
        let file_name = path.file_name().unwrap_or_default();
        if self.policy.means_something(by.actor, Act::RunsFirstInPath)
            && self.world.program(file_name).as_ref() == Some(&path)
        {
            self.named(by, Act::RunsFirstInPath, file_name.as_encoded_bytes());
        }
    }

    /// What was asked for is a dependency already, and so is whether it may be executed. A script may lack its interpreter.
    fn exec_failed(&mut self, e: &TraceEvent, by: Cause) {
        if e.flags & flag::SEARCH != 0 {
            return;
        }
        let path = absolute(self.subject.cwd, Path::new(platform::os_str(e.path)));
        match i32::from(e.errno) {
            libc::EACCES | libc::ENOEXEC | libc::EISDIR => {}
            _ if platform::errno_is_absent(e.errno) => {
                if let Some(interpreter) = self.world.interpreter(&path) {
                    self.at(by, Act::RunsNothing, &clean(interpreter.as_os_str().as_encoded_bytes()));
                }
            }
            _ => {
                let name = clean(path.as_os_str().as_encoded_bytes());
                let event = Event { act: Act::CannotRun, name: &name, place: self.place(&name) };
                self.apply(by, &event, e.errno.into());
            }
        }
    }

    /// Whether a program is found in the directories that the compiler puts in front of `PATH`. That it is not there is a
    /// dependency.
    fn is_in_front_of_path(&mut self, e: &TraceEvent, by: Cause) -> bool {
        let paths = std::env::split_paths(platform::os_str(e.path2)).filter(|dir| self.subject.is_own(dir));
        for dir in paths.collect::<Vec<_>>() {
            let path = absolute(self.subject.cwd, &dir).join(platform::os_str(e.path));
            let name = clean(path.as_os_str().as_encoded_bytes()).into_owned();
            let is_there = self.world.may_execute(&path);
            self.at(by, if is_there { Act::RunsByPath } else { Act::RunsNothing }, &name);
            if is_there {
                return true;
            }
        }
        false
    }

    /// Whether a `PATH` is the one that the run was given, but for what the compiler puts in front.
    fn is_given_path(&self, path: &[u8]) -> bool {
        let given = self.world.variable(b"PATH").unwrap_or_default();
        self.subject.directories(platform::os_str(path)) == self.subject.directories(&given)
    }

    /// A library that is loaded by name may not be there; one that is there is recorded as it is loaded.
    pub(super) fn ask_for_library(&mut self, e: &TraceEvent, by: Cause) {
        if e.path.is_empty() {
            return;
        }
        if by.actor == Actor::Plugin {
            let name = Path::new(platform::os_str(e.path)).file_name().unwrap_or_default();
            self.share(by, name.as_encoded_bytes());
        }
        if !e.path.contains(&b'/') {
            self.named(by, Act::NamesLibrary, e.path);
            if let Some(found) = self.find_library(by, e.path).filter(|_| !by.actor.is_trusted()) {
                self.needs_of(by, &found);
            }
            return;
        }
        let path = absolute(self.subject.cwd, Path::new(platform::os_str(e.path)));
        let act = if self.world.is_there(&path) { Act::OpensLibrary } else { Act::OpensNoLibrary };
        self.at(by, act, &clean(path.as_os_str().as_encoded_bytes()));
        if act == Act::OpensLibrary {
            self.needs_of(by, &path);
        }
    }
}
