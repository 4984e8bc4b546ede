//! Running the command under the observer.

use super::ended::{Ending, Judged, RanCommand};
use super::job::{Job, Mapped, Step};
use super::mapped_paths;
use crate::events::{Observed, Phase, RemoteUse};
use crate::frontend::{Completed, Looked};
use crate::observe::log::Log;
use crate::observe::observer::Foreign;
use crate::reason::{NotCacheable, Reason};
use crate::run::{Held, Printing, Ran};
use crate::store::gc;
use crate::{platform, restore, template};
use std::io;
use std::process::Command;
use std::time::Instant;

/// A command that has ended: what the front end is shown of it, and what the engine needs besides.
pub(super) struct EndedRun {
    pub(super) completed: Completed,
    /// The log of the observer, if there was one.
    pub(super) log: Option<Log>,
    /// Whether the clock was set back meanwhile: then a file that changed since the start may carry an earlier time.
    pub(super) clock_set_back: bool,
    pub(super) compile_us: u64,
}

impl EndedRun {
    /// What is known of the run before it is judged.
    pub(super) fn describe(&self) -> RanCommand {
        RanCommand {
            status: self.completed.ran.status,
            compile_us: self.compile_us,
            observed: None,
            confirmation: None,
            result: None,
            outputs: Vec::new(),
            bytes: 0,
            known_bytes: 0,
            judged: Judged::Stored,
        }
    }
}

impl EndedRun {
    /// Why the run proves nothing, whatever it made.
    pub(super) fn unusable(&self) -> Option<NotCacheable> {
        let Completed { ran, .. } = &self.completed;
        if self.clock_set_back {
            return Some(NotCacheable::new(
                Reason::ChangedWhileCompiling,
                "the clock was set back meanwhile",
            ));
        }
        if ran.repeated {
            return Some(NotCacheable::new(Reason::Disturbed, "a process failed while it was observed"));
        }
        // Where the run was observed, its trace says what was left: a linker that only gives back its memory is harmless.
        (ran.left_running && self.log.is_none())
            .then(|| NotCacheable::new(Reason::SideEffect, "a process was left running"))
    }
}

/// Says why the text of a command did not reach the caller, and returns the exit status for that. A reader that has gone knows.
pub(super) fn not_printed(e: &io::Error) -> u8 {
    if e.kind() != io::ErrorKind::BrokenPipe {
        eprintln!("kache: standard output cannot be written: {e}");
    }
    1
}

impl Job<'_> {
    pub(super) fn run_and_store(&self, remote: Option<RemoteUse>) -> Step {
        let (mut run, copied) = match self.run_with_state() {
            Ok(ended) => ended,
            Err(e) => {
                let why = NotCacheable::new(Reason::Spawn, e.to_string());
                return Step::Ended(Ending::Broken(why), remote);
            }
        };
        if self.used_mapped_paths(&run)
            && let Some(planned) = self.literal()
        {
            run.completed.ran.held.discard();
            if let Some(log) = &run.log {
                self.plan.forget_state(log);
            }
            // What cannot be removed makes the result of the next run unstorable, and no more.
            let _ = copied.map(|copied| copied.remove());
            self.engine.ran.set(None);
            let printed = std::mem::take(&mut run.completed.ran.printed);
            let action = Some(self.action.key);
            return Step::Literal(Box::new(planned), Mapped { action, is_marked: false, printed });
        }
        // Within an observed run, what is not stored runs again, as a part of that run, but for a failure that the run can be
        // told of.
        let mut held = std::mem::take(&mut run.completed.ran.held);
        let is_nested = self.engine.outer.is_some();
        if !is_nested {
            held.release();
        }
        let mut ran = run.describe();
        let mut is_told = false;
        let stored = match run.unusable() {
            _ if !self.action.outputs.are_made(run.completed.ran.status) => {
                is_told = is_nested && self.tell_failure(&run).is_ok();
                Err(NotCacheable::new(Reason::Failed, "the compiler reported an error"))
            }
            Some(why) => Err(why),
            None if copied.is_some() => Err(NotCacheable::new(
                Reason::CopiedState,
                "began with a copy of the state of an earlier run",
            )),
            None => self.store_with_state(run, &mut ran),
        };
        // What another command has done once, it may not do again. The run is not stored then, for lack of an answer.
        if is_nested && stored.is_err() && !is_told && !self.action.is_foreign {
            held.discard();
            self.engine.ran.set(None);
        }
        held.release();
        self.fail_if_lost(&held);
        match stored {
            Ok(()) => self.enforce_size_limit(ran.bytes),
            Err(why) => ran.judged = Judged::NotStored(why),
        }
        self.engine.timer.lap(Phase::Store);
        Step::Ended(Ending::Ran(ran), remote)
    }

    /// Has kache fail where the command succeeded and its text did not reach the caller: the command wrote to kache.
    pub(super) fn fail_if_lost(&self, held: &Held) {
        let succeeded = self.engine.ran.get().is_some_and(|status| status.success());
        if let Some(e) = held.lost.as_ref().filter(|_| succeeded && self.action.outputs.printed) {
            self.engine.ran.set(Some(platform::exited(not_printed(e))));
        }
    }

    /// Whether the command is to run again with paths as they are: it looked at a mapped path, or failed, and the front end
    /// does not rule out that this is because of one.
    fn used_mapped_paths(&self, run: &EndedRun) -> bool {
        if !self.action.maps_paths() || run.completed.ran.status.code().is_none() {
            return false;
        }
        let looked = match &run.log {
            Some(log) => {
                let command = mapped_paths::MappedCommand::of(self.action);
                mapped_paths::looked_at(log.records(), &command)
            }
            None => Ok(Looked::No),
        };
        match looked {
            Err(why) => {
                let note = format!("compiled with paths as they are: {why}");
                self.note.borrow_mut().get_or_insert(note);
                true
            }
            Ok(Looked::No) if run.completed.ran.status.success() && !self.shows_map(&run.completed.ran) => {
                false
            }
            Ok(looked) => {
                let view = &self.view;
                self.plan.may_use_mapped_paths(&run.completed, run.log.as_ref(), looked, view)
            }
        }
    }

    /// Whether the command printed an argument that maps a root: it may warn that the argument is of no use.
    fn shows_map(&self, ran: &Ran) -> bool {
        let maps = self.action.roots.iter().filter_map(|root| {
            Some([root.path.as_os_str().as_encoded_bytes(), b"=", root.mapped.as_ref()?.as_bytes()].concat())
        });
        let printed = [&ran.stdout, &ran.stderr];
        maps.into_iter().any(|map| printed.iter().any(|text| template::contains(text, &map)))
    }

    /// Runs the command under the observer.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub(super) fn run(&self) -> io::Result<EndedRun> {
        self.run_after(&self.mapped.printed, false)
    }

    /// Runs the command after another run of it that has printed lines. Those of a run that may be repeated are held back.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub(super) fn run_after(&self, printed: &[Vec<u8>], may_repeat: bool) -> io::Result<EndedRun> {
        let action = self.action;
        let mut command = Command::new(&action.program);
        command.args(&action.args).envs(action.env.iter().map(|(name, value)| (name, value)));
        // So that "changed before the start" and "changed since" can be told apart: files that existed when this process
        // began carry a time up to then by the fine clock, and the coarse clock may lag.
        platform::wait_past(self.engine.time_us as i64 * 1000 + 1000);
        let started = platform::stamp_ns();
        let at = Instant::now();
        let is_nested = self.engine.outer.is_some();
        let printing = Printing {
            mapped: action.unmap_printed.then_some(&action.roots),
            respelled: action.respelled.as_ref(),
            hold: action.maps_paths() || is_nested || may_repeat,
            has_trouble: &|| false,
            is_notice: self.plan.notices(),
            may_notify: &|| !is_nested,
            printed,
            to_null: action.outputs.names.to_null,
            to_terminal: action.shows_terminal,
        };
        // Dependents start when the metadata is announced: not before it is known that a second run does not replace the file.
        let mapped = mapped_paths::MappedCommand::of(action);
        let is_mapped = action.maps_paths();
        let may_notify = |log: &Log| {
            if is_nested {
                return false;
            }
            let looked = || mapped_paths::looked_at(log.records(), &mapped);
            !is_mapped || looked().is_ok_and(|looked| looked != Looked::AtMapped)
        };
        let absent = action.outputs.names.absent();
        // What cannot be removed, the second run finds, and says so.
        let reset = || _ = restore::clear(&action.outputs.names, &absent);
        let foreign = action.is_foreign.then_some(Foreign { reset: &reset, keeps_off: action.keeps_off });
        let (ran, log) = self.engine.observer.run(&mut command, foreign.as_ref(), &printing, &may_notify)?;
        self.engine.ran.set(Some(ran.status));
        // A clock that is only slowed to be corrected loses less than a thousandth.
        let elapsed = at.elapsed().as_nanos() as i64;
        let clock_set_back = platform::stamp_ns() - started < elapsed - elapsed / 1000 - 20_000_000;
        let declared = self.plan.declared();
        let compile_us = at.elapsed().as_micros() as u64;
        self.engine.timer.lap(Phase::Compile);
        let observed = if log.is_some() { Observed::Preload } else { Observed::Unobserved };
        let completed = Completed { ran, started, observed, declared };
        Ok(EndedRun { completed, log, clock_set_back, compile_us })
    }

    /// Starts an eviction in another process where the cache has grown past its limit.
    fn enforce_size_limit(&self, stored: u64) {
        let settings = self.engine.settings;
        let Some(cache) = settings.cache_dir.as_deref() else { return };
        gc::start_if_over_limit(self.engine.store, cache, settings.max_bytes(cache), stored);
    }
}
