//! What a walk of libc, or a search by a pattern, sees. It is found out afterwards: every directory that was or may have been
//! listed, exactly as deep as the pattern goes.

use super::World;
use crate::platform::{self, FileType};
use foldhash::HashSet;
use std::path::{Component, Path, PathBuf};

/// More than this is not worth being recorded.
const MOST: usize = 4096;

/// What was seen.
#[derive(Default)]
pub struct Seen {
    pub directories: Vec<PathBuf>,
    /// The files whose status a walk shows.
    pub files: Vec<PathBuf>,
    pub missing: Vec<PathBuf>,
}

/// `None` where it is too much.
pub fn seen(path: &[u8], is_walk: bool, world: &dyn World) -> Option<Seen> {
    let path = Path::new(platform::os_str(path));
    if is_walk { below(path, world) } else { by_pattern(path, world) }
}

/// Everything below a directory, links followed.
fn below(top: &Path, world: &dyn World) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut known = HashSet::default();
    let mut todo = vec![top.to_path_buf()];
    while let Some(path) = todo.pop() {
        match world.file_type(&path) {
            Some(FileType::Dir) if known.insert(world.canonicalize(&path)) => {
                todo.extend(world.names(&path).into_iter().map(|name| path.join(name)));
                seen.directories.push(path);
            }
            Some(FileType::Dir) => {}
            Some(_) => seen.files.push(path),
            None => seen.missing.push(path),
        }
        if seen.directories.len() + seen.files.len() + todo.len() > MOST {
            return None;
        }
    }
    Some(seen)
}

/// The directories in which the components of a pattern are looked for. One with a special character may match any name.
fn by_pattern(pattern: &Path, world: &dyn World) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut places = vec![PathBuf::new()];
    for component in pattern.components() {
        let Component::Normal(part) = component else {
            places.iter_mut().for_each(|place| place.push(component));
            continue;
        };
        let is_special = part.as_encoded_bytes().iter().any(|b| b"*?[]{}\\~".contains(b));
        if !is_special {
            places.iter_mut().for_each(|place| place.push(part));
            continue;
        }
        let mut next = Vec::new();
        for place in places {
            match world.file_type(&place) {
                Some(FileType::Dir) => {
                    next.extend(world.names(&place).into_iter().map(|name| place.join(name)));
                    seen.directories.push(place);
                }
                Some(_) => {}
                None => seen.missing.push(place),
            }
        }
        places = next;
        if places.len() + seen.directories.len() > MOST {
            return None;
        }
    }
    // The last ones are in listings, but for those that have no special character at the end.
    let is_listed =
        |path: &PathBuf| path.parent().is_some_and(|dir| seen.directories.iter().any(|d| d == dir));
    let rest: Vec<PathBuf> = places.into_iter().filter(|path| !is_listed(path)).collect();
    let (there, missing): (Vec<_>, Vec<_>) = rest.into_iter().partition(|path| world.is_there(path));
    seen.missing.extend(missing);
    seen.files.extend(there.into_iter().filter(|path| world.file_type(path) == Some(FileType::File)));
    Some(seen)
}
