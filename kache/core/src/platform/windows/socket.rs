//! The agent of a remote is reached through a socket that the file system guards. Here none is made: a remote counts as
//! one that cannot be reached, and builds go on without it.

use std::io;
use std::path::Path;

/// A connection.
pub type Local = std::net::TcpStream;
/// Where connections come in.
pub type Listener = std::net::TcpListener;

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "no agent on Windows: a remote cannot be used"))
}

/// Fails.
pub fn connect(_: &Path) -> io::Result<Local> {
    unsupported()
}

/// Fails.
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

/// Has a thread yield to whatever else wants a processor.
pub fn background_thread() {
    use windows_sys::Win32::System::Threading as threading;
    // SAFETY: plain calls that speak of the calling thread.
    unsafe {
        threading::SetThreadPriority(threading::GetCurrentThread(), threading::THREAD_MODE_BACKGROUND_BEGIN)
    };
}
