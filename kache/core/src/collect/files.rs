//! Events about files: what was opened, probed and listed.

use super::answers::{DIRECTORY, REGULAR, SORT};
use super::made::links_on;
use super::status::{is_removed, path_of_status};
use super::walk;
use super::{Cause, Collector, clean};
use crate::collected::Step;
use crate::dependency::{Dependency, Kind as DependencyKind};
use crate::observe::trace::{EventKind, TraceEvent, flag};
use crate::platform::{self, FileType, StatId};
use crate::policy::{Act, Actor, Event, Place, Treatment};
use crate::reason::Reason;
use std::path::Path;

impl Collector<'_> {
    pub(super) fn read(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if by.actor.is_trusted() {
            self.step(e, || Step::Opened(path.to_vec()));
        }
        if e.errno != 0 {
            return self.failed(e, by, Act::CannotOpen);
        }
        // Where the record says which file it was, it says whether that is a directory.
        let is_dir = || StatId::parse(e.path2).is_none() && self.file_type(&path) == Some(FileType::Dir);
        if e.flags & flag::DIRECTORY != 0 || is_dir() {
            self.goes_through(by, &path);
            return self.at(by, Act::OpensDirectory, &path);
        }
        if is_descriptor(&path) {
            return self.at(by, Act::OpensDescriptor, &path);
        }
        if let Some(act) = self.map_of_itself(e, by).filter(|act| *act != Act::OpensFile) {
            return self.named(by, act, &path);
        }
        self.note_script(e.pid, by, &path);
        self.note_words(by, &path);
        let is_made = self.made.has(&path);
        let act = if self.subject.is_state(&path) && !is_made { Act::OpensState } else { Act::OpensFile };
        let mut place = self.place(&path);
        if place == Place::Inlined && self.opens_response_again(e, &path) {
            place = Place::Elsewhere;
        }
        self.apply(by, &Event { act, name: &path, place }, 0);
        self.asks_status(by, &path);
        if !is_made {
            self.identified(e, &path);
            self.read_before_made.insert(path.into_owned());
        }
    }

    /// Notes which file was opened: another may have its name by the time that its contents are looked at. The files of
    /// the toolchain are not looked at.
    fn identified(&mut self, e: &TraceEvent, path: &[u8]) {
        let path = Path::new(platform::os_str(path));
        let Some(id) = StatId::parse(e.path2).filter(|_| !self.subject.covers(path)) else { return };
        let first = *self.out.opened.entry(path.to_path_buf()).or_insert(id);
        if (first.dev, first.ino) != (id.dev, id.ino) && !self.subject.outputs.owns(path) {
            let detail = format!("{} was another file the second time", path.display());
            self.refuse(Reason::ChangedWhileCompiling, detail);
        }
    }

    /// What the compiler takes from a response file is in the key; any other that opens it wants the bytes.
    fn opens_response_again(&mut self, e: &TraceEvent, path: &[u8]) -> bool {
        !self.processes.is_first(e.pid) || !self.opened_responses.insert(path.to_vec())
    }

    pub(super) fn failed(&mut self, e: &TraceEvent, by: Cause, act: Act) {
        let path = clean(e.path);
        // What is there is no directory, and was to be opened as one.
        if i32::from(e.errno) == libc::ENOTDIR && self.file_type(&path).is_some() {
            return self.at(by, Act::ProbesOther, &path);
        }
        if let Some(word) = platform::absence_by_errno(e.errno) {
            self.was_absent(word, &path);
            return self.at(by, Act::FindsNothing, &path);
        }
        let place = self.place(&path);
        self.apply(by, &Event { act, name: &path, place }, e.errno.into());
    }

    /// What code that can tell a file's status learns from looking at one. A file that the run made shows when it did.
    pub(super) fn learn(&mut self, e: &TraceEvent, by: Cause) {
        let before = self.looked.remove(&(e.pid, e.tid));
        if e.errno != 0 || !matches!(e.kind, EventKind::Read | EventKind::Stat | EventKind::Write) {
            return;
        }
        let is_status =
            e.kind == EventKind::Stat && asked_permissions(e) == 0 && e.flags & flag::ENTERED == 0;
        if by.actor != Actor::Plugin {
            return if is_status {
                self.learn_in_program(e, by, before)
            };
        }
        let asks_by_itself = is_status && self.asks_by_itself(e);
        let Some(path) = path_of_status(e) else { return };
        let is_made = e.kind == EventKind::Write || self.made.has(&path) || is_removed(&path);
        let is_by_descriptor = e.kind == EventKind::Stat && e.flags & flag::BY_DESCRIPTOR != 0;
        // In a run that is not a compiler's, each question for a status by a descriptor has an event. So opening a file tells no
        // time by itself.
        let has_event_of_status = self.subject.is_foreign && is_made;
        if is_by_descriptor && !asks_by_itself && !has_event_of_status {
            // What opened the file has an event.
            return;
        }
        let can = |act| match has_event_of_status {
            // The function that asks may be the standard library's, in a module of its own.
            true => asks_by_itself || is_status && self.processes.can_any_learn(e.pid, act),
            false => asks_by_itself || self.processes.can_learn(e.pid, e.module, act),
        };
        let acts = [Act::LearnsMetadata, Act::LearnsIdentity, Act::LearnsPermissions];
        let acts = acts.map(|act| can(act).then_some(act));
        if can(Act::LearnsSize) && self.file_type(&path) == Some(FileType::Dir) {
            self.at(by, Act::LearnsSize, &path);
        }
        if acts != [None; 3] && is_made {
            let only_permissions = acts[..2] == [None; 2];
            let act = if only_permissions { Act::LearnsOwnerOfMade } else { Act::LearnsTimeOfMade };
            return self.named(by, act, &path);
        }
        acts.into_iter().flatten().for_each(|act| self.at(by, act, &path));
    }

    pub(super) fn probe(&mut self, e: &TraceEvent, by: Cause) {
        if e.flags & flag::BY_DESCRIPTOR != 0 {
            return;
        }
        let path = clean(e.path);
        if by.actor.is_trusted() {
            self.step(e, || Step::Probed(path.to_vec()));
        }
        if e.flags & flag::NO_FOLLOW != 0 && (e.errno == 0 || platform::errno_is_absent(e.errno)) {
            self.at(by, Act::ProbesLink, &path);
        }
        let asked = asked_permissions(e);
        if asked != 0
            && !platform::errno_is_absent(e.errno)
            && self.policy.means_something(by.actor, Act::AsksPermission)
        {
            return self.permission(by, &path, asked, Some(e.errno == 0));
        }
        if e.errno != 0 {
            return self.failed(e, by, Act::CannotOpen);
        }
        self.was_there(e, &path);
        self.asks_status(by, &path);
        if e.aux & SORT == DIRECTORY && e.flags & flag::NO_FOLLOW == 0 {
            self.goes_through(by, &path);
        }
        // What it was then: something else may be there by now.
        let is_file = || match e.aux & SORT {
            0 => self.file_type(&path) == Some(FileType::File),
            sort => sort == REGULAR,
        };
        let is_file = !self.policy.same(by.actor, Act::ProbesFile, Act::ProbesOther) && is_file();
        self.at(by, if is_file { Act::ProbesFile } else { Act::ProbesOther }, &path);
    }

    /// What is named from an open or entered directory, or beside a program, no longer shows the links that led there.
    pub(super) fn goes_through(&mut self, by: Cause, path: &[u8]) {
        if !self.policy.shows_state(path) {
            self.at(by, Act::GoesThrough, path);
        }
    }

    /// Who copies or links a file hands its permission bits on, and who asks for a status learns them, and whose the file is. No
    /// event tells a copy. What a restored compile made has the bits that the umask leaves.
    pub(super) fn asks_status(&mut self, by: Cause, path: &[u8]) {
        let counts = by.actor == Actor::Process || self.subject.is_foreign && !by.actor.is_trusted();
        let is_in_place = || self.processes.get(by.pid).is_some_and(|process| process.is_in_place);
        if counts && !is_in_place() {
            self.at(by, Act::AsksStatus, path);
        }
    }

    /// What may be done with a file: a bit each for executing it, writing to it and reading it. `may` is the answer, where
    /// it is known.
    pub(super) fn permission(&mut self, by: Cause, path: &[u8], asked: u8, may: Option<bool>) {
        let place = self.place(path);
        for treatment in self.policy.treat(by.actor, &Event { act: Act::AsksPermission, name: path, place }) {
            if treatment == Treatment::Permission {
                let name = [&self.subject.roots.portable(path)[..], &[b':', b'0' + asked]].concat();
                self.depend(DependencyKind::Permission, &name);
                if let Some(may) = may {
                    self.was_permitted(Dependency::new(DependencyKind::Permission, name), may);
                }
            }
        }
    }

    pub(super) fn read_link(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        let act = match e.errno {
            _ if !by.actor.is_trusted() && path.starts_with(b"/proc/self/") => Act::ReadsLinkOfItself,
            0 => {
                self.had_target(&path, e.path2);
                Act::ReadsLink
            }
            errno if platform::errno_is_absent(errno) => {
                // A link that leads nowhere could come, with which nothing is there still.
                self.at(by, Act::ProbesLink, &path);
                Act::FindsNothing
            }
            _ => Act::ReadsNoLink,
        };
        self.at(by, act, &path);
    }

    pub(super) fn real_path(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if e.flags & flag::RELATIVE != 0 {
            self.named(by, Act::ResolvesRelative, b"");
        }
        if e.errno != 0 {
            return self.failed(e, by, Act::CannotResolve);
        }
        self.resolved(&path, e.path2);
        self.at(by, Act::ResolvesPath, &path);
        if path != clean(e.path2) && !(by.actor.is_trusted() && self.is_made_or_covered(&path)) {
            // That the same path leads to the same place is what must hold: every link on the way counts.
            self.named(by, Act::FollowsLinks, e.path);
        }
    }

    /// Whether a path is where the compiler writes, or in what its identity covers: the compiler resolves both.
    fn is_made_or_covered(&self, path: &[u8]) -> bool {
        !matches!(self.place(path), Place::Elsewhere | Place::Inlined | Place::State)
    }

    pub(super) fn list(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if e.errno != 0 {
            return self.failed(e, by, Act::CannotOpen);
        }
        if *path == *b"/proc/self/fd" && self.only_closes_descriptors(e.pid) {
            return;
        }
        self.goes_through(by, &path);
        let here = Path::new(platform::os_str(&path));
        let walks = e.flags & (flag::RECURSIVE | flag::PATTERN) != 0;
        let act = match () {
            () if by.actor.is_trusted() && self.subject.is_searched(here) => Act::ListsSearched,
            () if walks => return self.walk(e, by, &path),
            () => Act::ListsDirectory,
        };
        if self.may_tell_numbers(e, by) {
            for name in self.world.names(here) {
                self.at(by, Act::LearnsNumbers, &clean(here.join(name).as_os_str().as_encoded_bytes()));
            }
        }
        let event = Event { act, name: &path, place: self.place(&path) };
        let counts = self.policy.treat(by.actor, &event).next().is_some();
        if counts && !self.made.has_by_another_name(&path, self.world) {
            self.apply(by, &event, 0);
        }
    }

    /// Whether a process looks for its open descriptors only to have them closed.
    pub(super) fn only_closes_descriptors(&self, pid: u32) -> bool {
        self.processes.get(pid).is_some_and(|process| self.policy.only_closes_descriptors(&process.program))
    }

    /// A walk, or a search by a pattern, lists directories where no hook sees it: each counts as if it had been listed, and
    /// what a walk shows besides as if it had been opened.
    fn walk(&mut self, e: &TraceEvent, by: Cause, path: &[u8]) {
        let Some(seen) = walk::seen(path, e.flags & flag::RECURSIVE != 0, self.world) else {
            let detail = format!("a walk below {} sees too much", String::from_utf8_lossy(path));
            return self.refuse(Reason::ObserverOverflow, detail);
        };
        let tells_status = e.flags & flag::RECURSIVE != 0;
        for directory in seen.directories {
            let path = clean(directory.as_os_str().as_encoded_bytes());
            if tells_status {
                self.learn_in_walk(e.pid, by, &path);
            }
            let event = Event { act: Act::WalksTree, name: &path, place: self.place(&path) };
            let counts = self.policy.treat(by.actor, &event).next().is_some();
            if counts && !self.made.has_by_another_name(&path, self.world) {
                self.apply(by, &event, 0);
            }
        }
        for file in seen.files {
            let path = clean(file.as_os_str().as_encoded_bytes());
            if tells_status {
                self.learn_in_walk(e.pid, by, &path);
            }
            self.at(by, Act::OpensFile, &path);
        }
        for missing in seen.missing {
            self.at(by, Act::FindsNothing, &clean(missing.as_os_str().as_encoded_bytes()));
        }
    }

    pub(super) fn each_link(&mut self, path: &[u8], kind: DependencyKind) {
        let path = Path::new(platform::os_str(path));
        let portable = kind == DependencyKind::LeadsTo;
        let is_known = portable && path.parent().is_some_and(|dir| self.without_links.contains(dir));
        if is_known && self.world.read_link(path).is_none() {
            return;
        }
        let mut links = links_on(path, self.world);
        if links.is_empty() {
            self.without_links.extend(path.parent().map(Path::to_path_buf));
        }
        links.retain(|link| !self.made.has(link.as_os_str().as_encoded_bytes()));
        for link in links {
            self.depend(kind, &self.subject.roots.portable(link.as_os_str().as_encoded_bytes()));
        }
    }

    pub(super) fn file_type(&self, path: &[u8]) -> Option<FileType> {
        self.world.file_type(Path::new(platform::os_str(path)))
    }
}

/// What a probe asks whether it may be done: a bit each for executing, writing and reading.
fn asked_permissions(e: &TraceEvent) -> u8 {
    (e.flags & (flag::MAY_EXECUTE | flag::MAY_WRITE | flag::MAY_READ)) >> 1
}

/// Whether a path leads to what a process has open. What lies below an open directory has a name of its own, which the path does
/// not tell.
pub(super) fn is_descriptor(path: &[u8]) -> bool {
    let number = |rest: &[u8]| !rest.contains(&b'/');
    let of_process = || {
        let rest = path.strip_prefix(b"/proc/")?;
        let rest = &rest[rest.iter().position(|b| *b == b'/')?..];
        rest.strip_prefix(b"/fd/").map(number)
    };
    path.strip_prefix(b"/dev/fd/").map(number).or_else(of_process).unwrap_or(false)
}
