//! Processes: starting them, ending as they end, and the terminal that they have.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

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

/// The file that a program's name means: that very one.
pub fn as_program(path: std::path::PathBuf) -> std::path::PathBuf {
    path
}

/// How wide the terminal behind standard error is; `None` where that is no terminal.
pub fn terminal_width() -> Option<u16> {
    // SAFETY: winsize is plain data for the call to fill in.
    unsafe {
        let mut w: libc::winsize = std::mem::zeroed();
        (libc::ioctl(2, libc::TIOCGWINSZ, &mut w) == 0).then_some(if w.ws_col == 0 { 140 } else { w.ws_col })
    }
}

/// Has the child that a command starts end with this process, however this one ends: a compiler that is not waited
/// for would go on to write where the next build does.
pub fn end_child_with_parent(command: &mut Command) {
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
pub fn release_children() {}

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
