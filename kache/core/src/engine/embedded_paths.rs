//! Which roots of this checkout are named in the files and the text that a command left. Such a result is right only where those
//! roots have the same paths.
//!
//! Arguments map paths to names that all checkouts share, and text is stored as path templates; what is left of the paths
//! shows here. Paths can be left for three reasons. Not everything that a compiler writes goes through its maps
//! (sanitizers, bitcode and others), and no list of such flags would be complete. A linker puts arguments into its output (run
//! paths, the names of libraries), and maps nothing. And where a path has many forms, maps and templates know one form.

use crate::action::Action;
use crate::named_roots::NamedRoots;
use crate::{platform, run, template};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// The names of the mapped roots whose paths are left in the outputs or in the printed text.
pub(super) fn roots_left<'a>(action: &'a Action, ran: &run::Ran, outputs: &[PathBuf]) -> BTreeSet<&'a str> {
    let mut named = NamedRoots::of(&action.roots);
    for text in [&ran.stdout, &ran.stderr] {
        search_marked(&mut named, template::templatize(text, &action.roots, template::Format::Printed));
    }
    for path in outputs {
        search_output(&mut named, action, path);
    }
    named.found()
}

/// Text whose paths have become placeholders; `None` where it cannot be searched.
fn search_marked(named: &mut NamedRoots, text: Option<Vec<u8>>) {
    match text {
        Some(text) => named.search(&text[..]),
        None => named.name_all(),
    }
}

fn search_output(named: &mut NamedRoots, action: &Action, path: &Path) {
    let Some(format) = action.outputs.template(path) else {
        return match platform::open_regular(path) {
            Ok(file) => named.search(file),
            Err(_) => named.name_all(),
        };
    };
    let marked = |bytes: Vec<u8>| action.outputs.marked(&bytes, &action.roots, format);
    let text: io::Result<Option<Vec<u8>>> = platform::read_regular(path).map(marked);
    search_marked(named, text.ok().flatten());
}
