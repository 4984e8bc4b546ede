//! The manifests from which cargo takes the variables of a unit: `CARGO_PKG_DESCRIPTION` and the like. That of the package, and that
//! of a workspace above it, from which a package may inherit.
//!
//! cargo compares such a variable only where a source asks for it by `env!`. A macro may read it at run time, and the lookup
//! of a seeded unit takes the value from the record.

use kache_core::action::KeyHasher;
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::store::Store;
use std::path::PathBuf;

/// The digest of the manifests of the package that this process has in its variables. `None` where one cannot be read.
pub fn digest(store: &Store) -> Option<Digest> {
    let dir = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let mut hasher = KeyHasher::default();
    for above in dir.ancestors() {
        match store.table.file(&above.join("Cargo.toml")) {
            Ok((known, _)) => hasher.put("manifest", &known.digest.0),
            Err(e) if platform::is_absent(&e) => {}
            Err(_) => return None,
        }
    }
    Some(hasher.finish())
}
