//! The space that the store saves because it stores equal bytes once.
//!
//! Each result names its outputs by their digests. The sum over all outputs of the results is compared with the sum over
//! the blobs.

use kache_core::store::catalogue;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The bytes that results share. Sizes are lengths of files, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sharing {
    pub results: u64,
    pub outputs: u64,
    /// The size of the outputs, without sharing.
    pub output_bytes: u64,
    /// The size of the blobs that results name, each counted once.
    pub blob_bytes: u64,
    /// The difference.
    pub saved_bytes: u64,
}

/// Measures a cache. A cache that does not exist shares nothing.
///
/// # Errors
/// If the store cannot be listed.
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
