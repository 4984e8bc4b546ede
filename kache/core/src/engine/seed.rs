//! Restoring a result before the build tool asks for it.
//!
//! The command is planned and looked up as ever, and never runs. What the command would print is returned instead, for the
//! record that the build tool keeps of the run.

use super::ended::{Ended, Ending};
use super::job::{Engine, Mapped};
use super::lookup::{Lookup, Purpose, Seed};
use crate::action::Request;
use crate::frontend::{Frontend, Planned};
use crate::store::result::ActionResult;
use crate::template;

/// A restored result.
pub struct Seeded {
    pub ended: Ended,
    /// What a foreign command would print on standard output and standard error.
    pub printed: Option<(Vec<u8>, Vec<u8>)>,
}

impl Engine<'_> {
    /// Restores the result of a command if a stored one holds here and now and `seed` accepts it. `None` leaves nothing behind
    /// but files that the command overwrites.
    pub fn seed(&self, request: &Request, seed: &Seed) -> Option<Seeded> {
        let (frontend, planned) = self.plan(request);
        self.seed_planned(request, frontend, &planned.ok()?, &Mapped::default(), seed)
    }

    fn seed_planned(
        &self,
        request: &Request,
        frontend: &dyn Frontend,
        planned: &Planned,
        mapped: &Mapped,
        seed: &Seed,
    ) -> Option<Seeded> {
        let job = self.job(request, frontend, planned, mapped);
        let action = job.action;
        match job.look_up(Purpose::Seed(seed)) {
            Lookup::Restored(restored) => {
                let mut printed = None;
                if action.is_foreign {
                    let result = ActionResult::load(self.store, &restored.result)?;
                    let text = |text: &[u8]| template::render(text, &action.roots);
                    printed = Some((text(&result.stdout)?, text(&result.stderr)?));
                }
                let (unit, kind, key) = (action.unit.clone(), action.kind, Some(action.key));
                let (note, ending) = (job.note.take(), Ending::Restored(restored));
                Some(Seeded { ended: Ended { unit, kind, action: key, remote: None, note, ending }, printed })
            }
            Lookup::Literal(planned) => {
                let mapped = Mapped { action: Some(action.key), is_marked: true, printed: Vec::new() };
                self.seed_planned(request, frontend, &planned, &mapped, seed)
            }
            Lookup::Nothing | Lookup::ToCheck(_) => None,
        }
    }
}
