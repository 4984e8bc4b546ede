//! Whether what a compile left names a place of this checkout, so that it is right in no other.
//!
//! Places are mapped to names that all checkouts share, by flags, and marked in text; what is left of them shows here.
//! There are two reasons for any to be left. Not everything that C compilers write asks the maps: sanitizers, `-fopenmp`,
//! bitcode and others do not, and no list of such flags would be complete. And where a place has many spellings, maps
//! and marks know one: there the outputs of rustc, which maps all that it writes, are searched too.

use super::Asked;
use kache_core::{platform, run, template};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Whether the place counts.
pub(super) fn count(asked: &Asked, ran: &run::Ran, outputs: &[PathBuf]) -> bool {
    if asked.invocation.adapter.crates && !platform::HAS_PATH_FORMS {
        return false;
    }
    let places = Places::of(asked);
    let printed = |text: &[u8]| {
        template::templatize(text, &asked.roots, template::Format::Printed)
            .is_none_or(|marked| places.are_in(&marked[..]))
    };
    printed(&ran.stdout)
        || printed(&ran.stderr)
        || outputs.iter().any(|path| places.are_in_output(asked, path))
}

/// The roots that are said to be mapped, folded to what all of their spellings have in common.
struct Places(Vec<Vec<u8>>);

impl Places {
    fn of(asked: &Asked) -> Places {
        let mapped = asked.roots.iter().filter(|r| r.mapped.is_some());
        Places(mapped.flat_map(|r| platform::path_forms(&r.path)).collect())
    }

    /// What cannot be searched may have one.
    fn are_in(&self, text: impl Read) -> bool {
        let places: Vec<&[u8]> = self.0.iter().map(Vec::as_slice).collect();
        template::any_in(&mut platform::fold_paths(text), &places).unwrap_or(true)
    }

    fn are_in_output(&self, asked: &Asked, path: &Path) -> bool {
        if asked.invocation.depinfo.as_deref() != Some(path) {
            return std::fs::File::open(path).map_or(true, |file| self.are_in(file));
        }
        let marked =
            |bytes: Vec<u8>| template::templatize(&bytes, &asked.roots, asked.toolchain.capabilities.report);
        let text: io::Result<Option<Vec<u8>>> = std::fs::read(path).map(marked);
        text.ok().flatten().is_none_or(|marked| self.are_in(&marked[..]))
    }
}
