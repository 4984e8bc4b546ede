//! The wrapper and the command line.

pub mod cli;
pub mod wrapper;
