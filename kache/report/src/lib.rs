//! What people read of kache, made from its events and key traces: why a unit was compiled again, and sums over builds.

pub mod explain;
pub mod report;
