//! The hits and misses that a cache reports.

use crate::backend::{Backend, Counts};
use crate::error::Result;
use std::path::Path;

/// Reads the statistics of one cache repeatedly.
pub struct CountReader<'a> {
    backend: &'a dyn Backend,
    cache: &'a Path,
    before: Option<Counts>,
}

impl<'a> CountReader<'a> {
    /// Reads the statistics before the first build.
    pub fn open(backend: &'a dyn Backend, cache: &'a Path) -> Result<CountReader<'a>> {
        Ok(CountReader { backend, cache, before: backend.counts(cache)? })
    }

    /// The difference since the last call; `None` if the cache has no statistics.
    pub fn since(&mut self) -> Result<Option<Counts>> {
        let now = self.backend.counts(self.cache)?;
        let added = now.map(|now| now - self.before.unwrap_or_default());
        self.before = now;
        Ok(added)
    }
}
