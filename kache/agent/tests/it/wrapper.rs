//! The wrapper, which another package builds. It starts the agent beside itself, so it must be in the agent's directory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The program `kache` beside the agent. A `cargo test` of the workspace has just built it; otherwise this builds it.
pub fn kache() -> &'static Path {
    static KACHE: OnceLock<PathBuf> = OnceLock::new();
    KACHE.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_kache-agent")).with_file_name("kache");
        let profile_dir = program.parent().unwrap();
        // Each test may be a process: one of them builds, and the others wait.
        let lock = File::create(profile_dir.join(".kache-for-agent-tests.lock")).unwrap();
        lock.lock().unwrap();
        if !is_up_to_date(&program, &Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
            build(profile_dir);
        }
        assert!(program.is_file(), "cargo did not build {}", program.display());
        program
    })
}

/// Where the sources of the wrapper are, below the directory of its package. cargo lists them only for programs that it was
/// asked for by name, not for those that tests need.
const SOURCES: &[&str] = &["Cargo.toml", "build.rs", "src", "core", "frontends", "report"];

/// Whether a program is as new as its sources.
fn is_up_to_date(program: &Path, package: &Path) -> bool {
    let Ok(built) = program.metadata().and_then(|m| m.modified()) else { return false };
    SOURCES.iter().all(|source| is_older(&package.join(source), built))
}

/// Whether all files at a path were last modified at a time or before. Tests are no sources of a program.
fn is_older(path: &Path, time: SystemTime) -> bool {
    if !path.is_dir() {
        return path.metadata().and_then(|m| m.modified()).is_ok_and(|at| at <= time);
    }
    let mut entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.all(|entry| entry.file_name() == "tests" || is_older(&entry.path(), time))
}

fn build(profile_dir: &Path) {
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} is not a profile's directory", profile_dir.display()),
    };
    let mut cargo = Command::new(env!("CARGO"));
    // Build scripts that depend on these variables of the test would run again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo.args(["build", "--package", "kache", "--bin", "kache", "--profile", profile, "--target-dir"]);
    cargo.arg(profile_dir.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_older_than_a_source_is_out_of_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, seconds: u64| {
        std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        std::fs::write(path(name), "").unwrap();
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::options().write(true).open(path(name)).unwrap().set_modified(at).unwrap();
    };
    let is_current = || is_up_to_date(&path("program"), dir.path());
    for source in
        ["Cargo.toml", "build.rs", "src/a/b.rs", "core/src/c.c", "frontends/src/d.rs", "report/e.rs"]
    {
        write(source, 1000);
    }
    assert!(!is_current(), "without the program");
    write("program", 1000);
    assert!(is_current());
    for newer in ["src/a/b.rs", "core/src/c.c", "Cargo.toml"] {
        write(newer, 1001);
        assert!(!is_current(), "{newer} is newer");
        write(newer, 1000);
    }
    write("core/tests/it/main.rs", 1001);
    assert!(is_current(), "a test is no source");
    std::fs::remove_file(path("build.rs")).unwrap();
    assert!(!is_current(), "without a source");
}
