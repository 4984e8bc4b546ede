//! `mutate`: changes one recorded dependency at a time and requires a miss.

mod change;
mod excluded;
mod paths;
mod run;

pub use run::{MutatePlan, run};
