//! A clone of a workload.

use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::step::Step;
use crate::workload::Workload;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[derive(Debug)]
pub struct Checkout {
    label: &'static str,
    root: PathBuf,
}

impl Checkout {
    pub fn clone(label: &'static str, repository: &Path, root: PathBuf) -> Result<Checkout> {
        std::fs::create_dir_all(&root).map_err(Error::io("create", &root))?;
        let source = repository.to_str().ok_or_else(|| {
            Error::input("the scratch directory's path is not UTF-8")
                .at(repository.display())
                .remedy("use --dir")
        })?;
        git2::build::RepoBuilder::new()
            .branch("workload")
            .clone(source, &root)
            .map_err(|e| Error::run(format!("cannot clone: {}", e.message())).at(root.display()))?;
        Ok(Checkout { label, root })
    }

    /// Updates the working tree to `repository`, as a pull would: unchanged files stay as they are, removed
    /// files are deleted, and build outputs are not touched.
    pub fn move_to(&self, repository: &Path) -> Result<()> {
        let moved = || -> std::result::Result<(), git2::Error> {
            let here = git2::Repository::open(&self.root)?;
            let mut other = here.remote_anonymous(&repository.to_string_lossy())?;
            other.fetch(&["+refs/heads/workload:refs/heads/moved"], None, None)?;
            let commit = here.find_branch("moved", git2::BranchType::Local)?.get().peel_to_commit()?;
            here.checkout_tree(commit.as_object(), Some(git2::build::CheckoutBuilder::new().force()))?;
            here.set_head_detached(commit.id())
        };
        moved().map_err(|e| {
            Error::run(format!("cannot move the clone: {}", e.message())).at(self.root.display())
        })
    }

    pub fn label(&self) -> &'static str {
        self.label
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The workload's environment in this clone, added to the kept part of the caller's.
    pub fn environment(&self, workload: &Workload) -> Environment {
        let own = workload.environment.iter().map(|(name, value)| (name.into(), self.fill(value).into()));
        Environment::of_caller().with_all(own)
    }

    /// Replaces placeholders in `line` by this clone's values.
    pub fn fill(&self, line: &str) -> String {
        line.replace("{checkout}", &self.root.to_string_lossy()).replace("{label}", self.label)
    }

    /// Runs command lines in sequence and returns their total time.
    pub fn run(
        &self,
        lines: &[String],
        environment: &Environment,
        log: &Path,
        poll: &mut dyn FnMut(),
    ) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for line in lines {
            let line = self.fill(line);
            total += Step { line: &line, dir: &self.root, environment, log }.run(poll)?;
        }
        Ok(total)
    }

    /// Fails unless cargo builds below this clone: with a user's `build.target-dir` both clones would share
    /// their artifacts, and the check would prove nothing.
    pub fn require_own_target(&self, workload: &Workload) -> Result<()> {
        if !self.root.join("Cargo.toml").is_file() {
            return Ok(());
        }
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
            .current_dir(&self.root)
            .env_clear()
            .envs(self.environment(workload).iter())
            .output()
            .map_err(|e| Error::input(format!("cannot run cargo: {e}")).remedy("install Rust"))?;
        // If cargo cannot describe the project, the build will fail with a better message.
        let Ok(metadata) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return Ok(()) };
        match metadata["target_directory"].as_str() {
            Some(dir) if Path::new(dir) != self.target() => {
                Err(Error::input("cargo builds to a directory that is not the clone's own `target`")
                    .at(dir)
                    .remedy("remove `build.target-dir` from cargo's configuration (in CARGO_HOME or above the scratch directory)"))
            }
            _ => Ok(()),
        }
    }
}
