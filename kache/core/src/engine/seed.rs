//! Restoring a result before the build tool asks for it.
//!
//! The command is planned and looked up as ever, and never runs. What the command would print is returned instead, for the
//! record that the build tool keeps of the run.

use super::ended::{Ended, Ending};
use super::job::{Engine, Job, Mapped};
use super::lookup::{Lookup, Purpose, Seed};
use crate::action::Request;
use crate::eval::EvalContext;
use crate::events::Phase;
use crate::frontend::{Context, Frontend, Planned};
use crate::store::result::ActionResult;
use crate::template;
use std::cell::RefCell;

/// A restored result.
pub struct Seeded {
    pub ended: Ended,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Engine<'_> {
    /// Restores the result of a command if a stored one holds here and now and `seed` accepts it. `None` leaves nothing behind
    /// but files that the command overwrites.
    pub fn seed(&self, request: &Request, seed: &Seed) -> Option<Seeded> {
        let Engine { store, settings, timer, .. } = *self;
        let context = Context { store, settings, timer, literal_paths: false };
        let frontend = *self.frontends.iter().find(|frontend| frontend.claims(request, &context))?;
        let planned = frontend.plan(request, &context).ok()?;
        timer.lap(Phase::Action);
        self.seed_planned(request, frontend, &planned, &Mapped::default(), seed)
    }

    fn seed_planned(
        &self,
        request: &Request,
        frontend: &dyn Frontend,
        planned: &Planned,
        mapped: &Mapped,
        seed: &Seed,
    ) -> Option<Seeded> {
        let (action, plan) = (&planned.action, &*planned.plan);
        let view = EvalContext { table: &self.store.table, roots: &action.roots, cwd: &action.cwd, plan };
        let job =
            Job { engine: self, action, plan, request, frontend, mapped, view, note: RefCell::new(None) };
        match job.look_up(Purpose::Seed(seed)) {
            Lookup::Restored(restored) => {
                let result = ActionResult::load(self.store, &restored.result)?;
                let stdout = template::render(&result.stdout, &action.roots)?;
                let stderr = template::render(&result.stderr, &action.roots)?;
                let (unit, kind) = (action.unit.clone(), action.kind);
                let (action, ending) = (Some(action.key), Ending::Restored(restored));
                let ended = Ended { unit, kind, action, remote: None, note: job.note.take(), ending };
                Some(Seeded { ended, stdout, stderr })
            }
            Lookup::Literal(planned) => {
                let mapped = Mapped { action: Some(action.key), is_marked: true, printed: Vec::new() };
                self.seed_planned(request, frontend, &planned, &mapped, seed)
            }
            Lookup::Nothing | Lookup::ToCheck(_) => None,
        }
    }
}
