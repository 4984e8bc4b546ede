//! Linux and macOS.

use super::{Found, Method, Sort, StatId};
use std::ffi::{CString, OsStr};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Reads the identity off a stat.
fn of(m: &Metadata) -> (Sort, StatId) {
    let sort = if m.is_file() {
        Sort::File
    } else if m.is_dir() {
        Sort::Dir
    } else {
        Sort::Other
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

/// What is at a path, links followed.
pub fn identity(path: &Path) -> io::Result<(Sort, StatId)> {
    Ok(of(&std::fs::metadata(path)?))
}

/// What is open.
pub fn identity_of(file: &File) -> io::Result<(Sort, StatId)> {
    Ok(of(&file.metadata()?))
}

/// Opens a directory to look at it.
pub fn open_dir(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What is known of a file besides its contents, and of the link to it, if it is one: times and permissions.
pub fn status(path: &Path) -> io::Result<Vec<u8>> {
    let of = |m: &Metadata| {
        let created = m.created().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        format!("{}.{:09} {created:?} {:o} {}\n", m.mtime(), m.mtime_nsec(), m.mode(), m.uid())
    };
    Ok((of(&path.metadata()?) + &of(&path.symlink_metadata()?)).into_bytes())
}

/// Whether an error says that nothing is at the path.
pub fn is_absent(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ENAMETOOLONG))
}

/// Whether an errno in an observation says that nothing is at the path.
pub fn errno_is_absent(errno: u16) -> bool {
    is_absent(&io::Error::from_raw_os_error(errno as i32))
}

fn clock(id: libc::clockid_t) -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec for the call to fill in.
    unsafe { libc::clock_gettime(id, &mut t) };
    let now = t.tv_sec * 1_000_000_000 + t.tv_nsec;
    #[cfg(feature = "faults")]
    let now = now + super::clock_is_off();
    now
}

/// Wall time, ns since 1970.
pub fn now_ns() -> i64 {
    clock(libc::CLOCK_REALTIME)
}

/// The time that the kernel would stamp on a file changed right now: no later change can carry an earlier one.
pub fn stamp_ns() -> i64 {
    #[cfg(target_os = "linux")]
    return clock(libc::CLOCK_REALTIME_COARSE);
    #[cfg(not(target_os = "linux"))]
    return clock(libc::CLOCK_REALTIME);
}

/// Waits until the file stamp has moved past `then`, so that "changed before" and "changed after" cannot carry
/// the same time. Bounded: a clock that stands still is not waited for.
pub fn wait_past(then: i64) {
    for _ in 0..200 {
        if stamp_ns() > then {
            return;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// How much later than a file's change time a look must be for any further change to show, in ns.
fn granularity(file: &File) -> i64 {
    const COARSE: i64 = 2_000_000_000;
    #[cfg(target_os = "linux")]
    {
        // SAFETY: statfs is plain data, and the descriptor is open.
        let magic = unsafe {
            let mut s: libc::statfs = std::mem::zeroed();
            if libc::fstatfs(file.as_raw_fd(), &mut s) != 0 {
                return COARSE;
            }
            s.f_type as i64
        };
        const EXT: i64 = 0xEF53;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683E;
        const TMPFS: i64 = 0x0102_1994;
        const OVERLAY: i64 = 0x794c_7630;
        match magic {
            // Since 6.13 these stamp a file afresh, to the nanosecond, once somebody has looked at its times
            // (Documentation/filesystems/multigrain-ts.rst in the kernel's tree).
            EXT | XFS | BTRFS | TMPFS if multigrain() => 0,
            EXT | XFS | BTRFS | TMPFS | OVERLAY => 20_000_000,
            _ => COARSE,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        COARSE
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

/// Whether a change made after `looked` (a [`stamp_ns`] taken before the file's bytes were read, after its
/// identity was) is sure to show in the file's identity.
pub fn settled(file: &File, id: &StatId, looked: i64) -> bool {
    if id.ctime.max(id.mtime) + 2_000_000_000 < looked {
        return true;
    }
    let g = granularity(file);
    g == 0 || id.ctime.max(id.mtime) + g < looked
}

/// Puts a file in the place of another, or where there is none.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes a file, a read-only one too.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Removes a file whose name is wanted for another.
pub fn clear(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Removes a directory and all in it, files that may not be written to, too.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    std::fs::remove_dir_all(path)
}

/// Names this start of the machine; `None` where the system does not say.
pub fn boot_id() -> Option<[u8; 16]> {
    // A power cut that a test acts out.
    #[cfg(feature = "faults")]
    if let Ok(text) = std::env::var("KACHE_FAULT_BOOT") {
        let mut out = [0; 16];
        out.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        return Some(out);
    }
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let mut out = [0; 16];
    let mut hex = text.iter().filter(|b| b.is_ascii_hexdigit());
    for byte in &mut out {
        let pair = [*hex.next()?, *hex.next()?];
        *byte = u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// Makes `to`, which must not exist, with the bytes of `from`.
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

/// What a file takes on disk, in bytes.
pub fn room(m: &Metadata) -> u64 {
    m.blocks() * 512
}

/// How large the file system is that a path is on, in bytes.
pub fn disk_size(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: statvfs is plain data for the call to fill in, and the path NUL-terminated.
    unsafe {
        let mut s: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut s) == 0).then_some(s.f_blocks as u64 * s.f_frsize as u64)
    }
}

/// Gives a file the present time.
pub fn touch(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is NUL-terminated; no times means now.
    match unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), std::ptr::null(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Starts a program that outlives this one, and that nobody waits for: in a session of its own, with nothing that
/// was open here, and, where it is not pressing, last in line for processor and disk.
pub fn detach(command: &mut Command, pressing: bool) -> io::Result<std::process::Child> {
    use std::process::Stdio;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let alone = move || {
        // SAFETY: plain calls that may be made between fork and exec. What cannot be had is gone without.
        unsafe {
            libc::setsid();
            if !pressing {
                libc::nice(19);
            }
            #[cfg(target_os = "linux")]
            libc::syscall(
                libc::SYS_close_range,
                3,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC as libc::c_int,
            );
        }
        Ok(())
    };
    // SAFETY: the closure calls nothing but the system.
    unsafe { command.pre_exec(alone) };
    command.spawn()
}

/// Does something during which no signal that asks the process to end is heeded; one that came is when it is done.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: signal sets are plain data for the calls to fill in.
    let before = unsafe {
        let mut asks: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut asks);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            libc::sigaddset(&mut asks, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &asks, &mut before);
        before
    };
    let done = work();
    // SAFETY: `before` is what the first call filled in.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    done
}

/// Whether the owner may execute the file.
pub fn is_executable(m: &Metadata) -> bool {
    m.permissions().mode() & 0o100 != 0
}

/// Why a directory is not to be trusted with what this user builds, if it is not: somebody else can put things there.
/// Fails where there is no such directory.
pub fn is_not_ours(dir: &Path) -> io::Result<Option<String>> {
    let m = std::fs::metadata(dir)?;
    if !m.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    // SAFETY: no arguments, cannot fail.
    let user = unsafe { libc::geteuid() };
    if m.uid() != user {
        return Ok(Some(format!("belongs to user {}, and this is user {user}", m.uid())));
    }
    Ok(may_others_write(&m).then(|| format!("has mode {:o}: others may write to it", m.mode() & 0o7777)))
}

fn may_others_write(m: &Metadata) -> bool {
    m.permissions().mode() & 0o022 != 0
}

/// Whether others than the owner may write to a directory.
pub fn others_may_write(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|m| may_others_write(&m))
}

/// Takes away everyone's right to write.
pub fn make_read_only(file: &File) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(0o444))
}

/// Makes a directory, and those above it that are missing, for this user alone.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Has a file that is made be this user's alone.
pub fn private(options: &mut std::fs::OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// Tries to take an exclusive lock on an open file; `false` where somebody holds it.
pub fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let e = io::Error::last_os_error();
    if e.raw_os_error() == Some(libc::EWOULDBLOCK) { Ok(false) } else { Err(e) }
}

/// Becomes the command. Returns only where that failed.
pub fn replace_process(command: &mut Command) -> io::Error {
    restore_file_limit();
    command.exec()
}

/// Whether the signal was not ignored before `outlive_file_limit`.
static FILE_LIMIT_KILLS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// A limit on the size of files (`ulimit -f`) is to be an error like any other where a file of the store is too large:
/// the compiler's own may not be.
pub fn outlive_file_limit() {
    // SAFETY: a plain call; no handler is involved.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    FILE_LIMIT_KILLS.store(before == libc::SIG_DFL, std::sync::atomic::Ordering::Relaxed);
}

/// For a program that is started.
fn restore_file_limit() {
    if FILE_LIMIT_KILLS.load(std::sync::atomic::Ordering::Relaxed) {
        // SAFETY: a plain call, allowed between fork and exec; no handler is involved.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
    }
}

/// The exit status as the caller of a shell would see it, and the signal where one ended the process.
pub fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1)
}

/// Ends this process the way the child was ended, so that the caller sees the same signal.
pub fn die_like(status: std::process::ExitStatus) -> ! {
    use std::os::unix::process::ExitStatusExt;
    if let Some(signal) = status.signal() {
        // SAFETY: resetting a signal to its default action and raising it is what a shell does.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    std::process::exit(exit_code(status))
}

/// The parent process and when it started, as a name for "this build".
pub fn parent() -> String {
    let pid = std::os::unix::process::parent_id();
    let start = std::fs::read(format!("/proc/{pid}/stat")).ok().and_then(|stat| {
        let rest = &stat[stat.iter().rposition(|b| *b == b')')? + 2..];
        let field = rest.split(|b| *b == b' ').nth(19)?;
        Some(String::from_utf8_lossy(field).into_owned())
    });
    format!("{pid}-{}", start.unwrap_or_default())
}

/// The signal that asked this process to end, since `note_ends`.
static ENDED_BY: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

/// From now on, what asks this process to end only is noted, for `noted_end`.
pub fn note_ends() {
    extern "C" fn note(signal: libc::c_int) {
        ENDED_BY.store(signal, std::sync::atomic::Ordering::Relaxed);
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::signal(signal, note as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    }
}

/// The number of the signal that asked this process to end, if one did.
pub fn noted_end() -> Option<i32> {
    Some(ENDED_BY.load(std::sync::atomic::Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Whether standard input is the null device: then it has nothing to say.
pub fn stdin_is_null() -> bool {
    // SAFETY: stat is plain data; both calls only fill it in.
    unsafe {
        let mut a: libc::stat = std::mem::zeroed();
        let mut b: libc::stat = std::mem::zeroed();
        libc::fstat(0, &mut a) == 0
            && libc::stat(c"/dev/null".as_ptr(), &mut b) == 0
            && a.st_mode & libc::S_IFMT == libc::S_IFCHR
            && a.st_rdev == b.st_rdev
    }
}

/// Facts of the host that a program can ask for by name: `host` (name and kernel) and `user`.
pub fn host_fact(name: &[u8]) -> Vec<u8> {
    match name {
        b"processors" => processors(),
        b"user" => {
            // SAFETY: no arguments, cannot fail.
            let id = unsafe { libc::getuid() };
            id.to_string().into_bytes()
        }
        _ => {
            // SAFETY: utsname is plain data for uname to fill in, each field NUL-terminated.
            unsafe {
                let mut u: libc::utsname = std::mem::zeroed();
                libc::uname(&mut u);
                let mut out = Vec::new();
                for field in [&u.sysname[..], &u.nodename[..], &u.release[..], &u.machine[..]] {
                    out.extend(field.iter().take_while(|c| **c != 0).map(|c| *c as u8));
                    out.push(0);
                }
                out
            }
        }
    }
}

/// How many processors this process may use, and of what sort they are.
fn processors() -> Vec<u8> {
    let mut out = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    for sort in ["model name", "flags", "Features"] {
        out.extend(about.lines().find(|l| l.starts_with(sort)).map(|l| format!("\n{l}")));
    }
    // SAFETY: no memory is involved.
    let all = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    format!("{out}\n{all}").into_bytes()
}

/// The user's directory.
pub fn home() -> Option<std::path::PathBuf> {
    std::env::var_os("HOME").map(Into::into)
}

/// Where programs keep what can be made again.
pub fn cache_home() -> Option<std::path::PathBuf> {
    Some(home()?.join(".cache"))
}

/// Where programs keep what the user has set.
pub fn config_home() -> Option<std::path::PathBuf> {
    Some(home()?.join(".config"))
}

/// The file that a program's name means: that very one.
pub fn as_program(path: std::path::PathBuf) -> std::path::PathBuf {
    path
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

/// What stands between the paths of a list.
pub const BETWEEN_PATHS: char = ':';

/// Drops `.` components and doubled slashes, which name nothing. `..` stays: behind a link it is not what it seems.
pub fn tidy(path: &[u8]) -> Vec<u8> {
    let clean =
        !path.windows(2).any(|w| w == b"//" || w == b"/.") && (path.len() < 2 || !path.ends_with(b"/"));
    if clean {
        return path.to_vec();
    }
    let mut out = Vec::with_capacity(path.len());
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        out.push(b'/');
        out.extend(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// What stands between the parts of a path.
pub const SEPARATORS: &[u8] = b"/";

/// Whether a byte stands between the parts of a path.
pub fn is_separator(b: u8) -> bool {
    b == b'/'
}

/// The path as it is: there is one spelling.
pub fn plain(path: std::path::PathBuf) -> std::path::PathBuf {
    path
}

/// Whether a path names what can be a file: any may.
pub fn can_be_file(_: &Path) -> bool {
    true
}

/// Whether a place has several spellings, of which a compiler's maps know one.
pub const HAS_SPELLINGS: bool = false;

/// The spellings of a path, as they are in a text that is folded: one.
pub fn spellings(path: &Path) -> Vec<Vec<u8>> {
    vec![path.as_os_str().as_bytes().to_vec()]
}

/// A text in which all spellings of a path are alike: as it is.
pub fn folded(text: impl io::Read) -> impl io::Read {
    text
}

/// What of a tidy path is below a directory, with the separator that it begins with; `None` where it is not.
pub fn below<'a>(path: &'a [u8], dir: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(dir).filter(|rest| rest.first().is_none_or(|b| *b == b'/'))
}

/// With the separators that portable paths have.
pub fn with_slashes(path: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    path.into()
}

/// With the separators of this system.
pub fn with_own_separators(path: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    path.into()
}

/// Whether a path of the system's may begin with this byte.
pub fn begins_path(b: u8) -> bool {
    b == b'/'
}

/// A path from bytes that came out of a log or a store.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// How wide the terminal behind standard error is; `None` where that is no terminal.
pub fn terminal_width() -> Option<u16> {
    // SAFETY: winsize is plain data for the call to fill in.
    unsafe {
        let mut w: libc::winsize = std::mem::zeroed();
        (libc::ioctl(2, libc::TIOCGWINSZ, &mut w) == 0).then_some(if w.ws_col == 0 { 140 } else { w.ws_col })
    }
}

/// What the processor says of itself: all that `-C target-cpu=native` can depend on.
pub fn processor() -> Vec<u8> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let wanted =
        ["vendor_id", "cpu family", "model\t", "model name", "stepping", "flags", "Features", "CPU part"];
    let mut lines: Vec<&str> = text.lines().filter(|l| wanted.iter().any(|w| l.starts_with(w))).collect();
    lines.sort();
    lines.dedup();
    lines.join("\n").into_bytes()
}

/// A file in memory, without a name in any directory.
#[cfg(target_os = "linux")]
pub fn memory_file() -> io::Result<File> {
    use std::os::fd::FromRawFd;
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"kache".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// As above: not here.
#[cfg(not(target_os = "linux"))]
pub fn memory_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The path by which other processes open a file that this one holds open.
pub fn path_of_open(file: &File) -> std::path::PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// Has the child that a command starts end with this process, however this one ends: a compiler that is not waited
/// for would go on to write where the next build does.
pub fn die_together(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        let ask = move || {
            restore_file_limit();
            // SAFETY: plain arguments; both calls may be made between fork and exec.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                if libc::getppid() as u32 != parent {
                    libc::raise(libc::SIGTERM);
                }
            }
            Ok(())
        };
        // SAFETY: the closure calls nothing but the system.
        unsafe { command.pre_exec(ask) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Lets go of what children left running, once they have ended in order: here nothing holds it.
pub fn live_on() {}

/// Whether a file has more names than this one.
pub fn has_other_names(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.nlink() > 1)
}

/// Looks for entries in a directory that is open.
pub fn any_of<'a>(dir: &File, _at: &Path, names: impl Iterator<Item = &'a [u8]>) -> io::Result<Found> {
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
            if is_absent(&e) { Ok(false) } else { Err(e) }
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

/// Stats many files of few directories: each directory's path is walked once.
#[derive(Default)]
pub struct Stats {
    dir: Option<(std::path::PathBuf, File)>,
}

impl Stats {
    /// The identity of what is at `path`, links followed, and whether it is a directory.
    pub fn of(&mut self, path: &Path) -> Option<(StatId, bool)> {
        let (parent, name) = (path.parent()?, path.file_name()?);
        if self.dir.as_ref().is_none_or(|(p, _)| p != parent) {
            self.dir = Some((parent.to_path_buf(), File::open(parent).ok()?));
        }
        let (_, dir) = self.dir.as_ref()?;
        let name = CString::new(name.as_bytes()).ok()?;
        // SAFETY: stat is plain data for the call to fill in, `name` is NUL-terminated, and the descriptor is open.
        let s = unsafe {
            let mut s: libc::stat = std::mem::zeroed();
            if libc::fstatat(dir.as_raw_fd(), name.as_ptr(), &mut s, 0) != 0 {
                return None;
            }
            s
        };
        let id = StatId {
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
            size: s.st_size as u64,
            mtime: s.st_mtime as i64 * 1_000_000_000 + s.st_mtime_nsec as i64,
            ctime: s.st_ctime as i64 * 1_000_000_000 + s.st_ctime_nsec as i64,
        };
        Some((id, s.st_mode & libc::S_IFMT == libc::S_IFDIR))
    }
}

/// The number of an error that a test names.
#[cfg(feature = "faults")]
pub fn error_called(name: &str) -> Option<i32> {
    Some(match name {
        "enospc" => libc::ENOSPC,
        "eio" => libc::EIO,
        "erofs" => libc::EROFS,
        "eacces" => libc::EACCES,
        "emfile" => libc::EMFILE,
        "edquot" => libc::EDQUOT,
        _ => return None,
    })
}

/// Ends this process at once, as if it were killed.
#[cfg(feature = "faults")]
pub fn die() -> ! {
    // SAFETY: a plain call; nothing comes after it.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::thread::park();
    }
}
