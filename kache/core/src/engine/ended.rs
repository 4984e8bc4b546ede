//! How a command ended, seen from the cache, and the event that says so.

use crate::digest::Digest;
use crate::events::{self, Checked, Confirmation, Event, Kind, Observed, Outcome, RemoteUse, Unit};
use crate::frontend::Bypass;
use crate::origin::Origin;
use crate::platform;
use crate::reason::{NotCacheable, Reason};
use crate::restore;
use crate::timer::Timer;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus};

/// What is known of a command when the engine is done with it.
pub struct Ended {
    pub unit: Unit,
    pub kind: Kind,
    /// Nothing where the command was not planned.
    pub action: Option<Digest>,
    pub remote: Option<RemoteUse>,
    /// Trouble of a lookup that ended in running the command.
    pub note: Option<String>,
    pub ending: Ending,
}

/// How a command ended.
pub enum Ending {
    /// The command has not run, and is to run as if kache were not there.
    Bypassed(NotCacheable),
    /// The same, because of an error of kache's own.
    Broken(NotCacheable),
    Restored(Restored),
    Ran(RanCommand),
}

impl Ending {
    /// Whether the outputs are there.
    pub(super) fn succeeded(&self) -> bool {
        match self {
            Ending::Bypassed(_) | Ending::Broken(_) => false,
            Ending::Restored(_) => true,
            Ending::Ran(ran) => ran.status.success(),
        }
    }
}

/// A hit.
pub struct Restored {
    /// The exit status.
    pub status: i32,
    pub result: Digest,
    pub observed: Observed,
    pub confirmation: Option<Confirmation>,
    /// The time that the command took when the result was made, in µs.
    pub compile_us: u64,
    /// Whether another machine made the result.
    pub fetched: bool,
    pub files: restore::Restored,
}

/// The command ran.
pub struct RanCommand {
    pub status: ExitStatus,
    pub compile_us: u64,
    pub observed: Option<Observed>,
    pub confirmation: Option<Confirmation>,
    pub result: Option<Digest>,
    pub outputs: Vec<PathBuf>,
    /// Bytes of the outputs that were put into the store.
    pub bytes: u64,
    /// Those of `bytes` that the store had already.
    pub known_bytes: u64,
    pub judged: Judged,
}

/// The use that was made of a run.
pub enum Judged {
    Stored,
    NotStored(NotCacheable),
    /// The run checked a hit.
    Checked(Checked, Option<NotCacheable>),
}

impl Ended {
    /// A command that was not planned.
    pub fn bypassed(bypass: Bypass) -> Ended {
        let ending = Ending::Bypassed(bypass.why);
        Ended { unit: bypass.unit, kind: bypass.kind, action: None, remote: None, note: None, ending }
    }

    /// A command that runs uncached because of an error of kache's own.
    pub fn broken(unit: Unit, kind: Kind, reason: Reason, detail: impl Into<String>) -> Ended {
        let ending = Ending::Broken(NotCacheable::new(reason, detail));
        Ended { unit, kind, action: None, remote: None, note: None, ending }
    }

    /// The event. `time_us` is when the wrapper started; `ran` is the command's status where it ran.
    pub fn event(
        self,
        origin: &Origin,
        time_us: u64,
        cwd: &Path,
        timer: &Timer,
        ran: Option<ExitStatus>,
    ) -> Event {
        let mut event = Event {
            v: events::VERSION,
            time_us,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            pid: process::id(),
            build: origin.build.clone(),
            command: origin.command.clone(),
            directory: origin.directory.clone(),
            unit: self.unit,
            kind: self.kind,
            outcome: Outcome::Error,
            stored: false,
            seeded: false,
            reason: None,
            detail: self.note,
            trouble: platform::disk::trouble(),
            action: self.action.map(|key| key.hex()),
            result: None,
            observed: None,
            confirmation: None,
            checked: None,
            remote: self.remote,
            status: ran.map_or(0, platform::exit_code),
            cwd: cwd.display().to_string(),
            total_us: timer.total_us(),
            compile_us: 0,
            phases_us: timer.phases_us(),
            bytes: 0,
            known_bytes: 0,
            restore: Default::default(),
            restore_bytes: Default::default(),
            outputs: Vec::new(),
        };
        match self.ending {
            Ending::Bypassed(why) => because(&mut event, Outcome::Passthrough, why),
            Ending::Broken(why) => because(&mut event, Outcome::Error, why),
            Ending::Restored(restored) => restored.describe(&mut event),
            Ending::Ran(ran) => ran.describe(&mut event),
        }
        event
    }
}

fn because(event: &mut Event, outcome: Outcome, why: NotCacheable) {
    event.outcome = outcome;
    event.reason = Some(why.reason);
    event.detail = Some(why.detail);
}

fn shown(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|p| p.display().to_string()).collect()
}

impl Restored {
    fn describe(self, event: &mut Event) {
        event.outcome = Outcome::Hit;
        event.status = self.status;
        event.result = Some(self.result.hex());
        event.observed = Some(self.observed);
        event.confirmation = self.confirmation;
        event.compile_us = self.compile_us;
        event.bytes = self.files.bytes;
        for (method, (files, bytes)) in &self.files.methods {
            event.restore.insert(method.name().to_string(), *files);
            event.restore_bytes.insert(method.name().to_string(), *bytes);
        }
        event.outputs = shown(&self.files.paths);
    }
}

impl RanCommand {
    fn describe(self, event: &mut Event) {
        event.outcome = Outcome::Miss;
        event.result = self.result.map(|key| key.hex());
        event.observed = self.observed;
        event.confirmation = self.confirmation;
        event.compile_us = self.compile_us;
        event.bytes = self.bytes;
        event.known_bytes = self.known_bytes;
        event.outputs = shown(&self.outputs);
        match self.judged {
            Judged::Stored => event.stored = true,
            Judged::NotStored(why) => because(event, Outcome::Miss, why),
            Judged::Checked(checked, why) => {
                event.checked = Some(checked);
                match why {
                    Some(why) => because(event, Outcome::Miss, why),
                    None => event.outcome = Outcome::Hit,
                }
            }
        }
    }
}
