//! `gate`: compares the latest run with the recorded runs before it on the same class of machine.

mod facts;
mod judge;
mod print;
mod significance;
mod times;
mod verdict;

pub use print::{markdown, text};
pub use verdict::{FigureRow, Gate, GateVerdict, JudgedRun};
