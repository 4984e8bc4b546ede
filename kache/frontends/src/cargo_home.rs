//! Cargo's home. A package below it belongs to no checkout: it is built for the checkout that has the target directory.

use kache_core::{paths::absolute, platform};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

pub(crate) struct CargoHome {
    /// As it is spelled in the environment.
    pub dir: PathBuf,
    /// Where the packages are without links.
    real: OnceCell<Vec<PathBuf>>,
}

impl CargoHome {
    /// `CARGO_HOME`, relative to a working directory, else `.cargo` in the user's home.
    pub fn find(cwd: &Path) -> Option<CargoHome> {
        let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let dir = named.or_else(|| Some(platform::home()?.join(".cargo")))?;
        Some(CargoHome::at(absolute(cwd, &dir)))
    }

    fn at(dir: PathBuf) -> CargoHome {
        CargoHome { dir, real: OnceCell::new() }
    }

    /// Whether a directory is in cargo's home. The kernel names a working directory without links, and the home or its
    /// registry may be one, as where containers share a registry.
    pub fn contains(&self, dir: &Path) -> bool {
        let sources =
            || ["registry", "git"].iter().filter_map(|name| self.dir.join(name).canonicalize().ok());
        dir.starts_with(&self.dir)
            || self.real.get_or_init(|| sources().collect()).iter().any(|real| dir.starts_with(real))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn packages_behind_a_link_are_in_the_home() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().canonicalize().unwrap();
        for name in ["shared/src/index/package", "home/git", "w/src"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        symlink(dir.join("shared"), dir.join("home/registry")).unwrap();
        symlink(dir.join("home"), dir.join("linked")).unwrap();
        for home in ["home", "linked"].map(|name| CargoHome::at(dir.join(name))) {
            for name in ["shared/src/index/package", "home/git/checkouts/package"] {
                assert!(home.contains(&dir.join(name)), "{name}");
            }
            assert!(!home.contains(&dir.join("w/src")) && !home.contains(&dir));
        }
        assert!(!CargoHome::at(dir.join("none")).contains(&dir.join("w")));
    }
}
