//! Where the harness finds what it belongs to: the repository with the workloads, the results and kache itself.

use crate::trouble::{Result, Trouble};
use std::path::{Path, PathBuf};

/// The repository: the nearest directory upwards with `workloads/` and `Cargo.toml`, from the harness's own
/// package when cargo runs it (cargo says where that is), else from the working directory.
pub fn find() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    let found = [package, here].into_iter().flatten().find_map(|start| upwards(&start));
    found.ok_or_else(|| {
        Trouble::input(
            "this is not inside kache's repository: no directory upwards has `workloads/` and `Cargo.toml`",
        )
        .remedy("run it inside the repository, or give --workloads, --kache and --results")
    })
}

fn upwards(start: &Path) -> Option<PathBuf> {
    let is_it = |dir: &&Path| dir.join("workloads").is_dir() && dir.join("Cargo.toml").is_file();
    start.ancestors().find(is_it).map(Path::to_path_buf)
}
