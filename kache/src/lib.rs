//! The wrapper and the command line.

pub mod cli;
pub mod source_date;
pub mod summary;
pub mod wrapper;
