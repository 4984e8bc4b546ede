//! The remote, through real compilers, real agents and real servers: what one machine compiled another restores, what cannot
//! be believed is compiled, and no trouble of the remote's shows in a build.
#![cfg(target_os = "linux")]

#[path = "remote/fleet.rs"]
mod fleet;
#[path = "remote/services.rs"]
mod services;
#[path = "remote/sharing.rs"]
mod sharing;
#[path = "../../tests/stage/mod.rs"]
mod stage;
#[path = "remote/trust.rs"]
mod trust;
