//! From a finished command to a stored result, or to the reason why nothing is stored.

use super::embedded_paths;
use super::ended::RanCommand;
use super::job::Job;
use super::run::EndedRun;
use super::tree;
use crate::action::KeyHasher;
use crate::collected::Collected;
use crate::dependency::{self, Dependency, Kind, RecordedDependency};
use crate::digest::Digest;
use crate::events::{Observed, Phase};
use crate::finalize::{FinalDependency, Finalizer};
use crate::frontend::Completed;
use crate::key_trace::{self, Component, KeyTrace, Part};
use crate::platform;
use crate::reason::{NotCacheable, Reason};
use crate::run::Ran;
use crate::settings::Observe;
use crate::store::Stored;
use crate::store::manifest::{Entry, Manifest};
use crate::store::result::{ActionResult, Output};
use crate::template;
use std::io;
use std::path::{Path, PathBuf};

impl Job<'_> {
    pub(super) fn store(&self, mut run: EndedRun, ran: &mut RanCommand) -> Result<(), NotCacheable> {
        let collected = self.collect(&run)?;
        let completed = &mut run.completed;
        ran.observed = Some(completed.observed);
        let outputs = self.output_paths(&collected)?;
        let dependencies = self.finalize(completed, &outputs, collected)?;
        self.engine.timer.lap(Phase::Observe);
        let key = self.result_key(&dependencies);
        ran.result = Some(key);
        self.save_trace(&self.trace(&dependencies, &key));
        ran.outputs = outputs.clone();
        if !self.engine.settings.write {
            return Err(NotCacheable::new(Reason::WriteOff, "the setting `write` is off"));
        }
        let printed = |text: &[u8]| template::templatize(text, &self.action.roots, template::Format::Printed);
        let Completed { ran: Ran { stdout, stderr, .. }, observed, .. } = &run.completed;
        let (Some(stdout), Some(stderr)) = (printed(stdout), printed(stderr)) else {
            return Err(NotCacheable::new(Reason::BinaryOutput, "what the compiler printed has NULs in it"));
        };
        let outputs = self.outputs(&outputs, ran)?;
        let mut result = ActionResult {
            outputs,
            stdout,
            stderr,
            label: self.action.unit.label(),
            compile_us: ran.compile_us,
            observed: *observed,
            fetched: false,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: ran.status.code().unwrap_or_default(),
        };
        if self.action.is_foreign {
            self.publish_where_confirmed(&mut result, &dependencies)
                .map_err(|e| NotCacheable::new(Reason::Store, e.to_string()))?;
        }
        ran.confirmation = result.confirmation;
        self.publish(result, &ran.outputs, &key, dependencies)
    }

    /// Notes where a result holds, and adds an entry that holds in every place where two places have made the same.
    fn publish_where_confirmed(
        &self,
        result: &mut ActionResult,
        dependencies: &[FinalDependency],
    ) -> io::Result<()> {
        let (confirmation, confirmed) = self.confirm(result, dependencies)?;
        result.confirmation = Some(confirmation);
        let Some(confirmed) = confirmed else { return Ok(()) };
        result.save(self.engine.store, &confirmed.key)?;
        self.add_entry(&confirmed.key, confirmed.dependencies)
    }

    fn add_entry(&self, result: &Digest, dependencies: Vec<RecordedDependency>) -> io::Result<()> {
        let dependencies = dependency::pack(dependencies.into_iter());
        self.mark_literal(&dependencies);
        let entry = Entry { result: *result, dependencies };
        Manifest::add(self.engine.store, &self.action.key, self.action.source.as_ref(), entry)?;
        self.queue_upload(result);
        Ok(())
    }

    /// The paths of what a run left.
    pub(super) fn output_paths(&self, collected: &Collected) -> Result<Vec<PathBuf>, NotCacheable> {
        if !self.action.is_foreign {
            return Ok(collected.outputs.iter().cloned().collect());
        }
        if let Some(why) = &collected.refused {
            return Err(why.clone());
        }
        let names = &self.action.outputs.names;
        // What the command did not write is what an earlier one left there, if anything.
        match names.exact.iter().find(|path| !collected.outputs.contains(*path)) {
            Some(path) => {
                let detail = format!("the command did not write {}", path.display());
                Err(NotCacheable::new(Reason::NoOutput, detail))
            }
            None => tree::paths(names),
        }
    }

    fn outputs(&self, paths: &[PathBuf], ran: &mut RanCommand) -> Result<Vec<Output>, NotCacheable> {
        if !self.action.is_foreign {
            return paths.iter().map(|path| self.output(path, ran)).collect();
        }
        let action = self.action;
        let (outputs, bytes, known) = tree::store(&action.outputs.names, &action.roots, self.engine.store)?;
        (ran.bytes, ran.known_bytes) = (ran.bytes + bytes, ran.known_bytes + known);
        Ok(outputs)
    }

    fn publish(
        &self,
        result: ActionResult,
        paths: &[PathBuf],
        key: &Digest,
        dependencies: Vec<FinalDependency>,
    ) -> Result<(), NotCacheable> {
        let failed = |e: io::Error| NotCacheable::new(Reason::Store, e.to_string());
        result.save(self.engine.store, key).map_err(failed)?;
        let dependencies: Vec<_> = dependencies.into_iter().map(|d| d.recorded).collect();
        self.tell_outer(&dependencies, paths);
        self.add_entry(key, dependencies).map_err(failed)
    }

    /// Where a run with mapped paths led here, leaves a mark under its key, so that the next command comes here directly as
    /// long as the dependencies hold. Errors are ignored: the next command finds out anew.
    pub(super) fn mark_literal(&self, dependencies: &[RecordedDependency]) {
        let store = self.engine.store;
        let Some(mapped) = self.mapped.action.filter(|_| !self.mapped.is_marked) else { return };
        if !self.engine.settings.write {
            return;
        }
        let mut hasher = KeyHasher::default();
        hasher.put("literal", &mapped.0);
        hasher.put("action", &self.action.key.0);
        dependencies.iter().for_each(|d| hasher.put(&d.dependency.label(), &d.digest.0));
        let mark = ActionResult {
            outputs: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: self.action.unit.label(),
            compile_us: 0,
            observed: Observed::Preload,
            fetched: false,
            literal: true,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        };
        let key = hasher.finish();
        let entry = Entry { result: key, dependencies: dependencies.to_vec() };
        let _ = mark
            .save(store, &key)
            .and_then(|()| Manifest::add(store, &mapped, self.action.source.as_ref(), entry));
    }

    /// What the run depended on and made: from the observer's log, or by the rules that need no observer.
    pub(super) fn collect(&self, run: &EndedRun) -> Result<Collected, NotCacheable> {
        if let Some(log) = &run.log {
            return Ok(self.plan.collect(self.action, log, &self.view));
        }
        if self.engine.settings.observe == Observe::Require {
            let detail = "the observer did not run, and `observe` is `require`";
            return Err(NotCacheable::new(Reason::NotObserved, detail));
        }
        self.plan.collect_unobserved(self.action, run.completed.started)
    }

    /// The dependencies of the result, or why they do not account for all that the result depends on.
    pub(super) fn finalize(
        &self,
        completed: &mut Completed,
        outputs: &[PathBuf],
        mut collected: Collected,
    ) -> Result<Vec<FinalDependency>, NotCacheable> {
        let left = embedded_paths::roots_left(self.action, &completed.ran, outputs);
        collected.dependencies.extend(left.into_iter().map(|root| Dependency::new(Kind::Place, root)));
        let started = completed.started;
        let known =
            self.plan.refine(self.action, completed, &mut collected, &self.view, self.engine.store)?;
        Finalizer { view: &self.view, action: self.action, started }.finalize(collected, &known)
    }

    pub(super) fn result_key(&self, dependencies: &[FinalDependency]) -> Digest {
        let mut hasher = KeyHasher::default();
        hasher.put("action", &self.action.key.0);
        for d in dependencies {
            hasher.put(&d.recorded.dependency.label(), &d.recorded.digest.0);
        }
        hasher.finish()
    }

    /// Everything that went into the keys, by name.
    pub(super) fn trace(&self, dependencies: &[FinalDependency], result: &Digest) -> KeyTrace {
        let mut components: Vec<Component> = self.action.inputs.components().collect();
        components.extend(dependencies.iter().map(|d| Component {
            part: Part::Dependency,
            name: d.recorded.dependency.label(),
            raw: d.evaluated.place.clone(),
            value: d.evaluated.text.clone(),
            by: d.by.clone(),
        }));
        KeyTrace {
            v: key_trace::VERSION,
            label: self.action.unit.label(),
            action: self.action.key.hex(),
            result: result.hex(),
            components,
        }
    }

    /// Write errors are ignored: without the trace, explanations have less to go by.
    fn save_trace(&self, trace: &KeyTrace) {
        let _ = self.engine.store.save_trace(trace);
    }

    fn output(&self, path: &Path, ran: &mut RanCommand) -> Result<Output, NotCacheable> {
        let (store, roots) = (self.engine.store, &self.action.roots);
        let failed = |e: io::Error| NotCacheable::new(Reason::Store, e.to_string());
        let stored = self.action.outputs.names.stored(path, roots);
        let meta = path.symlink_metadata().map_err(failed)?;
        if !meta.is_file() {
            let detail = format!("{} is not a regular file", path.display());
            return Err(NotCacheable::new(Reason::OddOutput, detail));
        }
        if let Some(format) = self.action.outputs.template(path) {
            let text = platform::read_regular(path).map_err(failed)?;
            let marked = self.action.outputs.marked(&text, roots, format).ok_or_else(|| {
                NotCacheable::new(Reason::BinaryOutput, format!("{} has NULs in it", path.display()))
            })?;
            let digest = store.put_bytes(&marked).map_err(failed)?;
            return Ok(Output { path: stored, digest, executable: false, is_template: true, exact: None });
        }
        let Stored { digest, bytes, known } = store.put_blob(path).map_err(failed)?;
        ran.bytes += bytes;
        ran.known_bytes += if known { bytes } else { 0 };
        Ok(Output {
            path: stored,
            digest,
            executable: platform::is_executable(&meta),
            is_template: false,
            exact: None,
        })
    }
}
