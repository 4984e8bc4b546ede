//! Watching a command: the preload object, and the log that it writes.

pub mod c_library;
pub mod disturbed;
pub mod given;
pub mod kept;
pub mod launch;
pub mod log;
pub mod object;
pub mod observer;
pub mod outer;
pub mod start_clock;
pub mod text;
pub mod trace;
pub mod variables;
