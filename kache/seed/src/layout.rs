//! The directories of cargo below a target directory, and where the parts of a unit are in them.
//!
//! ```text
//! <target>/[<platform>/]<profile>/.cargo-lock
//!                                 .fingerprint/<package>-<hash>/   what cargo knows of the unit
//!                                 deps/, examples/                 outputs of compiles
//!                                 build/<package>-<hash>/          a build script, or
//!                                 build/<package>-<hash>/out/      what its run made, beside its printed lines
//!
//! with -Zbuild-dir-new-layout:    build/<package>/<hash>/fingerprint/
//!                                 build/<package>/<hash>/out/      outputs of compiles, and what the run of a script made
//!                                 build/<package>/<hash>/run/      a script's printed lines
//! ```

use std::path::{Component, Path};

/// The directories of a unit, below the target directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    pub fingerprint: String,
    /// Of a script's run: the directory that has `out`.
    pub script: Option<String>,
}

/// The directories of a compile that leaves `output`. `name` is that of the package with the hash.
pub fn of_compile(output: &Path, name: &str) -> Option<Dirs> {
    let (profile, rest) = split(output)?;
    let fingerprint = match rest[..] {
        ["build", package, hash, "out", _] => format!("{profile}/build/{package}/{hash}/fingerprint"),
        ["deps" | "examples" | "build", ..] => format!("{profile}/.fingerprint/{name}"),
        _ => return None,
    };
    Some(Dirs { fingerprint, script: None })
}

/// The directories of a script's run into `out`.
pub fn of_script(out: &Path) -> Option<Dirs> {
    let (profile, rest) = split(out)?;
    let (fingerprint, script) = match rest[..] {
        ["build", package, hash, "out"] => {
            let dir = format!("{profile}/build/{package}/{hash}");
            (format!("{dir}/fingerprint"), dir)
        }
        ["build", name, "out"] => {
            (format!("{profile}/.fingerprint/{name}"), format!("{profile}/build/{name}"))
        }
        _ => return None,
    };
    Some(Dirs { fingerprint, script: Some(script) })
}

/// The directory of the profile, and the names below it.
fn split(below: &Path) -> Option<(String, Vec<&str>)> {
    let name = |part: Component<'_>| match part {
        Component::Normal(_) => Some(()),
        _ => None,
    };
    below.components().map(name).collect::<Option<Vec<()>>>()?;
    let names: Vec<&str> = below.iter().map(|name| name.to_str()).collect::<Option<_>>()?;
    let at = names.iter().position(|name| ["deps", "build", "examples"].contains(name))?;
    // A platform and a profile, or a profile alone. One may be called `build` itself: that is not told apart.
    (at == 1 || at == 2).then(|| (names[..at].join("/"), names[at..].to_vec()))
}

/// The directory of the profile that a fingerprint is in.
pub fn profile(fingerprint: &str) -> Option<&str> {
    let old = fingerprint.split_once("/.fingerprint/");
    old.or_else(|| fingerprint.split_once("/build/")).map(|(profile, _)| profile)
}

/// Whether a fingerprint is where the new layout has it.
pub fn is_new(fingerprint: &str) -> bool {
    fingerprint.ends_with("/fingerprint")
}

/// Where a script's printed lines are, below its own directory, and the name of the file with those of standard output.
pub fn run(fingerprint: &str) -> (&'static str, &'static str) {
    if is_new(fingerprint) { ("run", "stdout") } else { ("", "output") }
}

/// The file that cargo touches when it begins a unit, below the target directory.
pub fn begun(dirs: &Dirs) -> String {
    match &dirs.script {
        Some(script) => Path::new(script).join(run(&dirs.fingerprint).0).join(BEGUN).display().to_string(),
        None => format!("{}/{BEGUN}", dirs.fingerprint),
    }
}

/// The name of that file.
pub const BEGUN: &str = "invoked.timestamp";

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
    fn a_unit_is_found_in_both_layouts_with_and_without_a_platform() {
        for (path, fingerprint) in [
            ("debug/deps/liba-1.rlib", Some("debug/.fingerprint/a-1")),
            ("debug/build/a-1/build_script_build-1", Some("debug/.fingerprint/a-1")),
            ("x86_64/release/deps/liba-1.rlib", Some("x86_64/release/.fingerprint/a-1")),
            ("debug/build/a/1/out/liba-1.rlib", Some("debug/build/a/1/fingerprint")),
            ("deps/a", None),
            ("a/b/c/deps/a", None),
            ("debug/other/a", None),
            ("../debug/deps/a", None),
        ] {
            let dirs = of_compile(Path::new(path), "a-1");
            assert_eq!(dirs.map(|dirs| dirs.fingerprint).as_deref(), fingerprint, "{path}");
        }
        for (path, fingerprint, script) in [
            ("debug/build/a-1/out", "debug/.fingerprint/a-1", "debug/build/a-1"),
            ("x/debug/build/a/1/out", "x/debug/build/a/1/fingerprint", "x/debug/build/a/1"),
        ] {
            let dirs = of_script(Path::new(path)).unwrap();
            assert_eq!((&*dirs.fingerprint, dirs.script.as_deref()), (fingerprint, Some(script)));
            assert_eq!(profile(fingerprint), script.split_once("/build").map(|(profile, _)| profile));
        }
        assert_eq!(of_script(Path::new("debug/build/a-1")), None);
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
