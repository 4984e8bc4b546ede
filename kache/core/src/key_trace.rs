//! The key trace: everything that went into an action key and a result key, by name, raw and normalised.
//!
//! It is written on every miss to `<cache>/v1/traces/<xx>/<result>.json` and never read by the wrapper;
//! `explain` and the harness diff two of them component by component.

use serde::{Deserialize, Serialize};

/// The version of the shape below.
pub const VERSION: u32 = 2;

/// Which of the two keys a component belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What was asked.
    Action,
    /// What was looked at.
    Dependency,
}

/// One input of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Which key.
    pub part: Part,
    /// Its name, portable: `arg --cfg`, `file <workspace>/src/lib.rs`, `env OUT_DIR`, `absent <target>/x`.
    pub name: String,
    /// As it was in this place (a path of this machine, an argument as written).
    pub raw: String,
    /// As it was hashed: what two clones must agree on.
    pub value: String,
    /// The proc macros or linker scripts that looked, where that is known: a row of the locators' table is about such a one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
}

/// The whole walk, in the order in which it was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTrace {
    /// [`VERSION`].
    pub v: u32,
    /// What was built, as people see it.
    pub label: String,
    /// The action key, hex.
    pub action: String,
    /// The result key, hex.
    pub result: String,
    /// The inputs.
    pub components: Vec<Component>,
}
