//! The kinds of measured invocations.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvocationKind {
    Hit,
    Miss,
    /// Bypass: the compiler only answers a query.
    Bypass,
}

impl InvocationKind {
    pub fn word(self) -> &'static str {
        match self {
            InvocationKind::Hit => "hit",
            InvocationKind::Miss => "miss",
            InvocationKind::Bypass => "passthrough",
        }
    }
}
