//! The harness, through its program, with small projects and models of recorded runs.
//!
//! Tests run at the same time, in one process or in one each: a test changes no variable and no working directory of its own
//! process.
#![cfg(unix)]

mod action;
mod documents;
mod engine;
mod firefox;
mod gate;
mod interrupted;
mod latency;
mod nightly;
#[cfg(target_os = "linux")]
mod oracle;
mod planted;
mod planted_faults;
mod pull;
mod race;
mod random;
mod report;
#[path = "../../../kache/tests/it/tools.rs"]
mod tools;
mod trace;
mod without_cargo;
