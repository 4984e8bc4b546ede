//! Checking hits: a fraction of the hits is run again, and what the command makes is compared with what would have been
//! restored (`KACHE_CHECK`).
//!
//! The build always gets the command's own outputs. The comparison reads the stored bytes, not only their digests, and text is
//! turned into path templates first. A difference counts where the dependencies still hold after the run: then the
//! inputs are equal, as far as they are known, and the outputs are not. Either an input is not known, or the command is
//! not a function of its inputs, or the stored bytes are damaged; in each case the result must not be restored again.

use super::ended::{Ending, Judged, RanCommand};
use super::hit::{Hit, name};
use super::job::Job;
use super::run::EndedRun;
use super::tree;
use crate::action::Action;
use crate::digest::Digest;
use crate::events::{Checked, Phase};
use crate::key_trace::KeyTrace;
use crate::reason::{NotCacheable, Reason};
use crate::store::differences::{Difference, Differing, Version};
use crate::store::manifest::Manifest;
use crate::{platform, run, template};
use foldhash::HashMap;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// Returns true with probability `share`.
pub(super) fn chosen(share: f64) -> bool {
    let random = RandomState::new().build_hasher().finish();
    // A float holds 53 bits.
    ((random >> 11) as f64 / (1u64 << 53) as f64) < share
}

impl Job<'_> {
    /// Runs the command and compares what it makes with a stored result.
    pub(super) fn check(&self, hit: Hit) -> Ending {
        let result = hit.key;
        let mut run = match self.run() {
            Ok(run) => run,
            Err(e) => return Ending::Broken(NotCacheable::new(Reason::Spawn, e.to_string())),
        };
        run.completed.ran.held.release();
        self.fail_if_lost(&run.completed.ran.held);
        let mut ran = run.describe();
        ran.result = Some(result);
        let (checked, why) = self.judge(hit, run, &mut ran);
        ran.judged = Judged::Checked(checked, why);
        self.engine.timer.lap(Phase::Check);
        Ending::Ran(ran)
    }

    fn judge(&self, hit: Hit, mut run: EndedRun, ran: &mut RanCommand) -> (Checked, Option<NotCacheable>) {
        let unsettled = |reason, detail: &str| (Checked::Unsettled, Some(NotCacheable::new(reason, detail)));
        let Some(status) = run.completed.ran.status.code() else {
            return unsettled(Reason::Failed, "the compiler was stopped by a signal");
        };
        if let Some(why) = run.unusable() {
            return (Checked::Unsettled, Some(why));
        }
        let collected = match self.collect(&run) {
            Ok(collected) => Some(collected).filter(|_| status == hit.status()),
            Err(why) => return (Checked::Unsettled, Some(why)),
        };
        let completed = &mut run.completed;
        ran.observed = Some(completed.observed);
        ran.outputs = match collected.as_ref().map(|collected| self.output_paths(collected)).transpose() {
            Ok(outputs) => outputs.unwrap_or_default(),
            Err(why) => return (Checked::Unsettled, Some(why)),
        };
        let (key, dependencies) = (hit.key, hit.dependencies.clone());
        let differing = match status {
            _ if status == hit.status() => hit
                .versions()
                .and_then(|stored| Ok(compare(stored, fresh(self.action, &completed.ran, &ran.outputs)?))),
            _ => Ok(vec![failure(hit.status(), status)]),
        };
        let differing = match differing {
            Ok(differing) => differing,
            Err(e) => return unsettled(Reason::UnreadableOutput, &e.to_string()),
        };
        if differing.is_empty() {
            return (Checked::Same, None);
        }
        if !self.view.holds(&dependencies, &mut HashMap::default()) {
            return unsettled(Reason::ChangedWhileCompiling, "an input changed while the hit was checked");
        }
        let mut found = Difference::new(
            self.engine.time_us,
            self.action.unit.label(),
            self.action.cwd.display().to_string(),
            (&self.action.key, &key),
            differing,
        );
        let trace = collected.and_then(|collected| {
            let dependencies = self.finalize(completed, &ran.outputs, collected).ok()?;
            let key = self.result_key(&dependencies);
            found.fresh_result = Some(key.hex());
            Some(self.trace(&dependencies, &key))
        });
        (Checked::Different, Some(self.quarantine(found, trace.as_ref(), key)))
    }

    /// Drops the entry and stores both versions for people to compare.
    fn quarantine(&self, found: Difference, trace: Option<&KeyTrace>, key: Digest) -> NotCacheable {
        let (store, settings) = (self.engine.store, self.engine.settings);
        let mut detail = format!("a check found other bytes than were stored: {}", found.names());
        let lock = self.lock();
        // Also where writing is off: a wrong entry is wrong for every build.
        if let Err(e) = Manifest::drop_result(store, &self.action.key, &key) {
            detail += &format!("; failed to drop the entry: {e}");
        }
        drop(lock);
        if settings.remote.is_some() {
            store.block_result(&key);
        }
        if settings.write {
            match found.save(store, trace) {
                Ok(place) => detail += &format!("; both versions are in {}", place.display()),
                Err(e) => detail += &format!("; failed to store both versions: {e}"),
            }
        }
        NotCacheable::new(Reason::Different, detail)
    }
}

/// The difference of two exit statuses.
fn failure(stored: i32, fresh: i32) -> Differing {
    let version = |status: i32| Some(Version::of(status.to_string().into_bytes(), false));
    Differing { what: "status".to_string(), stored: version(stored), fresh: version(fresh) }
}

/// What the command made and printed, in stored form.
fn fresh(action: &Action, ran: &run::Ran, outputs: &[PathBuf]) -> io::Result<BTreeMap<String, Version>> {
    let mut all = BTreeMap::new();
    for path in outputs {
        let stored = action.outputs.names.stored(path, &action.roots);
        all.insert(name(&stored), output(action, path)?);
    }
    // Text that cannot become a template cannot have been stored: the raw text differs.
    let printed = |text: &[u8]| {
        let marked = template::templatize(text, &action.roots, template::Format::Printed);
        Version::of(marked.unwrap_or_else(|| text.to_vec()), false)
    };
    all.insert("stdout".to_string(), printed(&ran.stdout));
    all.insert("stderr".to_string(), printed(&ran.stderr));
    Ok(all)
}

fn output(action: &Action, path: &Path) -> io::Result<Version> {
    if action.is_foreign {
        let (bytes, _) = tree::contents(path, &action.roots)?;
        return Ok(Version::of(bytes, platform::entry(path)?.1 & 0o100 != 0));
    }
    let bytes = platform::read_regular(path)?;
    if let Some(format) = action.outputs.template(path) {
        let marked = action.outputs.marked(&bytes, &action.roots, format);
        return Ok(Version::of(marked.unwrap_or(bytes), false));
    }
    Ok(Version::of(bytes, platform::is_executable(&std::fs::metadata(path)?)))
}

fn compare(mut stored: BTreeMap<String, Version>, fresh: BTreeMap<String, Version>) -> Vec<Differing> {
    let mut out = Vec::new();
    for (what, fresh) in fresh {
        let stored = stored.remove(&what);
        if stored.as_ref() != Some(&fresh) {
            out.push(Differing { what, stored, fresh: Some(fresh) });
        }
    }
    out.extend(stored.into_iter().map(|(what, v)| Differing { what, stored: Some(v), fresh: None }));
    out
}
