//! Whether what a command left names a path of this checkout, so that the result is right in no other checkout.
//!
//! Arguments map paths to names that all checkouts share, and text is stored as path templates; what is left of the paths
//! shows here. Paths can be left for two reasons. Not everything that a compiler writes goes through its maps
//! (sanitizers, bitcode and others), and no list of such flags would be complete. And where a path has many forms, maps
//! and templates know one form.

use crate::action::Action;
use crate::{platform, run, template};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Whether a path of the checkout is left in the outputs or in the printed text.
pub(super) fn are_left(action: &Action, ran: &run::Ran, outputs: &[PathBuf]) -> bool {
    if !action.search_outputs {
        return false;
    }
    let places = Places::of(action);
    let printed = |text: &[u8]| {
        template::templatize(text, &action.roots, template::Format::Printed)
            .is_none_or(|marked| places.are_in(&marked[..]))
    };
    printed(&ran.stdout)
        || printed(&ran.stderr)
        || outputs.iter().any(|path| places.are_in_output(action, path))
}

/// The roots that are mapped, in the form that all forms of a path have in common.
struct Places(Vec<Vec<u8>>);

impl Places {
    fn of(action: &Action) -> Places {
        let mapped = action.roots.iter().filter(|r| r.mapped.is_some());
        Places(mapped.flat_map(|r| platform::path_forms(&r.path)).collect())
    }

    /// Text that cannot be searched counts as naming a path.
    fn are_in(&self, text: impl Read) -> bool {
        let places: Vec<&[u8]> = self.0.iter().map(Vec::as_slice).collect();
        template::any_in(&mut platform::fold_paths(text), &places).unwrap_or(true)
    }

    fn are_in_output(&self, action: &Action, path: &Path) -> bool {
        let Some(format) = action.outputs.template(path) else {
            return platform::open_regular(path).map_or(true, |file| self.are_in(file));
        };
        let marked = |bytes: Vec<u8>| template::templatize(&bytes, &action.roots, format);
        let text: io::Result<Option<Vec<u8>>> = platform::read_regular(path).map(marked);
        text.ok().flatten().is_none_or(|marked| self.are_in(&marked[..]))
    }
}
