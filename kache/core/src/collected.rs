//! What a command depended on and left behind, before it is settled what of it is stored.

use crate::dependency::{Dependency, Kind};
use crate::digest::Digest;
use crate::platform::{ABSENCES, StatId};
use crate::reason::NotCacheable;
use foldhash::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What a command depended on and left behind.
#[derive(Debug, Default)]
pub struct Collected {
    pub dependencies: BTreeSet<Dependency>,
    /// Portable paths that were found absent, to be compared with what is there when the command has ended.
    pub absent: HashSet<Vec<u8>>,
    /// What the command was answered, by the dependency that the answer may have become.
    pub answers: BTreeMap<Dependency, Answer>,
    /// Outputs that were made, by their absolute paths.
    pub outputs: BTreeSet<PathBuf>,
    /// Which file was found under a name when it was opened.
    pub opened: HashMap<PathBuf, StatId>,
    /// Libraries that were loaded as code, links followed.
    pub loaded: BTreeSet<PathBuf>,
    /// Why the result cannot be stored, if it cannot.
    pub refused: Option<NotCacheable>,
    /// Variables read by the compiler's own code whose use may yet be proved harmless.
    pub candidates: BTreeSet<Vec<u8>>,
    /// By variable: the plugins that read it; under no name: the scripts that may have read every variable.
    pub readers: BTreeMap<Vec<u8>, BTreeSet<String>>,
    /// Whether the compiler loaded code that is not its own.
    pub loads_plugins: bool,
    /// Whether a program ran that is not trusted like the compiler.
    pub runs_others: bool,
    /// What each thread of the compiler did with variables and files, in order.
    pub steps: Vec<Vec<Step>>,
}

/// What a command was answered about a dependency while it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Something is there.
    There,
    /// The value has this digest.
    Is(Digest),
    /// The value has another digest.
    IsNot(Digest),
    /// Two answers that are never true at once.
    Changed,
}

impl Answer {
    /// What two answers say together.
    pub fn and(self, other: Answer) -> Answer {
        match (self, other) {
            (one, Answer::There) | (Answer::There, one) => one,
            (one, other) if one == other => one,
            (Answer::Is(is), Answer::IsNot(not)) | (Answer::IsNot(not), Answer::Is(is)) if is != not => {
                Answer::Is(is)
            }
            _ => Answer::Changed,
        }
    }

    /// Whether the answer is still true of a dependency with this digest.
    pub fn holds(&self, now: &Digest) -> bool {
        match self {
            Answer::There => !ABSENCES.iter().any(|word| *now == Digest::of(word.as_bytes())),
            Answer::Is(then) => then == now,
            Answer::IsNot(then) => then != now,
            Answer::Changed => false,
        }
    }
}

/// What a thread of the compiler did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It read a variable.
    Looked(Vec<u8>),
    /// It opened a file.
    Opened(Vec<u8>),
    /// It looked whether a file is there.
    Probed(Vec<u8>),
}

impl Collected {
    /// Drops the presence of files whose contents count.
    pub fn drop_implied_presence(&mut self) {
        let files = self.dependencies.iter().filter(|d| d.kind == Kind::File);
        let presence: Vec<Dependency> = files.map(|d| Dependency::new(Kind::Path, d.name.clone())).collect();
        for dependency in presence {
            self.dependencies.remove(&dependency);
        }
    }
}
