//! Running a command and keeping a log of what its processes did.

use super::launch;
use super::log::Log;
use crate::run::{self, Printing, Ran};
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Runs a command to its end and returns the log of what its processes did, or nothing where nothing was observed.
pub trait Observer {
    /// `printing` says how what the command prints reaches the caller.
    ///
    /// # Errors
    /// When the command cannot be started.
    fn run(&self, command: &mut Command, printing: &Printing) -> io::Result<(Ran, Option<Log>)>;
}

/// Observes nothing: dependencies come from what the command declares and from conservative rules.
pub struct Unobserved;

impl Observer for Unobserved {
    fn run(&self, command: &mut Command, printing: &Printing) -> io::Result<(Ran, Option<Log>)> {
        Ok((run::run(command, printing)?, None))
    }
}

/// Loads an object into every process of the command, which writes a log.
pub struct Preload {
    /// The directory that holds the object.
    pub dir: PathBuf,
}

impl Observer for Preload {
    fn run(&self, command: &mut Command, printing: &Printing) -> io::Result<(Ran, Option<Log>)> {
        let watch = launch::unpack(&self.dir).and_then(|object| Ok((Log::create()?, object)));
        let Ok((log, object)) = watch else { return Unobserved.run(command, printing) };
        let base = std::env::var_os(launch::PRELOAD_VARIABLE);
        command.envs(launch::environment(&log, &object, base.as_deref()));
        let ran = run::run(command, printing)?;
        // A process that could not load the object wrote nothing.
        let observed = log.records().next().is_some();
        Ok((ran, observed.then_some(log)))
    }
}
