//! kache: a build cache whose keys are the inputs that a compiler was seen to read.
//!
//! `wrapper` is one invocation from the top. Arrows point one way: `cli` and `wrapper` use `compiler`, `observe`,
//! `restore` and `store`, which use `paths`, `template`, `digest` and `platform`.

pub mod action;
#[cfg(feature = "agent")]
pub mod agent;
pub mod cli;
pub mod compiler;
pub mod digest;
pub mod events;
pub mod explain;
pub mod observation;
pub mod observe;
pub mod paths;
pub mod platform;
pub mod printable;
pub mod remote;
pub mod report;
pub mod restore;
pub mod run;
pub mod settings;
pub mod shims;
pub mod store;
pub mod template;
pub mod trace;
pub mod wrapper;
