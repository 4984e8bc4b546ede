//! What the engine works with, and a planned command on its way through it.

use super::ended::Ending;
use crate::action::{Action, Request};
use crate::digest::Digest;
use crate::eval::EvalContext;
use crate::events::{Phase, RemoteUse};
use crate::frontend::{Bypass, Context, Frontend, Plan, Planned};
use crate::observe::observer::Observer;
use crate::observe::outer::Outer;
use crate::settings::Settings;
use crate::store::{Lock, Store};
use crate::timer::Timer;
use std::cell::{Cell, RefCell};
use std::process::ExitStatus;
use std::time::Duration;

/// What the engine works with.
pub struct Engine<'a> {
    pub settings: &'a Settings,
    pub store: &'a Store,
    /// The first front end that claims a command plans it. The last one claims every command.
    pub frontends: &'a [&'a dyn Frontend],
    pub observer: &'a dyn Observer,
    pub timer: &'a Timer,
    /// The observed run that the command is a part of, if it is.
    pub outer: Option<&'a Outer>,
    /// When the wrapper started, µs since 1970.
    pub time_us: u64,
    /// The status of the command, set as soon as the command has run: it outlives a panic.
    pub ran: &'a Cell<Option<ExitStatus>>,
}

/// A planned command on its way through the engine.
pub(super) struct Job<'a> {
    pub(super) engine: &'a Engine<'a>,
    pub(super) action: &'a Action,
    pub(super) plan: &'a dyn Plan,
    pub(super) request: &'a Request,
    pub(super) frontend: &'a dyn Frontend,
    /// How the command came to be planned with paths as they are, if it did.
    pub(super) mapped: &'a Mapped,
    pub(super) view: EvalContext<'a>,
    /// Trouble of a lookup, for people.
    pub(super) note: RefCell<Option<String>>,
}

/// The same command, planned with paths mapped, where it turned out that they must not be.
#[derive(Default)]
pub(super) struct Mapped {
    /// Its action key.
    pub(super) action: Option<Digest>,
    /// Whether a mark led here: otherwise the result is to be marked.
    pub(super) is_marked: bool,
    /// Lines that its run has printed.
    pub(super) printed: Vec<Vec<u8>>,
}

/// What a job came to.
pub(super) enum Step {
    Ended(Ending, Option<RemoteUse>),
    /// The command is to be done with paths as they are.
    Literal(Box<Planned>, Mapped),
}

impl Engine<'_> {
    /// Plans a command, and says which front end did.
    pub(super) fn plan(&self, request: &Request) -> (&dyn Frontend, Result<Planned, Box<Bypass>>) {
        let Engine { store, settings, timer, .. } = *self;
        let context = Context { store, settings, timer, literal_paths: false };
        let frontend = self.frontends.iter().find(|frontend| frontend.claims(request, &context));
        let frontend = *frontend.expect("the last front end claims every command");
        let planned = frontend.plan(request, &context);
        timer.lap(Phase::Action);
        (frontend, planned)
    }

    pub(super) fn job<'a>(
        &'a self,
        request: &'a Request,
        frontend: &'a dyn Frontend,
        planned: &'a Planned,
        mapped: &'a Mapped,
    ) -> Job<'a> {
        let (action, plan) = (&planned.action, &*planned.plan);
        let view = EvalContext { table: &self.store.table, roots: &action.roots, cwd: &action.cwd, plan };
        Job { engine: self, action, plan, request, frontend, mapped, view, note: RefCell::new(None) }
    }
}

impl Job<'_> {
    /// The command with paths as they are; `None` where that is what this job is.
    pub(super) fn literal(&self) -> Option<Planned> {
        if self.mapped.action.is_some() {
            return None;
        }
        let Engine { store, settings, timer, .. } = self.engine;
        let context = Context { store, settings, timer, literal_paths: true };
        let planned = self.frontend.plan(self.request, &context).ok()?;
        (planned.action.key != self.action.key).then_some(planned)
    }

    /// The lock of the action, and whether another build held it.
    pub(super) fn lock(&self) -> (Option<Lock>, bool) {
        let (store, key) = (self.engine.store, &self.action.key);
        match store.lock(key, Duration::ZERO) {
            Some(lock) => (Some(lock), false),
            None => (store.lock(key, self.engine.settings.lock_timeout), true),
        }
    }
}
