//! What programs and plugins take from the C library, and whether the table of its symbols accounts for that.

use super::{Cause, Collector};
use crate::observe::c_library::{self, Class};
use crate::observe::object::{Import, Imports};
use crate::policy::Act;
use std::collections::{BTreeSet, HashSet};
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
        if c_library::group(name).is_some_and(|group| group.class != Class::Refused) {
            return;
        }
        let name = String::from_utf8_lossy(name);
        let detail = format!("{} imports {name}, which no record accounts for", object.display());
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
