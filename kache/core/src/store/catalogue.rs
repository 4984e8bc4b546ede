//! What is stored, result by result, for people to look at.

use super::gc::{each_file, key_of};
use super::result::ActionResult;
use super::{Area, FORMAT};
use crate::digest::Digest;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A stored result.
pub struct Item {
    /// Its key.
    pub key: Digest,
    /// What it says.
    pub result: ActionResult,
    /// When it was made or last restored, µs since 1970.
    pub used_us: u64,
    /// The lengths of its outputs, in their order; nothing where a blob is not there.
    pub sizes: Vec<Option<u64>>,
}

impl Item {
    /// What its outputs take together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().flatten().sum()
    }
}

/// Calls `f` with each whole result of a cache; of one that is not there, never.
///
/// # Errors
/// Where the store cannot be listed.
pub fn each(cache: &Path, mut f: impl FnMut(Item)) -> io::Result<()> {
    let store = cache.join(FORMAT);
    each_file(&Area::Results.below(&store), |path, meta| {
        let key = key_of(&path);
        // One that was collected meanwhile, or is damaged, is none.
        let result = key.and_then(|key| ActionResult::decode(&std::fs::read(&path).ok()?, &key));
        let (Some(key), Some(result)) = (key, result) else { return Ok(()) };
        let used = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let sizes = result.outputs.iter().map(|o| length(&store, &o.digest)).collect();
        f(Item { key, result, used_us: used.map_or(0, |d| d.as_micros() as u64), sizes });
        Ok(())
    })
}

fn length(store: &Path, digest: &Digest) -> Option<u64> {
    Some(std::fs::metadata(Area::Blobs.file(store, digest)).ok()?.len())
}
