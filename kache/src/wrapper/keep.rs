//! From a finished compile to a stored result: what was seen becomes dependencies, those the key, and the outputs blobs;
//! or a reason why nothing is kept.

use super::{Asked, Done, Session, places};
use kache_core::dependency::{self, Dependency};
use kache_core::digest::Digest;
use kache_core::events::Phase;
use kache_core::events::{Event, Observed};
use kache_core::key_trace::{Component, KeyTrace, Part};
use kache_core::observe::log;
use kache_core::reason::{NotCacheable, Reason};
use kache_core::settings::{Observe, Settings};
use kache_core::store::Stored;
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::{ActionResult, Output};
use kache_core::{platform, run, template};
use kache_frontends::action::{self, Hasher, Sink};
use kache_frontends::collect::{Collected, Collector};
use kache_frontends::depinfo;
use kache_frontends::eval::EvalContext;
use kache_frontends::finalize::{Evidence, Seen};
use kache_frontends::unobserved::Rules;
use std::io;
use std::path::{Path, PathBuf};

/// What a compile left besides the log of it.
pub(super) struct Compiled<'a> {
    pub(super) ran: &'a run::Ran,
    pub(super) started: i64,
    pub(super) reported: Option<io::Result<depinfo::DepInfo>>,
    pub(super) outputs: &'a [PathBuf],
    pub(super) observed: Observed,
}

impl Session<'_> {
    pub(super) fn keep(
        &mut self,
        asked: &Asked,
        view: &EvalContext,
        done: Done,
        event: &mut Event,
    ) -> Result<(), NotCacheable> {
        let Done { ran, observer, started, reported, .. } = done;
        let (gathered, observed) = self.gather(asked, view, observer, started)?;
        event.observed = Some(observed);
        let outputs: Vec<PathBuf> = gathered.outputs.iter().cloned().collect();
        let compiled = Compiled { ran: &ran, started, reported, outputs: &outputs, observed };
        let seen = self.conclude(asked, view, compiled, gathered)?;
        self.clock.lap(event, Phase::Observe);
        let key = result_key(asked, &seen);
        event.result = Some(key.hex());
        self.leave(&trace(asked, &seen, &key, self.settings));
        event.outputs = outputs.iter().map(|p| p.display().to_string()).collect();
        if !self.settings.write {
            return Err(NotCacheable::new(Reason::WriteOff, "the setting `write` is off"));
        }
        let printed = |text: &[u8]| template::templatize(text, &asked.roots, template::Format::Printed);
        let (Some(stdout), Some(stderr)) = (printed(&ran.stdout), printed(&ran.stderr)) else {
            return Err(NotCacheable::new(Reason::BinaryOutput, "what the compiler printed has NULs in it"));
        };
        let mut kept = Vec::new();
        for path in &outputs {
            kept.push(self.output(asked, path, event)?);
        }
        let result = ActionResult {
            outputs: kept,
            stdout,
            stderr,
            label: asked.invocation.unit.label(),
            compile_us: event.compile_us,
            observed,
            fetched: false,
        };
        result.save(self.store, &key).map_err(|e| io_trouble(Reason::Store, &e))?;
        let dependencies = dependency::pack(seen.into_iter().map(|s| s.observation));
        Manifest::add(self.store, &asked.key, Entry { result: key, dependencies })
            .map_err(|e| io_trouble(Reason::Store, &e))?;
        event.stored = true;
        self.share(asked, &key);
        Ok(())
    }

    /// The dependencies that a compile's result hangs on, or why it hangs on more than they can say.
    pub(super) fn conclude(
        &self,
        asked: &Asked,
        view: &EvalContext,
        compiled: Compiled,
        mut gathered: Collected,
    ) -> Result<Vec<Seen>, NotCacheable> {
        let Compiled { ran, started, reported, outputs, observed } = compiled;
        let invocation = &asked.invocation;
        for (path, then) in &invocation.response_files {
            if std::fs::read(path).ok().as_ref() != Some(then) {
                return Err(NotCacheable::new(
                    Reason::ChangedWhileCompiling,
                    format!("{} changed", path.display()),
                ));
            }
        }
        // None is written of what is not preprocessed, and none is needed where all was seen.
        let none_needed = !invocation.adapter.crates && observed == Observed::Preload;
        let reported = reported
            .filter(|r| !none_needed || !r.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound));
        // A C compiler's first output is what it was called for: without it, success is some script's mistake.
        let wanted = invocation.outputs.exact.first().filter(|_| !invocation.adapter.crates);
        if let Some(path) = wanted.filter(|p| std::fs::metadata(p).map_or(true, |m| m.len() == 0)) {
            return Err(NotCacheable::new(
                Reason::NoOutput,
                format!("{} is missing or empty", path.display()),
            ));
        }
        let reported = reported.transpose().map_err(|e| io_trouble(Reason::DepInfo, &e))?.unwrap_or_default();
        let diagnostics = !ran.stdout.is_empty() || has_diagnostics(&ran.stderr);
        if places::count(asked, ran, outputs) {
            gathered.dependencies.insert(Dependency::new(dependency::Kind::Place, ""));
        }
        if observed == Observed::Unobserved {
            gathered.dependencies.extend(self.rules(asked).rivals(&reported.files));
        }
        let evidence = Evidence {
            view,
            invocation,
            toolchain: &asked.toolchain,
            reported,
            started,
            search: &invocation.search[..],
            diagnostics,
            same_once: !invocation.adapter.crates,
        };
        evidence.conclude(gathered)
    }

    /// What the run looked at and made: from the observer, or by the conservative rules.
    pub(super) fn gather(
        &self,
        asked: &Asked,
        view: &EvalContext,
        observer: Option<(log::Log, PathBuf)>,
        started: i64,
    ) -> Result<(Collected, Observed), NotCacheable> {
        let invocation = &asked.invocation;
        let seen = observer.filter(|(log, _)| log.records().next().is_some());
        if let Some((log, _)) = seen {
            let linker = invocation.adapter.crates.then(|| view.linker_path()).flatten();
            let gathered =
                Collector::new(invocation, &asked.toolchain, &asked.roots, linker, &self.settings.locators)
                    .walk(&log);
            return Ok((gathered, Observed::Preload));
        }
        if self.settings.observe == Observe::Require {
            return Err(NotCacheable::new(
                Reason::NotObserved,
                "the observer did not run, and `observe` is `require`",
            ));
        }
        Ok((self.rules(asked).gather(started)?, Observed::Unobserved))
    }

    fn rules<'a>(&self, asked: &'a Asked) -> Rules<'a> {
        Rules {
            invocation: &asked.invocation,
            toolchain: &asked.toolchain,
            roots: &asked.roots,
            macros_are_tame: self.settings.observe == Observe::Off,
        }
    }

    /// Keeps a trace. Without it only explaining is poorer.
    fn leave(&self, trace: &KeyTrace) {
        let _ = self.store.save_trace(trace);
    }

    fn output(&self, asked: &Asked, path: &Path, event: &mut Event) -> Result<Output, NotCacheable> {
        let portable = asked.roots.portable(path.as_os_str().as_encoded_bytes());
        let trouble = |e: io::Error| io_trouble(Reason::Store, &e);
        let meta = path.symlink_metadata().map_err(trouble)?;
        if !meta.is_file() {
            return Err(NotCacheable::new(
                Reason::OddOutput,
                format!("{} is not a regular file", path.display()),
            ));
        }
        if asked.invocation.depinfo.as_deref() == Some(path) {
            let text = std::fs::read(path).map_err(trouble)?;
            let marked = template::templatize(&text, &asked.roots, asked.toolchain.capabilities.report)
                .ok_or_else(|| {
                    NotCacheable::new(Reason::BinaryOutput, format!("{} has NULs in it", path.display()))
                })?;
            let digest = self.store.put_bytes(&marked).map_err(trouble)?;
            return Ok(Output { path: portable, digest, executable: false, is_template: true });
        }
        let Stored { digest, bytes, known } = self.store.put_blob(path).map_err(trouble)?;
        event.bytes += bytes;
        event.known_bytes += if known { bytes } else { 0 };
        Ok(Output { path: portable, digest, executable: platform::is_executable(&meta), is_template: false })
    }
}

pub(super) fn result_key(asked: &Asked, seen: &[Seen]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.put("action", "", &asked.key.0);
    for s in seen {
        hasher.put(&s.observation.look.label(), "", &s.observation.seen.0);
    }
    hasher.finish()
}

/// Everything that went into the keys, by name.
pub(super) fn trace(asked: &Asked, seen: &[Seen], key: &Digest, settings: &Settings) -> KeyTrace {
    let mut components: Vec<Component> = Vec::new();
    action::walk(&asked.invocation, &asked.toolchain, &asked.roots, settings, &mut components);
    components.extend(seen.iter().map(|s| Component {
        part: Part::Dependency,
        name: s.observation.look.label(),
        raw: s.sight.place.clone(),
        value: s.sight.text.clone(),
        by: s.by.clone(),
    }));
    KeyTrace {
        v: kache_core::key_trace::VERSION,
        label: asked.invocation.unit.label(),
        action: asked.key.hex(),
        result: key.hex(),
        components,
    }
}

fn io_trouble(what: Reason, e: &io::Error) -> NotCacheable {
    NotCacheable::new(what, e.to_string())
}

/// Whether anything was printed besides notes to cargo that an output is there.
fn has_diagnostics(stderr: &[u8]) -> bool {
    stderr
        .split(|b| *b == b'\n')
        .any(|line| !line.is_empty() && !line.starts_with(b"{\"$message_type\":\"artifact\""))
}
