//! What people are told of a cache's work, made from events and from the files of the store: nothing here is kept
//! by the wrapper for the sake of it.

pub mod footprint;
pub mod sharing;
pub mod tally;
