//! The key trace: every input of an action key and a result key, by name, raw and normalised.
//!
//! It is written on every miss to `<cache>/v1/traces/<xx>/<result>.json` and never read by the wrapper;
//! `explain` and the harness diff two of them component by component.

use serde::{Deserialize, Serialize};

/// The version of the shape below.
pub const VERSION: u32 = 2;

/// The key that a component belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Action,
    Dependency,
}

/// One input of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub part: Part,
    /// The portable name: `arg --cfg`, `file <workspace>/src/lib.rs`, `env OUT_DIR`, `absent <target>/x`.
    pub name: String,
    /// The local value: a path of this machine, or an argument as written.
    pub raw: String,
    /// The hashed value, on which two clones must agree.
    pub value: String,
    /// The proc macros or linker scripts that looked, where that is known: a row of the locators' table is about such a one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
}

/// All components in the order in which they were hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTrace {
    /// [`VERSION`].
    pub v: u32,
    /// The label of the unit.
    pub label: String,
    /// The action key, hex.
    pub action: String,
    /// The result key, hex.
    pub result: String,
    pub components: Vec<Component>,
}
