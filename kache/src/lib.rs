//! The wrapper and the command line.

pub mod cli;
pub mod summary;
pub mod wrapper;
