//! The variables that the harness itself sets, of which it may show the values.

use std::collections::BTreeMap;

/// A variable that the harness gives to the builds in both clones.
#[derive(Clone, Debug)]
pub struct GivenVariable {
    pub values: [String; 2],
    pub by: &'static str,
}

pub type GivenVariables = BTreeMap<String, GivenVariable>;
