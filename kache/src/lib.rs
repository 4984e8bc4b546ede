//! kache: a build cache whose keys are the inputs that a compiler was seen to read.

pub mod events;
pub mod observe;
pub mod trace;
