//! What a unit's record knows: the key trace, read as a list of places.
//!
//! This is a reading of its own, by the places that a trace names ("as it was in this place"), so that nothing of what
//! decides in kache which look becomes an observation decides here as well.

use super::tree::{Access, AccessKind, clean};
use kache_core::key_trace::{KeyTrace, Part};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a record says of places.
#[derive(Debug, Default)]
pub struct RecordedPaths {
    /// Contents count.
    contents: HashSet<PathBuf>,
    /// What sort of thing is there counts: `absent`, `file`, `dir`, `other`.
    sorts: HashMap<PathBuf, String>,
    /// Names in a directory count, all of them or those that could be crates.
    listings: HashSet<PathBuf>,
    /// Everything below counts.
    trees: HashSet<PathBuf>,
    /// Where a link leads counts.
    links: HashSet<PathBuf>,
    /// Names that are searched in `PATH`.
    programs: HashSet<String>,
    /// Names that the loader searches.
    libraries: HashSet<String>,
    /// Directories that must be there for all of this to be seen again.
    implied: HashSet<PathBuf>,
    /// Links on the way to what counts by its contents: another way leads to other contents.
    traversed: HashSet<PathBuf>,
    /// Where links of the directories on the way led, as they were asked for.
    resolved: HashMap<PathBuf, PathBuf>,
}

impl RecordedPaths {
    /// Reads a trace.
    pub fn of(trace: &KeyTrace) -> RecordedPaths {
        let mut recorded_paths = RecordedPaths::default();
        for component in trace.components.iter().filter(|c| c.part == Part::Dependency) {
            let (kind, name) = component.name.split_once(' ').unwrap_or((&component.name, ""));
            let place = clean(Path::new(&component.raw));
            // What is searched as `lib/../include` is asked for as `include`, too.
            if place.components().any(|c| c.as_os_str() == "..") && matches!(kind, "path" | "file" | "source")
            {
                let plain = recorded_paths.resolve(&place);
                if kind == "path" {
                    recorded_paths.sorts.insert(plain, component.value.clone());
                } else {
                    recorded_paths.contents.insert(plain);
                }
            }
            match kind {
                "file" | "source" => drop(recorded_paths.contents.insert(place.clone())),
                "path" => drop(recorded_paths.sorts.insert(place.clone(), component.value.clone())),
                "listing" | "crates" => drop(recorded_paths.listings.insert(place.clone())),
                "tree" => drop(recorded_paths.trees.insert(place.clone())),
                "link" | "leads-to" => drop(recorded_paths.links.insert(place.clone())),
                "program" => {
                    recorded_paths.programs.insert(name.to_owned());
                    recorded_paths.contents.insert(place.clone());
                }
                "library" => {
                    recorded_paths.libraries.insert(name.to_owned());
                    recorded_paths.contents.insert(place.clone());
                }
                "linker" => {
                    recorded_paths
                        .programs
                        .extend(place.file_name().map(|n| n.to_string_lossy().into_owned()));
                    recorded_paths.contents.insert(place.clone());
                }
                _ => continue,
            }
            // What a search finds by way of links counts by the contents of the file at their end.
            if matches!(kind, "program" | "library" | "linker") && !place.as_os_str().is_empty() {
                let plain = recorded_paths.resolve(&place);
                recorded_paths.contents.insert(plain);
            }
            if recorded_paths.contents.contains(&place) {
                recorded_paths.traversed.extend(links_on(&place));
            }
            if kind != "path" || component.value != "absent" {
                recorded_paths.implied.extend(place.ancestors().skip(1).map(Path::to_path_buf));
            }
        }
        recorded_paths
    }

    /// Whether what a name leads to in `PATH` counts.
    pub fn searches_program(&self, name: &str) -> bool {
        self.programs.contains(name)
    }

    /// Whether what a name leads the loader to counts.
    pub fn searches_library(&self, name: &str) -> bool {
        self.libraries.contains(name)
    }

    /// The kind of observation that an access is told by.
    pub fn covers(&mut self, access: &Access) -> Option<&'static str> {
        let path = &access.path;
        if let Some(kind) = self.covers_path(path, access.kind) {
            return Some(kind);
        }
        // The same thing by its own name, if where each link on the way leads is on record or belongs to the system.
        let resolved = self.resolve(path);
        if resolved == *path || !links_on(path).iter().all(|l| self.links.contains(l) || is_of_the_system(l))
        {
            return None;
        }
        self.covers_path(&resolved, access.kind)
    }

    fn covers_path(&self, path: &Path, kind: AccessKind) -> Option<&'static str> {
        let sort = self.sorts.get(path).map(String::as_str);
        let within = |set: &HashSet<PathBuf>| path.ancestors().any(|a| set.contains(a));
        if within(&self.trees) {
            return Some("tree");
        }
        let contents = self.contents.contains(path);
        match kind {
            AccessKind::Read => contents.then_some("contents"),
            AccessKind::Listed => self.listings.contains(path).then_some("listing"),
            AccessKind::Absent => self.absent(path),
            AccessKind::Followed if self.links.contains(path) => Some("link"),
            AccessKind::Followed => self.traversed.contains(path).then_some("the contents that it leads to"),
            AccessKind::Probed | AccessKind::NoLink => {
                if contents {
                    Some("contents")
                } else if sort.is_some_and(|s| s != "absent") {
                    Some("sort")
                } else if self.links.contains(path) {
                    Some("link")
                } else if self.implied.contains(path) || self.listings.contains(path) {
                    Some("what lies below")
                } else {
                    None
                }
            }
        }
    }

    /// On record as absent, or below something that is absent or a file, or in a directory whose names are on record.
    fn absent(&self, path: &Path) -> Option<&'static str> {
        let is = |p: &Path, word: &str| self.sorts.get(p).is_some_and(|s| s == word);
        if path.ancestors().any(|a| is(a, "absent")) {
            return Some("absence");
        }
        let below = path.ancestors().skip(1).find(|a| self.contents.contains(*a) || is(a, "file"));
        if below.is_some() {
            return Some("the file above");
        }
        path.parent().is_some_and(|dir| self.listings.contains(dir)).then_some("listing")
    }

    /// The path without links, as far as it is there.
    fn resolve(&mut self, path: &Path) -> PathBuf {
        if let Some(recorded_paths) = self.resolved.get(path) {
            return recorded_paths.clone();
        }
        let there = path.ancestors().find_map(|a| Some((a, a.canonicalize().ok()?)));
        let resolved = match there {
            Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
            None => path.to_path_buf(),
        };
        let resolved = clean(&resolved);
        self.resolved.insert(path.to_path_buf(), resolved.clone());
        resolved
    }
}

/// Links that a system's installation makes and that no build changes: `/lib` leads to `/usr/lib`.
fn is_of_the_system(link: &Path) -> bool {
    ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].iter().any(|l| link == Path::new(l))
}

/// The symbolic links that are followed where a path is resolved.
pub fn links_on(path: &Path) -> Vec<PathBuf> {
    // The system gives up after as many.
    const MOST: usize = 40;
    let mut links = Vec::new();
    let mut at = PathBuf::new();
    let mut rest: Vec<PathBuf> = path.components().rev().map(|c| c.as_os_str().into()).collect();
    while let Some(part) = rest.pop() {
        if part.as_os_str() == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        let Ok(to) = at.read_link() else { continue };
        links.push(at.clone());
        if links.len() == MOST {
            break;
        }
        at.pop();
        rest.extend(to.components().rev().map(|c| PathBuf::from(c.as_os_str())));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::trace;

    fn covered(components: &[(&str, &str, &str)], path: &str, kind: AccessKind) -> Option<&'static str> {
        let access = Access { path: path.into(), kind, program: "cc1".into() };
        RecordedPaths::of(&trace(components)).covers(&access)
    }

    #[test]
    fn contents_tell_of_a_file_and_of_what_it_lies_in() {
        let record = [("file <workspace>/a/b.h", "/nowhere/a/b.h", "0")];
        assert_eq!(covered(&record, "/nowhere/a/b.h", AccessKind::Read), Some("contents"));
        assert_eq!(covered(&record, "/nowhere/a/b.h", AccessKind::Probed), Some("contents"));
        assert_eq!(covered(&record, "/nowhere/a", AccessKind::Probed), Some("what lies below"));
        assert_eq!(covered(&record, "/nowhere/a/c.h", AccessKind::Read), None);
        assert_eq!(covered(&record, "/nowhere/a/c.h", AccessKind::Absent), None);
        assert_eq!(covered(&record, "/nowhere/a", AccessKind::Listed), None);
        assert_eq!(covered(&record, "/nowhere/a/b.h/c", AccessKind::Absent), Some("the file above"));
    }

    #[test]
    fn absence_tells_of_what_is_below_and_of_nothing_that_is_there() {
        let record = [("path <workspace>/gen", "/nowhere/gen", "absent")];
        assert_eq!(covered(&record, "/nowhere/gen/a.h", AccessKind::Absent), Some("absence"));
        assert_eq!(covered(&record, "/nowhere/gen", AccessKind::Probed), None);
        assert_eq!(covered(&record, "/nowhere", AccessKind::Probed), None);
    }

    #[test]
    fn another_name_counts_only_where_the_links_are_on_record() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::fs::write(root.join("real/x.h"), "").unwrap();
        crate::system::platform::link(Path::new("real"), &root.join("link")).unwrap();
        let at = |p: &str| root.join(p).display().to_string();
        let (file, link) = (at("real/x.h"), at("link"));
        let record = [("file x", file.as_str(), "0"), ("leads-to link", link.as_str(), "0")];
        assert_eq!(covered(&record[..1], &at("link/x.h"), AccessKind::Read), None);
        assert_eq!(covered(&record, &at("link/x.h"), AccessKind::Read), Some("contents"));
    }
}
