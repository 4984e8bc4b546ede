//! Files as they were when a program ran or read them, though the run has removed them since.
//!
//! The contents of a program tell what the program could do, and the walk reads the contents after the run. By then the
//! program's path may be gone, or may lead to another file: a configure script makes and removes hundreds of programs of one
//! name. The observer has kept what was removed or replaced. A file that was written again is lost.

use super::{World, clean};
use crate::observe::kept::Kept;
use crate::observe::trace::{EventKind, Trace, TraceEvent, flag};
use crate::platform;
use foldhash::HashMap;
use std::path::{Component, Path, PathBuf};

/// What happened to paths later, by the order of events.
#[derive(Default)]
pub struct Removed {
    /// Where files were kept, links followed.
    dir: Option<PathBuf>,
    /// For each path, in order: at which event something happened to it, and what.
    changes: HashMap<Vec<u8>, Vec<(usize, Fate)>>,
}

/// What happened to the file that a path led to.
#[derive(Clone)]
enum Fate {
    Kept(PathBuf),
    Renamed(Vec<u8>),
    Lost,
}

impl Removed {
    pub fn of(trace: &Trace, world: &dyn World) -> Removed {
        let dir = trace.kept.and_then(|dir| world.canonicalize(dir));
        let mut removed = Removed { dir, changes: HashMap::default() };
        for (at, event) in trace.events.iter().enumerate().filter(|(_, event)| event.errno == 0) {
            removed.note(at, event);
        }
        removed
    }

    fn note(&mut self, at: usize, event: &TraceEvent) {
        let dir = self.dir.as_deref().filter(|_| event.aux != 0);
        let replaced = || dir.map_or(Fate::Lost, |dir| Fate::Kept(Kept::file(dir, event.aux)));
        let mut add =
            |path: &[u8], fate| self.changes.entry(clean(path).into_owned()).or_default().push((at, fate));
        match event.kind {
            EventKind::Unlink if event.flags & flag::DIRECTORY_REMOVED == 0 => add(event.path, replaced()),
            EventKind::Rename => {
                add(event.path, Fate::Renamed(clean(event.path2).into_owned()));
                add(event.path2, replaced());
            }
            EventKind::Write => add(event.path, Fate::Lost),
            EventKind::Link => add(event.path2, Fate::Lost),
            _ => {}
        }
    }

    /// Where the file is now that a path led to at an event; `None` where the file is lost.
    fn file(&self, path: &[u8], at: usize) -> Option<PathBuf> {
        let changes = self.changes.get(path).map_or(&[][..], Vec::as_slice);
        match changes.get(changes.partition_point(|(when, _)| *when <= at)) {
            None => Some(PathBuf::from(platform::os_str(path))),
            Some((when, Fate::Renamed(to))) => self.file(to, *when),
            Some((_, Fate::Kept(kept))) => Some(kept.clone()),
            Some((_, Fate::Lost)) => None,
        }
    }

    /// Whether a path is that of a file that was kept.
    pub fn is_kept(&self, file: &Path) -> bool {
        self.dir.as_deref().is_some_and(|dir| file.starts_with(dir))
    }
}

impl super::Collector<'_> {
    /// The path of the file that a path led to at this event; `None` where the file is lost.
    pub(super) fn as_it_was(&self, path: &Path) -> Option<PathBuf> {
        let plain = self.without_dots(path)?;
        self.removed.file(&clean(plain.as_os_str().as_encoded_bytes()), self.now)
    }

    /// A path without `..`; `None` where one follows a link that the run made, which may have led elsewhere.
    fn without_dots(&self, path: &Path) -> Option<PathBuf> {
        let mut plain = PathBuf::new();
        for part in path.components() {
            if part != Component::ParentDir {
                plain.push(part);
                continue;
            }
            let name = plain.as_os_str().as_encoded_bytes();
            let is_there = self.world.is_there(&plain) && self.world.read_link(&plain).is_none();
            if !is_there && !self.made.is_directory(name) {
                if self.made.has(name) {
                    return None;
                }
                plain = self.world.canonicalize(&plain)?;
            }
            plain.pop();
        }
        Some(plain)
    }

    /// As [`Self::as_it_was`], and for a file that is lost an empty path, which leads nowhere.
    pub(super) fn file_as_it_was(&self, path: &[u8]) -> PathBuf {
        self.as_it_was(Path::new(platform::os_str(path))).unwrap_or_default()
    }
}
