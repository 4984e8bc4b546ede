//! The directory of one run.
//!
//! Clones, caches and logs have one root, so that removing the root removes everything. The three checkouts
//! differ in length, in depth *and* in their last names, so that a key that counts bytes or components of a
//! path cannot agree by accident, and two of them can confirm the result of a build script for the third. After a failure or an interruption the logs are kept, and always if the user names a directory
//! for them. Everything else is removed, since large workloads leave gigabytes.

use crate::error::{Error, Result};
use clap::Args;
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Args)]
pub struct ScratchOptions {
    /// Directory of clones, caches and logs [default: the system's temporary directory]
    #[arg(long, value_name = "SCRATCH")]
    dir: Option<PathBuf>,
    /// Write the logs to a directory of the run in here, and always keep them [default: kept after failures]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Keep clones, cache and logs
    #[arg(long)]
    keep: bool,
}

/// What is kept at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Only `logs/`: a build failed and its log was named to the user.
    Logs,
    /// All of it (`--keep`).
    Everything,
}

/// The run's directory; dropping it removes what is not kept.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    logs: PathBuf,
    keep: Cell<Keep>,
}

impl Scratch {
    /// Creates a directory for a run of `workload`.
    pub fn create(options: &ScratchOptions, workload: &str) -> Result<Scratch> {
        let parent = options.dir.clone().unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&parent).map_err(Error::io("create the scratch directory", &parent))?;
        // Resolved once: compilers report resolved paths, and two spellings would look like two directories.
        let parent = parent.canonicalize().map_err(Error::io("resolve the scratch directory", &parent))?;
        let parent = kache_core::platform::canonical_form(parent);
        let root = tempfile::Builder::new()
            .prefix(&format!("kache-bench-{workload}-"))
            .tempdir_in(&parent)
            .map_err(Error::io("create a scratch directory in", &parent))?
            .keep();
        let keep = Cell::new(if options.keep { Keep::Everything } else { Keep::Nothing });
        let logs = match &options.logs {
            Some(logs) => logs.join(root.file_name().unwrap_or_default()),
            None => root.join("logs"),
        };
        // Dropping it removes the root if the directory of logs cannot be created.
        let scratch = Scratch { root, logs, keep };
        fs::create_dir_all(&scratch.logs).map_err(Error::io("create", &scratch.logs))?;
        Ok(scratch)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The repository that both checkouts are cloned from.
    pub fn repository(&self) -> PathBuf {
        self.root.join("source")
    }

    /// The repository at an earlier revision.
    pub fn earlier_repository(&self) -> PathBuf {
        self.root.join("earlier-source")
    }

    /// First clone.
    pub fn checkout_a(&self) -> PathBuf {
        self.root.join("a/src")
    }

    /// Second clone: longer and deeper than the first.
    pub fn checkout_b(&self) -> PathBuf {
        self.root.join("b/much/deeper/second-checkout")
    }

    /// Third clone: longer and deeper than the second.
    pub fn checkout_c(&self) -> PathBuf {
        self.root.join("c/deeper/than/both/of/the/other/two/third-working-tree")
    }

    /// The restored second clone is moved here before its original path is built without hits.
    pub fn restored(&self) -> PathBuf {
        self.root.join("restored")
    }

    /// The cache of both clones.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The temporary cache of the verifying build.
    pub fn verify_cache(&self) -> PathBuf {
        self.root.join("verify-cache")
    }

    /// Output of each step.
    pub fn logs(&self) -> PathBuf {
        self.logs.clone()
    }

    /// Keeps at least the logs: after a failure or an interruption they show how far the run came.
    pub fn keep_logs(&self) {
        if self.keep.get() == Keep::Nothing {
            self.keep.set(Keep::Logs);
        }
    }

    /// Whether everything is kept.
    pub fn keeps_everything(&self) -> bool {
        self.keep.get() == Keep::Everything
    }

    /// Called at the end: keeps the logs of a failure, and prints what is kept where.
    pub fn settle<T>(&self, outcome: Result<T>) -> Result<T> {
        if outcome.is_err() {
            self.keep_logs();
        }
        match self.keeps() {
            Keep::Nothing => {}
            Keep::Logs => eprintln!("logs are kept in {}", self.logs.display()),
            Keep::Everything => eprintln!("kept: {} (logs in {})", self.root.display(), self.logs.display()),
        }
        outcome
    }

    /// What will be kept, for the message to the user.
    fn keeps(&self) -> Keep {
        let is_logged = || fs::read_dir(&self.logs).is_ok_and(|mut logs| logs.next().is_some());
        match self.keep.get() {
            Keep::Logs if !is_logged() => Keep::Nothing,
            Keep::Nothing if !self.logs.starts_with(&self.root) && is_logged() => Keep::Logs,
            keep => keep,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failed removal must not hide the result of the run; the system cleans its temporary directory.
        match self.keeps() {
            Keep::Everything => {}
            Keep::Logs if self.logs.starts_with(&self.root) => {
                for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
                    if entry.path() != self.logs {
                        drop(fs::remove_dir_all(entry.path()));
                    }
                }
            }
            Keep::Nothing | Keep::Logs => drop(fs::remove_dir_all(&self.root)),
        }
        // Only if nothing was logged.
        drop(fs::remove_dir(&self.logs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_away_but_for_what_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let mut options =
            ScratchOptions { dir: Some(parent.path().join("scratch")), ..ScratchOptions::default() };
        let filled = |options: &ScratchOptions| {
            let scratch = Scratch::create(options, "w").unwrap();
            fs::create_dir_all(scratch.checkout_a()).unwrap();
            fs::write(scratch.logs().join("build.log"), "").unwrap();
            scratch
        };
        let left = |scratch: Scratch| {
            let (root, logs, a) = (scratch.root().to_path_buf(), scratch.logs(), scratch.checkout_a());
            drop(scratch);
            (root.exists(), logs.exists(), a.exists())
        };
        assert_eq!(left(filled(&options)), (false, false, false));

        let scratch = filled(&options);
        scratch.keep_logs();
        assert_eq!(left(scratch), (true, true, false));

        let scratch = Scratch::create(&options, "w").unwrap();
        scratch.keep_logs();
        assert_eq!(left(scratch), (false, false, false), "there is no log to keep");

        options.logs = Some(parent.path().join("logs"));
        assert_eq!(left(filled(&options)), (false, true, false));
        assert_eq!(left(Scratch::create(&options, "w").unwrap()), (false, false, false));

        options.keep = true;
        assert_eq!(left(filled(&options)), (true, true, true));
    }

    #[test]
    fn checkouts_differ_in_length_depth_and_name() {
        let parent = tempfile::tempdir().unwrap();
        let options = ScratchOptions { dir: Some(parent.path().into()), ..ScratchOptions::default() };
        let scratch = Scratch::create(&options, "w").unwrap();
        let all = [scratch.checkout_a(), scratch.checkout_b(), scratch.checkout_c()];
        for (one, other) in [(0, 1), (0, 2), (1, 2)].map(|(one, other)| (&all[one], &all[other])) {
            assert_ne!(one.as_os_str().len(), other.as_os_str().len());
            assert_ne!(one.components().count(), other.components().count());
            assert_ne!(one.file_name(), other.file_name());
        }
    }
}
