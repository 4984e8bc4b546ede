//! `load`: many machines build through one server, with faults between them and it.
//!
//! A *machine* is a home, a checkout and a cache, and so an agent. Each build compiles all units of one variant of the
//! [`sources`] with the real wrapper, and compares exit status, object and messages with the plain compiler's. Many
//! builds begin with an empty cache, so that they fetch. A proxy draws each connection a fate ([`faults`]) and counts
//! requests; [`memory`] samples the agents.
//!
//! [`history`] measures a lookup as the recorded sets of its action grow.

mod counts;
mod faults;
mod findings;
mod history;
mod machine;
mod memory;
mod plan;
mod run;
mod sources;

pub use plan::LoadPlan;
pub use run::run;
