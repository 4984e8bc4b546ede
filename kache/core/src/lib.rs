//! The engine of kache: what a run depended on, where its result is stored, and how it is given back.
//!
//! No compiler is named here. What one family of commands needs is in the crate `kache-frontends`.

pub mod action;
pub mod area;
pub mod codec;
pub mod collect;
pub mod collected;
pub mod dependency;
pub mod digest;
pub mod engine;
pub mod eval;
pub mod events;
pub mod finalize;
pub mod frontend;
pub mod key_trace;
mod libraries;
pub mod named_roots;
pub mod observe;
pub mod origin;
pub mod paths;
pub mod place;
pub mod platform;
pub mod policy;
pub mod printable;
pub mod reason;
pub mod remote;
pub mod restore;
pub mod run;
pub mod settings;
pub mod store;
pub mod template;
pub mod timer;
