//! The machine the harness runs on: processes, their environment, directories, signals, the terminal.

pub mod child;
pub mod environment;
pub mod files;
pub mod interrupt;
pub mod machine;
pub mod platform;
pub mod progress;
pub mod scratch;
pub mod step;
pub mod strace;
pub mod workspace;
