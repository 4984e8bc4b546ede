//! The phases of a comparison.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ComparePhase {
    /// The first build there is: everything is compiled, and kept.
    Cold,
    /// The same clone, cleaned, again.
    SameTree,
    /// The first build in another clone.
    OtherFirst,
    /// The other clone, cleaned, again.
    OtherLater,
    /// A build with nothing to do.
    Idle,
}

impl ComparePhase {
    /// As tables have it.
    pub fn title(self) -> &'static str {
        match self {
            ComparePhase::Cold => "cold",
            ComparePhase::SameTree => "same tree",
            ComparePhase::OtherFirst => "other clone, first",
            ComparePhase::OtherLater => "other clone, later",
            ComparePhase::Idle => "nothing to do",
        }
    }

    /// Whether all of it should come out of the cache.
    pub fn is_warm(self) -> bool {
        matches!(self, ComparePhase::SameTree | ComparePhase::OtherFirst | ComparePhase::OtherLater)
    }
}
