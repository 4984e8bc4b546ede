//! Whether cargo starts kache in the working directory, by the files and variables that cargo reads, in cargo's order.

use super::Check;
use crate::cli::output::{CliError, cwd};
use kache_core::eval::find_program;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use std::path::{Path, PathBuf};

const NAME: &str = "cargo";
const REMEDY: &str = "`kache init`, or for one shell: export RUSTC_WRAPPER=kache";
/// `kache init` does not replace a wrapper that is set.
const OTHER: &str = "remove that setting and run `kache init`, or for one shell: export RUSTC_WRAPPER=kache";

/// A wrapper, and the setting that names it.
struct Named {
    value: String,
    place: String,
    /// The directory that a relative path starts from.
    base: PathBuf,
}

pub fn check() -> Result<Check, CliError> {
    Ok(match named(&cwd()?) {
        Ok(Some(named)) => judge(&named),
        Ok(None) => Check::problem(NAME, "nothing makes cargo use kache here", REMEDY),
        Err((file, e)) => {
            let found = format!("{}: {e}", file.display());
            Check::problem(NAME, found, "correct the file: cargo cannot read it either")
        }
    })
}

fn judge(named: &Named) -> Check {
    let Named { value, place, base } = named;
    if value.is_empty() {
        return Check::problem(NAME, format!("{place} is empty, which turns any wrapper off"), OTHER);
    }
    let program = match value.contains('/') {
        true => Some(absolute(base, Path::new(value))).filter(|p| p.is_file()),
        false => find_program(value.as_ref(), &Roots::default()),
    };
    let Some(program) = program else {
        let found = format!("{place} names `{value}`, which does not exist");
        return Check::problem(NAME, found, "give its full path, or add its directory to PATH");
    };
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if std::env::current_exe().is_ok_and(|me| same(&me, &program)) {
        return Check::ok(NAME, format!("{place} leads to this kache"));
    }
    if program.file_stem().is_some_and(|n| n == "kache") {
        let found = format!("{place} leads to another kache: {}", program.display());
        return Check::note(NAME, found, "run the doctor of that kache, or name this one");
    }
    Check::problem(NAME, format!("{place} names another wrapper: {}", program.display()), OTHER)
}

/// The wrapper that cargo uses: that of the environment, else that of the nearest configuration file.
fn named(cwd: &Path) -> Result<Option<Named>, (PathBuf, String)> {
    for var in ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"] {
        if let Ok(value) = std::env::var(var) {
            return Ok(Some(Named { value, place: var.to_string(), base: cwd.to_path_buf() }));
        }
    }
    for dir in cwd.ancestors().map(|d| d.join(".cargo")).chain(home()) {
        if let Some(named) = in_directory(&dir)? {
            return Ok(Some(named));
        }
    }
    Ok(None)
}

fn home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(platform::home()?.join(".cargo")))
}

/// Whether cargo compiles incrementally: a compile from earlier state is not stored, since no key can contain the state.
pub fn incremental() -> Check {
    const NAME: &str = "incremental";
    match std::env::var("CARGO_INCREMENTAL") {
        Ok(value) if matches!(value.trim(), "1" | "true") => Check::note(
            NAME,
            "CARGO_INCREMENTAL is on, also for dependencies: a compile from earlier state is not stored",
            "unset CARGO_INCREMENTAL; in CI set it to 0",
        ),
        Ok(_) => Check::ok(NAME, "off by CARGO_INCREMENTAL: every compile can be stored"),
        Err(_) if std::env::var_os("CI").is_some() => Check::note(
            NAME,
            "by cargo's default on for workspace members, and CI discards the state",
            "set CARGO_INCREMENTAL=0 in CI",
        ),
        Err(_) => Check::ok(
            NAME,
            "by cargo's default: a workspace member compiled from scratch is stored, one compiled from earlier state is not",
        ),
    }
}

fn in_directory(dir: &Path) -> Result<Option<Named>, (PathBuf, String)> {
    // If both exist, cargo reads the file without an extension.
    for file in [dir.join("config"), dir.join("config.toml")] {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if platform::is_absent(&e) => continue,
            Err(e) => return Err((file, e.to_string())),
        };
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| (file.clone(), e.message().to_string()))?;
        let value = table.get("build").and_then(|b| b.get("rustc-wrapper")).and_then(toml::Value::as_str);
        // Relative paths in a configuration file start from the directory that contains `.cargo`.
        let base = dir.parent().unwrap_or(dir).to_path_buf();
        let place = format!("build.rustc-wrapper in {}", file.display());
        return Ok(value.map(|value| Named { value: value.to_string(), place, base }));
    }
    Ok(None)
}
