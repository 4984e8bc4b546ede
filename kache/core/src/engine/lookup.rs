//! Looking up and restoring a stored result.

use super::ended::Restored;
use super::hit::Hit;
use super::job::Job;
use super::run::not_printed;
use crate::dependency::Dependency;
use crate::digest::Digest;
use crate::events::{Phase, RemoteUse, RemoteWay};
use crate::frontend::Planned;
use crate::store::manifest::{Entry, Manifest};
use crate::store::result::ActionResult;
use crate::{platform, restore};
use foldhash::HashMap;

/// What is to be done with a stored result whose dependencies all hold.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// Restore it and print what the command printed.
    Restore,
    /// Open it, to be compared with a run.
    Check,
    /// Restore it ahead of the build tool, and print nothing.
    Seed(&'a Seed<'a>),
}

/// How a result is restored before the build tool asks for it.
pub struct Seed<'a> {
    /// Whether the build tool's own record, which is restored with the result, belongs to it.
    pub accepts: &'a dyn Fn(&Digest, &ActionResult) -> bool,
    /// Where the output directory of a foreign command is made.
    pub staging: Option<restore::Staging<'a>>,
}

/// What a lookup came to.
pub(super) enum Lookup {
    Nothing,
    Restored(Restored),
    /// A result that could be restored, and is to be checked first.
    ToCheck(Hit),
    /// The command is known to need paths as they are.
    Literal(Box<Planned>),
}

impl Lookup {
    /// The remote's part in a result that an earlier build fetched.
    pub(super) fn fetched_earlier(&self) -> Option<RemoteUse> {
        match self {
            Lookup::Restored(Restored { fetched: true, .. }) => {
                Some(RemoteUse { way: RemoteWay::Ahead, us: 0, detail: None, level: None })
            }
            _ => None,
        }
    }
}

impl Job<'_> {
    /// Restores the first stored result whose dependencies all hold, or returns it.
    pub(super) fn look_up(&self, purpose: Purpose) -> Lookup {
        let (store, timer) = (self.engine.store, self.engine.timer);
        let manifest = Manifest::load(store, &self.action.key).unwrap_or_default();
        let mut seen: HashMap<Dependency, Digest> = HashMap::default();
        let found = self.look_up_in(&manifest, &mut seen, purpose);
        let found = match found {
            Lookup::Nothing if manifest.is_full() => match self.manifest_of_source() {
                Some(manifest) => self.look_up_in(&manifest, &mut seen, purpose),
                None => found,
            },
            found => found,
        };
        timer.lap(Phase::Lookup);
        found
    }

    fn manifest_of_source(&self) -> Option<Manifest> {
        let digest = self.view.digest(self.action.source.as_ref()?).ok()?;
        Manifest::load(self.engine.store, &Manifest::of_source(&self.action.key, &digest))
    }

    fn look_up_in(
        &self,
        manifest: &Manifest,
        seen: &mut HashMap<Dependency, Digest>,
        purpose: Purpose,
    ) -> Lookup {
        let (store, timer) = (self.engine.store, self.engine.timer);
        for entry in &manifest.entries {
            if self.is_about_outputs(entry) || !self.view.holds(&entry.dependencies, seen) {
                continue;
            }
            let Some(result) = ActionResult::load(store, &entry.result) else { continue };
            timer.lap(Phase::Lookup);
            if result.literal {
                match self.literal() {
                    Some(planned) => return Lookup::Literal(Box::new(planned)),
                    None => continue,
                }
            }
            match purpose {
                Purpose::Seed(seed) if !(seed.accepts)(&entry.result, &result) => continue,
                Purpose::Check => {
                    if let Some(hit) = Hit::open(store, entry, &result) {
                        return Lookup::ToCheck(hit);
                    }
                }
                _ => {}
            }
            if let Some(restored) = self.restore(entry, &result, purpose) {
                return Lookup::Restored(restored);
            }
        }
        Lookup::Nothing
    }

    /// Whether a result that was made under any names may depend on what is where this command writes.
    fn is_about_outputs(&self, entry: &Entry) -> bool {
        let names = &self.action.outputs.names;
        if names.roles.is_empty() {
            return false;
        }
        let dependencies = || entry.dependencies.iter().map(|d| &d.dependency);
        let names_hold = Dependency::output_names();
        names.may_be_in(dependencies()) && !dependencies().any(|dependency| *dependency == names_hold)
    }

    fn restore(&self, entry: &Entry, result: &ActionResult, purpose: Purpose) -> Option<Restored> {
        let (store, timer) = (self.engine.store, self.engine.timer);
        let outputs = &self.action.outputs;
        let roots = &self.action.roots;
        let staging = match purpose {
            Purpose::Seed(seed) => seed.staging,
            _ => None,
        };
        let restore = || match (self.action.is_foreign, staging) {
            (true, Some(staging)) => restore::staged(store, result, roots, &outputs.names, staging),
            (true, None) => restore::exact(store, result, roots, &outputs.names),
            (false, _) => restore::outputs(store, result, roots, outputs),
        };
        // Ctrl-C must not leave half of the outputs in the build's directory.
        let files = match platform::uninterrupted(restore) {
            Ok(files) => files?,
            Err(e) => {
                *self.note.borrow_mut() = Some(format!("failed to restore a result: {e}"));
                return None;
            }
        };
        timer.lap(Phase::Restore);
        let mut status = result.status;
        if !matches!(purpose, Purpose::Seed(_)) {
            // Printed last: the text tells the build that the files are there.
            if let Some(Err(e)) = restore::replay(result, &self.action.roots)
                && outputs.printed
            {
                status = not_printed(&e).into();
            }
            timer.lap(Phase::Replay);
        }
        store.mark_used(&entry.result);
        self.mark_literal(&entry.dependencies);
        self.tell_outer(&entry.dependencies, &files.paths);
        Some(Restored {
            status,
            result: entry.result,
            observed: result.observed,
            confirmation: result.confirmation,
            compile_us: result.compile_us,
            fetched: result.fetched,
            files,
        })
    }
}
