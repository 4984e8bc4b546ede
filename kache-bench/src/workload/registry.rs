//! Sources of packages on crates.io, fetched by cargo.
//!
//! `cargo info` is used rather than the registry, so that mirrors, proxies and the local registry cache work
//! as in every build. Unlike `cargo fetch` in a temporary project it fetches only the one package; its own
//! `Cargo.lock` then selects the dependencies.

use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fetches `name` at exactly `version` and returns its unpacked directory.
pub(super) fn fetch(name: &str, version: &str, work: &Path) -> Result<PathBuf> {
    if let Some(found) = unpacked(name, version)? {
        return Ok(found);
    }
    // Outside of any project: inside one, `cargo info` would describe the project's member.
    let mut command = Command::new("cargo");
    command
        .args(["info", "--quiet", "--registry", "crates-io", &format!("{name}@{version}")])
        .current_dir(work)
        .env_clear()
        .envs(Environment::of_caller().iter());
    let output = child::output(&mut command, &mut || {}).map_err(|e| {
        Error::input(format!("cannot run cargo: {e}")).remedy("install Rust: https://rustup.rs")
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Error::input(format!("cargo cannot fetch {name} {version}\n    {}", why.trim()))
            .at(format!("crates.io package `{name}`"))
            .remedy("check name and version in [source], and that the registry can be reached"));
    }
    unpacked(name, version)?.ok_or_else(|| {
        Error::run(format!("cargo fetched {name} {version}, but it is not in its registry directory"))
            .at(cargo_home().map_or_else(|e| e.to_string(), |home| home.display().to_string()))
            .remedy("set CARGO_HOME to the directory that cargo uses")
    })
}

fn unpacked(name: &str, version: &str) -> Result<Option<PathBuf>> {
    let registries = cargo_home()?.join("registry/src");
    let dirs = std::fs::read_dir(&registries).into_iter().flatten().flatten();
    let mut candidates: Vec<_> = dirs.map(|dir| dir.path().join(format!("{name}-{version}"))).collect();
    candidates.sort();
    // Cargo writes `.cargo-ok` last: without it the unpacking was interrupted.
    Ok(candidates.into_iter().find(|dir| dir.join(".cargo-ok").is_file()))
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    let home = std::env::home_dir().ok_or_else(|| {
        Error::input("neither CARGO_HOME nor HOME is set").remedy("set CARGO_HOME to cargo's directory")
    })?;
    Ok(home.join(".cargo"))
}
