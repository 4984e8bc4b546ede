//! The figures of `kache report`, from events and from the files of the store. The wrapper records nothing for them alone.

pub mod fleet;
pub mod footprint;
pub mod roots;
pub mod sharing;
pub mod tally;
