//! What a load is asked to do, and the threads that do it.

use crate::backend::Protocol;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct LoadPlan {
    pub machines: usize,
    pub builds_at_once: usize,
    /// How long each backend and protocol runs; zero: only the history.
    pub time: Duration,
    pub protocols: Vec<Protocol>,
    pub faults: bool,
    pub seed: u64,
    /// Numbers of sets.
    pub history: Vec<usize>,
}

/// The result of a thread; its panic continues.
pub fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
