//! Sockets are not supported on Windows. The remote counts as unreachable, and builds run without it.

use std::io;
use std::path::Path;

pub type Local = std::net::TcpStream;
pub type Listener = std::net::TcpListener;

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "no agent on Windows: a remote cannot be used"))
}

/// Not supported: always fails.
pub fn connect(_: &Path) -> io::Result<Local> {
    unsupported()
}

/// Not supported: always fails.
pub fn listen(_: &Path) -> io::Result<Listener> {
    unsupported()
}

/// Nobody by number.
pub fn own_user() -> u32 {
    0
}

/// Nobody can be told.
pub fn peer(_: &Local) -> Option<u32> {
    None
}

/// Lowers the priority of the calling thread.
pub fn background_thread() {
    use windows_sys::Win32::System::Threading as threading;
    // SAFETY: plain calls that speak of the calling thread.
    unsafe {
        threading::SetThreadPriority(threading::GetCurrentThread(), threading::THREAD_MODE_BACKGROUND_BEGIN)
    };
}
