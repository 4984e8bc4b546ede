//! What programs and plugins take from the C library, and whether the table of its symbols accounts for that.

use super::{Cause, Collector};
use crate::observe::c_library::{self, Class, Rule};
use crate::observe::object::{Import, Imports};
use crate::observe::trace::{TraceEvent, flag};
use crate::policy::Act;
use foldhash::HashSet;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Objects whose imports have been checked, and symbols that cannot be judged yet.
#[derive(Default)]
pub struct Checked {
    objects: HashSet<PathBuf>,
    c_libraries: BTreeSet<PathBuf>,
    /// Symbols without a row and without the name of the library that they come from.
    unknown: Vec<(Cause, Vec<u8>, PathBuf)>,
}

impl Checked {
    /// Whether an object has not been checked before.
    pub fn is_new(&mut self, object: &Path) -> bool {
        self.objects.insert(object.to_path_buf())
    }

    pub fn note_c_library(&mut self, library: &Path) {
        self.c_libraries.insert(library.to_path_buf());
    }
}

impl Collector<'_> {
    /// Checks what a program, a plugin or a library of one takes from the C library.
    pub(super) fn check_imports(&mut self, by: Cause, object: &Path, imports: Option<&Imports>) {
        let Some(imports) = imports else {
            let detail = format!("{} cannot be read, so that its imports are not known", object.display());
            return self.named(by, Act::ImportsUnaccounted, detail.as_bytes());
        };
        // Objects for glibc name a version, and with it the library, for each symbol that they take from it.
        let from_c =
            |import: &Import| import.library.as_deref().map(|name| self.policy.is_c_library_name(name));
        let is_versioned = imports.symbols.iter().any(|import| from_c(import) == Some(true));
        let judged: Vec<_> = imports.symbols.iter().map(|import| (import, from_c(import))).collect();
        for (Import { name, .. }, from_c) in judged.into_iter().filter(|(_, from_c)| *from_c != Some(false)) {
            if c_library::group(name).is_some() || from_c == Some(true) {
                self.take_symbol(by, name, object);
            } else if !is_versioned {
                self.imports.unknown.push((by, name.clone(), object.to_path_buf()));
            }
        }
    }

    /// Judges a symbol of the C library that an object takes.
    fn take_symbol(&mut self, by: Cause, name: &[u8], object: &Path) {
        if c_library::group(name).is_none_or(|group| group.class == Class::Refused) {
            self.refuse_symbol(by, name, object);
        }
    }

    /// Judges a symbol that is looked up while the program runs. A lookup that led to a hook has no event.
    pub(super) fn look_up(&mut self, e: &TraceEvent, by: Cause) {
        let object = PathBuf::from(self.processes.name(by.pid));
        let of_c_library = e.flags & flag::OF_C_LIBRARY != 0;
        match c_library::group(e.path) {
            Some(group) if group.rule == Some(Rule::Environment) => {
                self.named(by, Act::HoldsEnvironment, e.path);
            }
            Some(group) if group.rule == Some(Rule::Place) => self.named(by, Act::HoldsPlace, e.path),
            // The function itself was found, past its hook.
            Some(group) if group.is_hooked() && of_c_library => self.refuse_symbol(by, e.path, &object),
            None if !of_c_library => self.imports.unknown.push((by, e.path.to_vec(), object)),
            _ => self.take_symbol(by, e.path, &object),
        }
    }

    fn refuse_symbol(&mut self, by: Cause, name: &[u8], object: &Path) {
        let name = String::from_utf8_lossy(name);
        let detail = format!("{} takes {name}, which no record accounts for", object.display());
        self.named(by, Act::ImportsUnaccounted, detail.as_bytes());
    }

    /// Judges the symbols whose library is not known before all modules are.
    pub(super) fn check_unknown(&mut self) {
        let unknown = std::mem::take(&mut self.imports.unknown);
        if unknown.is_empty() {
            return;
        }
        let exported: Vec<_> =
            self.imports.c_libraries.iter().filter_map(|library| self.world.exports(library)).collect();
        for (by, name, object) in unknown {
            if exported.iter().any(|symbols| symbols.contains(&name)) {
                self.take_symbol(by, &name, &object);
            }
        }
    }
}
