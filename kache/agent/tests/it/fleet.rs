//! Machines that share a remote: each has its own home directory, cache and agent.

use crate::env::{LIB, TestEnv, assert_success};
use kache_core::events::{Event, Outcome, RemoteWay};
use kache_core::store::Area;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Machine {
    pub test: TestEnv,
    pub remote: Vec<(&'static str, String)>,
}

impl Machine {
    pub fn new(url: &str) -> Machine {
        let test = TestEnv::new();
        std::fs::create_dir_all(test.path("home")).unwrap();
        Machine { test, remote: vec![("KACHE_REMOTE_URL", url.to_string())] }
    }

    /// A machine with two sources, a Rust crate and a C file, which are the same on every machine.
    pub fn with_sources(url: &str) -> Machine {
        let machine = Machine::new(url);
        machine.test.write("w/l.rs", "pub fn f() -> &'static str { \"from far away\" }");
        machine.test.write("w/src/h.h", "#define ANSWER 42\n");
        machine.test.write("w/src/c.c", "#include \"h.h\"\nint answer(void) { return ANSWER; }\n");
        machine
    }

    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Machine {
        self.remote.retain(|(n, _)| *n != name);
        self.remote.push((name, value.into()));
        self
    }

    pub fn with_environment(&self, mut command: Command) -> Command {
        command.env("HOME", self.test.path("home"));
        if let Some(rustup) = std::env::var_os("RUSTUP_HOME") {
            command.env("RUSTUP_HOME", rustup);
        } else if let Some(home) = std::env::var_os("HOME") {
            command.env("RUSTUP_HOME", Path::new(&home).join(".rustup"));
        }
        command.envs(self.remote.iter().map(|(n, v)| (n, v)));
        command
    }

    pub fn kache(&self, args: &[&str]) -> Command {
        self.with_environment(self.test.kache(args))
    }

    /// Compiles the crate, and returns the event.
    pub fn rust(&self) -> Event {
        assert_success(&mut self.kache(LIB));
        self.test.last()
    }

    /// Compiles the C file, and returns the event.
    pub fn c(&self) -> Event {
        assert_success(&mut self.kache(C));
        self.test.last()
    }

    pub fn artifact(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.test.path(&format!("w/{name}"))).unwrap()
    }

    pub fn clean(&self) {
        for name in ["libl.rlib", "libl.rmeta", "l.d", "c.o"] {
            let _ = std::fs::remove_file(self.test.path(&format!("w/{name}")));
        }
    }

    /// The output of a kache command.
    pub fn output(&self, args: &[&str]) -> Output {
        self.kache(args).output().unwrap()
    }

    pub fn flush(&self) -> Output {
        self.output(&["flush", "--timeout", "60"])
    }

    pub fn agents(&self) -> PathBuf {
        Area::Agent.in_cache(&self.test.cache())
    }
}

impl Drop for Machine {
    /// Removes the blobs, so that the agent exits: it does when its cache is gone.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Area::Blobs.in_cache(&self.test.cache()));
    }
}

pub const C: &[&str] = &["cc", "-c", "-g", "src/c.c", "-o", "c.o"];

/// The outcome of an invocation, and how the remote was used.
pub fn way(event: &Event) -> (Outcome, Option<RemoteWay>) {
    (event.outcome, event.remote.as_ref().map(|r| r.way))
}

/// All objects below a shared directory, without unfinished writes.
pub fn objects(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true if path.ends_with(".partial") => {}
            true => all.extend(objects(&path)),
            false => all.push(path),
        }
    }
    all.sort();
    all
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
