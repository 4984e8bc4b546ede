//! Other compiler wrappers, and the job server of make, in the environment.

use super::Check;
use kache_core::eval::find_program;
use kache_core::paths::Roots;
use std::path::{Path, PathBuf};

/// Programs that stand between a build and its compilers.
const OTHERS: &[&str] = &[
    "buildcache",
    "cachepot",
    "ccache",
    "clcache",
    "distcc",
    "f90cache",
    "fastbuild",
    "icecc",
    "mbx",
    "sccache",
];
/// Variables that name a compiler, with or without a wrapper before it.
const COMPILERS: &[&str] = &[
    "CC",
    "CXX",
    "HOSTCC",
    "CCACHE_PREFIX",
    "CMAKE_C_COMPILER_LAUNCHER",
    "CMAKE_CXX_COMPILER_LAUNCHER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
];

/// Each variable and each compiler in `PATH` that leads to another wrapper.
pub fn check() -> Vec<Check> {
    const NAME: &str = "wrappers";
    let by_variable = COMPILERS.iter().filter_map(|variable| {
        let value = std::env::var(variable).ok()?;
        let other = value.split_whitespace().find_map(|word| other(Path::new(word)))?;
        Some((
            format!("{variable} is `{value}`, which starts {other}"),
            format!("take {other} out of {variable}"),
        ))
    });
    let by_path = ["cc", "c++", "gcc", "g++", "clang", "clang++"].iter().filter_map(|name| {
        let found = find_program(name.as_ref(), &Roots::default())?;
        let other = other(&found.canonicalize().ok()?)?;
        let directory = found.parent()?.display().to_string();
        let says = format!("`{name}` in PATH is {}, a link to {other}", found.display());
        Some((says, format!("remove {directory} from PATH, or name the compiler by its full path")))
    });
    let found: Vec<(String, String)> = by_variable.chain(by_path).collect();
    let note = |(found, how): (String, String)| {
        let why = "two caches store every result twice, and kache cannot observe what a cache restores";
        Check::note(NAME, format!("{found}: {why}"), how)
    };
    found.into_iter().map(note).collect()
}

fn other(program: &Path) -> Option<&'static str> {
    let name = program.file_stem()?.to_str()?;
    OTHERS.iter().copied().find(|other| *other == name)
}

/// Whether the job server that make announces can be reached.
pub fn job_server() -> Option<Check> {
    const NAME: &str = "jobserver";
    let flags = ["CARGO_MAKEFLAGS", "MAKEFLAGS"].iter().find_map(|name| std::env::var(name).ok())?;
    let server = flags.split_whitespace().find_map(|flag| {
        flag.strip_prefix("--jobserver-auth=").or_else(|| flag.strip_prefix("--jobserver-fds="))
    })?;
    let is_reached = match server.strip_prefix("fifo:") {
        Some(path) => Path::new(path).exists(),
        None => server.split(',').all(|fd| PathBuf::from(format!("/proc/self/fd/{fd}")).exists()),
    };
    if is_reached {
        return Some(Check::ok(NAME, format!("make's job server ({server}) can be reached")));
    }
    let found = format!(
        "MAKEFLAGS names a job server ({server}) that is not open here: cargo and linkers run without it"
    );
    let remedy =
        "put `+` before the command in the makefile, or use GNU make 4.4, whose job server is a named pipe";
    Some(Check::note(NAME, found, remedy))
}
