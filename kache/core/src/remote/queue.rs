//! What is to be uploaded: a file for each result, with its keys. The result itself is in the store.
//!
//! A wrapper leaves a file, the agent takes it away once the result is in the remote. So nothing is lost when either is
//! killed, and what is waiting takes no memory and hardly any disk.

use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use crate::remote::{Remote, agent_dir};
use crate::store::Store;
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"kachequ1";
/// How many may wait. With a remote that is away for weeks, what is over is left for `kache push`.
const MOST: usize = 20_000;

/// A result that is to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What was asked.
    pub action: Digest,
    /// The result's key.
    pub result: Digest,
    /// Where the project was.
    pub place: Vec<u8>,
}

impl Waiting {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(&self.action);
        w.digest(&self.result);
        w.bytes(&self.place);
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Waiting> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let waiting = Waiting { action: r.digest()?, result: r.digest()?, place: r.bytes()?.to_vec() };
        r.at_end().then_some(waiting)
    }
}

/// What waits for one remote, whoever its agent is.
pub struct Queue {
    dir: PathBuf,
}

impl Queue {
    /// The queue of a remote, below a store's directory.
    pub fn of(remote: &Remote, store: &Path) -> Queue {
        let whose = Digest::of(format!("{}\0{}", remote.url, remote.prefix).as_bytes()).hex();
        Queue { dir: agent_dir(store).join("queue").join(&whose[..16]) }
    }

    /// Adds one.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add(&self, store: &Store, waiting: &Waiting) -> io::Result<()> {
        let tmp = store.temporary();
        let name = tmp.file_name().unwrap_or_default().to_owned();
        store.publish(&self.dir.join(name), &waiting.encode())
    }

    /// All that wait, oldest first, with their files. What cannot be read is removed.
    pub fn all(&self) -> Vec<(PathBuf, Waiting)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let at = entry.metadata().and_then(|m| m.modified()).ok();
            files.push((at, entry.path()));
        }
        files.sort();
        for (_, path) in files.drain(..files.len().saturating_sub(MOST)) {
            let _ = std::fs::remove_file(path);
        }
        let read = |(_, path): (_, PathBuf)| match std::fs::read(&path) {
            Ok(bytes) => match Waiting::decode(&bytes) {
                Some(waiting) => Some((path, waiting)),
                None => {
                    let _ = std::fs::remove_file(&path);
                    None
                }
            },
            Err(_) => None,
        };
        files.into_iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_waits_and_what_is_torn_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let queue = Queue { dir: agent_dir(store.dir()).join("queue/x") };
        assert!(queue.all().is_empty());
        let waiting = |n: &str| Waiting {
            action: Digest::of(n.as_bytes()),
            result: Digest::of(b"r"),
            place: b"/w".to_vec(),
        };
        queue.add(&store, &waiting("1")).unwrap();
        queue.add(&store, &waiting("2")).unwrap();
        std::fs::write(queue.dir.join("torn"), "kachequ1").unwrap();
        let all = queue.all();
        assert_eq!(all.iter().map(|(_, w)| w.clone()).collect::<Vec<_>>(), [waiting("1"), waiting("2")]);
        assert!(!queue.dir.join("torn").exists());
        std::fs::remove_file(&all[0].0).unwrap();
        assert_eq!(queue.all().len(), 1);
    }
}
