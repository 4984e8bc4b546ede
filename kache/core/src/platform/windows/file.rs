//! Files: identity, copying, renaming.

use super::super::{FileType, Found, Method, StatId, is_absent};
use super::since_1970;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{DUPLICATE_EXTENTS_DATA, FSCTL_DUPLICATE_EXTENTS_TO_FILE};

/// Queries information about an open file.
fn ask<T: Default>(file: &File, class: fs::FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let mut told = T::default();
    let size = size_of::<T>() as u32;
    // SAFETY: plain data of the length that is said, for the call to fill in; the handle is open.
    let done = unsafe {
        fs::GetFileInformationByHandleEx(file.as_raw_handle(), class, (&raw mut told).cast(), size)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(told) }
}

/// Opens a file or directory for queries only, which works whatever sharing mode other processes use.
fn open_to_ask(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(fs::FILE_READ_ATTRIBUTES)
        .custom_flags(fs::FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
}

/// The type and identity of the file at a path, following links.
pub fn identity(path: &Path) -> io::Result<(FileType, StatId)> {
    identity_of(&open_to_ask(path)?)
}

/// The type and identity of an open file.
pub fn identity_of(file: &File) -> io::Result<(FileType, StatId)> {
    // SAFETY: the handle is open.
    if unsafe { fs::GetFileType(file.as_raw_handle()) } != fs::FILE_TYPE_DISK {
        return Ok((FileType::Other, StatId { dev: 0, ino: 0, size: 0, mtime: 0, ctime: 0 }));
    }
    let basic: fs::FILE_BASIC_INFO = ask(file, fs::FileBasicInfo)?;
    let standard: fs::FILE_STANDARD_INFO = ask(file, fs::FileStandardInfo)?;
    let (dev, ino) = number(file)?;
    let sort = if standard.Directory { FileType::Dir } else { FileType::File };
    let id = StatId {
        dev,
        ino,
        size: standard.EndOfFile as u64,
        mtime: since_1970(basic.LastWriteTime),
        ctime: since_1970(basic.ChangeTime),
    };
    Ok((sort, id))
}

/// The volume and the file id. On ReFS the id has 128 bits, whose upper half is that of the directory.
fn number(file: &File) -> io::Result<(u64, u64)> {
    if let Ok(told) = ask::<fs::FILE_ID_INFO>(file, fs::FileIdInfo) {
        let (low, high) = told.FileId.Identifier.split_at(8);
        let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        return Ok((told.VolumeSerialNumber, half(low) ^ half(high).rotate_left(32)));
    }
    // SAFETY: plain data for the call to fill in; the handle is open.
    unsafe {
        let mut told: fs::BY_HANDLE_FILE_INFORMATION = std::mem::zeroed();
        if fs::GetFileInformationByHandle(file.as_raw_handle(), &raw mut told) == 0 {
            return Err(io::Error::last_os_error());
        }
        let number = u64::from(told.nFileIndexHigh) << 32 | u64::from(told.nFileIndexLow);
        Ok((u64::from(told.dwVolumeSerialNumber), number))
    }
}

/// Opens a file: no file of this system makes its opener wait.
pub(in super::super) fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Not asked on this system.
pub fn is_being_written(_: &File) -> bool {
    false
}

/// Opens a directory for reading.
pub fn open_dir(path: &Path) -> io::Result<File> {
    open_to_ask(path)
}

/// Searches a directory for entries, by its path: Windows cannot look up a name by a handle.
pub fn find_any<'a>(_dir: &File, at: &Path, names: impl Iterator<Item = &'a [u8]>) -> io::Result<Found> {
    let mut found = Found::Nothing;
    for name in names {
        let path = at.join(super::os_str(name));
        match path.symlink_metadata() {
            Err(e) if is_absent(&e) => continue,
            other => _ = other?,
        }
        match path.metadata() {
            Err(e) if is_absent(&e) => found = Found::DeadLinks,
            other => {
                other?;
                return Ok(Found::Something);
            }
        }
    }
    Ok(found)
}

/// Whether every change after `looked` changes the file's identity.
///
/// The system's clock steps by 16 ms at most, and FAT's by two seconds. What is written through a handle that stays
/// open may show late; the tools that write sources and artifacts close theirs.
pub fn settled(file: &File, id: &StatId, looked: i64) -> bool {
    const COARSE: i64 = 2_000_000_000;
    const FINE: i64 = 40_000_000;
    let changed = id.ctime.max(id.mtime);
    changed + COARSE < looked || changed + FINE < looked && has_fine_times(file)
}

/// Whether the volume is NTFS or ReFS.
fn has_fine_times(file: &File) -> bool {
    let mut name = [0u16; 32];
    // SAFETY: as many letters as are said, for the call to fill in; the handle is open.
    let done = unsafe {
        fs::GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            name.as_mut_ptr(),
            name.len() as u32,
        )
    };
    let name = String::from_utf16_lossy(&name);
    done != 0 && ["NTFS", "ReFS"].contains(&name.trim_end_matches('\0'))
}

/// Whether a file has other hard links.
pub fn has_other_names(path: &Path) -> bool {
    let standard = open_to_ask(path).and_then(|f| ask::<fs::FILE_STANDARD_INFO>(&f, fs::FileStandardInfo));
    standard.is_ok_and(|s| s.NumberOfLinks > 1)
}

/// Creates `to`, which must not exist, with the contents of `from`.
pub fn clone_file(from: &mut File, to: &Path, _executable: bool) -> io::Result<(File, Method)> {
    let mut out = OpenOptions::new().read(true).write(true).create_new(true).open(to)?;
    if share_blocks(from, &out).is_ok() {
        return Ok((out, Method::Reflink));
    }
    out.set_len(0)?;
    io::copy(from, &mut out)?;
    Ok((out, Method::Copy))
}

/// ReFS lets two files share blocks; a last one that is not full counts as whole.
fn share_blocks(from: &File, to: &File) -> io::Result<()> {
    /// What `GetVolumeInformation` says of a file system that can.
    const CAN: u32 = 0x0800_0000;
    /// In one call less than 4 GiB may be asked for.
    const MOST: i64 = 1 << 30;
    let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
    if features(to)? & CAN == 0 {
        return Err(unsupported());
    }
    let size = from.metadata()?.len();
    to.set_len(size)?;
    for cluster in [4096, 65_536] {
        let whole = size.next_multiple_of(cluster) as i64;
        let pieces = (0..whole).step_by(MOST as usize);
        if pieces.into_iter().all(|at| duplicate(from, to, at, MOST.min(whole - at))) {
            return Ok(());
        }
    }
    Err(unsupported())
}

fn features(file: &File) -> io::Result<u32> {
    let mut flags = 0;
    let none = std::ptr::null_mut;
    // SAFETY: only the flags are asked for; the handle is open.
    let done = unsafe {
        fs::GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            none(),
            0,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &raw mut flags,
            none(),
            0,
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(flags) }
}

fn duplicate(from: &File, to: &File, at: i64, bytes: i64) -> bool {
    let source: HANDLE = from.as_raw_handle();
    let ask = DUPLICATE_EXTENTS_DATA {
        FileHandle: source,
        SourceFileOffset: at,
        TargetFileOffset: at,
        ByteCount: bytes,
    };
    let mut told = 0;
    // SAFETY: plain data of the length that is said; both handles are open.
    let done = unsafe {
        DeviceIoControl(
            to.as_raw_handle(),
            FSCTL_DUPLICATE_EXTENTS_TO_FILE,
            (&raw const ask).cast(),
            size_of_val(&ask) as u32,
            std::ptr::null_mut(),
            0,
            &raw mut told,
            std::ptr::null_mut(),
        )
    };
    done != 0
}

/// Does again what somebody was in the way of: scanners and indexers open what is new for some milliseconds. A refusal
/// may also be final, so it is not asked for as often.
fn patiently<T>(mut op: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = Duration::from_millis(1);
    for round in 0.. {
        let e = match op() {
            Ok(done) => return Ok(done),
            Err(e) => e,
        };
        let most = match e.raw_os_error().map(|code| code as u32) {
            Some(ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION | ERROR_USER_MAPPED_FILE) => 7,
            Some(ERROR_ACCESS_DENIED) => 3,
            _ => 0,
        };
        if round >= most {
            return Err(e);
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
    unreachable!("the rounds have no end of their own")
}

/// Clears the attribute that prevents removing or replacing a file. Returns whether it was set.
#[expect(
    clippy::permissions_set_readonly_false,
    reason = "here it is an attribute, and not a right of everyone's"
)]
fn make_writable(path: &Path) -> bool {
    let Ok(meta) = path.symlink_metadata() else { return false };
    let mut permissions = meta.permissions();
    let was = permissions.readonly();
    permissions.set_readonly(false);
    was && std::fs::set_permissions(path, permissions).is_ok()
}

fn is_refusal(e: &io::Error) -> bool {
    e.raw_os_error() == Some(ERROR_ACCESS_DENIED as i32)
}

/// Renames a file, replacing an existing one even if it is read-only.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| match std::fs::rename(from, to) {
        Err(e) if is_refusal(&e) && make_writable(to) => std::fs::rename(from, to),
        other => other,
    })
}

/// Removes a file, even if it is read-only.
pub fn remove_file(path: &Path) -> io::Result<()> {
    patiently(|| match std::fs::remove_file(path) {
        Err(e) if is_refusal(&e) && make_writable(path) => std::fs::remove_file(path),
        other => other,
    })
}

/// Removes a file whose name is wanted for another. Where somebody has it open a removed file may keep its name until it
/// is closed, and a renamed one does not.
pub fn remove_to_replace(path: &Path) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_file_name(format!(".kache-old-{}-{n}", std::process::id()));
    rename(path, &aside)?;
    // Who has it open may see to it that it stays for a while.
    let _ = remove_file(&aside);
    Ok(())
}

/// Removes a directory and all in it, files that may not be written to, too: not every system passes over the attribute.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if is_refusal(&e) => {
            let mut todo = vec![path.to_path_buf()];
            while let Some(dir) = todo.pop() {
                for entry in std::fs::read_dir(dir)? {
                    let entry = entry?;
                    match entry.file_type()?.is_dir() {
                        true => todo.push(entry.path()),
                        false => _ = make_writable(&entry.path()),
                    }
                }
            }
            std::fs::remove_dir_all(path)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows flushes no file through a handle that may not write: a store that opens what it has written once more, to
    /// read, and flushes that, fails for everyone. So whatever is made for the store is made writable.
    #[test]
    fn what_is_made_can_be_flushed_and_what_is_opened_to_read_cannot() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&from, "bytes").unwrap();
        let (made, _) = clone_file(&mut File::open(&from).unwrap(), &to, false).unwrap();
        made.sync_all().unwrap();
        super::super::make_read_only(&made).unwrap();
        made.sync_all().expect("through the handle that was there before the attribute");
        let refused = File::open(&to).unwrap().sync_all().unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(ERROR_ACCESS_DENIED as i32));
    }

    #[test]
    fn a_name_is_free_although_its_file_is_open_and_read_only() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        std::fs::write(&old, "old").unwrap();
        std::fs::write(&new, "new").unwrap();
        let held = File::open(&old).unwrap();
        super::super::make_read_only(&held).unwrap();
        remove_to_replace(&old).unwrap();
        rename(&new, &old).unwrap();
        assert_eq!(std::fs::read(&old).unwrap(), b"new");
        drop(held);
        remove_dir_all(dir.path()).unwrap();
    }

    #[test]
    fn an_identity_follows_the_file_and_shows_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "1").unwrap();
        let first = identity(&a).unwrap();
        assert_eq!((first.0, identity(dir.path()).unwrap().0), (FileType::File, FileType::Dir));
        assert_eq!(identity_of(&File::open(&a).unwrap()).unwrap(), first);
        std::thread::sleep(Duration::from_millis(40));
        std::fs::write(&a, "2").unwrap();
        let second = identity(&a).unwrap();
        assert_eq!((first.1.dev, first.1.ino, first.1.size), (second.1.dev, second.1.ino, second.1.size));
        assert_ne!(first.1.ctime, second.1.ctime);
        // A modification time that is set back, as an archive's is, does not hide it.
        let options = OpenOptions::new().write(true).open(&a).unwrap();
        options.set_modified(std::time::UNIX_EPOCH).unwrap();
        drop(options);
        assert_ne!(identity(&a).unwrap().1, first.1);
        rename(&a, &b).unwrap();
        assert_eq!(identity(&b).unwrap().1.ino, first.1.ino);
        assert!(is_absent(&identity(&a).unwrap_err()));
    }
}
