//! The phases of a comparison.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ComparePhase {
    /// The first build: everything is compiled and stored.
    Cold,
    /// The same clone again, after a clean.
    SameTree,
    /// The first build in another clone.
    OtherFirst,
    /// The other clone again, after a clean.
    OtherLater,
    /// The first build in a third clone.
    Third,
    /// A build with nothing to do.
    Idle,
}

impl ComparePhase {
    /// The title in tables.
    pub fn title(self) -> &'static str {
        match self {
            ComparePhase::Cold => "cold",
            ComparePhase::SameTree => "same tree",
            ComparePhase::OtherFirst => "other clone, first",
            ComparePhase::OtherLater => "other clone, later",
            ComparePhase::Third => "third clone",
            ComparePhase::Idle => "nothing to do",
        }
    }

    /// Whether everything should come from the cache.
    pub fn is_warm(self) -> bool {
        !matches!(self, ComparePhase::Cold | ComparePhase::Idle)
    }
}
