//! The projects that are built: their definitions, sources and clones.

pub mod checkout;
mod debian;
mod definition;
mod load;
mod mirror;
mod parse;
mod registry;
mod source;
mod tools;

pub use definition::{
    CcWiring, Expect, NondeterminismClaim, Source, Tools, UnitClaim, Units, Wiring, Workload,
};
