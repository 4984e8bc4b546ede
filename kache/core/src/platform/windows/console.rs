//! The console: what is typed to end a process, and how wide the window is. There are no signals here; the system
//! starts a thread in each process of the console, which asks the handlers, the last one first.

use crate::platform::Stream;
use std::process::{ChildStderr, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Duration;
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_CHAR, GetFileType};
use windows_sys::Win32::System::Console as console;
use windows_sys::core::BOOL;

/// How much is going on that is to be finished.
static BUSY: AtomicU32 = AtomicU32::new(0);
/// What was typed, as other systems number it, since `note_ends`.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);

fn handle(handler: unsafe extern "system" fn(u32) -> BOOL) {
    // SAFETY: the handlers only touch atomics.
    unsafe { console::SetConsoleCtrlHandler(Some(handler), 1) };
}

/// Runs `work` with requests to end the process blocked. A request that arrives meanwhile takes effect afterwards.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    /// Holds up the end, and no longer than the system would wait.
    unsafe extern "system" fn wait(_: u32) -> BOOL {
        for _ in 0..4000 {
            if BUSY.load(Ordering::Acquire) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        0
    }
    static THERE: AtomicBool = AtomicBool::new(false);
    if !THERE.swap(true, Ordering::Relaxed) {
        handle(wait);
    }
    BUSY.fetch_add(1, Ordering::Release);
    let done = work();
    BUSY.fetch_sub(1, Ordering::Release);
    done
}

/// What is typed ends the child, whose status then is this process's.
pub(super) fn leave_ends_to_the_child() {
    unsafe extern "system" fn pass(_: u32) -> BOOL {
        1
    }
    handle(pass);
}

/// From now on, termination signals are only recorded, for `noted_end`.
pub fn note_ends() {
    unsafe extern "system" fn note(event: u32) -> BOOL {
        const INTERRUPT: i32 = 2;
        const TERMINATE: i32 = 15;
        let signal = if event == console::CTRL_C_EVENT { INTERRUPT } else { TERMINATE };
        ENDED_BY.store(signal, Ordering::Relaxed);
        1
    }
    handle(note);
}

/// The number of the request to end that arrived, if any.
pub fn noted_end() -> Option<i32> {
    Some(ENDED_BY.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Whether a stream of this process is the null device.
pub fn is_null(stream: Stream) -> bool {
    let number = match stream {
        Stream::Input => console::STD_INPUT_HANDLE,
        Stream::Output => console::STD_OUTPUT_HANDLE,
    };
    let mut mode = 0;
    // SAFETY: a number for the call to fill in; a handle that is none is refused.
    unsafe {
        let stream = console::GetStdHandle(number);
        GetFileType(stream) == FILE_TYPE_CHAR && console::GetConsoleMode(stream, &raw mut mode) == 0
    }
}

/// `None`: only Linux has the observer, and without the observer no compile of C is cached.
pub fn terminal_like_ours() -> Option<(Stdio, ChildStderr)> {
    None
}

/// The width of the console on standard error; `None` if it is not a console.
pub fn terminal_width() -> Option<u16> {
    // SAFETY: plain data for the call to fill in; a handle that is none is refused.
    unsafe {
        let mut about: console::CONSOLE_SCREEN_BUFFER_INFO = std::mem::zeroed();
        let error = console::GetStdHandle(console::STD_ERROR_HANDLE);
        let done = console::GetConsoleScreenBufferInfo(error, &raw mut about);
        let window = about.srWindow;
        (done != 0).then(|| (window.Right - window.Left + 1).max(1) as u16)
    }
}
