//! The process that adds the crates that wait when cargo has ended (`followed.rs`).

use super::directory::Directory;
use kache_core::platform;
use std::ffi::OsString;

/// Runs the process. `args` say which directory it is about.
pub fn finish(args: &[OsString]) -> Option<()> {
    let directory = Directory::from_told(args)?;
    platform::wait_for_stdin().ok()?;
    directory.finish_late(&platform::error_output().ok()?).ok()
}
