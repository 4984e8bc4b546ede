//! The text of `kache --version`: everything that decides whether two builds of kache can share a cache and make the same keys.

use kache_core::observe::launch;
use kache_core::store;
use std::sync::LazyLock;

/// Version, store format and the observer's digest, shortened.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!("{} (store {}, observer {})", env!("CARGO_PKG_VERSION"), store::FORMAT, observer())
    });
    &TEXT
}

/// The first digits of the observer's digest, which also name its file in the cache; `none` without an observer.
pub fn observer() -> String {
    if launch::OBJECT.is_empty() {
        return "none".to_string();
    }
    blake3::hash(launch::OBJECT).to_hex()[..12].to_string()
}
