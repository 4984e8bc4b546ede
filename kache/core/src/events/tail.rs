//! Reading events as they are written.

use super::{Event, VERSION};
use crate::area::Area;
use crate::platform;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A reader of the events of a cache that returns each event once.
pub struct Tail {
    dir: PathBuf,
    read: BTreeMap<PathBuf, u64>,
    /// The build whose events are read, and the day of its first.
    build: Option<(String, u64)>,
}

impl Tail {
    /// A reader that begins with the first event of a cache.
    pub fn new(cache: &Path) -> Tail {
        Tail { dir: Area::Events.in_cache(cache), read: BTreeMap::new(), build: None }
    }

    /// A reader of the events after a position that [`Tail::position`] returned.
    pub fn after(cache: &Path, position: BTreeMap<String, u64>) -> Tail {
        let tail = Tail::new(cache);
        let read = position.into_iter().map(|(file, read)| (tail.dir.join(file), read)).collect();
        Tail { read, ..tail }
    }

    /// How much of each file was read.
    pub fn position(&self) -> BTreeMap<String, u64> {
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_string());
        self.read.iter().filter_map(|(path, read)| Some((name(path)?, *read))).collect()
    }

    /// A reader of the events of one build that began at a time, in µs since 1970.
    pub fn of_build(cache: &Path, build: &str, since_us: u64) -> Tail {
        Tail { build: Some((build.to_string(), super::day(since_us))), ..Tail::new(cache) }
    }

    /// The events written since the last call, oldest first; none if the cache does not exist. Skips torn lines and lines of
    /// another version. An incomplete last line is left for the next call.
    pub fn read(&mut self) -> io::Result<Vec<Event>> {
        let mut all = Vec::new();
        let files = match std::fs::read_dir(&self.dir) {
            Ok(files) => files,
            Err(e) if platform::is_absent(&e) => return Ok(all),
            Err(e) => return Err(e),
        };
        for file in files {
            let path = file?.path();
            let day = path.file_stem().and_then(|day| day.to_str()?.parse::<u64>().ok());
            let is_old = self.build.as_ref().is_some_and(|(_, first)| day.is_none_or(|day| day < *first));
            if !is_old && path.extension().is_some_and(|e| e == "jsonl") {
                self.one(path, &mut all)?;
            }
        }
        all.sort_by_key(|e: &Event| e.time_us);
        Ok(all)
    }

    fn one(&mut self, path: PathBuf, all: &mut Vec<Event>) -> io::Result<()> {
        let mut file = match File::open(&path) {
            // Old events are given up while we look.
            Err(e) if platform::is_absent(&e) => return Ok(()),
            other => other?,
        };
        let from = self.read.entry(path).or_default();
        if file.metadata()?.len() <= *from {
            return Ok(());
        }
        file.seek(SeekFrom::Start(*from))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        *from += whole as u64;
        let build = self.build.as_ref().map(|(build, _)| build.as_str());
        let is_wanted =
            |line: &&[u8]| build.is_none_or(|build| memchr::memmem::find(line, build.as_bytes()).is_some());
        let lines = text[..whole].split(|b| *b == b'\n').filter(is_wanted);
        let events = lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok());
        all.extend(events.filter(|e| e.v == VERSION && build.is_none_or(|build| e.build == build)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn each_line_is_read_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path());
        assert!(tail.read().unwrap().is_empty(), "there is no cache");
        let events = Area::Events.in_cache(dir.path());
        std::fs::create_dir_all(&events).unwrap();
        let mut file = File::create(events.join("1.jsonl")).unwrap();
        let line = r#"{"v":2,"time_us":5,"kache":"0","pid":1,"build":"1-1","kind":"unit","outcome":"hit",
            "unit":{"family":"f","package":"","name":"a","kind":"lib","emit":"","extra":"","source":""},"stored":false,
            "status":0,"cwd":"/","phases_us":{},"total_us":10,"compile_us":1,"bytes":7}"#
            .replace('\n', "");
        write!(file, "{line}\ntorn\n{}", &line[..40]).unwrap();
        assert_eq!(tail.read().unwrap().len(), 1);
        assert!(tail.read().unwrap().is_empty());
        let mut another = Tail::after(dir.path(), tail.position());
        writeln!(file, "{}", &line[40..]).unwrap();
        assert_eq!(tail.read().unwrap().len(), 1);
        assert_eq!((another.read().unwrap().len(), another.read().unwrap().len()), (1, 0));
        let of = |build: &str, since_us| Tail::of_build(dir.path(), build, since_us).read().unwrap().len();
        assert_eq!((of("1-1", 0), of("1-2", 0), of("1-1", 3 * 86_400_000_000)), (2, 0, 0));
    }
}
