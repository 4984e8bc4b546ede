//! `traps`: small cases, each a known way for a compiler cache to return a wrong result.

mod account;
mod c_links;
mod case;
mod descriptors;
mod file_times;
mod flags;
mod generated;
mod headers;
mod host_facts;
mod indirect_access;
mod judge;
mod kernel_calls;
mod link;
mod macros;
mod must_hit;
mod paths;
mod places;
mod probe;
mod project;
mod record;
mod scripts;
mod search;
mod sources;
mod subprocess;
mod suite;
mod table;
mod themes;
mod times;
mod toolchain;
mod trial;
mod trust;
mod undisturbed;

pub use judge::TrapVerdict;
pub use record::{TrapsReport, passes};
pub use suite::{TrapsOptions, run};
