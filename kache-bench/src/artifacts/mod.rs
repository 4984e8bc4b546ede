//! The files that a build produced, and their comparison with another build's.

mod archive;
pub mod compare;
mod files;
pub mod lines;

pub use files::{find, named};
