//! Groups invocations into builds.
//!
//! An event names its parent process, so everything that one build tool starts is one build. A build script is another parent
//! process, although its invocations belong to the build that runs the script. They are recognised by time: the script starts
//! and ends while the build has units of packages to compile, and the script compiles none.

use super::{Event, Kind};
use std::collections::{BTreeSet, HashMap};

/// A build. Times are in µs since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The name of the outermost parent process.
    pub name: String,
    /// The start of the first invocation.
    pub first_us: u64,
    /// The end of the last invocation.
    pub end_us: u64,
    /// Whether anything was built. An editor, for example, only runs probes.
    pub has_units: bool,
    /// Whether it builds units of packages.
    packages: bool,
    /// The names of all parent processes, including the outermost.
    parents: BTreeSet<String>,
}

impl Build {
    fn begin(event: &Event) -> Build {
        Build {
            name: event.build.clone(),
            first_us: event.time_us,
            end_us: 0,
            has_units: false,
            packages: false,
            parents: BTreeSet::from([event.build.clone()]),
        }
    }

    fn add(&mut self, event: &Event) {
        self.end_us = self.end_us.max(event.time_us + event.total_us);
        self.has_units |= event.kind == Kind::Unit;
        self.packages |= event.kind == Kind::Unit && event.unit.is_of_package();
    }

    /// Whether an event belongs to the build.
    pub fn has(&self, event: &Event) -> bool {
        self.parents.contains(&event.build)
    }

    fn encloses(&self, other: &Build) -> bool {
        self.packages && !other.packages && self.first_us <= other.first_us && other.end_us <= self.end_us
    }

    fn absorb(&mut self, other: Build) {
        self.has_units |= other.has_units;
        self.parents.extend(other.parents);
    }
}

/// All builds, ordered by their start. The events must be in order.
pub fn all<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Build> {
    let mut at: HashMap<&str, usize> = HashMap::new();
    let mut found: Vec<Build> = Vec::new();
    for event in events {
        let n = *at.entry(event.build.as_str()).or_insert_with(|| {
            found.push(Build::begin(event));
            found.len() - 1
        });
        found[n].add(event);
    }
    let mut outer: Vec<Build> = Vec::new();
    for build in found {
        match outer.iter_mut().find(|o| o.encloses(&build)) {
            Some(o) => o.absorb(build),
            None => outer.push(build),
        }
    }
    outer
}

/// The build with units that ended last.
pub fn last<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Build> {
    all(events).into_iter().filter(|b| b.has_units).max_by_key(|b| b.end_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(build: &str, package: &str, time_us: u64, total_us: u64) -> Event {
        let text = format!(
            r#"{{"v":2,"time_us":{time_us},"kache":"0","pid":1,"build":"{build}","kind":"unit","outcome":"hit",
            "unit":{{"family":"f","package":"{package}","name":"a","kind":"","emit":"","extra":"","source":""}},
            "stored":false,"status":0,"cwd":"/","phases_us":{{}},"total_us":{total_us},"compile_us":0,"bytes":0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_build_script_belongs_to_the_build_that_runs_it_but_another_build_does_not() {
        let mut events = vec![
            event("packages", "a 1.0.0", 0, 10),
            event("script", "", 20, 10),
            event("other", "a 1.0.0", 21, 2),
            event("packages", "a 1.0.0", 40, 10),
            event("make", "", 60, 5),
        ];
        let names = |events: &[Event]| all(events).into_iter().map(|b| b.name).collect::<Vec<_>>();
        assert_eq!(names(&events), ["packages", "other", "make"]);
        assert!(all(&events)[0].has(&events[1]));
        assert_eq!(last(&events).unwrap().name, "make");
        // A build without packages contains no other, however long it takes.
        events.insert(0, event("shell", "", 0, 1));
        events.push(event("shell", "", 100, 1));
        assert_eq!(names(&events), ["shell", "packages", "other", "make"]);
    }
}
