//! `kache verify`: reads the whole store and reports damaged files.
//!
//! Builds do not depend on it, because each hit checks what it restores. It shows whether the disk can be trusted, and with
//! `repair` it removes at once the entries that builds would find damaged one by one.

use super::files::{each_file, key_of};
use super::manifest::Manifest;
use super::result::ActionResult;
use super::states::State;
use super::{Area, Store};
use crate::digest::{Digest, read_all};
use crate::platform::{self, disk};
use serde::Serialize;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of blobs in a batch.
const BATCH: usize = 4096;

/// A damaged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The path below `<cache>/v1`.
    pub file: String,
    pub what: &'static str,
    /// Whether the fault is a lost entry, which costs a rerun of the action, and not damaged contents.
    pub harmless: bool,
    /// Whether the file was removed.
    pub repaired: bool,
}

/// The counts of files read, and the faults found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub blobs: u64,
    /// The total size of the blobs.
    pub bytes: u64,
    pub results: u64,
    pub manifests: u64,
    pub states: u64,
    pub faults: Vec<Fault>,
}

/// Reads the whole store and, with `repair`, removes damaged files.
pub fn verify(store: &Store, repair: bool) -> io::Result<Verified> {
    let mut run = Run { store, repair, done: Verified::default() };
    run.blobs()?;
    run.results()?;
    run.manifests()?;
    run.states()?;
    run.done.faults.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(run.done)
}

struct Run<'a> {
    store: &'a Store,
    repair: bool,
    done: Verified,
}

impl Run<'_> {
    fn fault(&mut self, path: &Path, what: &'static str, harmless: bool) {
        let file = path.strip_prefix(self.store.dir()).unwrap_or(path).display().to_string();
        let remove = || disk::step("verify: remove", path, || platform::remove_file(path));
        let repaired = self.repair && remove().is_ok();
        self.done.faults.push(Fault { file, what, harmless, repaired });
    }

    /// Several threads read the blobs of a batch, to keep disk and processors busy. Only one batch of names is in memory.
    fn blobs(&mut self) -> io::Result<()> {
        let mut batch = Vec::with_capacity(BATCH);
        each_file(&self.store.area(Area::Blobs), |path, meta| {
            batch.push((path, meta.len()));
            if batch.len() == BATCH {
                self.read(&batch);
                batch.clear();
            }
            Ok(())
        })?;
        self.read(&batch);
        Ok(())
    }

    fn read(&mut self, batch: &[(PathBuf, u64)]) {
        for (path, what) in wrong(batch) {
            self.fault(&path, what, false);
        }
        self.done.blobs += batch.len() as u64;
        self.done.bytes += batch.iter().map(|(_, size)| size).sum::<u64>();
    }

    fn results(&mut self) -> io::Result<()> {
        let mut wrong = Vec::new();
        each_file(&self.store.area(Area::Results), |path, _| {
            self.done.results += 1;
            let result = key_of(&path).and_then(|key| ActionResult::load(self.store, &key));
            match result {
                // A collection removed the result meanwhile.
                None if !path.exists() => {}
                None => wrong.push((path, "not a complete result of this key", false)),
                Some(r) if !r.outputs.iter().all(|o| self.store.path(Area::Blobs, &o.digest).exists()) => {
                    wrong.push((path, "names a blob that is missing", true));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        wrong.into_iter().for_each(|(path, what, harmless)| self.fault(&path, what, harmless));
        Ok(())
    }

    fn manifests(&mut self) -> io::Result<()> {
        let mut wrong = Vec::new();
        each_file(&self.store.area(Area::Manifests), |path, _| {
            self.done.manifests += 1;
            match key_of(&path).and_then(|key| Manifest::load(self.store, &key)) {
                None if !path.exists() => {}
                None => wrong.push((path, "not a complete manifest of this key", false)),
                Some(m) if m.entries.iter().all(|e| !self.store.path(Area::Results, &e.result).exists()) => {
                    wrong.push((path, "all of its results are missing", true));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        wrong.into_iter().for_each(|(path, what, harmless)| self.fault(&path, what, harmless));
        Ok(())
    }

    fn states(&mut self) -> io::Result<()> {
        let mut wrong = Vec::new();
        each_file(&self.store.area(Area::States), |path, _| {
            self.done.states += 1;
            let whole = key_of(&path).is_some_and(|key| State::is_whole(&path, &key).unwrap_or(false));
            if !whole && path.exists() {
                wrong.push((path, "not a complete state of this key", false));
            }
            Ok(())
        })?;
        wrong.into_iter().for_each(|(path, what, harmless)| self.fault(&path, what, harmless));
        Ok(())
    }
}

/// The damaged blobs of a batch.
fn wrong(batch: &[(PathBuf, u64)]) -> Vec<(PathBuf, &'static str)> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((path, size)) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let what = match digest(path, *size) {
                        Ok(digest) if Some(digest) == key_of(path) => continue,
                        Err(e) if platform::is_absent(&e) => continue,
                        Ok(_) => "contents differ from the digest in its name",
                        Err(_) => "cannot be read",
                    };
                    found.lock().unwrap_or_else(|e| e.into_inner()).push((path.clone(), what));
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(|e| e.into_inner())
}

fn digest(path: &Path, size: u64) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    read_all(&mut file, size, |piece| _ = hasher.update(piece))?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}
