//! What the harness asks of the system, beside what the engine asks of it too. `cfg(unix)` stands here, and where the torture
//! is left out elsewhere.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

pub use kache_core::platform::{link, replace_process};

/// Bytes of a path or an argument as the system has them.
pub fn os_string(bytes: &[u8]) -> std::ffi::OsString {
    kache_core::platform::os_str(bytes).to_owned()
}
