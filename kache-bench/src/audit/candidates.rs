//! Why a unit can have another key when it is asked again where it was built: rustc opens every file that could be a crate which
//! another crate needs, and refuses by its hash all but one.
//!
//! It lists the directory of kind `dependency` and takes the files by the crate's name; for a proc macro of a dependency it
//! tries those of all hashes that cargo has put there. One that was built later (cargo builds a macro once for `build` and once for
//! `test`, where features or profiles differ) is read, and so is in the record. It was refused: that set of observations is as right as
//! the one without it, and both hold.

use super::excuse::dependency_dirs;
use crate::backend::invocations::Invocation;
use kache_core::key_trace::{KeyTrace, Part};
use kache_report::explain::diff::Difference;
use std::path::Path;

/// Why that is no fault.
pub const WHY: &str = "rustc tries each file of a crate's name in a directory of kind `dependency`, and refuses by hash; one was built since";

/// Whether all that differs are files which are there besides another file of the same crate, in a directory of kind
/// `dependency`, and which no word of the command line names.
pub fn explain(differences: &[Difference], old: &KeyTrace, new: &KeyTrace, invocation: &Invocation) -> bool {
    let dirs = dependency_dirs(invocation);
    !differences.is_empty()
        && differences.iter().all(|d| {
            let (side, other) = match (&d.old, &d.new) {
                (None, Some(side)) => (side, old),
                (Some(side), None) => (side, new),
                _ => return false,
            };
            let path = Path::new(&side.raw);
            d.part == Part::Dependency
                && d.name.starts_with("file ")
                && path.parent().is_some_and(|dir| dirs.iter().any(|d| d == dir))
                && !invocation.words.iter().any(|w| w.to_string_lossy().ends_with(&side.raw))
                && krate(path).is_some_and(|name| is_on_record(other, path, name))
        })
}

/// Whether another file of the crate, in the same directory, counts by its contents.
fn is_on_record(trace: &KeyTrace, path: &Path, name: &str) -> bool {
    trace.components.iter().filter(|c| c.name.starts_with("file ")).any(|c| {
        let other = Path::new(&c.raw);
        other != path && other.parent() == path.parent() && krate(other) == Some(name)
    })
}

/// `liba_b-0f3a.so` could be the crate `a_b`.
fn krate(path: &Path) -> Option<&str> {
    let end = path.extension()?.to_str()?;
    let stem = path.file_stem()?.to_str()?.strip_prefix("lib")?;
    let (name, _) = stem.split_once('-')?;
    ["so", "rlib", "rmeta"].contains(&end).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::trace;
    use kache_report::explain::diff::differences;

    fn explained(new: &[(&str, &str, &str)], words: &[&str]) -> bool {
        let old = trace(&[("file m-1", "/t/deps/libm-1.so", "1"), ("file a", "/w/a.rs", "1")]);
        let new = trace(new);
        let words = words.iter().map(Into::into).collect();
        let invocation = Invocation { cwd: "/w".into(), words, environment: Vec::new() };
        explain(&differences(&old, &new), &old, &new, &invocation)
    }

    #[test]
    fn only_another_file_of_a_crate_on_record_is_explained() {
        let (kept, source) = (("file m-1", "/t/deps/libm-1.so", "1"), ("file a", "/w/a.rs", "1"));
        let another = ("file m-2", "/t/deps/libm-2.so", "2");
        let line = ["rustc", "-L", "dependency=/t/deps"];
        assert!(explained(&[kept, source, another], &line));
        assert!(!explained(&[kept, source, another], &["rustc", "-L", "/t/deps"]));
        assert!(!explained(
            &[kept, source, another],
            &[&line[..], &["--extern", "m=/t/deps/libm-2.so"]].concat()
        ));
        assert!(!explained(&[kept, source, ("file n-2", "/t/deps/libn-2.so", "2")], &line));
        assert!(!explained(&[kept, source, another, ("file b", "/w/b.rs", "2")], &line));
        assert!(!explained(&[("file m-1", "/t/deps/libm-1.so", "2"), source, another], &line));
        assert!(!explained(&[kept, source], &line));
    }
}
