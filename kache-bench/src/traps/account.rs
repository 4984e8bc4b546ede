//! The hits and misses that a cache reports, and its reasons.

use crate::analysis::event_log::EventLog;
use crate::backend::{Backend, Counts};
use crate::error::Result;
use kache_core::events::{Event, Kind};
use std::path::Path;

/// Reads the statistics of one cache repeatedly.
pub struct CountReader<'a> {
    backend: &'a dyn Backend,
    cache: &'a Path,
    before: Option<Counts>,
    log: Option<EventLog>,
}

impl<'a> CountReader<'a> {
    /// Reads the statistics before the first build.
    pub fn open(backend: &'a dyn Backend, cache: &'a Path) -> Result<CountReader<'a>> {
        Ok(CountReader { backend, cache, before: backend.counts(cache)?, log: backend.events(cache) })
    }

    /// The difference since the last call, `None` if the cache has no statistics; and why units were not restored or not stored.
    pub fn since(&mut self) -> Result<(Option<Counts>, Vec<String>)> {
        let now = self.backend.counts(self.cache)?;
        let added = now.map(|now| now - self.before.unwrap_or_default());
        self.before = now;
        let events = self.log.as_mut().map(EventLog::poll).unwrap_or_default();
        Ok((added, events.iter().filter(|event| event.kind == Kind::Unit).filter_map(reason).collect()))
    }
}

fn reason(event: &Event) -> Option<String> {
    let detail = event.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
    Some(format!("{}: {}{detail}", event.unit.label(), event.reason_word()?))
}
