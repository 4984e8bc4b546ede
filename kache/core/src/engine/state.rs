//! State that a command leaves for later runs of itself: what one run left, another begins with.
//!
//! The engine stores only runs that begin without state, so it keeps only the state of such runs, beside their results. In another
//! directory, or in one that was emptied, a hit restores the result without the state. The first miss there gets a copy of the
//! state, and the command decides what of the copy still holds. No key can contain the state, so the engine never stores the result
//! of that miss.
//!
//! A run that fails, and may have failed because of the copy, runs again without: a state costs no build.

use super::ended::RanCommand;
use super::job::Job;
use super::run::EndedRun;
use crate::frontend::CopiedState;
use crate::reason::NotCacheable;
use crate::store::states;
use std::io;

impl Job<'_> {
    /// Runs the command, with a copy of stored state where there is one for it.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub(super) fn run_with_state(&self) -> io::Result<(EndedRun, Option<CopiedState>)> {
        let Some(copied) = self.copy_state() else { return Ok((self.run()?, None)) };
        let mut run = self.run_after(&self.mapped.printed, true)?;
        let ran = &mut run.completed.ran;
        if ran.status.success() {
            copied.confirm();
            return Ok((run, Some(copied)));
        }
        if !self.plan.may_fail_by_state(ran) {
            return Ok((run, Some(copied)));
        }
        ran.held.discard();
        self.engine.ran.set(None);
        self.engine.store.drop_state(&self.action.key);
        let text = match copied.remove() {
            Ok(()) => "failed with a copy of stored state, and ran again without".to_string(),
            Err(e) => format!("failed with a copy of stored state that cannot be removed: {e}"),
        };
        self.note.borrow_mut().get_or_insert(text);
        let printed = [&self.mapped.printed[..], &ran.printed].concat();
        Ok((self.run_after(&printed, false)?, None))
    }

    fn copy_state(&self) -> Option<CopiedState> {
        let engine = self.engine;
        // Within an observed run, the state would count as something that the run had found.
        let may = engine.settings.read && engine.settings.keeps_state() && engine.outer.is_none();
        may.then(|| self.plan.copy_state(self.action, engine.store)).flatten()
    }

    /// Stores the result of a run, and the state that it left.
    ///
    /// # Errors
    /// When the result must not be stored, or cannot be.
    pub(super) fn store_with_state(&self, run: EndedRun, ran: &mut RanCommand) -> Result<(), NotCacheable> {
        let engine = self.engine;
        let cache = engine.settings.cache_dir.as_deref();
        let may = engine.settings.keeps_state() && engine.outer.is_none();
        let left = run.log.as_ref().filter(|_| may).and_then(|log| self.plan.left_state(self.action, log));
        self.store(run, ran)?;
        if let (Some(left), Some(cache)) = (left, cache) {
            states::start_keeping(cache, &self.action.key, left, engine.settings.max_state_bytes(cache));
        }
        Ok(())
    }
}
