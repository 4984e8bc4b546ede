//! Who learns times, numbers and owners of files, beside plugins whose functions tell that they can.
//!
//! A plugin calls the system past Rust's standard library, whose functions have names: then all of a file's status counts. A
//! program that a plugin started learns what it asks for, unless it is known for what it does with the answer.

use super::processes::Process;
use super::{Cause, Collector, clean};
use crate::observe::trace::{TraceEvent, flag};
use crate::platform::{self, FileType};
use crate::policy::{Act, Actor, FileTimes};
use std::borrow::Cow;
use std::path::Path;

impl Collector<'_> {
    /// Whether code of a plugin asks for a status by a call of its own.
    pub(super) fn asks_by_itself(&mut self, e: &TraceEvent) -> bool {
        if e.flags & flag::BEYOND_LIBC != 0 {
            return true;
        }
        // Without a place, as from code in no object, nothing is known of who asks.
        let returns_to = (e.aux as u64) >> 32;
        let object = self.processes.get(e.pid).and_then(|process| process.real_file(e.module));
        let Some(object) = object.filter(|_| returns_to != 0) else {
            return self.processes.can_learn(e.pid, e.module, Act::TellsStatus);
        };
        if let Some(known) = self.asked_from.get(&(object.to_path_buf(), returns_to)) {
            return *known;
        }
        let object = object.to_path_buf();
        // The call is before the place that it returns to. A plugin without names learns all in any case.
        let function = self.world.function_at(&object, returns_to - 1);
        let asks = function.is_some_and(|name| !self.policy.is_of_standard_library(&name));
        self.asked_from.insert((object, returns_to), asks);
        asks
    }

    /// A program asks for the status of a file. `before` is the file whose status the thread asked for just before.
    pub(super) fn learn_in_program(&mut self, e: &TraceEvent, by: Cause, before: Option<Vec<u8>>) {
        if !matches!(by.actor, Actor::Process | Actor::Script) {
            return;
        }
        let Some(path) = path_of_status(e) else { return };
        let of_made = self.made.has(&path) || is_removed(&path);
        let does = self.use_of_times(e.pid, by);
        let Some(process) = self.processes.get(e.pid) else { return };
        match does {
            FileTimes::Nothing => {}
            FileTimes::ComparesTwo if by.actor == Actor::Process && process.may_ask_for_read_times() => {
                self.named(by, Act::AsksReadTimes, &path);
            }
            FileTimes::ComparesTwo => {
                let pair = before.filter(|other| **other != *path);
                let pair = pair.filter(|other| !self.checks_directory(e.pid, other, &path));
                for path in pair.iter().flat_map(|other| [&other[..], &path]) {
                    self.at(by, Act::ComparesTimes, path);
                }
                self.looked.insert((e.pid, e.tid), path.into_owned());
            }
            // `make` asks which directory it is in, whose times change with each file that is made there.
            FileTimes::Compares if path == process.cwd().as_os_str().as_encoded_bytes() => {}
            FileTimes::ComparesFiles
                if self.world.file_type(Path::new(platform::os_str(&path))) == Some(FileType::Dir) => {}
            FileTimes::Compares | FileTimes::ComparesFiles => self.at(by, Act::ComparesTimes, &path),
            FileTimes::Packs if self.subject.is_foreign => {}
            _ if of_made => self.named(by, Act::LearnsTimeOfMade, &path),
            _ => self.at(by, Act::TellsStatus, &path),
        }
    }

    /// Whether a program asks, once as it starts, whether `PWD` is the directory that it is in. Shells do.
    fn checks_directory(&mut self, pid: u32, one: &[u8], other: &[u8]) -> bool {
        let Some(named) = self.world.variable(b"PWD") else { return false };
        let named = clean(named.as_encoded_bytes());
        let Some(process) = self.processes.get_mut(pid).filter(|process| !process.has_checked_directory)
        else {
            return false;
        };
        let cwd = process.cwd().as_os_str().as_encoded_bytes();
        let is_check = (*one == *named && other == cwd) || (one == cwd && *other == *named);
        process.has_checked_directory |= is_check;
        is_check
    }

    /// What a program does with the times, numbers and owners of files.
    fn use_of_times(&self, pid: u32, by: Cause) -> FileTimes {
        // The toolchain's own programs find files.
        let is_own = |program: &Path| self.subject.covers(program);
        let counts = |process: &&Process| !process.is_told && !is_own(&process.program);
        let Some(process) = self.processes.get(pid).filter(counts) else {
            return FileTimes::Nothing;
        };
        let is_known = self.world.only_root_replaces(&process.program);
        let scripts = self.policy.runs_scripts(self.processes.name(pid));
        if is_known && scripts.is_some_and(|row| self.runs_plain_scripts(pid, row)) {
            return if process.compares_times { FileTimes::ComparesFiles } else { FileTimes::Nothing };
        }
        let row = self.policy.file_times(self.processes.name(pid)).filter(|_| is_known);
        match row.map_or_else(|| FileTimes::of_unknown(by.actor), |row| row.does) {
            FileTimes::ComparesWith(letters) if process.has_only_options(letters) => FileTimes::Compares,
            FileTimes::NothingIn(words) if process.has_first_word(words) => FileTimes::Nothing,
            FileTimes::ComparesWith(_) | FileTimes::NothingIn(_) => FileTimes::Tells,
            does => does,
        }
    }

    /// Whether who lists a directory may tell the numbers of the files in it, which the entries hold.
    pub(super) fn may_tell_numbers(&mut self, e: &TraceEvent, by: Cause) -> bool {
        match by.actor {
            Actor::Plugin => {
                self.processes.can_learn(e.pid, e.module, Act::LearnsNumbers) || self.asks_by_itself(e)
            }
            // No member of an archive of `ar` has one.
            Actor::Process => self.use_of_times(e.pid, by) == FileTimes::Tells,
            _ => false,
        }
    }

    /// Who walks a tree by functions of the C library learns the status of each file.
    pub(super) fn learn_in_walk(&mut self, pid: u32, by: Cause, path: &[u8]) {
        match by.actor {
            Actor::Plugin => self.at(by, Act::LearnsIdentity, path),
            Actor::Process => match self.use_of_times(pid, by) {
                FileTimes::Nothing => {}
                FileTimes::Packs if self.subject.is_foreign => {}
                FileTimes::ComparesTwo | FileTimes::Compares | FileTimes::ComparesFiles => {
                    self.at(by, Act::ComparesTimes, path)
                }
                _ => self.at(by, Act::TellsStatus, path),
            },
            _ => {}
        }
    }

    /// A shell reads its script, which may ask whether a file was read since it was changed.
    pub(super) fn note_script(&mut self, pid: u32, by: Cause, path: &[u8]) {
        if by.actor != Actor::Process || self.use_of_times(pid, by) != FileTimes::ComparesTwo {
            return;
        }
        let asks = self.world.holds(Path::new(platform::os_str(path)), ASKS_READ_TIMES);
        if let Some(process) = self.processes.get_mut(pid) {
            process.note_script(asks);
        }
    }
}

/// How the question is spelled in a script: the operator as a word, quoted, or the value of a variable.
const ASKS_READ_TIMES: &[&[&str]] = &[&[" -N "], &["\t-N "], &["\"-N\""], &["'-N'"], &["=-N"]];

/// The path whose status is asked for, where what is open has one.
pub(super) fn path_of_status<'t>(e: &TraceEvent<'t>) -> Option<Cow<'t, [u8]>> {
    e.path.starts_with(b"/").then(|| clean(e.path))
}

/// What is open under no name any more.
pub(super) fn is_removed(path: &[u8]) -> bool {
    path.ends_with(b" (deleted)")
}
