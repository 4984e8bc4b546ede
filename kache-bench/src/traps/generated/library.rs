//! What the installed C library exports.

use kache_core::observe::object;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

static EXPORTED: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let library = Command::new("cc").arg("-print-file-name=libc.so.6").output();
    let library = library.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned());
    let exported = library.ok().and_then(|path| object::exports(Path::new(&path)));
    exported.map(|all| all.iter().map(|name| name.to_vec()).collect()).unwrap_or_default()
});

/// Whether the installed C library has a function.
pub fn is_exported(function: &str) -> bool {
    EXPORTED.contains(function.as_bytes())
}
