//! The linker that rustc runs.

use kache_core::eval::{EvalContext, find_program};
use kache_core::paths::absolute;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What rustc runs where no linker is named.
pub const DEFAULT_LINKER: &str = "cc";

/// rustc infers from a linker's name how to speak to it: names that it takes for a C compiler's are one.
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
