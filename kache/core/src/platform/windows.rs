//! Windows.
//!
//! Handles tell what paths do not: the identity of a file is asked of an open one, and only there. Whatever a virus
//! scanner or an indexer holds open for a moment is asked for again. Paths longer than 260 letters are the standard
//! library's affair, which spells them `\\?\` for the system; so nothing here calls the system with a path of its own
//! making.

mod console;
mod file;
mod path_form;
mod process;
pub mod socket;
mod trust;

pub use console::{is_null, note_ends, noted_end, terminal_like_ours, terminal_width, uninterrupted};
pub(super) use file::open_at_once;
pub use file::{
    clone_file, find_any, has_other_names, identity, identity_of, is_being_written, open_dir, remove_dir_all,
    remove_file, remove_to_replace, rename, settled,
};
pub use path_form::{
    PATH_LIST_SEPARATOR, SEPARATORS, can_be_file, canonical_form, fold_paths, is_path_start, is_separator,
    native_separators, normalize, path_forms, portable_separators, relative_to,
};
pub(super) use process::parent_of_this_process;
pub use process::{
    command_of, detach_with, end_of, error_output, error_output_of, group, process, wait_for_stdin,
};
pub use trust::{make_private_dir, others_may_write, private, why_untrusted};

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt};
use std::os::windows::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemTimeOfDayInformation};
use windows_sys::Win32::Foundation as foundation;
use windows_sys::Win32::Foundation::{FILETIME, HANDLE};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;
use windows_sys::Win32::System::JobObjects as jobs;
use windows_sys::Win32::System::SystemInformation::GetSystemTimePreciseAsFileTime;
use windows_sys::Win32::System::Threading as threading;

/// Whether nobody but the system can replace what a program's file holds; not known here.
pub fn only_root_replaces(_: &Path) -> bool {
    false
}

/// What is known of a file besides its contents, and of the link to it, if it is one: times and attributes.
pub fn status(path: &Path) -> io::Result<Vec<u8>> {
    let of =
        |m: &Metadata| format!("{} {} {:x}\n", m.last_write_time(), m.creation_time(), m.file_attributes());
    Ok((of(&path.metadata()?) + &of(&path.symlink_metadata()?)).into_bytes())
}

/// The value of a dependency on what is at a path, if an error means that nothing is.
pub fn absence(e: &io::Error) -> Option<&'static str> {
    is_absent(e).then_some(super::ABSENCES[0])
}

/// The same of an `errno` in a trace.
pub fn absence_by_errno(_: u16) -> Option<&'static str> {
    None
}

/// Whether an error means that the file does not exist.
pub fn is_absent(e: &io::Error) -> bool {
    const ABSENT: &[u32] = &[
        foundation::ERROR_FILE_NOT_FOUND,
        foundation::ERROR_PATH_NOT_FOUND,
        foundation::ERROR_INVALID_NAME,
        foundation::ERROR_BAD_PATHNAME,
        foundation::ERROR_DIRECTORY,
        foundation::ERROR_FILENAME_EXCED_RANGE,
        foundation::ERROR_CANT_RESOLVE_FILENAME,
        foundation::ERROR_BAD_NETPATH,
        foundation::ERROR_BAD_NET_NAME,
        foundation::ERROR_NOT_READY,
    ];
    e.raw_os_error().is_some_and(|code| ABSENT.contains(&(code as u32)))
}

/// Errors in dependencies are those of the systems that have an observer: none is here.
pub fn errno_is_absent(_: u16) -> bool {
    false
}

/// From units of 100 ns since 1601.
fn since_1970(ticks: i64) -> i64 {
    const BETWEEN: i64 = 116_444_736_000_000_000;
    (ticks - BETWEEN) * 100
}

fn ticks(time: FILETIME) -> i64 {
    (i64::from(time.dwHighDateTime) << 32) | i64::from(time.dwLowDateTime)
}

/// Wall time, ns since 1970.
pub fn now_ns() -> i64 {
    let mut now = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    // SAFETY: `now` is plain data for the call to fill in.
    unsafe { GetSystemTimePreciseAsFileTime(&raw mut now) };
    let now = since_1970(ticks(now));
    #[cfg(feature = "faults")]
    let now = now + super::clock_is_off();
    now
}

/// The time that the system would stamp on a file changed right now: no later change can carry an earlier one.
pub fn stamp_ns() -> i64 {
    use windows_sys::Win32::System::SystemInformation::GetSystemTimeAsFileTime;
    let mut now = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    // SAFETY: `now` is plain data for the call to fill in.
    unsafe { GetSystemTimeAsFileTime(&raw mut now) };
    since_1970(ticks(now))
}

/// Waits until the file stamp has moved past `then`. Bounded: a clock that stands still is not waited for. A tick may
/// be 16 ms.
pub fn wait_past(then: i64) {
    for _ in 0..100 {
        if stamp_ns() > then {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Names this start of the machine. Where the clock is set the time of the start moves with it, and the name is
/// another: that costs reading files again, and nothing else.
pub fn boot_id() -> Option<[u8; 16]> {
    #[cfg(feature = "faults")]
    if let Ok(text) = std::env::var("KACHE_FAULT_BOOT") {
        let mut out = [0; 16];
        out.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        return Some(out);
    }
    // The time of the start, the time now, and more that is of no interest.
    let mut told = [0u64; 6];
    // SAFETY: as many bytes as are said, for the call to fill in.
    let status = unsafe {
        NtQuerySystemInformation(
            SystemTimeOfDayInformation,
            told.as_mut_ptr().cast(),
            size_of_val(&told) as u32,
            std::ptr::null_mut(),
        )
    };
    if status < 0 || told[0] == 0 {
        return None;
    }
    let mut out = *b"boot....windows.";
    out[8..].copy_from_slice(&told[0].to_le_bytes());
    Some(out)
}

/// What a file takes on disk, in bytes, roughly.
pub fn disk_usage(m: &Metadata) -> u64 {
    m.len().next_multiple_of(4096)
}

/// How large the volume is that a path is on, in bytes.
pub fn disk_size(path: &Path) -> Option<u64> {
    disk_space(path).map(|(_, all)| all)
}

/// The space that this user may still fill on the disk of a directory, in bytes.
pub fn disk_free(path: &Path) -> Option<u64> {
    disk_space(path).map(|(free, _)| free)
}

fn disk_space(path: &Path) -> Option<(u64, u64)> {
    use std::os::windows::ffi::OsStrExt;
    let there = path.ancestors().find(|p| p.is_dir())?;
    let wide: Vec<u16> = there.as_os_str().encode_wide().chain([u16::from(b'\\'), 0]).collect();
    let (mut free, mut all) = (0, 0);
    // SAFETY: the path ends with a zero, and the numbers are for the call to fill in.
    let done =
        unsafe { GetDiskFreeSpaceExW(wide.as_ptr(), &raw mut free, &raw mut all, std::ptr::null_mut()) };
    (done != 0).then_some((free, all))
}

/// Sets the times of a file to now.
pub fn touch(path: &Path) -> io::Result<()> {
    use windows_sys::Win32::Storage::FileSystem::FILE_WRITE_ATTRIBUTES;
    let file =
        std::os::windows::fs::OpenOptionsExt::access_mode(&mut OpenOptions::new(), FILE_WRITE_ATTRIBUTES)
            .open(path)?;
    file.set_modified(std::time::SystemTime::now())
}

/// Starts a program that outlives this one, and that nobody waits for: without a console, with nothing that was open
/// here, and, where it is not pressing, last in line for the processor.
pub fn detach(command: &mut Command, pressing: bool) -> io::Result<std::process::Child> {
    use std::process::Stdio;
    use windows_sys::Win32::System::Console::{
        GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
    };
    // A child inherits all inheritable handles, and a build tool would wait for the end of its pipes.
    for which in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: plain calls; a handle that is none is refused.
        unsafe { foundation::SetHandleInformation(GetStdHandle(which), foundation::HANDLE_FLAG_INHERIT, 0) };
    }
    let priority = if pressing { 0 } else { threading::IDLE_PRIORITY_CLASS };
    command.creation_flags(threading::DETACHED_PROCESS | threading::CREATE_NEW_PROCESS_GROUP | priority);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Files have no executable bit on this system.
pub fn is_executable(_: &Metadata) -> bool {
    false
}

/// Sets the attribute that keeps programs from writing.
pub fn make_read_only(file: &File) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}

/// Tries to take an exclusive lock on an open file; `false` if another process holds it.
pub fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(e)) => Err(e),
    }
}

/// Runs the command in the place of this process: no process becomes another here. What is typed to end it is for the
/// command to heed.
pub fn replace_process(command: &mut Command) -> io::Error {
    console::leave_ends_to_the_child();
    match command.status() {
        Ok(status) => die_like(status),
        Err(e) => e,
    }
}

/// This system has no such limit.
pub fn outlive_file_limit() {}

/// The status of a child is kept on this system.
pub fn wait_for_children() {}

/// The exit status as the caller would see it.
pub fn exit_code(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}

/// Ends this process with the child's status, which says by itself what ended the child.
pub fn die_like(status: std::process::ExitStatus) -> ! {
    std::process::exit(exit_code(status))
}

/// Not supported on this system: no file in memory can take the place of standard input.
pub fn take_stdin() -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// See [`take_stdin`].
pub fn stdin_is_held() -> bool {
    false
}

/// See [`take_stdin`].
pub fn rewind_stdin() {}

/// Not asked on this system, where no command is observed.
pub fn stdin_is_empty() -> bool {
    false
}

/// Not asked on this system, where no command is observed.
pub fn inherited_descriptors() -> Option<Vec<i32>> {
    None
}

/// A command finds its program's name on this system.
pub fn call_by(_: &mut std::process::Command, _: &OsStr) {}

/// A console hands Ctrl-C to the children as well; this process may end first.
pub fn leave_interrupts_to_children() {}

/// No observed run has a process of kache's on this system.
pub fn parent_id() -> u32 {
    0
}

/// The system tells nothing.
pub fn started_with(_: u32) -> Option<super::StartedWith> {
    None
}

/// The system tells nothing.
pub fn variables_of(_: u32) -> Option<Vec<(std::ffi::OsString, std::ffi::OsString)>> {
    None
}

/// Facts about the host that a program can ask for. Without the observer, no other is recorded.
pub fn host_fact(name: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let processors = || std::env::var_os("NUMBER_OF_PROCESSORS").unwrap_or_default();
    (name == b"processors").then(|| [processors().into_encoded_bytes(), processor()].join(&b'\n'))
}

fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Nothing is observed here.
pub fn loaded_objects() -> Vec<PathBuf> {
    Vec::new()
}

/// The home directory.
pub fn home() -> Option<PathBuf> {
    from_env("USERPROFILE").or_else(|| from_env("HOME"))
}

/// The directory for caches.
pub fn cache_home() -> Option<PathBuf> {
    from_env("LOCALAPPDATA").or_else(|| Some(home()?.join(r"AppData\Local")))
}

/// The directory for configuration files.
pub fn config_home() -> Option<PathBuf> {
    from_env("APPDATA").or_else(|| Some(home()?.join(r"AppData\Roaming")))
}

/// The file that a program's name means: the ending may be left out.
pub fn as_program(path: PathBuf) -> PathBuf {
    if may_execute(&path) {
        return path;
    }
    let mut name = path.into_os_string();
    name.push(".exe");
    name.into()
}

/// Whether a file is a program, by its ending.
/// Not asked on this system: no process is observed.
pub fn may(path: &Path, _: u8) -> std::io::Result<()> {
    path.metadata().map(drop)
}

/// Not asked on this system: no process is observed.
pub fn is_running(_: u32) -> bool {
    false
}

/// Whether a file can be executed.
pub fn may_execute(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("exe"))
}

/// Has a second name for a file, or a copy where that cannot be: a symbolic link takes a right that users lack.
pub fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::fs::hard_link(to, at).or_else(|_| std::fs::copy(to, at).map(drop))
}

/// What is at a path, links not followed: its type, and when it was modified, ns since 1970. There are no permission bits.
pub fn entry(path: &Path) -> io::Result<(super::EntryType, u32, i64)> {
    let m = path.symlink_metadata()?;
    let ns = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
    };
    Ok((super::EntryType::of(m.file_type()), 0, m.modified().map_or(0, ns)))
}

/// Files have no permission bits on this system.
pub fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not used on this system, where no command leaves a tree of outputs that is stored.
pub fn set_modified(_: &Path, _: i64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads at an offset. The file's position, which nobody here uses, moves.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    match file.seek_read(buf, offset) {
        // Behind the end there is nothing, and no error.
        Err(e) if e.raw_os_error() == Some(foundation::ERROR_HANDLE_EOF as i32) => Ok(0),
        other => other,
    }
}

/// Writes at an offset. The file's position, which nobody here uses, moves.
pub fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(buf, offset)
}

/// A path from bytes that came out of a store. Those that no text has name nothing.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(bytes).unwrap_or("\u{fffd}"))
}

/// The model and features of the processor, on which code for the native processor depends.
pub fn processor() -> Vec<u8> {
    let mut out = std::env::var("PROCESSOR_IDENTIFIER").unwrap_or_default().into_bytes();
    #[cfg(target_arch = "x86_64")]
    for leaf in [0, 1, 7, 0x8000_0001, 0x8000_0002, 0x8000_0003, 0x8000_0004] {
        use std::arch::x86_64::__cpuid_count;
        let mut told = __cpuid_count(leaf, 0);
        if leaf == 1 {
            // Which processor of several this is says nothing of its sort.
            told.ebx &= 0x0000_ffff;
        }
        out.extend([told.eax, told.ebx, told.ecx, told.edx].into_iter().flat_map(u32::to_le_bytes));
    }
    out
}

/// Not supported on this system.
pub fn memory_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not supported on this system.
pub fn path_of_open(_: &File) -> PathBuf {
    PathBuf::new()
}

/// The job that this process and all that it starts belong to. Its handle is closed when the process ends, however that
/// comes about.
static JOB: Mutex<Option<usize>> = Mutex::new(None);

/// Makes children that are started from now on end with this process, however this one ends.
pub fn end_child_with_parent(_: &mut Command) {
    let Ok(mut job) = JOB.lock() else { return };
    if job.is_some() {
        return;
    }
    // SAFETY: plain calls; the handle is kept for as long as the process lives.
    unsafe {
        let made: HANDLE = jobs::CreateJobObjectW(std::ptr::null(), std::ptr::null());
        if made.is_null() {
            return;
        }
        limit(made, jobs::JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE);
        jobs::AssignProcessToJobObject(made, threading::GetCurrentProcess());
        *job = Some(made as usize);
    }
}

/// Lets processes that children left behind keep running: a server of the compiler (`mspdbsrv`) also serves other builds.
pub fn release_children() {
    if let Ok(Some(job)) = JOB.lock().as_deref() {
        limit(*job as HANDLE, 0);
    }
}

fn limit(job: HANDLE, flags: u32) {
    // SAFETY: plain data of the length that is said, and a handle that is open.
    unsafe {
        let mut about: jobs::JOBOBJECT_EXTENDED_LIMIT_INFORMATION = std::mem::zeroed();
        about.BasicLimitInformation.LimitFlags = flags;
        let size = size_of_val(&about) as u32;
        jobs::SetInformationJobObject(
            job,
            jobs::JobObjectExtendedLimitInformation,
            (&raw const about).cast(),
            size,
        );
    }
}

/// There is no such limit on this system.
pub fn address_space_is_limited() -> bool {
    false
}

/// There are no signals on this system.
pub fn signal(_: std::process::ExitStatus) -> Option<i32> {
    None
}

/// There are no signals on this system.
pub fn is_crash(_: i32) -> bool {
    false
}

/// The exit code; there are no signals on this system.
pub fn parts_of_status(status: i32) -> (Option<i32>, Option<i32>) {
    (Some(status), None)
}

/// Two ends of a signal that nothing waits for on this system.
pub fn end_signal() -> io::Result<((), ())> {
    Ok(((), ()))
}

/// Gives a signal.
pub fn give(_: ()) {}

/// An output of a child. It ends when all have closed it.
pub struct UntilEnd<R> {
    from: Option<R>,
}

impl<R: io::Read> UntilEnd<R> {
    pub fn new(from: Option<R>, _: &()) -> Self {
        UntilEnd { from }
    }

    /// The output, if others have it open: never on this system.
    pub fn into_open(self) -> Option<R> {
        None
    }
}

impl<R: io::Read> io::Read for UntilEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.as_mut().map_or(Ok(0), |from| from.read(buffer))
    }
}

/// Stats many files.
#[derive(Default)]
pub struct Stats {
    _nothing: (),
}

impl Stats {
    /// The type and identity of the file at a path, following links.
    pub fn of(&mut self, path: &Path) -> io::Result<(super::FileType, super::StatId)> {
        identity(path)
    }
}

/// The number of an injected error.
#[cfg(feature = "faults")]
pub fn error_called(name: &str) -> Option<i32> {
    let code = match name {
        "enospc" => foundation::ERROR_DISK_FULL,
        "eio" => foundation::ERROR_IO_DEVICE,
        "erofs" => foundation::ERROR_WRITE_PROTECT,
        "eacces" => foundation::ERROR_ACCESS_DENIED,
        "emfile" => foundation::ERROR_TOO_MANY_OPEN_FILES,
        "edquot" => foundation::ERROR_DISK_QUOTA_EXCEEDED,
        _ => return None,
    };
    Some(code as i32)
}

/// Kills this process.
#[cfg(feature = "faults")]
pub fn die() -> ! {
    // SAFETY: plain calls; nothing comes after them.
    unsafe { threading::TerminateProcess(threading::GetCurrentProcess(), 137) };
    loop {
        std::thread::park();
    }
}
