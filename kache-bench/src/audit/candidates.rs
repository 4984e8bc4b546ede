//! Why a unit can have a different key when it runs again in the same place: rustc opens every file that
//! could be a needed crate and rejects all but one by hash.
//!
//! rustc lists the directory of kind `dependency` and selects files by crate name; for a proc macro of a
//! dependency it tries all files that cargo has put there. A file that was built later is read and therefore
//! recorded (cargo builds a macro once for `build` and once for `test` if features or profiles differ). rustc
//! rejected that file, so the sets of dependencies with and without it are both right. Where it tries one, it also
//! looks whether the named crates are there in their other forms (`.so`, `.rlib`).

use super::excuse::dependency_dirs;
use crate::backend::invocations::Invocation;
use kache_core::key_trace::{KeyTrace, Part};
use kache_report::explain::diff::Difference;
use std::path::Path;

pub const WHY: &str = "rustc tries each file of a crate's name in a directory of kind `dependency`, and refuses by hash; one was built since";

/// Whether all differences are files of kind `dependency` next to another recorded file of the same crate,
/// which the command line does not name; or, with one of these, whether other forms of recorded crates are there.
pub fn explain(differences: &[Difference], old: &KeyTrace, new: &KeyTrace, invocation: &Invocation) -> bool {
    let dirs = dependency_dirs(invocation);
    let is_tried = |d: &Difference| d.name.starts_with("file ");
    differences.iter().any(is_tried)
        && differences.iter().all(|d| {
            let (side, other) = match (&d.old, &d.new) {
                (None, Some(side)) => (side, old),
                (Some(side), None) => (side, new),
                _ => return false,
            };
            let path = Path::new(&side.raw);
            d.part == Part::Dependency
                && (is_tried(d) || d.name.starts_with("path "))
                && path.parent().is_some_and(|dir| dirs.iter().any(|d| d == dir))
                && !invocation.words.iter().any(|w| w.to_string_lossy().ends_with(&side.raw))
                && krate(path).is_some_and(|name| is_on_record(other, path, name))
        })
}

/// Whether the contents of another file of the crate in the same directory are recorded.
fn is_on_record(trace: &KeyTrace, path: &Path, name: &str) -> bool {
    trace.components.iter().filter(|c| c.name.starts_with("file ")).any(|c| {
        let other = Path::new(&c.raw);
        other != path && other.parent() == path.parent() && krate(other) == Some(name)
    })
}

/// `liba_b-0f3a.so` can be the crate `a_b`.
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
    fn other_forms_of_a_crate_count_only_with_a_candidate() {
        let line = ["rustc", "-L", "dependency=/t/deps"];
        let (kept, source) = (("file m-1", "/t/deps/libm-1.so", "1"), ("file a", "/w/a.rs", "1"));
        let (tried, form) =
            (("file m-2", "/t/deps/libm-2.so", "2"), ("path m-1", "/t/deps/libm-1.rlib", "absent"));
        assert!(explained(&[kept, source, tried, form], &line));
        assert!(!explained(&[kept, source, form], &line));
        assert!(!explained(&[kept, source, tried, ("path b", "/t/deps/libb-1.rlib", "absent")], &line));
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
