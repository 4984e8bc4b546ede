//! A running backend: starts without a server of an earlier run and leaves no process running, even if the
//! run fails or is interrupted.

use super::{Backend, serving};
use crate::error::Result;
use std::path::{Path, PathBuf};

/// Held while a build uses a backend with one cache directory.
pub struct RunningBackend<'b> {
    backend: &'b dyn Backend,
    cache: PathBuf,
}

impl<'b> RunningBackend<'b> {
    /// Stops what an earlier run may have left running for this cache.
    pub fn begin(backend: &'b dyn Backend, cache: &Path) -> Result<RunningBackend<'b>> {
        backend.stop(cache)?;
        Ok(RunningBackend { backend, cache: cache.to_path_buf() })
    }

    /// Stops the cache's server and reports a failure.
    pub fn stop(&self) -> Result<()> {
        self.backend.stop(&self.cache)
    }
}

impl Drop for RunningBackend<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.backend.stop(&self.cache) {
            eprintln!("kache-bench: cannot stop {}: {error}", self.backend.name());
        }
        serving::end(&self.cache);
    }
}
