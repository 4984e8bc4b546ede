//! A case of the suite: a known way for a compiler cache to return a wrong result.
//!
//! A [`Case`] creates a project, states what is compiled and probed, and changes one thing. A
//! [`trial`](super::trial) builds the project from clean before and after the change, with the cache and with
//! the plain compiler in the same place; the probes must agree. Either the change matters and the result must
//! follow it, or the change must not matter and a hit is required. Each case names its source: a bug report,
//! a manual or a specification. Each theme has a file of cases; [`project`](super::project) has the methods
//! they are written with.

use super::project::TestProject;

/// What a case requires of the build after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The change affects the plain compiler's result, and the cache's result must follow. Without the change
    /// it hits.
    Follows,
    /// The result must be right, whether it is a hit or not. Without the change it hits.
    Right,
    /// As [`Expect::Right`], but the compile depends on inputs that no cache can observe, and need not be
    /// stored.
    Uncacheable,
    /// The change does not matter: a hit with the right result.
    Hits,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The name in the table and for `--case`.
    pub name: &'static str,
    /// The situation and the change, in one sentence.
    pub about: &'static str,
    /// URL of the report, manual or specification.
    pub source: &'static str,
    pub expect: Expect,
    /// Creates the project, its commands and its probes.
    pub set_up: fn(&mut TestProject) -> &mut TestProject,
    pub change: fn(&mut TestProject) -> &mut TestProject,
}
