//! Cases that are made from kache's own tables: for each function of the C library that is observed or asks for a fact of
//! the host, a macro and a program that a macro starts call it, and what it asks about is changed.
//!
//! `calls.txt` says how a function is called. A test requires a call, or a reason for none, for each row of the table, so
//! that a new row gets a case. All calls are compiled once, into one macro and one program; each case is a unit of its own.

mod calls;
mod change;
mod kinds;
mod library;
mod objects;
mod programs;

pub use objects::prepare;

use super::project::TestProject;
use super::themes::Chosen;
use std::path::PathBuf;

/// The directory of the macro and the program, next to the directories of the cases.
fn shared_dir(project: &TestProject) -> PathBuf {
    project.root().ancestors().nth(3).unwrap_or(project.root()).join("objects")
}

/// All cases, with their themes.
pub fn cases() -> impl Iterator<Item = Chosen> {
    let calls = calls::CASES.iter().map(|case| ("Made from the C library's table", case));
    let kinds = kinds::cases().map(|case| ("Kinds of dependencies", case));
    kinds.chain(calls).chain(programs::CASES.iter().map(|case| ("Programs that a macro starts", case)))
}
