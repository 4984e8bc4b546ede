//! The roots that texts name, in the form that all forms of a path have in common.

use crate::paths::{Root, Roots};
use crate::{platform, template};
use std::collections::BTreeSet;
use std::io::Read;

/// A search for the paths of roots in one text after another.
pub struct NamedRoots<'a> {
    needles: Vec<(&'a str, Vec<u8>)>,
    found: BTreeSet<&'a str>,
}

impl<'a> NamedRoots<'a> {
    pub fn of(roots: &'a Roots) -> NamedRoots<'a> {
        NamedRoots::among(roots.iter().filter(|root| root.mapped.is_some()))
    }

    /// Searches for the paths of roots that no argument maps, too.
    pub fn of_all(roots: &'a Roots) -> NamedRoots<'a> {
        NamedRoots::among(roots.iter())
    }

    fn among(roots: impl Iterator<Item = &'a Root>) -> NamedRoots<'a> {
        let forms = |root: &'a Root| platform::path_forms(&root.path).into_iter().map(|f| (&*root.name, f));
        NamedRoots { needles: roots.flat_map(forms).collect(), found: BTreeSet::new() }
    }

    /// Searches a text. A text that cannot be read counts as one that names every root.
    pub fn search(&mut self, text: impl Read) {
        let found = &self.found;
        let open: Vec<_> = self.needles.iter().filter(|(root, _)| !found.contains(root)).collect();
        let bytes: Vec<&[u8]> = open.iter().map(|(_, form)| form.as_slice()).collect();
        let all = || vec![true; open.len()];
        let present = template::present(&mut platform::fold_paths(text), &bytes).unwrap_or_else(|_| all());
        let present = open.iter().zip(present).filter(|(_, present)| *present);
        let names: Vec<&str> = present.map(|((root, _), _)| *root).collect();
        self.found.extend(names);
    }

    /// Counts every root as named.
    pub fn name_all(&mut self) {
        self.found.extend(self.needles.iter().map(|(root, _)| *root));
    }

    /// The names of the roots that were found.
    pub fn found(self) -> BTreeSet<&'a str> {
        self.found
    }
}
