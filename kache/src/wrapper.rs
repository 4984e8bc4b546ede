//! The wrapper: runs a compiler's command line through the engine and exits with its status.
//!
//! Nothing here may fail a build. Before the compiler runs, any error falls back to running it uncached. Afterwards, any
//! error only prevents storing the result. The event says which.

use crate::{source_date, summary};
use kache_core::action::Request;
use kache_core::engine::{Ended, Ending, Engine};
use kache_core::eval::find_program;
use kache_core::events::{Event, Kind, Outcome, Unit};
use kache_core::frontend::Frontend;
use kache_core::observe::launch::LOG_VARIABLE;
use kache_core::observe::log::Front;
use kache_core::observe::observer::{Observer, Preload, Unobserved};
use kache_core::observe::outer::Outer;
use kache_core::paths::Roots;
use kache_core::reason::Reason;
use kache_core::settings::{Observe, Settings};
use kache_core::store::{Area, Store};
use kache_core::timer::Timer;
use kache_core::{platform, printable};
use kache_frontends::FRONTENDS;
use kache_frontends::rustc::kind_from_environment;
use kache_frontends::{origin, recognise, script};
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::{self, ExitStatus};

/// Runs a compiler's command line through the cache and exits with its status.
pub fn main(program: OsString, args: Vec<OsString>) -> ! {
    run(program, args, FRONTENDS, |_| {})
}

/// Runs a command line through the cache and exits with its status. The first of `frontends` that claims the command plans it.
/// `report` sees the event before the process ends.
pub fn run(
    program: OsString,
    args: Vec<OsString>,
    frontends: &[&dyn Frontend],
    report: impl Fn(&Event),
) -> ! {
    let outer = Outer::take();
    // Before anything is read, the clock in particular: within an observed command it would count.
    // The first variable is in no environment, and the observer answers for it.
    if outer.is_none() && std::env::var_os(LOG_VARIABLE).is_some() {
        exec_compiler(Path::new(&program), &args, None);
    }
    let timer = Timer::start();
    let time_us = (platform::now_ns() / 1000) as u64;
    // A panic is a defect of kache; the build must not see it.
    panic::set_hook(Box::new(|_| {}));
    platform::outlive_file_limit();
    platform::wait_for_children();
    let request = Request::new(program, args, std::env::current_dir().unwrap_or_default());
    let settings = panic::catch_unwind(|| Settings::load(&request.cwd));
    let Ok(settings) = settings else { exec_compiler(&request.program, &request.args, outer.as_ref()) };
    if settings.disable {
        exec_compiler(&request.program, &request.args, outer.as_ref());
    }
    let wrapper = Wrapper { settings, request, timer, time_us, outer };
    match wrapper.open_store() {
        Ok(store) => wrapper.run(&store, frontends, report),
        Err(why) => wrapper.cache_unusable(&why),
    }
}

/// Whether a first argument names a program: by a path, or to be found through `PATH`.
pub fn is_program(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.iter().any(|b| platform::is_separator(*b))
        || !bytes.starts_with(b"-") && find_program(name, &Roots::default()).is_some()
}

/// Becomes the compiler: as a part of the observed run, where there is one.
fn exec_compiler(program: &Path, args: &[OsString], outer: Option<&Outer>) -> ! {
    platform::restore_variables();
    platform::rewind_stdin();
    let mut command = process::Command::new(program);
    if script::is_run(program, args) {
        command.env(script::PLAIN, "1");
    }
    if let Some(outer) = outer {
        command.envs(outer.environment());
        if let Some(called) = &outer.called {
            platform::call_by(&mut command, called);
        }
    }
    let e = platform::replace_process(command.args(args));
    eprintln!("kache: cannot run {}: {e}", printable::sanitize(&program.display().to_string()));
    process::exit(if e.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

struct Wrapper {
    settings: Settings,
    request: Request,
    timer: Timer,
    time_us: u64,
    outer: Option<Outer>,
}

impl Wrapper {
    fn open_store(&self) -> Result<Store, String> {
        let Some(cache) = &self.settings.cache_dir else {
            return Err("there is no cache directory: neither KACHE_CACHE_DIR nor HOME is set".to_string());
        };
        Store::open(cache).map_err(|e| format!("the cache cannot be opened: {e}"))
    }

    fn run(&self, store: &Store, frontends: &[&dyn Frontend], report: impl Fn(&Event)) -> ! {
        if self.outer.is_none() {
            // Whatever it leaves undone, cargo asks for.
            let seed = || {
                kache_seed::clear_restored(store, &self.request);
                kache_seed::sow(store, &self.settings, &self.request);
            };
            let _ = panic::catch_unwind(AssertUnwindSafe(seed));
        }
        source_date::hand_on(&self.settings, store, &self.request.cwd);
        let ran = Cell::new(None);
        let ended = panic::catch_unwind(AssertUnwindSafe(|| self.execute(store, frontends, &ran)));
        let ended = ended.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            self.broken(Reason::Panic, text.unwrap_or_default())
        });
        let restored = match &ended.ending {
            Ending::Restored(restored) => Some(restored.status),
            _ => None,
        };
        let event = self.event(ended, Some(store), ran.get());
        event.append(store.dir());
        event.log(self.settings.log.as_deref());
        report(&event);
        self.warn_once(store, &event);
        if self.outer.as_ref().is_none_or(|outer| outer.is_quiet) {
            summary::start(&self.settings, store, origin::of_this_process(Some(store)), self.time_us);
        }
        if self.outer.is_none() {
            let note = || kache_seed::note(store, &self.settings, &self.request, &event);
            let _ = panic::catch_unwind(AssertUnwindSafe(note));
        }
        match ran.get() {
            Some(status) => platform::die_like(status),
            None if restored.is_some() => process::exit(restored.unwrap_or_default()),
            None => exec_compiler(&self.request.program, &self.request.args, self.outer.as_ref()),
        }
    }

    fn execute(&self, store: &Store, frontends: &[&dyn Frontend], ran: &Cell<Option<ExitStatus>>) -> Ended {
        let front = std::env::current_exe().ok().map(|kache| Front { kache, compilers: recognise::FRONTED });
        let preload = Preload { dir: store.area(Area::Observer), front, kept: store.temporary() };
        let observer: &dyn Observer = match self.settings.observe {
            Observe::Off => &Unobserved,
            _ => &preload,
        };
        let engine = Engine {
            settings: &self.settings,
            store,
            frontends,
            observer,
            timer: &self.timer,
            outer: self.outer.as_ref().filter(|outer| !outer.is_quiet),
            time_us: self.time_us,
            ran,
        };
        engine.execute(&self.request)
    }

    /// Runs the compiler uncached. The event goes to the log that the user asked for, if any.
    fn cache_unusable(&self, why: &str) -> ! {
        let ended = self.broken(Reason::CacheUnusable, why);
        let event = self.event(ended, None, None);
        event.log(self.settings.log.as_deref());
        exec_compiler(&self.request.program, &self.request.args, self.outer.as_ref())
    }

    fn event(&self, ended: Ended, store: Option<&Store>, ran: Option<ExitStatus>) -> Event {
        let origin = origin::of_this_process(store);
        let mut event = ended.event(origin, self.time_us, &self.request.cwd, &self.timer, ran);
        if !self.settings.read && event.outcome == Outcome::Miss && event.detail.is_none() {
            event.detail = Some("the setting `read` is off".to_string());
        }
        event
    }

    fn broken(&self, reason: Reason, detail: impl Into<String>) -> Ended {
        let unit = Unit { name: self.request.program.display().to_string(), ..Unit::default() };
        Ended::broken(unit, kind_from_environment(), reason, detail)
    }

    /// Warns about invalid settings once per build. A build tool hides what a probe prints, and so does a build script; hence the warning
    /// goes to the tool's own standard error, or else to that of a unit.
    fn warn_once(&self, store: &Store, event: &Event) {
        if self.settings.warnings.is_empty() {
            return;
        }
        let process = event.build.split_once('-').and_then(|(id, _)| id.parse().ok());
        let tool = process.filter(|_| !event.command.is_empty()).and_then(platform::error_output_of);
        let is_seen = tool.is_some() || event.kind == Kind::Unit;
        if !is_seen || !store.mark(Area::Builds, &format!("{}.warned", event.build)) {
            return;
        }
        let mut output: Box<dyn Write> = match tool {
            Some(tool) => Box::new(tool),
            None => Box::new(io::stderr()),
        };
        for warning in &self.settings.warnings {
            let _ = writeln!(output, "kache: warning: {}", printable::sanitize(warning));
        }
    }
}
