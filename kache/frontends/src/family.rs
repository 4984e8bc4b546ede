//! A compiler family: what its front end is made of.

use crate::flags::Row;
use crate::invocation::{Invocation, Language};
use kache_core::action::{Action, Request};
use kache_core::collected::Collected;
use kache_core::digest::Table;
use kache_core::policy::TrustPolicy;
use kache_core::reason::NotCacheable;
use kache_core::template::Format;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// A compiler family.
pub struct Family {
    /// As in `kache flags <name>`.
    pub name: &'static str,
    /// Whether a program of this name belongs to the family.
    pub recognises: fn(&str) -> bool,
    /// As in events: `unit.family`.
    pub family: &'static str,
    pub table: &'static [Row],
    pub parse: fn(&Request) -> Result<Invocation, NotCacheable>,
    /// Asks a compiler for the directory of its installation, which its identity covers. Without this function the identity is
    /// that of the program alone, and the rest of the installation is observed.
    pub sysroot: Option<fn(&Path) -> io::Result<PathBuf>>,
    /// Asks a compiler for its capabilities; the second path is a scratch file.
    pub capabilities: fn(&Path, &Path) -> Capabilities,
    /// The prefixes of arguments `prefix from=to` that map the paths of a root in the outputs; empty where a map of the user
    /// would be undone.
    pub maps: fn(&Invocation, &Path) -> &'static [&'static str],
    /// The prefix of the argument `prefix path` that tells the path of the source to a compiler that puts what it computes from
    /// the path into an output. Given where the paths of roots are mapped.
    pub tells_source: Option<&'static str>,
    /// The characters for which a root with one of them in its path is not mapped.
    pub unmappable: &'static [u8],
    /// Whether the compiler puts its own directory, and directories that it names from there, in front of `PATH`.
    pub runs_beside_itself: bool,
    /// Corrects what a trace shows by what is known of the compilers of the family.
    pub correct: Option<fn(&Action, &mut Collected, &Table)>,
    /// The arguments with which the compiler preprocesses and reports the macros that it used; `None` where it cannot.
    pub tells_macros: fn(&Invocation, Capabilities) -> Option<Vec<OsString>>,
    /// What the compilers of the family compile.
    pub language: Language,
    /// Whose code is trusted with what.
    pub policy: fn(&Invocation) -> &'static TrustPolicy,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Family {
    pub fn is_rust(&self) -> bool {
        self.language.is_rust()
    }
}

/// How compilers of one family differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Maps paths in outputs.
    pub maps: bool,
    /// Maps paths in assembled sources, too.
    pub maps_assembly: bool,
    /// The format of the report of files read.
    pub report: Format,
}
