//! Tools that a test needs and a machine may lack.

use std::path::Path;

/// Whether a program is installed, by its name or its path. Where it is not, the caller leaves its test out: in CI, which sets
/// `KACHE_REQUIRE_TOOLS=1`, that is a failure.
pub fn require_tool(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    found || Path::new(program).is_absolute() && Path::new(program).is_file() || {
        missing(program, &format!("install the package {package}"))
    }
}

/// Reports that something is missing, with a remedy. Returns false, or fails where everything must be there.
#[track_caller]
pub fn missing(what: &str, remedy: &str) -> bool {
    let required = std::env::var_os("KACHE_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{what} is missing: {remedy}");
    eprintln!("left out: {what} is missing ({remedy})");
    false
}
