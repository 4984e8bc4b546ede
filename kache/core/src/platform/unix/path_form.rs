//! How paths are spelt: one way, but for `.` and doubled slashes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What stands between the paths of a list.
pub const PATH_LIST_SEPARATOR: char = ':';

/// Drops `.` components and doubled slashes, which name nothing. `..` stays: behind a link it is not what it seems.
pub fn normalize(path: &[u8]) -> Vec<u8> {
    let clean =
        !path.windows(2).any(|w| w == b"//" || w == b"/.") && (path.len() < 2 || !path.ends_with(b"/"));
    if clean {
        return path.to_vec();
    }
    let mut out = Vec::with_capacity(path.len());
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
        out.push(b'/');
        out.extend(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// What stands between the parts of a path.
pub const SEPARATORS: &[u8] = b"/";

/// Whether a byte stands between the parts of a path.
pub fn is_separator(b: u8) -> bool {
    b == b'/'
}

/// The path as it is: there is one spelling.
pub fn canonical_form(path: std::path::PathBuf) -> std::path::PathBuf {
    path
}

/// Whether a path names what can be a file: any may.
pub fn can_be_file(_: &Path) -> bool {
    true
}

/// Whether a place has several spellings, of which a compiler's maps know one.
pub const HAS_PATH_FORMS: bool = false;

/// The spellings of a path, as they are in a text that is folded: one.
pub fn path_forms(path: &Path) -> Vec<Vec<u8>> {
    vec![path.as_os_str().as_bytes().to_vec()]
}

/// A text in which all spellings of a path are alike: as it is.
pub fn fold_paths(text: impl io::Read) -> impl io::Read {
    text
}

/// What of a tidy path is below a directory, with the separator that it begins with; `None` where it is not.
pub fn relative_to<'a>(path: &'a [u8], dir: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(dir).filter(|rest| rest.first().is_none_or(|b| *b == b'/'))
}

/// With the separators that portable paths have.
pub fn portable_separators(path: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    path.into()
}

/// With the separators of this system.
pub fn native_separators(path: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    path.into()
}

/// Whether a path of the system's may begin with this byte.
pub fn is_path_start(b: u8) -> bool {
    b == b'/'
}

/// A path from bytes that came out of a log or a store.
pub fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}
