//! The ways in which an invocation is answered.

use serde::{Deserialize, Serialize};

/// How an invocation is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvocationKind {
    /// Restored.
    Hit,
    /// Compiled and kept.
    Miss,
    /// Handed through: the compiler is only asked something.
    Bypass,
}
