//! Rows of the tables of trust, and how they match.

use std::path::Path;

/// A row: what it matches, and why.
#[derive(Debug)]
pub struct Excuse {
    /// A path prefix (ending in `/`), a whole path, a variable (or a prefix ending in `*`), a program's name, or a part
    /// of a symbol's name.
    pub what: &'static str,
    pub why: &'static str,
}

/// A program that reads the clock as it starts, for nothing that it could say later.
#[derive(Debug)]
pub struct ClockAtStart {
    /// The program's name.
    pub what: &'static str,
    /// Arguments with which the program does no more than start and end.
    pub arguments: &'static [&'static str],
    /// The calls that are made then may be made again.
    pub again: bool,
    /// What it asks of how much time has passed goes into nothing that it is asked for.
    pub timers: bool,
    pub why: &'static str,
}

impl Excuse {
    /// Whether it matches a name: whole, or by the prefix before a `*`.
    pub fn names(&self, name: &[u8]) -> bool {
        match self.what.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix.as_bytes()),
            None => name == self.what.as_bytes(),
        }
    }
}

/// Whether a row matches a name.
pub fn names(table: &[Excuse], name: &[u8]) -> bool {
    table.iter().any(|row| row.names(name))
}

/// Whether a path is a row's, or lies below one that ends in `/`.
pub fn is_below(what: &str, path: &[u8]) -> bool {
    let what = what.as_bytes();
    path.starts_with(what) || (what.ends_with(b"/") && path == &what[..what.len() - 1])
}

/// Whether a library has a row and lies where the system keeps its libraries: a plugin may well be called `m`.
pub fn is_system_library(table: &[Excuse], path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].iter().any(|d| path.starts_with(d));
    let kernel = path.parent().is_none_or(|p| p.as_os_str().is_empty());
    (system || kernel) && table.iter().any(|row| name.starts_with(row.what))
}

/// A program's name without the target in front and the version at the end: `x86_64-linux-gnu-ld-12` is `ld`, where
/// that is known.
pub fn plain_name(names: impl Iterator<Item = &'static str> + Clone, file_name: &str) -> &str {
    if names.clone().any(|name| name == file_name) {
        return file_name;
    }
    // `ld.lld`, `ld.bfd`, `ld.gold` are linkers by their first part.
    let first = file_name.split('.').next().unwrap_or(file_name);
    let plain = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = plain.strip_suffix('-').unwrap_or(plain);
    for known in names {
        let is = |name: &str| name.strip_suffix(known).is_some_and(|b| b.is_empty() || b.ends_with('-'));
        if is(first) || is(plain) {
            return known;
        }
    }
    first
}
