//! What the tests through real C and C++ compilers share.

use crate::env::TestEnv;
use crate::tools::require_tool;
use kache_core::events::Outcome;
use std::fs;
use std::process::{Command, Output};

const COMPILERS: &[(&str, &str)] = &[("gcc", "g++"), ("clang-14", "clang++-14"), ("clang-19", "clang++-19")];

/// Runs a case with each C and C++ compiler that is installed.
pub fn each(case: impl Fn(&str, &str)) {
    for (c, cxx) in COMPILERS {
        if require_tool(cxx, if *c == "gcc" { "g++" } else { c }) {
            case(c, cxx);
        }
    }
}

pub fn object(test: &TestEnv, name: &str) -> Vec<u8> {
    fs::read(test.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Runs it plainly.
pub fn plain(test: &TestEnv, dir: &str, words: &[&str]) -> Output {
    Command::new(words[0]).args(&words[1..]).current_dir(test.path(dir)).output().unwrap()
}

pub fn outcomes(test: &TestEnv, words: &[&str], n: usize) -> Vec<Outcome> {
    (0..n).map(|_| test.outcome(&mut test.kache(words))).collect()
}
