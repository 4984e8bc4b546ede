//! Finds the repository of the harness: the workloads, the results and kache.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The nearest parent directory with `workloads/` and `Cargo.toml`, starting at the harness's package if
/// cargo runs it, else at the working directory.
pub fn find() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    let found = [package, here].into_iter().flatten().find_map(|start| upwards(&start));
    found.ok_or_else(|| {
        Error::input(
            "this is not inside kache's repository: no directory upwards has `workloads/` and `Cargo.toml`",
        )
        .remedy("run it inside the repository, or set --workloads, --kache and --results")
    })
}

/// A cargo without the variables of the cargo that runs us. Build scripts that read them (ring's) would run
/// again, with everything that depends on them, at each change between the two.
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| text.starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn upwards(start: &Path) -> Option<PathBuf> {
    let is_it = |dir: &&Path| dir.join("workloads").is_dir() && dir.join("Cargo.toml").is_file();
    start.ancestors().find(is_it).map(Path::to_path_buf)
}
