//! What a unit's record knows: the key trace, read as a list of places.
//!
//! This is a reading of its own, by the places that a trace names ("as it was in this place"), so that nothing of what
//! decides in kache which look becomes an observation decides here as well.

use super::tree::{Access, Way, clean};
use kache_core::key_trace::{KeyTrace, Part};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a record says of places.
#[derive(Debug, Default)]
pub struct Known {
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
    ways: HashSet<PathBuf>,
    /// Where links of the directories on the way led, as they were asked for.
    resolved: HashMap<PathBuf, PathBuf>,
}

impl Known {
    /// Reads a trace.
    pub fn of(trace: &KeyTrace) -> Known {
        let mut known = Known::default();
        for component in trace.components.iter().filter(|c| c.part == Part::Dependency) {
            let (kind, name) = component.name.split_once(' ').unwrap_or((&component.name, ""));
            let place = clean(Path::new(&component.raw));
            // What is searched as `lib/../include` is asked for as `include`, too.
            if place.components().any(|c| c.as_os_str() == "..") && matches!(kind, "path" | "file" | "source")
            {
                let plain = known.resolve(&place);
                if kind == "path" {
                    known.sorts.insert(plain, component.value.clone());
                } else {
                    known.contents.insert(plain);
                }
            }
            match kind {
                "file" | "source" => drop(known.contents.insert(place.clone())),
                "path" => drop(known.sorts.insert(place.clone(), component.value.clone())),
                "listing" | "crates" => drop(known.listings.insert(place.clone())),
                "tree" => drop(known.trees.insert(place.clone())),
                "link" | "leads-to" => drop(known.links.insert(place.clone())),
                "program" => {
                    known.programs.insert(name.to_owned());
                    known.contents.insert(place.clone());
                }
                "library" => {
                    known.libraries.insert(name.to_owned());
                    known.contents.insert(place.clone());
                }
                "linker" => {
                    known.programs.extend(place.file_name().map(|n| n.to_string_lossy().into_owned()));
                    known.contents.insert(place.clone());
                }
                _ => continue,
            }
            // What a search finds by way of links counts by the contents of the file at their end.
            if matches!(kind, "program" | "library" | "linker") && !place.as_os_str().is_empty() {
                let plain = known.resolve(&place);
                known.contents.insert(plain);
            }
            if known.contents.contains(&place) {
                known.ways.extend(links_on(&place));
            }
            if kind != "path" || component.value != "absent" {
                known.implied.extend(place.ancestors().skip(1).map(Path::to_path_buf));
            }
        }
        known
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
    pub fn tells(&mut self, access: &Access) -> Option<&'static str> {
        let path = &access.path;
        if let Some(kind) = self.tells_of(path, access.way) {
            return Some(kind);
        }
        // The same thing by its own name, if where each link on the way leads is on record or belongs to the system.
        let resolved = self.resolve(path);
        if resolved == *path || !links_on(path).iter().all(|l| self.links.contains(l) || is_of_the_system(l))
        {
            return None;
        }
        self.tells_of(&resolved, access.way)
    }

    fn tells_of(&self, path: &Path, way: Way) -> Option<&'static str> {
        let sort = self.sorts.get(path).map(String::as_str);
        let within = |set: &HashSet<PathBuf>| path.ancestors().any(|a| set.contains(a));
        if within(&self.trees) {
            return Some("tree");
        }
        let contents = self.contents.contains(path);
        match way {
            Way::Read => contents.then_some("contents"),
            Way::Listed => self.listings.contains(path).then_some("listing"),
            Way::Absent => self.absent(path),
            Way::Followed if self.links.contains(path) => Some("link"),
            Way::Followed => self.ways.contains(path).then_some("the contents that it leads to"),
            Way::Probed | Way::NoLink => {
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
        if let Some(known) = self.resolved.get(path) {
            return known.clone();
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

    fn told(components: &[(&str, &str, &str)], path: &str, way: Way) -> Option<&'static str> {
        let access = Access { path: path.into(), way, program: "cc1".into() };
        Known::of(&trace(components)).tells(&access)
    }

    #[test]
    fn contents_tell_of_a_file_and_of_what_it_lies_in() {
        let record = [("file <workspace>/a/b.h", "/nowhere/a/b.h", "0")];
        assert_eq!(told(&record, "/nowhere/a/b.h", Way::Read), Some("contents"));
        assert_eq!(told(&record, "/nowhere/a/b.h", Way::Probed), Some("contents"));
        assert_eq!(told(&record, "/nowhere/a", Way::Probed), Some("what lies below"));
        assert_eq!(told(&record, "/nowhere/a/c.h", Way::Read), None);
        assert_eq!(told(&record, "/nowhere/a/c.h", Way::Absent), None);
        assert_eq!(told(&record, "/nowhere/a", Way::Listed), None);
        assert_eq!(told(&record, "/nowhere/a/b.h/c", Way::Absent), Some("the file above"));
    }

    #[test]
    fn absence_tells_of_what_is_below_and_of_nothing_that_is_there() {
        let record = [("path <workspace>/gen", "/nowhere/gen", "absent")];
        assert_eq!(told(&record, "/nowhere/gen/a.h", Way::Absent), Some("absence"));
        assert_eq!(told(&record, "/nowhere/gen", Way::Probed), None);
        assert_eq!(told(&record, "/nowhere", Way::Probed), None);
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
        assert_eq!(told(&record[..1], &at("link/x.h"), Way::Read), None);
        assert_eq!(told(&record, &at("link/x.h"), Way::Read), Some("contents"));
    }
}
