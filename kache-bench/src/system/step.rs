//! Runs one command line of a workload with its output in a log, and measures its time.

use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::interrupt;
use crate::system::platform::{self, SHELL};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Number of shown lines of a failed command's log.
const TAIL: usize = 30;

#[derive(Debug)]
pub struct Step<'a> {
    pub line: &'a str,
    pub dir: &'a Path,
    /// The complete environment.
    pub environment: &'a Environment,
    /// Appended to: a phase with several command lines has one log.
    pub log: &'a Path,
}

impl Step<'_> {
    /// Runs to the end and returns the duration; `poll` is called regularly.
    pub fn run(&self, poll: &mut dyn FnMut()) -> Result<Duration> {
        interrupt::check()?;
        let end = child::run(&mut self.command()?, poll);
        interrupt::check()?;
        match end {
            Ok((status, took)) if status.success() => Ok(took),
            Ok((status, _)) => Err(self.failed(status)),
            Err(e) => Err(Error::run(format!("cannot run `{SHELL}`: {e}"))
                .remedy(format!("the harness runs workloads' commands with `{SHELL}`"))),
        }
    }

    fn command(&self) -> Result<Command> {
        let mut log = self.open_log()?;
        writeln!(log, "$ {}", self.line).map_err(Error::io("write", self.log))?;
        let errors = log.try_clone().map_err(Error::io("write", self.log))?;
        let mut command = platform::shell(self.line);
        command.current_dir(self.dir);
        command.env_clear().envs(self.environment.iter());
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        Ok(command)
    }

    fn open_log(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log)
            .map_err(Error::io("open the log", self.log))
    }

    fn failed(&self, status: ExitStatus) -> Error {
        let text = fs::read(self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n    ");
        let what = format!("`{}` failed ({status}) in {}\n    {tail}", self.line, self.dir.display());
        Error::run(what).at(format!("log: {}", self.log.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_timed_and_failure_shows_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let environment = Environment::of_caller();
        let step = |line| Step { line, dir: dir.path(), environment: &environment, log: &log };
        assert!(step("sleep 0.05").run(&mut || {}).unwrap() >= Duration::from_millis(50));
        let error = step("echo out; echo why >&2; exit 3").run(&mut || {}).unwrap_err();
        assert_eq!(error.status(), 1);
        let text = error.to_string();
        assert!(text.contains("out") && text.contains("why") && text.contains("exit status: 3"), "{text}");
    }
}
