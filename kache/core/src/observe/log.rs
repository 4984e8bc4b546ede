//! The log that observed processes append to: shared memory, made here and read when the command is done.
//!
//! It is one sparse file in memory instead of a pipe or files on disk, because then a record costs its writer no system
//! call of its own, none is lost when a process is killed, and nothing has to be read while the command runs. A writer maps
//! the megabyte that it writes to, and the reader what has been written: the address space may be limited.
//!
//! Layout, shared with `preload/core.h`: a header, then records at multiples of eight bytes. A writer
//! claims room by an atomic addition to the tail, stores the record's length, its content, and its kind last. A
//! writer that was killed in between leaves a record without a kind, or a gap of zeroes; both are counted as torn. A record that
//! says that nothing had been asked yet is not: a compiler may end while threads that it does not wait for give back memory,
//! and its allocator asks for the time there.

use super::given::{self, Given};
use super::kept::Kept;
use super::trace::{EventKind, Trace, TraceEvent};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

const MAGIC: &[u8; 8] = b"KACHELG3";
/// The length of a log's header.
pub const HEADER: usize = 64 + GIVEN_MOST * 16;
/// The length of a record without its two texts.
pub const RECORD: usize = 32;
const CAPACITY: u64 = 256 << 20;
/// The kind of a record whose writer needed less room than it had claimed, or room for something else.
const VOID: u8 = 255;
/// Where a record without a kind says that its writer had asked for nothing yet (`F_UNASKED`).
const UNASKED_AT: usize = 20;
/// Where the header says how much has been claimed.
pub const TAIL_AT: usize = 16;
/// Where the header says that records were dropped.
pub const OVERFLOW_AT: usize = 24;

/// Where the header says that a process has seen another fail.
const TROUBLE_AT: usize = 28;
/// Where the header says that a process has loaded code after its start, or that the run is foreign.
const PLUGINS_AT: usize = 32;
/// Where the header says how many files, pipes and sockets the run is given open, and which.
const GIVEN_COUNT_AT: usize = 36;
/// Where the header says that the first record holds a [`Front`].
const FRONT_AT: usize = 40;
/// Where the header says that nothing is recorded.
const QUIET_AT: usize = 44;
/// Where the header says that the relative paths in the command's arguments stay as they are.
const SPELLING_AT: usize = 48;
const GIVEN_AT: usize = 64;
/// How many of those it has room for.
const GIVEN_MOST: usize = 128;

/// A log, which its owner reads and the processes under observation write.
#[derive(Debug)]
pub struct Log {
    memory: memory::Shared,
    kept: Option<Kept>,
}

impl Log {
    /// Makes an empty log.
    ///
    /// # Errors
    /// When the system cannot provide the shared memory.
    pub fn create(purpose: &Purpose) -> io::Result<Log> {
        let given = given::open_descriptors();
        let head = |capacity| head(capacity, purpose, given.as_deref());
        Ok(Log { memory: memory::Shared::create(CAPACITY, &head)?, kept: None })
    }

    /// Keeps a directory for as long as the log.
    pub(super) fn keep(&mut self, kept: Option<Kept>) {
        self.kept = kept;
    }

    /// The path by which other processes open it, for as long as this process keeps it.
    pub fn path(&self) -> PathBuf {
        self.memory.path()
    }

    /// The log as it is while the command still runs.
    pub fn so_far(&self) -> Option<Log> {
        Some(Log { memory: self.memory.again()?, kept: None })
    }

    /// Whether a process has seen another fail by now.
    pub fn has_trouble(&self) -> bool {
        self.memory.word(TROUBLE_AT) != 0
    }

    /// Everything that had been recorded when the log was first read.
    pub fn trace(&self) -> Trace<'_> {
        let trace = match self.memory.bytes() {
            Some(bytes) => trace_of(bytes),
            None => Trace { events: Vec::new(), overflowed: true, torn: 0, kept: None },
        };
        Trace { kept: self.kept.as_ref().map(Kept::path), ..trace }
    }

    /// What had been recorded when the log was first read, in the order in which room for it was claimed.
    pub fn records(&self) -> Records<'_> {
        Records::of(self.memory.bytes().unwrap_or_default())
    }
}

/// Whether nothing is to be reported into the log at a path. One that cannot be read is none that somebody reads.
pub fn is_quiet(path: &Path) -> bool {
    let read = || {
        let mut word = [0; 4];
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(QUIET_AT as u64))?;
        file.read_exact(&mut word)?;
        io::Result::Ok(u32::from_ne_bytes(word) != 0)
    };
    read().unwrap_or(true)
}

/// What a log is made for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purpose<'a> {
    /// Each process is to report what one does that a plugin has started.
    pub is_foreign: bool,
    /// Nothing is to be reported.
    pub is_quiet: bool,
    /// The relative paths in the command's arguments stay as they are: the command is not told the real paths.
    pub keeps_spelling: bool,
    /// Compilers that are started get kache in front of them.
    pub front: Option<&'a Front>,
    /// Where files are kept that programs remove. Only with a front.
    pub kept: Option<&'a Path>,
}

/// What is put in front of compilers.
#[derive(Clone, Debug)]
pub struct Front {
    /// The path of kache.
    pub kache: PathBuf,
    /// The names of compilers, without a target and a version.
    pub compilers: &'static [&'static str],
}

impl Front {
    /// As the preload object reads it: texts with their zeros.
    fn texts(&self, kept: Option<&Path>) -> Vec<u8> {
        let path = |path: &'_ Path| path.as_os_str().as_encoded_bytes().to_vec();
        let names = self.compilers.iter().map(|name| name.as_bytes().to_vec());
        let kept = kept.map(path).unwrap_or_default();
        let all: Vec<_> = std::iter::once(path(&self.kache)).chain(names).chain([Vec::new(), kept]).collect();
        all.into_iter().flat_map(|text| text.into_iter().chain([0])).collect()
    }
}

/// What a log begins with. Where it is not known what the run is given open, or that is too much, nothing is to be trusted
/// that the run does.
fn head(capacity: u64, purpose: &Purpose, given: Option<&[Given]>) -> Vec<u8> {
    let mut head = vec![0; HEADER];
    if let Some(front) = purpose.front {
        let texts = front.texts(purpose.kept);
        let total = (RECORD + texts.len()).next_multiple_of(8);
        head.extend((total as u32).to_ne_bytes());
        head.extend([VOID, 0]);
        head.resize(HEADER + RECORD, 0);
        head.extend(texts);
        head.resize(HEADER + total, 0);
    }
    let length = head.len() as u64;
    let mut word = |at: usize, value: u32| head[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    word(PLUGINS_AT, purpose.is_foreign.into());
    word(FRONT_AT, purpose.front.is_some().into());
    word(QUIET_AT, purpose.is_quiet.into());
    word(SPELLING_AT, purpose.keeps_spelling.into());
    let given = given.filter(|given| given.len() <= GIVEN_MOST);
    word(OVERFLOW_AT, given.is_none().into());
    word(GIVEN_COUNT_AT, given.map_or(0, |given| given.len() as u32));
    head[..8].copy_from_slice(MAGIC);
    head[8..16].copy_from_slice(&capacity.to_ne_bytes());
    head[TAIL_AT..TAIL_AT + 8].copy_from_slice(&length.to_ne_bytes());
    for (to, from) in head[GIVEN_AT..HEADER].as_chunks_mut::<16>().0.iter_mut().zip(given.unwrap_or_default())
    {
        to[..8].copy_from_slice(&from.device.to_ne_bytes());
        to[8..].copy_from_slice(&from.number.to_ne_bytes());
    }
    head
}

/// Appends whole records to the log of another process. A log that records nothing takes them as well.
///
/// # Errors
/// When the file is no log, cannot be written to, or is full.
#[cfg(target_os = "linux")]
pub(super) fn append(path: &std::path::Path, records: &[u8]) -> io::Result<()> {
    memory::append(path, records)
}

/// There is no log on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn append(_: &std::path::Path, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads a log from bytes that begin as a log does, at an address that is a multiple of eight.
pub fn trace_of(bytes: &[u8]) -> Trace<'_> {
    let mut records = Records::of(bytes);
    let events = records.by_ref().collect();
    let full = bytes.len() >= HEADER
        && (load_u32(bytes, OVERFLOW_AT) != 0 || load_u64(bytes, TAIL_AT) > bytes.len() as u64);
    Trace { events, overflowed: full, torn: records.torn(), kept: None }
}

/// The records of a log.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    torn: usize,
}

impl<'a> Records<'a> {
    /// Of bytes that begin as a log does, at an address that is a multiple of eight.
    pub fn of(bytes: &'a [u8]) -> Records<'a> {
        let tail = if bytes.len() < HEADER { 0 } else { load_u64(bytes, TAIL_AT) };
        let end = usize::try_from(tail).unwrap_or(usize::MAX).min(bytes.len()) & !7;
        Records { bytes, at: HEADER, end, torn: 0 }
    }

    /// How many records were met so far that their writer did not finish.
    pub fn torn(&self) -> usize {
        self.torn
    }

    /// A writer that claimed room and wrote nothing left only zeroes: the next record starts where they end.
    fn skip_gap(&mut self) {
        self.torn += 1;
        self.at += 8;
        while self.at < self.end && load_u32(self.bytes, self.at) == 0 {
            self.at += 8;
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = TraceEvent<'a>;

    fn next(&mut self) -> Option<TraceEvent<'a>> {
        while self.at.checked_add(RECORD)? <= self.end {
            let at = self.at;
            let total = load_u32(self.bytes, at) as usize;
            if total == 0 {
                self.skip_gap();
                continue;
            }
            if total < RECORD || !total.is_multiple_of(8) || total > self.end - at {
                // Nothing that follows can be found: the rest is lost, and counted as one.
                self.torn += 1;
                self.at = self.end;
                return None;
            }
            self.at = at + total;
            let kind = load_u8(self.bytes, at + 4);
            if kind == VOID || kind == 0 && load_u8(self.bytes, at + UNASKED_AT) == 1 {
                continue;
            }
            let Some(record) = parse(&self.bytes[at..at + total]) else {
                self.torn += 1;
                continue;
            };
            return Some(record);
        }
        None
    }
}

fn parse(bytes: &[u8]) -> Option<TraceEvent<'_>> {
    let kind = EventKind::from_number(load_u8(bytes, 4))?;
    let (path, rest) = until_zero(&bytes[RECORD..])?;
    let (path2, _) = until_zero(rest)?;
    Some(TraceEvent {
        kind,
        flags: bytes[5],
        errno: u16::from_ne_bytes([bytes[6], bytes[7]]),
        pid: load_u32(bytes, 8),
        tid: load_u32(bytes, 12),
        module: load_u32(bytes, 16),
        aux: i64::from_ne_bytes(bytes[24..32].try_into().ok()?),
        path,
        path2,
    })
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

// Other processes may be writing: what orders a record's content must be loaded atomically. The offsets are
// multiples of the width within a mapping that begins on a page, or within a buffer that the tests align.

fn load_u8(bytes: &[u8], at: usize) -> u8 {
    let byte = &bytes[at];
    // SAFETY: an atomic byte has the layout of a byte, and the reference lives as long as the borrow.
    unsafe { AtomicU8::from_ptr(std::ptr::from_ref(byte).cast_mut()) }.load(Ordering::Acquire)
}

fn load_u32(bytes: &[u8], at: usize) -> u32 {
    let four = &bytes[at..at + 4];
    let pointer = four.as_ptr().cast_mut().cast::<u32>();
    assert!(pointer.is_aligned());
    // SAFETY: four bytes in bounds and aligned; only loaded from.
    unsafe { AtomicU32::from_ptr(pointer) }.load(Ordering::Acquire)
}

fn load_u64(bytes: &[u8], at: usize) -> u64 {
    let eight = &bytes[at..at + 8];
    let pointer = eight.as_ptr().cast_mut().cast::<u64>();
    assert!(pointer.is_aligned());
    // SAFETY: eight bytes in bounds and aligned; only loaded from.
    unsafe { AtomicU64::from_ptr(pointer) }.load(Ordering::Acquire)
}

#[cfg(target_os = "linux")]
mod memory {
    use super::{HEADER, MAGIC, OVERFLOW_AT, TAIL_AT};
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::fs::FileExt;
    use std::path::{Path, PathBuf};
    use std::ptr::NonNull;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    #[derive(Debug)]
    pub struct Shared {
        file: File,
        capacity: u64,
        mapping: OnceLock<Option<Mapping>>,
    }

    #[derive(Debug)]
    struct Mapping {
        start: NonNull<u8>,
        len: usize,
    }

    // SAFETY: the mapping belongs to no thread, and it is only read.
    unsafe impl Send for Mapping {}
    // SAFETY: as above.
    unsafe impl Sync for Mapping {}

    impl Shared {
        pub fn create(capacity: u64, head: &dyn Fn(u64) -> Vec<u8>) -> io::Result<Shared> {
            let name = c"kache-observe";
            // SAFETY: the name is a C string.
            let fd =
                unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new and nobody else's.
            let file = unsafe { File::from_raw_fd(fd) };
            // A larger file would kill this process.
            let capacity = capacity.min(file_size_limit()) & !4095;
            file.set_len(capacity)?;
            file.write_all_at(&head(capacity), 0)?;
            // Whoever opens it could shrink it otherwise, and an access beyond the end kills a process.
            let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
            // SAFETY: plain arguments.
            if unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) } < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Shared { file, capacity, mapping: OnceLock::new() })
        }

        pub fn path(&self) -> PathBuf {
            PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
        }

        /// The same memory, whose bytes have not been read yet.
        pub fn again(&self) -> Option<Shared> {
            let (file, capacity) = (self.file.try_clone().ok()?, self.capacity);
            Some(Shared { file, capacity, mapping: OnceLock::new() })
        }

        pub fn word(&self, at: usize) -> u32 {
            let mut word = [0; 4];
            match self.file.read_exact_at(&mut word, at as u64) {
                Ok(()) => u32::from_ne_bytes(word),
                Err(_) => 0,
            }
        }

        /// What has been written when this is first called; `None` where there is no room for it.
        pub fn bytes(&self) -> Option<&[u8]> {
            let mapping = self.mapping.get_or_init(|| self.map().ok()).as_ref()?;
            // SAFETY: the mapping lives as long as `self`, and sealing keeps its pages there. Other processes may write
            // to it, but a record's content only before its kind, which is loaded with acquire.
            Some(unsafe { std::slice::from_raw_parts(mapping.start.as_ptr(), mapping.len) })
        }

        fn map(&self) -> io::Result<Mapping> {
            let mut tail = [0; 8];
            self.file.read_exact_at(&mut tail, TAIL_AT as u64)?;
            let len = u64::from_ne_bytes(tail).clamp(HEADER as u64, self.capacity) as usize;
            let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, self.file.as_raw_fd());
            // SAFETY: a new mapping at an address of the system's choice.
            let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0) };
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at zero"))?;
            Ok(Mapping { start, len })
        }
    }

    const NAME: &[u8] = b"/memfd:kache-observe";

    /// See [`super::append`]. Room for all records is claimed at once, as other processes claim theirs.
    pub fn append(path: &Path, records: &[u8]) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt;
        // The process that made the log may be gone, and its id another's.
        let target = std::fs::read_link(path)?;
        if !target.as_os_str().as_bytes().starts_with(NAME) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = File::options().read(true).write(true).open(path)?;
        let mut head = [0; 16];
        file.read_exact_at(&mut head, 0)?;
        let capacity = u64::from_ne_bytes(head[8..16].try_into().expect("eight bytes"));
        if &head[..8] != MAGIC || file.metadata()?.len() != capacity || capacity < HEADER as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        // SAFETY: a new mapping at an address of the system's choice; a sealed file does not shrink.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), HEADER, access, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the header is mapped, and both words are aligned.
        let at = unsafe { &*start.byte_add(TAIL_AT).cast::<AtomicU64>() }
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        let fits = at.checked_add(records.len() as u64).is_some_and(|end| end <= capacity);
        if !fits {
            // SAFETY: as above.
            unsafe { &*start.byte_add(OVERFLOW_AT).cast::<AtomicU32>() }.store(1, Ordering::Relaxed);
        }
        // SAFETY: mapped above, and no borrow of it is left.
        unsafe { libc::munmap(start, HEADER) };
        if fits { file.write_all_at(records, at) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn file_size_limit() -> u64 {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes to the structure and nowhere else.
        match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
            0 => limit.rlim_cur,
            _ => u64::MAX,
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: mapped by `map`, and no borrow of it is left.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod memory {
    use std::io;
    use std::path::PathBuf;

    #[derive(Debug)]
    pub enum Shared {}

    impl Shared {
        pub fn create(_: u64, _: &dyn Fn(u64) -> Vec<u8>) -> io::Result<Shared> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "no observer on this system"))
        }

        pub fn path(&self) -> PathBuf {
            match *self {}
        }

        pub fn word(&self, _: usize) -> u32 {
            match *self {}
        }

        pub fn again(&self) -> Option<Shared> {
            match *self {}
        }

        pub fn bytes(&self) -> Option<&[u8]> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(words: &[u64]) -> Vec<u64> {
        let mut all = vec![0; HEADER / 8];
        all.extend(words);
        all[TAIL_AT / 8] = (all.len() * 8) as u64;
        all
    }

    fn bytes(words: &[u64]) -> &[u8] {
        // SAFETY: bytes need no alignment, and the length is the same.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 8) }
    }

    fn record(kind: u8, text: &[u8; 8]) -> [u64; 5] {
        let first = u64::from_le_bytes([40, 0, 0, 0, kind, 0, 0, 0]);
        [first.to_le(), 0, 0, 7, u64::from_ne_bytes(*text)]
    }

    #[test]
    fn unfinished_records_are_skipped_and_counted() {
        let mut words = record(3, b"/a\0\0\0\0\0\0").to_vec();
        words.extend(record(0, b"/b\0\0\0\0\0\0"));
        words.extend([0; 9]);
        words.extend(record(11, b"C\0de\0\0\0\0"));
        words.extend([0; 2]);
        let log = log(&words);
        let mut records = Records::of(bytes(&log));
        let found: Vec<_> = records.by_ref().map(|r| (r.kind, r.path, r.path2)).collect();
        assert_eq!(found, [(EventKind::Read, &b"/a"[..], &b""[..]), (EventKind::GetEnv, b"C", b"de")]);
        assert_eq!(records.torn(), 2);
    }

    #[test]
    fn a_record_of_what_was_not_asked_is_not_missed() {
        let unasked = |kind| {
            let mut words = record(kind, b"clock\0\0\0");
            words[2] = u64::from_le_bytes([0, 0, 0, 0, 1, 0, 0, 0]).to_le();
            words
        };
        let log = log(&[unasked(0), unasked(20), record(0, b"/b\0\0\0\0\0\0")].concat());
        let mut records = Records::of(bytes(&log));
        assert_eq!(records.by_ref().map(|r| r.kind).collect::<Vec<_>>(), [EventKind::Volatile]);
        assert_eq!(records.torn(), 1);
    }

    #[test]
    fn garbage_neither_panics_nor_hangs() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..20_000 {
            let mut words = Vec::new();
            for _ in 0..round % 40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let small = (state >> 40) % 64;
                words.push(if state & 3 == 0 { state } else { small | (state >> 59) << 32 });
            }
            let mut log = log(&words);
            if round % 3 == 0 {
                log[TAIL_AT / 8] = state;
            }
            assert!(Records::of(bytes(&log)).count() <= words.len());
        }
        assert_eq!(Records::of(&[]).count(), 0);
    }

    #[test]
    fn every_kind_has_its_number() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(EventKind::from_number(0), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_new_log_is_empty() {
        let log = Log::create(&Purpose::default()).unwrap();
        assert!(!log.trace().overflowed);
        assert_eq!(log.records().count(), 0);
        assert!(log.path().exists());
    }
}
