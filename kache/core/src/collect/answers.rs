//! The answers that the run got to questions about paths. An answer may become a dependency, which is evaluated after the run:
//! by then another process may have changed the file.

use super::Collector;
use crate::collected::Answer;
use crate::dependency::{Dependency, Kind};
use crate::digest::Digest;
use crate::eval::{NO_LINK, may_word};
use crate::observe::trace::{TraceEvent, flag};
use crate::platform::{self, ABSENCES, FileType};
use std::path::Path;

/// The bits of `st_mode` that tell the sort of a file.
pub(super) const SORT: i64 = 0o170_000;
pub(super) const REGULAR: i64 = 0o100_000;
pub(super) const DIRECTORY: i64 = 0o040_000;
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
            self.answered(Dependency::new(Kind::Link, name.clone()), Answer::Is(Digest::of(NO_LINK)));
        }
        let answer = match sort {
            LINK => {
                let answer = Answer::IsNot(Digest::of(NO_LINK));
                return self.answered(Dependency::new(Kind::Link, name), answer);
            }
            0 => Answer::There,
            REGULAR => Answer::Is(Digest::of(FileType::File.word().as_bytes())),
            DIRECTORY => Answer::Is(Digest::of(FileType::Dir.word().as_bytes())),
            _ => Answer::Is(Digest::of(FileType::Other.word().as_bytes())),
        };
        self.answered(Dependency::new(Kind::Path, name), answer);
    }

    /// Nothing was at a path.
    pub(super) fn was_absent(&mut self, word: &str, path: &[u8]) {
        if word != ABSENCES[0] && !self.made.has(path) {
            let name = self.subject.roots.portable(path);
            self.answered(Dependency::new(Kind::Path, name), Answer::Is(Digest::of(word.as_bytes())));
        }
    }

    /// A link had this target.
    pub(super) fn had_target(&mut self, path: &[u8], target: &[u8]) {
        let (roots, name) = (&self.subject.roots, self.subject.roots.portable(path));
        let link = Path::new(platform::os_str(path));
        let target = roots.link_target(link.parent().unwrap_or(link), target);
        let portable = Digest::of(&roots.portable(&target));
        self.answered(Dependency::new(Kind::Link, name.clone()), Answer::Is(Digest::of(&target)));
        self.answered(Dependency::new(Kind::LeadsTo, name), Answer::Is(portable));
    }

    /// A path had this real path.
    pub(super) fn resolved(&mut self, path: &[u8], real: &[u8]) {
        let now = self.world.canonicalize(Path::new(platform::os_str(path)));
        if !self.made.has(path) && now.is_none_or(|now| now.as_os_str().as_encoded_bytes() != real) {
            let name = self.subject.roots.portable(path);
            self.answered(Dependency::new(Kind::Path, name), Answer::Changed);
        }
    }

    /// Something may or may not have been done with a path.
    pub(super) fn was_permitted(&mut self, dependency: Dependency, may: bool) {
        self.answered(dependency, Answer::Is(Digest::of(may_word(may))));
    }

    /// Not each answer becomes a dependency: only of those that do is it asked whether they still hold.
    fn answered(&mut self, dependency: Dependency, answer: Answer) {
        let all = self.out.answers.entry(dependency).or_insert(answer);
        *all = all.and(answer);
    }
}
