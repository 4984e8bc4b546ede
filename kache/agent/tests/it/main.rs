//! Remote caches with real compilers, agents and servers: a machine restores the results of another machine, compiles
//! what cannot be verified, and builds as usual whatever the remote does.
#![cfg(target_os = "linux")]

mod actions;
mod contents;
#[path = "../../../tests/it/env.rs"]
#[expect(dead_code, reason = "the tests of the wrapper use more of it")]
mod env;
mod fleet;
mod ghac;
mod levels;
mod metrics;
mod reapi;
mod services;
mod sharing;
#[path = "../../../tests/it/tools.rs"]
#[expect(dead_code, reason = "the tests of the wrapper use more of it")]
mod tools;
mod trust;
mod wrapper;
mod write_from;

use wrapper::kache;
