//! The wrapper and its commands, through the real binary and, mostly, real compilers.
//!
//! Tests run at the same time, in one process or in one each: a test changes no variable and no working directory of its own
//! process, and has a cache of its own. [`env::TestEnv`] is what most of them start with.
#![cfg(unix)]

mod env;
mod tools;

#[cfg(target_os = "linux")]
mod builds;
#[cfg(target_os = "linux")]
mod c;
#[cfg(target_os = "linux")]
mod cc;
#[cfg(target_os = "linux")]
mod cc_holes;
#[cfg(target_os = "linux")]
mod cc_literal;
#[cfg(target_os = "linux")]
mod cc_modules;
#[cfg(target_os = "linux")]
mod cc_names;
#[cfg(target_os = "linux")]
mod cc_places;
#[cfg(target_os = "linux")]
mod cc_precompiled;
#[cfg(target_os = "linux")]
mod cc_programs;
#[cfg(target_os = "linux")]
mod cc_several;
#[cfg(target_os = "linux")]
mod cc_suite;
#[cfg(target_os = "linux")]
mod cc_text;
#[cfg(target_os = "linux")]
mod check;
mod cli;
#[cfg(target_os = "linux")]
mod corpus;
#[cfg(target_os = "linux")]
mod debugger;
mod documents;
#[cfg(target_os = "linux")]
mod exec;
#[cfg(target_os = "linux")]
mod exec_checkers;
#[cfg(target_os = "linux")]
mod exec_removed;
#[cfg(target_os = "linux")]
mod explain;
#[cfg(target_os = "linux")]
mod holes;
#[cfg(target_os = "linux")]
mod incremental;
mod init;
#[cfg(target_os = "linux")]
mod links;
#[cfg(target_os = "linux")]
mod links_places;
#[cfg(target_os = "linux")]
mod macros;
mod manual;
mod reference;
mod report;
#[cfg(target_os = "linux")]
mod rust;
#[cfg(target_os = "linux")]
mod rust_places;
#[cfg(target_os = "linux")]
mod rust_trouble;
#[cfg(target_os = "linux")]
mod rustdoc;
#[cfg(target_os = "linux")]
mod rustdoc_followed;
#[cfg(target_os = "linux")]
mod rustdoc_inputs;
#[cfg(target_os = "linux")]
mod script_files;
mod script_registry;
#[cfg(target_os = "linux")]
mod scripts;
#[cfg(target_os = "linux")]
mod seeding;
mod seeding_kinds;
#[cfg(target_os = "linux")]
mod source_date;
#[cfg(target_os = "linux")]
mod store;
#[cfg(target_os = "linux")]
mod undisturbed;
#[cfg(target_os = "linux")]
mod unobserved;

use std::path::PathBuf;

/// The program under test.
const KACHE: &str = env!("CARGO_BIN_EXE_kache");

fn kache() -> PathBuf {
    KACHE.into()
}
