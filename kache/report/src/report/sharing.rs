//! What it saves that equal bytes are kept once.
//!
//! Every result names its outputs by their digests. What they would take if each had its own is counted from the
//! results, what they do take from the blobs that are there.

use kache_core::store::catalogue;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Bytes that several results have in common. Sizes are lengths of files, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sharing {
    /// Results that are stored.
    pub results: u64,
    /// Their outputs.
    pub outputs: u64,
    /// What the outputs would take if each were kept for itself.
    pub output_bytes: u64,
    /// What they take: the blobs that any result names, each once.
    pub blob_bytes: u64,
    /// The difference.
    pub saved_bytes: u64,
}

/// Measures a cache; one that is not there shares nothing.
///
/// # Errors
/// Where the store cannot be listed.
pub fn measure(cache: &Path) -> io::Result<Sharing> {
    let mut sharing = Sharing::default();
    let mut counted = BTreeSet::new();
    catalogue::each(cache, |item| {
        sharing.results += 1;
        for (output, size) in item.result.outputs.iter().zip(&item.sizes) {
            let Some(size) = size else { continue };
            sharing.outputs += 1;
            sharing.output_bytes += size;
            if counted.insert(output.digest.0) {
                sharing.blob_bytes += size;
            }
        }
    })?;
    sharing.saved_bytes = sharing.output_bytes - sharing.blob_bytes;
    Ok(sharing)
}
