//! Functions of the operating system that the harness needs in addition to those of kache. Other modules
//! contain `cfg(unix)` only where stress runs are left out.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

pub use kache_core::platform::{link, replace_process};

pub fn os_string(bytes: &[u8]) -> std::ffi::OsString {
    kache_core::platform::os_str(bytes).to_owned()
}
