//! Measures single invocations from process start to exit.
//!
//! Three compiles (a Rust crate of 20 sources with 10 dependencies, a C source with 300 headers, a C++ source
//! with 450 headers), each as a hit, as a miss that is stored, and as a bypass. Each repetition runs the
//! plain compiler and every cache in turn, so that changes of the machine's load affect all of them. The
//! overhead of a miss and of a bypass is the median of the differences to the plain compiler in the same
//! repetition.
//!
//! Processes are started by `posix_spawn` without output, and outputs are removed before each measurement.
//! Sources, compilers and caches are in the page cache. Servers are running before the first measurement.

use super::command::{quiet_command, timed};
use super::count::{self, KernelCounts};
use super::figures::{self, Breakdown, Figures};
use super::kind::InvocationKind;
use super::record::Latency;
use super::subject::{self, Subject};
use crate::backend::{Backend, Counts, Plain, RunningBackend, without_cache};
use crate::compare::{Offered, Participant};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::interrupt;
use crate::system::machine;
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::system::strace;
use crate::workload::{CcWiring, Wiring};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Some caches do not trust files younger than a second or two.
const SETTLE: Duration = Duration::from_millis(2500);

/// Number of runs of which the least counts are taken.
const COUNTED_RUNS: usize = 3;

pub struct LatencyPlan {
    /// Each cache, or why it is not available. `plain` is always measured.
    pub backends: Offered,
    /// Number of hits and bypasses for each.
    pub runs: usize,
    /// Number of misses for each.
    pub misses: usize,
    /// Whether system calls, page faults and bytes are counted as well.
    pub count: bool,
}

pub fn run(plan: LatencyPlan, scratch: &Scratch) -> Result<Latency> {
    let counting = plan.count.then(|| scratch.root().join("strace.log"));
    if plan.count {
        strace::require()?;
    }
    let shown = progress::Progress::begin("write the subjects", None);
    let subjects = subject::all(&scratch.root().join("subjects"))?;
    shown.end("a Rust crate, a C and a C++ source");
    let (participants, backends) = Participant::admit(plan.backends, |backend| {
        let wraps = subjects.iter().any(|subject| backend.prefix(subject.language).is_some());
        match wraps || backend.name() == "plain" {
            true => Ok(None),
            false => Err("it wraps whole builds, not single compiles".into()),
        }
    })?;
    let backends: Vec<_> = backends.into_iter().map(|(_, backend)| backend).collect();
    let mut latency = Latency {
        page_cache: "warm".into(),
        empty_process_ms: empty_process(plan.runs)?,
        participants,
        figures: Vec::new(),
        breakdown: Vec::new(),
    };
    // Two warm-ups and three kinds for each subject.
    progress::plan(subjects.len() * 5);
    for subject in &subjects {
        let mut subject_run = SubjectRun::begin(subject, &backends, scratch)?;
        subject_run.counting = counting.clone();
        subject_run.run(plan.runs, plan.misses)?;
        latency.figures.append(&mut subject_run.figures);
        latency.breakdown.append(&mut subject_run.breakdown);
    }
    Ok(latency)
}

fn empty_process(runs: usize) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..runs.max(3) {
        times.push(timed(&mut quiet_command(Path::new("true"), Environment::of_caller().iter()))?.0);
    }
    Ok(figures::middle_ms(&times))
}

/// One way to run the compiler: directly or with a cache.
struct Invoker<'b> {
    name: String,
    program: Option<PathBuf>,
    environment: Environment,
    cache: PathBuf,
    /// `None` for the plain compiler. Dropping it stops the cache's server.
    running: Option<(&'b dyn Backend, RunningBackend<'b>)>,
}

impl Invoker<'_> {
    fn command(&self, subject: &Subject, arguments: &[OsString]) -> Command {
        let program = self.program.as_deref().unwrap_or(&subject.compiler);
        let mut command = quiet_command(program, self.environment.iter());
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

/// One subject and all invokers that compile it.
struct SubjectRun<'b> {
    subject: &'b Subject,
    invokers: Vec<Invoker<'b>>,
    figures: Vec<Figures>,
    breakdown: Vec<Breakdown>,
    /// The file for strace's output, if system calls are counted.
    counting: Option<PathBuf>,
}

impl<'b> SubjectRun<'b> {
    fn begin(
        subject: &'b Subject,
        backends: &'b [Box<dyn Backend>],
        scratch: &Scratch,
    ) -> Result<SubjectRun<'b>> {
        let caller = Environment::of_caller().with_all(subject.environment.clone());
        let bare = without_cache(caller.clone());
        let mut invokers = vec![Invoker {
            name: Plain.name().into(),
            program: None,
            environment: bare,
            cache: PathBuf::new(),
            running: None,
        }];
        for backend in backends {
            let Some(program) = backend.prefix(subject.language) else { continue };
            // Short, since socket paths are below it.
            let cache = scratch.root().join(format!("{}-{}", backend.name(), subject.name));
            std::fs::create_dir_all(&cache).map_err(Error::io("create", &cache))?;
            let running = RunningBackend::begin(backend.as_ref(), &cache)?;
            let both = Wiring { rustc: true, cc: Some(CcWiring::Environment) };
            let environment = backend.wire(caller.clone(), both, &cache)?;
            backend.start(&environment, &cache)?;
            invokers.push(Invoker {
                name: backend.name().into(),
                program: Some(program),
                environment,
                cache,
                running: Some((backend.as_ref(), running)),
            });
        }
        Ok(SubjectRun { subject, invokers, figures: Vec::new(), breakdown: Vec::new(), counting: None })
    }

    fn run(&mut self, runs: usize, misses: usize) -> Result<()> {
        let subject = self.subject;
        // The first runs are slower: servers start, and the compiler's files are read.
        self.series(None, 1, &subject.compile, &|turn| subject.change_source(turn))?;
        self.series(Some(InvocationKind::Miss), misses, &subject.compile, &|turn| {
            subject.change_source(turn + 1)
        })?;
        std::thread::sleep(SETTLE);
        self.series(None, 2, &subject.compile, &|_| Ok(()))?;
        self.series(Some(InvocationKind::Hit), runs, &subject.compile, &|_| Ok(()))?;
        self.series(Some(InvocationKind::Bypass), runs, &subject.probe, &|_| Ok(()))
    }

    /// Runs every invoker `n` times; `before` runs once for each repetition. Figures are stored if `kind` is
    /// given.
    fn series(
        &mut self,
        kind: Option<InvocationKind>,
        n: usize,
        arguments: &[OsString],
        before: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let title = kind.map_or("warm up".into(), |kind| format!("{kind:?}").to_lowercase());
        let mut shown = progress::Progress::begin(&format!("{}: {title}", self.subject.name), Some(n));
        let counted: Vec<_> = self.invokers.iter().map(Invoker::counts).collect::<Result<_>>()?;
        let begun = machine::microseconds();
        let mut times = vec![Vec::with_capacity(n); self.invokers.len()];
        for turn in 0..n {
            interrupt::check()?;
            before(turn)?;
            for (at, invoker) in self.invokers.iter().enumerate() {
                self.subject.clear()?;
                let (time, succeeded) = timed(&mut invoker.command(self.subject, arguments))?;
                if !succeeded {
                    interrupt::check()?;
                    let what = format!("{} failed with {}", self.subject.name, invoker.name);
                    return Err(Error::run(what).at(self.subject.dir.display()));
                }
                times[at].push(time);
            }
            shown.show(turn + 1, "of each");
        }
        shown.end(&format!("{n} of each"));
        let Some(kind) = kind else { return Ok(()) };
        let mut rows = Vec::new();
        for (at, invoker) in self.invokers.iter().enumerate() {
            let counts = invoker.counts()?.map(|after| after - counted[at].unwrap_or_default());
            let mut figures = Figures::of(self.subject, kind, &invoker.name, &times[at], &times[0]);
            figures.invalid = invoker.running.as_ref().and_then(|_| figures::judge(kind, n as u64, counts));
            rows.push(figures);
            if let Some((backend, _)) = &invoker.running
                && let Some(mut log) = backend.events(&invoker.cache)
            {
                let events: Vec<_> = log.poll().into_iter().filter(|event| event.time_us >= begun).collect();
                self.breakdown.push(Breakdown::of(self.subject.name, kind, &events));
            }
        }
        for (row, invoker) in rows.iter_mut().zip(&self.invokers) {
            let Some(log) = &self.counting else { break };
            row.kernel = Some(self.kernel_counts(invoker, arguments, log, &|turn| before(n + turn))?);
        }
        self.figures.append(&mut rows);
        Ok(())
    }

    /// The least of a few runs. A miss counts its own compile: `before` changes the source for each run.
    fn kernel_counts(
        &self,
        invoker: &Invoker,
        arguments: &[OsString],
        log: &Path,
        before: &dyn Fn(usize) -> Result<()>,
    ) -> Result<KernelCounts> {
        let counted = |turn| {
            interrupt::check()?;
            before(2 * turn)?;
            self.subject.clear()?;
            let page_faults = count::page_faults(&mut invoker.command(self.subject, arguments))?;
            before(2 * turn + 1)?;
            self.subject.clear()?;
            count::trace(&invoker.command(self.subject, arguments), log, page_faults)
        };
        (1..COUNTED_RUNS).try_fold(counted(0)?, |least, turn| Ok(least.least(counted(turn)?)))
    }
}
