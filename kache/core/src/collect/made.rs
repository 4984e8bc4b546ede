//! What the run made.

use super::World;
use crate::platform;
use crate::policy::Actor;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files and directories that the run made, and who made each.
#[derive(Default)]
pub struct Made {
    files: HashMap<Vec<u8>, Actor>,
    directories: HashMap<Vec<u8>, Actor>,
}

impl Made {
    pub fn file(&mut self, path: &[u8], by: Actor) {
        self.files.insert(path.to_vec(), by);
    }

    pub fn directory(&mut self, path: &[u8], by: Actor) {
        self.directories.insert(path.to_vec(), by);
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
        let path = Path::new(platform::os_str(path));
        let made = self.files.keys().chain(self.directories.keys());
        made.filter_map(|made| resolve(Path::new(platform::os_str(made)), world))
            .any(|made| path.starts_with(made))
    }

    /// What was made under one name has another.
    pub fn rename(&mut self, from: &[u8], to: Vec<u8>, is_directory: bool, by: Actor) {
        if self.directories.remove(from).is_some() || is_directory {
            self.directories.insert(to, by);
        } else {
            self.files.remove(from);
            self.files.insert(to, by);
        }
    }

    /// Everything, in the order of the paths.
    pub fn into_sorted(self) -> Vec<(Vec<u8>, Actor)> {
        let mut all: Vec<_> = self.files.into_iter().chain(self.directories).collect();
        all.sort_unstable();
        all
    }
}

/// The real name of something that may be gone: as much of the way to it as is left is resolved.
fn resolve(path: &Path, world: &dyn World) -> Option<PathBuf> {
    let there = path.ancestors().skip(1).find_map(|above| Some((above, world.canonicalize(above)?)));
    there.and_then(|(above, real)| Some(real.join(path.strip_prefix(above).ok()?)))
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
