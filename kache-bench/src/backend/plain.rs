//! No cache: the baseline.

use super::Backend;
use crate::error::Result;
use crate::system::environment::Environment;
use crate::workload::Wiring;
use std::path::Path;

/// Cargo and the compilers without a cache.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// For cargo an empty variable means "no wrapper", whatever the configuration files say.
pub(super) const NO_WRAPPERS: [(&str, &str); 2] = [("RUSTC_WRAPPER", ""), ("RUSTC_WORKSPACE_WRAPPER", "")];

/// The environment of a build without a cache.
pub fn without_cache(environment: Environment) -> Environment {
    environment.with_all(NO_WRAPPERS.map(|(name, value)| (name.into(), value.into())))
}

impl Backend for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn version(&self) -> Result<String> {
        Ok(String::new())
    }

    fn wire(&self, environment: Environment, _: Wiring, _: &Path) -> Result<Environment> {
        Ok(without_cache(environment))
    }
}
