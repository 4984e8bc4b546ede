//! C sources by which the times of files count.
//!
//! `#pragma GCC dependency "f"` (clang knows it, also as `#pragma clang dependency`) has the compiler compare when two files were
//! modified, and clang refuses a precompiled header that is older than what it was made from. Then the times of all files
//! that were read are dependencies, which hold in one checkout as long as nothing is touched.
//!
//! The headers of the system's own directories are not searched: they come with the system, and no checkout has a file that
//! they would name.

use crate::define;
use kache_core::dependency::{Dependency, Kind};
use kache_core::eval::EvalContext;
use kache_core::template::contains;
use std::collections::BTreeSet;

const SYSTEM: &[&[u8]] = &[b"/usr/include/", b"/usr/lib/"];

/// The times that count, if any do. The texts of files that are `plain` compare none.
pub fn compared(
    dependencies: &[Dependency],
    cx: &EvalContext,
    plain: impl Fn(&Dependency) -> bool,
) -> BTreeSet<Dependency> {
    let mut precompiled = Vec::new();
    for dependency in own(dependencies).filter(|d| !plain(d)) {
        match text(dependency, cx) {
            Some(text) if is_precompiled(&text) => precompiled.push(dependency),
            Some(text) if compares_times(&text) => return all(dependencies),
            _ => {}
        }
    }
    match precompiled[..] {
        [] => BTreeSet::new(),
        // Its own time is in no other precompiled header.
        [one] => all(dependencies).into_iter().filter(|time| time.name != one.name).collect(),
        _ => all(dependencies),
    }
}

/// The times of all files that were read.
pub fn all(dependencies: &[Dependency]) -> BTreeSet<Dependency> {
    let files = dependencies.iter().filter(|d| d.kind == Kind::File);
    files.map(|d| Dependency::new(Kind::Status, d.name.clone())).collect()
}

/// Whether any source has an `#import`.
pub fn any_imports(dependencies: &[Dependency], cx: &EvalContext) -> bool {
    own(dependencies).filter_map(|d| text(d, cx)).any(|text| contains(&define::joined(&text), b"import"))
}

/// The files that were read, but for those of the system.
fn own(dependencies: &[Dependency]) -> impl Iterator<Item = &Dependency> {
    let is_systems = |d: &Dependency| SYSTEM.iter().any(|dir| d.name.starts_with(dir));
    dependencies.iter().filter(move |d| d.kind == Kind::File && !is_systems(d))
}

fn text(dependency: &Dependency, cx: &EvalContext) -> Option<Vec<u8>> {
    define::text(&cx.roots.local(&dependency.name)?)
}

/// Whether a text is a precompiled header of clang's, which has the times of what it was made from.
fn is_precompiled(text: &[u8]) -> bool {
    text.starts_with(b"CPCH")
}

/// Whether a text may have a compiler compare times.
pub fn compares_times(text: &[u8]) -> bool {
    if is_precompiled(text) {
        return true;
    }
    if !contains(text, b"GCC") && !contains(text, b"clang") {
        return false;
    }
    let text = define::joined(text);
    if !contains(&text, b"dependency") {
        return false;
    }
    let mut rest = &text[..];
    while let Some(at) = find(rest, b"dependency") {
        let before = without_comment(rest[..at].trim_ascii_end());
        if before.ends_with(b"GCC") || before.ends_with(b"clang") {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The text without the blanks and comments at its end.
fn without_comment(mut text: &[u8]) -> &[u8] {
    while let Some(inside) = text.strip_suffix(b"*/") {
        let start = inside.windows(2).rposition(|w| w == b"/*").unwrap_or(0);
        text = inside[..start].trim_ascii_end();
    }
    text
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|w| w == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_of_times_is_found_however_it_is_written() {
        for text in [
            "#pragma GCC dependency \"a.y\"\n",
            "# pragma\tGCC  dependency <a.y> message\n",
            "#pragma clang dependency \"a.y\"\n",
            "_Pragma(\"GCC dependency \\\"a.y\\\"\")\n",
            "#define D PRAGMA(GCC dependency \"a.y\")\n",
            "#pragma GCC \\\n dependency \"a.y\"\n",
            "#pragma GCC depen\\\ndency \"a.y\"\n",
            "#pragma GCC /* a */ /* b */ dependency \"a.y\"\n",
            "CPCH\x01",
        ] {
            assert!(compares_times(text.as_bytes()), "{text}");
        }
        for text in ["/* a dependency of GCC */", "#pragma GCC poison dependency", "int dependency;"] {
            assert!(!compares_times(text.as_bytes()), "{text}");
        }
    }
}
