//! The directory that one run of the harness lives in.
//!
//! Clones, caches and logs are all below one root, so that removing the root removes everything. The two
//! checkouts differ in length *and* in depth: a key that counts bytes or components of a path must not agree
//! by accident. After a failure the logs stay; everything else goes, because a large workload leaves gigabytes.

use crate::trouble::{Result, Trouble};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

/// What is left behind at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Nothing.
    Nothing,
    /// Only `logs/`: a build failed and its log was named to the user.
    Logs,
    /// All of it (`--keep`).
    Everything,
}

/// The run's own directory; dropped, it removes what is not to be left.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    leave: Cell<Leave>,
}

impl Scratch {
    /// Makes a fresh directory below `parent` (the system's temporary directory if none is given).
    pub fn create(parent: Option<&Path>, workload: &str, keep: bool) -> Result<Scratch> {
        let parent = parent.map(Path::to_path_buf).unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&parent).map_err(Trouble::io("create the scratch directory", &parent))?;
        // Resolved once: compilers report resolved paths, and the two spellings must not be taken for two places.
        let parent = parent.canonicalize().map_err(Trouble::io("resolve the scratch directory", &parent))?;
        let root = tempfile::Builder::new()
            .prefix(&format!("kache-bench-{workload}-"))
            .tempdir_in(&parent)
            .map_err(Trouble::io("create a scratch directory in", &parent))?
            .keep();
        let leave = Cell::new(if keep { Leave::Everything } else { Leave::Nothing });
        let scratch = Scratch { root, leave };
        let logs = scratch.logs();
        fs::create_dir_all(&logs).map_err(Trouble::io("create", &logs))?;
        Ok(scratch)
    }

    /// The root of it all.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The one repository that both checkouts are cloned from.
    pub fn repository(&self) -> PathBuf {
        self.root.join("source")
    }

    /// The repository at an earlier revision.
    pub fn earlier_repository(&self) -> PathBuf {
        self.root.join("earlier-source")
    }

    /// Where the first clone goes.
    pub fn checkout_a(&self) -> PathBuf {
        self.root.join("a/src")
    }

    /// Where the second clone goes: longer and deeper than the first.
    pub fn checkout_b(&self) -> PathBuf {
        self.root.join("b/much/deeper/second-checkout/src")
    }

    /// Where the second clone is moved to, restored build and all, before its place is built in without hits.
    pub fn restored(&self) -> PathBuf {
        self.root.join("restored")
    }

    /// The cache that both clones share.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The cache that the verifying build throws away.
    pub fn verify_cache(&self) -> PathBuf {
        self.root.join("verify-cache")
    }

    /// Where each step's output goes.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Keeps at least the logs: something failed that they explain.
    pub fn keep_logs(&self) {
        if self.leave.get() == Leave::Nothing {
            self.leave.set(Leave::Logs);
        }
    }

    /// Whether nothing is to be removed.
    pub fn keeps_everything(&self) -> bool {
        self.leave.get() == Leave::Everything
    }

    /// What will be left, for telling the user.
    pub fn leaves(&self) -> Leave {
        self.leave.get()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Trouble in removing is no reason to hide the result of the run: the system's temporary directory
        // is swept some day.
        match self.leave.get() {
            Leave::Everything => {}
            Leave::Nothing => drop(fs::remove_dir_all(&self.root)),
            Leave::Logs => {
                for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
                    if entry.file_name() != "logs" {
                        drop(fs::remove_dir_all(entry.path()));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_away_but_for_what_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(Some(parent.path()), "w", false).unwrap();
        let root = scratch.root().to_path_buf();
        drop(scratch);
        assert!(!root.exists());

        let scratch = Scratch::create(Some(parent.path()), "w", false).unwrap();
        fs::create_dir_all(scratch.checkout_a()).unwrap();
        scratch.keep_logs();
        let (logs, a) = (scratch.logs(), scratch.checkout_a());
        drop(scratch);
        assert!(logs.exists() && !a.exists());
    }

    #[test]
    fn checkouts_differ_in_length_and_depth() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(Some(parent.path()), "w", false).unwrap();
        let (a, b) = (scratch.checkout_a(), scratch.checkout_b());
        assert_ne!(a.as_os_str().len(), b.as_os_str().len());
        assert_ne!(a.components().count(), b.components().count());
    }
}
