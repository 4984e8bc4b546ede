//! The paths in a unit's record, read from its key trace.
//!
//! This module reads the raw paths of the trace and shares no code with kache's decision which accesses
//! become dependencies.

use super::tree::{Access, AccessKind, clean};
use kache_core::key_trace::{KeyTrace, Part};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub struct RecordedPaths {
    /// Contents count.
    contents: HashSet<PathBuf>,
    /// File type by path: `absent`, `file`, `dir`, `other`.
    sorts: HashMap<PathBuf, String>,
    /// Directories whose names are recorded, all or those that could be crates.
    listings: HashSet<PathBuf>,
    /// Everything below counts.
    trees: HashSet<PathBuf>,
    /// Links whose target is recorded.
    links: HashSet<PathBuf>,
    /// Names searched in `PATH`.
    programs: HashSet<String>,
    /// Names searched by the loader.
    libraries: HashSet<String>,
    /// Parent directories of recorded paths, which must exist.
    implied: HashSet<PathBuf>,
    /// Portable paths of files whose attributes are recorded.
    attributes: Vec<String>,
    /// Links on the way to recorded contents; a changed link leads to different contents.
    traversed: HashSet<PathBuf>,
    /// Resolved paths, by path as given.
    resolved: HashMap<PathBuf, PathBuf>,
}

impl RecordedPaths {
    pub fn of(trace: &KeyTrace) -> RecordedPaths {
        let mut recorded_paths = RecordedPaths::default();
        for component in trace.components.iter().filter(|c| c.part == Part::Dependency) {
            let (kind, name) = component.name.split_once(' ').unwrap_or((&component.name, ""));
            let place = clean(Path::new(&component.raw));
            // `lib/../include` is also accessed as `include`.
            if place.components().any(|c| c.as_os_str() == "..") {
                let plain = recorded_paths.resolve(&place);
                match kind {
                    "path" => drop(recorded_paths.sorts.insert(plain, component.value.clone())),
                    "file" | "source" => drop(recorded_paths.contents.insert(plain)),
                    "listing" => drop(recorded_paths.listings.insert(plain)),
                    _ => {}
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
                "host" if name.starts_with("xattr") || name.starts_with("lxattr") => {
                    let path = name.rsplit_once('>').map_or(name, |(_, path)| path);
                    recorded_paths.attributes.extend(path.split_once('/').map(|(_, path)| path.to_owned()));
                    continue;
                }
                _ => continue,
            }
            // If a search follows links, the contents of the final file are recorded.
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

    /// Whether a search of this name in `PATH` is recorded.
    pub fn searches_program(&self, name: &str) -> bool {
        self.programs.contains(name)
    }

    /// Whether a search of this name by the loader is recorded.
    pub fn searches_library(&self, name: &str) -> bool {
        self.libraries.contains(name)
    }

    /// The kind of dependency that covers an access.
    pub fn covers(&mut self, access: &Access) -> Option<&'static str> {
        let path = &access.path;
        if let Some(kind) = self.covers_path(path, access.kind) {
            return Some(kind);
        }
        // The resolved path also covers the access, if every link on the way is recorded or belongs to the
        // system.
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
            AccessKind::Attribute => {
                self.attributes.iter().any(|known| path.ends_with(known)).then_some("attributes")
            }
            AccessKind::Changed | AccessKind::Socket | AccessKind::Inherited => None,
            AccessKind::Followed if self.links.contains(path) => Some("link"),
            AccessKind::Followed => self.traversed.contains(path).then_some("contents of the target"),
            AccessKind::Probed | AccessKind::NoLink => {
                if contents {
                    Some("contents")
                } else if sort.is_some_and(|s| s != "absent") {
                    Some("sort")
                } else if self.links.contains(path) {
                    Some("link")
                } else if self.implied.contains(path) || self.listings.contains(path) {
                    Some("a path below")
                } else {
                    None
                }
            }
        }
    }

    /// Recorded as absent, below something that is absent or a file, or in a directory whose names are
    /// recorded.
    fn absent(&self, path: &Path) -> Option<&'static str> {
        let is = |p: &Path, word: &str| self.sorts.get(p).is_some_and(|s| s == word);
        if path.ancestors().any(|a| is(a, "absent")) {
            return Some("absence");
        }
        let below = path.ancestors().skip(1).find(|a| self.contents.contains(*a) || is(a, "file"));
        if below.is_some() {
            return Some("a file above");
        }
        path.parent().is_some_and(|dir| self.listings.contains(dir)).then_some("listing")
    }

    /// Resolves the existing part of a path.
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

/// Links of the system's installation that no build changes, such as `/lib` to `/usr/lib`.
fn is_of_the_system(link: &Path) -> bool {
    ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].iter().any(|l| link == Path::new(l))
}

/// The symbolic links that resolving a path follows.
pub fn links_on(path: &Path) -> Vec<PathBuf> {
    // The limit of the operating system.
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
        assert_eq!(covered(&record, "/nowhere/a", AccessKind::Probed), Some("a path below"));
        assert_eq!(covered(&record, "/nowhere/a/c.h", AccessKind::Read), None);
        assert_eq!(covered(&record, "/nowhere/a/c.h", AccessKind::Absent), None);
        assert_eq!(covered(&record, "/nowhere/a", AccessKind::Listed), None);
        assert_eq!(covered(&record, "/nowhere/a/b.h/c", AccessKind::Absent), Some("a file above"));
    }

    #[test]
    fn a_directory_is_known_by_its_plain_path_too() {
        let record = [("listing /nowhere/bin/../lib", "/nowhere/bin/../lib", "0")];
        assert_eq!(covered(&record, "/nowhere/bin/../lib", AccessKind::Listed), Some("listing"));
        let record = [("listing /usr/bin/../lib", "/usr/bin/../lib", "0")];
        assert_eq!(covered(&record, "/usr/lib", AccessKind::Listed), Some("listing"));
        assert_eq!(covered(&record, "/usr/share", AccessKind::Listed), None);
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
