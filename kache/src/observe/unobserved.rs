//! The rules where there is no observer: nothing is known of what other code than the compiler's looked at, so
//! everything that it plausibly could have is looked at, and what is linked is not stored at all.

use super::gather::Gathered;
use super::look::EVERY;
use crate::compiler::Invocation;
use crate::compiler::flags::Deferred;
use crate::observation::{Kind, Look};
use crate::paths::Roots;
use crate::platform::{self, Sort};
use std::path::Path;

/// What to look at, and the outputs found on disk.
pub fn gather(invocation: &Invocation, roots: &Roots, started: i64) -> Result<Gathered, Deferred> {
    let refuse = |why: &str| Err(Deferred::new("not-observed", why));
    if !invocation.adapter.crates {
        return refuse("which headers a C compiler looked for is only known from the observer");
    }
    if invocation.unit.kind.split(',').any(|k| !matches!(k, "lib" | "rlib" | "probe")) {
        return refuse("what a linker reads is only known from the observer");
    }
    if invocation.input.is_empty() {
        return refuse("what a question depends on is only known from the observer");
    }
    let mut out = Gathered::default();
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or(invocation.cwd.clone(), Into::into);
    let portable = roots.portable(package.as_os_str().as_encoded_bytes());
    let mut macros = false;
    for flag in invocation.flags.iter().filter(|f| f.row.flag == "--extern") {
        let Some((_, path)) = flag.value.as_deref().and_then(|v| v.split_once('=')) else {
            return refuse("a crate without a path could be any in the search path");
        };
        out.looks.insert(Look::new(Kind::File, roots.portable(path.as_bytes())));
        macros |= [".so", ".dylib", ".dll"].iter().any(|e| path.ends_with(e));
    }
    if macros {
        out.looks.insert(Look::new(Kind::Tree, portable));
        out.looks.insert(Look::new(Kind::EnvAll, EVERY));
    }
    // Crates of crates need no look: a crate's metadata holds the hashes of those it was built against, and rustc
    // refuses any other.
    for entry in std::fs::read_dir(&invocation.outputs.dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if invocation.outputs.owns(&path) && is_new(&path, started) {
            out.outputs.insert(path);
        }
    }
    Ok(out)
}

fn is_new(path: &Path, started: i64) -> bool {
    matches!(platform::sort_of(path), Ok(Some((Sort::File, id))) if id.mtime.max(id.ctime) >= started)
}
