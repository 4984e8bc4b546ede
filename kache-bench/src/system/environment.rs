//! The part of the caller's environment that a build sees.
//!
//! This is a list of variables that are *kept*: the caller's `RUSTFLAGS`, `CARGO_TARGET_DIR`,
//! `RUSTC_WRAPPER`, `KACHE_*` and everything that `cargo run` sets (`CARGO_PKG_*`, `LD_LIBRARY_PATH`,
//! `RUSTUP_TOOLCHAIN`) must not reach a build whose keys are compared, and new variables of this kind appear
//! every year.

use crate::system::platform;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Names that are kept, with reasons.
const KEPT: &[(&str, &str)] = &[
    ("to find programs, the user's files and a place for temporary ones", "PATH HOME TMPDIR USER LOGNAME"),
    ("the language of diagnostics", "LANG LANGUAGE TZ"),
    ("both clones share the registry and the toolchains", "CARGO_HOME RUSTUP_HOME"),
    (
        "rustup's own behaviour; not RUSTUP_TOOLCHAIN, which `cargo run` sets",
        "RUSTUP_AUTO_INSTALL RUSTUP_DIST_SERVER",
    ),
    (
        "access to the registry, as the caller has",
        "http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY SSL_CERT_FILE \
         SSL_CERT_DIR",
    ),
    (
        "required by Windows to start programs and to find the user's files",
        "APPDATA COMSPEC LOCALAPPDATA PATHEXT SYSTEMDRIVE SYSTEMROOT TEMP TMP USERPROFILE WINDIR",
    ),
];

/// Prefixes of names that are kept, with reasons.
const KEPT_PREFIXES: &[(&str, &str)] = &[
    ("the language of diagnostics", "LC_"),
    (
        "access to the registry, as the caller has",
        "CARGO_HTTP_ CARGO_NET_ CARGO_REGISTRY_ CARGO_REGISTRIES_ CARGO_SOURCE_",
    ),
    ("where system libraries are found", "PKG_CONFIG"),
    ("which Windows it is, under Wine", "WINE"),
];

/// The environment of one build: the kept part of the caller's, and the variables set in addition.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    values: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The kept part of the caller's environment.
    pub fn of_caller() -> Environment {
        Environment::filtered(std::env::vars_os())
    }

    fn filtered(all: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let kept =
            all.into_iter().filter_map(|(name, value)| Some((platform::variable(name.to_str()?), value)));
        let kept = kept.filter(|(name, _)| is_kept(name));
        Environment { values: kept.map(|(name, value)| (name.into(), value)).collect() }
    }

    /// Sets all variables of `more`.
    pub fn with_all(mut self, more: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        self.values.extend(more);
        self
    }

    pub fn get(&self, name: &str) -> Option<OsString> {
        self.values.get(OsStr::new(name)).cloned()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.values.iter()
    }
}

fn is_kept(name: &str) -> bool {
    KEPT.iter().any(|(_, names)| names.split(' ').any(|kept| kept == name))
        || KEPT_PREFIXES.iter().any(|(_, starts)| starts.split(' ').any(|start| name.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_bend_the_build_is_dropped() {
        let names = [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "LC_ALL",
            "RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "RUSTC_WRAPPER",
            "KACHE_CACHE_DIR",
            "LD_LIBRARY_PATH",
            "RUSTUP_TOOLCHAIN",
            "CARGO_MANIFEST_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET_DIR",
        ];
        let environment = Environment::filtered(names.map(|n| (n.into(), "x".into())));
        let kept: Vec<_> = environment.iter().map(|(n, _)| n.to_str().unwrap().to_owned()).collect();
        assert_eq!(kept, ["CARGO_HOME", "HOME", "LC_ALL", "PATH"]);
    }
}
