//! Running a command and keeping a log of what its processes did.

use super::disturbed;
use super::launch;
use super::log::Log;
use crate::frontend::WITHIN;
use crate::paths::Roots;
use crate::platform;
use crate::run::{self, Forwarding, Ran};
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Runs a command to its end and returns the log of what its processes did, or nothing where nothing was observed.
pub trait Observer {
    /// `mapped` where the command prints paths as its arguments map them.
    ///
    /// # Errors
    /// When the command cannot be started.
    fn run(&self, command: &mut Command, mapped: Option<&Roots>) -> io::Result<(Ran, Option<Log>)>;
}

/// Observes nothing: dependencies come from what the command declares and from conservative rules.
pub struct Unobserved;

impl Observer for Unobserved {
    fn run(&self, command: &mut Command, mapped: Option<&Roots>) -> io::Result<(Ran, Option<Log>)> {
        // A kache among the processes has no observer to ask whether it runs within another.
        command.env(WITHIN, "1");
        let (ran, pending) = run::run(command, &Forwarding::at_once(mapped))?;
        pending.finish(&ran);
        Ok((ran, None))
    }
}

/// Loads an object into every process of the command, which writes a log.
pub struct Preload {
    /// The directory that holds the object.
    pub dir: PathBuf,
}

impl Observer for Preload {
    fn run(&self, command: &mut Command, mapped: Option<&Roots>) -> io::Result<(Ran, Option<Log>)> {
        let watch = launch::unpack(&self.dir).and_then(|object| Ok((Log::create()?, object)));
        let Ok((log, object)) = watch else { return Unobserved.run(command, mapped) };
        let base = std::env::var_os(launch::PRELOAD_VARIABLE);
        command.envs(launch::environment(&log, &object, base.as_deref()));
        let is_limited = platform::address_space_is_limited();
        let hold = || is_limited || log.has_trouble();
        let (ran, pending) = run::run(command, &Forwarding { hold: &hold, ..Forwarding::at_once(mapped) })?;
        let failed = !ran.status.success() || log.has_trouble();
        if failed && disturbed::is_suspect(&log.trace(), ran.status, is_limited) {
            command.env_remove(launch::LOG_VARIABLE);
            match base {
                Some(base) => command.env(launch::PRELOAD_VARIABLE, base),
                None => command.env_remove(launch::PRELOAD_VARIABLE),
            };
            let printed = pending.printed(&ran);
            let (mut again, rest) =
                run::run(command, &Forwarding { printed, ..Forwarding::at_once(mapped) })?;
            rest.finish(&again);
            again.repeated = true;
            return Ok((again, None));
        }
        pending.finish(&ran);
        // A process that could not load the object wrote nothing.
        let observed = log.records().next().is_some();
        Ok((ran, observed.then_some(log)))
    }
}
