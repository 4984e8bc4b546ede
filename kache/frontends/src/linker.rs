//! The linker that rustc runs.

use kache_core::eval::{EvalContext, find_program};
use kache_core::paths::absolute;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The linker that rustc runs if the command line names none.
pub const DEFAULT_LINKER: &str = "cc";

/// rustc derives the command line of a linker from the linker's name; all names of C compilers are one flavor.
pub fn flavor(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    if ["cc", "gcc", "g++", "c++", "clang", "clang++"]
        .iter()
        .any(|n| plain == *n || plain.ends_with(&format!("-{n}")))
    {
        return "cc".to_string();
    }
    stem.into_owned()
}

/// The file of the linker that a command line names, or of the default linker.
pub fn path(named: Option<&str>, cx: &EvalContext) -> Option<PathBuf> {
    let name = named.unwrap_or(DEFAULT_LINKER);
    if name.contains('/') {
        return Some(absolute(cx.cwd, Path::new(name)));
    }
    find_program(OsStr::new(name), cx.roots)
}
