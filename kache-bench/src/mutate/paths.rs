//! Counts which path rows of kache's tables a unit's compile needs.
//!
//! These rows excuse paths of the machine (`/proc`, the loader's cache, the C library), which cannot be
//! changed for one process, so no hit can be required after a change. Whether a row is ever needed can be
//! measured: units are compiled under `strace`, and each row is counted by the units with an access that only
//! this row excuses.

use crate::audit::{self, Access, AccessKind, ProcessAccesses};
use crate::system::strace;
use crate::text;
use kache_core::key_trace::KeyTrace;
use kache_frontends::excuses;
use kache_frontends::tables::{self, Row};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Paths {
    /// Number of watched units; 0 without `strace`.
    pub watched: usize,
    /// Rows of the tables, with the number of units that needed them.
    pub rows: BTreeMap<String, usize>,
}

/// The tables, with the word that names their rows.
fn tables() -> [(&'static str, &'static [Row]); 3] {
    [
        ("path", tables::IGNORED_PATHS),
        ("path of the compiler's", tables::IGNORED_PATHS_OF_RUSTC),
        ("library", tables::C_RUNTIME),
    ]
}

impl Paths {
    /// All rows with a count of 0.
    pub fn of_tables() -> Paths {
        let all = tables().into_iter().flat_map(|(table, rows)| rows.iter().map(move |r| name(table, r)));
        Paths { watched: 0, rows: all.map(|name| (name, 0)).collect() }
    }

    pub fn count(&mut self, watched: &ProcessAccesses, trace: &KeyTrace) {
        self.watched += 1;
        let compiler = trace.components.iter().find(|c| c.name == "compiler").map(|c| c.raw.as_str());
        let compiler = Path::new(compiler.unwrap_or_default());
        let mut seen = BTreeSet::new();
        for row in watched.outer().filter_map(|access| row(watched, compiler, access)) {
            let table = tables().into_iter().find(|(_, rows)| rows.iter().any(|r| r.what == row.what));
            seen.extend(table.map(|(table, _)| name(table, row)));
        }
        for name in seen {
            *self.rows.entry(name).or_default() += 1;
        }
    }

    pub fn text(&self) -> String {
        if self.watched == 0 {
            let why = match strace::require() {
                Ok(()) => "no unit could be watched",
                Err(_) => "strace is not installed",
            };
            let rows = text::count(self.rows.len(), "row", "rows");
            return format!("skipped {rows} about paths: {why}\n");
        }
        let head =
            "rows about paths of the machine, which are not changed: number of units that needed each, of";
        format!("{head} {}\n{}", self.watched, by_count(&self.rows))
    }
}

/// The row that covers an access.
fn row(watched: &ProcessAccesses, compiler: &Path, access: &Access) -> Option<&'static Row> {
    let path = access.path.as_os_str().as_encoded_bytes();
    let is_loaded = access.kind == AccessKind::Read && !watched.is_tools_own(access);
    let row = excuses::ignored_path(path, audit::is_own(compiler, access));
    row.or_else(|| is_loaded.then(|| c_runtime(&access.path)).flatten())
}

/// The row of the C runtime's table for a library, by its name or its link target's name.
fn c_runtime(path: &Path) -> Option<&'static Row> {
    let row = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is = excuses::is_c_runtime(path);
        tables::C_RUNTIME.iter().find(|row| is && name.starts_with(row.what))
    };
    row(path).or_else(|| row(&path.canonicalize().ok()?))
}

fn name(table: &str, row: &Row) -> String {
    format!("{table} {}", row.what)
}

/// A line for each count, highest first.
pub fn by_count(counts: &BTreeMap<String, usize>) -> String {
    let mut lines: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (name, n) in counts {
        lines.entry(*n).or_default().push(name);
    }
    lines.iter().rev().map(|(n, names)| format!("  {n}: {}\n", names.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::trace;

    #[test]
    fn rows_are_counted_by_units_and_by_who_looks() {
        let lines = [
            r#"10 execve("/k/kache", ["kache", "gcc"], 0x1 /* 3 vars */) = 0"#,
            r#"10 clone(child_stack=NULL, flags=SIGCHLD) = 11"#,
            r#"11 execve("/usr/bin/gcc", ["gcc"], 0x1 /* 3 vars */) = 0"#,
            r#"11 openat(AT_FDCWD</w>, "/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</lib/x86_64-linux-gnu/libc.so.6>"#,
            r#"11 openat(AT_FDCWD</w>, "/proc/self/status", O_RDONLY) = 3</proc/self/status>"#,
            r#"11 openat(AT_FDCWD</w>, "/proc/self/stat", O_RDONLY) = 3</proc/self/stat>"#,
            r#"11 clone(child_stack=NULL, flags=SIGCHLD) = 12"#,
            r#"12 execve("/usr/bin/cat", ["cat"], 0x1 /* 3 vars */) = 0"#,
            r#"12 openat(AT_FDCWD</w>, "/etc/localtime", O_RDONLY) = 3</etc/localtime>"#,
        ];
        let watched = ProcessAccesses::read(lines.join("\n").as_bytes(), Path::new("/w")).unwrap();
        let mut paths = Paths::of_tables();
        let all = paths.rows.len();
        paths.count(&watched, &trace(&[("compiler", "/usr/bin/gcc", "")]));
        assert_eq!((paths.watched, paths.rows.len()), (1, all));
        let came: Vec<&String> = paths.rows.iter().filter(|(_, n)| **n == 1).map(|(name, _)| name).collect();
        let own = |file: &str| format!("path of the compiler's /proc/self/{file}");
        assert_eq!(came, [&"library libc.so".to_string(), &own("stat"), &own("status")]);
    }
}
