//! The log that observed processes append to: shared memory, made here and read when the command is done.
//!
//! It is one sparse mapping instead of a pipe or files, because then a record costs its writer no system call of
//! its own, none is lost when a process is killed, and nothing has to be read while the command runs.
//!
//! Layout, shared with `preload/core.h`: a header of 64 bytes, then records at multiples of eight bytes. A writer
//! claims room by an atomic addition to the tail, stores the record's length, its content, and its kind last. A
//! writer that was killed in between leaves a record without a kind, or a gap of zeroes; both are counted as torn.

use super::trace::{EventKind, Trace, TraceEvent};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

const MAGIC: &[u8; 8] = b"KACHELG1";
/// The length of a log's header.
pub const HEADER: usize = 64;
/// The length of a record without its two texts.
pub const RECORD: usize = 32;
const CAPACITY: usize = 256 << 20;
/// Where the header says how much has been claimed.
pub const TAIL_AT: usize = 16;
/// Where the header says that records were dropped.
pub const OVERFLOW_AT: usize = 24;

/// A log, which its owner reads and the processes under observation write.
#[derive(Debug)]
pub struct Log {
    memory: memory::Shared,
}

impl Log {
    /// Makes an empty log.
    ///
    /// # Errors
    /// When the system cannot provide the shared memory.
    pub fn create() -> io::Result<Log> {
        let memory = memory::Shared::create(CAPACITY)?;
        memory.write_header(MAGIC, CAPACITY as u64, HEADER as u64);
        Ok(Log { memory })
    }

    /// The path by which other processes open it, for as long as this process keeps it.
    pub fn path(&self) -> PathBuf {
        self.memory.path()
    }

    /// Everything that has been recorded up to now.
    pub fn trace(&self) -> Trace<'_> {
        trace_of(self.memory.bytes())
    }

    /// What has been recorded up to now, in the order in which room for it was claimed.
    pub fn records(&self) -> Records<'_> {
        Records::of(self.memory.bytes())
    }
}

/// Reads a log from bytes that begin as a log does, at an address that is a multiple of eight.
pub fn trace_of(bytes: &[u8]) -> Trace<'_> {
    let mut records = Records::of(bytes);
    let events = records.by_ref().collect();
    let full = bytes.len() >= HEADER
        && (load_u32(bytes, OVERFLOW_AT) != 0 || load_u64(bytes, TAIL_AT) > bytes.len() as u64);
    Trace { events, overflowed: full, torn: records.torn() }
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
    let end = bytes.iter().position(|&b| b == 0)?;
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
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::path::PathBuf;
    use std::ptr::NonNull;

    #[derive(Debug)]
    pub struct Shared {
        file: File,
        start: NonNull<u8>,
        len: usize,
    }

    // SAFETY: the mapping belongs to no thread, and it is only read after `write_header`.
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    unsafe impl Sync for Shared {}

    impl Shared {
        pub fn create(len: usize) -> io::Result<Shared> {
            let name = c"kache-observe";
            // SAFETY: the name is a C string.
            let fd =
                unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new and nobody else's.
            let file = unsafe { File::from_raw_fd(fd) };
            file.set_len(len as u64)?;
            // Whoever opens it could shrink it otherwise, and an access beyond the end kills a process.
            let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
            // SAFETY: plain arguments.
            if unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) } < 0 {
                return Err(io::Error::last_os_error());
            }
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a new mapping at an address of the system's choice.
            let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0) };
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at zero"))?;
            Ok(Shared { file, start, len })
        }

        pub fn write_header(&self, magic: &[u8; 8], capacity: u64, tail: u64) {
            let header = self.start.as_ptr();
            // SAFETY: the mapping is longer than a header, and no other process knows of it yet.
            unsafe {
                header.copy_from_nonoverlapping(magic.as_ptr(), 8);
                header.add(8).cast::<u64>().write(capacity);
                header.add(super::TAIL_AT).cast::<u64>().write(tail);
            }
        }

        pub fn path(&self) -> PathBuf {
            PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
        }

        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the mapping lives as long as `self`, and sealing keeps its pages there. Other processes do write
            // to it, but a record's content only before its kind, which is loaded with acquire.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
        }
    }

    impl Drop for Shared {
        fn drop(&mut self) {
            // SAFETY: mapped by `create`, and no borrow of it is left.
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
        pub fn create(_: usize) -> io::Result<Shared> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "no observer on this system"))
        }

        pub fn write_header(&self, _: &[u8; 8], _: u64, _: u64) {
            match *self {}
        }

        pub fn path(&self) -> PathBuf {
            match *self {}
        }

        pub fn bytes(&self) -> &[u8] {
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
        let log = Log::create().unwrap();
        assert!(!log.trace().overflowed);
        assert_eq!(log.records().count(), 0);
        assert!(log.path().exists());
    }
}
