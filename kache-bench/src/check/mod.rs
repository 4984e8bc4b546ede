//! `check` and `verify`: builds one workload in three clones and compares keys, hits and artifacts.

pub mod nondeterminism;
mod phase;
pub mod print;
pub mod remote_check;
pub mod remote_findings;
mod run;
pub mod third_clone;
pub mod verdict;
mod verification;

pub use run::{CheckFindings, CheckPlan, Stability, run};
