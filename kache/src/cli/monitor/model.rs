//! The data of the monitor, without its appearance.

use kache_core::events::builds::{self, Build};
use kache_core::events::tail::Tail;
use kache_core::events::{Event, Kind, Outcome};
use kache_core::reason::Reason;
use kache_core::store::Store;
use kache_report::explain::history::History;
use kache_report::explain::{self, is_explained};
use kache_report::report::tally::Tally;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The units of a build, the newest first.
    Units,
    /// Why units missed, were bypassed or failed.
    Causes,
    /// All builds, the newest first.
    Builds,
}

impl View {
    pub fn next(self) -> View {
        match self {
            View::Units => View::Causes,
            View::Causes => View::Builds,
            View::Builds => View::Units,
        }
    }
}

/// A cause of misses, or a reason for not caching, and its number of units.
#[derive(Clone)]
pub struct Cause {
    /// One line.
    pub summary: String,
    /// The unit whose own inputs changed, or the meaning of the reason.
    pub about: String,
    /// The change, old and new, if there is one.
    pub change: Option<[String; 2]>,
    pub units: usize,
}

/// The state of the monitor.
pub struct Model {
    cache: PathBuf,
    /// The size limit of the cache, in bytes.
    pub bound: u64,
    /// The approximate size of the cache, in bytes.
    pub usage: Option<u64>,
    history: History,
    tail: Tail,
    /// All builds that built something, oldest first.
    pub builds: Vec<Build>,
    pub view: View,
    /// The selected line of the view.
    pub selected: usize,
    /// The build to show; `None` for the newest.
    chosen: Option<String>,
    /// The first cause of each event. It does not change.
    why: HashMap<usize, Cause>,
}

impl Model {
    pub fn new(cache: &Path, bound: u64) -> Model {
        Model {
            cache: cache.to_path_buf(),
            bound,
            usage: None,
            history: History::new(cache),
            tail: Tail::new(cache),
            builds: Vec::new(),
            view: View::Units,
            selected: 0,
            chosen: None,
            why: HashMap::new(),
        }
    }

    /// Reads new events. Returns whether there were any.
    pub fn look(&mut self) -> io::Result<bool> {
        let new = self.tail.read()?;
        if new.is_empty() {
            return Ok(false);
        }
        let units = new.iter().filter(|e| e.kind == Kind::Unit).count();
        new.into_iter().for_each(|event| self.history.push(event));
        self.builds = builds::all(&self.history.events).into_iter().filter(|b| b.has_units).collect();
        // The selection stays on its line when new lines arrive.
        if self.selected > 0 && self.view == View::Units && self.chosen.is_none() {
            self.selected += units;
        }
        self.usage = Store::open(&self.cache).ok().and_then(|store| store.usage());
        self.go(0);
        Ok(true)
    }

    /// Whether the screen shows a time relative to now.
    pub fn ages(&self) -> bool {
        self.build().is_some()
    }

    /// The build to show.
    pub fn build(&self) -> Option<&Build> {
        match &self.chosen {
            Some(name) => self.builds.iter().find(|b| b.name == *name),
            None => self.builds.iter().max_by_key(|b| b.end_us),
        }
    }

    /// Whether the monitor follows the newest build.
    pub fn follows(&self) -> bool {
        self.chosen.is_none()
    }

    pub fn tally(&self, build: &Build) -> Tally {
        Tally::of(self.history.events.iter().filter(|e| build.has(e)))
    }

    /// The units of the build, the newest first.
    pub fn units(&self) -> Vec<(usize, &Event)> {
        let Some(build) = self.build() else { return Vec::new() };
        let events = self.history.events.iter().enumerate().rev();
        events.filter(|(_, e)| e.kind == Kind::Unit && build.has(e)).collect()
    }

    /// The number of lines of the view.
    pub fn lines(&mut self) -> usize {
        match self.view {
            View::Units => self.units().len(),
            View::Causes => self.causes().len(),
            View::Builds => self.builds.len(),
        }
    }

    /// Why a unit did not hit: its root cause, or its reason. Empty for a hit.
    pub fn why(&mut self, at: usize) -> Option<&Cause> {
        if self.history.events[at].outcome == Outcome::Hit {
            return None;
        }
        if !self.why.contains_key(&at) {
            let cause = cause(&self.history, at);
            self.why.insert(at, cause);
        }
        self.why.get(&at)
    }

    /// Why units of the build did not hit, the most frequent cause first.
    pub fn causes(&mut self) -> Vec<Cause> {
        let missed: Vec<usize> =
            self.units().into_iter().filter(|(_, e)| e.outcome != Outcome::Hit).map(|(at, _)| at).collect();
        let mut all: Vec<Cause> = Vec::new();
        for at in missed {
            let Some(cause) = self.why(at) else { continue };
            match all.iter_mut().find(|c| c.summary == cause.summary && c.change == cause.change) {
                Some(known) => known.units += 1,
                None => all.push(cause.clone()),
            }
        }
        all.sort_by_key(|c| std::cmp::Reverse(c.units));
        all
    }

    /// Shows another list.
    pub fn show(&mut self, view: View) {
        self.view = view;
        self.selected = 0;
    }

    /// Moves the selection by a number of lines.
    pub fn go(&mut self, by: isize) {
        let last = self.lines().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Shows the selected build.
    pub fn choose(&mut self) {
        if self.view == View::Builds {
            self.chosen = self.builds.iter().rev().nth(self.selected).map(|b| b.name.clone());
            self.show(View::Units);
        }
    }

    /// Follows the newest build again.
    pub fn follow(&mut self) {
        self.chosen = None;
        self.show(View::Units);
    }
}

fn cause(history: &History, at: usize) -> Cause {
    let event = &history.events[at];
    let missed = event.outcome == Outcome::Miss && is_explained(event);
    let causes = if missed { explain::explain(history, at).causes } else { Vec::new() };
    let Some(first) = causes.into_iter().next() else {
        let summary = event.reason.map_or("", Reason::word).to_string();
        let about = event.reason.map_or("", explain::reasons::meaning).to_string();
        return Cause { summary, about, change: None, units: 1 };
    };
    let change = explain::telling(&first.why)
        .map(|d| [&d.old, &d.new].map(|side| side.as_ref().map_or(String::new(), |s| s.value.clone())));
    Cause { summary: first.summary, about: format!("in {}", first.unit), change, units: 1 }
}
