//! Observation: what a compiler and its children looked at while they ran.

pub mod launch;
pub mod log;
