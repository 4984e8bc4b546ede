//! How paths are spelt: one place has many names here.
//!
//! `C:\w`, `c:/W` and `\\?\C:\w` are one directory. A tidy path has a drive in upper case, backslashes, and no
//! `\\?\`; a portable one has slashes below its root. Letters in another case are believed to mean the same directory only where the
//! file system says that they do: there are directories that tell cases apart.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// What stands between the paths of a list: a drive has a colon.
pub const PATH_LIST_SEPARATOR: char = ';';

pub const SEPARATORS: &[u8] = b"\\/";

pub fn is_separator(b: u8) -> bool {
    SEPARATORS.contains(&b)
}

/// Whether an absolute path may begin with this byte.
pub fn is_path_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || is_separator(b)
}

/// Drops `.` components and doubled separators, which name nothing, and the prefix for long paths where the rest says
/// the same. `..` stays: behind a link it is not what it seems. A relative path is left as it is.
pub fn normalize(path: &[u8]) -> Cow<'_, [u8]> {
    let (lead, rest) = match path {
        [b'\\', b'\\', b'?', b'\\', b'U', b'N', b'C', b'\\', rest @ ..] => (&b"\\\\"[..], rest),
        [b'\\', b'\\', b'?', b'\\', rest @ ..] if has_drive(rest) => (&b""[..], rest),
        // A device, or another spelling that only the system understands.
        [b'\\', b'\\', b'?' | b'.', ..] => return path.into(),
        [a, b, rest @ ..] if is_separator(*a) && is_separator(*b) => (&b"\\\\"[..], rest),
        _ if has_drive(path) => (&b""[..], path),
        _ => return path.into(),
    };
    let mut out = lead.to_vec();
    for part in rest.split(|b| is_separator(*b)).filter(|p| !p.is_empty() && *p != b".") {
        if out.last().is_some_and(|b| *b != b'\\') {
            out.push(b'\\');
        }
        out.extend(part);
    }
    if lead.is_empty() {
        out[0].make_ascii_uppercase();
        if out.len() == 2 {
            out.push(b'\\');
        }
    }
    out.into()
}

/// `C:\\` or `C:/`: a drive alone is relative to where one is on it.
fn has_drive(path: &[u8]) -> bool {
    matches!(path, [letter, b':', sep, ..] if letter.is_ascii_alphabetic() && is_separator(*sep))
}

/// The path in its tidy spelling.
pub fn canonical_form(path: PathBuf) -> PathBuf {
    match path.to_str() {
        Some(text) => PathBuf::from(super::os_str(&normalize(text.as_bytes()))),
        None => path,
    }
}

/// Names of devices, in every directory and with any ending: what is written to `nul.txt` is gone. `COM1` to `COM9` and
/// `LPT1` to `LPT9` besides, also with the raised digits of Latin-1. ("Naming Files, Paths, and Namespaces", Microsoft)
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Whether a path names what can be a file: no device, no stream of another file, nothing that the system cuts short.
pub fn can_be_file(path: &Path) -> bool {
    path.components().all(|part| match part {
        Component::Normal(name) => name.to_str().is_some_and(is_file_name),
        _ => true,
    })
}

fn is_file_name(name: &str) -> bool {
    let unusual = |c: char| c.is_control() || r#"<>:"|?*"#.contains(c);
    if name.contains(unusual) || name.ends_with(['.', ' ']) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ').to_lowercase();
    let numbered = |port: &str| {
        let mut rest = stem.strip_prefix(port)?.chars();
        rest.next().filter(|c| "0123456789¹²³".contains(*c) && rest.as_str().is_empty())
    };
    !DEVICES.contains(&&*stem) && ["com", "lpt"].iter().all(|port| numbered(port).is_none())
}

/// The rest of a normalized path below a directory, from the separator on; `None` if it is not below it.
pub fn relative_to<'a>(path: &'a [u8], dir: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = path.split_at_checked(dir.len())?;
    if !rest.first().is_none_or(|b| is_separator(*b)) || !head.eq_ignore_ascii_case(dir) {
        return None;
    }
    (head == dir || is_same(head, dir)).then_some(rest)
}

/// The spellings of a path, as they are in a text that is folded: its own, and the one that the system gives a program
/// that asks, where links and short names (`RUNNER~1`) are resolved.
pub fn path_forms(path: &Path) -> Vec<Vec<u8>> {
    let fold = |path: &Path| {
        let mut out = Vec::new();
        let tidy = normalize(path.as_os_str().as_encoded_bytes());
        fold_paths(&tidy[..]).read_to_end(&mut out).expect("memory can be read");
        out
    };
    let mut all = vec![fold(path)];
    all.extend(path.canonicalize().ok().map(|real| fold(&real)).filter(|real| *real != all[0]));
    all
}

/// A text in which all spellings of a path are alike: letters are small, and of separators, which strings in sources
/// and JSON double, each run is one backslash. (Letters beyond ASCII in another case are not known for the same in
/// [`below`] either, so what is spelt with them is in no portable key.)
pub fn fold_paths<R: Read>(from: R) -> impl Read {
    Folded { from, last: 0 }
}

struct Folded<R> {
    from: R,
    /// What was given last.
    last: u8,
}

impl<R: Read> Read for Folded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.from.read(buf)?;
            let mut kept = 0;
            for i in 0..n {
                let b = if is_separator(buf[i]) { b'\\' } else { buf[i].to_ascii_lowercase() };
                if b != b'\\' || self.last != b'\\' {
                    buf[kept] = b;
                    kept += 1;
                }
                self.last = b;
            }
            // Nothing would mean the end.
            if kept > 0 || n == 0 {
                return Ok(kept);
            }
        }
    }
}

/// Whether two spellings name one directory.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let of =
        |path: &[u8]| super::identity(Path::new(super::os_str(path))).ok().map(|(_, id)| (id.dev, id.ino));
    of(a).is_some_and(|a| of(b) == Some(a))
}

fn replaced(path: &[u8], from: u8, to: u8) -> Cow<'_, [u8]> {
    match path.contains(&from) {
        true => path.iter().map(|b| if *b == from { to } else { *b }).collect::<Vec<u8>>().into(),
        false => path.into(),
    }
}

/// Replaces the separators by those of portable paths.
pub fn portable_separators(path: &[u8]) -> Cow<'_, [u8]> {
    replaced(path, b'\\', b'/')
}

/// Replaces the separators by those of this system.
pub fn native_separators(path: &[u8]) -> Cow<'_, [u8]> {
    replaced(path, b'/', b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_spellings_are_one() {
        let t = |s: &str| String::from_utf8(normalize(s.as_bytes()).into_owned()).unwrap();
        for spelt in [r"C:\w\src", r"c:/w/src/", r"\\?\C:\w\src", r"c:\w\\.\src"] {
            assert_eq!(t(spelt), r"C:\w\src", "{spelt}");
        }
        assert_eq!(t(r"\\?\UNC\host\share\x"), r"\\host\share\x");
        assert_eq!(t("//host/share/x"), r"\\host\share\x");
        assert_eq!(t(r"\\.\COM1"), r"\\.\COM1");
        assert_eq!(t(r"c:\"), r"C:\");
        assert_eq!(t(r"C:x"), "C:x");
        assert_eq!(t(r"src\lib.rs"), r"src\lib.rs");
    }

    #[test]
    fn a_place_is_found_however_it_is_spelt() {
        let place = path_forms(Path::new(r"C:\Some Dir\w"));
        for (text, there) in [
            (r"\\?\c:/some dir\W\src", true),
            (r#"{"file":"C:\\SOME DIR\\w\\l.rs"}"#, true),
            (r"D:\Some Dir\w", false),
        ] {
            let mut all = Vec::new();
            fold_paths(text.as_bytes()).read_to_end(&mut all).unwrap();
            assert_eq!(all.windows(place[0].len()).any(|w| w == place[0]), there, "{text}");
        }
        let mut out = Vec::new();
        fold_paths(&br"\\\\"[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, br"\");
    }

    #[test]
    fn a_case_that_the_file_system_does_not_vouch_for_is_another_place() {
        assert_eq!(relative_to(br"C:\W\x", br"C:\W"), Some(&br"\x"[..]));
        assert_eq!(relative_to(br"C:\W2\x", br"C:\W"), None);
        assert_eq!(relative_to(br"C:\no such dir\x", br"C:\NO SUCH DIR"), None);
    }

    #[test]
    fn devices_and_streams_are_no_files() {
        for name in ["lib.rs", "console.rs", "com10.o", "nul-1.lib", "a.nul", ".con", "lpt.d", "com"] {
            assert!(can_be_file(&Path::new(r"C:\w\target").join(name)), "{name}");
        }
        for name in [
            "NUL",
            "nul.lib",
            "Con",
            "aux .h",
            "COM1",
            "com0.d",
            "lpt9.txt",
            "com².o",
            "conin$",
            "lib.rs:stream",
            "lib.rs ",
            "lib.",
            "what?",
            "a\u{1}b",
        ] {
            assert!(!can_be_file(&Path::new(r"C:\w\target").join(name)), "{name}");
            assert!(!can_be_file(&Path::new(r"\\?\C:\w").join(name).join("lib.rs")), "{name}");
        }
    }
}
