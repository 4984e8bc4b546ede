//! `latency`: what one invocation costs, from the start of its process to its end.
//!
//! Three compiles (a Rust crate of 20 sources with 10 dependencies, a C source with 300 headers, a C++ source with 450), each
//! in three ways: restored from the cache, compiled and kept, and an invocation that is handed through. The bare compiler
//! and every backend take turns within each repetition, so that what the machine does meanwhile befalls all of them. What a
//! miss and a passthrough cost besides is the middle of the differences to the bare compiler in the same turn.
//!
//! Processes are started by `posix_spawn`, their output goes nowhere, and outputs are removed before, outside the time. Sources,
//! compilers and caches are in the page cache. Servers run before the first figure is taken.

use super::figures::{self, Breakdown, Figures};
use super::record::{Entrant, Latency, VERSION};
use super::subject::{self, Subject};
use super::way::Way;
use crate::backend::{Backend, Counts, Reads, Running};
use crate::error::{Result, Trouble};
use crate::system::environment::Environment;
use crate::system::interrupt;
use crate::system::machine::{self, Machine};
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::workload::{CcWiring, Wiring};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A file whose age is below a second or two is one that some caches do not trust yet.
const SETTLE: Duration = Duration::from_millis(2500);

/// What is to be measured.
pub struct Plan {
    /// The backends, or why one is not there; `plain` is always measured.
    pub backends: Vec<(String, Result<Box<dyn Backend>>)>,
    /// How many hits and passthroughs of each.
    pub runs: usize,
    /// How many misses of each.
    pub misses: usize,
}

/// Measures.
pub fn run(plan: Plan, scratch: &Scratch) -> Result<Latency> {
    let shown = progress::Phase::begin("write what is compiled", None);
    let subjects = subject::all(&scratch.root().join("subjects"))?;
    shown.end("a Rust crate, a C and a C++ source");
    let (mut entrants, mut backends) = (Vec::new(), Vec::new());
    for (name, backend) in plan.backends {
        let mut entrant = Entrant { name, version: String::new(), out: None };
        match backend {
            Err(trouble) => entrant.out = Some(trouble.to_string()),
            Ok(backend) => {
                entrant.version = backend.version()?;
                let is_known = subjects.iter().any(|subject| backend.prefix(subject.language).is_some());
                if is_known {
                    backends.push(backend);
                } else if entrant.name != "plain" {
                    entrant.out = Some("it stands in front of whole builds, not of one compile".into());
                }
            }
        }
        entrants.push(entrant);
    }
    let mut latency = Latency {
        v: VERSION,
        command: "latency".into(),
        date: String::new(),
        commit: None,
        machine: Machine::here(scratch.root()),
        page_cache: "warm".into(),
        empty_process_ms: empty_process(plan.runs)?,
        entrants,
        figures: Vec::new(),
        breakdown: Vec::new(),
    };
    // Twice to warm up, and each way of answering, of each subject.
    progress::plan(subjects.len() * 5);
    for subject in &subjects {
        let mut contest = Contest::begin(subject, &backends, scratch)?;
        contest.run(plan.runs, plan.misses)?;
        latency.figures.append(&mut contest.figures);
        latency.breakdown.append(&mut contest.breakdown);
    }
    latency.date = machine::now();
    Ok(latency)
}

fn empty_process(runs: usize) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..runs.max(3) {
        times.push(timed(&mut silent(Path::new("true"), &Environment::of_caller()))?.0);
    }
    Ok(figures::middle_ms(&times))
}

/// One way to run the compiler: bare, or behind a backend.
struct Contestant<'b> {
    name: String,
    program: Option<PathBuf>,
    environment: Environment,
    cache: PathBuf,
    /// Nothing for the bare compiler. Dropped, it stops what serves the cache.
    running: Option<(&'b dyn Backend, Running<'b>)>,
}

impl Contestant<'_> {
    fn command(&self, subject: &Subject, arguments: &[std::ffi::OsString]) -> Command {
        let program = self.program.as_deref().unwrap_or(&subject.compiler);
        let mut command = silent(program, &self.environment);
        if self.program.is_some() {
            command.arg(&subject.compiler);
        }
        command.args(arguments).current_dir(&subject.dir);
        command
    }

    fn counts(&self) -> Result<Option<Counts>> {
        self.running.as_ref().map_or(Ok(None), |(backend, _)| backend.counts(&self.cache))
    }
}

/// One subject and all who compile it.
struct Contest<'b> {
    subject: &'b Subject,
    contestants: Vec<Contestant<'b>>,
    figures: Vec<Figures>,
    breakdown: Vec<Breakdown>,
}

impl<'b> Contest<'b> {
    fn begin(
        subject: &'b Subject,
        backends: &'b [Box<dyn Backend>],
        scratch: &Scratch,
    ) -> Result<Contest<'b>> {
        let plain = crate::backend::Plain;
        let nothing = Wiring { rustc: false, cc: None };
        let caller = Environment::of_caller().with_all(subject.environment.clone());
        let bare = plain.wire(caller.clone(), nothing, scratch.root(), Reads::Allowed)?;
        let mut contestants = vec![Contestant {
            name: plain.name().into(),
            program: None,
            environment: bare,
            cache: PathBuf::new(),
            running: None,
        }];
        for backend in backends {
            let Some(program) = backend.prefix(subject.language) else { continue };
            // Short, since sockets are in it.
            let cache = scratch.root().join(format!("{}-{}", backend.name(), subject.name));
            std::fs::create_dir_all(&cache).map_err(Trouble::io("create", &cache))?;
            let running = Running::begin(backend.as_ref(), &cache)?;
            let both = Wiring { rustc: true, cc: Some(CcWiring::Environment) };
            let environment = backend.wire(caller.clone(), both, &cache, Reads::Allowed)?;
            backend.start(&environment, &cache)?;
            contestants.push(Contestant {
                name: backend.name().into(),
                program: Some(program),
                environment,
                cache,
                running: Some((backend.as_ref(), running)),
            });
        }
        Ok(Contest { subject, contestants, figures: Vec::new(), breakdown: Vec::new() })
    }

    fn run(&mut self, runs: usize, misses: usize) -> Result<()> {
        let subject = self.subject;
        // The first of anything is slower than the rest: servers, files of the compiler.
        self.series(None, 1, &subject.compile, &|turn| subject.vary(turn))?;
        self.series(Some(Way::Miss), misses, &subject.compile, &|turn| subject.vary(turn + 1))?;
        std::thread::sleep(SETTLE);
        self.series(None, 2, &subject.compile, &|_| Ok(()))?;
        self.series(Some(Way::Hit), runs, &subject.compile, &|_| Ok(()))?;
        self.series(Some(Way::Passthrough), runs, &subject.ask, &|_| Ok(()))
    }

    /// Everybody's turn, `n` times; `before` each time once for all. Figures are kept where they are of a way.
    fn series(
        &mut self,
        way: Option<Way>,
        n: usize,
        arguments: &[std::ffi::OsString],
        before: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let title = way.map_or("warm up".into(), |way| format!("{way:?}").to_lowercase());
        let mut shown = progress::Phase::begin(&format!("{}: {title}", self.subject.name), Some(n));
        let counted: Vec<_> = self.contestants.iter().map(Contestant::counts).collect::<Result<_>>()?;
        let begun = machine::microseconds();
        let mut times = vec![Vec::with_capacity(n); self.contestants.len()];
        for turn in 0..n {
            interrupt::check()?;
            before(turn)?;
            for (at, contestant) in self.contestants.iter().enumerate() {
                self.subject.clear()?;
                let (time, succeeded) = timed(&mut contestant.command(self.subject, arguments))?;
                if !succeeded {
                    interrupt::check()?;
                    let what = format!("{} failed behind {}", self.subject.name, contestant.name);
                    return Err(Trouble::run(what).at(self.subject.dir.display()));
                }
                times[at].push(time);
            }
            shown.show(turn + 1, "of each");
        }
        shown.end(&format!("{n} of each"));
        let Some(way) = way else { return Ok(()) };
        for (at, contestant) in self.contestants.iter().enumerate() {
            let counts = contestant.counts()?.map(|after| after - counted[at].unwrap_or_default());
            let mut figures = Figures::of(self.subject, way, &contestant.name, &times[at], &times[0]);
            figures.invalid = contestant.running.as_ref().and_then(|_| figures::judge(way, n as u64, counts));
            self.figures.push(figures);
            if let Some((backend, _)) = &contestant.running
                && let Some(mut log) = backend.events(&contestant.cache)
            {
                let events: Vec<_> = log.poll().into_iter().filter(|event| event.time_us >= begun).collect();
                self.breakdown.push(Breakdown::of(self.subject.name, way, &events));
            }
        }
        Ok(())
    }
}

fn silent(program: &Path, environment: &Environment) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// From before its start until it was waited for, and whether it succeeded.
fn timed(command: &mut Command) -> Result<(Duration, bool)> {
    let start = Instant::now();
    let status = command.status();
    let time = start.elapsed();
    let status =
        status.map_err(|e| Trouble::run(format!("cannot start {:?}: {e}", command.get_program())))?;
    Ok((time, status.success()))
}
