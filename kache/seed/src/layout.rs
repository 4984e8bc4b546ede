//! The directories of cargo below a target directory, and where the parts of a unit are in them.
//!
//! ```text
//! <target>/[<platform>/]<profile>/.cargo-lock
//!                                 .fingerprint/<package>-<hash>/   what cargo knows of the unit
//!                                 deps/, examples/                 outputs of compiles
//!                                 build/<package>-<hash>/          a build script, or
//!                                 build/<package>-<hash>/out/      what its run made, beside its printed lines
//! ```

use std::path::{Component, Path};

/// The directory of a profile, of which `below` names something, both below the target directory.
pub fn profile(below: &Path) -> Option<String> {
    let names: Vec<&str> = below
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let at = names.iter().position(|name| ["deps", "build", "examples"].contains(name))?;
    // A platform and a profile, or a profile alone. One may be called `build` itself: that is not told apart.
    (at == 1 || at == 2).then(|| names[..at].join("/"))
}

/// Whether a name is that of the file with the hash, among the files of a fingerprint's directory.
pub fn has_hash(name: &str) -> bool {
    !name.contains('.') && !name.starts_with("dep-") && !name.starts_with("output-")
}

/// The hash in a file of cargo's: the bytes of a number in hex, the lowest first.
pub fn hash(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok().map(u64::swap_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_with_and_without_a_platform() {
        for (path, profile) in [
            ("debug/deps/liba-1.rlib", Some("debug")),
            ("debug/build/a-1/out", Some("debug")),
            ("x86_64-unknown-linux-gnu/release/deps/liba-1.rlib", Some("x86_64-unknown-linux-gnu/release")),
            ("deps/a", None),
            ("a/b/c/deps/a", None),
            ("debug/other/a", None),
        ] {
            assert_eq!(super::profile(Path::new(path)).as_deref(), profile, "{path}");
        }
    }

    #[test]
    fn a_hash_is_read_as_cargo_writes_it() {
        assert_eq!(hash(b"18e3761e0f13d066"), Some(7408442342681010968));
        assert_eq!(hash(b""), None);
        assert_eq!(hash(b"18e3761e0f13d06g"), None);
        assert!(has_hash("lib-a") && !has_hash("lib-a.json") && !has_hash("dep-lib-a"));
        assert!(!has_hash("output-lib-a") && !has_hash("invoked.timestamp"));
    }
}
