//! A list of the stored results, for people.

use super::files::{each_file, key_of};
use super::result::ActionResult;
use super::{Area, FORMAT};
use crate::digest::Digest;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A stored result.
pub struct Item {
    pub key: Digest,
    pub result: ActionResult,
    /// When the result was stored or last restored, µs since 1970.
    pub used_us: u64,
    /// The sizes of the outputs in their order; `None` for a missing blob.
    pub sizes: Vec<Option<u64>>,
}

impl Item {
    /// The total size of the outputs.
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().flatten().sum()
    }
}

/// Calls `f` with each undamaged result of a cache, which may not exist.
pub fn each(cache: &Path, mut f: impl FnMut(Item)) -> io::Result<()> {
    let store = cache.join(FORMAT);
    each_file(&Area::Results.below(&store), |path, meta| {
        let key = key_of(&path);
        // Skip results that are damaged, or that a collection removed meanwhile.
        let result = key.and_then(|key| ActionResult::decode(&std::fs::read(&path).ok()?, &key));
        let (Some(key), Some(result)) = (key, result) else { return Ok(()) };
        // A candidate that waits for another place to confirm it is never restored.
        if !result.place.is_empty() {
            return Ok(());
        }
        let used = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let sizes = result.outputs.iter().map(|o| length(&store, &o.digest)).collect();
        f(Item { key, result, used_us: used.map_or(0, |d| d.as_micros() as u64), sizes });
        Ok(())
    })
}

fn length(store: &Path, digest: &Digest) -> Option<u64> {
    Some(std::fs::metadata(Area::Blobs.file(store, digest)).ok()?.len())
}
