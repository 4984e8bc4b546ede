//! A backend at work: begins with nothing inherited from an earlier run, ends with nothing left running, also when the
//! run fails or is interrupted.

use super::{Backend, serving};
use crate::error::Result;
use std::path::{Path, PathBuf};

/// Held while something is built behind a backend with its data in one cache.
pub struct Running<'b> {
    backend: &'b dyn Backend,
    cache: PathBuf,
}

impl<'b> Running<'b> {
    /// Stops what an earlier run may have left at this cache.
    pub fn begin(backend: &'b dyn Backend, cache: &Path) -> Result<Running<'b>> {
        backend.stop(cache)?;
        Ok(Running { backend, cache: cache.to_path_buf() })
    }

    /// Stops what serves the cache, and says so if that fails.
    pub fn stop(&self) -> Result<()> {
        self.backend.stop(&self.cache)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.backend.stop(&self.cache) {
            eprintln!("kache-bench: cannot stop {}: {error}", self.backend.name());
        }
        serving::end(&self.cache);
    }
}
