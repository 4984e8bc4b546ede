//! The adversarial suite: each way in which a cache is known to have lied, as a small case, on every backend.
//!
//! A [`Case`] lays a project out, says what is compiled and what to look at afterwards, and changes one thing. A
//! [`trial`] builds it from clean before and after the change, through the backend and with the plain compiler in the
//! same place; what was looked at must agree. Either the change matters (the answer must follow it) or it must not (a
//! hit is demanded). Each case names its source: the bug report, the manual or the specification that it is taken from.
//! The cases are in a file per theme; [`site`] has the words they are written in.

mod account;
mod flags;
mod headers;
mod judge;
mod link;
mod look;
mod macros;
mod needless;
mod paths;
mod places;
mod quiet;
mod search;
mod side;
mod site;
mod suite;
mod table;
mod times;
mod toolchain;
mod trial;

pub use judge::Verdict;
pub use suite::{Options, Report, Row, VERSION, passes, run};

use site::Site;

/// What a case demands of the build after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The change shows in what the plain compiler makes, and so it must in what the cache gives. Unchanged, it hits.
    Follows,
    /// What the cache gives must be right; whether it compiles for that is its own affair. Unchanged, it hits.
    Right,
    /// As [`Expect::Right`]; but what was compiled depends on what no cache can know, and need not be kept.
    Fleeting,
    /// The change does not matter: it must be a hit, and right.
    Hits,
}

/// One trap.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// As the table and `--case` have it.
    pub name: &'static str,
    /// What is there, and what is changed, in a sentence.
    pub about: &'static str,
    /// The address of the report, manual or specification that it is taken from.
    pub source: &'static str,
    /// What is demanded.
    pub expect: Expect,
    /// Lays the project out; says what is compiled and what is looked at.
    pub lay: fn(&mut Site),
    /// Changes the one thing.
    pub change: fn(&mut Site),
}

/// The cases of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// The heading in the table.
    pub name: &'static str,
    /// In the order in which they are shown.
    pub cases: &'static [Case],
}

/// All there are.
pub const THEMES: &[Theme] = &[
    Theme { name: "Rust: what proc macros look at", cases: macros::CASES },
    Theme { name: "Rust: beside and behind the macro", cases: side::CASES },
    Theme { name: "Rust: asked by other ways", cases: quiet::CASES },
    Theme { name: "Rust: what is linked", cases: link::CASES },
    Theme { name: "Rust: sources and where they are", cases: paths::CASES },
    Theme { name: "Rust: flags, modes and formats", cases: flags::CASES },
    Theme { name: "Compilers replaced", cases: toolchain::CASES },
    Theme { name: "C and C++: headers and other inputs", cases: headers::CASES },
    Theme { name: "C and C++: searched and told by other ways", cases: search::CASES },
    Theme { name: "C and C++: the place", cases: places::CASES },
    Theme { name: "Time", cases: times::CASES },
    Theme { name: "What must not matter", cases: needless::CASES },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static Case> {
        THEMES.iter().flat_map(|theme| theme.cases)
    }

    #[test]
    fn names_are_unique_and_fit_a_shell() {
        let mut seen = BTreeSet::new();
        for case in all() {
            assert!(seen.insert(case.name), "two cases are called {}", case.name);
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(case.name.chars().all(fits), "{}", case.name);
        }
    }

    #[test]
    fn each_says_what_it_is_and_where_it_comes_from() {
        for case in all() {
            assert!(case.about.split_whitespace().count() >= 3, "{} wants a sentence", case.name);
            assert!(case.source.starts_with("https://"), "{} wants a source", case.name);
            assert!(!case.source.contains(char::is_whitespace), "{}: one source", case.name);
        }
    }

    #[test]
    fn there_are_enough() {
        assert!(all().count() >= 60);
        for expect in [Expect::Follows, Expect::Right, Expect::Fleeting, Expect::Hits] {
            assert!(all().any(|case| case.expect == expect), "{expect:?}");
        }
    }
}
