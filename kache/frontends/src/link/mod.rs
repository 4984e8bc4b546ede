//! Links by gcc and clang: programs, shared objects and relocatable objects, also where sources are compiled in the same
//! command.
//!
//! The front end is one with that of C compilers but for the command line (`command`, `flags`) and for what a link reads and
//! writes (`plan`, `scan`). Sources that the same command compiles are compiled with paths mapped, as alone. A link of objects
//! maps nothing: a path that gets into the output (a run path, the name of a library without one) is found there, and the
//! result is then for that place alone.

mod command;
mod flags;
mod plan;
mod scan;
mod texts;

pub use flags::TABLE;

use crate::{gnu, recognise};
use command::LinkCommand;
use kache_core::action::Request;
use kache_core::frontend::{Bypass, Context, Frontend, Planned};
use plan::LinkPlan;

/// The front end.
pub struct Link;

/// As in `kache flags <name>`.
pub const NAME: &str = "link";

impl Frontend for Link {
    fn name(&self) -> &'static str {
        NAME
    }

    fn claims(&self, request: &Request, cx: &Context) -> bool {
        let name = || request.recognised(|| recognise::family(request, cx.store).map(|family| family.name));
        command::links(request) && name() == Some(gnu::FAMILY.name)
    }

    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>> {
        let (unit, kind) = command::describe(request);
        let command = command::parse(request);
        cx.timer.lap(kache_core::events::Phase::Parse);
        let LinkCommand { invocation, compiles, texts } =
            command.map_err(|why| Box::new(Bypass { unit, kind, why }))?;
        let (unit, kind) = (invocation.unit.clone(), invocation.kind);
        let planned = gnu::FAMILY.plan_parsed(request, None, invocation, cx);
        let (action, compile) = planned.map_err(|why| Box::new(Bypass { unit, kind, why }))?;
        Ok(LinkPlan::planned(action, compile, compiles, texts))
    }
}
