//! Shadow mode: a share of the hits is compiled all the same, and what the compiler makes is compared with what would
//! have been given back (`KACHE_CHECK`).
//!
//! The build always gets the compiler's own outputs. Compared is what the store holds, so text is marked first, and the
//! stored bytes are read, not only their digests. A difference counts where the dependencies still hold after the
//! compile: then the inputs were the same, as far as they are known, and the outputs were not. Either an input is not
//! known, or the compiler (or a macro) is not a function of its inputs, or the store's bytes went bad; in each case the
//! result is not to be given back again.

use super::{Asked, Done, EventExt as _, Session, Verdict, keep};
use kache_core::dependency::RecordedDependency;
use kache_core::digest::Digest;
use kache_core::events::Phase;
use kache_core::events::{Checked, Event, Outcome};
use kache_core::reason::Reason;
use kache_core::store::Store;
use kache_core::store::differences::{Difference, Differing, Version};
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::ActionResult;
use kache_core::{platform, run, template};
use kache_frontends::eval::EvalContext;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Whether chance says so.
pub(super) fn chosen(share: f64) -> bool {
    let random = RandomState::new().build_hasher().finish();
    // 53 bits: all that a float holds.
    ((random >> 11) as f64 / (1u64 << 53) as f64) < share
}

/// A result that could be given back here and now.
pub(super) struct Hit {
    key: Digest,
    dependencies: Vec<RecordedDependency>,
    result: ActionResult,
    /// The outputs' bytes, in order.
    blobs: Vec<File>,
}

impl Hit {
    /// `None` where something of it is missing.
    pub(super) fn open(store: &Store, entry: &Entry, result: &ActionResult) -> Option<Hit> {
        let blobs = result.outputs.iter().map(|o| store.open_blob(&o.digest).ok()?).collect::<Option<_>>()?;
        Some(Hit {
            key: entry.result,
            dependencies: entry.dependencies.clone(),
            result: result.clone(),
            blobs,
        })
    }

    /// Everything that it would give back, by name.
    fn versions(mut self) -> io::Result<BTreeMap<String, Version>> {
        let mut all = BTreeMap::new();
        for (output, blob) in self.result.outputs.iter().zip(&mut self.blobs) {
            let mut bytes = Vec::new();
            blob.read_to_end(&mut bytes)?;
            all.insert(name(&output.path), Version::of(bytes, output.executable));
        }
        all.insert("stdout".to_string(), Version::of(self.result.stdout, false));
        all.insert("stderr".to_string(), Version::of(self.result.stderr, false));
        Ok(all)
    }
}

fn name(portable: &[u8]) -> String {
    String::from_utf8_lossy(portable).into_owned()
}

impl Session<'_> {
    /// Compiles, and says what the stored result was worth.
    pub(super) fn check(
        &mut self,
        asked: &Asked,
        view: &EvalContext,
        hit: Hit,
        event: &mut Event,
    ) -> Verdict {
        event.outcome = Outcome::Miss;
        event.result = Some(hit.key.hex());
        event.checked = Some(Checked::Unsettled);
        let Some(done) = self.run(asked, event) else { return Verdict::Bare };
        self.judge(asked, view, hit, done, event);
        self.clock.lap(event, Phase::Check);
        Verdict::Bare
    }

    fn judge(&mut self, asked: &Asked, view: &EvalContext, hit: Hit, done: Done, event: &mut Event) {
        let Done { ran, observer, started, reported, .. } = done;
        let Some(status) = ran.status.code() else {
            return event.fail(Outcome::Miss, Reason::Failed, "the compiler was stopped by a signal");
        };
        let gathered = match self.gather(asked, view, observer, started) {
            Ok((gathered, observed)) => {
                event.observed = Some(observed);
                Some((gathered, observed)).filter(|_| status == 0)
            }
            Err(d) => return event.fail(Outcome::Miss, d.reason, d.detail),
        };
        let outputs: Vec<PathBuf> = gathered.iter().flat_map(|(g, _)| &g.outputs).cloned().collect();
        event.outputs = outputs.iter().map(|p| p.display().to_string()).collect();
        let (key, dependencies) = (hit.key, hit.dependencies.clone());
        let differing = match status {
            0 => hit.versions().and_then(|stored| Ok(compare(stored, fresh(asked, &ran, &outputs)?))),
            _ => Ok(vec![failure(status)]),
        };
        let differing = match differing {
            Ok(differing) => differing,
            Err(e) => return event.fail(Outcome::Miss, Reason::UnreadableOutput, e.to_string()),
        };
        if differing.is_empty() {
            event.outcome = Outcome::Hit;
            event.checked = Some(Checked::Same);
            return;
        }
        if !view.holds(&dependencies, &mut HashMap::new()) {
            let what = "while a hit was checked, something that it hangs on changed";
            return event.fail(Outcome::Miss, Reason::ChangedWhileCompiling, what);
        }
        let unit = asked.invocation.unit.label();
        let mut found =
            Difference::new(event.time_us, unit, event.cwd.clone(), (&asked.key, &key), differing);
        let fresh = gathered.and_then(|(gathered, observed)| {
            let compiled = keep::Compiled { ran: &ran, started, reported, outputs: &outputs, observed };
            let seen = self.conclude(asked, view, compiled, gathered).ok()?;
            let key = keep::result_key(asked, &seen);
            found.fresh_result = Some(key.hex());
            Some(keep::trace(asked, &seen, &key, self.settings))
        });
        self.condemn(asked, found, fresh.as_ref(), key, event);
    }

    /// Drops the entry and keeps both versions.
    fn condemn(
        &self,
        asked: &Asked,
        found: Difference,
        fresh: Option<&kache_core::key_trace::KeyTrace>,
        key: Digest,
        event: &mut Event,
    ) {
        event.checked = Some(Checked::Different);
        let mut detail = format!("a check found other bytes than were stored: {}", found.names());
        let lock = self.lock(&asked.key);
        // Even where nothing may be stored: what is wrong is wrong for everyone.
        if let Err(e) = Manifest::drop_result(self.store, &asked.key, &key) {
            detail += &format!("; the entry is still there: {e}");
        }
        drop(lock);
        if self.settings.remote.is_some() {
            self.store.block_result(&key);
        }
        if self.settings.write {
            match found.keep(self.store, fresh) {
                Ok(place) => detail += &format!("; both versions are in {}", place.display()),
                Err(e) => detail += &format!("; they could not be kept: {e}"),
            }
        }
        event.fail(Outcome::Miss, Reason::Different, detail);
    }
}

/// A compile is only stored where it succeeds.
fn failure(status: i32) -> Differing {
    let version = |status: i32| Some(Version::of(status.to_string().into_bytes(), false));
    Differing { what: "status".to_string(), stored: version(0), fresh: version(status) }
}

/// What the compiler made and printed, in stored form.
fn fresh(asked: &Asked, ran: &run::Ran, outputs: &[PathBuf]) -> io::Result<BTreeMap<String, Version>> {
    let mut all = BTreeMap::new();
    for path in outputs {
        let portable = asked.roots.portable(path.as_os_str().as_encoded_bytes());
        all.insert(name(&portable), output(asked, path)?);
    }
    // What cannot be marked cannot have been stored: it differs, as it is.
    let printed = |text: &[u8]| {
        let marked = template::templatize(text, &asked.roots, template::Format::Printed);
        Version::of(marked.unwrap_or_else(|| text.to_vec()), false)
    };
    all.insert("stdout".to_string(), printed(&ran.stdout));
    all.insert("stderr".to_string(), printed(&ran.stderr));
    Ok(all)
}

fn output(asked: &Asked, path: &Path) -> io::Result<Version> {
    let bytes = std::fs::read(path)?;
    if asked.invocation.depinfo.as_deref() == Some(path) {
        let marked = template::templatize(&bytes, &asked.roots, asked.toolchain.capabilities.report);
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
