//! Manifests: under an action, the observation sets that have been seen, each with the result it led to.

use super::{Area, Store};
use crate::codec::{Reader, Writer};
use crate::dependency::RecordedDependency;
use crate::digest::Digest;
use crate::platform::{self, disk};
use std::io;

const MAGIC: &[u8; 8] = b"kachemf1";
/// Sets kept under one action, newest first. An action with more states than this in use at once is rare (a
/// source file edited again and again leaves one each), and each set costs a lookup time.
const MOST: usize = 24;

/// One set of dependencies and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The result's key.
    pub result: Digest,
    /// Everything that must still hold.
    pub dependencies: Vec<RecordedDependency>,
}

/// All sets of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Newest first.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// As bytes.
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

    /// From bytes, if they are this action's manifest, whole.
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

    /// Reads the manifest of an action; `None` where there is none or it is not whole.
    pub fn load(store: &Store, action: &Digest) -> Option<Manifest> {
        let path = store.path(Area::Manifests, action);
        let bytes = disk::step("manifest: read", &path, || std::fs::read(&path)).ok()?;
        Manifest::decode(&bytes, action)
    }

    /// Takes a result away, and every set that leads to it. The action's lock should be held, as for [`Manifest::add`].
    pub fn drop_result(store: &Store, action: &Digest, result: &Digest) -> io::Result<()> {
        // Without the result no set can lead to it, whatever becomes of the manifest.
        match platform::remove_file(&store.path(Area::Results, result)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let Some(mut manifest) = Manifest::load(store, action) else { return Ok(()) };
        manifest.entries.retain(|e| e.result != *result);
        store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))
    }

    /// Puts an entry in front. The action's lock should be held; without it an entry added at the same moment may
    /// be lost, which costs a compile and nothing else.
    pub fn add(store: &Store, action: &Digest, entry: Entry) -> io::Result<()> {
        let mut manifest = Manifest::load(store, action).unwrap_or_default();
        manifest.entries.retain(|e| e.result != entry.result);
        manifest.entries.insert(0, entry);
        manifest.entries.truncate(MOST);
        store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))
    }
}
