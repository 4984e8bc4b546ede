//! Manifests: for an action key, sets of recorded dependencies, each with the key of the result it leads to.

use super::{Area, Store};
use crate::codec::{Reader, Writer};
use crate::dependency::RecordedDependency;
use crate::digest::Digest;
use crate::platform::{self, disk};
use std::io;

const MAGIC: &[u8; 8] = b"kachemf1";
/// The maximal number of sets of one action. Each set costs time at a lookup, and an action with more sets in use at once is
/// rare: edits of a source file add one set each.
const MOST: usize = 24;

/// A set of recorded dependencies and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The result key.
    pub result: Digest,
    /// All of these must be unchanged for a hit.
    pub dependencies: Vec<RecordedDependency>,
}

/// All sets of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Newest first.
    pub entries: Vec<Entry>,
}

impl Manifest {
    pub fn encode(&self, action: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(action);
        w.num(self.entries.len() as u64);
        for e in &self.entries {
            w.digest(&e.result);
            w.num(e.dependencies.len() as u64);
            for o in &e.dependencies {
                o.write(&mut w);
            }
        }
        w.finish()
    }

    /// Decodes a manifest; `None` unless the bytes are a complete manifest of this action.
    pub fn decode(bytes: &[u8], action: &Digest) -> Option<Manifest> {
        let mut r = Reader::open(bytes, MAGIC)?;
        if r.digest()? != *action {
            return None;
        }
        let mut entries = Vec::new();
        for _ in 0..r.count()? {
            let result = r.digest()?;
            let n = r.count()?;
            let dependencies = (0..n).map(|_| RecordedDependency::read(&mut r)).collect::<Option<_>>()?;
            entries.push(Entry { result, dependencies });
        }
        r.at_end().then_some(Manifest { entries })
    }

    /// Reads the manifest of an action; `None` if it is missing or damaged.
    pub fn load(store: &Store, action: &Digest) -> Option<Manifest> {
        let path = store.path(Area::Manifests, action);
        let bytes = disk::step("manifest: read", &path, || std::fs::read(&path)).ok()?;
        Manifest::decode(&bytes, action)
    }

    /// Removes a result and every set that leads to it. The caller should hold the lock of the action, as for
    /// [`Manifest::add`].
    pub fn drop_result(store: &Store, action: &Digest, result: &Digest) -> io::Result<()> {
        // Remove the result first: even if the manifest cannot be written, no set leads to it then.
        match platform::remove_file(&store.path(Area::Results, result)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let Some(mut manifest) = Manifest::load(store, action) else { return Ok(()) };
        manifest.entries.retain(|e| e.result != *result);
        store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))
    }

    /// Adds an entry as the newest. The caller should hold the lock of the action. Without the lock, an entry that another
    /// process adds at the same moment may be lost, which costs a rerun of the action.
    pub fn add(store: &Store, action: &Digest, entry: Entry) -> io::Result<()> {
        let mut manifest = Manifest::load(store, action).unwrap_or_default();
        manifest.entries.retain(|e| e.result != entry.result);
        manifest.entries.insert(0, entry);
        manifest.entries.truncate(MOST);
        store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))
    }
}
