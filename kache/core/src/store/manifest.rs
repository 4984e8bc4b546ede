//! Manifests: for an action key, sets of recorded dependencies, each with the key of the result it leads to.
//!
//! A lookup compares the sets of a manifest one by one, so there are few. A configure script compiles more sources than that
//! by one command line: a set that the newest push out goes into a manifest of its own kind, which is named by the digest of
//! the source as well, and is read where no set of the first one holds.

use super::{Area, Store};
use crate::action::KeyHasher;
use crate::codec::{Reader, Writer};
use crate::dependency::{Dependency, RecordedDependency};
use crate::digest::Digest;
use crate::platform::{self, disk};
use std::io;

const MAGIC: &[u8; 8] = b"kachemf2";
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
    /// The action, where its own manifest has no room for these sets.
    pub overflow_of: Option<Digest>,
}

impl Manifest {
    pub fn encode(&self, action: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(action);
        w.num(u64::from(self.overflow_of.is_some()));
        self.overflow_of.iter().for_each(|of| w.digest(of));
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
        let overflow_of = match r.num()? {
            0 => None,
            _ => Some(r.digest()?),
        };
        let mut entries = Vec::new();
        for _ in 0..r.count()? {
            let result = r.digest()?;
            let n = r.count()?;
            let dependencies = (0..n).map(|_| RecordedDependency::read(&mut r)).collect::<Option<_>>()?;
            entries.push(Entry { result, dependencies });
        }
        r.at_end().then_some(Manifest { entries, overflow_of })
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

    /// Adds an entry as the newest. The oldest of too many goes to the manifest of its `source`. The caller should hold the lock
    /// of the action. Without the lock, an entry that another process adds at the same moment may be lost, which costs a
    /// rerun of the action.
    pub fn add(store: &Store, action: &Digest, source: Option<&Dependency>, entry: Entry) -> io::Result<()> {
        let mut manifest = Manifest::load(store, action).unwrap_or_default();
        manifest.entries.retain(|e| e.result != entry.result);
        manifest.entries.insert(0, entry);
        let old = manifest.entries.split_off(MOST.min(manifest.entries.len()));
        store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))?;
        for entry in old {
            let digest = entry.dependencies.iter().find(|d| Some(&d.dependency) == source).map(|d| d.digest);
            if let Some(digest) = digest {
                Manifest::add_overflow(store, action, &digest, entry)?;
            }
        }
        Ok(())
    }

    fn add_overflow(store: &Store, action: &Digest, source: &Digest, entry: Entry) -> io::Result<()> {
        let name = Manifest::of_source(action, source);
        let mut manifest = Manifest::load(store, &name).unwrap_or_default();
        manifest.overflow_of = Some(*action);
        manifest.entries.retain(|e| e.result != entry.result);
        manifest.entries.insert(0, entry);
        manifest.entries.truncate(MOST);
        store.publish(&store.path(Area::Manifests, &name), &manifest.encode(&name))
    }

    /// The name of the manifest with the sets of one source that the action's own has no room for.
    pub fn of_source(action: &Digest, source: &Digest) -> Digest {
        let mut hasher = KeyHasher::default();
        hasher.put("action", &action.0);
        hasher.put("source", &source.0);
        hasher.finish()
    }

    /// Whether sets may have been pushed out.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::Kind;

    #[test]
    fn a_set_that_is_pushed_out_is_found_by_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let action = Digest::of(b"action");
        let source = Dependency::new(Kind::File, "<workspace>/conftest.c");
        let digest = |n: usize| Digest::of(format!("source {n}").as_bytes());
        let entry = |n: usize| Entry {
            result: Digest::of(format!("result {n}").as_bytes()),
            dependencies: vec![RecordedDependency { dependency: source.clone(), digest: digest(n) }],
        };
        for n in 0..MOST + 2 {
            assert!(!Manifest::load(&store, &action).unwrap_or_default().is_full() || n >= MOST);
            Manifest::add(&store, &action, Some(&source), entry(n)).unwrap();
        }
        let newest = Manifest::load(&store, &action).unwrap();
        assert_eq!((newest.entries.len(), &newest.entries[0]), (MOST, &entry(MOST + 1)));
        for n in 0..2 {
            let old = Manifest::load(&store, &Manifest::of_source(&action, &digest(n))).unwrap();
            assert_eq!((old.entries, old.overflow_of), (vec![entry(n)], Some(action)));
        }
        assert!(Manifest::load(&store, &Manifest::of_source(&action, &digest(2))).is_none());
    }
}
