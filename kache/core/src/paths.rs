//! Roots and portable paths.
//!
//! A portable path is `<root>/rest`, or an absolute path outside of all roots. Keys and the store use portable paths, so that two
//! checkouts, and two machines, agree on them. Paths are bytes and need not be UTF-8.
//!
//! | root | what it is | how it is found | in artifacts |
//! | --- | --- | --- | --- |
//! | `<target>` | cargo's target directory | upward from `--out-dir` to the directory with a `CACHEDIR.TAG` | `./target` |
//! | `<workspace>` | the checkout | upward from the working directory (for C from the source), else from the target directory, to `.git`; else the outermost `Cargo.toml` | `.` |
//! | `<cargo>` | cargo's home | `CARGO_HOME`, else `~/.cargo` | `/kache/cargo` |
//! | `<build>` | a build directory beside the checkout (C only) | upward from the working directory to the outermost with a `CMakeCache.txt`, `config.status` or the like | `/kache/build` |
//! | `<sysroot>` | the toolchain | from the compiler | as the compiler has it |
//! | `<base:N>` | additional relocatable directories | `KACHE_BASE_DIRS` | `/kache/base/N` |
//!
//! The workspace is `.` in artifacts, so that a debugger finds the sources in the checkout in which it is started.

use crate::platform;
use std::path::{Component, Path, PathBuf};

/// A relocatable directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The name without angle brackets.
    pub name: String,
    /// The absolute path without a trailing slash.
    pub path: PathBuf,
    /// The path that replaces the root in artifacts, if prefix maps are passed for it.
    pub mapped: Option<String>,
}

/// The roots of an invocation, the longest path first.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    list: Vec<Root>,
}

impl Roots {
    /// Adds a root. The root of the file system, which contains every path, is ignored, and so is a second root with the same
    /// path or name.
    pub fn add(&mut self, name: &str, path: PathBuf, mapped: Option<&str>) {
        let path = platform::canonical_form(path);
        if !path.is_absolute()
            || path.parent().is_none()
            || self.list.iter().any(|r| r.path == path || r.name == name)
        {
            return;
        }
        self.list.push(Root { name: name.to_string(), path, mapped: mapped.map(str::to_string) });
        self.list.sort_by_key(|r| std::cmp::Reverse(r.path.as_os_str().len()));
    }

    /// All roots, the longest path first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Root> {
        self.list.iter()
    }

    /// The path of the root with that name.
    pub fn get(&self, name: &str) -> Option<&Path> {
        self.list.iter().find(|r| r.name == name).map(|r| r.path.as_path())
    }

    /// The portable form of an absolute path.
    pub fn portable(&self, path: &[u8]) -> Vec<u8> {
        let path = platform::normalize(path);
        let found = self.list.iter().find_map(|root| {
            let rest = platform::relative_to(&path, root.path.as_os_str().as_encoded_bytes())?;
            Some([b"<", root.name.as_bytes(), b">", &*platform::portable_separators(rest)].concat())
        });
        found.unwrap_or_else(|| path.into_owned())
    }

    /// Like [`Roots::portable`], for a path that may not be normalized: replaces only a literal prefix.
    pub fn portable_prefix(&self, path: &[u8]) -> Vec<u8> {
        let found = self.list.iter().find_map(|root| {
            let rest = path.strip_prefix(root.path.as_os_str().as_encoded_bytes())?;
            let within = rest.first().is_none_or(|b| platform::is_separator(*b));
            within.then(|| [b"<", root.name.as_bytes(), b">", rest].concat())
        });
        found.unwrap_or_else(|| path.to_vec())
    }

    /// Whether a text contains the path of a root.
    pub fn within(&self, text: &str) -> bool {
        self.list.iter().any(|r| r.path.to_str().is_some_and(|path| text.contains(path)))
    }

    /// Replaces the path of each root in a text by the root's name, even directly after other characters, such as a flag.
    pub fn portable_within(&self, text: &[u8]) -> Vec<u8> {
        let is_continued = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b) || *b >= 0x80;
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.first() {
            let found = self.list.iter().find_map(|root| {
                let after = rest.strip_prefix(root.path.as_os_str().as_encoded_bytes())?;
                (!after.first().is_some_and(is_continued)).then_some((root, after))
            });
            if let Some((root, after)) = found {
                out.extend([b"<", root.name.as_bytes(), b">"].concat());
                rest = after;
            } else {
                out.push(*first);
                rest = &rest[1..];
            }
        }
        out
    }

    /// Whether an absolute path, followed from left to right, is above the root that it begins in at some point. The rest of such a
    /// path leads elsewhere from the same root in another place. `None` if the path begins in no root.
    pub fn is_left_by(&self, path: &Path) -> Option<bool> {
        let rest = self.list.iter().find_map(|root| path.strip_prefix(&root.path).ok())?;
        let mut depth = 0;
        Some(rest.components().any(|part| {
            match part {
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                _ => {}
            }
            depth < 0
        }))
    }

    /// What a link in a directory leads to, for the digest of the link: the target as it is, and of a target that leads out of a root
    /// where that is.
    pub fn link_target(&self, directory: &Path, target: &[u8]) -> Vec<u8> {
        let path = directory.join(platform::os_str(target));
        if Path::new(platform::os_str(target)).is_absolute() || self.is_left_by(&path) != Some(true) {
            return target.to_vec();
        }
        [target, b"\0", &self.portable(real(&path).as_os_str().as_encoded_bytes())].concat()
    }

    /// The portable path as text, for people.
    pub fn portable_text(&self, path: &Path) -> String {
        String::from_utf8_lossy(&self.portable(path.as_os_str().as_encoded_bytes())).into_owned()
    }

    /// The local path of a portable path; `None` if the invocation has no such root.
    pub fn local(&self, portable: &[u8]) -> Option<PathBuf> {
        let Some(inner) = portable.strip_prefix(b"<") else {
            return Some(PathBuf::from(platform::os_str(portable)));
        };
        let end = inner.iter().position(|b| *b == b'>')?;
        let root = self.list.iter().find(|r| r.name.as_bytes() == &inner[..end])?;
        let mut out = root.path.as_os_str().to_os_string();
        out.push(platform::os_str(&platform::native_separators(&inner[end + 1..])));
        Some(PathBuf::from(out))
    }
}

/// Makes a path absolute.
pub fn absolute(cwd: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_path_buf() } else { cwd.join(path) }
}

/// The real path of the longest part of a path that exists, and the rest as it is.
pub fn real(path: &Path) -> PathBuf {
    let mut parts = path.ancestors();
    let found = parts.find_map(|part| Some((part.canonicalize().ok()?, path.strip_prefix(part).ok()?)));
    let joined = found.map_or_else(|| path.to_path_buf(), |(real, rest)| real.join(rest));
    PathBuf::from(platform::os_str(&platform::normalize(joined.as_os_str().as_encoded_bytes())))
}

/// The nearest directory, from `start` upward, that contains one of the names.
pub fn upward(start: &Path, names: &[&str]) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|dir| names.iter().any(|n| dir.join(n).symlink_metadata().is_ok()))
        .map(Path::to_path_buf)
}

/// The checkout that contains `start`: the root of the version control, else the outermost package.
pub fn checkout(start: &Path) -> Option<PathBuf> {
    upward(start, &[".git", ".hg", ".jj"]).or_else(|| {
        start
            .ancestors()
            .filter(|d| d.join("Cargo.toml").symlink_metadata().is_ok())
            .last()
            .map(Path::to_path_buf)
    })
}

/// The build directory that contains `start`: the outermost directory with files of CMake, ninja, meson, or a configure script.
pub fn build_dir(start: &Path) -> Option<PathBuf> {
    const MARKERS: &[&str] =
        &["CMakeCache.txt", "build.ninja", "config.status", "config.log", "meson-private"];
    let tops = start.ancestors().filter(|dir| MARKERS.iter().any(|n| dir.join(n).symlink_metadata().is_ok()));
    tops.last().map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> Roots {
        let mut r = Roots::default();
        r.add("workspace", "/home/u/p".into(), Some("."));
        r.add("target", "/home/u/p/target".into(), Some("./target"));
        r.add("root", "/".into(), None);
        r
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn the_deepest_root_wins_and_siblings_are_not_inside() {
        let r = roots();
        let p = |s: &str| String::from_utf8(r.portable(s.as_bytes())).unwrap();
        assert_eq!(p("/home/u/p/src/lib.rs"), "<workspace>/src/lib.rs");
        assert_eq!(p("/home/u/p/target/debug"), "<target>/debug");
        assert_eq!(p("/home/u/p"), "<workspace>");
        assert_eq!(p("/home/u/p2/x"), "/home/u/p2/x");
        assert_eq!(p("/home/u/p//./src/../x/"), "<workspace>/src/../x");
        assert_eq!(p("/"), "/");
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn a_root_is_found_within_a_text() {
        let r = roots();
        let p = |s: &str| String::from_utf8(r.portable_within(s.as_bytes())).unwrap();
        assert_eq!(
            p("-L/home/u/p/target/x:/home/u/p -I=/home/u/p2"),
            "-L<target>/x:<workspace> -I=/home/u/p2"
        );
        assert_eq!(p("/usr/lib"), "/usr/lib");
    }

    #[test]
    fn local_undoes_portable() {
        let r = roots();
        for s in ["/home/u/p/a b", "/usr/lib", "/home/u/p/target/x"] {
            assert_eq!(r.local(&r.portable(s.as_bytes())), Some(PathBuf::from(s)));
        }
        assert_eq!(r.local(b"<nowhere>/x"), None);
        assert_eq!(r.local(b"<broken"), None);
    }
}
