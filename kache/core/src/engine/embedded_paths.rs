//! Which roots of this checkout are named in the files and the text that a command left. Such a result is right only where those
//! roots have the same paths.
//!
//! Arguments map paths to names that all checkouts share, and text is stored as path templates; what is left of the paths
//! shows here. Paths can be left for three reasons. Not everything that a compiler writes goes through its maps
//! (sanitizers, bitcode and others), and no list of such flags would be complete. A linker puts arguments into its output (run
//! paths, the names of libraries), and maps nothing. And where a path has many forms, maps and templates know one form.

use crate::action::Action;
use crate::{platform, run, template};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The names of the mapped roots whose paths are left in the outputs or in the printed text.
pub(super) fn roots_left<'a>(action: &'a Action, ran: &run::Ran, outputs: &[PathBuf]) -> BTreeSet<&'a str> {
    let mut search = Search::of(action);
    for text in [&ran.stdout, &ran.stderr] {
        search.marked(template::templatize(text, &action.roots, template::Format::Printed));
    }
    for path in outputs {
        search.output(action, path);
    }
    search.found
}

/// The search for the roots that are mapped, in the form that all forms of a path have in common.
struct Search<'a> {
    needles: Vec<(&'a str, Vec<u8>)>,
    found: BTreeSet<&'a str>,
}

impl<'a> Search<'a> {
    fn of(action: &'a Action) -> Search<'a> {
        let mapped = action.roots.iter().filter(|r| r.mapped.is_some());
        let forms =
            |r: &'a crate::paths::Root| platform::path_forms(&r.path).into_iter().map(|f| (&*r.name, f));
        Search { needles: mapped.flat_map(forms).collect(), found: BTreeSet::new() }
    }

    fn text(&mut self, text: impl Read) {
        let found = &self.found;
        let open: Vec<_> = self.needles.iter().filter(|(root, _)| !found.contains(root)).collect();
        let bytes: Vec<&[u8]> = open.iter().map(|(_, form)| form.as_slice()).collect();
        let all = || vec![true; open.len()];
        // Text that cannot be searched counts as naming every root.
        let present = template::present(&mut platform::fold_paths(text), &bytes).unwrap_or_else(|_| all());
        let present = open.iter().zip(present).filter(|(_, present)| *present);
        let names: Vec<&str> = present.map(|((root, _), _)| *root).collect();
        self.found.extend(names);
    }

    /// Text whose paths have become placeholders; `None` where it cannot be searched.
    fn marked(&mut self, text: Option<Vec<u8>>) {
        match text {
            Some(text) => self.text(&text[..]),
            None => self.found.extend(self.needles.iter().map(|(root, _)| *root)),
        }
    }

    fn output(&mut self, action: &Action, path: &Path) {
        let Some(format) = action.outputs.template(path) else {
            return match platform::open_regular(path) {
                Ok(file) => self.text(file),
                Err(_) => self.marked(None),
            };
        };
        let marked = |bytes: Vec<u8>| template::templatize(&bytes, &action.roots, format);
        let text: io::Result<Option<Vec<u8>>> = platform::read_regular(path).map(marked);
        self.marked(text.ok().flatten());
    }
}
