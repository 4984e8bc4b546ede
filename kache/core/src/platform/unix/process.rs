//! Processes: starting, replacing and ending them, signals, and the terminal.

use crate::platform::{Process, StartedWith, Stream};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
#[cfg(target_os = "linux")]
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};

/// Starts a background program that outlives this one, in a new session and without open files of this process. Unless it is
/// `pressing`, it gets a low priority.
pub fn detach(command: &mut Command, pressing: bool) -> io::Result<std::process::Child> {
    detach_with(command, pressing, Stdio::null(), Stdio::null())
}

/// Like [`detach`], with a standard input and a standard error.
pub fn detach_with(
    command: &mut Command,
    pressing: bool,
    stdin: Stdio,
    stderr: Stdio,
) -> io::Result<std::process::Child> {
    command.stdin(stdin).stdout(Stdio::null()).stderr(stderr);
    let alone = move || {
        // SAFETY: plain calls that are allowed between fork and exec. Failures are ignored.
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

/// Runs `work` with termination signals blocked. A signal that arrives meanwhile takes effect afterwards.
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

/// Replaces this process by the command. Returns only on failure.
pub fn replace_process(command: &mut Command) -> io::Error {
    restore_signals();
    let blocked = blocked_signals();
    // SAFETY: the closure calls nothing but the system.
    unsafe { command.pre_exec(move || block_signals(&blocked)) };
    command.exec()
}

/// Whether the signal had its default action before `outlive_file_limit`.
static FILE_LIMIT_KILLS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Makes a file of the store that exceeds a limit (`ulimit -f`) an ordinary error instead of a fatal signal. The files of the
/// command itself may be within the limit.
pub fn outlive_file_limit() {
    // SAFETY: a plain call; no handler is involved.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    FILE_LIMIT_KILLS.store(before == libc::SIG_DFL, std::sync::atomic::Ordering::Relaxed);
}

/// Whether ended children were ignored before `wait_for_children`.
static CHILDREN_ARE_IGNORED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Has the system keep the status of ended children. Some supervisors ignore SIGCHLD, and what they start inherits that: then the
/// status of a command is gone before it is asked for.
pub fn wait_for_children() {
    // SAFETY: plain calls; no handler is involved.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut now);
        if now.sa_sigaction == libc::SIG_IGN {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            CHILDREN_ARE_IGNORED.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Whether a command that is started ignores ended children.
pub(super) fn children_are_ignored() -> bool {
    CHILDREN_ARE_IGNORED.load(std::sync::atomic::Ordering::Relaxed)
}

/// Whether a command that is started has the signal's default action.
pub(super) fn file_limit_kills() -> bool {
    FILE_LIMIT_KILLS.load(std::sync::atomic::Ordering::Relaxed)
}

/// The signals that this process was started with as blocked.
pub(super) fn blocked_signals() -> libc::sigset_t {
    // SAFETY: plain data for the call to fill in.
    unsafe {
        let mut blocked = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut blocked);
        blocked
    }
}

/// Blocks the same signals in a command, for which the standard library has unblocked all.
fn block_signals(blocked: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: a plain call that is allowed between fork and exec.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, blocked, std::ptr::null_mut()) };
    Ok(())
}

/// Restores the signal's action for a program that is started.
fn restore_signals() {
    if children_are_ignored() {
        // SAFETY: a plain call that is allowed between fork and exec.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    }
    if file_limit_kills() {
        // SAFETY: a plain call, allowed between fork and exec; no handler is involved.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
    }
}

/// The exit status as a shell reports it: 128 plus the signal if one ended the process.
pub fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1)
}

/// The signal that ended a process.
pub fn signal(status: std::process::ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    status.signal()
}

/// Ends this process like the child, so that the caller sees the same status or signal.
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

/// Has a command find another name than its program's in its first argument.
pub fn call_by(command: &mut Command, name: &OsStr) {
    std::os::unix::process::CommandExt::arg0(command, name);
}

/// Has Ctrl-C end the children of this process, which waits for them, and not this process first.
pub fn leave_interrupts_to_children() {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: plain arguments.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// The process id of the parent.
pub fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// See [`parent_id`].
pub(in crate::platform) fn parent_of_this_process() -> u32 {
    parent_id()
}

/// The process group of this process.
pub fn group() -> u32 {
    // SAFETY: a plain call that cannot fail.
    unsafe { libc::getpgrp() as u32 }
}

/// A process, as far as the system tells.
pub fn process(id: u32) -> Option<Process> {
    let stat = crate::platform::read_small(Path::new(&format!("/proc/{id}/stat")))?;
    // The name may contain spaces and parentheses.
    let (open, close) = (stat.iter().position(|b| *b == b'(')?, stat.iter().rposition(|b| *b == b')')?);
    let program = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let fields = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
    let mut fields = fields.split(' ').skip(1);
    let mut number = |skipped: usize| fields.nth(skipped)?.parse::<u64>().ok();
    let [parent, group, session] = [number(0)?, number(0)?, number(0)?].map(|n| n as u32);
    Some(Process { id, parent, group, session, start: number(15)?, program })
}

/// The words that a process was started with, and its working directory, as far as the system tells.
#[cfg(target_os = "linux")]
pub fn command_of(id: u32) -> Option<(Vec<OsString>, PathBuf)> {
    use std::os::unix::ffi::OsStringExt;
    let args = strings_of(id, "cmdline")?.into_iter().map(OsString::from_vec).collect();
    Some((args, std::fs::read_link(format!("/proc/{id}/cwd")).ok()?))
}

/// The system tells nothing.
#[cfg(not(target_os = "linux"))]
pub fn command_of(_: u32) -> Option<(Vec<OsString>, PathBuf)> {
    None
}

/// Opens the standard error of another process, if what is written there is appended: to a terminal, to a pipe, or to a file
/// that is opened for appending. Anywhere else, the process would write over it.
#[cfg(target_os = "linux")]
pub fn error_output_of(id: u32) -> Option<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.append(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK);
    let file = options.open(format!("/proc/{id}/fd/2")).ok()?;
    let appends = || {
        let about = std::fs::read_to_string(format!("/proc/{id}/fdinfo/2")).ok()?;
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?;
        Some(i32::from_str_radix(flags.trim(), 8).ok()? & libc::O_APPEND != 0)
    };
    let is_appended = !file.metadata().ok()?.is_file() || appends() == Some(true);
    is_appended.then_some(file)
}

/// A descriptor that can be read once another process has ended. `None` where it has ended already, where its id belongs to
/// another process by now, or where the system has no such call.
#[cfg(target_os = "linux")]
pub fn end_of(id: u32, is_it: impl Fn(&Process) -> bool) -> Option<std::fs::File> {
    use std::os::fd::FromRawFd;
    // SAFETY: plain numbers; the descriptor is new and has no other owner.
    let end = unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0);
        (fd >= 0).then(|| std::fs::File::from_raw_fd(fd as i32))?
    };
    process(id).is_some_and(|found| is_it(&found)).then_some(end)
}

/// Waits until standard input can be read.
pub fn wait_for_stdin() -> io::Result<()> {
    let stdin = io::stdin();
    poll([stdin.as_fd(); 2], -1).map(|_| ())
}

/// Standard error as a file: the same open file, so that a lock that came with it can be given up.
pub fn error_output() -> io::Result<std::fs::File> {
    io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from)
}

/// Not supported on this system.
#[cfg(not(target_os = "linux"))]
pub fn error_output_of(_: u32) -> Option<std::fs::File> {
    None
}

/// Not supported on this system.
#[cfg(not(target_os = "linux"))]
pub fn end_of(_: u32, _: impl Fn(&Process) -> bool) -> Option<std::fs::File> {
    None
}

/// What a process was started with, as far as the system tells.
#[cfg(target_os = "linux")]
pub fn started_with(pid: u32) -> Option<StartedWith> {
    use std::os::unix::ffi::OsStringExt;
    let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}")).ok();
    Some(StartedWith {
        args: strings_of(pid, "cmdline")?.into_iter().map(OsString::from_vec).collect(),
        variables: variables_of(pid)?,
        cwd: link("cwd")?,
        program: link("exe")?,
    })
}

/// The variables that a process was started with, as far as the system tells.
#[cfg(target_os = "linux")]
pub fn variables_of(pid: u32) -> Option<Vec<(OsString, OsString)>> {
    use std::os::unix::ffi::OsStrExt;
    let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_os_string();
    let pairs = strings_of(pid, "environ")?.into_iter().filter_map(|pair| {
        let at = pair.iter().position(|b| *b == b'=')?;
        Some((text(&pair[..at]), text(&pair[at + 1..])))
    });
    Some(pairs.collect())
}

/// The strings in a file that the system makes for a process.
#[cfg(target_os = "linux")]
fn strings_of(pid: u32, name: &str) -> Option<Vec<Vec<u8>>> {
    let bytes = std::fs::read(format!("/proc/{pid}/{name}")).ok()?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    Some(bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect())
}

/// The system tells nothing.
#[cfg(not(target_os = "linux"))]
pub fn started_with(_: u32) -> Option<StartedWith> {
    None
}

/// The system tells nothing.
#[cfg(not(target_os = "linux"))]
pub fn variables_of(_: u32) -> Option<Vec<(OsString, OsString)>> {
    None
}

/// The termination signal that arrived since `note_ends`.
static ENDED_BY: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

/// From now on, termination signals are only recorded, for `noted_end`.
pub fn note_ends() {
    extern "C" fn note(signal: libc::c_int) {
        ENDED_BY.store(signal, std::sync::atomic::Ordering::Relaxed);
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::signal(signal, note as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    }
}

/// The termination signal that arrived, if any.
pub fn noted_end() -> Option<i32> {
    Some(ENDED_BY.load(std::sync::atomic::Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Whether a stream of this process is the null device.
pub fn is_null(stream: Stream) -> bool {
    let number = match stream {
        Stream::Input => libc::STDIN_FILENO,
        Stream::Output => libc::STDOUT_FILENO,
    };
    // SAFETY: stat is plain data; both calls only fill it in.
    unsafe {
        let mut a: libc::stat = std::mem::zeroed();
        let mut b: libc::stat = std::mem::zeroed();
        libc::fstat(number, &mut a) == 0
            && libc::stat(c"/dev/null".as_ptr(), &mut b) == 0
            && a.st_mode & libc::S_IFMT == libc::S_IFCHR
            && a.st_rdev == b.st_rdev
    }
}

/// The file of a program: its name needs no extension on this system.
pub fn as_program(path: PathBuf) -> PathBuf {
    path
}

/// The width of the terminal on standard error; `None` if it is not a terminal.
pub fn terminal_width() -> Option<u16> {
    // SAFETY: winsize is plain data for the call to fill in.
    unsafe {
        let mut w: libc::winsize = std::mem::zeroed();
        (libc::ioctl(2, libc::TIOCGWINSZ, &mut w) == 0).then_some(if w.ws_col == 0 { 140 } else { w.ws_col })
    }
}

/// A terminal of the size of the one on standard error, for another process to write to, and where what is written comes out
/// unchanged. `None` if standard error is not a terminal.
#[cfg(target_os = "linux")]
pub fn terminal_like_ours() -> Option<(Stdio, ChildStderr)> {
    const FLAGS: i32 = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    let valid = |fd: i32| (fd >= 0).then_some(fd);
    let done = |result: i32| (result == 0).then_some(());
    // SAFETY: the structures are plain data for the calls to fill in, the name has room for the longest, and each descriptor
    // has one owner from the moment it is there.
    unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        done(libc::ioctl(2, libc::TIOCGWINSZ, &mut size))?;
        let out = OwnedFd::from_raw_fd(valid(libc::posix_openpt(FLAGS))?);
        let mut name = [0; 64];
        done(libc::grantpt(out.as_raw_fd()))?;
        done(libc::unlockpt(out.as_raw_fd()))?;
        done(libc::ptsname_r(out.as_raw_fd(), name.as_mut_ptr(), name.len()))?;
        let terminal = OwnedFd::from_raw_fd(valid(libc::open(name.as_ptr(), FLAGS))?);
        let mut mode: libc::termios = std::mem::zeroed();
        done(libc::tcgetattr(terminal.as_raw_fd(), &mut mode))?;
        mode.c_oflag &= !libc::OPOST;
        done(libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &mode))?;
        done(libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &size))?;
        Some((terminal.into(), out.into()))
    }
}

/// `None`: only Linux has the observer, and without the observer no compile of C is cached.
#[cfg(not(target_os = "linux"))]
pub fn terminal_like_ours() -> Option<(Stdio, ChildStderr)> {
    None
}

/// Makes the child of a command end with this process, however this one ends. A compiler that kept running would write to
/// files that the next build writes too.
pub fn end_child_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let (parent, blocked) = (std::process::id(), blocked_signals());
        let ask = move || {
            restore_signals();
            block_signals(&blocked)?;
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

/// Two ends of a signal: it is given by the first.
pub fn end_signal() -> io::Result<(io::PipeWriter, io::PipeReader)> {
    let (ended, end) = io::pipe()?;
    Ok((end, ended))
}

/// Gives a signal.
pub fn give(end: io::PipeWriter) {
    drop(end);
}

/// An output of a child. It ends when all have closed it, or when the child has ended and all that was written by then has
/// been read: a process that the child left behind may keep it open.
pub struct UntilEnd<'a, R> {
    from: Option<R>,
    ended: &'a io::PipeReader,
    /// Once the child has ended: how many bytes of what was written by then are still to be read.
    left: Option<usize>,
    closed: bool,
}

impl<'a, R: io::Read + AsFd> UntilEnd<'a, R> {
    pub fn new(from: Option<R>, ended: &'a io::PipeReader) -> Self {
        UntilEnd { closed: from.is_none(), from, ended, left: None }
    }

    /// The output, if others have it open.
    pub fn into_open(self) -> Option<R> {
        self.from.filter(|_| !self.closed)
    }
}

impl<R: io::Read + AsFd> io::Read for UntilEnd<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(from) = &mut self.from else { return Ok(0) };
        if self.left.is_none() && poll([from.as_fd(), self.ended.as_fd()], -1)?[1] {
            // What was written to a terminal is there to be read only once somebody has asked.
            poll([from.as_fd(); 2], 0)?;
            self.left = Some(unread(from.as_fd())?);
        }
        let room = match self.left {
            // All that counts has been read, and this is not the end of the file.
            Some(0) if !poll([from.as_fd(); 2], 0)?[0] || unread(from.as_fd())? > 0 => return Ok(0),
            Some(left) if left > 0 => left.min(buffer.len()),
            _ => buffer.len(),
        };
        let got = match from.read(&mut buffer[..room]) {
            // The end of a terminal.
            Err(e) if e.raw_os_error() == Some(libc::EIO) => 0,
            got => got?,
        };
        self.left = self.left.map(|left| left.saturating_sub(got));
        self.closed |= got == 0;
        Ok(got)
    }
}

/// Waits until one of two descriptors can be read or is at its end, and says which.
fn poll(fds: [BorrowedFd; 2], timeout: i32) -> io::Result<[bool; 2]> {
    let mut asked = fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    loop {
        // SAFETY: the structures outlive the call, which fills them in.
        match unsafe { libc::poll(asked.as_mut_ptr(), 2, timeout) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Err(io::Error::last_os_error()),
            _ => return Ok(asked.map(|fd| fd.revents != 0)),
        }
    }
}

/// Whether a process of this one's may map only so much (`ulimit -v`).
pub fn address_space_is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to the structure and nowhere else.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) == 0 && limit.rlim_cur != libc::RLIM_INFINITY }
}

/// Whether a signal ended a process because of what the process did.
pub fn is_crash(signal: i32) -> bool {
    use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXFSZ};
    [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXFSZ].contains(&signal)
}

/// The exit code and the signal in a status as `wait` gives it.
pub fn parts_of_status(status: i32) -> (Option<i32>, Option<i32>) {
    use std::os::unix::process::ExitStatusExt;
    let status = std::process::ExitStatus::from_raw(status);
    (status.code(), status.signal())
}

/// How many bytes a pipe holds.
fn unread(pipe: BorrowedFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: writes to the integer and nowhere else.
    match unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(usize::try_from(count).unwrap_or(0)),
    }
}

/// Whether a process runs. One that has ended counts as ended before its parent has asked how.
pub fn is_running(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: a plain call; no signal is sent.
    let is_there =
        unsafe { libc::kill(pid, 0) } == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    let has_ended = || {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let at = stat.iter().rposition(|b| *b == b')')?;
        Some(matches!(stat.get(at + 2), Some(b'Z' | b'X')))
    };
    is_there && has_ended() != Some(true)
}

/// Lets processes that children left behind keep running. Nothing to do on this system.
pub fn release_children() {}

/// The number of an injected error.
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

/// Kills this process.
#[cfg(feature = "faults")]
pub fn die() -> ! {
    // SAFETY: a plain call.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::thread::park();
    }
}
