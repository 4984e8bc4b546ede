//! Pending uploads: one file for each result, with its keys. The result itself is in the store.
//!
//! A wrapper adds a file, the agent removes it when the result is in the remote. So the queue survives when either is
//! killed, and it takes no memory and little disk space.

use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use crate::remote::{Remote, agent_dir};
use crate::store::Store;
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"kachequ1";
/// The maximum length of the queue. If a remote is unreachable for weeks, the oldest entries are left to `kache push`.
const MAX_ENTRIES: usize = 20_000;

/// A result to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedUpload {
    pub action: Digest,
    /// The key of the result.
    pub result: Digest,
    /// The project's directory.
    pub workspace: Vec<u8>,
}

impl QueuedUpload {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(&self.action);
        w.digest(&self.result);
        w.bytes(&self.workspace);
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Option<QueuedUpload> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let upload =
            QueuedUpload { action: r.digest()?, result: r.digest()?, workspace: r.bytes()?.to_vec() };
        r.at_end().then_some(upload)
    }
}

/// The uploads for one remote, shared by all agents of that remote.
pub struct Queue {
    dir: PathBuf,
}

impl Queue {
    /// The queue of a remote, below a store's directory.
    pub fn of(remote: &Remote, store: &Path) -> Queue {
        let location = Digest::of(format!("{}\0{}", remote.url, remote.prefix).as_bytes()).hex();
        Queue { dir: agent_dir(store).join("queue").join(&location[..16]) }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&self, store: &Store, upload: &QueuedUpload) -> io::Result<()> {
        let tmp = store.temporary();
        let name = tmp.file_name().unwrap_or_default().to_owned();
        store.publish(&self.dir.join(name), &upload.encode())
    }

    /// All entries with their files, oldest first. Removes unreadable files and entries beyond the maximum.
    pub fn all(&self) -> Vec<(PathBuf, QueuedUpload)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let at = entry.metadata().and_then(|m| m.modified()).ok();
            files.push((at, entry.path()));
        }
        files.sort();
        for (_, path) in files.drain(..files.len().saturating_sub(MAX_ENTRIES)) {
            let _ = std::fs::remove_file(path);
        }
        let read = |(_, path): (_, PathBuf)| match std::fs::read(&path) {
            Ok(bytes) => match QueuedUpload::decode(&bytes) {
                Some(upload) => Some((path, upload)),
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
    fn entries_are_kept_in_order_and_torn_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let queue = Queue { dir: agent_dir(store.dir()).join("queue/x") };
        assert!(queue.all().is_empty());
        let upload = |n: &str| QueuedUpload {
            action: Digest::of(n.as_bytes()),
            result: Digest::of(b"r"),
            workspace: b"/w".to_vec(),
        };
        queue.add(&store, &upload("1")).unwrap();
        queue.add(&store, &upload("2")).unwrap();
        std::fs::write(queue.dir.join("torn"), "kachequ1").unwrap();
        let all = queue.all();
        assert_eq!(all.iter().map(|(_, u)| u.clone()).collect::<Vec<_>>(), [upload("1"), upload("2")]);
        assert!(!queue.dir.join("torn").exists());
        std::fs::remove_file(&all[0].0).unwrap();
        assert_eq!(queue.all().len(), 1);
    }
}
