//! Collection: the store is kept below a bound by giving up what was used longest ago.
//!
//! A hit stamps its result's file with the time; that one call is all that recency costs. What a blob was last used
//! for follows from the results that name it. Memory is bounded however large the store is: what results say of blobs is
//! spilled to files by the blobs' first byte and read back a 256th at a time, and ages are counted in buckets.
//!
//! Builds go on meanwhile, and nothing is locked against them. A result goes before its blobs, a blob goes only where
//! no result is left that names it and it was not written just now, and a build that finds a part of an entry gone compiles.
//! The worst that a race does is a compile.
//!
//! | step | takes away |
//! | --- | --- |
//! | leftovers | temporaries and locks of processes that were killed, events of more than 30 days |
//! | garbage | blobs that no result names |
//! | by size | the results used longest ago, with traces and blobs, until four fifths of the bound are left |
//! | by age | results not used for longer than was asked |
//! | manifests | entries that lead to a result that is gone |

use super::result::ActionResult;
use super::{Area, FORMAT, Store, manifest::Manifest};
use crate::digest::Digest;
use crate::platform::{self, disk};
use serde::Serialize;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a process that still runs may be about to name or to rename is let be for this long.
const GRACE: Duration = Duration::from_secs(600);
/// Temporaries and locks of this age belong to nobody who is alive.
const LEFT: Duration = Duration::from_secs(3600);
/// How long events are kept.
const EVENTS: Duration = Duration::from_secs(30 * 86_400);

/// What is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At most so many bytes on disk.
    pub max_bytes: u64,
    /// Nothing that was not used for so long.
    pub max_age: Option<Duration>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// Files and what they took on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// Their bytes on disk.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, meta: &Metadata) {
        self.files += 1;
        self.bytes += platform::disk_usage(meta);
    }
}

/// What a collection did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Bytes on disk before.
    pub before: u64,
    /// And after.
    pub after: u64,
    /// Results that were given up, with their traces.
    pub results: Amount,
    /// Blobs that were given up.
    pub blobs: Amount,
    /// Manifests that lost entries, or all.
    pub manifests: Amount,
    /// What killed processes left, and old events.
    pub leftovers: Amount,
    /// Results that are left.
    pub kept: u64,
    /// What could not be removed.
    pub troubles: Vec<String>,
}

/// Collects. `None` where another collection is at it.
///
/// # Errors
/// Where the store cannot be listed, or there is no room for what is spilled.
pub fn collect(store: &Store, limits: Limits) -> io::Result<Option<Collected>> {
    let Some(_lock) = store.lock_named("collection", Duration::ZERO) else { return Ok(None) };
    let spill = store.temporary();
    platform::make_private_dir(&spill)?;
    let mut run = Run { store, limits, now: SystemTime::now(), spill, done: Collected::default() };
    let outcome = run.all();
    let _ = std::fs::remove_dir_all(&run.spill);
    outcome.map(|()| Some(run.done))
}

/// Has somebody else collect, where the store has grown past its bound by `stored` bytes of blobs.
pub fn start_if_over_limit(store: &Store, cache: &Path, max: u64, stored: u64) {
    /// Besides its blobs: result, manifest, trace.
    const BESIDES: u64 = 32 * 1024;
    if store.add_usage(stored + BESIDES).is_none_or(|now| now <= max) {
        return;
    }
    // So that one asks and not each: a collection says how it really is, and if none comes about, it is asked
    // for again after another twentieth.
    store.set_usage(max - max / 20);
    if let Ok(own) = std::env::current_exe() {
        // The agent's program is another.
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
            // Nothing was removed by the first sweep of a dry run: the second has seen it all.
            let before = if self.limits.dry_run { Amount::default() } else { garbage };
            self.done.blobs = Amount { files: before.files + swept.files, bytes: before.bytes + swept.bytes };
        }
        self.manifests(oldest)?;
        let gone = self.done.results.bytes + self.done.blobs.bytes + self.done.manifests.bytes;
        self.done.after = self.done.before.saturating_sub(gone);
        if !self.limits.dry_run {
            self.store.set_usage(self.done.after);
        }
        Ok(())
    }

    fn age(&self, meta: &Metadata) -> Duration {
        // A time ahead of the clock's is as good as now.
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
        for (area, age) in [(Area::Temporary, LEFT), (Area::Events, EVENTS)] {
            each(&self.store.area(area), |path, meta| {
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
        let mut locks = Vec::new();
        each(&self.store.area(Area::Locks), |path, meta| {
            locks.extend((self.age(&meta) > LEFT).then_some((path, meta)));
            Ok(())
        })?;
        for (path, meta) in locks {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Whoever holds one is alive. Dropped, it takes its name along.
            if self.limits.dry_run || self.store.lock_named(&name, Duration::ZERO).is_some() {
                self.done.leftovers.add(&meta);
            }
        }
        Ok(())
    }

    /// Spills which blobs the results name that were used since; a result that cannot be read is given up.
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

    /// Removes the blobs that nothing spilled names, and says what the others are.
    fn sweep(&mut self, mut ages: Option<&mut Ages>) -> io::Result<Amount> {
        let mut gone = Amount::default();
        let blobs = self.store.area(Area::Blobs);
        for shard in 0..256 {
            let spilled = self.spill.join(format!("{shard:02x}"));
            let named = named(&spilled)?;
            let _ = std::fs::remove_file(&spilled);
            let mut unnamed = Vec::new();
            each(&blobs.join(format!("{shard:02x}")), |path, meta| {
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
                    gone.add(&meta);
                }
            }
        }
        Ok(gone)
    }

    /// What is not counted by use.
    fn fixed(&self) -> io::Result<u64> {
        let mut sum = 0;
        each(self.store.dir(), |_, meta| {
            sum += if meta.is_dir() { 0 } else { platform::disk_usage(&meta) };
            Ok(())
        })?;
        for area in [Area::Events, Area::Toolchains, Area::Observer] {
            each(&self.store.area(area), |_, meta| {
                sum += platform::disk_usage(&meta);
                Ok(())
            })?;
        }
        each_file(&self.store.area(Area::Manifests), |_, meta| {
            sum += platform::disk_usage(&meta);
            Ok(())
        })?;
        Ok(sum)
    }

    fn results(&mut self, oldest: Duration) -> io::Result<()> {
        for dir in shards(&self.store.area(Area::Results))? {
            let mut old = Vec::new();
            each(&dir, |path, meta| {
                old.extend((self.age(&meta) > oldest).then_some((path, meta)));
                Ok(())
            })?;
            for (path, meta) in old {
                // Used since it was listed.
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
        // A shard at a time: all may be stale, and there may be a million.
        shards(&self.store.area(Area::Manifests))?.into_iter().try_for_each(|dir| self.shard(&dir, oldest))
    }

    fn shard(&mut self, manifests: &Path, oldest: Duration) -> io::Result<()> {
        let mut stale = Vec::new();
        each(manifests, |path, meta| {
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
            // A wrapper that compiles the action is about to write the manifest anew.
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

/// Bytes by how long ago they were used: by the second up to an hour or so, then by the minute.
struct Ages(Vec<u64>);

const FINE: u64 = 4096;
const COARSE: u64 = 64;

impl Default for Ages {
    fn default() -> Ages {
        Ages(vec![0; 1 << 16])
    }
}

impl Ages {
    fn add(&mut self, age: Duration, bytes: u64) {
        let s = age.as_secs();
        let bucket = if s < FINE { s } else { FINE + (s - FINE) / COARSE };
        let last = self.0.len() - 1;
        self.0[(bucket as usize).min(last)] += bytes;
    }

    fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Past which age things must go for the rest to fit, with `fixed` bytes besides.
    fn limit(&self, max: u64, fixed: u64) -> Duration {
        if self.total() + fixed <= max {
            return Duration::MAX;
        }
        let room = (max - max / 5).saturating_sub(fixed);
        let mut sum = 0;
        for (bucket, bytes) in self.0.iter().enumerate() {
            sum += bytes;
            if sum > room {
                let bucket = bucket as u64;
                let s = if bucket < FINE { bucket } else { FINE + (bucket - FINE) * COARSE };
                // All of this bucket goes: it begins at `s`.
                return Duration::from_secs(s).saturating_sub(Duration::from_nanos(1));
            }
        }
        Duration::MAX
    }
}

/// What was spilled: each blob once, with the least age.
fn named(spilled: &Path) -> io::Result<Vec<([u8; 32], u64)>> {
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

pub fn key_of(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?)
}

fn trace_of(result: &Path) -> PathBuf {
    let name = result.file_name().unwrap_or_default();
    let shard = result.parent().and_then(Path::file_name).unwrap_or_default();
    let traces = result.ancestors().nth(3).unwrap_or(result).join("traces");
    traces.join(shard).join(name).with_extension("json")
}

/// Each entry of a directory. One that goes away meanwhile is passed over, and so is a directory that is not there.
pub(super) fn each(dir: &Path, mut f: impl FnMut(PathBuf, Metadata) -> io::Result<()>) -> io::Result<()> {
    let entries = match disk::step("collection: list", dir, || std::fs::read_dir(dir)) {
        Err(e) if platform::is_absent(&e) => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(meta) => f(entry.path(), meta)?,
            Err(e) if platform::is_absent(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn shards(part: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    each(part, |path, meta| {
        dirs.extend(meta.is_dir().then_some(path));
        Ok(())
    })?;
    Ok(dirs)
}

/// Each file of a part that is divided by the first two digits of its keys.
pub fn each_file(part: &Path, mut f: impl FnMut(PathBuf, Metadata) -> io::Result<()>) -> io::Result<()> {
    shards(part)?.into_iter().try_for_each(|dir| each(&dir, &mut f))
}

/// Removes a cache, all formats of it: first out of the way in one step each, so that builds make a new one.
///
/// # Errors
/// Where something cannot be removed.
pub fn purge(cache: &Path, dry_run: bool) -> io::Result<Amount> {
    let mut gone = Amount::default();
    let mut formats = Vec::new();
    each(cache, |path, meta| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = name.strip_prefix('v').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
        formats.extend((meta.is_dir() && ours).then_some((path, name)));
        Ok(())
    })?;
    debug_assert!(FORMAT.starts_with('v'));
    for (path, name) in formats {
        measure(&path, &mut gone)?;
        if dry_run {
            continue;
        }
        // What a purge that was killed left behind is named so already.
        let aside = match name.contains(".purged-") {
            true => path.clone(),
            false => cache.join(format!("{name}.purged-{}-{}", std::process::id(), platform::now_ns())),
        };
        disk::step("purge: rename", &path, || platform::rename(&path, &aside))?;
        disk::step("purge: remove", &aside, || platform::remove_dir_all(&aside))?;
    }
    Ok(gone)
}

fn measure(dir: &Path, sum: &mut Amount) -> io::Result<()> {
    each(dir, |path, meta| {
        if meta.is_dir() {
            return measure(&path, sum);
        }
        sum.add(&meta);
        Ok(())
    })
}
