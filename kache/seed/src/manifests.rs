//! The manifests from which cargo takes the variables of a unit: `CARGO_PKG_DESCRIPTION` and the like. That of the package, and that
//! of a workspace above it or named by it, from which a package may inherit.
//!
//! cargo compares such a variable only where a source asks for it by `env!`. A macro may read it at run time, and the lookup
//! of a seeded unit takes the value from the record.

use kache_core::action::KeyHasher;
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::store::Store;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The digest of the manifests of the package that this process has in its variables. `None` where one cannot be read.
pub fn digest(store: &Store) -> Option<Digest> {
    let dir = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let mut hasher = KeyHasher::default();
    let named = named_workspace(&dir);
    for above in dir.ancestors().chain(named.as_deref()) {
        match store.table.file(&above.join("Cargo.toml")) {
            Ok((known, _)) => hasher.put("manifest", &known.digest.0),
            Err(e) if platform::is_absent(&e) => {}
            Err(_) => return None,
        }
    }
    Some(hasher.finish())
}

/// The directory that a package names as that of its workspace.
fn named_workspace(package: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(package.join("Cargo.toml")).ok()?;
    // Few manifests have the word.
    memchr::memmem::find(text.as_bytes(), b"workspace")?;
    let table = DeTable::parse(&text).ok()?;
    let package_table = table.get_ref().get("package")?.get_ref().as_table()?;
    Some(package.join(package_table.get("workspace")?.get_ref().as_str()?))
}
