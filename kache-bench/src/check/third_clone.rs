//! The first build in the third clone.
//!
//! The result of a build script holds in its own place first, and everywhere once a second place confirms it.
//! So the first clone stores it, the second confirms it, and in the third it must hit.

use crate::analysis::summary::is_script;
use kache_core::events::{Confirmation, Event, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThirdClone {
    /// Units that did not hit, without the literal runs of scripts.
    pub missed: Vec<String>,
    /// Runs of scripts that did not hit, by where their results hold or by why they are not stored.
    pub scripts: BTreeMap<String, String>,
}

impl ThirdClone {
    pub fn of(events: &[Event]) -> ThirdClone {
        let missed = || events.iter().filter(|event| event.outcome != Outcome::Hit);
        let scripts =
            missed().filter(|event| is_script(event)).map(|event| (event.unit.label(), holds(event)));
        let missed = missed().filter(|event| !is_literal(event)).map(|event| event.unit.label());
        ThirdClone { missed: missed.collect(), scripts: scripts.collect() }
    }

    /// The number of runs whose results hold in their own place only.
    pub fn literal(&self) -> usize {
        self.scripts.values().filter(|holds| *holds == Confirmation::Literal.word()).count()
    }
}

/// Another place made something else from the same inputs, so that a hit would be wrong.
fn is_literal(event: &Event) -> bool {
    is_script(event) && event.confirmation == Some(Confirmation::Literal)
}

fn holds(event: &Event) -> String {
    match (event.confirmation, event.reason_word()) {
        (Some(confirmation), _) => confirmation.word().to_owned(),
        (None, reason) => {
            let detail = event.detail.as_deref().unwrap_or_default();
            format!("not stored: {} ({detail})", reason.unwrap_or("no reason given"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{script, unit};

    #[test]
    fn a_literal_run_may_miss_and_an_unconfirmed_one_may_not() {
        let missed =
            |name: &str, confirmation| script(name).outcome(Outcome::Miss).confirmation(confirmation).event();
        let third = ThirdClone::of(&[
            script("good").confirmation(Confirmation::Confirmed).event(),
            missed("length", Confirmation::Literal),
            missed("alone", Confirmation::Unconfirmed),
            unit("lib").outcome(Outcome::Miss).event(),
        ]);
        assert_eq!(third.missed, ["alone 0.1.0 (script)", "lib 0.1.0 (lib)"]);
        assert_eq!((third.literal(), &*third.scripts["alone 0.1.0 (script)"]), (1, "unconfirmed"));
    }
}
