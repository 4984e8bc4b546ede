//! What the monitor shows, apart from how.

use kache_core::events::builds::{self, Build};
use kache_core::events::tail::Tail;
use kache_core::events::{Event, Kind, Outcome};
use kache_core::reason::Reason;
use kache_core::store::Store;
use kache_report::explain::history::History;
use kache_report::explain::{self, Why, is_explained};
use kache_report::report::tally::Tally;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// A list to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The units of a build, the newest first.
    Units,
    /// Why units missed, passed through or failed.
    Causes,
    /// All builds, the newest first.
    Builds,
}

impl View {
    /// The one after it.
    pub fn next(self) -> View {
        match self {
            View::Units => View::Causes,
            View::Causes => View::Builds,
            View::Builds => View::Units,
        }
    }
}

/// A cause of misses, or a reason of passing through, and how many units it took.
pub struct Cause {
    /// In a line.
    pub summary: String,
    /// The unit whose own inputs changed, or the meaning of the reason.
    pub about: String,
    /// What changed, old and new, where something did.
    pub change: Option<[String; 2]>,
    /// Units.
    pub units: usize,
}

/// The state of the monitor.
pub struct Model {
    cache: PathBuf,
    /// The bound on the cache, in bytes.
    pub bound: u64,
    /// Roughly what the cache takes, in bytes.
    pub usage: Option<u64>,
    history: History,
    tail: Tail,
    /// All builds that built something, oldest first.
    pub builds: Vec<Build>,
    /// What is looked at.
    pub view: View,
    /// The line that is selected in it.
    pub selected: usize,
    /// The build that is looked at; nothing where the newest is followed.
    chosen: Option<String>,
    /// First causes by event: they do not change.
    why: HashMap<usize, Cause>,
}

impl Model {
    /// Of a cache.
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

    /// Reads what is new; says whether anything is.
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

    /// Whether what is shown has a time in it that moves on.
    pub fn ages(&self) -> bool {
        self.build().is_some()
    }

    /// The build that is looked at.
    pub fn build(&self) -> Option<&Build> {
        match &self.chosen {
            Some(name) => self.builds.iter().find(|b| b.name == *name),
            None => self.builds.iter().max_by_key(|b| b.end_us),
        }
    }

    /// Whether the newest build is looked at, whichever that is.
    pub fn follows(&self) -> bool {
        self.chosen.is_none()
    }

    /// The figures of a build.
    pub fn tally(&self, build: &Build) -> Tally {
        Tally::of(self.history.events.iter().filter(|e| build.has(e)))
    }

    /// The units of the build that is looked at, the newest first.
    pub fn units(&self) -> Vec<(usize, &Event)> {
        let Some(build) = self.build() else { return Vec::new() };
        let events = self.history.events.iter().enumerate().rev();
        events.filter(|(_, e)| e.kind == Kind::Unit && build.has(e)).collect()
    }

    /// How many lines the view has.
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

    /// What kept the units of this build from hitting, the most of them first.
    pub fn causes(&mut self) -> Vec<Cause> {
        let missed: Vec<usize> =
            self.units().into_iter().filter(|(_, e)| e.outcome != Outcome::Hit).map(|(at, _)| at).collect();
        let mut all: Vec<Cause> = Vec::new();
        for at in missed {
            let Some(cause) = self.why(at) else { continue };
            match all.iter_mut().find(|c| c.summary == cause.summary && c.change == cause.change) {
                Some(known) => known.units += 1,
                None => all.push(Cause {
                    summary: cause.summary.clone(),
                    about: cause.about.clone(),
                    change: cause.change.clone(),
                    units: 1,
                }),
            }
        }
        all.sort_by_key(|c| std::cmp::Reverse(c.units));
        all
    }

    /// Looks at another list.
    pub fn show(&mut self, view: View) {
        self.view = view;
        self.selected = 0;
    }

    /// Selects another line, so many away.
    pub fn go(&mut self, by: isize) {
        let last = self.lines().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Looks at the build that is selected.
    pub fn choose(&mut self) {
        if self.view == View::Builds {
            self.chosen = self.builds.iter().rev().nth(self.selected).map(|b| b.name.clone());
            self.show(View::Units);
        }
    }

    /// Looks at the newest build again.
    pub fn follow(&mut self) {
        self.chosen = None;
        self.show(View::Units);
    }
}

fn cause(history: &History, at: usize) -> Cause {
    let event = &history.events[at];
    if event.outcome != Outcome::Miss || !is_explained(event) {
        let word = event.reason.map_or("", Reason::word).to_string();
        let about = event.reason.map_or("", explain::reasons::meaning).to_string();
        return Cause { summary: word, about, change: None, units: 1 };
    }
    let explained = explain::explain(history, at);
    let Some(first) = explained.causes.into_iter().next() else {
        let about = explained.reason.map_or("", |b| b.meaning).to_string();
        return Cause {
            summary: event.reason.map_or("", Reason::word).to_string(),
            about,
            change: None,
            units: 1,
        };
    };
    let change = match &first.why {
        Why::Differs { differences, .. } => {
            let own = differences.iter().find(|d| d.made_by.is_none() && !d.is_derived());
            let side =
                |s: &Option<explain::diff::Side>| s.as_ref().map_or(String::new(), |s| s.value.clone());
            own.or(differences.first()).map(|d| [side(&d.old), side(&d.new)])
        }
        _ => None,
    };
    Cause { summary: first.summary, about: format!("in {}", first.unit), change, units: 1 }
}
