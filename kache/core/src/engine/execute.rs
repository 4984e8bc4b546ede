//! The engine: one command from its plan to its end.

use super::check;
use super::ended::{Ended, Ending};
use super::job::{Engine, Job, Mapped, Step};
use super::lookup::{Lookup, Purpose};
use crate::action::Request;
use crate::events::Phase;
use crate::frontend::{Frontend, Planned};
use crate::reason::{NotCacheable, Reason};

impl Engine<'_> {
    /// Restores the result of a command, or runs the command and stores its result.
    pub fn execute(&self, request: &Request) -> Ended {
        let (frontend, planned) = self.plan(request);
        match planned {
            Ok(planned) => self.execute_planned(request, frontend, &planned, &Mapped::default()),
            Err(bypass) => Ended::bypassed(*bypass),
        }
    }

    fn execute_planned(
        &self,
        request: &Request,
        frontend: &dyn Frontend,
        planned: &Planned,
        mapped: &Mapped,
    ) -> Ended {
        let job = self.job(request, frontend, planned, mapped);
        let action = job.action;
        match job.execute() {
            Step::Ended(ending, remote) => {
                let ending = match planned.plan.settle(ending.succeeded()) {
                    Ok(()) => ending,
                    Err(e) => {
                        self.ran.set(None);
                        Ending::Broken(NotCacheable::new(Reason::OddOutput, e.to_string()))
                    }
                };
                let (unit, kind) = (action.unit.clone(), action.kind);
                Ended { unit, kind, action: Some(action.key), remote, note: job.note.take(), ending }
            }
            Step::Literal(planned, mapped) => {
                let mut ended = self.execute_planned(request, frontend, &planned, &mapped);
                ended.note = ended.note.or(job.note.take());
                ended
            }
        }
    }
}

impl Job<'_> {
    fn execute(&self) -> Step {
        let settings = self.engine.settings;
        let mut remote = None;
        if settings.read {
            // Skip the random number when checking is off.
            let check = settings.check > 0.0 && self.engine.outer.is_none() && check::chosen(settings.check);
            let purpose = if check { Purpose::Check } else { Purpose::Restore };
            let mut found = self.look_up(purpose);
            if let Lookup::Nothing = found {
                (found, remote) = self.look_up_remote(purpose);
            } else {
                remote = found.fetched_earlier();
            }
            match found {
                Lookup::Restored(restored) => return Step::Ended(Ending::Restored(restored), remote),
                Lookup::ToCheck(hit) => return Step::Ended(self.check(hit), remote),
                Lookup::Literal(planned) => return self.marked(planned),
                Lookup::Nothing => {}
            }
        }
        let mut lock = None;
        if settings.write {
            let (held, waited) = self.lock();
            lock = held;
            // Another build may have stored the result while this one waited.
            if waited
                && settings.read
                && let Lookup::Restored(restored) = self.look_up(Purpose::Restore)
            {
                return Step::Ended(Ending::Restored(restored), remote);
            }
        }
        self.engine.timer.lap(Phase::Lock);
        let step = self.run_and_store(remote);
        drop(lock);
        step
    }

    fn marked(&self, planned: Box<Planned>) -> Step {
        let action = Some(self.action.key);
        Step::Literal(planned, Mapped { action, is_marked: true, printed: Vec::new() })
    }
}
