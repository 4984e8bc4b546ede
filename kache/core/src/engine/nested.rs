//! A command within an observed run: what it depended on and made becomes a part of the run.
//!
//! What the run learns of a compiler that kache answers for is what an observer would have learned: dependencies are told as
//! the events that lead to them. A dependency on a variable is told with the value that the command had, so that one which
//! the run set itself does not count. Dependencies that only a front end evaluates are told as those that cover them
//! ([`Evaluate::covered_by`](crate::eval::Evaluate::covered_by)).

use super::job::Job;
use super::run::EndedRun;
use crate::dependency::{Dependency, Kind, RecordedDependency};
use crate::digest::Digest;
use crate::eval;
use crate::finalize::Finalizer;
use crate::frontend::Known;
use crate::observe::outer::Deeds;
use crate::observe::trace::{EventKind, flag};
use crate::paths::absolute;
use crate::platform;
use crate::reason::{NotCacheable, Reason};
use std::path::PathBuf;

impl Job<'_> {
    /// Tells the run what a result depended on, and what it consists of. Where that cannot be told, the run is not stored.
    pub(super) fn tell_outer(&self, dependencies: &[RecordedDependency], outputs: &[PathBuf]) {
        let Some(outer) = self.engine.outer else { return };
        if let Some(deeds) = self.deeds(dependencies, outputs) {
            let _ = outer.tell(&deeds);
        }
    }

    /// Tells the run of a command that failed: it would fail again as long as what it looked at is the same.
    pub(super) fn tell_failure(&self, run: &EndedRun) -> Result<(), NotCacheable> {
        if let Some(why) = run.unusable() {
            return Err(why);
        }
        let log = run.log.as_ref().filter(|_| run.completed.ran.status.code().is_some());
        let log = log.ok_or_else(|| NotCacheable::new(Reason::NotObserved, "the run left no trace"))?;
        let mut collected = self.plan.collect(self.action, log, &self.view);
        if let Some(why) = collected.refused.take() {
            return Err(why);
        }
        let outputs: Vec<PathBuf> = collected.outputs.iter().cloned().collect();
        let finalizer = Finalizer { view: &self.view, action: self.action, started: run.completed.started };
        let all = finalizer.finalize(collected, &Known::new())?;
        let all: Vec<_> = all.into_iter().map(|d| d.recorded).collect();
        let untold = || NotCacheable::new(Reason::NotObserved, "a dependency has no event");
        let (outer, deeds) =
            (self.engine.outer.ok_or_else(untold)?, self.deeds(&all, &outputs).ok_or_else(untold)?);
        outer.tell(&deeds).map_err(|e| NotCacheable::new(Reason::NotObserved, e.to_string()))
    }

    fn deeds(&self, dependencies: &[RecordedDependency], outputs: &[PathBuf]) -> Option<Deeds> {
        let action = self.action;
        let program = self.request.real_file()?;
        let mut told = Told {
            job: self,
            deeds: Deeds::of(program, &action.cwd),
            reads_all: false,
            absent: Digest::of(platform::ABSENCES[0].as_bytes()),
        };
        let called = self.request.program.as_os_str().as_encoded_bytes();
        let search = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        told.put(EventKind::Named, 0, called, search.as_encoded_bytes());
        told.put(EventKind::Toolchain, 0, called, action.cwd.as_os_str().as_encoded_bytes());
        for recorded in dependencies {
            told.tell(&recorded.dependency, Some(&recorded.digest))?;
        }
        for path in outputs {
            // That the file was there before was told where it was made.
            told.put(
                EventKind::Write,
                flag::CREATE | flag::TRUNCATE,
                path.as_os_str().as_encoded_bytes(),
                b"",
            );
        }
        let unread = if told.reads_all { 0 } else { flag::EXIT_UNREAD };
        told.put(EventKind::Exit, unread, b"", b"");
        Some(told.deeds)
    }
}

struct Told<'a> {
    job: &'a Job<'a>,
    deeds: Deeds,
    reads_all: bool,
    /// Of the word for a path where nothing is.
    absent: Digest,
}

impl Told<'_> {
    fn put(&mut self, kind: EventKind, flags: u8, path: &[u8], path2: &[u8]) {
        self.deeds.put(kind, flags, 0, 0, path, path2);
    }

    fn fail(&mut self, kind: EventKind, flags: u8, errno: i32, path: &[u8]) {
        self.deeds.put(kind, flags, errno, 0, path, b"");
    }

    /// `None` for what no event stands for.
    fn tell(&mut self, dependency: &Dependency, digest: Option<&Digest>) -> Option<()> {
        let name = &dependency.name;
        let local =
            |name: &[u8]| Some(self.job.view.roots.local(name)?.into_os_string().into_encoded_bytes());
        match dependency.kind {
            Kind::File => self.put(EventKind::Read, 0, &local(name)?, b""),
            Kind::Path if digest == Some(&self.absent) => self.find_nothing(&local(name)?),
            Kind::Path => self.probe(&local(name)?),
            Kind::Missing => {
                let mut parts = name.split(|b| *b == 0);
                let dir = local(parts.next()?)?;
                for name in parts {
                    self.find_nothing(&[&dir[..], b"/", name].concat());
                }
            }
            Kind::Listing => self.put(EventKind::List, 0, &local(name)?, b""),
            Kind::Link | Kind::LeadsTo => self.link(&local(name)?),
            Kind::Permission => {
                let [path @ .., b':', asked @ b'1'..=b'7'] = &name[..] else { return None };
                let may = digest == Some(&Digest::of(eval::may_word(true)));
                let errno = if may { 0 } else { libc::EACCES };
                self.fail(EventKind::Stat, (asked - b'0') << 1, errno, &local(path)?);
            }
            Kind::Env | Kind::EnvPath => self.variable(name),
            Kind::EnvAll | Kind::EnvAllPath => self.reads_all = true,
            Kind::Program => self.program(name),
            Kind::Library => self.put(EventKind::Dlopen, 0, name, b""),
            Kind::Cwd => self.put(EventKind::Cwd, 0, b"", b""),
            Kind::Place => self.put(EventKind::Volatile, 0, b"dladdr", b""),
            Kind::Host => {
                let (fact, about) = dependency.host_parts();
                let about = local(about)?;
                match fact {
                    b"processors" => self.put(EventKind::Read, 0, b"/proc/cpuinfo", b""),
                    b"contents" => self.put(EventKind::Read, 0, &about, b""),
                    b"stat" => return None,
                    _ => {
                        let answer = platform::answer_hash(&platform::host_fact(fact, &about)?);
                        self.deeds.put(EventKind::HostFact, 0, 0, answer, fact, &about);
                    }
                }
            }
            Kind::Computed => {
                let (function, name) = dependency.computed_parts();
                for covering in self.job.plan.covered_by(function, name, &self.job.view)? {
                    self.tell(&covering, None)?;
                }
            }
            Kind::Twins | Kind::Status => {
                let paths = name.split(|b| *b == 0).map(local).collect::<Option<Vec<_>>>()?;
                let paths = paths.join(&b'\n');
                self.deeds.put(EventKind::Inherited, 0, 0, dependency.kind as i64, &paths, b"");
            }
            Kind::Tree => return None,
        }
        Some(())
    }

    /// That nothing is there holds for the result: most of what a compile looks at, so the system is not asked again.
    fn find_nothing(&mut self, path: &[u8]) {
        self.fail(EventKind::Stat, 0, libc::ENOENT, path);
    }

    fn probe(&mut self, path: &[u8]) {
        match std::fs::metadata(platform::os_str(path)) {
            Ok(_) => self.put(EventKind::Stat, 0, path, b""),
            Err(e) => self.fail(EventKind::Stat, 0, e.raw_os_error().unwrap_or(libc::ENOENT), path),
        }
    }

    fn link(&mut self, path: &[u8]) {
        match std::fs::read_link(platform::os_str(path)) {
            Ok(to) => self.put(EventKind::Readlink, 0, path, to.as_os_str().as_encoded_bytes()),
            Err(e) => self.fail(EventKind::Readlink, 0, e.raw_os_error().unwrap_or(libc::ENOENT), path),
        }
    }

    fn variable(&mut self, name: &[u8]) {
        match std::env::var_os(platform::os_str(name)) {
            Some(value) => self.put(EventKind::GetEnv, 0, name, value.as_encoded_bytes()),
            None => self.fail(EventKind::GetEnv, 0, libc::ENOENT, name),
        }
    }

    /// A search through `PATH`, step by step.
    fn program(&mut self, name: &[u8]) {
        self.variable(b"PATH");
        let path = std::env::var_os("PATH").unwrap_or_default();
        for dir in std::env::split_paths(&path) {
            let file = absolute(&self.job.action.cwd, &dir.join(platform::os_str(name)));
            let bytes = file.as_os_str().as_encoded_bytes();
            if file.is_file() && platform::may_execute(&file) {
                return self.put(EventKind::Read, 0, bytes, b"");
            }
            self.probe(bytes);
        }
    }
}
