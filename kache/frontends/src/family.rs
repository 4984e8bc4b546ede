//! A compiler family: what its front end is made of.

use crate::flags::Row;
use crate::invocation::Invocation;
use kache_core::action::Request;
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
    /// Whether a program of this name belongs to it.
    pub recognises: fn(&str) -> bool,
    /// As in events: `unit.family`.
    pub family: &'static str,
    /// Its flags.
    pub table: &'static [Row],
    /// Takes a command line apart.
    pub parse: fn(&Request) -> Result<Invocation, NotCacheable>,
    /// Asks a compiler where its installation is, all of which its identity covers. Without it the identity is the
    /// program alone, and whatever else of the installation takes part is observed.
    pub sysroot: Option<fn(&Path) -> io::Result<PathBuf>>,
    /// Asks a compiler what it can do; a file may be written at the second path.
    pub capabilities: fn(&Path, &Path) -> Capabilities,
    /// What stands before `from=to` to have the paths of a root mapped in what is written; nothing where the user says
    /// something of them that ours would undo.
    pub maps: fn(&Invocation, &Path) -> &'static [&'static str],
    /// The arguments with which it only preprocesses, and says which macros it used on the way; nothing where it cannot.
    pub tells_macros: fn(&Invocation, Capabilities) -> Option<Vec<OsString>>,
    /// What the compilers of the family compile.
    pub language: Language,
    /// Whose code is trusted with what.
    pub policy: &'static TrustPolicy,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a family compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Crates: the compiler finds some by searching, reads variables by `env!`, links, and prints mapped paths.
    Rust,
    /// C, C++ and what is compiled like them.
    C,
}

impl Family {
    pub fn is_rust(&self) -> bool {
        self.language == Language::Rust
    }
}

/// What one compiler of a family can do, and another cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It can map paths in what it writes.
    pub maps: bool,
    /// In what it assembles, too.
    pub maps_assembly: bool,
    /// How it writes down what it read.
    pub report: Format,
}
