//! Events and traces for unit tests.

use kache_core::events::{Event, Kind, LabelBy, Outcome, Unit, VERSION};
use kache_core::key_trace::{Component, KeyTrace, Part};
use std::collections::BTreeMap;

pub struct Sample {
    unit: Unit,
    time: u64,
    outcome: Outcome,
    key: String,
    outputs: Vec<String>,
}

pub fn unit(name: &str) -> Sample {
    let unit = Unit {
        family: "rustc".into(),
        package: format!("{name} 0.1.0"),
        name: name.into(),
        kind: "lib".into(),
        emit: "dep-info,link,metadata".into(),
        extra: "-0123456789abcdef".into(),
        source: format!("<workspace>/{name}/src/lib.rs"),
        label_by: LabelBy::Package,
    };
    Sample { unit, time: 0, outcome: Outcome::Hit, key: format!("key-of-{name}"), outputs: Vec::new() }
}

pub fn object(source: &str, object: &str) -> Sample {
    let name = object.rsplit('/').next().unwrap_or(object);
    let unit = Unit {
        family: "cc".into(),
        package: String::new(),
        name: name.into(),
        kind: "c".into(),
        emit: "object".into(),
        extra: object.into(),
        source: source.into(),
        label_by: LabelBy::Output,
    };
    Sample { unit, time: 0, outcome: Outcome::Hit, key: format!("key-of-{object}"), outputs: Vec::new() }
}

impl Sample {
    /// With another hash of cargo.
    pub fn extra(mut self, extra: &str) -> Sample {
        self.unit.extra = extra.into();
        self
    }

    pub fn time(mut self, time: u64) -> Sample {
        self.time = time;
        self
    }

    pub fn outcome(mut self, outcome: Outcome) -> Sample {
        self.outcome = outcome;
        self
    }

    pub fn key(mut self, key: &str) -> Sample {
        self.key = key.into();
        self
    }

    pub fn output(mut self, output: &str) -> Sample {
        self.outputs.push(output.into());
        self
    }

    pub fn event(self) -> Event {
        Event {
            v: VERSION,
            time_us: self.time,
            kache: "0".into(),
            pid: 1,
            build: "1".into(),
            unit: self.unit,
            kind: Kind::Unit,
            outcome: self.outcome,
            stored: self.outcome == Outcome::Miss,
            reason: None,
            detail: None,
            trouble: None,
            action: Some("action".into()),
            result: Some(self.key),
            observed: None,
            checked: None,
            remote: None,
            status: 0,
            cwd: "/".into(),
            total_us: 1,
            compile_us: 1,
            phases_us: BTreeMap::new(),
            bytes: 0,
            known_bytes: 0,
            restore: BTreeMap::new(),
            restore_bytes: BTreeMap::new(),
            outputs: self.outputs,
        }
    }
}

/// A trace with the given components: name, raw, value.
pub fn trace(components: &[(&str, &str, &str)]) -> KeyTrace {
    let component = |&(name, raw, value): &(&str, &str, &str)| Component {
        part: if name.starts_with("arg") { Part::Action } else { Part::Dependency },
        name: name.into(),
        raw: raw.into(),
        value: value.into(),
        by: None,
    };
    KeyTrace {
        v: kache_core::key_trace::VERSION,
        label: "sample".into(),
        action: "action".into(),
        result: "result".into(),
        components: components.iter().map(component).collect(),
    }
}
