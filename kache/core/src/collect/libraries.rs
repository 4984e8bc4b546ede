//! Where the loader searches for the libraries that an object needs, before the places that a dependency on a library's name
//! covers (`crate::libraries`): directories that objects name, and those of a program's own `LD_LIBRARY_PATH`.
//!
//! Which object's directories a search goes through depends on which object asks. Those of all objects that were loaded
//! before count, so that a library that appears in any of them is a change.

use super::{Cause, Collector, clean};
use crate::libraries::SUBDIRECTORIES;
use crate::observe::trace::TraceEvent;
use crate::platform::{self, FileType};
use crate::policy::Act;
use foldhash::HashMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What an object has the loader search for, and where.
#[derive(Debug, Default)]
pub struct Linked {
    libraries: Vec<Vec<u8>>,
    directories: Vec<PathBuf>,
}

/// By object, as the loader found it.
pub type LinkedObjects = HashMap<PathBuf, Rc<Linked>>;

/// What `$LIB` and `$PLATFORM` may stand for.
const TOKENS: [(&str, &[&str]); 2] = [
    ("LIB", &["lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"]),
    ("PLATFORM", &["x86_64", "haswell", "xeon_phi", "aarch64"]),
];

/// The directories of a RUNPATH, or of a variable like it. An empty one is the working directory.
fn directories(list: &[u8], origin: &Path, cwd: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for one in list.split(|byte| matches!(byte, b':' | b';')) {
        let mut texts = vec![String::from_utf8_lossy(one).into_owned()];
        let origin = origin.to_string_lossy();
        for (token, values) in TOKENS.into_iter().chain([("ORIGIN", &[&*origin][..])]) {
            let forms = [format!("${{{token}}}"), format!("${token}")];
            let with = |text: &String| -> Vec<String> {
                let Some(form) = forms.iter().find(|form| text.contains(*form)) else {
                    return vec![text.clone()];
                };
                values.iter().map(|value| text.replace(form, value)).collect()
            };
            texts = texts.iter().flat_map(with).collect();
        }
        all.extend(texts.iter().map(|text| cwd.join(text)));
    }
    all
}

impl Collector<'_> {
    /// What an object that was found at a path has the loader search for.
    fn linked(&mut self, object: &Path, cwd: &Path) -> Rc<Linked> {
        if let Some(known) = self.linked.get(object) {
            return Rc::clone(known);
        }
        let imports = self.world.imports(object).unwrap_or_default();
        let origin = object.parent().unwrap_or(Path::new("/"));
        let lists = imports.directories.iter().filter(|list| !list.is_empty());
        let linked = Rc::new(Linked {
            directories: lists.flat_map(|list| directories(list, origin, cwd)).collect(),
            libraries: imports.libraries,
        });
        self.linked.insert(object.to_path_buf(), Rc::clone(&linked));
        linked
    }

    /// A program begins with a `LD_LIBRARY_PATH` of its own.
    pub(super) fn begins_with(&mut self, e: &TraceEvent) {
        let is_given =
            self.world.variable(b"LD_LIBRARY_PATH").is_some_and(|v| v.as_encoded_bytes() == e.path2);
        let Some(process) = self.processes.get_mut(e.pid) else { return };
        if !e.path2.is_empty() && !is_given {
            let origin = process.program.parent().unwrap_or(Path::new("/"));
            let named = directories(e.path2, origin, process.cwd());
            process.search(named);
        }
    }

    /// An object is loaded: what it names is searched from now on. The search for the object itself went before.
    pub(super) fn searches(&mut self, by: Cause, found: &Path, is_searched_for: bool) {
        if is_searched_for {
            self.search(by, found.file_name().unwrap_or_default().as_encoded_bytes(), &[]);
        }
        let Some(cwd) = self.processes.get(by.pid).map(|process| process.cwd().to_path_buf()) else { return };
        let linked = self.linked(found, &cwd);
        if let Some(process) = self.processes.get_mut(by.pid) {
            process.search(linked.directories.clone());
        }
    }

    /// The loader looks for a library in the directories that are named so far, and in others. Returns the first find.
    fn search(&mut self, by: Cause, name: &[u8], others: &[PathBuf]) -> Option<PathBuf> {
        let named = self.processes.get(by.pid)?.searched().to_vec();
        let name = Path::new(platform::os_str(name));
        let mut first = None;
        for directory in named.iter().chain(others) {
            for place in self.places(by, directory, 0) {
                let path = place.join(name);
                if self.world.file_type(&path) == Some(FileType::File) {
                    first.get_or_insert(path);
                } else {
                    self.at(by, Act::FindsNothing, &clean(path.as_os_str().as_encoded_bytes()));
                }
            }
        }
        first
    }

    /// A directory with those below it that are searched first. One that is not there may appear.
    fn places(&mut self, by: Cause, directory: &Path, depth: usize) -> Vec<PathBuf> {
        let mut places = Vec::new();
        for sub in SUBDIRECTORIES.iter().filter(|_| depth < 4) {
            let sub = directory.join(sub);
            let name = clean(sub.as_os_str().as_encoded_bytes());
            if self.world.file_type(&sub) != Some(FileType::Dir) {
                self.at(by, Act::FindsNothing, &name);
                continue;
            }
            self.at(by, Act::ListsDirectory, &name);
            let names = self.world.names(&sub);
            let capabilities =
                names.iter().map(|name| sub.join(name)).filter(|_| sub.ends_with(SUBDIRECTORIES[0]));
            places.extend(capabilities);
            places.extend(self.places(by, &sub, depth + 1));
        }
        places.push(directory.to_path_buf());
        places
    }

    /// The loader is asked for a library: what the library needs is searched for, and may be what is missing.
    pub(super) fn needs_of(&mut self, by: Cause, library: &Path) {
        let Some(process) = self.processes.get(by.pid).filter(|_| !by.actor.is_trusted()) else { return };
        let cwd = process.cwd().to_path_buf();
        let (mut seen, mut todo) = (BTreeSet::new(), vec![library.to_path_buf()]);
        let mut named = Vec::new();
        while let Some(library) = todo.pop() {
            let linked = self.linked(&library, &cwd);
            named.extend(linked.directories.iter().cloned());
            for name in &linked.libraries {
                let is_loaded = self.processes.get(by.pid).is_some_and(|process| process.has_loaded(name));
                if is_loaded || self.policy.is_c_library_name(name) || !seen.insert(name.clone()) {
                    continue;
                }
                let found = self.search(by, name, &named);
                self.named(by, Act::FindsLibrary, name);
                let found = found.or_else(|| self.world.library(platform::os_str(name)));
                if let Some(found) = found {
                    self.at(by, Act::LoadsLibrary, &clean(found.as_os_str().as_encoded_bytes()));
                    todo.push(found);
                }
            }
        }
    }

    /// The library that the loader finds under a name.
    pub(super) fn find_library(&mut self, by: Cause, name: &[u8]) -> Option<PathBuf> {
        self.search(by, name, &[]).or_else(|| self.world.library(platform::os_str(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_relative_directories_are_resolved() {
        let of = |list: &str| directories(list.as_bytes(), Path::new("/o"), Path::new("/w"));
        assert_eq!(of("$ORIGIN/a:${ORIGIN}/../b;/c"), ["/o/a", "/o/../b", "/c"].map(PathBuf::from));
        assert_eq!(of("lib::"), ["/w/lib", "/w/", "/w/"].map(PathBuf::from));
        assert_eq!(of("/x/$LIB").len(), 4);
        assert!(of("/x/$PLATFORM").contains(&PathBuf::from("/x/haswell")));
    }
}
