//! The files that a build produced, and their comparison with another build's.

mod archive;
pub mod compare;
mod files;

pub use files::{find, named};
