//! Reads kache's event lines while they are written.
//!
//! The log grows during a build, and each poll returns the new complete lines. The events of a phase are
//! those polled between its start and its end; progress is shown from the same source.

use kache_core::events::{self, Event};
use kache_core::store::Area;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Read position in each file of an events directory.
#[derive(Debug)]
pub struct EventLog {
    dir: PathBuf,
    offsets: BTreeMap<PathBuf, u64>,
    unreadable: usize,
}

impl EventLog {
    /// The log of a cache; existing events count as new.
    pub fn of_cache(cache: &Path) -> EventLog {
        EventLog { dir: Area::Events.in_cache(cache), offsets: BTreeMap::new(), unreadable: 0 }
    }

    /// Number of lines that are not events of a known version.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// The events since the last poll, in write order, file by file.
    pub fn poll(&mut self) -> Vec<Event> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let mut files: Vec<_> = entries.flatten().map(|e| e.path()).collect();
        files.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
        files.sort();
        files.iter().flat_map(|file| self.poll_file(file)).collect()
    }

    fn poll_file(&mut self, file: &Path) -> Vec<Event> {
        let offset = self.offsets.entry(file.to_path_buf()).or_default();
        let mut text = Vec::new();
        let read = File::open(file).and_then(|mut f| {
            f.seek(SeekFrom::Start(*offset))?;
            f.read_to_end(&mut text)
        });
        if read.is_err() {
            return Vec::new();
        }
        // An incomplete last line is still being written.
        let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        *offset += whole as u64;
        let lines = text[..whole].split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let mut found = Vec::new();
        for line in lines {
            match serde_json::from_slice::<Event>(line) {
                Ok(event) if event.v == events::VERSION => found.push(event),
                _ => self.unreadable += 1,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::fs;

    #[test]
    fn takes_whole_lines_once() {
        let cache = tempfile::tempdir().unwrap();
        let dir = Area::Events.in_cache(cache.path());
        fs::create_dir_all(&dir).unwrap();
        let line = serde_json::to_string(&testing::unit("one").event()).unwrap();
        let (head, tail) = line.split_at(20);
        let file = dir.join("day.jsonl");
        fs::write(&file, format!("{line}\n{head}")).unwrap();

        let mut log = EventLog::of_cache(cache.path());
        assert_eq!(log.poll().len(), 1);
        assert_eq!(log.poll().len(), 0);
        fs::write(&file, format!("{line}\n{head}{tail}\n{{\"v\":99}}\n")).unwrap();
        assert_eq!(log.poll().len(), 1);
        assert_eq!(log.unreadable(), 1);
    }
}
