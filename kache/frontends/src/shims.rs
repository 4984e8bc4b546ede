//! Standing in for compilers by name: links called `gcc`, `clang++` and so on that lead to kache, in a directory that is
//! put first on `PATH`, for builds that take no wrapper.
//!
//! Behind itself kache must find the real compiler and never itself, and neither must anything that the compiler
//! starts. So the directory bears a mark, and the wrapper's first act is to take marked directories off its own `PATH`,
//! which all that it starts inherits.

use crate::recognise;
use kache_core::platform;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file that marks a directory of links.
pub const MARK: &str = ".kache-shims";

/// Names that say nothing of the family, and are compilers everywhere.
const PLAIN: &[&str] = &["cc", "c++"];

/// Whether a file of this name is stood in for.
pub fn is_compiler_name(name: &OsStr) -> bool {
    let c_family = |p: &Path| recognise::by_name(p).is_some_and(|a| !a.crates);
    PLAIN.iter().any(|p| name == *p) || c_family(Path::new(name))
}

/// The compiler that this process was called as, if it was called by a link's name.
pub fn called_as(own_name: &OsStr) -> Option<OsString> {
    let name = Path::new(own_name).file_name()?;
    is_compiler_name(name).then(|| name.to_os_string())
}

/// Takes directories of links off `PATH`; and those in which `called_as`, the name this process goes by, is kache by
/// another way. To be called before there is a second thread.
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
