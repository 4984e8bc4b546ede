//! Analysis of what a cache recorded: events and key traces of two builds, matched and compared.

pub mod embedded_paths;
pub mod event_log;
pub mod given;
pub mod key_diff;
pub mod key_mismatch;
pub mod leak;
pub mod match_units;
pub mod normalize;
pub mod root_cause;
pub mod script_runs;
pub mod summary;
pub mod timeline;
