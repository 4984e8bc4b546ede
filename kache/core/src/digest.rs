//! Digests, and a table of the digests of files by their stat identity.
//!
//! The table is one file that all wrappers share. They read and write single slots with positioned calls: a shared mapping would
//! save a third of a microsecond per slot, but a file that is truncated while it is mapped kills the process (SIGBUS). Each slot
//! has a checksum, so that a slot torn by a crash or by two writers is ignored. The header contains the boot id: after a restart
//! the table is discarded, because an unclean stop may have written a file's times to disk without its contents.

use crate::platform::{self, ABSENCES, FileType, Found, StatId, disk};
use foldhash::HashSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// In lower-case hex.
    pub fn hex(&self) -> String {
        blake3::Hash::from(self.0).to_hex().to_string()
    }

    /// From 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Digest> {
        blake3::Hash::from_hex(text).ok().map(|h| Digest(*h.as_bytes()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", &self.hex()[..12])
    }
}

/// The longest piece of a file that is read at a time. From twice as much on, the C library takes memory from the kernel for the
/// piece alone, and each page of that has to be cleared.
const PIECE: usize = 64 * 1024;

/// Reads a file to its end and calls `each` with each piece.
pub fn read_all(file: &mut File, size_hint: u64, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut buf = vec![0; (size_hint as usize).saturating_add(1).clamp(4096, PIECE)];
    let mut total = 0;
    loop {
        match file.read(&mut buf) {
            Ok(0) => return Ok(total),
            Ok(n) => {
                each(&buf[..n]);
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

const MAGIC: &[u8; 8] = b"kachedg1";
const HEADER: u64 = 4096;
/// The length of a slot.
pub const SLOT: usize = 96;
const SLOTS: u64 = 1 << 18;
/// The number of slots that a file may be in, which one read fetches together.
const WINDOW: usize = 4;

/// The table. If its file cannot be opened, lookups find nothing and every file is read.
pub struct Table {
    path: PathBuf,
    file: OnceLock<Option<File>>,
    /// Files that were being written while they were read.
    written: Mutex<HashSet<StatId>>,
}

impl Table {
    /// The table at `path`. Its file is opened at the first lookup, and created if it is missing, has another format, or is from
    /// before the last start of the machine.
    pub fn at(path: PathBuf) -> Table {
        Table { path, file: OnceLock::new(), written: Mutex::default() }
    }

    fn slots(&self) -> Option<&File> {
        self.file.get_or_init(|| Table::open_file(&self.path).ok()).as_ref()
    }

    fn open_file(path: &Path) -> io::Result<File> {
        let mut header = [0u8; 24];
        header[..8].copy_from_slice(MAGIC);
        header[8..].copy_from_slice(&platform::boot_id().ok_or(io::ErrorKind::Unsupported)?);
        let open = || OpenOptions::new().read(true).write(true).open(path);
        if let Ok(file) = disk::step("digests: open", path, open) {
            let mut have = [0u8; 24];
            if platform::read_at(&file, &mut have, 0).is_ok_and(|n| n == 24) && have == header {
                return Ok(file);
            }
        }
        let tmp = path.with_extension(format!("{}.new", std::process::id()));
        let create = || OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&tmp);
        let file = disk::step("digests: create", &tmp, create)?;
        let made = disk::step("digests: write the header", &tmp, || platform::write_at(&file, &header, 0))
            .and_then(|_| {
                let size = HEADER + (SLOTS + WINDOW as u64) * SLOT as u64;
                disk::step("digests: give it its size", &tmp, || file.set_len(size))
            })
            .and_then(|()| disk::step("digests: rename", &tmp, || platform::rename(&tmp, path)));
        made.inspect_err(|_| {
            let _ = platform::remove_file(&tmp);
        })?;
        Ok(file)
    }

    fn home(id: &StatId) -> u64 {
        mix(&[id.dev, id.ino]) % SLOTS
    }

    /// The digest recorded for exactly this identity.
    pub fn get(&self, id: &StatId) -> Option<Known> {
        let file = self.slots()?;
        let mut buf = [0u8; SLOT * WINDOW];
        let home = HEADER + Table::home(id) * SLOT as u64;
        let n = disk::step("digests: read", &self.path, || platform::read_at(file, &mut buf, home)).ok()?;
        buf[..n].chunks_exact(SLOT).find_map(|slot| {
            let (have, known) = decode(slot)?;
            (have == *id).then_some(known)
        })
    }

    /// Records a digest. The identity must be settled ([`platform::settled`]).
    pub fn put(&self, id: &StatId, known: Known) {
        let Some(file) = self.slots() else { return };
        let base = HEADER + Table::home(id) * SLOT as u64;
        let mut buf = [0u8; SLOT * WINDOW];
        let Ok(n) = platform::read_at(file, &mut buf, base) else { return };
        let slots = buf[..n].chunks_exact(SLOT).map(decode);
        let mut choice = id.ctime as usize % WINDOW;
        for (i, slot) in slots.enumerate() {
            match slot {
                Some((have, _)) if (have.dev, have.ino) == (id.dev, id.ino) => {
                    choice = i;
                    break;
                }
                None => choice = i,
                _ => {}
            }
        }
        let slot = base + (choice * SLOT) as u64;
        let write = || platform::write_at(file, &encode(id, known), slot);
        let _ = disk::step("digests: write", &self.path, write);
    }

    /// The digest of a file's contents and its identity. The file is read only if the table does not have it.
    pub fn file(&self, path: &Path) -> io::Result<(Known, StatId)> {
        self.file_seen(path, platform::identity(path)?)
    }

    /// The same of a file that has just been looked at.
    pub fn file_seen(&self, path: &Path, seen: (FileType, StatId)) -> io::Result<(Known, StatId)> {
        let (sort, id) = seen;
        if sort != FileType::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if let Some(known) = self.get(&id) {
            return Ok((known, id));
        }
        self.read(path)
    }

    /// Whether a directory has none of the names. The table records this for the identity of the directory, since a new entry
    /// changes the times of the directory. `asked` is the digest of the names.
    pub fn absent<'a>(
        &self,
        dir: &Path,
        names: impl Iterator<Item = &'a [u8]>,
        asked: &Digest,
    ) -> io::Result<bool> {
        let real = match platform::identity(dir) {
            Ok((FileType::Dir, real)) => real,
            // The names are below a file: a program can tell that they are not absent.
            Ok(_) => return Ok(false),
            Err(e) => return platform::absence(&e).map(|word| word == ABSENCES[0]).ok_or(e),
        };
        // Use another slot for each set of names.
        let salt = u64::from_le_bytes(asked.0[..8].try_into().expect("eight bytes"));
        let id = StatId { ino: real.ino ^ salt, size: salt, ..real };
        if self.get(&id).is_some_and(|known| known.digest == *asked) {
            return Ok(true);
        }
        let looked = platform::stamp_ns();
        let open = platform::open_dir(dir)?;
        let found = platform::find_any(&open, dir, names)?;
        if found == Found::Something {
            return Ok(false);
        }
        if found == Found::Nothing
            && platform::identity_of(&open)?.1 == real
            && platform::settled(&open, &real, looked)
        {
            self.put(&id, Known { digest: *asked });
        }
        Ok(true)
    }

    /// Whether a file's contents pass a test. The answer is recorded for the identity of the file, under the test's name, so
    /// that a file is read once.
    pub fn passes(&self, path: &Path, test: &str, passes: impl FnOnce(&[u8]) -> bool) -> io::Result<bool> {
        self.passes_seen(path, platform::identity(path)?, test, passes)
    }

    /// The same of a file that has just been looked at.
    pub fn passes_seen(
        &self,
        path: &Path,
        seen: (FileType, StatId),
        test: &str,
        passes: impl FnOnce(&[u8]) -> bool,
    ) -> io::Result<bool> {
        let (sort, real) = seen;
        if sort != FileType::File {
            return Ok(false);
        }
        let name = Digest::of(test.as_bytes());
        let salt = u64::from_le_bytes(name.0[..8].try_into().expect("eight bytes"));
        let id = StatId { ino: real.ino ^ salt, size: salt, ..real };
        let [no, yes] = [&b"no"[..], b"yes"].map(|answer| Digest::of(&[&name.0, answer].concat()));
        match self.get(&id) {
            Some(known) if known.digest == yes => return Ok(true),
            Some(known) if known.digest == no => return Ok(false),
            _ => {}
        }
        let (mut file, _) = disk::step("test: open", path, || platform::open_known_regular(path))?;
        let looked = platform::stamp_ns();
        let is_written = platform::is_being_written(&file);
        // A compiler may be larger than the address space that is left.
        let mut contents = Vec::new();
        contents.try_reserve_exact(real.size as usize + 1).map_err(io::Error::other)?;
        disk::step("test: read", path, || file.read_to_end(&mut contents))?;
        let answer = passes(&contents);
        let is_settled = || platform::settled(&file, &real, looked);
        if !is_written && platform::identity_of(&file)?.1 == real && is_settled() {
            self.put(&id, Known { digest: if answer { yes } else { no } });
        }
        Ok(answer)
    }

    /// The digest of the contents of a file that was a regular one a moment ago. Always reads the file, twice if it changes
    /// meanwhile: a build tool may give it another name just then.
    pub fn read(&self, path: &Path) -> io::Result<(Known, StatId)> {
        let changed = || io::Error::other("the file changed while it was read");
        match self.read_once(path)? {
            Some(read) => Ok(read),
            None => self.read_once(path)?.ok_or_else(changed),
        }
    }

    fn read_once(&self, path: &Path) -> io::Result<Option<(Known, StatId)>> {
        let (mut file, id) = disk::step("digest: open", path, || platform::open_known_regular(path))?;
        let looked = platform::stamp_ns();
        // Asked before the contents are read: a later write moves the file's times.
        let is_written = platform::is_being_written(&file);
        let mut hasher = blake3::Hasher::new();
        let each = |piece: &[u8]| _ = hasher.update(piece);
        let length = disk::step("digest: read", path, || read_all(&mut file, id.size, each))?;
        if length != id.size {
            // The kernel makes it up as it is read, below `/proc` or by way of a link to there: no change would show.
            return Err(io::Error::other("the file is not as long as the system says"));
        }
        let known = Known { digest: Digest(*hasher.finalize().as_bytes()) };
        if platform::identity_of(&file)?.1 != id {
            return Ok(None);
        }
        if is_written {
            self.written.lock().expect("nothing panics with it").insert(id);
        } else if platform::settled(&file, &id, looked) {
            self.put(&id, known);
        }
        Ok(Some((known, id)))
    }

    /// Whether a process had the file open for writing while this one read it: its times do not tell when its contents
    /// changed.
    pub fn was_being_written(&self, id: &StatId) -> bool {
        self.written.lock().expect("nothing panics with it").contains(id)
    }
}

/// The contents of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The digest of the file's contents.
    pub digest: Digest,
}

/// A checksum against torn writes. It need not resist attacks, because the cache directory belongs to its user.
fn mix(words: &[u64]) -> u64 {
    let mut h = 0x9E37_79B9_7F4A_7C15u64;
    for w in words {
        h = (h ^ w).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        h = (h ^ (h >> 32)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        h ^= h >> 29;
    }
    h
}

/// Encodes a slot.
pub fn encode(id: &StatId, known: Known) -> [u8; SLOT] {
    let mut words = [0u64; SLOT / 8];
    words[1..6].copy_from_slice(&[id.dev, id.ino, id.size, id.mtime as u64, id.ctime as u64]);
    for (w, c) in words[6..10].iter_mut().zip(known.digest.0.chunks_exact(8)) {
        *w = u64::from_le_bytes(c.try_into().expect("eight bytes"));
    }
    words[0] = mix(&words[1..]);
    let mut out = [0; SLOT];
    for (o, w) in out.chunks_exact_mut(8).zip(words) {
        o.copy_from_slice(&w.to_le_bytes());
    }
    out
}

/// Decodes a slot; `None` if it is torn or was never written.
pub fn decode(slot: &[u8]) -> Option<(StatId, Known)> {
    let mut words = [0u64; SLOT / 8];
    for (w, c) in words.iter_mut().zip(slot.chunks_exact(8)) {
        *w = u64::from_le_bytes(c.try_into().expect("eight bytes"));
    }
    // `encode` leaves the last two words zero.
    if words[0] != mix(&words[1..]) || words[10..] != [0; SLOT / 8 - 10] {
        return None;
    }
    let mut digest = [0; 32];
    for (o, w) in digest.chunks_exact_mut(8).zip(&words[6..10]) {
        o.copy_from_slice(&w.to_le_bytes());
    }
    let id = StatId {
        dev: words[1],
        ino: words[2],
        size: words[3],
        mtime: words[4] as i64,
        ctime: words[5] as i64,
    };
    Some((id, Known { digest: Digest(digest) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_survives_and_a_torn_one_does_not() {
        let id = StatId { dev: 1, ino: 2, size: 3, mtime: 4, ctime: -5 };
        let known = Known { digest: Digest::of(b"x") };
        let slot = encode(&id, known);
        assert_eq!(decode(&slot), Some((id, known)));
        for i in 0..SLOT {
            let mut torn = slot;
            torn[i] ^= 0x10;
            assert_eq!(decode(&torn), None, "byte {i}");
        }
        assert_eq!(decode(&[0; SLOT]), None);
    }

    #[test]
    fn rewriting_with_the_same_size_and_mtime_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let table = Table::at(dir.path().join("t"));
        let f = dir.path().join("f");
        std::fs::write(&f, "one").unwrap();
        let before = std::fs::metadata(&f).unwrap();
        let (a, _) = table.file(&f).unwrap();
        std::fs::write(&f, "two").unwrap();
        File::options().write(true).open(&f).unwrap().set_modified(before.modified().unwrap()).unwrap();
        let (b, _) = table.file(&f).unwrap();
        assert_eq!((a.digest, b.digest), (Digest::of(b"one"), Digest::of(b"two")));
    }

    #[test]
    fn a_truncated_table_is_used_like_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let table = Table::at(path.clone());
        table.slots();
        File::options().write(true).open(&path).unwrap().set_len(30).unwrap();
        let f = dir.path().join("f");
        std::fs::write(&f, "one").unwrap();
        assert_eq!(table.file(&f).unwrap().0.digest, Digest::of(b"one"));
        assert_eq!(table.file(&f).unwrap().0.digest, Digest::of(b"one"));
    }

    /// Opening a named pipe waits for its other end.
    #[test]
    #[cfg(unix)]
    fn a_named_pipe_has_no_digest_and_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (table, pipe) = (Table::at(dir.path().join("t")), dir.path().join("pipe"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(table.file(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(table.read(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(platform::read_regular(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    #[cfg(unix)]
    fn nothing_waits_for_the_other_end_of_a_pipe_that_has_the_place_of_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut stats = platform::Stats::default();
        for name in ["a", "b", "c"] {
            let e = stats.of(&pipe.join(name)).unwrap_err();
            assert_eq!(platform::absence(&e), Some(ABSENCES[1]), "{name}");
        }
        std::fs::write(dir.path().join("f"), "one").unwrap();
        for (name, found) in [("f", true), ("absent", false), ("f", true)] {
            assert_eq!(
                stats.of(&dir.path().join(name)).ok(),
                platform::identity(&dir.path().join(name)).ok()
            );
            assert_eq!(stats.of(&dir.path().join(name)).is_ok(), found, "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_that_leads_nowhere_is_absent_and_a_circle_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let table = Table::at(dir.path().join("t"));
        let is_absent =
            |name: &[u8]| table.absent(dir.path(), [name].into_iter(), &Digest::of(name)).unwrap();
        assert!(is_absent(b"x"));
        std::os::unix::fs::symlink("nothing", dir.path().join("x")).unwrap();
        assert!(is_absent(b"x"));
        std::fs::remove_file(dir.path().join("x")).unwrap();
        std::os::unix::fs::symlink("x", dir.path().join("x")).unwrap();
        assert!(!is_absent(b"x"));
    }

    /// Only the first store through a mapping moves the times.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_another_may_write_to_unnoticed_is_read_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let table = Table::at(dir.path().join("t"));
        let f = dir.path().join("f");
        std::fs::write(&f, "one").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let writer = File::options().write(true).open(&f).unwrap();
        writer.set_modified(long_ago).unwrap();
        let (_, id) = table.file(&f).unwrap();
        assert!(table.was_being_written(&id) && table.get(&id).is_none());
        // The answer of a test of its contents is not recorded either.
        assert!(table.passes(&f, "has one", |text| text == b"one").unwrap());
        assert!(!table.passes(&f, "has one", |_| false).unwrap());
        // A process that another test starts may still have this process's writer open. It never has the writer of `cp`.
        let copy = dir.path().join("copy");
        assert!(std::process::Command::new("cp").arg("-p").args([&f, &copy]).status().unwrap().success());
        let table = Table::at(dir.path().join("another"));
        let (_, id) = table.file(&copy).unwrap();
        assert!(!table.was_being_written(&id));
    }
}
