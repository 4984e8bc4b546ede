//! `check` and `verify`: builds one workload in three clones and compares keys, hits and artifacts.

pub mod nondeterminism;
pub mod print;
pub mod remote_check;
mod run;
pub mod third_clone;
pub mod verdict;

pub use run::{CheckFindings, CheckPlan, Stability, run};
