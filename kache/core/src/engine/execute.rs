//! The engine: one command from its plan to its end.

use super::check;
use super::ended::{Ended, Ending};
use super::job::{Engine, Job};
use super::lookup::Lookup;
use crate::action::{Action, Request};
use crate::eval::EvalContext;
use crate::events::{Phase, RemoteUse};
use crate::frontend::{Bypass, Context, Plan, Planned};
use std::cell::RefCell;

impl Engine<'_> {
    /// Restores the result of a command, or runs the command and stores its result.
    pub fn execute(&self, request: &Request) -> Ended {
        match self.plan(request) {
            Ok(Planned { action, plan }) => self.execute_planned(&action, &*plan),
            Err(bypass) => Ended::bypassed(*bypass),
        }
    }

    fn plan(&self, request: &Request) -> Result<Planned, Box<Bypass>> {
        let context = Context { store: self.store, settings: self.settings, timer: self.timer };
        let frontend = self.frontends.iter().find(|frontend| frontend.claims(request, &context));
        let planned = frontend.expect("the last front end claims every command").plan(request, &context);
        self.timer.lap(Phase::Action);
        planned
    }

    fn execute_planned(&self, action: &Action, plan: &dyn Plan) -> Ended {
        let view = EvalContext { table: &self.store.table, roots: &action.roots, cwd: &action.cwd, plan };
        let job = Job { engine: self, action, plan, view, note: RefCell::new(None) };
        let (ending, remote) = job.execute();
        let (unit, kind) = (action.unit.clone(), action.kind);
        Ended { unit, kind, action: Some(action.key), remote, note: job.note.take(), ending }
    }
}

impl Job<'_> {
    fn execute(&self) -> (Ending, Option<RemoteUse>) {
        let settings = self.engine.settings;
        let mut remote = None;
        if settings.read {
            // Skip the random number when checking is off.
            let check = settings.check > 0.0 && check::chosen(settings.check);
            let mut found = self.look_up(check);
            if let Lookup::Nothing = found {
                (found, remote) = self.look_up_remote(check);
            } else {
                remote = found.fetched_earlier();
            }
            match found {
                Lookup::Restored(restored) => return (Ending::Restored(restored), remote),
                Lookup::ToCheck(hit) => return (self.check(hit), remote),
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
                && let Lookup::Restored(restored) = self.look_up(false)
            {
                return (Ending::Restored(restored), remote);
            }
        }
        self.engine.timer.lap(Phase::Lock);
        let ending = self.run_and_store();
        drop(lock);
        (ending, remote)
    }
}
