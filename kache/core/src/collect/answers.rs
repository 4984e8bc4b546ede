//! What the run was answered where the answer becomes a dependency. The dependency is evaluated once the run is over: by then
//! another process may have changed what a question was about.

use super::Collector;
use crate::collected::Answer;
use crate::dependency::{Dependency, Kind};
use crate::digest::Digest;
use crate::eval::{NO_LINK, may_word};
use crate::observe::trace::{TraceEvent, flag};
use crate::platform::{self, ABSENCES, FileType};
use crate::reason::Reason;
use std::path::Path;

/// The bits of `st_mode` that tell the sort of a file.
const SORT: i64 = 0o170_000;
const LINK: i64 = 0o120_000;

impl Collector<'_> {
    /// Something was at a path.
    pub(super) fn was_there(&mut self, e: &TraceEvent, path: &[u8]) {
        if self.made.has(path) {
            return;
        }
        let name = self.subject.roots.portable(path);
        let (sort, follows) = (e.aux & SORT, e.flags & flag::NO_FOLLOW == 0);
        if !follows && sort != 0 && sort != LINK {
            self.answered(Dependency::new(Kind::Link, name.clone()), Answer::Is(Digest::of(NO_LINK)), path);
        }
        let answer = match sort {
            LINK => return,
            0 => Answer::There,
            0o100_000 => Answer::Is(Digest::of(FileType::File.word().as_bytes())),
            0o040_000 => Answer::Is(Digest::of(FileType::Dir.word().as_bytes())),
            _ => Answer::Is(Digest::of(FileType::Other.word().as_bytes())),
        };
        self.answered(Dependency::new(Kind::Path, name), answer, path);
    }

    /// Nothing was at a path.
    pub(super) fn was_absent(&mut self, word: &str, path: &[u8]) {
        if word != ABSENCES[0] && !self.made.has(path) {
            let name = self.subject.roots.portable(path);
            self.answered(Dependency::new(Kind::Path, name), Answer::Is(Digest::of(word.as_bytes())), path);
        }
    }

    /// A link had this target.
    pub(super) fn had_target(&mut self, path: &[u8], target: &[u8]) {
        let (roots, name) = (&self.subject.roots, self.subject.roots.portable(path));
        let portable = Digest::of(&roots.portable(target));
        self.answered(Dependency::new(Kind::Link, name.clone()), Answer::Is(Digest::of(target)), path);
        self.answered(Dependency::new(Kind::LeadsTo, name), Answer::Is(portable), path);
    }

    /// A path had this real path.
    pub(super) fn resolved(&mut self, path: &[u8], real: &[u8]) {
        let now = self.world.canonicalize(Path::new(platform::os_str(path)));
        if !self.made.has(path) && now.is_none_or(|now| now.as_os_str().as_encoded_bytes() != real) {
            self.changed(path);
        }
    }

    /// Something may or may not have been done with a path.
    pub(super) fn was_permitted(&mut self, dependency: Dependency, may: bool, path: &[u8]) {
        self.answered(dependency, Answer::Is(Digest::of(may_word(may))), path);
    }

    fn answered(&mut self, dependency: Dependency, answer: Answer, path: &[u8]) {
        let first = self.out.answers.entry(dependency).or_insert(answer);
        if !first.agrees(&answer) {
            self.changed(path);
        }
    }

    fn changed(&mut self, path: &[u8]) {
        let detail = format!("{} changed", String::from_utf8_lossy(path));
        self.refuse(Reason::ChangedWhileCompiling, detail);
    }
}
