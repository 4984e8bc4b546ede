//! Events that change the file system, what they found there, and what is left behind.
//!
//! A change that fails has looked: nothing was there, or something was in its way. One that succeeds has looked as well:
//! what it makes was not there before. What was there before, and is changed or removed, is a side effect that a hit
//! would not have; the outputs are excused, by their names.

use super::files::is_descriptor;
use super::{Cause, Collector, clean};
use crate::dependency::Kind as DependencyKind;
use crate::observe::given::job_server;
use crate::observe::trace::{TraceEvent, flag};
use crate::paths::absolute;
use crate::platform::{self, FileType};
use crate::policy::{Act, Event, Place};
use std::path::{Path, PathBuf};

impl Collector<'_> {
    pub(super) fn write(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if e.errno != 0 {
            return self.change_failed(e, by, &path, e.flags & flag::EXCLUSIVE != 0);
        }
        if is_descriptor(&path) {
            return self.write_descriptor(&path, by);
        }
        if e.flags & flag::THERE == 0 {
            let is_named_at_random = e.flags & flag::EXCLUSIVE != 0 && self.is_temporary(&path);
            if !is_named_at_random && !self.would_replace(e, &path) {
                self.at(by, Act::FindsFree, &path);
            }
            return self.named(by, Act::Writes, &path);
        }
        let act = if e.flags & flag::TRUNCATE != 0 { Act::Overwrites } else { Act::OpensForChange };
        let only_reads = e.aux & ACCESS_MODE == 0 && act == Act::OpensForChange;
        if act == Act::Overwrites && e.flags & flag::CREATE == 0 {
            self.needs_output(by, &path);
        }
        let is_named = self.place(&path) == Place::NamedOutput;
        if !only_reads && (!self.changes_former(by, act, &path) || is_named) {
            self.named(by, Act::Writes, &path);
        }
    }

    /// Whether a named output is made as it would be made in the place of an earlier one: that nothing was there says nothing.
    fn would_replace(&self, e: &TraceEvent, path: &[u8]) -> bool {
        let replaces = e.flags & flag::TRUNCATE != 0 && e.flags & flag::EXCLUSIVE == 0;
        replaces && self.place(path) == Place::NamedOutput
    }

    /// A change of a named output that would have failed if nothing had been there.
    fn needs_output(&mut self, by: Cause, path: &[u8]) {
        if self.place(path) == Place::NamedOutput {
            self.at(by, Act::FindsTaken, path);
        }
    }

    /// A change of what was there before the run: whether it counts. Outputs, and what the run has made, do not count.
    fn changes_former(&mut self, by: Cause, act: Act, path: &[u8]) -> bool {
        let event = Event { act, name: path, place: self.place(path) };
        let counts =
            self.policy.treat(by.actor, &event).any(|t| t != crate::policy::Treatment::ContentsUnlessMade);
        if !counts || self.made.has_by_another_name(path, self.world) {
            return false;
        }
        self.apply(by, &event, 0);
        true
    }

    /// What is printed is in the result, and the job server's pipe holds nothing. Any other descriptor is the caller's.
    fn write_descriptor(&mut self, path: &[u8], by: Cause) {
        let number = path.rsplit(|b| *b == b'/').next().and_then(|n| std::str::from_utf8(n).ok());
        let number: Option<i32> = number.and_then(|n| n.parse().ok());
        let variable =
            |name: &str| Some(self.world.variable(name.as_bytes())?.to_string_lossy().into_owned());
        if !number.is_some_and(|n| [1, 2].contains(&n) || job_server(variable).contains(&n)) {
            self.named(by, Act::WritesDescriptor, path);
        }
    }

    /// A file that is made under a name that none had before, in a directory for temporary files.
    fn is_temporary(&self, path: &[u8]) -> bool {
        let path = Path::new(platform::os_str(path));
        let usual = Path::new("/tmp");
        let mut named = self.temporary.iter().map(|dir| Path::new(platform::os_str(dir)));
        path.starts_with(usual) || named.any(|dir| path.starts_with(dir))
    }

    /// What a change found that failed. `makes` where it was to make something.
    fn change_failed(&mut self, e: &TraceEvent, by: Cause, path: &[u8], makes: bool) {
        let errno = i32::from(e.errno);
        match () {
            () if platform::errno_is_absent(e.errno) => self.at(by, Act::FindsNothing, path),
            () if errno == libc::EISDIR || makes && [libc::EEXIST, libc::ENOTEMPTY].contains(&errno) => {
                self.at(by, Act::FindsTaken, path);
            }
            () if errno == libc::ENOTEMPTY => self.at(by, Act::FindsFull, path),
            () => {
                let event = Event { act: Act::CannotChange, name: path, place: self.place(path) };
                self.apply(by, &event, e.errno.into());
            }
        }
    }

    /// What is absent is what is not there now, else the directory of the new name.
    fn pair_failed(&mut self, e: &TraceEvent, by: Cause, from: &[u8], to: &[u8]) {
        let is_there = || self.world.is_there(Path::new(platform::os_str(from)));
        if platform::errno_is_absent(e.errno) && !is_there() {
            return self.at(by, Act::FindsNothing, from);
        }
        if i32::from(e.errno) == libc::ENOTEMPTY {
            self.at(by, Act::FindsFull, to);
        }
        self.change_failed(e, by, to, true);
    }

    pub(super) fn make_directory(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if e.errno != 0 {
            return self.change_failed(e, by, &path, true);
        }
        if !self.is_temporary(&path) {
            self.at(by, Act::FindsFree, &path);
        }
        self.named(by, Act::MakesDirectory, &path);
    }

    pub(super) fn rename(&mut self, e: &TraceEvent, by: Cause) {
        let (from, to) = (clean(e.path), clean(e.path2));
        if e.errno != 0 {
            return self.pair_failed(e, by, &from, &to);
        }
        if self.place(&from) == Place::NamedOutput {
            // Under its other name, what was in it may be read, and nothing says of what.
            self.at(by, Act::OpensFile, &from);
        }
        self.changes_former(by, Act::Removes, &from);
        if e.flags & flag::REPLACES == 0 {
            if e.flags & flag::EXCLUSIVE != 0 || self.place(&to) != Place::NamedOutput {
                self.at(by, Act::FindsFree, &to);
            }
        } else {
            self.changes_former(by, Act::Overwrites, &to);
        }
        let is_directory = self.file_type(&to) == Some(FileType::Dir);
        self.made.rename(&from, to.into_owned(), is_directory, by.actor);
    }

    /// A second name for something: what is read by it is read of what it leads to.
    pub(super) fn link(&mut self, e: &TraceEvent, by: Cause) {
        let name = clean(e.path2);
        if e.errno != 0 && e.flags & flag::SYMBOLIC != 0 {
            return self.change_failed(e, by, &name, true);
        }
        if e.errno != 0 {
            return self.pair_failed(e, by, &clean(e.path), &name);
        }
        self.at(by, Act::FindsFree, &name);
        let at = Path::new(platform::os_str(&name));
        let to = Path::new(platform::os_str(e.path));
        // A file without a name gets one by way of its descriptor: it was made here.
        if !to.starts_with("/proc") {
            let to = absolute(at.parent().unwrap_or(at), to);
            let path = clean(to.as_os_str().as_encoded_bytes());
            if self.world.file_type(&to) != Some(FileType::Dir) {
                self.at(by, Act::LinksTo, &path);
                self.asks_status(by, &path);
            } else if !self.made.has(&path) {
                self.named(by, Act::LinksToDirectory, to.as_os_str().as_encoded_bytes());
            }
        }
        self.made.file(&name, by.actor);
    }

    pub(super) fn unlink(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        if e.errno != 0 {
            return self.change_failed(e, by, &path, false);
        }
        self.needs_output(by, &path);
        self.changes_former(by, Act::Removes, &path);
        if self.place(&path) == Place::NamedOutput {
            // That nothing is there from now on is the run's own doing.
            self.made.file(&path, by.actor);
        }
    }

    /// What has no name any more, or never had one, cannot be left changed.
    pub(super) fn change(&mut self, e: &TraceEvent, by: Cause) {
        let path = clean(e.path);
        match e.errno {
            _ if !path.starts_with(b"/") || path.starts_with(b"/memfd:") || path.ends_with(b" (deleted)") => {
            }
            0 => {
                self.needs_output(by, &path);
                self.changes_former(by, Act::ChangesStatus, &path);
            }
            _ => self.change_failed(e, by, &path, false),
        }
    }

    /// What the run made is either gone again, or an output, or a side effect that a hit would not have.
    pub(super) fn left_behind(&mut self) {
        for (path, actor) in std::mem::take(&mut self.made).into_sorted() {
            let by = Cause { pid: 0, actor };
            let p = Path::new(platform::os_str(&path));
            // The compiler makes the directory that it is to write to; a restore does so as well.
            let outputs = self.subject.outputs;
            if !self.world.is_there(p)
                || self.subject.is_state(&path)
                || outputs.dir.starts_with(p)
                || outputs.trees.iter().any(|tree| tree.is_there && tree.path == p)
            {
                continue;
            }
            let overwrites = self.policy.means_something(actor, Act::OverwritesInput);
            let is_named = self.subject.is_foreign && outputs.exact.iter().any(|output| output == p);
            if overwrites && !is_named && self.read_before_made.contains(&path) {
                // What was read there is gone, and cannot be looked at again.
                self.named(by, Act::OverwritesInput, &path);
                continue;
            }
            let is_output = match self.file_type(&path) {
                Some(FileType::Dir) => outputs.is_in_tree(p),
                _ => outputs.owns(p),
            };
            self.named(by, if is_output { Act::LeavesOutput } else { Act::LeavesOther }, &path);
        }
        for path in std::mem::take(&mut self.perhaps_inputs) {
            let p = PathBuf::from(platform::os_str(&path));
            if !self.out.outputs.contains(&p) && self.file_type(&path) == Some(FileType::File) {
                self.depend(DependencyKind::File, &self.subject.roots.portable(&path));
            }
        }
    }
}

/// `O_ACCMODE`; none of its bits is set where a file is opened only to be read.
const ACCESS_MODE: i64 = 3;
