//! The store: plain files under one directory.
//!
//! ```text
//! <cache>/v1/manifests/ab/<action>   results/cd/<result>   blobs/ef/<blake3>   traces/cd/<result>.json
//!            tmp/   locks/   events/   observer/   digests   toolchains/   usage   differences/
//!            agent/   quarantine/   condemned/ab/<result>                 (with a remote)
//!            states/ab/<action>                                          (incremental state, with a limit of its own)
//! ```
//!
//! A file is written to `tmp/` and renamed: blobs first, then the result that names them, then the manifest that names the
//! result. So a reader sees a complete entry or none. The store does not sync files to disk. Instead, every reader detects
//! files that a power cut lost or tore: manifests and results end with a digest and contain their own key, and a blob is read
//! again after each start of the machine before it is trusted.

pub mod catalogue;

pub mod differences;
pub mod files;
pub mod gc;
pub mod manifest;
pub mod purge;
pub mod result;
pub mod states;
pub mod traces;
pub mod verify;

use crate::area;
pub use crate::area::{Area, FORMAT};
use crate::digest::{Digest, Table};
use crate::platform::{self, FileType, disk};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A file that is now in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub digest: Digest,
    pub bytes: u64,
    /// Whether the store had the same contents before.
    pub known: bool,
}

/// An open store.
pub struct Store {
    dir: PathBuf,
    /// Digests of files by their identity.
    pub table: Table,
}

impl Store {
    /// Opens the store below a cache directory and creates missing directories. A store that belongs to another user, or
    /// that others may write to, is an error. A read-only store is not.
    pub fn open(cache: &Path) -> io::Result<Store> {
        let dir = cache.join(FORMAT);
        // Anyone who can write to the store can change what this user builds.
        if let Ok(blobs) = platform::why_untrusted(&Area::Blobs.below(&dir)) {
            if let Some(why) = blobs.map_or_else(|| platform::why_untrusted(&dir), |why| Ok(Some(why)))? {
                let remedy = "set KACHE_CACHE_DIR to a directory of your own, or remove this one";
                let text = format!("{} {why}; {remedy}", dir.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
        } else {
            for area in Area::INITIAL {
                let area = area.below(&dir);
                disk::step("store: make a directory", &area, || platform::make_private_dir(&area))?;
            }
        }
        let table = Table::at(area::digest_table(&dir));
        Ok(Store { dir, table })
    }

    /// `<cache>/v1`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of an area.
    pub fn area(&self, area: Area) -> PathBuf {
        area.below(&self.dir)
    }

    /// The file of a key in an area.
    pub fn path(&self, area: Area, key: &Digest) -> PathBuf {
        area.file(&self.dir, key)
    }

    /// A unique name in `tmp/`.
    pub fn temporary(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        self.area(Area::Temporary).join(format!("{}-{}-{n}", std::process::id(), platform::now_ns()))
    }

    /// Writes bytes to `path` in one step: a reader sees all of them or none.
    pub fn publish(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let tmp = self.temporary();
        let written = (|| {
            let create = || OpenOptions::new().write(true).create_new(true).open(&tmp);
            let mut file = disk::step("store: create", &tmp, create)?;
            disk::write_all("store: write", &tmp, &mut file, bytes)
        })();
        written.and_then(|()| into_place(&tmp, path)).inspect_err(|_| {
            let _ = platform::remove_file(&tmp);
        })
    }

    /// Makes an empty file. Returns whether it was absent: the first caller alone gets true.
    pub fn mark(&self, area: Area, name: &str) -> bool {
        let dir = self.area(area);
        let make = || OpenOptions::new().write(true).create_new(true).open(dir.join(name));
        let made = match make() {
            Err(e) if platform::is_absent(&e) => platform::make_private_dir(&dir).and_then(|()| make()),
            other => other,
        };
        made.is_ok()
    }

    /// Stores a copy of a file under its digest. A file that changes during the copy is an error.
    pub fn put_blob(&self, from: &Path) -> io::Result<Stored> {
        let (known, id) = self.table.file(from)?;
        let path = self.path(Area::Blobs, &known.digest);
        if self.has(&path, &known.digest) {
            return Ok(Stored { digest: known.digest, bytes: id.size, known: true });
        }
        let tmp = self.temporary();
        let kept = (|| {
            let mut source = disk::step("blob: open the output", from, || platform::open_regular(from))?;
            let copy = || platform::clone_file(&mut source, &tmp, false);
            let (file, _) = disk::step("blob: copy", &tmp, copy)?;
            let look = || platform::identity_of(&source);
            if disk::step("blob: stat the output again", from, look)?.1 != id {
                return Err(io::Error::other("an output changed while it was being stored"));
            }
            disk::step("blob: make it read-only", &tmp, || platform::make_read_only(&file))?;
            into_place(&tmp, &path)?;
            self.remember(&file, &path, known.digest);
            Ok(Stored { digest: known.digest, bytes: id.size, known: false })
        })();
        kept.inspect_err(|_| {
            let _ = platform::remove_file(&tmp);
        })
    }

    /// Whether the store has a verified blob.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.has(&self.path(Area::Blobs, digest), digest)
    }

    /// Moves a file from `tmp/` to the blob of its digest, which the caller has computed.
    pub fn adopt_blob(&self, tmp: &Path, file: &File, digest: &Digest) -> io::Result<()> {
        let path = self.path(Area::Blobs, digest);
        disk::step("blob: make it read-only", tmp, || platform::make_read_only(file))?;
        into_place(tmp, &path)?;
        self.remember(file, &path, *digest);
        Ok(())
    }

    /// Stores bytes under their digest.
    pub fn put_bytes(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.path(Area::Blobs, &digest);
        if !self.has(&path, &digest) {
            self.publish(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Whether a blob exists and was verified since the machine started. Callers write an unverified blob again.
    fn has(&self, path: &Path, digest: &Digest) -> bool {
        let known = disk::step("blob: stat the stored file", path, || platform::identity(path)).ok();
        let known = known.and_then(|(_, id)| self.table.get(&id));
        known.is_some_and(|k| k.digest == *digest)
    }

    /// Records the digest of a file that this process wrote, so that it need not be read again.
    fn remember(&self, file: &File, path: &Path, digest: Digest) {
        let looked = platform::stamp_ns();
        // The rename changes the change time of the inode, so take the identity after it, by name.
        if let Ok((_, id)) = platform::identity(path)
            && platform::settled(file, &id, looked)
        {
            self.table.put(&id, crate::digest::Known { digest });
        }
    }

    /// Opens a blob that is verified by its stat identity or, failing that, by reading it. A blob with wrong contents is
    /// removed.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<Option<File>> {
        let path = self.path(Area::Blobs, digest);
        let file = match disk::step("blob: open", &path, || File::open(&path)) {
            Ok(f) => f,
            Err(e) if platform::is_absent(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let (_, id) = disk::step("blob: stat", &path, || platform::identity_of(&file))?;
        if self.table.get(&id).is_some_and(|k| k.digest == *digest) {
            return Ok(Some(file));
        }
        if self.table.read(&path)?.0.digest == *digest {
            return Ok(Some(file));
        }
        let _ = platform::remove_file(&path);
        Ok(None)
    }

    /// Restores a blob to `to` in one step: a reader never sees part of it.
    pub fn restore_blob(
        &self,
        digest: &Digest,
        to: &Path,
        executable: bool,
    ) -> io::Result<Option<(u64, platform::Method)>> {
        let Some(mut blob) = self.open_blob(digest)? else { return Ok(None) };
        let tmp = temporary_beside(to);
        let copy = || platform::clone_file(&mut blob, &tmp, executable);
        let done = disk::step("restore: copy", &tmp, copy).and_then(|(file, method)| {
            replace_file(&tmp, to)?;
            self.remember(&file, to, *digest);
            Ok((file.metadata()?.len(), method))
        });
        done.map(Some).inspect_err(|_| {
            let _ = platform::remove_file(&tmp);
        })
    }

    /// Takes the lock of an action, so that one wrapper runs it and the others wait for the result. `None` after the timeout;
    /// the caller then continues without the lock.
    pub fn lock(&self, action: &Digest, patience: Duration) -> Option<Lock> {
        self.lock_named(&action.hex(), patience)
    }

    fn lock_named(&self, name: &str, patience: Duration) -> Option<Lock> {
        let path = self.area(Area::Locks).join(name);
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            let open = || OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let file = disk::step("lock: open", &path, open).ok()?;
            if disk::step("lock: take", &path, || platform::try_lock(&file)).ok()? {
                // The previous holder may have removed the name after this process opened it.
                let number =
                    |found: io::Result<(FileType, platform::StatId)>| found.ok().map(|(_, id)| id.ino);
                if number(platform::identity(&path)) == number(platform::identity_of(&file)) {
                    return Some(Lock { path, _file: file });
                }
                continue;
            }
            if start.elapsed() > patience {
                return None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// The approximate size of the store: writers add to it without a lock, and each collection corrects it.
impl Store {
    fn usage_file(&self) -> io::Result<File> {
        let path = area::usage(&self.dir);
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        disk::step("usage: open", &path, open)
    }

    /// Adds newly stored bytes and returns the new size, if it is known.
    pub fn add_usage(&self, bytes: u64) -> Option<u64> {
        let (file, mut have) = (self.usage_file().ok()?, [0; 8]);
        platform::read_at(&file, &mut have, 0).ok()?;
        let now = u64::from_le_bytes(have).saturating_add(bytes);
        platform::write_at(&file, &now.to_le_bytes(), 0).ok()?;
        Some(now)
    }

    /// The approximate size in bytes, if it is known.
    pub fn usage(&self) -> Option<u64> {
        let mut have = [0; 8];
        let file = File::open(area::usage(&self.dir)).ok()?;
        platform::read_at(&file, &mut have, 0).ok()?;
        Some(u64::from_le_bytes(have))
    }

    /// Records the size that a collection measured.
    pub fn set_usage(&self, bytes: u64) {
        let _ = self.usage_file().and_then(|file| platform::write_at(&file, &bytes.to_le_bytes(), 0));
    }

    /// Blocks a result that a check found wrong, so that it is not fetched from the remote again.
    pub fn block_result(&self, result: &Digest) {
        let _ = self.publish(&self.path(Area::Blocklist, result), b"");
    }

    /// Whether a check blocked the result.
    pub fn is_blocked(&self, result: &Digest) -> bool {
        self.path(Area::Blocklist, result).exists()
    }

    /// Records that a result was used now. A read-only store has no need of it, so errors are ignored.
    pub fn mark_used(&self, result: &Digest) {
        let _ = platform::touch(&self.path(Area::Results, result));
    }
}

/// A held lock. Dropping it releases the lock and removes its file.
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = platform::remove_file(&self.path);
    }
}

/// Renames, and creates the directory only if the rename finds it missing.
fn into_place(tmp: &Path, path: &Path) -> io::Result<()> {
    let rename = || disk::step("store: rename", tmp, || platform::rename(tmp, path));
    match rename() {
        Err(e) if platform::is_absent(&e) => {
            if let Some(parent) = path.parent() {
                disk::step("store: make a directory", parent, || platform::make_private_dir(parent))?;
            }
            rename()
        }
        other => other,
    }
}

/// Renames a file over one that the command would overwrite. The old file is removed first: ext4 writes a file to disk at
/// once if the rename replaces another, which takes a hundred times as long as the copy. Into anything but a regular file
/// (a device, a pipe, what a link leads to) the command would write, and nothing takes its place.
pub fn replace_file(tmp: &Path, to: &Path) -> io::Result<()> {
    match disk::step("restore: stat the old file", to, || to.symlink_metadata()) {
        Err(e) if platform::is_absent(&e) => {}
        Err(e) => return Err(e),
        Ok(old) if !old.is_file() => {
            let what = format!("{} is not a regular file", to.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(_) => match disk::step("restore: remove the old file", to, || platform::remove_to_replace(to)) {
            Err(e) if !platform::is_absent(&e) => return Err(e),
            _ => {}
        },
    }
    disk::step("restore: rename", tmp, || platform::rename(tmp, to))
}

/// A temporary name in the directory of `path`. It does not contain the other name, which may have the maximal length.
pub fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".kache-{}-{n}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Allows a test to damage a blob.
    #[expect(clippy::permissions_set_readonly_false, reason = "nobody else is in a test's directory")]
    fn make_writable(blob: &Path) {
        let mut permissions = std::fs::metadata(blob).unwrap().permissions();
        permissions.set_readonly(false);
        std::fs::set_permissions(blob, permissions).unwrap();
    }

    #[test]
    fn a_blob_altered_in_place_is_not_served() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let f = dir.path().join("f");
        std::fs::write(&f, "right").unwrap();
        let digest = store.put_blob(&f).unwrap().digest;
        let out = dir.path().join("out");
        assert!(store.restore_blob(&digest, &out, false).unwrap().is_some());
        assert_eq!(std::fs::read(&out).unwrap(), b"right");
        let blob = store.path(Area::Blobs, &digest);
        make_writable(&blob);
        std::fs::write(&blob, "wrong").unwrap();
        assert!(store.restore_blob(&digest, &out, false).unwrap().is_none());
        assert!(!blob.exists(), "the wrong blob is dropped");
        assert_eq!(std::fs::read(&out).unwrap(), b"right");
    }

    #[test]
    fn a_blob_torn_by_a_power_cut_is_detected_and_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let f = dir.path().join("f");
        std::fs::write(&f, "right").unwrap();
        let digest = Store::open(dir.path()).unwrap().put_blob(&f).unwrap().digest;
        // The torn blob has the right length, and no digest is known from before.
        let restart = || {
            std::fs::remove_file(area::digest_table(&dir.path().join(FORMAT))).unwrap();
            let store = Store::open(dir.path()).unwrap();
            let blob = store.path(Area::Blobs, &digest);
            make_writable(&blob);
            std::fs::write(&blob, [0; 5]).unwrap();
            store
        };
        let out = dir.path().join("out");
        assert!(restart().restore_blob(&digest, &out, false).unwrap().is_none() && !out.exists());
        assert!(Store::open(dir.path()).unwrap().put_blob(&f).is_ok());
        let store = restart();
        assert!(store.put_blob(&f).is_ok());
        assert!(store.restore_blob(&digest, &out, false).unwrap().is_some());
        assert_eq!(std::fs::read(&out).unwrap(), b"right");
    }

    #[test]
    fn a_lock_is_exclusive_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let key = Digest::of(b"k");
        let held = store.lock(&key, Duration::from_secs(1)).unwrap();
        assert!(store.lock(&key, Duration::from_millis(5)).is_none());
        drop(held);
        drop(store.lock(&key, Duration::from_millis(5)).unwrap());
        assert_eq!(std::fs::read_dir(store.area(Area::Locks)).unwrap().count(), 0);
    }
}
