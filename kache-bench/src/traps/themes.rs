//! All cases, by theme.

use super::case::Case;
use super::{
    c_links, cuda, descriptors, file_times, flags, headers, host_facts, indirect_access, kernel_calls, link,
    macros, must_hit, paths, places, precompiled, script_files, script_programs, script_variables, scripts,
    search, subprocess, texts, times, toolchain, trust, undisturbed,
};

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Heading in the table.
    pub name: &'static str,
    /// In display order.
    pub cases: &'static [Case],
}

pub type Chosen = (&'static str, &'static Case);

pub const THEMES: &[Theme] = &[
    Theme { name: "Rust: accesses of proc macros", cases: macros::CASES },
    Theme { name: "Rust: processes and libraries of a macro", cases: subprocess::CASES },
    Theme { name: "Rust: indirect access", cases: indirect_access::CASES },
    Theme { name: "Rust: facts about the host", cases: host_facts::CASES },
    Theme { name: "Inherited descriptors", cases: descriptors::CASES },
    Theme { name: "Times of files", cases: file_times::CASES },
    Theme { name: "System calls without the C library", cases: kernel_calls::CASES },
    Theme { name: "Small stacks, filters, and writes through memory", cases: undisturbed::CASES },
    Theme { name: "Build scripts", cases: scripts::CASES },
    Theme { name: "Build scripts: variables and commits", cases: script_variables::CASES },
    Theme { name: "Build scripts: files, links and times", cases: script_files::CASES },
    Theme { name: "Build scripts: generators and compilers", cases: script_programs::CASES },
    Theme { name: "Rust: linking", cases: link::CASES },
    Theme { name: "Rust: sources and their paths", cases: paths::CASES },
    Theme { name: "Rust: flags, modes and formats", cases: flags::CASES },
    Theme { name: "Excuses and their reasons", cases: trust::CASES },
    Theme { name: "Replaced compilers", cases: toolchain::CASES },
    Theme { name: "C and C++: headers and other inputs", cases: headers::CASES },
    Theme { name: "C and C++: search paths and rare inputs", cases: search::CASES },
    Theme { name: "C and C++: paths", cases: places::CASES },
    Theme { name: "C and C++: preprocessed sources and rules", cases: texts::CASES },
    Theme { name: "C++: precompiled headers and modules", cases: precompiled::CASES },
    Theme { name: "C and C++: links", cases: c_links::CASES },
    Theme { name: "Time", cases: times::CASES },
    Theme { name: "Changes that must not matter", cases: must_hit::CASES },
];

/// Cases for a compiler that few machines have.
pub const CUDA: Theme = Theme { name: "CUDA", cases: cuda::CASES };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traps::case::Expect;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static Case> {
        THEMES.iter().chain([&CUDA]).flat_map(|theme| theme.cases)
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
        for expect in [Expect::Follows, Expect::Right, Expect::Uncacheable, Expect::Hits] {
            assert!(all().any(|case| case.expect == expect), "{expect:?}");
        }
    }
}
