//! Sockets between processes of one user on one machine.
//!
//! An address has about a hundred bytes at most, and the path of a cache directory may be longer. Then the directory is opened
//! and the socket is named by the path of the open descriptor (Linux).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

pub type Local = std::os::unix::net::UnixStream;
pub type Listener = std::os::unix::net::UnixListener;

/// An address length that every system supports.
const LONGEST: usize = 100;

/// A path that is short enough for an address, and the directory that must stay open while the path is used.
fn address(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= LONGEST {
        return Ok((path.to_path_buf(), None));
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let open = File::open(dir)?;
    let through = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    Ok((through.join(name), Some(open)))
}

/// Connects to the process that listens at `path`, if it belongs to this user.
pub fn connect(path: &Path) -> io::Result<Local> {
    let (address, _open) = address(path)?;
    let stream = Local::connect(address)?;
    if peer(&stream) != Some(own_user()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user listens there"));
    }
    Ok(stream)
}

/// Listens at `path`, for this user only. Removes an old socket: the caller holds a lock that shows that it is unused.
pub fn listen(path: &Path) -> io::Result<Listener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let (address, _open) = address(path)?;
    // SAFETY: plain calls. The mask belongs to the whole process: the agent listens before it does anything else.
    let before = unsafe { libc::umask(0o177) };
    let listener = Listener::bind(address);
    // SAFETY: as above.
    unsafe { libc::umask(before) };
    listener
}

/// This process's user.
pub fn own_user() -> u32 {
    // SAFETY: a plain call that cannot fail.
    unsafe { libc::geteuid() }
}

/// The user at the other end.
#[cfg(target_os = "linux")]
pub fn peer(stream: &Local) -> Option<u32> {
    // SAFETY: plain data, of the length that is said, for the call to fill in.
    unsafe {
        let mut who: libc::ucred = std::mem::zeroed();
        let mut size = size_of::<libc::ucred>() as libc::socklen_t;
        let into = (&raw mut who).cast();
        let done =
            libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, into, &raw mut size);
        (done == 0).then_some(who.uid)
    }
}

/// The user at the other end.
#[cfg(not(target_os = "linux"))]
pub fn peer(stream: &Local) -> Option<u32> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: two numbers for the call to fill in.
    (unsafe { libc::getpeereid(stream.as_raw_fd(), &mut user, &mut group) } == 0).then_some(user)
}

/// Lowers the priority of the calling thread, so that background work does not slow down a build.
pub fn background_thread() {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain call, which on Linux affects the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 15);
    }
}
