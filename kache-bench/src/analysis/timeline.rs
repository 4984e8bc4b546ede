//! The builds of a run over time, as Chrome trace events for <https://ui.perfetto.dev> and
//! `chrome://tracing`.
//!
//! Each build is a process with a slice for the whole build in the first lane. Each invocation is a slice
//! from the start of its wrapper to its end, in the first free lane, so parallel slices ran in parallel. Its
//! phases are slices within it, without gaps. A bypassed invocation shows only kache's own time, since kache
//! then executes the compiler in its place.

use crate::error::{Error, Result};
use kache_core::events::Event;
use serde_json::{Value, json};
use std::path::Path;

const WHOLE: u64 = 0;

#[derive(Debug)]
struct Build {
    name: String,
    began_us: u64,
    ended_us: u64,
    events: Vec<Event>,
}

/// In the order in which they ran.
#[derive(Debug, Default)]
pub struct Timeline {
    builds: Vec<Build>,
}

impl Timeline {
    /// Adds a build with its events; times in µs since 1970.
    pub fn add(&mut self, name: impl Into<String>, began_us: u64, ended_us: u64, events: &[Event]) {
        let name = name.into();
        self.builds.push(Build { name, began_us, ended_us, events: events.to_vec() });
    }

    /// Writes the trace if a file is given. For a failed run, it contains the builds until the failure.
    pub fn write(&self, file: Option<&Path>) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let text = serde_json::to_string(&self.json()).unwrap_or_default();
        std::fs::write(file, text).map_err(Error::io("write the trace", file))?;
        eprintln!("trace written to {}: open it in https://ui.perfetto.dev", file.display());
        Ok(())
    }

    fn json(&self) -> Value {
        let events: Vec<_> = self.builds.iter().zip(1..).flat_map(|(build, at)| build.slices(at)).collect();
        json!({ "displayTimeUnit": "ms", "traceEvents": events })
    }
}

impl Build {
    fn slices(&self, process: u64) -> Vec<Value> {
        let mut all = vec![
            name("process_name", process, WHOLE, &self.name),
            json!({ "ph": "M", "name": "process_sort_index", "pid": process, "args": { "sort_index": process } }),
            name("thread_name", process, WHOLE, "build"),
            json!({
                "ph": "X", "name": self.name, "cat": "build", "pid": process, "tid": WHOLE,
                "ts": self.began_us, "dur": self.ended_us.saturating_sub(self.began_us),
                "args": { "invocations": self.events.len() },
            }),
        ];
        let mut events: Vec<_> = self.events.iter().collect();
        events.sort_by_key(|event| event.time_us);
        // End of the last slice in each lane.
        let mut lanes: Vec<u64> = Vec::new();
        for event in events {
            let free = lanes.iter().position(|end| *end <= event.time_us);
            let lane = free.unwrap_or_else(|| {
                lanes.push(0);
                all.push(name("thread_name", process, lanes.len() as u64, &format!("lane {}", lanes.len())));
                lanes.len() - 1
            });
            lanes[lane] = event.time_us + event.total_us;
            invocation(event, process, lane as u64 + 1, &mut all);
        }
        all
    }
}

fn name(what: &str, process: u64, lane: u64, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": process, "tid": lane, "args": { "name": name } })
}

/// The slice of an invocation and the slices of its phases.
fn invocation(event: &Event, process: u64, lane: u64, all: &mut Vec<Value>) {
    let outcome = serde_json::to_value(event.outcome).unwrap_or_default();
    all.push(json!({
        "ph": "X", "name": event.unit.label(), "cat": outcome, "pid": process, "tid": lane,
        "ts": event.time_us, "dur": event.total_us,
        "args": {
            "outcome": outcome, "kind": event.kind, "reason": event.reason, "detail": event.detail,
            "key": event.result, "action": event.action, "unit": event.unit, "stored": event.stored,
            "observed": event.observed, "status": event.status, "bytes": event.bytes,
            "compile_us": event.compile_us, "cwd": event.cwd, "pid": event.pid,
        },
    }));
    let (mut at, end) = (event.time_us, event.time_us + event.total_us);
    for (phase, took) in &event.phases_us {
        // Phases are rounded separately, so their sum can exceed the total.
        let took = (*took).min(end - at);
        all.push(json!({
            "ph": "X", "name": phase.word(), "cat": "phase", "pid": process, "tid": lane, "ts": at, "dur": took,
        }));
        at += took;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unit;
    use kache_core::events::Phase;

    #[test]
    fn invocations_at_the_same_time_are_in_lanes_of_their_own() {
        let event = |name: &str, start: u64, total: u64, phases: &[(Phase, u64)]| {
            let mut event = unit(name).time(1_000_000 + start).event();
            event.total_us = total;
            event.phases_us = phases.iter().copied().collect();
            event
        };
        // In the order in which they ended, as in the event log.
        let events = [
            event("second", 50, 10, &[(Phase::Lookup, 4), (Phase::Parse, 6)]),
            event("first", 0, 100, &[]),
            event("third", 60, 10, &[(Phase::Store, 3), (Phase::Compile, 5), (Phase::Check, 9)]),
            event("late", 100, 1, &[]),
        ];
        let mut timeline = Timeline::default();
        timeline.add("a build", 999_990, 1_000_200, &events);
        let json = timeline.json();
        let slices: Vec<_> =
            json["traceEvents"].as_array().unwrap().iter().filter(|e| e["ph"] == "X").collect();
        let shown: Vec<_> = slices
            .iter()
            .map(|s| {
                (
                    s["name"].as_str().unwrap(),
                    s["tid"].as_u64().unwrap(),
                    s["ts"].as_i64().unwrap() - 1_000_000,
                )
            })
            .filter(|(name, ..)| *name != "a build")
            .collect();
        assert_eq!(
            shown,
            [
                ("first 0.1.0 (lib)", 1, 0),
                ("second 0.1.0 (lib)", 2, 50),
                ("parse", 2, 50),
                ("lookup", 2, 56),
                ("third 0.1.0 (lib)", 2, 60),
                ("compile", 2, 60),
                ("store", 2, 65),
                ("check", 2, 68),
                ("late 0.1.0 (lib)", 1, 100),
            ]
        );
        let last = slices.iter().find(|s| s["name"] == "check").unwrap();
        assert_eq!(last["dur"], 2, "no phase ends after its invocation");
        assert_eq!(slices[0]["dur"], 210);
    }
}
