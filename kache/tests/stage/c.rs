//! What the tests through real C and C++ compilers share.

use super::{Stage, good};
use kache::events::Outcome;
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

pub fn object(stage: &Stage, name: &str) -> Vec<u8> {
    fs::read(stage.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Runs it plainly.
pub fn plain(stage: &Stage, dir: &str, words: &[&str]) -> Output {
    Command::new(words[0]).args(&words[1..]).current_dir(stage.path(dir)).output().unwrap()
}

pub fn outcomes(stage: &Stage, words: &[&str], n: usize) -> Vec<Outcome> {
    (0..n).map(|_| stage.outcome(&mut stage.kache(words))).collect()
}

/// A second checkout with the same files.
pub fn clone(stage: &Stage, from: &str, to: &str) {
    let to = stage.path(to);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    good(Command::new("cp").arg("-a").arg(stage.path(from)).arg(to));
}
