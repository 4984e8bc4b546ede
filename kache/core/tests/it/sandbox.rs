//! A directory in which programs are built and run under the observer.

use kache_core::observe::launch;
use kache_core::observe::log::Log;
use kache_core::observe::trace::{EventKind, TraceEvent, flag};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub const ENOENT: u16 = 2;

pub struct Sandbox {
    pub dir: TempDir,
    pub object: PathBuf,
}

pub struct Run {
    pub log: Log,
    pub output: Output,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let object = launch::unpack(&dir.path().join("observer")).unwrap();
        Sandbox { dir, object }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn c(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let source = self.write(&format!("{name}.c"), source);
        let program = self.path(name);
        done(Command::new("cc").arg("-D_GNU_SOURCE").arg(source).arg("-o").arg(&program).args(flags));
        program
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path());
        command
    }

    pub fn observe(&self, command: &mut Command) -> Run {
        let log = Log::create(&Default::default()).unwrap();
        command.envs(launch::environment(&log, &self.object, None));
        let output = command.output().unwrap();
        assert!(!log.trace().overflowed);
        Run { log, output }
    }

    pub fn observe_c(&self, name: &str, source: &str) -> Run {
        let program = self.c(name, source, &["-ldl", "-lpthread"]);
        let run = self.observe(&mut self.command(program));
        run.succeeded();
        run
    }
}

pub fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Run {
    pub fn succeeded(&self) {
        let Output { status, stdout, stderr } = &self.output;
        let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        assert!(status.success(), "{status}\n{stdout}\n{stderr}\n{:#?}", self.all());
    }

    pub fn all(&self) -> Vec<TraceEvent<'_>> {
        self.log.records().collect()
    }

    pub fn of(&self, kind: EventKind) -> Vec<TraceEvent<'_>> {
        self.log.records().filter(|r| r.kind == kind).collect()
    }

    #[track_caller]
    pub fn find(&self, kind: EventKind, path: impl AsRef<OsStr>) -> TraceEvent<'_> {
        let path = path.as_ref().as_bytes();
        let found = self.log.records().find(|r| r.kind == kind && r.path == path);
        found.unwrap_or_else(|| panic!("no {kind:?} of {}: {:#?}", path.escape_ascii(), self.all()))
    }

    pub fn has(&self, kind: EventKind, path: impl AsRef<OsStr>) -> bool {
        self.log.records().any(|r| r.kind == kind && r.path == path.as_ref().as_bytes())
    }

    pub fn module_of(&self, record: &TraceEvent) -> &Path {
        let before = self.log.records().take_while(|r| r != record);
        let module = before
            .filter(|r| r.kind == EventKind::Module && r.pid == record.pid && r.module == record.module);
        let last = module.last().unwrap_or_else(|| panic!("no module for {record:?}: {:#?}", self.all()));
        Path::new(OsStr::from_bytes(last.path))
    }

    pub fn started(&self, program: &str) -> bool {
        let wanted = |r: &TraceEvent| r.kind == EventKind::Start && r.flags & flag::FORKED == 0;
        self.log.records().any(|r| wanted(&r) && r.path.ends_with(program.as_bytes()))
    }
}
