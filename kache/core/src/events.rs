//! Events: one record for each invocation, which `report`, `explain` and the harness read.
//!
//! An event is a JSON object on one line of `<cache>/v1/events/<day>.jsonl`. A single write appends it, so that concurrent
//! wrappers do not interleave. `v` is the version of the shape. Readers skip lines of another version.

use crate::area::Area;
use crate::platform::disk;
use crate::reason::Reason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

pub mod builds;
pub mod tail;

/// The version of the shape below.
pub const VERSION: u32 = 2;

/// A phase of a wrapper's time, in the order in which an invocation goes through them. Phases follow each other without a gap, so
/// that with the start their lengths tell when each was. A wrapper that waits for another build looks up twice; both are
/// one `Lookup`, before `Lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Parse,
    Toolchain,
    Action,
    Lookup,
    Restore,
    Replay,
    Remote,
    Lock,
    Compile,
    Observe,
    Store,
    Check,
}

impl Phase {
    pub const ALL: &[Phase] = &[
        Phase::Parse,
        Phase::Toolchain,
        Phase::Action,
        Phase::Lookup,
        Phase::Restore,
        Phase::Replay,
        Phase::Remote,
        Phase::Lock,
        Phase::Compile,
        Phase::Observe,
        Phase::Store,
        Phase::Check,
    ];

    /// The word in events and reports.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Parse => "parse",
            Phase::Toolchain => "toolchain",
            Phase::Action => "action",
            Phase::Lookup => "lookup",
            Phase::Restore => "restore",
            Phase::Replay => "replay",
            Phase::Remote => "remote",
            Phase::Lock => "lock",
            Phase::Compile => "compile",
            Phase::Observe => "observe",
            Phase::Store => "store",
            Phase::Check => "check",
        }
    }
}

/// The outcome of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The result was restored and the command did not run.
    Hit,
    /// The command ran; `stored` says whether its result was stored, and `reason` why not.
    Miss,
    /// The command was not cacheable, for the given `reason`, and ran unchanged.
    Passthrough,
    /// kache failed (`detail`) and the command ran unchanged.
    Error,
}

/// The kind of an invocation. Only units count in the hit rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A compile or a link that the build asked for.
    Unit,
    /// Anything else: a question to the compiler (`-vV`, `--print`, `-E`), a trial compile, a trial link.
    Probe,
}

/// How the dependencies of a run were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observed {
    /// The preload observer recorded them in every process of the command.
    Preload,
    /// The command reported them, and conservative rules added to them.
    Unobserved,
}

/// Where the result of a foreign command (a script, a generator) holds. Such a command may compute anything from a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirmation {
    /// In every place, because the command looked at no path of its place.
    Portable,
    /// In every place, because two places made the same.
    Confirmed,
    /// In its own place, until another place makes the same.
    Unconfirmed,
    /// In its own place: another place made something else from the same inputs.
    Literal,
}

impl Confirmation {
    pub const ALL: &[Confirmation] =
        &[Confirmation::Portable, Confirmation::Confirmed, Confirmation::Unconfirmed, Confirmation::Literal];

    /// The word in events and reports.
    pub fn word(self) -> &'static str {
        match self {
            Confirmation::Portable => "portable",
            Confirmation::Confirmed => "confirmed",
            Confirmation::Unconfirmed => "unconfirmed",
            Confirmation::Literal => "literal",
        }
    }

    /// Where such a result holds, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Confirmation::Portable => "in every place: the command looked at no path of its place",
            Confirmation::Confirmed => "in every place: two places made the same",
            Confirmation::Unconfirmed => "in its own place, until a run in another place makes the same",
            Confirmation::Literal => {
                "in its own place: another place made something else from the same inputs"
            }
        }
    }
}

/// The outcome of a check, which runs the command on a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checked {
    /// The command made and printed the stored result: a hit.
    Same,
    /// The command made something else although the dependencies were unchanged before and after: a miss, with the reason
    /// `different`. The entry is removed.
    Different,
    /// Undecided, because a dependency changed meanwhile or the command was stopped. A miss, with the reason.
    Unsettled,
}

/// The part of the remote in an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemoteWay {
    /// A hit that the wrapper waited for while it was fetched.
    Fetched,
    /// A hit that was fetched, or being fetched, before the wrapper asked for it.
    Ahead,
    /// The remote did not have the result.
    Nothing,
    /// The remote was not asked, because it failed recently.
    Closed,
    /// The remote could not be asked, or did not answer in time.
    Failed,
    /// The remote's answer was invalid or not trusted.
    Refused,
}

/// The part of the remote in an invocation and its cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteUse {
    pub way: RemoteWay,
    /// How long the wrapper waited, in µs.
    pub us: u64,
    /// Details for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The level that had the result: `remote`, `remote.2`, ….
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
}

/// How people tell units of one kind apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelBy {
    /// By name and version. A build tool asks for such a unit as a part of its package.
    #[default]
    Package,
    /// By the path of the output, which is in [`Unit::extra`]: one source may be compiled to several outputs of one name.
    Output,
}

/// What an invocation builds, without any path of this checkout: the harness pairs the units of two clones by it. The front
/// end fills it in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The group of commands that reports count together.
    pub family: String,
    /// Name and version of the package that is built, separated by a blank; empty where the build tool does not say.
    pub package: String,
    /// The short name: a library's or program's, or the output's file name.
    pub name: String,
    /// What is built (`lib`, `bin,test`), or the language of the source.
    pub kind: String,
    /// The kinds of output asked for, joined by `,` in sorted order.
    pub emit: String,
    /// What else distinguishes the output: a suffix that the build tool chose, or the output's portable path. Equal in two
    /// clones unless the unit's identity has a path in it.
    pub extra: String,
    /// The input in portable form, e.g. `<workspace>/src/main`.
    pub source: String,
    #[serde(skip_serializing_if = "is_default", default)]
    pub label_by: LabelBy,
}

impl Unit {
    /// The short name that people see: `serde 1.0.228 (lib)`, `demo (bin,test)`, `src/.libs/a.o (c)`.
    pub fn label(&self) -> String {
        if self.label_by == LabelBy::Output {
            let place = self.extra.split_once(">/").map_or(self.extra.as_str(), |(_, rest)| rest);
            let shown = if place.is_empty() { &self.name } else { place };
            return format!("{shown} ({})", self.kind);
        }
        let version = self.package.split_once(' ').map(|(_, v)| v).unwrap_or("");
        let sep = if version.is_empty() { "" } else { " " };
        format!("{}{sep}{version} ({})", self.name, self.kind)
    }

    /// Whether a package-aware build tool asked for the unit. Build scripts of such a tool run compilers of their own.
    pub fn is_of_package(&self) -> bool {
        self.label_by == LabelBy::Package && !self.package.is_empty()
    }
}

/// The event. Times are in µs, sizes in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// [`VERSION`].
    pub v: u32,
    /// The start of the wrapper, µs since 1970.
    pub time_us: u64,
    /// The version of kache.
    pub kache: String,
    /// The process id of the wrapper.
    pub pid: u32,
    /// The process of the build, by its id and start time: the outermost build tool, or else the parent process.
    pub build: String,
    /// The command that started the build, if a tool did and the system tells its command.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub command: String,
    /// The working directory of that command.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub directory: String,
    pub unit: Unit,
    pub kind: Kind,
    pub outcome: Outcome,
    /// Whether the result was stored.
    pub stored: bool,
    /// Whether a hit was restored before the build tool asked for it.
    #[serde(skip_serializing_if = "is_default", default)]
    pub seeded: bool,
    /// Why the command was not cacheable, its result was not stored, or kache failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
    /// Details of `reason`, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The first failed step on the file system, even if it had no consequences.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<String>,
    /// The action key, in hex, once it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// The result key, in hex, once it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<String>,
    /// How the dependencies were found; on a hit, when the result was stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed: Option<Observed>,
    /// Where the result of a foreign command holds, as far as was known when it was stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirmation: Option<Confirmation>,
    /// The outcome of a check (`KACHE_CHECK`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checked: Option<Checked>,
    /// The part of the remote; `None` without a remote, or if it was not needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote: Option<RemoteUse>,
    /// The exit status of the wrapper.
    pub status: i32,
    /// The working directory.
    pub cwd: String,
    /// From start to just before exit.
    pub total_us: u64,
    /// How long the command ran: now, or on a hit when the result was made (the time saved).
    pub compile_us: u64,
    /// Time by phase.
    pub phases_us: BTreeMap<Phase, u64>,
    /// Bytes written to the output directory on a hit, or into the store on a miss.
    pub bytes: u64,
    /// The part of a miss's `bytes` that the store had already, because another action made the same contents.
    #[serde(skip_serializing_if = "is_default", default)]
    pub known_bytes: u64,
    /// The number of files restored by each method (`reflink`, `copy`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub restore: BTreeMap<String, u64>,
    /// The bytes restored by each method.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub restore_bytes: BTreeMap<String, u64>,
    /// The absolute paths of the outputs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outputs: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Event {
    /// The word of the reason.
    pub fn reason_word(&self) -> Option<&'static str> {
        self.reason.map(Reason::word)
    }

    /// Appends the event to the file of its day, below `<cache>/v1`. Write errors are ignored.
    pub fn append(&self, store: &Path) {
        let Ok(mut line) = serde_json::to_vec(self) else { return };
        line.push(b'\n');
        let path = Area::Events.below(store).join(format!("{}.jsonl", day(self.time_us)));
        let open = || OpenOptions::new().append(true).create(true).open(&path);
        let file = disk::step("event: open", &path, open);
        let _ = file.and_then(|mut f| disk::write_all("event: write", &path, &mut f, &line));
    }

    /// Appends a readable line to the user's log.
    pub fn log(&self, to: Option<&Path>) {
        let Some(path) = to else { return };
        let why = match (&self.reason, &self.detail) {
            (Some(r), Some(d)) => format!(" [{r}] {d}"),
            (Some(r), None) => format!(" [{r}]"),
            _ if self.checked == Some(Checked::Same) => " [checked: same]".to_string(),
            _ => String::new(),
        };
        let line = format!("kache: {:?} {} {} µs{why}", self.outcome, self.unit.label(), self.total_us);
        let line = crate::printable::sanitize(&line) + "\n";
        if path == Path::new("stderr") {
            eprint!("{line}");
        } else if let Ok(mut f) = OpenOptions::new().append(true).create(true).open(path) {
            let _ = f.write_all(line.as_bytes());
        }
    }
}

/// The day of a time in µs since 1970, which names the file of its events.
fn day(time_us: u64) -> u64 {
    time_us / 86_400_000_000
}

/// All events of a cache, oldest first. Skips torn lines and lines of another version.
pub fn read_all(cache: &Path) -> std::io::Result<Vec<Event>> {
    tail::Tail::new(cache).read()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_labelled_by_its_package_or_its_output() {
        let mut unit = Unit {
            package: "demo 1.2.3".into(),
            name: "demo_lib".into(),
            kind: "lib".into(),
            extra: "-0123".into(),
            ..Unit::default()
        };
        assert_eq!((unit.label().as_str(), unit.is_of_package()), ("demo_lib 1.2.3 (lib)", true));
        unit.label_by = LabelBy::Output;
        unit.extra = "<workspace>/src/a.o".into();
        assert_eq!((unit.label().as_str(), unit.is_of_package()), ("src/a.o (lib)", false));
        unit.extra = String::new();
        assert_eq!(unit.label(), "demo_lib (lib)");
        let plain = Unit { name: "x".into(), kind: "probe".into(), ..Unit::default() };
        assert_eq!((plain.label().as_str(), plain.is_of_package()), ("x (probe)", false));
    }
}
