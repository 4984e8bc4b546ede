//! Garbage collection: evicts least recently used entries down to the size limit.
//!
//! A hit sets the modification time of its result file, which is the only cost of tracking use. A blob was last used when the
//! latest result that names it was. Memory use does not depend on the size of the store: the references from results to blobs
//! are written to temporary files by the first byte of the blob's key and read back one file at a time, and ages are counted
//! in buckets (`ages`).
//!
//! Builds run meanwhile, and the collection does not lock them out. A result is removed before its blobs, and a blob only if
//! no result names it and it is not new. A build that finds part of an entry missing runs the command. So a race costs at
//! most one run.
//!
//! | step | removes |
//! | --- | --- |
//! | leftovers | temporary files and locks of killed processes, events older than 30 days, and what builds asked for that did not run for 30 days |
//! | garbage | blobs that no result names |
//! | by size | the least recently used results with their traces and blobs, until four fifths of the limit are used |
//! | by age | results unused for longer than the given age |
//! | manifests | entries whose result is missing |
//! | states | the least recently used states of earlier runs, down to their own limit |

mod ages;

pub use super::files::Amount;
use super::files::{each_entry, each_file, key_of, shards};
use super::result::ActionResult;
use super::{Area, Store, manifest::Manifest, states};
use crate::platform::{self, disk};
use ages::Ages;
use serde::Serialize;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A blob without a result stays for this long, because a running process may be about to store the result.
const GRACE: Duration = Duration::from_secs(600);
/// Temporary files and locks of this age belong to killed processes.
const LEFT: Duration = Duration::from_secs(3600);
/// No build takes longer.
const BUILDS: Duration = Duration::from_secs(86_400);
/// The age at which the records of a build are removed that were not used since.
const SEEDS: Duration = EVENTS;
/// The age at which events are removed.
const EVENTS: Duration = Duration::from_secs(30 * 86_400);

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximal size on disk, without states.
    pub max_bytes: u64,
    /// The maximal size of states on disk.
    pub max_state_bytes: u64,
    /// The maximal time since the last use of a result or a state.
    pub max_age: Option<Duration>,
    /// Report what would be removed without removing it.
    pub dry_run: bool,
}

/// What a collection removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Bytes on disk before the collection.
    pub before: u64,
    /// Bytes on disk after the collection.
    pub after: u64,
    /// Evicted results with their traces.
    pub results: Amount,
    pub blobs: Amount,
    /// Manifests without any entry left.
    pub manifests: Amount,
    /// Temporary files and locks of killed processes, and old events.
    pub leftovers: Amount,
    /// Evicted states. They are not part of `before` and `after`.
    pub states: Amount,
    /// The number of results that remain.
    pub kept: u64,
    /// Files that could not be removed.
    pub troubles: Vec<String>,
}

/// Runs a collection; `None` if another one is running.
pub fn collect(store: &Store, limits: Limits) -> io::Result<Option<Collected>> {
    let Some(_lock) = store.lock_named("collection", Duration::ZERO) else { return Ok(None) };
    let spill = store.temporary();
    platform::make_private_dir(&spill)?;
    let mut run = Run { store, limits, now: SystemTime::now(), spill, done: Collected::default() };
    let outcome = run.all();
    let _ = std::fs::remove_dir_all(&run.spill);
    outcome.map(|()| Some(run.done))
}

/// Starts a collection in the background if `stored` new bytes of blobs take the store over its limit.
pub fn start_if_over_limit(store: &Store, cache: &Path, max: u64, stored: u64) {
    /// An estimate for result, manifest and trace.
    const OVERHEAD: u64 = 32 * 1024;
    if store.add_usage(stored + OVERHEAD).is_none_or(|now| now <= max) {
        return;
    }
    // Lower the recorded size, so that only one process starts a collection. The collection records the real size. If it
    // fails, another one starts after the store has grown by a twentieth of the limit.
    store.set_usage(max - max / 20);
    if let Ok(own) = std::env::current_exe() {
        // The agent is another program, beside this one.
        let agent = own.file_stem().is_some_and(|name| name == "kache-agent");
        let own = if agent { platform::as_program(own.with_file_name("kache")) } else { own };
        let mut collect = std::process::Command::new(own);
        collect.arg("gc").env("KACHE_CACHE_DIR", cache).env("KACHE_MAX_SIZE", max.to_string());
        let _ = platform::detach(&mut collect, false);
    }
}

struct Run<'a> {
    store: &'a Store,
    limits: Limits,
    now: SystemTime,
    spill: PathBuf,
    done: Collected,
}

impl Run<'_> {
    fn all(&mut self) -> io::Result<()> {
        self.leftovers()?;
        let mut ages = Ages::default();
        self.references(Duration::MAX, Some(&mut ages))?;
        let garbage = self.sweep(Some(&mut ages))?;
        let fixed = self.fixed()?;
        self.done.before = ages.total() + fixed + garbage.bytes;
        self.done.blobs = garbage;
        let oldest =
            self.limits.max_age.unwrap_or(Duration::MAX).min(ages.limit(self.limits.max_bytes, fixed));
        if oldest < Duration::MAX {
            self.results(oldest)?;
            self.references(oldest, None)?;
            let swept = self.sweep(None)?;
            // In a dry run the first sweep removed nothing, so the second counts the same blobs again.
            let before = if self.limits.dry_run { Amount::default() } else { garbage };
            self.done.blobs = Amount { files: before.files + swept.files, bytes: before.bytes + swept.bytes };
        }
        self.manifests(oldest)?;
        let Limits { max_state_bytes, max_age, dry_run, .. } = self.limits;
        self.done.states = states::evict(self.store, max_state_bytes, max_age, dry_run)?;
        let gone = self.done.results.bytes + self.done.blobs.bytes + self.done.manifests.bytes;
        self.done.after = self.done.before.saturating_sub(gone);
        if !self.limits.dry_run {
            self.store.set_usage(self.done.after);
        }
        Ok(())
    }

    fn age(&self, meta: &Metadata) -> Duration {
        // Treat a time in the future as now.
        meta.modified().ok().and_then(|t| self.now.duration_since(t).ok()).unwrap_or_default()
    }

    fn remove(&mut self, path: &Path) -> bool {
        if self.limits.dry_run {
            return true;
        }
        match disk::step("collection: remove", path, || platform::remove_file(path)) {
            Ok(()) => true,
            Err(e) if platform::is_absent(&e) => false,
            Err(e) => {
                self.done.troubles.push(e.to_string());
                false
            }
        }
    }

    fn leftovers(&mut self) -> io::Result<()> {
        let mut old = Vec::new();
        for (area, age) in [(Area::Temporary, LEFT), (Area::Builds, BUILDS), (Area::Events, EVENTS)] {
            each_entry(&self.store.area(area), |path, meta| {
                if self.age(&meta) > age {
                    old.push((path, meta));
                }
                Ok(())
            })?;
        }
        for (path, meta) in old {
            let gone = if meta.is_dir() {
                self.limits.dry_run || platform::remove_dir_all(&path).is_ok()
            } else {
                self.remove(&path)
            };
            if gone {
                self.done.leftovers.add(&meta);
            }
        }
        self.seeds()?;
        let mut locks = Vec::new();
        each_entry(&self.store.area(Area::Locks), |path, meta| {
            locks.extend((self.age(&meta) > LEFT).then_some((path, meta)));
            Ok(())
        })?;
        for (path, meta) in locks {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // A lock that can be taken has no holder. Dropping it removes its file.
            if self.limits.dry_run || self.store.lock_named(&name, Duration::ZERO).is_some() {
                self.done.leftovers.add(&meta);
            }
        }
        Ok(())
    }

    /// Removes the records of builds that did not run for long.
    fn seeds(&mut self) -> io::Result<()> {
        let mut old = Vec::new();
        each_file(&self.store.area(Area::Seeds), |path, meta| {
            if self.age(&meta) > SEEDS {
                old.push((path, meta));
            }
            Ok(())
        })?;
        for (path, meta) in old {
            if self.remove(&path) {
                self.done.leftovers.add(&meta);
            }
            if !self.limits.dry_run
                && let Some(dir) = path.parent()
            {
                // It goes once it is empty.
                let _ = std::fs::remove_dir(dir);
            }
        }
        Ok(())
    }

    /// Writes the references of the results that are not older than `oldest` to temporary files, and removes results that
    /// cannot be read.
    fn references(&mut self, oldest: Duration, mut ages: Option<&mut Ages>) -> io::Result<()> {
        let mut out: Vec<Option<BufWriter<File>>> = (0..256).map(|_| None).collect();
        self.done.kept = 0;
        each_file(&self.store.area(Area::Results), |path, meta| {
            let age = self.age(&meta);
            if age > oldest {
                return Ok(());
            }
            let result = key_of(&path).and_then(|key| ActionResult::load(self.store, &key));
            let Some(result) = result else {
                if self.remove(&path) {
                    self.done.results.add(&meta);
                }
                return Ok(());
            };
            self.done.kept += 1;
            if let Some(ages) = &mut ages {
                let trace = std::fs::metadata(trace_of(&path)).map_or(0, |m| platform::disk_usage(&m));
                ages.add(age, platform::disk_usage(&meta) + trace);
            }
            for output in result.outputs {
                let first = output.digest.0[0];
                if out[usize::from(first)].is_none() {
                    let path = self.spill.join(format!("{first:02x}"));
                    let file = disk::step("collection: spill", &path, || File::create(&path))?;
                    out[usize::from(first)] = Some(BufWriter::new(file));
                }
                if let Some(file) = &mut out[usize::from(first)] {
                    file.write_all(&output.digest.0)?;
                    file.write_all(&age.as_secs().to_le_bytes())?;
                }
            }
            Ok(())
        })?;
        for file in out.into_iter().flatten() {
            file.into_inner().map_err(io::IntoInnerError::into_error)?;
        }
        Ok(())
    }

    /// Removes the blobs without a reference and adds the others to `ages`.
    fn sweep(&mut self, mut ages: Option<&mut Ages>) -> io::Result<Amount> {
        let mut removed = Amount::default();
        let blobs = self.store.area(Area::Blobs);
        for shard in 0..256 {
            let spilled = self.spill.join(format!("{shard:02x}"));
            let named = read_references(&spilled)?;
            let _ = std::fs::remove_file(&spilled);
            let mut unnamed = Vec::new();
            each_entry(&blobs.join(format!("{shard:02x}")), |path, meta| {
                let used = key_of(&path).and_then(|key| {
                    let at = named.binary_search_by(|(digest, _)| digest.cmp(&key.0)).ok()?;
                    Some(named[at].1)
                });
                let age = self.age(&meta);
                match used {
                    None if age > GRACE || self.limits.max_bytes == 0 => unnamed.push((path, meta)),
                    used => {
                        if let Some(ages) = &mut ages {
                            ages.add(used.map_or(age, Duration::from_secs), platform::disk_usage(&meta));
                        }
                    }
                }
                Ok(())
            })?;
            for (path, meta) in unnamed {
                if self.remove(&path) {
                    removed.add(&meta);
                }
            }
        }
        Ok(removed)
    }

    /// The bytes that eviction does not affect.
    fn fixed(&self) -> io::Result<u64> {
        let mut sum = 0;
        each_entry(self.store.dir(), |_, meta| {
            sum += if meta.is_dir() { 0 } else { platform::disk_usage(&meta) };
            Ok(())
        })?;
        for area in [Area::Events, Area::Toolchains, Area::Observer] {
            each_entry(&self.store.area(area), |_, meta| {
                sum += platform::disk_usage(&meta);
                Ok(())
            })?;
        }
        for area in [Area::Manifests, Area::Seeds] {
            each_file(&self.store.area(area), |_, meta| {
                sum += platform::disk_usage(&meta);
                Ok(())
            })?;
        }
        Ok(sum)
    }

    fn results(&mut self, oldest: Duration) -> io::Result<()> {
        for dir in shards(&self.store.area(Area::Results))? {
            let mut old = Vec::new();
            each_entry(&dir, |path, meta| {
                old.extend((self.age(&meta) > oldest).then_some((path, meta)));
                Ok(())
            })?;
            for (path, meta) in old {
                // A build used the result after it was listed.
                if std::fs::metadata(&path).is_ok_and(|now| now.modified().ok() != meta.modified().ok()) {
                    continue;
                }
                let trace = trace_of(&path);
                let about = std::fs::metadata(&trace);
                if self.remove(&path) {
                    self.done.results.add(&meta);
                    if let Ok(about) = about
                        && self.remove(&trace)
                    {
                        self.done.results.bytes += platform::disk_usage(&about);
                    }
                }
            }
        }
        Ok(())
    }

    fn manifests(&mut self, oldest: Duration) -> io::Result<()> {
        // One shard at a time, because all of a million manifests may be stale.
        shards(&self.store.area(Area::Manifests))?.into_iter().try_for_each(|dir| self.shard(&dir, oldest))
    }

    fn shard(&mut self, manifests: &Path, oldest: Duration) -> io::Result<()> {
        let mut stale = Vec::new();
        each_entry(manifests, |path, meta| {
            let whole = key_of(&path).and_then(|key| Some((key, Manifest::load(self.store, &key)?)));
            let leads = |entry: &super::manifest::Entry| {
                let result = std::fs::metadata(self.store.path(Area::Results, &entry.result));
                result.is_ok_and(|meta| !self.limits.dry_run || self.age(&meta) <= oldest)
            };
            if whole.as_ref().is_none_or(|(_, m)| !m.entries.iter().all(leads)) {
                stale.push((path, meta, whole.map(|(key, _)| key)));
            }
            Ok(())
        })?;
        for (path, meta, key) in stale {
            let Some(key) = key else {
                if self.remove(&path) {
                    self.done.manifests.add(&meta);
                }
                continue;
            };
            // The holder of the lock is about to write the manifest.
            let Some(_lock) = self.store.lock(&key, Duration::ZERO) else { continue };
            let Some(mut manifest) = Manifest::load(self.store, &key) else { continue };
            manifest.entries.retain(|e| self.store.path(Area::Results, &e.result).exists());
            if manifest.entries.is_empty() || self.limits.dry_run {
                if self.remove(&path) {
                    self.done.manifests.add(&meta);
                }
            } else if let Err(e) = self.store.publish(&path, &manifest.encode(&key)) {
                self.done.troubles.push(e.to_string());
            }
        }
        Ok(())
    }
}

/// The references in a temporary file: each blob once, with its least age.
fn read_references(spilled: &Path) -> io::Result<Vec<([u8; 32], u64)>> {
    let mut bytes = Vec::new();
    match disk::step("collection: read back", spilled, || File::open(spilled)) {
        Ok(mut file) => _ = file.read_to_end(&mut bytes)?,
        Err(e) if platform::is_absent(&e) => {}
        Err(e) => return Err(e),
    }
    let record = |r: &[u8]| {
        let (mut digest, mut age) = ([0; 32], [0; 8]);
        digest.copy_from_slice(&r[..32]);
        age.copy_from_slice(&r[32..]);
        (digest, u64::from_le_bytes(age))
    };
    let mut all: Vec<_> = bytes.chunks_exact(40).map(record).collect();
    all.sort_unstable();
    all.dedup_by_key(|(digest, _)| *digest);
    Ok(all)
}

fn trace_of(result: &Path) -> PathBuf {
    let name = result.file_name().unwrap_or_default();
    let shard = result.parent().and_then(Path::file_name).unwrap_or_default();
    let traces = result.ancestors().nth(3).unwrap_or(result).join("traces");
    traces.join(shard).join(name).with_extension("json")
}

#[cfg(test)]
mod tests;
