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
        if !is_up_to_date(&program) {
            build(profile_dir);
        }
        assert!(program.is_file(), "cargo did not build {}", program.display());
        program
    })
}

/// Whether a program is newer than its sources, by the list that cargo writes beside each program.
fn is_up_to_date(program: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let list = std::fs::read_to_string(program.with_extension("d"));
    let (Some(built), Ok(list)) = (modified(program), list) else { return false };
    sources(&list).iter().all(|source| modified(source).is_some_and(|at: SystemTime| at <= built))
}

/// The paths after the colon of a dep-info file, in which a backslash escapes a space.
fn sources(list: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = list.lines().next().unwrap_or_default().split_once(": ") else {
        return Vec::new();
    };
    let sources = sources.replace("\\ ", "\0");
    sources.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " "))).collect()
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
fn sources_may_have_spaces_in_their_names() {
    let list = "/t/debug/kache: /s/a.rs /s/with\\ space/b.rs\n";
    assert_eq!(sources(list), [Path::new("/s/a.rs"), Path::new("/s/with space/b.rs")]);
}

#[test]
fn a_program_older_than_a_source_is_out_of_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, seconds: u64| {
        std::fs::write(path(name), "").unwrap();
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::open(path(name)).unwrap().set_modified(at).unwrap();
    };
    write("source.rs", 1000);
    write("program", 1000);
    assert!(!is_up_to_date(&path("program")), "without a list of sources");
    std::fs::write(path("program.d"), format!("program: {}\n", path("source.rs").display())).unwrap();
    assert!(is_up_to_date(&path("program")));
    write("source.rs", 1001);
    assert!(!is_up_to_date(&path("program")), "with a newer source");
    std::fs::remove_file(path("source.rs")).unwrap();
    assert!(!is_up_to_date(&path("program")), "without its source");
}
