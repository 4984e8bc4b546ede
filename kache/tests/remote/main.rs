//! The remote, through real compilers, real agents and real servers: what one machine compiled another restores, what cannot
//! be trusted is compiled, and a fault of the remote never shows in a build.
#![cfg(target_os = "linux")]

#[path = "../it/env.rs"]
mod env;
mod fleet;
mod services;
mod sharing;
#[path = "../it/tools.rs"]
mod tools;
mod trust;

/// The program under test.
const KACHE: &str = env!("CARGO_BIN_EXE_kache");
