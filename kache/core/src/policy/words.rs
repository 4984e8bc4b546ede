//! The table of trust in words, as `kache tables` prints it.

use super::{Act, Actor, Environment, Table, Treatment};
use std::fmt;

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Treatment::Contents => "contents",
            Treatment::ContentsUnlessMade => "contents, unless the run makes it",
            Treatment::Executable => "the program's contents",
            Treatment::Existence => "what sort of thing is there",
            Treatment::Absence => "absence",
            Treatment::Permission => "what may be done with it",
            Treatment::Link => "where the link points",
            Treatment::EachLink => "where each link on the way points",
            Treatment::EachLinkPortable => "where each link on the way points, by roots",
            Treatment::Access => "permission bits, and whose it is",
            Treatment::Metadata => "times and permissions",
            Treatment::Identity => "all of its status",
            Treatment::Size => "the size",
            Treatment::Listing => "the names in it",
            Treatment::ListingAs(function) => return write!(f, "the names in it: {function}"),
            Treatment::Env => "its value",
            Treatment::EnvUnlessProved => "its value, unless it is proved to locate files only",
            Treatment::EnvPath => "its value, by roots",
            Treatment::EnvAll(Environment::Most) => "all variables but those ignored",
            Treatment::EnvAll(Environment::Every) => "all variables but those ignored for plugins",
            Treatment::EnvAll(Environment::Portable) => "all variables but those ignored, by roots",
            Treatment::Cwd => "the working directory",
            Treatment::Place => "the working directory and all roots",
            Treatment::Host(fact) => return write!(f, "the machine's {fact}"),
            Treatment::HostFile => "what the kernel shows there",
            Treatment::HostAnswer => "the answer",
            Treatment::Library => "the library of that name",
            Treatment::Program => "the program of that name",
            Treatment::Computed(function) => return write!(f, "the {function}"),
            Treatment::Made => "made by the run",
            Treatment::MadeDirectory => "a directory made by the run",
            Treatment::Output => "an output",
            Treatment::Refuse(reason) => return write!(f, "not stored: {reason}"),
            Treatment::RefuseInput(reason) => return write!(f, "not stored: {reason}, unless excused"),
            Treatment::RefuseState => "not stored: host-state",
        })
    }
}

impl Table {
    /// A row in words: each cell with the actors that it holds for.
    pub fn in_words(&self, act: Act) -> Vec<(String, String)> {
        let mut cells: Vec<(&[Treatment], Vec<&str>)> = Vec::new();
        for actor in Actor::ALL {
            let cell = self.cell(act, actor);
            match cells.iter_mut().find(|(known, _)| *known == cell) {
                Some((_, actors)) => actors.push(actor.word()),
                None => cells.push((cell, vec![actor.word()])),
            }
        }
        let words = |(cell, actors): (&[Treatment], Vec<&str>)| {
            let who = if actors.len() == Actor::ALL.len() { "all".to_string() } else { actors.join(", ") };
            let what: Vec<String> = cell.iter().map(Treatment::to_string).collect();
            (who, if what.is_empty() { "nothing".to_string() } else { what.join("; ") })
        };
        cells.into_iter().map(words).collect()
    }
}
