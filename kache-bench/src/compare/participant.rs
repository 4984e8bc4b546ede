//! A backend that takes part in a comparison.

use serde::{Deserialize, Serialize};

/// A backend that was to take part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Participant {
    pub name: String,
    /// As it says itself; empty for none.
    pub version: String,
    /// Why it did not take part, or from where on it did not.
    pub out: Option<String>,
    /// What should be known beside its figures.
    pub note: Option<String>,
}
