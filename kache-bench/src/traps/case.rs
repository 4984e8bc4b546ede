//! The adversarial suite: each way in which a cache is known to have lied, as a small case, on every backend.
//!
//! A [`Case`] lays a project out, says what is compiled and what to look at afterwards, and changes one thing. A
//! [`trial`] builds it from clean before and after the change, through the backend and with the plain compiler in the
//! same place; what was looked at must agree. Either the change matters (the answer must follow it) or it must not (a
//! hit is demanded). Each case names its source: the bug report, the manual or the specification that it is taken from.
//! The cases are in a file per theme; [`project`] has the words they are written in.

use super::project::TestProject;

/// What a case demands of the build after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The change shows in what the plain compiler makes, and so it must in what the cache gives. Unchanged, it hits.
    Follows,
    /// What the cache gives must be right; whether it compiles for that is its own affair. Unchanged, it hits.
    Right,
    /// As [`Expect::Right`]; but what was compiled depends on what no cache can know, and need not be kept.
    Uncacheable,
    /// The change does not matter: it must be a hit, and right.
    Hits,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// As the table and `--case` have it.
    pub name: &'static str,
    /// What is there, and what is changed, in a sentence.
    pub about: &'static str,
    /// The address of the report, manual or specification that it is taken from.
    pub source: &'static str,
    pub expect: Expect,
    /// Lays the project out; says what is compiled and what is looked at.
    pub set_up: fn(&mut TestProject),
    pub change: fn(&mut TestProject),
}
