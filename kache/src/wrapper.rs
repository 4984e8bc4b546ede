//! One invocation, from the top:
//!
//! ```text
//! parse → action key → manifest? → a set of dependencies that all still hold? ── yes → restore → exit
//!                          │ no (local, then remote)
//!                          └→ lock the action → look again → run the compiler under observation
//!                             → result key → store (all or nothing) → exit with the compiler's own status
//! ```
//!
//! Nothing here may fail a build. Whatever goes wrong before the compiler has run ends in running it plainly;
//! whatever goes wrong after it has run ends in not storing. The event says which.

mod check;
mod keep;
mod places;
mod remote;

use kache_core::dependency::Dependency;
use kache_core::digest::Digest;
use kache_core::events::Phase;
use kache_core::events::{self, Event, Outcome};
use kache_core::observe::{launch, log};
use kache_core::paths::{self, Roots};
use kache_core::reason::{NotCacheable, Reason};
use kache_core::settings::{Observe, Settings};
use kache_core::store::manifest::Manifest;
use kache_core::store::result::ActionResult;
use kache_core::store::{Area, Lock, Store, gc};
use kache_core::{platform, printable, restore, run, template};
use kache_frontends::action::{self, Hasher};
use kache_frontends::depinfo;
use kache_frontends::eval::{EvalContext, find_program};
use kache_frontends::toolchain::Toolchain;
use kache_frontends::{self, Capabilities, Command, Invocation, gnu, recognise, rustup};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

/// Time by phase, in µs.
struct Clock {
    start: Instant,
    last: Instant,
}

impl Clock {
    fn lap(&mut self, event: &mut Event, phase: Phase) {
        let now = Instant::now();
        *event.phases_us.entry(phase).or_default() += (now - self.last).as_micros() as u64;
        self.last = now;
    }
}

/// Set for all that a compile starts: a kache among it (`CC="kache gcc"`, as the driver of rustc's linker) has nothing to
/// cache, and is to leave no trace in what is observed.
const WITHIN: &str = "KACHE_WITHIN";

/// Runs a compiler command line through the cache and exits with its status.
pub fn main(program: OsString, args: Vec<OsString>) -> ! {
    // Before anything is read, the clock least of all: within an observed compile it would count.
    if std::env::var_os(WITHIN).is_some() {
        bare(&Command { program: PathBuf::from(program), args, cwd: PathBuf::new() });
    }
    let now = Instant::now();
    let clock = Clock { start: now, last: now };
    let time_us = (platform::now_ns() / 1000) as u64;
    // A panic is a defect of ours; the build must not see it.
    std::panic::set_hook(Box::new(|_| {}));
    platform::outlive_file_limit();
    let cwd = std::env::current_dir().unwrap_or_default();
    let command = Command { program: PathBuf::from(program), args, cwd };
    let settings = std::panic::catch_unwind(|| Settings::load(&command.cwd));
    let Ok(settings) = settings else { bare(&command) };
    if settings.disable {
        bare(&command);
    }
    let mut event = Event::begin(time_us, &command);
    let opened = settings.cache_dir.as_deref().map(Store::open);
    let store = match opened {
        Some(Ok(store)) => store,
        Some(Err(e)) => {
            trouble_at_start(&settings, &command, event, &format!("the cache cannot be opened: {e}"))
        }
        None => trouble_at_start(
            &settings,
            &command,
            event,
            "there is no cache directory: neither KACHE_CACHE_DIR nor HOME is set",
        ),
    };
    warn_once(&settings, &store, &event);
    let mut session = Session { settings: &settings, store: &store, clock, ran: None };
    let handled =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| session.handle(&command, &mut event)));
    let ran = session.ran.take();
    let verdict = match handled {
        Ok(verdict) => verdict,
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned();
            let what =
                what.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default();
            event.fail(Outcome::Error, Reason::Panic, what);
            Verdict::Bare
        }
    };
    match (verdict, ran) {
        (Verdict::Done(code), None) => {
            event.status = code;
            session.finish(&mut event);
            process::exit(code)
        }
        // The compiler has run and has printed what it printed: its status is all that is left to give.
        (_, Some(status)) => {
            event.status = platform::exit_code(status);
            session.finish(&mut event);
            platform::die_like(status)
        }
        (Verdict::Bare, None) => {
            session.finish(&mut event);
            bare(&command)
        }
    }
}

/// Whether a first argument names a program: by a path, or to be found through `PATH`.
pub fn is_program(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.iter().any(|b| platform::is_separator(*b))
        || !bytes.starts_with(b"-") && find_program(name, &Roots::default()).is_some()
}

/// Becomes the compiler.
fn bare(command: &Command) -> ! {
    let mut plain = process::Command::new(&command.program);
    let e = platform::replace_process(plain.args(&command.args));
    let program = command.program.display().to_string();
    eprintln!("kache: cannot run {}: {e}", printable::sanitize(&program));
    process::exit(if e.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

fn trouble_at_start(settings: &Settings, command: &Command, mut event: Event, what: &str) -> ! {
    event.fail(Outcome::Error, Reason::CacheUnusable, what);
    event.trouble = platform::disk::trouble();
    event.log(settings.log.as_deref());
    // The event has nowhere to go but the log that the user asked for.
    bare(command)
}

/// A bad setting is told once a build: each of its invocations has the same parent.
fn warn_once(settings: &Settings, store: &Store, event: &Event) {
    if settings.warnings.is_empty() {
        return;
    }
    let mark = store.area(Area::Temporary).join(format!("warned-{}", event.build));
    if std::fs::File::create_new(mark).is_ok() {
        for warning in &settings.warnings {
            eprintln!("kache: warning: {}", printable::sanitize(warning));
        }
    }
}

/// What is left to do for the caller.
enum Verdict {
    /// Nothing: exit with this status.
    Done(i32),
    /// Run the compiler plainly (unless it has run).
    Bare,
}

struct Session<'a> {
    settings: &'a Settings,
    store: &'a Store,
    clock: Clock,
    /// The compiler's status, once it has run: set before anything else of ours may go wrong.
    ran: Option<process::ExitStatus>,
}

/// Everything known of an invocation before its sources are looked at.
struct Asked {
    invocation: Invocation,
    toolchain: Toolchain,
    roots: Roots,
    defines: Vec<(String, String)>,
    key: Digest,
}

/// What a lookup came to.
enum Found {
    Nothing,
    /// A result, given back.
    Restored,
    /// A result that could be given back, and is to be checked first.
    Unchecked(check::Hit),
}

/// A compile that is over.
struct Done {
    ran: run::Ran,
    observer: Option<(log::Log, PathBuf)>,
    started: i64,
    /// The clock was set back meanwhile: a file that changed since the start may carry a time before it.
    set_back: bool,
    reported: Option<io::Result<depinfo::DepInfo>>,
}

impl Session<'_> {
    fn handle(&mut self, command: &Command, event: &mut Event) -> Verdict {
        let asked = match self.ask(command, event) {
            Ok(asked) => asked,
            Err(d) => {
                event.fail(Outcome::Passthrough, d.reason, d.detail);
                return Verdict::Bare;
            }
        };
        event.action = Some(asked.key.hex());
        let linker = linker_of(&asked.invocation);
        let view = EvalContext {
            table: &self.store.table,
            roots: &asked.roots,
            cwd: &asked.invocation.cwd,
            defines: &asked.defines,
            settings: &asked.invocation.settings,
            outputs: &asked.invocation.outputs,
            linker,
        };
        // Nothing is asked of chance where nothing is to be checked.
        let check = self.settings.check > 0.0 && check::chosen(self.settings.check);
        if self.settings.read {
            let found = match self.look_up(&asked, &view, check, event) {
                Found::Nothing => self.look_afar(&asked, &view, check, event),
                found => found,
            };
            match found {
                Found::Restored => return Verdict::Done(0),
                Found::Unchecked(hit) => return self.check(&asked, &view, hit, event),
                Found::Nothing => {}
            }
        }
        let mut lock = None;
        if self.settings.write {
            let (held, waited) = self.lock(&asked.key);
            lock = held;
            // Somebody else may have compiled it while we waited.
            let found = waited && self.settings.read;
            if found && matches!(self.look_up(&asked, &view, false, event), Found::Restored) {
                return Verdict::Done(0);
            }
        }
        self.clock.lap(event, Phase::Lock);
        self.compile(&asked, &view, event);
        drop(lock);
        Verdict::Bare
    }

    fn lock(&self, key: &Digest) -> (Option<Lock>, bool) {
        match self.store.lock(key, std::time::Duration::ZERO) {
            Some(lock) => (Some(lock), false),
            None => (self.store.lock(key, self.settings.lock_timeout), true),
        }
    }

    fn ask(&mut self, command: &Command, event: &mut Event) -> Result<Asked, NotCacheable> {
        let mut command = command.clone();
        let found = locate(&command.program, &command.cwd);
        let adapter = recognise::by_name(&command.program)
            .or_else(|| recognise::by_file(self.store, found.as_ref()?, &command.args))
            .ok_or_else(|| {
                NotCacheable::new(Reason::UnknownCompiler, command.program.display().to_string())
            })?;
        let adapter = recognise::dialect(adapter, &command.args);
        let plus = if adapter.crates { take_toolchain_argument(&mut command) } else { None };
        event.unit.family = adapter.family.to_string();
        let compiles = || command.args.iter().any(|a| a == "-c" || a == "-S" || a == "/c");
        // Asked before the parser, which may refuse it.
        let trial = || {
            let mut words = command.args.iter().filter_map(|a| a.to_str());
            words.any(|w| w == "-" || gnu::is_trial(w, &command.cwd))
        };
        if !adapter.crates && (!compiles() || trial()) {
            event.kind = events::Kind::Probe;
        }
        let mut words = command.args.iter().filter_map(|a| a.to_str());
        if words.any(|w| w == "--crate-name") {
            event.unit.name = words.next().unwrap_or_default().to_string();
        }
        let mut invocation = (adapter.parse)(&command)?;
        event.unit = invocation.unit.clone();
        event.kind = invocation.kind;
        self.clock.lap(event, Phase::Parse);
        let found =
            found.ok_or_else(|| NotCacheable::new(Reason::UnknownCompiler, "the compiler is not found"))?;
        let real = match adapter.crates {
            true => rustup::behind(&found, plus.as_deref(), &invocation.cwd).ok_or_else(|| {
                NotCacheable::new(Reason::Rustup, "the toolchain that rustup would choose is not plain")
            })?,
            false => found,
        };
        let toolchain = Toolchain::identify(self.store, adapter, &real)
            .map_err(|e| NotCacheable::new(Reason::Toolchain, format!("{}: {e}", real.display())))?;
        let Capabilities { maps, maps_assembly, report } = toolchain.capabilities;
        invocation.literal_paths |= !maps
            || invocation.debugs_assembly && !maps_assembly
            || invocation.makes_bitcode && report == template::Format::Depfile75;
        invocation.program = real;
        self.clock.lap(event, Phase::Toolchain);
        let roots = |invocation: &Invocation| {
            invocation.roots(Some(&toolchain.sysroot), self.settings.remap, &self.settings.base_dirs)
        };
        let mut found = roots(&invocation);
        // gcc and clang do not agree on which `=` is the one between the two paths, nor on how the others are quoted in
        // a list of headers.
        let odd = |path: &Path| path.as_os_str().as_encoded_bytes().iter().any(|b| b"=\\\t\n".contains(b));
        if !adapter.crates && found.iter().any(|r| r.mapped.is_some() && odd(&r.path)) {
            invocation.literal_paths = true;
            found = roots(&invocation);
        }
        let roots = found;
        if let Some(root) = roots.iter().find(|r| r.mapped.is_some() && r.path.to_str().is_none()) {
            return Err(NotCacheable::new(Reason::NotUtf8, format!("{} is not UTF-8", root.path.display())));
        }
        // A relative one is as the parser left it.
        if Path::new(&invocation.input).is_absolute() {
            invocation.unit.source = roots.portable_text(Path::new(&invocation.input));
        }
        if Path::new(&invocation.unit.extra).is_absolute() {
            invocation.unit.extra = roots.portable_text(Path::new(&invocation.unit.extra));
        }
        event.unit.source = invocation.unit.source.clone();
        event.unit.extra = invocation.unit.extra.clone();
        let mut hasher = Hasher::default();
        action::walk(&invocation, &toolchain, &roots, self.settings, &mut hasher);
        let key = hasher.finish();
        self.clock.lap(event, Phase::Action);
        let defines = invocation.path_macros(&roots);
        Ok(Asked { invocation, toolchain, roots, defines, key })
    }

    /// Gives back a stored result, or, where it is to be checked, only says which one it would be.
    fn look_up(&mut self, asked: &Asked, view: &EvalContext, check: bool, event: &mut Event) -> Found {
        let Some(manifest) = Manifest::load(self.store, &asked.key) else {
            self.clock.lap(event, Phase::Lookup);
            return Found::Nothing;
        };
        let mut seen: HashMap<Dependency, Digest> = HashMap::new();
        for entry in &manifest.entries {
            if !view.holds(&entry.dependencies, &mut seen) {
                continue;
            }
            let Some(result) = ActionResult::load(self.store, &entry.result) else { continue };
            self.clock.lap(event, Phase::Lookup);
            if check && let Some(hit) = check::Hit::open(self.store, entry, &result) {
                return Found::Unchecked(hit);
            }
            let allowed = |p: &Path| asked.invocation.outputs.owns(p);
            let makes_dirs = asked.invocation.adapter.crates;
            // Ctrl-C is to leave nothing half done where the build's files are.
            let restore = || restore::outputs(self.store, &result, &asked.roots, allowed, makes_dirs);
            let done = platform::uninterrupted(restore);
            let Ok(Some(restored)) = done else {
                if let Err(e) = done {
                    event.detail = Some(format!("a result could not be restored: {e}"));
                }
                continue;
            };
            self.clock.lap(event, Phase::Restore);
            // Printed last: it tells cargo that the files are there.
            let _ = restore::replay(&result, &asked.roots);
            self.clock.lap(event, Phase::Replay);
            self.store.mark_used(&entry.result);
            event.outcome = Outcome::Hit;
            if result.fetched {
                event.remote = Some(events::RemoteUse { way: events::RemoteWay::Ahead, us: 0, detail: None });
            }
            event.result = Some(entry.result.hex());
            event.observed = Some(result.observed);
            event.compile_us = result.compile_us;
            event.bytes = restored.bytes;
            for (method, (files, bytes)) in &restored.methods {
                event.restore.insert(method.name().to_string(), *files);
                event.restore_bytes.insert(method.name().to_string(), *bytes);
            }
            event.outputs = restored.paths.iter().map(|p| p.display().to_string()).collect();
            return Found::Restored;
        }
        self.clock.lap(event, Phase::Lookup);
        Found::Nothing
    }

    /// Runs the compiler and keeps what it made, if it may be kept.
    fn compile(&mut self, asked: &Asked, view: &EvalContext, event: &mut Event) {
        event.outcome = Outcome::Miss;
        let Some(done) = self.run(asked, event) else { return };
        if !done.ran.status.success() {
            return event.fail(Outcome::Miss, Reason::Failed, "the compiler reported an error");
        }
        let kept = match done.set_back {
            true => Err(NotCacheable::new(Reason::ChangedWhileCompiling, "the clock was set back meanwhile")),
            false => self.keep(asked, view, done, event),
        };
        match kept {
            Err(d) => event.fail(Outcome::Miss, d.reason, d.detail),
            Ok(()) => self.bound(event.bytes),
        }
        self.clock.lap(event, Phase::Store);
    }

    /// Runs the compiler, watched; `None` where it cannot be started.
    fn run(&mut self, asked: &Asked, event: &mut Event) -> Option<Done> {
        let observer = self.observer();
        let mut process = self.process(asked, observer.as_ref());
        // So that "changed before the start" and "changed since" can be told apart. Files that were there when this
        // process began carry a time up to then, by the fine clock: the coarse one may lag behind it.
        platform::wait_past(event.time_us as i64 * 1000 + 1000);
        let started = platform::stamp_ns();
        let at = Instant::now();
        let ran = match run::run(&mut process, asked.invocation.adapter.crates.then_some(&asked.roots)) {
            Ok(ran) => ran,
            Err(e) => {
                event.fail(Outcome::Error, Reason::Spawn, e.to_string());
                return None;
            }
        };
        self.ran = Some(ran.status);
        // A clock that is only slowed, to be right again, loses less than a thousandth.
        let elapsed = at.elapsed().as_nanos() as i64;
        let set_back = platform::stamp_ns() - started < elapsed - elapsed / 1000 - 20_000_000;
        let reported = self
            .report(asked, ran.status)
            .map(|read| read.map(|text| depinfo::parse(&text, asked.toolchain.capabilities.report)));
        event.compile_us = at.elapsed().as_micros() as u64;
        self.clock.lap(event, Phase::Compile);
        Some(Done { ran, observer, started, set_back, reported })
    }

    /// What the compiler says that it read; `None` where it was not to say so.
    ///
    /// Which variables a crate reads by `env!`, and which are read by rustc for itself, only dep-info tells. Where
    /// none was asked for, rustc is asked for that alone, afterwards: what it emits goes into a crate's hash, and so
    /// a dep-info beside what was asked for would make another crate of it.
    fn report(&self, asked: &Asked, status: process::ExitStatus) -> Option<io::Result<Vec<u8>>> {
        let invocation = &asked.invocation;
        if let Some(path) = &invocation.depinfo {
            return Some(std::fs::read(path));
        }
        if !invocation.adapter.crates || invocation.input.is_empty() || !status.success() {
            return None;
        }
        let path = self.store.temporary();
        let mut ask = process::Command::new(&invocation.program);
        ask.args(&invocation.lead).args(kache_frontends::rustc::report_only(invocation, &path));
        ask.stdin(process::Stdio::null()).stdout(process::Stdio::null()).stderr(process::Stdio::null());
        let text = ask.env(WITHIN, "1").status().and_then(|_| std::fs::read(&path));
        let _ = std::fs::remove_file(&path);
        Some(text)
    }

    /// Has somebody else collect, where the cache has grown past its bound.
    fn bound(&self, stored: u64) {
        let Some(cache) = self.settings.cache_dir.as_deref() else { return };
        gc::start_if_over_limit(self.store, cache, self.settings.max_bytes(cache), stored);
    }

    fn observer(&self) -> Option<(log::Log, PathBuf)> {
        if self.settings.observe == Observe::Off {
            return None;
        }
        let object = launch::unpack(&self.store.area(Area::Observer)).ok()?;
        Some((log::Log::create().ok()?, object))
    }

    fn process(&self, asked: &Asked, observer: Option<&(log::Log, PathBuf)>) -> process::Command {
        let invocation = &asked.invocation;
        let mut process = process::Command::new(&invocation.program);
        process.args(&invocation.lead).args(&invocation.inject);
        // The last prefix that matches wins: ours come before the user's, the deepest last among them.
        for root in asked.roots.iter().rev() {
            let Some(mapped) = &root.mapped else { continue };
            for flag in (invocation.adapter.maps)(invocation, &root.path) {
                let mut arg = OsString::from(flag);
                arg.push(&root.path);
                arg.push(format!("={mapped}"));
                process.arg(arg);
            }
        }
        process.args(&invocation.args);
        if !invocation.adapter.crates && !invocation.literal_paths {
            // Where a compiler takes the name of its directory from, if it is right: it may be spelt through a link,
            // which nothing maps.
            process.env("PWD", &invocation.cwd);
        }
        process.env(WITHIN, "1");
        if let Some((log, object)) = observer {
            let base = std::env::var_os(launch::PRELOAD_VARIABLE);
            process.envs(launch::environment(log, object, base.as_deref()));
        }
        process
    }

    fn finish(&mut self, event: &mut Event) {
        event.total_us = self.clock.start.elapsed().as_micros() as u64;
        event.trouble = platform::disk::trouble();
        event.append(self.store.dir());
        event.log(self.settings.log.as_deref());
    }
}

fn linker_of(invocation: &Invocation) -> Option<&str> {
    invocation.flags.iter().rev().find(|f| f.row.flag == "-C linker").and_then(|f| f.value.as_deref())
}

/// `rustc +nightly …` is addressed to rustup's proxy.
fn take_toolchain_argument(command: &mut Command) -> Option<String> {
    let first = command.args.first()?.to_str()?.strip_prefix('+')?.to_string();
    command.args.remove(0);
    Some(first)
}

fn locate(program: &Path, cwd: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return Some(platform::as_program(paths::absolute(cwd, program)));
    }
    find_program(program.as_os_str(), &Roots::default())
}

trait EventExt: Sized {
    fn begin(time_us: u64, command: &Command) -> Self;
    fn fail(&mut self, outcome: Outcome, reason: Reason, detail: impl Into<String>);
}

impl EventExt for Event {
    fn begin(time_us: u64, command: &Command) -> Event {
        Event {
            v: events::VERSION,
            time_us,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            pid: process::id(),
            build: platform::parent(),
            unit: events::Unit { name: command.program.display().to_string(), ..Default::default() },
            kind: kache_frontends::rustc::kind_from_environment(),
            outcome: Outcome::Error,
            stored: false,
            reason: None,
            detail: None,
            trouble: None,
            action: None,
            result: None,
            observed: None,
            checked: None,
            remote: None,
            status: 0,
            cwd: command.cwd.display().to_string(),
            total_us: 0,
            compile_us: 0,
            phases_us: Default::default(),
            bytes: 0,
            known_bytes: 0,
            restore: Default::default(),
            restore_bytes: Default::default(),
            outputs: Vec::new(),
        }
    }

    fn fail(&mut self, outcome: Outcome, reason: Reason, detail: impl Into<String>) {
        self.outcome = outcome;
        self.reason = Some(reason);
        self.detail = Some(detail.into());
    }
}
