//! A backend that takes part in a comparison.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Participant {
    pub name: String,
    /// Empty for `plain`.
    pub version: String,
    /// Why it did not take part, or from when on.
    pub out: Option<String>,
    /// A note next to its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
