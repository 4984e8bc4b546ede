//! States: what a command left for later runs of itself, such as a compiler's incremental state.
//!
//! A state belongs to an action, not to a result: another run of the same action may start from it, whatever its sources are,
//! and the command decides what of the state still holds. Each action has one, that of its latest stored result. The file of a
//! state holds the contents of its files one after the other, then a list of them with their digests (the *head*), then the
//! length of the head. A reader compares every byte with its digest: a state that a power cut or a disk damaged is removed.
//!
//! States have a limit of their own, apart from the limit of results: the least recently used are evicted first.

use super::files::{Amount, each_file};
use super::{Area, Store, into_place};
use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use crate::platform::{self, disk};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// The first argument of the process that stores a state.
pub const KEEPER: &str = "state-keeper";

const MAGIC: &[u8; 8] = b"kachesta";
/// A head is never longer: a state has some hundred files.
const LONGEST_HEAD: u64 = 16 << 20;
/// How much is copied at a time.
const BLOCK: usize = 1 << 20;

/// The state that a run left.
#[derive(Debug)]
pub struct LeftState {
    /// The directory with the files of the state. Nothing changes them any more.
    pub dir: PathBuf,
    /// What the front end has to know of the state to give it to another run.
    pub notes: Vec<u8>,
    /// An open file that keeps others from removing the directory.
    pub hold: File,
}

/// The list at the end of the file of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The names of the directory of the state and of the directory above.
    pub name: OsString,
    pub above: OsString,
    pub notes: Vec<u8>,
    files: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: OsString,
    bytes: u64,
    digest: Digest,
}

/// A stored state, open for reading.
#[derive(Debug)]
pub struct State {
    pub head: Head,
    pack: File,
}

/// Stores a state in another process, which the build does not wait for.
pub fn start_keeping(cache: &Path, key: &Digest, left: LeftState, max_bytes: u64) {
    let Ok(own) = std::env::current_exe() else { return };
    let mut keeper = Command::new(own);
    keeper.arg(KEEPER).arg(cache).arg(key.hex()).arg(&left.dir).arg(hex(&left.notes));
    keeper.arg(max_bytes.to_string()).current_dir(cache);
    // Without a keeper the state is not stored, and no more.
    let _ = platform::detach_with(&mut keeper, false, left.hold.into(), Stdio::null());
}

/// The process that [`start_keeping`] starts. Standard input keeps others from removing the directory.
pub fn keep_by_arguments(args: &[OsString]) -> Option<()> {
    let [cache, key, dir, notes, max_bytes] = args else { return None };
    let store = Store::open(Path::new(cache)).ok()?;
    let key = Digest::from_hex(key.to_str()?)?;
    let max_bytes = max_bytes.to_str()?.parse().ok()?;
    store.keep_state(&key, Path::new(dir), &from_hex(notes.to_str()?)?, max_bytes).ok()?;
    evict(&store, max_bytes, None, false).ok().map(|_| ())
}

impl Store {
    /// Stores the files of a directory as the state of an action, unless they alone exceed the limit.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the directory has more than regular files in it.
    pub fn keep_state(&self, key: &Digest, dir: &Path, notes: &[u8], max_bytes: u64) -> io::Result<()> {
        let names = names_within(dir, max_bytes)?;
        let Some(names) = names else { return Ok(()) };
        let tmp = self.temporary();
        let written = self.write_state(&tmp, key, dir, notes, &names);
        written.and_then(|()| into_place(&tmp, &self.path(Area::States, key))).inspect_err(|_| {
            let _ = platform::remove_file(&tmp);
        })
    }

    fn write_state(
        &self,
        tmp: &Path,
        key: &Digest,
        dir: &Path,
        notes: &[u8],
        names: &[OsString],
    ) -> io::Result<()> {
        let create = || OpenOptions::new().write(true).create_new(true).open(tmp);
        let mut pack = disk::step("state: create", tmp, create)?;
        let name = |dir: Option<&Path>| dir.and_then(Path::file_name).unwrap_or_default().to_os_string();
        let mut files = Vec::new();
        for name in names {
            let path = dir.join(name);
            let mut from = disk::step("state: open a file", &path, || platform::open_regular(&path))?;
            let copy = || copy(&mut from, &mut pack, u64::MAX);
            let (digest, bytes) = disk::step("state: copy a file", tmp, copy)?;
            files.push(Entry { name: name.clone(), bytes, digest });
        }
        let head = Head { name: name(Some(dir)), above: name(dir.parent()), notes: notes.to_vec(), files };
        let head = head.encode(key);
        disk::write_all("state: write the head", tmp, &mut pack, &head)?;
        disk::write_all("state: write the head", tmp, &mut pack, &(head.len() as u64).to_le_bytes())?;
        disk::step("state: make it read-only", tmp, || platform::make_read_only(&pack))
    }

    /// The state of an action, if one is stored. One that is damaged is removed.
    pub fn state(&self, key: &Digest) -> Option<State> {
        let path = self.path(Area::States, key);
        let mut pack = disk::step("state: open", &path, || File::open(&path)).ok()?;
        match State::read(&mut pack, key) {
            Ok(Some(head)) => Some(State { head, pack }),
            Ok(None) => {
                self.drop_state(key);
                None
            }
            Err(_) => None,
        }
    }

    /// Removes the state of an action.
    pub fn drop_state(&self, key: &Digest) {
        let _ = platform::remove_file(&self.path(Area::States, key));
    }

    /// Records that a state was used now. A read-only store has no need of it, so errors are ignored.
    pub fn mark_state_used(&self, key: &Digest) {
        let _ = platform::touch(&self.path(Area::States, key));
    }
}

impl State {
    /// Whether the file at a path is the state of an action, with all of its contents.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_whole(path: &Path, key: &Digest) -> io::Result<bool> {
        let mut pack = File::open(path)?;
        let Some(head) = State::read(&mut pack, key)? else { return Ok(false) };
        pack.seek(SeekFrom::Start(0))?;
        for Entry { bytes, digest, .. } in head.files {
            if copy(&mut pack, &mut io::sink(), bytes)? != (digest, bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the head; `None` if the file is not the state of this action.
    fn read(pack: &mut File, key: &Digest) -> io::Result<Option<Head>> {
        let size = pack.metadata()?.len();
        let Some(end) = size.checked_sub(8) else { return Ok(None) };
        let mut length = [0; 8];
        pack.seek(SeekFrom::Start(end))?;
        pack.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let Some(start) = end.checked_sub(length).filter(|_| length <= LONGEST_HEAD) else { return Ok(None) };
        pack.seek(SeekFrom::Start(start))?;
        let mut head = vec![0; length as usize];
        pack.read_exact(&mut head)?;
        Ok(Head::decode(&head, key).filter(|head| head.contents() == Some(start)))
    }

    /// Writes the files into a new directory.
    ///
    /// # Errors
    /// When a file cannot be written, or is damaged; the kind is `InvalidData` then.
    pub fn unpack(&mut self, into: &Path) -> io::Result<()> {
        disk::step("state: make a directory", into, || std::fs::create_dir(into))?;
        self.pack.seek(SeekFrom::Start(0))?;
        for Entry { name, bytes, digest } in &self.head.files {
            let path = into.join(name);
            let create = || OpenOptions::new().write(true).create_new(true).open(&path);
            let mut to = disk::step("state: create a file", &path, create)?;
            let copy = || copy(&mut self.pack, &mut to, *bytes);
            let copied = disk::step("state: write a file", &path, copy)?;
            if copied != (*digest, *bytes) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a stored state is damaged"));
            }
        }
        Ok(())
    }
}

impl Head {
    pub fn encode(&self, key: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(key);
        w.bytes(self.above.as_encoded_bytes());
        w.bytes(self.name.as_encoded_bytes());
        w.bytes(&self.notes);
        w.num(self.files.len() as u64);
        for Entry { name, bytes, digest } in &self.files {
            w.bytes(name.as_encoded_bytes());
            w.num(*bytes);
            w.digest(digest);
        }
        w.finish()
    }

    /// Decodes a head; `None` unless the bytes are a complete head of a state of this action.
    pub fn decode(bytes: &[u8], key: &Digest) -> Option<Head> {
        let mut r = Reader::open(bytes, MAGIC)?;
        if r.digest()? != *key {
            return None;
        }
        let mut name = || is_name(platform::os_str(r.bytes()?)).map(OsStr::to_os_string);
        let (above, own) = (name()?, name()?);
        let notes = r.bytes()?.to_vec();
        let mut files = Vec::new();
        for _ in 0..r.count()? {
            let name = is_name(platform::os_str(r.bytes()?))?.to_os_string();
            files.push(Entry { name, bytes: r.num()?, digest: r.digest()? });
        }
        r.at_end().then_some(Head { name: own, above, notes, files })
    }

    /// The size of all files.
    fn contents(&self) -> Option<u64> {
        self.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.bytes))
    }
}

/// A name that leads to nowhere else.
fn is_name(name: &OsStr) -> Option<&OsStr> {
    (Path::new(name).file_name() == Some(name)).then_some(name)
}

/// The names in a directory of regular files; `None` if they hold more than so many bytes.
fn names_within(dir: &Path, max_bytes: u64) -> io::Result<Option<Vec<OsString>>> {
    let (mut names, mut sum) = (Vec::new(), 0);
    for entry in disk::step("state: list", dir, || std::fs::read_dir(dir))? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("a state has more than files"));
        }
        sum += meta.len();
        names.push(entry.file_name());
    }
    names.sort();
    Ok((sum <= max_bytes).then_some(names))
}

/// Copies up to so many bytes. Returns their digest and their number.
fn copy(from: &mut File, to: &mut impl Write, most: u64) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut sum) = (blake3::Hasher::new(), 0);
    let mut block = vec![0; BLOCK.min(usize::try_from(most).unwrap_or(BLOCK))];
    while sum < most {
        let wanted = block.len().min(usize::try_from(most - sum).unwrap_or(BLOCK));
        match from.read(&mut block[..wanted]) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&block[..n]);
                to.write_all(&block[..n])?;
                sum += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok((Digest(*hasher.finalize().as_bytes()), sum))
}

/// The states in a cache, and the space that they use on disk.
///
/// # Errors
/// When a directory cannot be read.
pub fn usage(cache: &Path) -> io::Result<Amount> {
    let mut all = Amount::default();
    each_file(&Area::States.in_cache(cache), |_, meta| {
        all.add(&meta);
        Ok(())
    })?;
    Ok(all)
}

/// Removes the states that were not used for so long, and the least recently used ones until the others are within the limit.
/// Returns what was removed, or would be.
///
/// # Errors
/// When a directory cannot be read.
pub fn evict(store: &Store, max_bytes: u64, max_age: Option<Duration>, dry_run: bool) -> io::Result<Amount> {
    let mut all = Vec::new();
    each_file(&store.area(Area::States), |path, meta| {
        all.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, meta));
        Ok(())
    })?;
    all.sort_by_key(|(used, ..)| *used);
    let mut sum: u64 = all.iter().map(|(.., meta)| platform::disk_usage(meta)).sum();
    let mut removed = Amount::default();
    for (used, path, meta) in all {
        let is_old = || max_age.is_some_and(|max| used.elapsed().is_ok_and(|age| age > max));
        if sum <= max_bytes && !is_old() {
            break;
        }
        if dry_run || disk::step("state: evict", &path, || platform::remove_file(&path)).is_ok() {
            removed.add(&meta);
            sum -= platform::disk_usage(&meta);
        }
    }
    Ok(removed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    struct TestStates {
        dir: TempDir,
        store: Store,
    }

    impl TestStates {
        fn new() -> TestStates {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("cache")).unwrap();
            TestStates { dir, store }
        }

        /// Stores a state with one file of so many bytes.
        fn keep(&self, name: &str, bytes: usize, max_bytes: u64) -> io::Result<()> {
            let session = self.dir.path().join(format!("crate-{name}/s-{name}"));
            fs::create_dir_all(&session).unwrap();
            fs::write(session.join("graph"), vec![b'x'; bytes]).unwrap();
            fs::write(session.join("empty"), "").unwrap();
            self.store.keep_state(&key(name), &session, b"notes", max_bytes)
        }

        fn pack(&self, name: &str) -> PathBuf {
            self.store.path(Area::States, &key(name))
        }

        /// Stores a damaged version of a state.
        fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
            let mut bytes = fs::read(self.pack(name)).unwrap();
            change(&mut bytes);
            platform::remove_file(&self.pack(name)).unwrap();
            fs::write(self.pack(name), bytes).unwrap();
        }
    }

    fn key(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        let test = TestStates::new();
        test.keep("a", 3_000_000, u64::MAX).unwrap();
        assert!(State::is_whole(&test.pack("a"), &key("a")).unwrap());
        let mut state = test.store.state(&key("a")).unwrap();
        assert_eq!((state.head.above.to_str(), state.head.name.to_str()), (Some("crate-a"), Some("s-a")));
        assert_eq!(state.head.notes, b"notes");
        let into = test.dir.path().join("copy");
        state.unpack(&into).unwrap();
        assert_eq!(fs::read(into.join("graph")).unwrap(), vec![b'x'; 3_000_000]);
        assert_eq!(fs::read(into.join("empty")).unwrap(), b"");
        assert!(test.store.state(&key("b")).is_none());
    }

    #[test]
    fn a_later_state_of_an_action_replaces_the_earlier_one() {
        let test = TestStates::new();
        test.keep("a", 1, u64::MAX).unwrap();
        test.keep("a", 2, u64::MAX).unwrap();
        assert_eq!(test.store.state(&key("a")).unwrap().head.files[1].bytes, 2);
        assert_eq!(usage(&test.dir.path().join("cache")).unwrap().files, 1);
    }

    #[test]
    fn a_damaged_head_is_removed_and_damaged_contents_are_an_error() {
        let test = TestStates::new();
        let damages: [fn(&mut Vec<u8>); 4] =
            [|b| b.truncate(4), |b| b.truncate(b.len() / 2), |b| *b.last_mut().unwrap() = 1, |b| b.clear()];
        for damage in damages {
            test.keep("a", 1000, u64::MAX).unwrap();
            test.damage("a", damage);
            assert!(test.store.state(&key("a")).is_none());
            assert!(!test.pack("a").exists());
        }
        test.keep("a", 1000, u64::MAX).unwrap();
        test.damage("a", |b| b[500] = b'y');
        assert!(!State::is_whole(&test.pack("a"), &key("a")).unwrap());
        let mut state = test.store.state(&key("a")).unwrap();
        let error = state.unpack(&test.dir.path().join("copy")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_state_under_the_key_of_another_action_is_none() {
        let test = TestStates::new();
        test.keep("a", 10, u64::MAX).unwrap();
        let other = test.pack("b");
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::copy(test.pack("a"), &other).unwrap();
        assert!(test.store.state(&key("b")).is_none());
    }

    #[test]
    fn what_is_not_a_file_is_not_stored() {
        let test = TestStates::new();
        let session = test.dir.path().join("crate-a/s-a");
        fs::create_dir_all(session.join("deeper")).unwrap();
        assert!(test.keep("a", 1, u64::MAX).is_err());
        assert!(test.store.state(&key("a")).is_none());
        let left = fs::read_dir(test.store.area(Area::Temporary)).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn the_limit_evicts_the_least_recently_used() {
        let test = TestStates::new();
        for (name, hours) in [("a", 1), ("b", 3), ("c", 2)] {
            test.keep(name, 100_000, u64::MAX).unwrap();
            let then = SystemTime::now() - Duration::from_secs(hours * 3600);
            File::open(test.pack(name)).unwrap().set_modified(then).unwrap();
        }
        let has = |name: &str| test.pack(name).exists();
        assert_eq!(evict(&test.store, 250_000, None, true).unwrap().files, 1);
        assert!(has("b"), "a dry run removes nothing");
        assert_eq!(evict(&test.store, 250_000, None, false).unwrap().files, 1);
        assert_eq!((has("a"), has("b"), has("c")), (true, false, true));
        let old = Some(Duration::from_secs(90 * 60));
        assert_eq!(evict(&test.store, u64::MAX, old, true).unwrap().files, 1);
        test.store.mark_state_used(&key("c"));
        assert_eq!(evict(&test.store, u64::MAX, old, true).unwrap().files, 0);
        assert_eq!(evict(&test.store, 150_000, None, false).unwrap().files, 1);
        assert_eq!((has("a"), has("c")), (false, true));
        test.keep("d", 200_000, 150_000).unwrap();
        assert!(!has("d"), "a state that alone exceeds the limit is not stored");
    }

    #[test]
    fn notes_are_passed_on_as_text() {
        for notes in [&b""[..], b"\x00\xff notes"] {
            assert_eq!(from_hex(&hex(notes)).as_deref(), Some(notes));
        }
        assert_eq!(from_hex("zz"), None);
    }
}
