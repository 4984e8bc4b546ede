//! What the run made.

use super::World;
use crate::platform;
use crate::policy::Actor;
use foldhash::{HashMap, HashSet};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Files and directories that the run made, and who made each.
#[derive(Default)]
pub struct Made {
    files: HashMap<Vec<u8>, Actor>,
    directories: HashMap<Vec<u8>, Actor>,
    real: RefCell<Real>,
}

/// Where what was made really lies: asked for once for each directory, since a run makes and lists thousands.
#[derive(Default)]
struct Real {
    paths: HashSet<PathBuf>,
    /// Made since `paths` was last complete.
    pending: Vec<Vec<u8>>,
    directories: HashMap<PathBuf, Option<PathBuf>>,
}

impl Real {
    fn complete(&mut self, world: &dyn World) {
        for made in std::mem::take(&mut self.pending) {
            let path = Path::new(platform::os_str(&made));
            let parent = path.parent().and_then(|parent| self.directory(parent, world));
            self.paths.extend(parent.zip(path.file_name()).map(|(parent, name)| parent.join(name)));
        }
    }

    /// A directory's path, links followed; of one that is gone, as far as it is there.
    fn directory(&mut self, path: &Path, world: &dyn World) -> Option<PathBuf> {
        if let Some(known) = self.directories.get(path) {
            return known.clone();
        }
        let real = world.canonicalize(path).or_else(|| {
            let parent = self.directory(path.parent()?, world)?;
            Some(parent.join(path.file_name()?))
        });
        self.directories.insert(path.to_path_buf(), real.clone());
        real
    }
}

impl Made {
    pub fn file(&mut self, path: &[u8], by: Actor) {
        if self.files.insert(path.to_vec(), by).is_none() {
            self.real.get_mut().pending.push(path.to_vec());
        }
    }

    pub fn directory(&mut self, path: &[u8], by: Actor) {
        if self.directories.insert(path.to_vec(), by).is_none() {
            self.real.get_mut().pending.push(path.to_vec());
        }
    }

    /// Whether the run made a directory by this name.
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.directories.contains_key(path)
    }

    /// Whether the run made a path, or a directory above it.
    pub fn has(&self, path: &[u8]) -> bool {
        if self.files.contains_key(path) || self.directories.contains_key(path) {
            return true;
        }
        if self.directories.is_empty() {
            return false;
        }
        let mut above = Path::new(platform::os_str(path)).ancestors().skip(1);
        above.any(|dir| self.directories.contains_key(dir.as_os_str().as_encoded_bytes()))
    }

    /// The same for a path that the event names by where it really lies, and that may have been made by way of a link
    /// or a `..`.
    pub fn has_by_another_name(&self, path: &[u8], world: &dyn World) -> bool {
        let mut real = self.real.borrow_mut();
        real.complete(world);
        Path::new(platform::os_str(path)).ancestors().any(|above| real.paths.contains(above))
    }

    /// What was made under one name has another.
    pub fn rename(&mut self, from: &[u8], to: Vec<u8>, is_directory: bool, by: Actor) {
        let real = self.real.get_mut();
        real.paths.clear();
        if self.directories.remove(from).is_some() || is_directory {
            self.directories.insert(to, by);
        } else {
            self.files.remove(from);
            self.files.insert(to, by);
        }
        real.pending = self.files.keys().chain(self.directories.keys()).cloned().collect();
    }

    /// Everything, in the order of the paths.
    pub fn into_sorted(self) -> Vec<(Vec<u8>, Actor)> {
        let mut all: Vec<_> = self.files.into_iter().chain(self.directories).collect();
        all.sort_unstable();
        all
    }
}

/// The symbolic links that are followed where a path is resolved.
pub fn links_on(path: &Path, world: &dyn World) -> Vec<PathBuf> {
    // The system gives up after as many.
    const MOST: usize = 40;
    let parts =
        |p: &Path| -> Vec<PathBuf> { p.components().rev().map(|c| PathBuf::from(c.as_os_str())).collect() };
    let (mut links, mut at, mut rest) = (Vec::new(), PathBuf::new(), parts(path));
    while let Some(part) = rest.pop() {
        if part.as_os_str() == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        if let Some(to) = world.read_link(&at) {
            links.push(at.clone());
            if links.len() == MOST {
                break;
            }
            at.pop();
            rest.extend(parts(&to));
        }
    }
    links
}
