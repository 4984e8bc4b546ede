//! Results that hold in every place.
//!
//! A foreign command (a script, a generator) may compute anything from the paths of its roots: their length, a hash of them.
//! So its result holds at first only where it was made: its dependencies hold the values of variables with their paths.
//! Where the same is made again in a second place, of which the roots have other lengths and other last components, and
//! the outputs and the printed lines are equal with roots by their names, the second place confirms the result. A confirmed
//! result holds wherever the dependencies hold with roots by their names, and where the place has what the two places have in
//! common ([`crate::place`]). A root that both places have in common has confirmed nothing, and its path stays a dependency.
//!
//! What was made in one place waits for another in a result of its own, the candidate. Its key is made from the action key
//! and the dependencies with roots by their names, so that all places come to the same one.

use super::job::Job;
use crate::action::KeyHasher;
use crate::dependency::{Dependency, Kind, RecordedDependency};
use crate::digest::Digest;
use crate::events::Confirmation;
use crate::finalize::FinalDependency;
use crate::place;
use crate::store::result::{ActionResult, Exact, Output};
use std::collections::BTreeSet;
use std::io;

/// A result that holds in every place, with its key and the dependencies under which it holds.
pub(super) struct Confirmed {
    pub(super) key: Digest,
    pub(super) dependencies: Vec<RecordedDependency>,
}

/// The dependencies of a result with roots by their names.
struct Weak {
    dependencies: Vec<RecordedDependency>,
    /// Whether the names change nothing: no dependency has the path of a root.
    is_portable: bool,
}

impl Job<'_> {
    /// Compares a result with what another place has made of the same inputs, and says where the result holds. Without
    /// another place, leaves the result for the next.
    ///
    /// # Errors
    /// When a dependency cannot be evaluated, or the candidate cannot be written.
    pub(super) fn confirm(
        &self,
        result: &ActionResult,
        dependencies: &[FinalDependency],
    ) -> io::Result<(Confirmation, Option<Confirmed>)> {
        let Weak { dependencies: weak, is_portable } = self.with_roots_by_name(dependencies)?;
        let alone = if is_portable { Confirmation::Portable } else { Confirmation::Unconfirmed };
        let candidate = self.key_of("candidate", &weak);
        let here = place::of(&self.action.roots);
        let store = self.engine.store;
        let before = ActionResult::load(store, &candidate).filter(|before| !before.place.is_empty());
        let Some(before) = before else {
            ActionResult { place: here, ..result.clone() }.save(store, &candidate)?;
            return Ok((alone, None));
        };
        if !is_same(&before, result) {
            // Of two places that made different things, the next is compared with the last.
            let is_elsewhere = before.place != here;
            ActionResult { place: here, ..result.clone() }.save(store, &candidate)?;
            return Ok((if is_elsewhere { Confirmation::Literal } else { alone }, None));
        }
        if !place::vary(&before.place, &here) {
            return Ok((alone, None));
        }
        let mut all: BTreeSet<RecordedDependency> = weak.into_iter().collect();
        for name in place::in_common(&before.place, &here) {
            let dependency = Dependency::new(Kind::Place, name);
            let digest = self.view.digest(&dependency)?;
            all.insert(RecordedDependency { dependency, digest });
        }
        let dependencies: Vec<_> = all.into_iter().collect();
        let confirmed = Confirmed { key: self.key_of("confirmed", &dependencies), dependencies };
        Ok((Confirmation::Confirmed, Some(confirmed)))
    }

    fn with_roots_by_name(&self, dependencies: &[FinalDependency]) -> io::Result<Weak> {
        let (mut all, mut is_portable) = (BTreeSet::new(), true);
        for FinalDependency { recorded, .. } in dependencies {
            let (kind, name) = (recorded.dependency.kind, &recorded.dependency.name);
            let weak = match kind {
                Kind::Env => Dependency::new(Kind::EnvPath, name.clone()),
                Kind::EnvAll => Dependency::new(Kind::EnvAllPath, name.clone()),
                Kind::Link if self.leads_to_absolute(name) => Dependency::new(Kind::LeadsTo, name.clone()),
                // The working directory is in the action key with roots by their names.
                Kind::Cwd | Kind::Place => {
                    is_portable = false;
                    continue;
                }
                _ => {
                    all.insert(recorded.clone());
                    continue;
                }
            };
            let digest = self.view.digest(&weak)?;
            is_portable &= digest == recorded.digest;
            all.insert(RecordedDependency { dependency: weak, digest });
        }
        Ok(Weak { dependencies: all.into_iter().collect(), is_portable })
    }

    /// Whether a link holds an absolute path. A relative one is the same in every place.
    fn leads_to_absolute(&self, portable: &[u8]) -> bool {
        let target = self.view.roots.local(portable).and_then(|link| std::fs::read_link(link).ok());
        target.is_some_and(|target| target.is_absolute())
    }

    fn key_of(&self, what: &str, dependencies: &[RecordedDependency]) -> Digest {
        let mut hasher = KeyHasher::default();
        hasher.put(what, &self.action.key.0);
        dependencies.iter().for_each(|d| hasher.put(&d.dependency.label(), &d.digest.0));
        hasher.finish()
    }
}

/// Whether two runs made and printed the same. The order of the times of modification may differ: two files that are written one
/// after the other carry one time, or two.
fn is_same(one: &ActionResult, other: &ActionResult) -> bool {
    let without_rank = |output: &Output| {
        let exact = output.exact.map(|exact| Exact { rank: 0, ..exact });
        Output { exact, ..output.clone() }
    };
    one.outputs.iter().map(without_rank).eq(other.outputs.iter().map(without_rank))
        && (&one.stdout, &one.stderr, one.status) == (&other.stdout, &other.stderr, other.status)
}
