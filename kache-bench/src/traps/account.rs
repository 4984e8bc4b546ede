//! What a backend says itself about its hits.

use crate::backend::{Backend, Counts};
use crate::error::Result;
use std::path::Path;

/// A running account of one cache.
pub struct CountReader<'a> {
    backend: &'a dyn Backend,
    cache: &'a Path,
    before: Option<Counts>,
}

impl<'a> CountReader<'a> {
    /// Opens it, before the first build.
    pub fn open(backend: &'a dyn Backend, cache: &'a Path) -> Result<CountReader<'a>> {
        Ok(CountReader { backend, cache, before: backend.counts(cache)? })
    }

    /// What was added since it was last asked; nothing if the backend does not count.
    pub fn since(&mut self) -> Result<Option<Counts>> {
        let now = self.backend.counts(self.cache)?;
        let added = now.map(|now| now - self.before.unwrap_or_default());
        self.before = now;
        Ok(added)
    }
}
