//! Differences that checks found (`KACHE_CHECK`): for each result that a rerun did not confirm, both versions of each output
//! that differs, and the key traces. They are for people and for `report`.
//!
//! ```text
//! <cache>/v1/differences/<action>/difference.json   stored-0   fresh-0   …   trace.json   fresh-trace.json
//! ```
//!
//! An action has one difference, the latest. All differences together are limited to [`MOST`] and to [`ROOM`] bytes, of which
//! one may use a quarter. The oldest are removed first, and an output that does not fit is listed without its contents.

use super::{Area, Store};
use crate::digest::Digest;
use crate::key_trace;
use crate::platform;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The version of the shape below.
const VERSION: u32 = 1;
/// The maximal number of differences.
pub const MOST: usize = 16;
/// The maximal size of all differences together, in bytes.
pub const ROOM: u64 = 256 << 20;

/// A result that a rerun did not confirm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// The version of this shape.
    pub v: u32,
    /// When the check began, µs since 1970.
    pub time_us: u64,
    /// The label of the unit.
    pub label: String,
    pub cwd: String,
    /// The action key, hex.
    pub action: String,
    /// The stored result's key, hex.
    pub result: String,
    /// The result key of the rerun, if it is known. It differs from `result` if the rerun had other dependencies.
    pub fresh_result: Option<String>,
    pub outputs: Vec<Differing>,
}

/// An output, or printed text, whose two versions differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Differing {
    /// The portable path of an output; `stdout`, `stderr` or `status`.
    pub what: String,
    /// The stored version, if the stored result has the output.
    pub stored: Option<Version>,
    /// The version of the rerun, if it made the output.
    pub fresh: Option<Version>,
}

/// One of the two versions, in stored form: text is a path template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub bytes: u64,
    /// The digest of the contents, hex.
    pub digest: String,
    pub executable: bool,
    /// The file beside `difference.json` with the contents; `None` if they did not fit.
    pub file: Option<String>,
    #[serde(skip)]
    contents: Vec<u8>,
}

impl Version {
    pub fn of(contents: Vec<u8>, executable: bool) -> Version {
        let digest = Digest::of(&contents).hex();
        Version { bytes: contents.len() as u64, digest, executable, file: None, contents }
    }
}

impl Difference {
    pub fn new(
        time_us: u64,
        label: String,
        cwd: String,
        keys: (&Digest, &Digest),
        outputs: Vec<Differing>,
    ) -> Difference {
        let (action, result) = (keys.0.hex(), keys.1.hex());
        Difference { v: VERSION, time_us, label, cwd, action, result, fresh_result: None, outputs }
    }

    /// The names of the outputs that differ, in a line.
    pub fn names(&self) -> String {
        self.outputs.iter().map(|o| o.what.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Stores the difference with the key traces of the stored result and of the rerun, and returns its directory.
    pub fn save(mut self, store: &Store, fresh: Option<&key_trace::KeyTrace>) -> io::Result<PathBuf> {
        let dir = store.area(Area::Differences);
        let to = dir.join(&self.action[..16]);
        let tmp = store.temporary();
        std::fs::create_dir(&tmp)?;
        let kept = self.fill(&tmp, store, fresh).and_then(|()| {
            std::fs::create_dir_all(&dir)?;
            let _ = platform::remove_dir_all(&to);
            make_room(&dir, size(&tmp))?;
            std::fs::rename(&tmp, &to)
        });
        kept.map(|()| to).inspect_err(|_| {
            let _ = platform::remove_dir_all(&tmp);
        })
    }

    fn fill(&mut self, dir: &Path, store: &Store, fresh: Option<&key_trace::KeyTrace>) -> io::Result<()> {
        let mut room = ROOM / 4;
        for (n, output) in self.outputs.iter_mut().enumerate() {
            for (word, version) in [("stored", &mut output.stored), ("fresh", &mut output.fresh)] {
                let Some(version) = version.as_mut().filter(|v| v.bytes <= room) else { continue };
                let name = format!("{word}-{n}");
                std::fs::write(dir.join(&name), &version.contents)?;
                room -= version.bytes;
                version.file = Some(name);
            }
        }
        // A missing trace is not an error: traces are only for reading.
        if let Some(result) = Digest::from_hex(&self.result) {
            let _ = std::fs::copy(store.path(Area::Traces, &result), dir.join("trace.json"));
        }
        if let Some(trace) = fresh {
            std::fs::write(dir.join("fresh-trace.json"), serde_json::to_vec(trace)?)?;
        }
        std::fs::write(dir.join("difference.json"), serde_json::to_vec_pretty(self)?)
    }
}

/// The differences in a cache, newest first, each with its directory.
pub fn list(cache: &Path) -> Vec<(PathBuf, Difference)> {
    let Ok(entries) = std::fs::read_dir(Area::Differences.in_cache(cache)) else {
        return Vec::new();
    };
    let read = |dir: PathBuf| {
        let text = std::fs::read(dir.join("difference.json")).ok()?;
        let difference: Difference = serde_json::from_slice(&text).ok()?;
        (difference.v == VERSION).then_some((dir, difference))
    };
    let mut all: Vec<_> = entries.filter_map(|e| read(e.ok()?.path())).collect();
    all.sort_by_key(|(_, d)| std::cmp::Reverse(d.time_us));
    all
}

/// Removes the oldest until one more of that size fits. Any other entry of the directory is treated as a difference.
fn make_room(dir: &Path, wanted: u64) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        kept.push((entry.metadata()?.modified()?, size(&entry.path()), entry.path()));
    }
    kept.sort();
    let mut sum: u64 = kept.iter().map(|(_, size, _)| size).sum();
    let mut count = kept.len();
    for (_, size, path) in kept {
        if count < MOST && sum + wanted <= ROOM {
            break;
        }
        let _ = platform::remove_dir_all(&path);
        sum -= size;
        count -= 1;
    }
    Ok(())
}

fn size(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.filter_map(|e| e.ok()?.metadata().ok()).map(|m| m.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(store: &Store, n: u64, bytes: usize) -> PathBuf {
        let version = |b: u8| Some(Version::of(vec![b; bytes], false));
        let outputs = vec![Differing { what: "stdout".into(), stored: version(1), fresh: version(2) }];
        let action = Digest::of(&n.to_le_bytes());
        let d = Difference::new(n, format!("unit {n}"), "/".into(), (&action, &action), outputs);
        d.save(store, None).unwrap()
    }

    // Sets the time of a directory through a read-only handle, which Windows denies.
    #[cfg(unix)]
    #[test]
    fn the_oldest_are_removed_and_an_action_has_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for n in 0..MOST as u64 + 4 {
            let place = kept(&store, n, 8);
            // Differences of one tick of the file clock would have no order.
            let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n + 1);
            std::fs::File::open(&place).unwrap().set_modified(then).unwrap();
        }
        let last = kept(&store, 7, 8);
        assert_eq!(std::fs::read(last.join("fresh-0")).unwrap(), [2; 8]);
        let all = list(dir.path());
        assert_eq!(all.len(), MOST);
        let times: Vec<u64> = all.iter().map(|(_, d)| d.time_us).collect();
        assert_eq!(times, (4..MOST as u64 + 4).rev().collect::<Vec<_>>());
    }

    #[test]
    fn an_output_that_does_not_fit_is_listed_without_contents() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        kept(&store, 1, (ROOM / 8 + 1) as usize);
        let (place, d) = list(dir.path()).remove(0);
        assert!(place.join("stored-0").exists() && !place.join("fresh-0").exists());
        let fresh = d.outputs[0].fresh.clone().unwrap();
        assert_eq!((fresh.file, fresh.bytes), (None, ROOM / 8 + 1));
    }
}
