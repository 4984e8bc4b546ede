//! What a remote holds, by kind and age, and what a garbage collection does to it: what `kache remote` asks the agent, and
//! the answers.

use super::format::VERSION;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// No object is deleted that is younger than this. An upload, and a build that uploads, end in this time.
pub const GRACE: Duration = Duration::from_secs(6 * 3600);

/// What the agent does for `kache remote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteTask {
    Stats,
    Collect { older_than: Duration, dry_run: bool },
}

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Results,
    Indexes,
    Lists,
    Builds,
    Unfinished,
    Other,
}

impl Kind {
    pub const ALL: &[Kind] =
        &[Kind::Results, Kind::Indexes, Kind::Lists, Kind::Builds, Kind::Unfinished, Kind::Other];

    /// The kind of the object with a name.
    pub fn of(name: &str) -> Kind {
        if name.starts_with(PARTIAL_FOLDER) {
            return Kind::Unfinished;
        }
        let part = name.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('/'));
        match part.and_then(|rest| rest.split_once('/')).map(|(part, _)| part) {
            Some("packs") => Kind::Results,
            Some("index") => Kind::Indexes,
            Some("lists") => Kind::Lists,
            Some("builds") => Kind::Builds,
            Some("clock") => Kind::Unfinished,
            _ => Kind::Other,
        }
    }

    /// The word in JSON and for people.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Results => "results",
            Kind::Indexes => "indexes",
            Kind::Lists => "lists",
            Kind::Builds => "builds",
            Kind::Unfinished => "unfinished",
            Kind::Other => "other",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Kind::Results => "results with their outputs",
            Kind::Indexes => "which dependencies the runs of an action had",
            Kind::Lists => "each list of an index, by itself",
            Kind::Builds => "records of the last builds of projects",
            Kind::Unfinished => "left by uploads that were stopped",
            Kind::Other => "not kache's, or of another version",
        }
    }
}

/// The folder of unfinished writes to a shared directory.
pub const PARTIAL_FOLDER: &str = ".partial/";
/// The folder of the objects that tell what time it is for the service.
pub const CLOCK_FOLDER: &str = "v2/clock/";

/// Objects, and the sum of their sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub objects: u64,
    pub bytes: u64,
}

impl Sum {
    pub fn add(&mut self, other: Sum) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// How long ago an object was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Age {
    Day,
    Week,
    Month,
    Older,
    /// The service does not tell.
    Unknown,
}

impl Age {
    pub fn of(age: Duration) -> Age {
        const DAY: u64 = 86_400;
        match age.as_secs() / DAY {
            0 => Age::Day,
            1..7 => Age::Week,
            7..30 => Age::Month,
            _ => Age::Older,
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Age::Day => "up to a day",
            Age::Week => "up to a week",
            Age::Month => "up to 30 days",
            Age::Older => "older",
            Age::Unknown => "of unknown age",
        }
    }
}

/// The objects of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindStats {
    pub total: Sum,
    pub ages: BTreeMap<Age, Sum>,
    /// When the first and the last of them was written, µs since 1970.
    pub oldest_us: Option<u64>,
    pub newest_us: Option<u64>,
}

impl KindStats {
    pub fn add(&mut self, other: &KindStats) {
        self.total.add(other.total);
        for (age, sum) in &other.ages {
            self.ages.entry(*age).or_default().add(*sum);
        }
        self.oldest_us = self.oldest_us.into_iter().chain(other.oldest_us).min();
        self.newest_us = self.newest_us.max(other.newest_us);
    }
}

/// The objects of one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelStats {
    pub level: String,
    /// Without secrets.
    pub address: String,
    pub prefix: String,
    pub kinds: BTreeMap<Kind, KindStats>,
}

/// A level that cannot list its objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    pub level: String,
    pub address: String,
    pub why: String,
}

/// The objects of all levels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    pub levels: Vec<LevelStats>,
    pub unlisted: Vec<Unlisted>,
}

/// What a garbage collection did with the objects of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCollected {
    /// Deleted, or to be deleted.
    pub deleted: Sum,
    pub kept: Sum,
    /// The part of `kept` that is old, and in use.
    pub in_use: Sum,
}

/// What a garbage collection did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    pub level: String,
    pub address: String,
    pub prefix: String,
    pub dry_run: bool,
    pub older_than_s: u64,
    pub kinds: BTreeMap<Kind, KindCollected>,
    /// The objects that could not be deleted.
    pub failed: u64,
    pub errors: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::remote::format;

    #[test]
    fn each_object_has_the_kind_of_its_folder() {
        let key = Digest::of(b"key");
        let list = format::SignedList { list: Vec::new(), signature: Vec::new() };
        for (name, kind) in [
            (format::pack_name(&key), Kind::Results),
            (format::index_name(&key), Kind::Indexes),
            (format::list_name(&key, &list), Kind::Lists),
            (format::build_manifest_name(&key), Kind::Builds),
            (format!("{PARTIAL_FOLDER}x"), Kind::Unfinished),
            (format!("{CLOCK_FOLDER}x"), Kind::Unfinished),
            (format::PROBE.to_string(), Kind::Other),
            ("v20/packs/x".to_string(), Kind::Other),
            ("v2".to_string(), Kind::Other),
        ] {
            assert_eq!(Kind::of(&name), kind, "{name}");
        }
    }

    #[test]
    fn an_age_has_the_first_bound_that_it_does_not_reach() {
        let day = 86_400;
        for (seconds, age) in [
            (0, Age::Day),
            (day - 1, Age::Day),
            (day, Age::Week),
            (7 * day - 1, Age::Week),
            (7 * day, Age::Month),
            (30 * day, Age::Older),
        ] {
            assert_eq!(Age::of(Duration::from_secs(seconds)), age, "{seconds} s");
        }
    }
}
