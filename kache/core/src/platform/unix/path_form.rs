//! Path forms: a path has one form, except for `.` and doubled slashes.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub const PATH_LIST_SEPARATOR: char = ':';

/// Removes `.` components and doubled slashes. Keeps `..`, since its meaning depends on links.
pub fn normalize(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return path.into();
    }
    let mut out = Vec::with_capacity(path.len());
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        out.push(b'/');
        out.extend(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out.into()
}

/// Whether there is nothing to remove. Each path of a trace is asked about several times, and most are normal: all bytes are looked
/// at without a branch, so that the compiler makes vector instructions of the loop.
fn is_normal(path: &[u8]) -> bool {
    let [_, second @ ..] = path else { return true };
    let [_, third @ ..] = second else { return true };
    let mut has_odd = path.ends_with(b"/") || path.ends_with(b"/.");
    for ((one, two), three) in path.iter().zip(second).zip(third) {
        has_odd |= (*one == b'/') & ((*two == b'/') | ((*two == b'.') & (*three == b'/')));
    }
    !has_odd
}

pub const SEPARATORS: &[u8] = b"/";

pub fn is_separator(b: u8) -> bool {
    b == b'/'
}

/// The canonical form of a path: unchanged on this system.
pub fn canonical_form(path: std::path::PathBuf) -> std::path::PathBuf {
    path
}

/// Whether a path can name a file: always true on this system.
pub fn can_be_file(_: &Path) -> bool {
    true
}

/// The forms of a path in a text after [`fold_paths`]: one on this system.
pub fn path_forms(path: &Path) -> Vec<Vec<u8>> {
    vec![path.as_os_str().as_bytes().to_vec()]
}

/// Makes all forms of a path in a text equal: nothing to do on this system.
pub fn fold_paths(text: impl io::Read) -> impl io::Read {
    text
}

/// The rest of a normalized path below a directory, from the separator on; `None` if it is not below it.
pub fn relative_to<'a>(path: &'a [u8], dir: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(dir).filter(|rest| rest.first().is_none_or(|b| *b == b'/'))
}

/// Replaces the separators by those of portable paths.
pub fn portable_separators(path: &[u8]) -> Cow<'_, [u8]> {
    path.into()
}

/// Replaces the separators by those of this system.
pub fn native_separators(path: &[u8]) -> Cow<'_, [u8]> {
    path.into()
}

/// Whether an absolute path may begin with this byte.
pub fn is_path_start(b: u8) -> bool {
    b == b'/'
}

/// A path from the bytes of a trace or of the store.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_loses_what_says_nothing() {
        let forms = [
            ("", ""),
            ("/", "/"),
            ("a", "a"),
            ("//", "/"),
            ("/.", "/"),
            ("/./", "/"),
            ("/a/", "/a"),
            ("/a/.", "/a"),
            ("/a//b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a///././b//", "/a/b"),
            ("/a/../b", "/a/../b"),
            ("/a/..", "/a/.."),
            ("/a/.b/.c", "/a/.b/.c"),
            ("/a/b./c", "/a/b./c"),
            (
                "/home/user/.cargo/registry/src/x-0.1.0/lib.rs",
                "/home/user/.cargo/registry/src/x-0.1.0/lib.rs",
            ),
        ];
        for (path, expected) in forms {
            assert_eq!(&*normalize(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
