//! Groups invocations into builds. Each event names the build that it belongs to.

use super::{Event, Kind};
use foldhash::HashMap;

/// A build. Times are in µs since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The process of the build.
    pub name: String,
    /// The command that started the build; empty if it is not known. So is the command's working directory.
    pub command: String,
    pub directory: String,
    /// The start of the first invocation.
    pub first_us: u64,
    /// The end of the last invocation.
    pub end_us: u64,
    /// Whether anything was built. An editor, for example, only runs probes.
    pub has_units: bool,
}

impl Build {
    fn begin(event: &Event) -> Build {
        Build {
            name: event.build.clone(),
            command: event.command.clone(),
            directory: event.directory.clone(),
            first_us: event.time_us,
            end_us: 0,
            has_units: false,
        }
    }

    fn add(&mut self, event: &Event) {
        self.end_us = self.end_us.max(event.time_us + event.total_us);
        self.has_units |= event.kind == Kind::Unit;
    }

    /// Whether an event belongs to the build.
    pub fn has(&self, event: &Event) -> bool {
        self.name == event.build
    }
}

/// All builds, ordered by their start. The events must be in order.
pub fn all<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Build> {
    let mut at: HashMap<&str, usize> = HashMap::default();
    let mut found: Vec<Build> = Vec::new();
    for event in events {
        let n = *at.entry(event.build.as_str()).or_insert_with(|| {
            found.push(Build::begin(event));
            found.len() - 1
        });
        found[n].add(event);
    }
    found
}

/// The build with units that ended last.
pub fn last<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Build> {
    all(events).into_iter().filter(|b| b.has_units).max_by_key(|b| b.end_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(build: &str, kind: &str, time_us: u64, total_us: u64) -> Event {
        let text = format!(
            r#"{{"v":2,"time_us":{time_us},"kache":"0","pid":1,"build":"{build}","command":"make {build}",
            "kind":"{kind}","outcome":"hit",
            "unit":{{"family":"f","package":"","name":"a","kind":"","emit":"","extra":"","source":""}},
            "stored":false,"status":0,"cwd":"/","phases_us":{{}},"total_us":{total_us},"compile_us":0,"bytes":0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn builds_that_run_side_by_side_are_told_apart_and_the_last_one_ended_last() {
        let events = [
            event("long", "unit", 0, 10),
            event("short", "unit", 1, 2),
            event("long", "unit", 40, 10),
            event("questions", "probe", 60, 5),
        ];
        let all = all(&events);
        let seen: Vec<_> = all.iter().map(|b| (b.name.as_str(), b.first_us, b.end_us)).collect();
        assert_eq!(seen, [("long", 0, 50), ("short", 1, 3), ("questions", 60, 65)]);
        let last = last(&events).unwrap();
        assert_eq!(
            (last.command.as_str(), last.has(&events[2]), last.has(&events[1])),
            ("make long", true, false)
        );
    }
}
