//! What a path is to the run, and whom that excuses from depending on it.

use super::excuse::is_below;
use super::{Actor, Excuse, Treatment};
use crate::reason::Reason;

/// What a path is to the run, as far as it decides whether it is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing in particular.
    Elsewhere,
    /// The run made it, or a directory above it.
    Made,
    /// It is named like an output.
    Output,
    /// It is an output that a foreign command was told to name.
    NamedOutput,
    /// The directory that outputs are written to.
    OutputDirectory,
    /// The toolchain's identity covers it.
    Toolchain,
    /// A directory of the toolchain: the identity covers that it is there.
    ToolchainDirectory,
    /// The compiler's own state from earlier runs.
    State,
    /// A directory for temporary files.
    Temporary,
    /// A response file, whose words are in the action key.
    Inlined,
}

/// By place: why it is not an input, and whether that holds for trusted actors, for scripts, and for foreign actors.
pub static PLACES: [(Place, &str, [bool; 3]); 9] = [
    (Place::Made, "what the run made itself", [true, true, true]),
    (Place::Output, "an output; contents count unless the run makes it", [true, true, false]),
    (
        Place::NamedOutput,
        "a named output; to replace or remove it is no side effect, and what was in it counts",
        [true, true, true],
    ),
    (Place::OutputDirectory, "where outputs go; its listing counts", [true, true, false]),
    (Place::Toolchain, "covered by the toolchain's identity", [true, true, true]),
    (
        Place::ToolchainDirectory,
        "a directory that the toolchain's identity covers; its listing counts",
        [true, true, true],
    ),
    (Place::State, "incremental state; reading what is left of an earlier run refuses", [true, false, false]),
    (Place::Temporary, "a directory for temporary files", [true, false, false]),
    (Place::Inlined, "a response file, whose words are in the action key", [true, true, true]),
];

impl Place {
    /// Whether it excuses an actor from depending on a path.
    pub fn excuses(self, actor: Actor) -> bool {
        let column = match actor {
            Actor::Compiler | Actor::Tool => 0,
            Actor::Script | Actor::PathOnly => 1,
            Actor::Plugin | Actor::Process => 2,
        };
        PLACES.iter().any(|(place, _, excused)| *place == self && excused[column])
    }

    /// What becomes of a treatment there.
    pub(super) fn settle(self, actor: Actor, treatment: Treatment) -> Option<Treatment> {
        use Treatment as T;
        if !self.excuses(actor) {
            return Some(treatment);
        }
        match (self, treatment) {
            // The identity of a toolchain holds what its files contain, not their times nor where links point.
            (Place::Toolchain, T::Metadata | T::Link) => Some(treatment),
            (Place::ToolchainDirectory, T::Existence) => None,
            (Place::ToolchainDirectory, _) => Some(treatment),
            (Place::Output, T::Contents | T::Executable) => Some(T::ContentsUnlessMade),
            (Place::NamedOutput, T::RefuseInput(Reason::SideEffect) | T::Access) => None,
            // Of an earlier output, only these are known when the run is over.
            (Place::NamedOutput, T::Contents | T::Executable) => Some(T::Contents),
            (Place::NamedOutput, T::Existence | T::Absence | T::Link | T::EachLink | T::Made) => {
                Some(treatment)
            }
            (Place::NamedOutput, T::EachLinkPortable | T::RefuseInput(_)) => Some(treatment),
            (Place::NamedOutput, _) => Some(T::Refuse(Reason::OutputDirectory)),
            (Place::OutputDirectory, T::Listing | T::ListingAs(_)) => Some(treatment),
            _ => None,
        }
    }
}

/// The row that excuses a path.
pub fn ignored(
    anyone: &'static [Excuse],
    further: &'static [Excuse],
    path: &[u8],
) -> Option<&'static Excuse> {
    // Standard input is never excused.
    if [&b"/dev/fd/0"[..], b"/dev/stdin", b"/proc/self/fd/0"].contains(&path) {
        return None;
    }
    anyone.iter().chain(further).find(|row| is_below(row.what, path))
}
