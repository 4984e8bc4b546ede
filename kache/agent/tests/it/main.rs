//! The remote, through real compilers, real agents and real servers: what one machine compiled another restores, what cannot
//! be trusted is compiled, and a fault of the remote never shows in a build.
#![cfg(target_os = "linux")]

#[path = "../../../tests/it/env.rs"]
#[expect(dead_code, reason = "the tests of the wrapper use more of it")]
mod env;
mod fleet;
mod services;
mod sharing;
#[path = "../../../tests/it/tools.rs"]
#[expect(dead_code, reason = "the tests of the wrapper use more of it")]
mod tools;
mod trust;

use std::path::PathBuf;

/// The wrapper: another package's program, which cargo puts beside the agent.
fn kache() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kache-agent")).with_file_name("kache");
    assert!(program.exists(), "{} is missing: run `cargo build -p kache`", program.display());
    program
}
