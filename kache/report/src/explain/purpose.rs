//! What a build of a unit was for: a debug build is not compared with a release build, nor with one that has other features.

use kache_core::events::Event;
use kache_core::key_trace::KeyTrace;
use std::collections::BTreeSet;
use std::path::Path;

/// What a build of a unit was for. A build is compared with one that has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Name, version and the main source of the package.
    package: (String, String),
    target: String,
    /// The directory of the profile: `debug`, `release`.
    profile: String,
    /// The kind of outputs and the compiler's program: a check and a build differ.
    mode: (String, String),
    features: BTreeSet<String>,
}

impl Purpose {
    pub fn of(event: &Event, trace: &KeyTrace) -> Purpose {
        let values = |name: &'static str| {
            trace.components.iter().filter(move |c| c.name == name).map(|c| c.value.as_str())
        };
        let target = values("arg --target").next().unwrap_or_default().to_string();
        let compiler = trace.components.iter().find(|c| c.name == "compiler");
        let program = compiler.and_then(|c| Path::new(&c.raw).file_name()).unwrap_or_default();
        let directory = values("arg --out-dir").chain(values("output directory")).next();
        let directory = directory.unwrap_or(&event.unit.extra);
        Purpose {
            package: (event.unit.package.clone(), event.unit.source.clone()),
            profile: profile(directory, &target),
            target,
            mode: (event.unit.emit.clone(), program.to_string_lossy().into_owned()),
            features: values("arg --cfg")
                .filter(|cfg| cfg.starts_with("feature="))
                .map(str::to_string)
                .collect(),
        }
    }

    /// What no earlier build of the unit had in common with this one, for people; `None` if one of them was for the same.
    pub fn first(&self, earlier: &[Purpose]) -> Option<String> {
        let mut like: Vec<&Purpose> = earlier.iter().collect();
        let mut differs = |same: &dyn Fn(&Purpose) -> bool| {
            like.retain(|other| same(other));
            like.is_empty()
        };
        if differs(&|other| other.package.0 == self.package.0) {
            let version =
                self.package.0.split_once(' ').map_or(self.package.0.as_str(), |(_, version)| version);
            return Some(format!("build of version {version}"));
        }
        if differs(&|other| other.package.1 == self.package.1) {
            return Some(format!("build from {}", self.package.1));
        }
        if differs(&|other| other.target == self.target) {
            let target = if self.target.is_empty() { "this machine" } else { &self.target };
            return Some(format!("build for {target}"));
        }
        if differs(&|other| other.profile == self.profile) {
            return Some(format!("{} build", self.profile));
        }
        if differs(&|other| other.mode == self.mode) {
            return Some(self.mode());
        }
        differs(&|other| other.features == self.features).then(|| self.features())
    }

    fn mode(&self) -> String {
        match (self.mode.1.as_str(), self.mode.0.split(',').any(|kind| kind == "link")) {
            ("rustc", true) | ("", _) => "full build".to_string(),
            ("rustc", false) => "check".to_string(),
            (program, _) => format!("run of {program}"),
        }
    }

    fn features(&self) -> String {
        let names: Vec<&str> = self.features.iter().filter_map(|cfg| cfg.split('"').nth(1)).collect();
        match names.as_slice() {
            [] => "build without features".to_string(),
            [one] => format!("build with the feature {one}"),
            several => format!("build with the features {}", several.join(", ")),
        }
    }
}

/// The directory of the profile, in cargo's layout: `<target>/release/deps`, `<target>/TRIPLE/release/deps`.
fn profile(directory: &str, target: &str) -> String {
    let mut parts = directory.strip_prefix("<target>/").unwrap_or_default().split('/').peekable();
    parts.next_if(|part| *part == target);
    parts.next().unwrap_or_default().to_string()
}

/// Whether two builds have a source of the project in common. Units of one name in two checkouts are otherwise not of one
/// project.
pub fn share_a_source(old: &KeyTrace, new: &KeyTrace) -> bool {
    let sources = |trace: &KeyTrace| -> BTreeSet<(String, String)> {
        let is_source =
            |name: &str| name.starts_with("file <workspace>") || name.starts_with("source <workspace>");
        let of = trace.components.iter().filter(|c| is_source(&c.name));
        of.map(|c| (c.name.clone(), c.value.clone())).collect()
    };
    let (old, new) = (sources(old), sources(new));
    old.is_empty() && new.is_empty() || !old.is_disjoint(&new)
}
