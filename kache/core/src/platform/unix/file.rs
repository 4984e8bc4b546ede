//! Files: identity, copying, renaming.

use super::super::{ABSENCES, EntryType, FileType, Found, Method, StatId};
use std::ffi::CString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Reads the identity off a stat.
fn of(m: &Metadata) -> (FileType, StatId) {
    let sort = if m.is_file() {
        FileType::File
    } else if m.is_dir() {
        FileType::Dir
    } else {
        FileType::Other
    };
    let id = StatId {
        dev: m.dev(),
        ino: m.ino(),
        size: m.size(),
        mtime: m.mtime() * 1_000_000_000 + m.mtime_nsec(),
        ctime: m.ctime() * 1_000_000_000 + m.ctime_nsec(),
    };
    (sort, id)
}

/// The type and identity of the file at a path, following links.
pub fn identity(path: &Path) -> io::Result<(FileType, StatId)> {
    Ok(of(&std::fs::metadata(path)?))
}

/// The type and identity of an open file.
pub fn identity_of(file: &File) -> io::Result<(FileType, StatId)> {
    Ok(of(&file.metadata()?))
}

/// Opens a file without waiting for another process, which the opening of a named pipe or a terminal may do.
pub(in super::super) fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// Opens a directory for reading.
pub fn open_dir(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The times and permissions of a file and, if the path is a link, of the link.
pub fn status(path: &Path) -> io::Result<Vec<u8>> {
    let of = |m: &Metadata| {
        let created = m.created().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        format!("{}.{:09} {created:?} {:o} {}\n", m.mtime(), m.mtime_nsec(), m.mode(), m.uid())
    };
    Ok((of(&path.metadata()?) + &of(&path.symlink_metadata()?)).into_bytes())
}

/// Whether only root can replace the contents of a program's file.
pub fn only_root_replaces(program: &Path) -> bool {
    program.canonicalize().is_ok_and(|path| {
        path.ancestors().all(|p| p.metadata().is_ok_and(|m| m.uid() == 0 && m.mode() & 0o022 == 0))
    })
}

/// Whether an error means that the file does not exist.
pub fn is_absent(e: &io::Error) -> bool {
    absence(e).is_some()
}

/// The value of a dependency on what is at a path, if an error means that nothing is. A program can tell the errors apart.
pub fn absence(e: &io::Error) -> Option<&'static str> {
    let [absent, below, circle, long] = ABSENCES;
    Some(match e.raw_os_error()? {
        libc::ENOENT => absent,
        libc::ENOTDIR => below,
        libc::ELOOP => circle,
        libc::ENAMETOOLONG => long,
        _ => return None,
    })
}

/// The same of an `errno` in a trace.
pub fn absence_by_errno(errno: u16) -> Option<&'static str> {
    absence(&io::Error::from_raw_os_error(errno.into()))
}

/// Whether an `errno` in a trace means that the file does not exist.
pub fn errno_is_absent(errno: u16) -> bool {
    is_absent(&io::Error::from_raw_os_error(errno as i32))
}

/// The time in ns after a file's change at which each further change gets another change time; `None` where other
/// machines change the file, or a program does that keeps times of its own, or the file is from an image: the maker of an image
/// chooses numbers and times, and another image with the same ones may be mounted in its place.
fn granularity(file: &File, device: u64) -> Option<i64> {
    const COARSE: i64 = 2_000_000_000;
    #[cfg(target_os = "linux")]
    {
        // SAFETY: statfs is plain data, and the descriptor is open.
        let magic = unsafe {
            let mut s: libc::statfs = std::mem::zeroed();
            if libc::fstatfs(file.as_raw_fd(), &mut s) != 0 {
                return Some(COARSE);
            }
            s.f_type as i64
        };
        const EXT: i64 = 0xEF53;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683E;
        const TMPFS: i64 = 0x0102_1994;
        const OVERLAY: i64 = 0x794c_7630;
        /// nfs, smb, smb2, cifs, ceph, 9p, fuse, afs, coda, lustre, gpfs.
        const NETWORK: [i64; 11] = [
            0x6969,
            0x517B,
            0xFE53_4D42,
            0xFF53_4D42,
            0x00C3_6400,
            0x0102_1997,
            0x6573_5546,
            0x5346_414F,
            0x7375_7245,
            0x0BD0_0BD0,
            0x4750_4653,
        ];
        /// squashfs, erofs, iso9660, udf, cramfs, romfs.
        const IMAGES: [i64; 6] = [0x7371_7368, 0xE0F5_E1E2, 0x9660, 0x1501_3346, 0x28CD_3D45, 0x7275];
        match magic {
            other if NETWORK.contains(&(other & 0xFFFF_FFFF)) => None,
            image if IMAGES.contains(&(image & 0xFFFF_FFFF)) => None,
            _ if is_on_read_only_loop(file, device) => None,
            // Since Linux 6.13, a change after a stat gets a new time with nanosecond resolution
            // (Documentation/filesystems/multigrain-ts.rst in the kernel's tree).
            EXT | XFS | BTRFS | TMPFS if multigrain() => Some(0),
            EXT | XFS | BTRFS | TMPFS | OVERLAY => Some(20_000_000),
            _ => Some(COARSE),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, device);
        Some(COARSE)
    }
}

/// Whether a file is on a device that is itself a file, and cannot be written to (Documentation/admin-guide/devices.txt in the
/// kernel's tree).
#[cfg(target_os = "linux")]
fn is_on_read_only_loop(file: &File, device: u64) -> bool {
    const LOOP: u32 = 7;
    if libc::major(device) != LOOP {
        return false;
    }
    // SAFETY: statvfs is plain data for the call to fill in, and the descriptor is open.
    unsafe {
        let mut s: libc::statvfs = std::mem::zeroed();
        libc::fstatvfs(file.as_raw_fd(), &mut s) == 0 && s.f_flag & libc::ST_RDONLY != 0
    }
}

/// Whether a process has the file open for writing, or mapped so: only the first store through a mapping moves the
/// file's times. A later mapping moves them again. A lease for reading is refused then; it is given back at once. Where
/// there are no leases, or another user owns the file, nothing is known, and the answer is no.
///
/// On overlayfs, a mapping whose descriptor has been closed is not seen.
pub fn is_being_written(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        const F_SETSIG: libc::c_int = 10;
        let fd = file.as_raw_fd();
        // SAFETY: plain calls on an open descriptor. One that opens the file meanwhile waits for the lease, and a signal
        // says so, whose default is to be ignored.
        unsafe {
            libc::fcntl(fd, F_SETSIG, libc::SIGURG);
            if libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) == 0 {
                libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK);
                return false;
            }
        }
        io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        false
    }
}

#[cfg(target_os = "linux")]
fn multigrain() -> bool {
    static KNOWN: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *KNOWN.get_or_init(|| {
        let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") else { return false };
        let mut n = release.split(['.', '-']).map(|p| p.trim().parse::<u32>().unwrap_or(0));
        (n.next().unwrap_or(0), n.next().unwrap_or(0)) >= (6, 13)
    })
}

/// Whether every change after `looked` changes the file's identity. `looked` is a [`stamp_ns`](super::stamp_ns) taken after the
/// identity and before the contents were read.
pub fn settled(file: &File, id: &StatId, looked: i64) -> bool {
    let changed = id.ctime.max(id.mtime);
    granularity(file, id.dev).is_some_and(|g| g == 0 || changed + g < looked)
}

/// Renames a file, replacing an existing one.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes a file, even if it is read-only.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Removes a file so that another can take its name.
pub fn remove_to_replace(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Removes a directory with its contents, including read-only files.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    std::fs::remove_dir_all(path)
}

/// Creates `to`, which must not exist, with the contents of `from`.
pub fn clone_file(from: &mut File, to: &Path, executable: bool) -> io::Result<(File, Method)> {
    let mode = if executable { 0o777 } else { 0o666 };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
    #[cfg(target_os = "linux")]
    // SAFETY: both descriptors are open files.
    if unsafe { libc::ioctl(out.as_raw_fd(), libc::FICLONE, from.as_raw_fd()) } == 0 {
        return Ok((out, Method::Reflink));
    }
    io::copy(from, &mut out)?;
    Ok((out, Method::Copy))
}

/// The space that a file uses on disk, in bytes.
pub fn disk_usage(m: &Metadata) -> u64 {
    m.blocks() * 512
}

/// The size of the file system of a path, in bytes.
pub fn disk_size(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: statvfs is plain data for the call to fill in, and the path NUL-terminated.
    unsafe {
        let mut s: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut s) == 0).then_some(s.f_blocks as u64 * s.f_frsize as u64)
    }
}

/// The space that this user may still fill on the disk of a directory, in bytes.
pub fn disk_free(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: statvfs is plain data for the call to fill in, and the path NUL-terminated.
    unsafe {
        let mut s: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut s) == 0).then_some(s.f_bavail as u64 * s.f_frsize as u64)
    }
}

/// Sets the times of a file to now.
pub fn touch(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is NUL-terminated; no times means now.
    match unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), std::ptr::null(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What is at a path, links not followed: its type, its permission bits, and when it was modified, ns since 1970.
pub fn entry(path: &Path) -> io::Result<(EntryType, u32, i64)> {
    let m = path.symlink_metadata()?;
    Ok((EntryType::of(m.file_type()), m.mode() & 0o7777, m.mtime() * 1_000_000_000 + m.mtime_nsec()))
}

/// Sets the permission bits of a file or a directory.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Sets when something was modified, ns since 1970, links not followed.
pub fn set_modified(path: &Path, ns: i64) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let keep = libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT };
    let (sec, nsec) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let times = [keep, libc::timespec { tv_sec: sec as libc::time_t, tv_nsec: nsec as _ }];
    // SAFETY: the path is NUL-terminated, and there are two times.
    let failed = unsafe {
        libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether the owner may execute the file.
pub fn is_executable(m: &Metadata) -> bool {
    m.permissions().mode() & 0o100 != 0
}

/// Makes a file read-only.
pub fn make_read_only(file: &File) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(0o444))
}

/// Tries to take an exclusive lock on an open file; `false` if another process holds it.
pub fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let e = io::Error::last_os_error();
    if e.raw_os_error() == Some(libc::EWOULDBLOCK) { Ok(false) } else { Err(e) }
}

/// Whether this process may do with a file what the bits of `access` ask.
pub fn may(path: &Path, asked: u8) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is NUL-terminated.
    match unsafe { libc::access(path.as_ptr(), libc::c_int::from(asked)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a file can be executed by this user.
pub fn may_execute(path: &Path) -> bool {
    let Ok(c) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: `c` is a NUL-terminated path.
    unsafe { libc::access(c.as_ptr(), libc::X_OK) == 0 }
}

/// Makes a symbolic link at `at` to `to`.
pub fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Reads at an offset without moving the file's position.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

/// Writes at an offset without moving the file's position.
pub fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, buf, offset)
}

/// A file in memory, without a name.
#[cfg(target_os = "linux")]
pub fn memory_file() -> io::Result<File> {
    use std::os::fd::FromRawFd;
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"kache".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and has no other owner.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Not supported on this system.
#[cfg(not(target_os = "linux"))]
pub fn memory_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The path by which other processes can open a file that is open in this one.
pub fn path_of_open(file: &File) -> std::path::PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// Whether a file has other hard links.
pub fn has_other_names(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.nlink() > 1)
}

/// Searches an open directory for entries.
pub fn find_any<'a>(dir: &File, _at: &Path, names: impl Iterator<Item = &'a [u8]>) -> io::Result<Found> {
    let mut found = Found::Nothing;
    for name in names {
        let name = CString::new(name)?;
        let is_there = |flags| {
            // SAFETY: stat is plain data for the call to fill in; the descriptor is open and the name NUL-terminated.
            let failed = unsafe {
                let mut s: libc::stat = std::mem::zeroed();
                libc::fstatat(dir.as_raw_fd(), name.as_ptr(), &mut s, flags) != 0
            };
            if !failed {
                return Ok(true);
            }
            let e = io::Error::last_os_error();
            // Links that lead in a circle are another answer than nothing.
            absence(&e).map(|word| word != ABSENCES[0]).ok_or(e)
        };
        if is_there(libc::AT_SYMLINK_NOFOLLOW)? {
            if is_there(0)? {
                return Ok(Found::Something);
            }
            found = Found::DeadLinks;
        }
    }
    Ok(found)
}

/// Looks at many files of few directories, in the order of their directories. A directory is opened for its second file: the
/// system need not walk down to it for each.
#[derive(Default)]
pub struct Stats {
    directory: PathBuf,
    /// The directory, once it has been opened; none within where that failed.
    open: Option<Option<File>>,
}

impl Stats {
    /// The type and identity of the file at a path, following links.
    pub fn of(&mut self, path: &Path) -> io::Result<(FileType, StatId)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return identity(path) };
        if self.directory != parent {
            *self = Stats { directory: parent.to_path_buf(), open: None };
            return identity(path);
        }
        // Only a directory is opened: to open a named pipe is to wait for another process.
        let open = || OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(parent);
        let Some(directory) = self.open.get_or_insert_with(|| open().ok()) else { return identity(path) };
        let name = CString::new(name.as_bytes())?;
        // SAFETY: stat is plain data for the call to fill in, `name` is NUL-terminated, and the descriptor is open.
        let s = unsafe {
            let mut s: libc::stat = std::mem::zeroed();
            if libc::fstatat(directory.as_raw_fd(), name.as_ptr(), &mut s, 0) != 0 {
                return Err(io::Error::last_os_error());
            }
            s
        };
        let sort = match s.st_mode & libc::S_IFMT {
            libc::S_IFREG => FileType::File,
            libc::S_IFDIR => FileType::Dir,
            _ => FileType::Other,
        };
        let id = StatId {
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
            size: s.st_size as u64,
            mtime: s.st_mtime as i64 * 1_000_000_000 + s.st_mtime_nsec as i64,
            ctime: s.st_ctime as i64 * 1_000_000_000 + s.st_ctime_nsec as i64,
        };
        Ok((sort, id))
    }
}
