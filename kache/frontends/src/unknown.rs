//! The front end of last resort: a program that no other front end claims runs without the cache.

use crate::rustc::kind_from_environment;
use kache_core::action::Request;
use kache_core::events::Unit;
use kache_core::frontend::{Bypass, Context, Frontend, Planned};
use kache_core::reason::{NotCacheable, Reason};

/// Claims every command and refuses it.
pub struct Unknown;

impl Frontend for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn claims(&self, _: &Request, _: &Context) -> bool {
        true
    }

    fn plan(&self, request: &Request, _: &Context) -> Result<Planned, Box<Bypass>> {
        let name = request.program.display().to_string();
        let why = NotCacheable::new(Reason::UnknownCompiler, name.clone());
        Err(Box::new(Bypass { unit: Unit { name, ..Unit::default() }, kind: kind_from_environment(), why }))
    }
}
