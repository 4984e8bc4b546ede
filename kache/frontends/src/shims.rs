//! Shims: links to kache called `gcc`, `clang++` and so on, in a directory that comes first in `PATH`, for builds that accept
//! no wrapper.
//!
//! kache, and everything that the compiler starts, must find the real compiler and not the shim. So the directory
//! contains a mark, and the wrapper first removes marked directories from its own `PATH`, which its children inherit.

use crate::recognise;
use kache_core::platform;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file that marks a directory of shims.
pub const MARK: &str = ".kache-shims";

/// Names of compilers of any family.
const PLAIN: &[&str] = &["cc", "c++"];

/// The program that cargo's setting `build.rustdoc` takes the place of.
pub const RUSTDOC: &str = "rustdoc";

/// Whether there is a shim of this name.
pub fn is_compiler_name(name: &OsStr) -> bool {
    let c_family = |p: &Path| recognise::by_name(p).is_some_and(|a| !a.is_rust());
    PLAIN.iter().any(|p| name == *p) || c_family(Path::new(name))
}

/// The compiler's name that this process was called by, if it was called by a shim.
pub fn called_as(own_name: &OsStr) -> Option<OsString> {
    let name = Path::new(own_name).file_name()?;
    (is_compiler_name(name) || name == RUSTDOC).then(|| name.to_os_string())
}

/// Removes directories of shims from `PATH`, and directories in which `called_as` is kache in another way. Must be called
/// before the process has a second thread.
pub fn leave(called_as: Option<&OsStr>) {
    let Some(path) = std::env::var_os("PATH") else { return };
    let own = called_as.and_then(|_| std::env::current_exe().ok()).and_then(|exe| identity(&exe));
    let is_ours = |dir: &PathBuf| {
        dir.join(MARK).symlink_metadata().is_ok()
            || own.is_some() && called_as.is_some_and(|name| identity(&dir.join(name)) == own)
    };
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if !dirs.iter().any(&is_ours) {
        return;
    }
    let rest = dirs.into_iter().filter(|dir| !is_ours(dir));
    if let Ok(joined) = std::env::join_paths(rest) {
        // SAFETY: the caller has no other thread yet.
        unsafe { std::env::set_var("PATH", joined) };
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    platform::file_type(path).ok()?.map(|(_, id)| (id.dev, id.ino))
}
