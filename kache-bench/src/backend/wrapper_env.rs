//! Puts a program in front of compilers: by the variables that build systems read, or by compiler names early
//! on the search path.

use super::plain::NO_WRAPPERS;
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::platform;
use crate::workload::{CcWiring, Wiring};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Names of C and C++ compilers.
const COMPILERS: &[&str] = &["cc", "c++", "gcc", "g++", "clang", "clang++"];

pub(super) type Variable = (OsString, OsString);

/// Creates compiler names in a directory for a program: [`links`] or [`scripts`].
pub(super) type MakeShims = fn(&Path, &Environment, &Path) -> Result<()>;

/// The variables that put `program` in front of the compilers of a workload.
pub(super) fn compilers(
    program: &Path,
    wiring: Wiring,
    environment: &Environment,
    cache: &Path,
    make_shims: MakeShims,
) -> Result<Vec<Variable>> {
    let mut all = rustc(wiring.rustc.then_some(program));
    let Some(wiring) = wiring.cc else { return Ok(all) };
    all.extend(cc(program, wiring));
    if wiring == CcWiring::Shims {
        let dir = cache.join("shims");
        make_shims(program, environment, &dir)?;
        all.push(("PATH".into(), before_path(environment, &dir)?));
    }
    Ok(all)
}

/// Sets `RUSTC_WRAPPER` to the given program, or to none.
pub(super) fn rustc(program: Option<&Path>) -> Vec<Variable> {
    let mut all: Vec<Variable> = NO_WRAPPERS.iter().map(|(n, v)| (n.into(), v.into())).collect();
    all.extend(program.map(|program| ("RUSTC_WRAPPER".into(), program.into())));
    all
}

/// `program` in front of C compilers, for build systems that take a command; empty for [`CcWiring::Shims`].
pub(super) fn cc(program: &Path, wiring: CcWiring) -> Vec<Variable> {
    match wiring {
        CcWiring::Environment | CcWiring::Run => {
            let before = |compiler: &str| [program.as_os_str(), OsStr::new(compiler)].join(OsStr::new(" "));
            vec![("CC".into(), before("cc")), ("CXX".into(), before("c++"))]
        }
        CcWiring::Launcher => ["C", "CXX"]
            .map(|language| (format!("CMAKE_{language}_COMPILER_LAUNCHER").into(), program.into()))
            .into(),
        CcWiring::Shims => Vec::new(),
    }
}

/// The search path with `dir` first.
pub(super) fn before_path(environment: &Environment, dir: &Path) -> Result<OsString> {
    let path = environment.get("PATH").unwrap_or_default();
    let parts = std::iter::once(dir.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(parts).map_err(|e| {
        Error::input(format!("the scratch directory cannot be on PATH: {e}"))
            .at(dir.display())
            .remedy("use --dir with a path without `:`")
    })
}

/// Links to `program` in `dir` under the name of every installed compiler, for a program that identifies the
/// compiler by its own name.
pub(super) fn links(program: &Path, environment: &Environment, dir: &Path) -> Result<()> {
    for (name, _) in installed_compilers(environment, dir)? {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            platform::link(program, &link).map_err(Error::io("make the link", &link))?;
        }
    }
    Ok(())
}

/// Scripts in `dir` under the name of every installed compiler, for a program that takes the compiler as
/// argument. Each call costs an additional shell.
pub(super) fn scripts(program: &Path, environment: &Environment, dir: &Path) -> Result<()> {
    for (name, compiler) in installed_compilers(environment, dir)? {
        files::write_script(
            &dir.join(name),
            &format!("exec '{}' '{}' \"$@\"", program.display(), compiler.display()),
        )?;
    }
    Ok(())
}

/// Compilers on the search path outside `dir`, which is created.
fn installed_compilers(environment: &Environment, dir: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    files::create_dir(dir)?;
    let path = environment.get("PATH").unwrap_or_default();
    let places: Vec<_> = std::env::split_paths(&path).filter(|place| place != dir).collect();
    let find = |name: &&'static str| {
        let mut candidates = places.iter().map(|place| place.join(name));
        Some((*name, candidates.find(|file| file.is_file())?))
    };
    Ok(COMPILERS.iter().filter_map(find).collect())
}
