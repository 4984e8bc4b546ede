//! `stress`: injects faults into the cache while builds run and requires what the plain compiler makes.

mod builds;
mod corrupt;
mod crowd;
mod cut;
mod harness;
mod hostile;
mod kill;
mod mounts;
mod rng;
mod run;
mod scale;
mod session;
mod stats;
mod steps;

pub use run::{StressOptions, run};
