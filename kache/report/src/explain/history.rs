//! The history of a cache: its events, with the lookups that explanations need. It only reads.

use super::{is_explained, title};
use kache_core::digest::Digest;
use kache_core::events::builds::{self, Build};
use kache_core::events::{self, Event, LabelBy, Outcome, Unit};
use kache_core::key_trace::KeyTrace;
use kache_core::store::result::ActionResult;
use kache_core::store::{Area, FORMAT, traces};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The number of earlier results of a unit to compare; older ones are rarely nearer.
const COMPARED: usize = 50;

/// The events of a cache, and the traces that they name.
pub struct History {
    cache: PathBuf,
    /// Oldest first.
    pub events: Vec<Event>,
    /// The invocations that made an output, by its path.
    by_output: HashMap<String, Vec<usize>>,
    /// The invocations without a record of their outputs, by [`output_name`].
    by_name: HashMap<String, Vec<usize>>,
    by_unit: HashMap<Identity, Vec<usize>>,
    /// The sources of the units with one title in one build.
    sources: HashMap<(String, String), BTreeSet<String>>,
    traces: RefCell<HashMap<String, Option<Rc<KeyTrace>>>>,
}

/// The identity of a unit, equal for all its builds. Version and cargo's hash are not part of it, since they may change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    family: String,
    package: String,
    name: String,
    kind: String,
}

impl Identity {
    pub fn of(event: &Event) -> Identity {
        let u = &event.unit;
        let package = u.package.split(' ').next().unwrap_or_default().to_string();
        Identity { family: u.family.clone(), package, name: u.name.clone(), kind: u.kind.clone() }
    }
}

/// The portable path of a unit's output, or the name of its file without the prefix and the extension.
fn output_name(unit: &Unit) -> String {
    match unit.label_by {
        LabelBy::Output => unit.extra.clone(),
        LabelBy::Package => format!("{}{}", unit.name, unit.extra),
    }
}

impl History {
    /// Reads the events of a cache.
    pub fn load(cache: &Path) -> io::Result<History> {
        let mut history = History::new(cache);
        events::read_all(cache)?.into_iter().for_each(|event| history.push(event));
        Ok(history)
    }

    /// The history of a cache, without events.
    pub fn new(cache: &Path) -> History {
        History {
            cache: cache.to_path_buf(),
            events: Vec::new(),
            by_output: HashMap::new(),
            by_name: HashMap::new(),
            by_unit: HashMap::new(),
            sources: HashMap::new(),
            traces: RefCell::default(),
        }
    }

    /// Adds the next event.
    pub fn push(&mut self, event: Event) {
        if is_explained(&event) {
            let at = self.events.len();
            for path in &event.outputs {
                self.by_output.entry(path.clone()).or_default().push(at);
            }
            if event.outcome == Outcome::Miss && event.outputs.is_empty() {
                self.by_name.entry(output_name(&event.unit)).or_default().push(at);
            }
            self.by_unit.entry(Identity::of(&event)).or_default().push(at);
            let named = (event.build.clone(), title(&event.unit));
            self.sources.entry(named).or_default().insert(event.unit.source.clone());
        }
        self.events.push(event);
    }

    /// The title of a unit. Where units of one build have the same title, it includes the source.
    pub fn title(&self, at: usize) -> String {
        let event = &self.events[at];
        let title = title(&event.unit);
        let named = (event.build.clone(), title);
        let is_shared = self.sources.get(&named).is_some_and(|sources| sources.len() > 1);
        if is_shared { format!("{} from {}", named.1, event.unit.source) } else { named.1 }
    }

    /// The last build.
    pub fn last_build(&self) -> Option<Build> {
        builds::last(self.events.iter().filter(|e| is_explained(e)))
    }

    /// The latest invocation of each unit, newest first.
    pub fn latest(&self) -> Vec<usize> {
        let mut latest = HashMap::new();
        for (i, event) in self.events.iter().enumerate().filter(|(_, e)| is_explained(e)) {
            latest.insert((Identity::of(event), &event.unit.package, &event.unit.extra), i);
        }
        let mut all: Vec<usize> = latest.into_values().collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    /// The trace of a result.
    pub fn trace(&self, result: &str) -> Option<Rc<KeyTrace>> {
        self.traces
            .borrow_mut()
            .entry(result.to_string())
            .or_insert_with(|| traces::load(&self.cache, result).map(Rc::new))
            .clone()
    }

    /// Earlier invocations of the same unit with a result, newest first, each result once. Another version or another hash of
    /// cargo's within one build is another unit.
    pub fn earlier(&self, at: usize) -> Vec<usize> {
        let now = &self.events[at];
        let all = self.by_unit.get(&Identity::of(now)).map_or(&[][..], Vec::as_slice);
        let mut seen = BTreeSet::new();
        let mut earlier: Vec<usize> = all.iter().rev().copied().filter(|i| *i < at).collect();
        earlier.retain(|i| {
            let then = &self.events[*i];
            let same = (&then.unit.package, &then.unit.extra) == (&now.unit.package, &now.unit.extra);
            (same || then.build != now.build) && then.result.as_ref().is_some_and(|r| seen.insert(r))
        });
        // A stable sort: of those alike in both, the newest is first.
        earlier.sort_by_key(|i| {
            let then = &self.events[*i];
            (then.cwd != now.cwd, then.unit.package != now.unit.package)
        });
        earlier.truncate(COMPARED);
        earlier
    }

    /// Earlier invocations of the same unit with the same result key.
    pub fn same_result(&self, at: usize) -> impl Iterator<Item = &Event> {
        let event = &self.events[at];
        let all = self.by_unit.get(&Identity::of(event)).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |i| **i < at).map(|i| &self.events[*i]).filter(|e| e.result == event.result)
    }

    /// The latest invocation before `at` that made a path. An invocation without a record of its outputs (it failed, or was
    /// not stored) counts if an earlier invocation of its unit made the path.
    pub fn producer(&self, path: &str, at: usize) -> Option<usize> {
        let made = self.by_output.get(path)?.iter().rev().copied().find(|i| *i < at)?;
        let (event, same) = (&self.events[made], &self.by_unit[&Identity::of(&self.events[made])]);
        let again = |e: &Event| e.unit.extra == event.unit.extra && e.cwd == event.cwd;
        same.iter().rev().copied().find(|i| *i < at && *i >= made && again(&self.events[*i]))
    }

    /// The latest invocation before `at` that was to make a portable path, and left no record of its outputs: its result was not stored.
    pub fn unrecorded_producer(&self, portable: &str, at: usize) -> Option<usize> {
        let file = portable.rsplit('/').next().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        // The output directory of a build script has the script's name.
        let script =
            portable.split_once("/out/").map_or("", |(dir, _)| dir.rsplit('/').next().unwrap_or_default());
        let names = [portable, stem, stem.strip_prefix("lib").unwrap_or(stem), script];
        let before = |made: &Vec<usize>| made.iter().rev().copied().find(|i| *i < at);
        names.into_iter().find_map(|name| self.by_name.get(name).and_then(before))
    }

    /// The latest earlier invocation of the unit of `at` whose stored result has an output with a digest.
    pub fn maker_of(&self, at: usize, digest: &str) -> Option<usize> {
        let wanted = Digest::from_hex(digest)?;
        self.earlier(at).into_iter().find(|i| {
            let outputs = self.events[*i].result.as_deref().and_then(|r| self.outputs(r));
            outputs.is_some_and(|o| o.contains(&wanted))
        })
    }

    fn outputs(&self, result: &str) -> Option<Vec<Digest>> {
        let key = Digest::from_hex(result)?;
        let path = Area::Results.file(&self.cache.join(FORMAT), &key);
        let result = ActionResult::decode(&std::fs::read(path).ok()?, &key)?;
        Some(result.outputs.iter().map(|o| o.digest).collect())
    }
}
