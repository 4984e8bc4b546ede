//! Whether cargo would start kache, seen from the working directory: what cargo reads, in the order in which it does.

use super::Check;
use crate::cli::output::CliError;
use kache_core::eval::find_program;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use std::path::{Path, PathBuf};

const NAME: &str = "cargo";
const REMEDY: &str = "`kache init`, or for one shell: export RUSTC_WRAPPER=kache";
/// `kache init` leaves a wrapper that is set alone.
const OTHER: &str = "take that out and run `kache init`, or for one shell: export RUSTC_WRAPPER=kache";

/// A wrapper and where it is named.
struct Named {
    value: String,
    place: String,
    /// What a relative path is meant from.
    base: PathBuf,
}

/// The check.
pub fn check() -> Result<Check, CliError> {
    let cwd = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("cannot find the working directory: {e}")))?;
    let named = match named(&cwd) {
        Ok(named) => named,
        Err((file, e)) => {
            return Ok(Check::problem(
                NAME,
                format!("{}: {e}", file.display()),
                "mend the file: cargo cannot read it either",
            ));
        }
    };
    Ok(named.map_or_else(
        || Check::problem(NAME, "nothing makes cargo use kache from here", REMEDY),
        |named| judge(&named),
    ))
}

fn judge(named: &Named) -> Check {
    let Named { value, place, base } = named;
    if value.is_empty() {
        return Check::problem(NAME, format!("{place} is empty, which turns any wrapper off"), OTHER);
    }
    let found = if value.contains('/') {
        Some(absolute(base, Path::new(value))).filter(|p| p.is_file())
    } else {
        find_program(value.as_ref(), &Roots::default())
    };
    let Some(found) = found else {
        return Check::problem(
            NAME,
            format!("{place} names `{value}`, which is not found"),
            "give its full path, or put its directory into PATH",
        );
    };
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if std::env::current_exe().is_ok_and(|me| same(&me, &found)) {
        return Check::ok(NAME, format!("{place} leads to this kache"));
    }
    if found.file_stem().is_some_and(|n| n == "kache") {
        return Check::note(
            NAME,
            format!("{place} leads to another kache: {}", found.display()),
            "run that one's doctor, or name this one",
        );
    }
    Check::problem(NAME, format!("{place} names another wrapper: {}", found.display()), OTHER)
}

/// The wrapper that counts: the environment's, else that of the nearest configuration file.
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

/// Whether dependencies are compiled incrementally, which starts from state that no key can hold.
pub fn incremental() -> Check {
    const NAME: &str = "incremental";
    let on = |value: &str| matches!(value.trim(), "1" | "true");
    match std::env::var("CARGO_INCREMENTAL") {
        Ok(value) if on(&value) => Check::note(
            NAME,
            "CARGO_INCREMENTAL is on, for dependencies too: a compile that begins with earlier state is not stored",
            "unset CARGO_INCREMENTAL; in CI set it to 0",
        ),
        Ok(_) => Check::ok(NAME, "off by CARGO_INCREMENTAL: every compile can be stored"),
        Err(_) if std::env::var_os("CI").is_some() => Check::note(
            NAME,
            "as cargo sets it: on for workspace members, and CI throws that state away",
            "set CARGO_INCREMENTAL=0 in CI",
        ),
        Err(_) => Check::ok(
            NAME,
            "as cargo sets it: a workspace member that is compiled again from earlier state is not stored, from scratch it is",
        ),
    }
}

fn in_directory(dir: &Path) -> Result<Option<Named>, (PathBuf, String)> {
    // Where both are there, cargo reads the one without an extension.
    for file in [dir.join("config"), dir.join("config.toml")] {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if kache_core::platform::is_absent(&e) => continue,
            Err(e) => return Err((file, e.to_string())),
        };
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| (file.clone(), e.message().to_string()))?;
        let value = table.get("build").and_then(|b| b.get("rustc-wrapper")).and_then(toml::Value::as_str);
        // Paths in a configuration file are meant from the directory that holds its `.cargo`.
        let base = dir.parent().unwrap_or(dir).to_path_buf();
        return Ok(value.map(|value| Named {
            value: value.to_string(),
            place: format!("build.rustc-wrapper in {}", file.display()),
            base,
        }));
    }
    Ok(None)
}
