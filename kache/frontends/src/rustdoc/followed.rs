//! A crate that others follow leaves the search index to the last of them.
//!
//! rustdoc alone makes the index of all crates once for each crate, and the index grows: most of a `cargo doc` with many
//! dependencies goes into indices that the next crate replaces. Only the last one counts. cargo documents a package after those
//! that it depends on, and `cargo doc` without `-p` asks for members of the workspace. Of any other package cargo caps the lints
//! (`--cap-lints`). So a crate with capped lints is followed by another one of the same cargo, unless the build ends early.
//!
//! For such an end there is the finisher, a process that waits until cargo has ended and then adds the crates that still wait. A
//! crate that cannot start a finisher, and a crate under a cargo that was started in a way that is not listed here, makes the
//! index at once.

use crate::flags::Flags;
use kache_core::observe::launch::PRELOAD_VARIABLE;
use kache_core::platform;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process;

/// The first argument of the finisher.
pub const FINISHER: &str = "rustdoc-finisher";

/// Words of `cargo doc` that leave the last crate to be one of the workspace.
const ALONE: &[&str] = &[
    "--all",
    "--all-features",
    "--bins",
    "--document-private-items",
    "--frozen",
    "--lib",
    "--locked",
    "--no-default-features",
    "--no-deps",
    "--offline",
    "--open",
    "--quiet",
    "--release",
    "--verbose",
    "--workspace",
    "-q",
    "-r",
    "-v",
];
/// Those that take a value.
const WITH_VALUE: &[&str] =
    &["--color", "--features", "--jobs", "--manifest-path", "--profile", "--target-dir", "-F", "-j"];

/// Whether cargo documents another crate into the directory after this one.
pub(super) fn is_followed(all: &Flags, doc: &Path) -> bool {
    let is_of_workspace = !all.given("--cap-lints");
    // In a build for another target, host crates are documented into one directory and members into another.
    if is_of_workspace || std::env::var_os("CARGO_BUILD_TARGET").is_some() || has_targets(doc) {
        return false;
    }
    let cargo = platform::parent_process().filter(|parent| parent.program == "cargo");
    let words = cargo.and_then(|cargo| platform::command_of(cargo.id));
    words.is_some_and(|(words, _)| documents_members(&words))
}

/// Whether a command line of cargo is `cargo doc` for members of the workspace.
fn documents_members(words: &[OsString]) -> bool {
    let words = words.iter().skip(1).map(|word| word.to_str()).collect::<Option<Vec<_>>>();
    let mut words = words.unwrap_or_default().into_iter().skip_while(|word| word.starts_with('+'));
    let mut is_doc = false;
    while let Some(word) = words.next() {
        let is_joined = || WITH_VALUE.iter().any(|name| is_joined(word, name));
        match word {
            "doc" | "d" if !is_doc => is_doc = true,
            _ if ALONE.contains(&word) => {}
            _ if WITH_VALUE.contains(&word) && words.next().is_some() => {}
            _ if is_joined() => {}
            _ => return false,
        }
    }
    is_doc
}

/// `--name=value`, or `-nvalue`.
fn is_joined(word: &str, name: &str) -> bool {
    let value = word.strip_prefix(name).unwrap_or_default();
    value.starts_with('=') || name.len() == 2 && !value.is_empty()
}

/// Whether the target directory has directories of other targets. cargo makes them before it starts a compiler, for
/// `build.target` of a configuration file too.
fn has_targets(doc: &Path) -> bool {
    let is_target = |dir: &Path| {
        let profiles = fs::read_dir(dir).into_iter().flatten().flatten();
        profiles.into_iter().any(|profile| profile.path().join(".cargo-lock").exists())
    };
    let dirs = doc.parent().and_then(|target| fs::read_dir(target).ok()).into_iter().flatten().flatten();
    dirs.into_iter().map(|dir| dir.path()).any(|dir| dir != doc && is_target(&dir))
}

/// Makes sure that a process adds the crates that wait when cargo has ended. `side` is where it locks, and `args` say to it which
/// directory it is about. The caller holds the lock of the directory.
pub(super) fn has_finisher(side: &Path, args: &[OsString]) -> bool {
    let Ok(hold) = File::create(side.join(FINISHER)) else { return false };
    hold.try_lock().is_err() || start(side, args, hold).is_some()
}

/// Starts the finisher. Its standard input tells the end of cargo, and its standard error is the lock that it holds.
fn start(side: &Path, args: &[OsString], hold: File) -> Option<()> {
    let cargo = platform::parent_process()?;
    let end = platform::end_of(cargo.id, |found| found == cargo)?;
    let mut finisher = process::Command::new(std::env::current_exe().ok()?);
    finisher.arg(FINISHER).args(args).current_dir(side).env_remove(PRELOAD_VARIABLE);
    platform::detach_with(&mut finisher, true, end.into(), hold.into()).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_command_line_without_packages_documents_members() {
        let documents = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            documents_members(&words)
        };
        for line in [
            "cargo doc",
            "cargo d",
            "/usr/bin/cargo +nightly doc --offline -j 4",
            "cargo --offline doc --features=a,b -j4 --no-deps",
            "cargo doc --workspace --target-dir t --features a",
        ] {
            assert!(documents(line), "{line}");
        }
        for line in [
            "cargo doc -p libc",
            "cargo doc -plibc",
            "cargo doc --package=libc",
            "cargo doc -vp libc",
            "cargo doc --target wasm32-unknown-unknown",
            "cargo doc --features",
            "cargo doc --keep-going",
            "cargo rustdoc",
            "cargo documentation",
            "cargo build",
            "cargo",
            "cargo doc doc",
        ] {
            assert!(!documents(line), "{line}");
        }
    }
}
