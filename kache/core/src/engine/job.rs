//! What the engine works with, and a planned command on its way through it.

use crate::action::Action;
use crate::eval::EvalContext;
use crate::frontend::{Frontend, Plan};
use crate::observe::observer::Observer;
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
    pub(super) view: EvalContext<'a>,
    /// Trouble of a lookup, for people.
    pub(super) note: RefCell<Option<String>>,
}

impl Job<'_> {
    /// The lock of the action, and whether another build held it.
    pub(super) fn lock(&self) -> (Option<Lock>, bool) {
        let (store, key) = (self.engine.store, &self.action.key);
        match store.lock(key, Duration::ZERO) {
            Some(lock) => (Some(lock), false),
            None => (store.lock(key, self.engine.settings.lock_timeout), true),
        }
    }
}
