//! The rules where there is no observer: nothing is known of what other code than the compiler's looked at, so
//! everything that it plausibly could have is looked at, and what is linked is not stored at all.

use super::gather::Gathered;
use super::look::EVERY;
use crate::compiler::Invocation;
use crate::compiler::flags::Deferred;
use crate::observation::{Kind, Look};
use crate::paths::{Roots, absolute};
use crate::platform::{self, Sort};
use std::path::Path;

/// What rustc itself asks the environment for, besides what is about diagnostics and its own memory.
const ASKED: &[&str] = &[
    "RUSTC_BOOTSTRAP",
    "RUSTC_FORCE_INCREMENTAL",
    "RUSTC_FORCE_RUSTC_VERSION",
    "RUSTC_OVERRIDE_VERSION_STRING",
    "RUST_TARGET_PATH",
    "SDKROOT",
    "IPHONEOS_DEPLOYMENT_TARGET",
    "MACOSX_DEPLOYMENT_TARGET",
    "TVOS_DEPLOYMENT_TARGET",
    "VISIONOS_DEPLOYMENT_TARGET",
    "WATCHOS_DEPLOYMENT_TARGET",
];

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
    let (mut macros, mut crates) = (false, false);
    for flag in invocation.flags.iter().filter(|f| f.row.flag == "--extern") {
        let Some((_, path)) = flag.value.as_deref().and_then(|v| v.split_once('=')) else {
            return refuse("a crate without a path could be any in the search path");
        };
        out.looks.insert(Look::new(Kind::File, roots.portable(path.as_bytes())));
        macros |= is_dylib(path);
        crates = true;
    }
    // A crate may hand on the macros of another that no flag names.
    if macros || crates && invocation.search.iter().any(|dir| has_dylib(dir)) {
        out.looks.insert(Look::new(Kind::Tree, portable));
        out.looks.insert(Look::new(Kind::EnvAll, EVERY));
    }
    out.looks.extend(ASKED.iter().map(|name| Look::new(Kind::Env, *name)));
    for flag in &invocation.flags {
        let value = flag.value.as_deref().unwrap_or_default();
        match (flag.row.flag, value.split_once('=')) {
            ("-L", Some(("dependency", _))) => {}
            // A static library goes into the crate; which one is meant, what is there decides.
            ("-L", Some(("native", dir))) => {
                let dir =
                    roots.portable(absolute(&invocation.cwd, Path::new(dir)).as_os_str().as_encoded_bytes());
                if !dir.starts_with(b"<") {
                    return refuse("which native libraries a crate takes in is only known from the observer");
                }
                out.looks.insert(Look::new(Kind::Tree, dir));
            }
            ("-L", _) => return refuse("a crate may be any in the search path"),
            ("--target", _) if value.ends_with(".json") => {
                let path = absolute(&invocation.cwd, Path::new(value));
                out.looks.insert(Look::new(Kind::File, roots.portable(path.as_os_str().as_encoded_bytes())));
            }
            _ => {}
        }
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

fn is_dylib(name: &str) -> bool {
    [".so", ".dylib", ".dll"].iter().any(|e| name.ends_with(e))
}

fn has_dylib(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(|e| is_dylib(&e.file_name().to_string_lossy()))
}

fn is_new(path: &Path, started: i64) -> bool {
    matches!(platform::sort_of(path), Ok(Some((Sort::File, id))) if id.mtime.max(id.ctime) >= started)
}
