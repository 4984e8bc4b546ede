//! One stress run: its programs, directories, seed and deadline.

use super::harness::{Engine, Task};
use super::rng;
use super::stats::Stats;
use crate::error::Result;
use crate::system::interrupt;
use crate::system::scratch::Scratch;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub struct StressRun {
    pub(super) other: Option<PathBuf>,
    pub(super) minutes: f64,
    pub(super) scale: u32,
    pub(super) scratch: Scratch,
    pub(super) program: PathBuf,
    pub(super) seed: u64,
    pub(super) deadline: Instant,
    pub(super) tasks: Vec<Task>,
    pub(super) stats: Stats,
    /// Why mounts are not possible, if they are not.
    pub(super) no_mounts: Option<String>,
}

impl StressRun {
    pub(super) fn dir(&self) -> &Path {
        self.scratch.root()
    }

    /// An engine with its own cache.
    pub(super) fn engine(&self, name: &str) -> Engine {
        Engine::new(&self.program, self.dir().join("caches").join(name))
    }

    /// Every task has the plain compiler's result.
    pub(super) fn all_must(&self, engine: &Engine, context: &str) -> Result<()> {
        self.tasks.iter().try_for_each(|task| task.must(engine, &[], context))
    }

    pub(super) fn all_must_hit(&self, engine: &Engine, context: &str) -> Result<()> {
        self.tasks.iter().try_for_each(|task| task.must_hit(engine, context))
    }

    pub(super) fn rng(&self, purpose: &str) -> fastrand::Rng {
        rng::stream(self.seed, purpose)
    }

    /// Whether the scenario's time is up.
    pub(super) fn is_over(&self) -> Result<bool> {
        interrupt::check()?;
        Ok(Instant::now() >= self.deadline)
    }
}
