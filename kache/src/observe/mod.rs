//! Observation: what a compiler and its children looked at while they ran.
//!
//! `launch` and `log` run a command under the preload object; `gather` turns the log into looks; `conclude` turns
//! looks into observations, with what the compiler reports itself; `look` does so again at a lookup. `tables` says
//! what counts, and why what does not.

pub mod conclude;
pub mod define;
pub mod depinfo;
pub mod elf;
pub mod gather;
pub mod include;
pub mod launch;
pub mod log;
pub mod look;
pub mod source;
pub mod tables;
pub mod unobserved;
