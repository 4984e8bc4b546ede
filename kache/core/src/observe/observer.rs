//! Running a command and keeping a log of what its processes did.

use super::disturbed;
use super::kept::Kept;
use super::launch;
use super::log::{Front, Log, Purpose};
use crate::platform;
use crate::run::{self, Printing, Ran};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Runs a command to its end and returns the log of what its processes did, or nothing where nothing was observed.
pub trait Observer {
    /// `printing` says how what the command prints reaches the caller. Of a log that is still being written, `may_notify`
    /// says whether a line that the caller waits for may reach it now.
    ///
    /// # Errors
    /// When the command cannot be started.
    fn run(
        &self,
        command: &mut Command,
        foreign: Option<&Foreign>,
        printing: &Printing,
        may_notify: &(dyn Fn(&Log) -> bool + Sync),
    ) -> io::Result<(Ran, Option<Log>)>;
}

/// A run in which every process counts from its start as one of a plugin does.
pub struct Foreign<'a> {
    /// Removes what a run has left, so that another starts as the first did.
    pub reset: &'a dyn Fn(),
    /// See [`Action::keeps_off`](crate::action::Action::keeps_off).
    pub keeps_off: Option<&'static str>,
}

/// Observes nothing: dependencies come from what the command declares and from conservative rules.
pub struct Unobserved;

impl Observer for Unobserved {
    fn run(
        &self,
        command: &mut Command,
        foreign: Option<&Foreign>,
        printing: &Printing,
        _: &(dyn Fn(&Log) -> bool + Sync),
    ) -> io::Result<(Ran, Option<Log>)> {
        keep_off(command, foreign);
        Ok((run::run(command, printing)?, None))
    }
}

/// Loads an object into every process of the command, which writes a log.
pub struct Preload {
    /// The directory that holds the object.
    pub dir: PathBuf,
    /// What is put in front of the compilers that a foreign command starts.
    pub front: Option<Front>,
    /// A name for a directory, in which a foreign command's programs keep what they remove.
    pub kept: PathBuf,
}

impl Observer for Preload {
    fn run(
        &self,
        command: &mut Command,
        foreign: Option<&Foreign>,
        printing: &Printing,
        may_notify: &(dyn Fn(&Log) -> bool + Sync),
    ) -> io::Result<(Ran, Option<Log>)> {
        let watch = launch::unpack(&self.dir).and_then(|object| {
            let is_foreign = foreign.is_some();
            let front = self.front.as_ref().filter(|_| is_foreign);
            // Without it, what is removed is lost.
            let kept = front.and_then(|_| Kept::create(self.kept.clone()).ok());
            let purpose = Purpose {
                is_foreign,
                front,
                kept: kept.as_ref().map(Kept::path),
                keeps_spelling: printing.respelled.is_some(),
                ..Purpose::default()
            };
            let mut log = Log::create(&purpose)?;
            log.keep(kept);
            Ok((log, object))
        });
        let Ok((log, object)) = watch else {
            return Unobserved.run(command, foreign, printing, may_notify);
        };
        let base = std::env::var_os(launch::PRELOAD_VARIABLE);
        command.envs(launch::environment(&log, &object, base.as_deref()));
        let is_limited = platform::address_space_is_limited();
        let has_trouble = || is_limited || log.has_trouble();
        let may_notify = || log.so_far().is_none_or(|log| may_notify(&log));
        let watched = Printing { has_trouble: &has_trouble, may_notify: &may_notify, ..*printing };
        let ran = run::run(command, &watched)?;
        let failed = !ran.status.success() || log.has_trouble();
        if failed && disturbed::is_suspect(&log.trace(), ran.status, is_limited) {
            if let Some(foreign) = foreign {
                (foreign.reset)();
            }
            keep_off(command, foreign);
            return Ok((repeat(command, printing, ran, base.as_deref())?, None));
        }
        // A process that could not load the object wrote nothing.
        let observed = log.records().next().is_some();
        Ok((ran, observed.then_some(log)))
    }
}

fn keep_off(command: &mut Command, foreign: Option<&Foreign>) {
    if let Some(variable) = foreign.and_then(|foreign| foreign.keeps_off) {
        command.env(variable, "1");
    }
}

/// Runs a command again, as if nothing were observed. `base` is the `LD_PRELOAD` that it has then.
fn repeat(
    command: &mut Command,
    printing: &Printing,
    mut first: Ran,
    base: Option<&OsStr>,
) -> io::Result<Ran> {
    command.env_remove(launch::LOG_VARIABLE);
    match base {
        Some(base) => command.env(launch::PRELOAD_VARIABLE, base),
        None => command.env_remove(launch::PRELOAD_VARIABLE),
    };
    first.held.discard();
    let printed = [printing.printed, &first.printed].concat();
    let mut again = run::run(command, &Printing { printed: &printed, ..*printing })?;
    again.printed = [first.printed, again.printed].concat();
    again.repeated = true;
    Ok(again)
}
