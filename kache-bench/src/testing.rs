//! Events and traces for unit tests.

use kache_core::events::{Confirmation, Event, Kind, LabelBy, Outcome, Unit, VERSION};
use kache_core::key_trace::{Component, KeyTrace, Part};
use std::collections::BTreeMap;

pub struct Sample(Event);

fn sample(unit: Unit, key: String) -> Sample {
    Sample(Event {
        v: VERSION,
        time_us: 0,
        kache: "0".into(),
        pid: 1,
        build: "1".into(),
        command: String::new(),
        directory: String::new(),
        unit,
        kind: Kind::Unit,
        outcome: Outcome::Hit,
        stored: false,
        seeded: false,
        reason: None,
        detail: None,
        trouble: None,
        action: Some("action".into()),
        result: Some(key),
        observed: None,
        confirmation: None,
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
        outputs: Vec::new(),
    })
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
    sample(unit, format!("key-of-{name}"))
}

pub fn object(source: &str, object: &str) -> Sample {
    let unit = Unit {
        family: "cc".into(),
        package: String::new(),
        name: object.rsplit('/').next().unwrap_or(object).into(),
        kind: "c".into(),
        emit: "object".into(),
        extra: object.into(),
        source: source.into(),
        label_by: LabelBy::Output,
    };
    sample(unit, format!("key-of-{object}"))
}

/// A run of a build script of a package.
pub fn script(package: &str) -> Sample {
    let unit = Unit {
        family: "script".into(),
        package: format!("{package} 0.1.0"),
        name: package.into(),
        kind: "script".into(),
        emit: String::new(),
        extra: "-0123456789abcdef".into(),
        source: String::new(),
        label_by: LabelBy::Package,
    };
    sample(unit, format!("key-of-{package}-script"))
}

impl Sample {
    /// Where its result holds.
    pub fn confirmation(mut self, confirmation: Confirmation) -> Sample {
        self.0.confirmation = Some(confirmation);
        self
    }

    /// With another hash of cargo.
    pub fn extra(mut self, extra: &str) -> Sample {
        self.0.unit.extra = extra.into();
        self
    }

    pub fn time(mut self, time: u64) -> Sample {
        self.0.time_us = time;
        self
    }

    pub fn outcome(mut self, outcome: Outcome) -> Sample {
        (self.0.outcome, self.0.stored) = (outcome, outcome == Outcome::Miss);
        self
    }

    pub fn key(mut self, key: &str) -> Sample {
        self.0.result = Some(key.into());
        self
    }

    pub fn output(mut self, output: &str) -> Sample {
        self.0.outputs.push(output.into());
        self
    }

    pub fn event(self) -> Event {
        self.0
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
