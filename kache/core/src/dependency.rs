//! One thing that was looked at, and what was seen.
//!
//! An observation is a kind, a name, and the digest of what was seen there. That is all a lookup needs: it dependencies
//! at the same names again (`observe::look`) and compares.
//!
//! | kind | name | what is seen |
//! | --- | --- | --- |
//! | `file` | portable path | the contents |
//! | `path` | portable path | `absent`, `file`, `dir` or `other` |
//! | `missing` | portable path of a directory, names | `absent`: that none of them is there. Only in manifests: several `path` dependencies of one directory, as one |
//! | `twins` | portable paths | of files with the same contents: which are one file, and which were changed in the same second |
//! | `listing` | portable path | the names in a directory, sorted, and of what sort each is |
//! | `tree` | portable path | names and contents of everything below |
//! | `link` | portable path | where a symbolic link points, or that none is there |
//! | `leads-to` | portable path | the same, as a portable path: where the compiler only follows the link |
//! | `env` | variable | its value to the byte, or that it is unset |
//! | `env-path` | variable | its value as a portable path: proved to be used only to locate included files |
//! | `env-all` | nothing, or `every` | every variable that no row of the ignore table excuses, or of that for macros alone |
//! | `env-all-path` | nothing | the same, with roots by their names: of a linker script that is said to use paths only to find files |
//! | `program` | name searched in `PATH` | the contents of the program found |
//! | `library` | name that the loader searches | the contents of the library found |
//! | `cwd` | nothing | the working directory to the byte |
//! | `place` | nothing | the working directory and all roots to the byte |
//! | `host` | `host`, `user`, `processors` | the machine's name and kernel, the user, the processors |
//! | computed | what a function of a front end is about | what the function finds (shown by the function's name) |
//! | `status` | portable path | when a file was modified and created, and its permissions |

use crate::codec::{Reader, Writer};
use crate::digest::Digest;

macro_rules! kinds {
    ($($name:ident = $byte:literal, $word:literal;)*) => {
        /// What sort of look it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the module's table documents them")]
        pub enum Kind { $($name = $byte),* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$name),*];

            /// The word used in traces.
            pub fn word(self) -> &'static str {
                match self { $(Kind::$name => $word),* }
            }

            fn from_byte(b: u64) -> Option<Kind> {
                match b { $($byte => Some(Kind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    File = 1, "file";
    Path = 2, "path";
    Listing = 3, "listing";
    Tree = 4, "tree";
    Link = 5, "link";
    Env = 6, "env";
    EnvPath = 7, "env-path";
    EnvAll = 8, "env-all";
    EnvAllPath = 22, "env-all-path";
    Program = 9, "program";
    Cwd = 10, "cwd";
    Host = 11, "host";
    Library = 15, "library";
    Missing = 16, "missing";
    Place = 17, "place";
    LeadsTo = 20, "leads-to";
    Twins = 19, "twins";
    Status = 23, "status";
    Computed = 24, "computed";
}

/// A look, not yet what was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// What sort.
    pub kind: Kind,
    /// Of what: a portable path or a name.
    pub name: Vec<u8>,
}

impl Dependency {
    /// A look.
    pub fn new(kind: Kind, name: impl Into<Vec<u8>>) -> Dependency {
        Dependency { kind, name: name.into() }
    }

    /// A dependency that a function of a front end evaluates.
    pub fn computed(function: &str, name: impl AsRef<[u8]>) -> Dependency {
        Dependency::new(Kind::Computed, [function.as_bytes(), name.as_ref()].join(&0))
    }

    /// The function and the name of a computed dependency.
    pub fn computed_parts(&self) -> (&str, &[u8]) {
        let at = self.name.iter().position(|b| *b == 0).unwrap_or(self.name.len());
        let name = self.name.get(at + 1..).unwrap_or_default();
        (std::str::from_utf8(&self.name[..at]).unwrap_or_default(), name)
    }

    /// Whether a function of a front end evaluates the dependency.
    pub fn is_computed(&self, function: &str) -> bool {
        self.kind == Kind::Computed && self.computed_parts().0 == function
    }

    /// Into bytes.
    pub fn write(&self, w: &mut Writer) {
        w.num(self.kind as u64);
        w.bytes(&self.name);
    }

    /// From bytes.
    pub fn read(r: &mut Reader) -> Option<Dependency> {
        let kind = Kind::from_byte(r.num()?)?;
        Some(Dependency::new(kind, r.bytes()?))
    }

    /// As traces show it.
    pub fn label(&self) -> String {
        let (word, name) = match self.kind {
            Kind::Computed => self.computed_parts(),
            kind => (kind.word(), &self.name[..]),
        };
        let name = String::from_utf8_lossy(name);
        let sep = if name.is_empty() { "" } else { " " };
        format!("{word}{sep}{name}")
    }
}

/// A look and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedDependency {
    /// Where.
    pub dependency: Dependency,
    /// What.
    pub digest: Digest,
}

impl RecordedDependency {
    /// Into the bytes of a manifest.
    pub fn write(&self, w: &mut Writer) {
        self.dependency.write(w);
        w.digest(&self.digest);
    }

    /// From the bytes of a manifest.
    pub fn read(r: &mut Reader) -> Option<RecordedDependency> {
        Some(RecordedDependency { dependency: Dependency::read(r)?, digest: r.digest()? })
    }
}

/// What is seen where there is nothing.
pub const ABSENT: &[u8] = b"absent";

/// What is seen of a variable that is not set.
pub const UNSET: &[u8] = b"\0unset";

/// Observations as a manifest holds them: what was missing in one directory is one observation, since a C++ unit misses
/// thousands of headers in a dozen directories. The key is made from what is packed here, one by one.
pub fn pack(all: impl Iterator<Item = RecordedDependency>) -> Vec<RecordedDependency> {
    let absent = Digest::of(ABSENT);
    let mut out = Vec::new();
    let mut missing: Vec<(Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    for observation in all {
        let Dependency { kind, name } = &observation.dependency;
        let cut = name
            .iter()
            .rposition(|b| *b == b'/')
            .filter(|_| *kind == Kind::Path && observation.digest == absent);
        let Some(cut) = cut.filter(|at| *at > 0) else {
            out.push(observation);
            continue;
        };
        let (dir, rest) = (&name[..cut], name[cut + 1..].to_vec());
        match missing.iter_mut().find(|(known, _)| known == dir) {
            Some((_, names)) => names.push(rest),
            None => missing.push((dir.to_vec(), vec![rest])),
        }
    }
    out.extend(missing.into_iter().map(|(dir, names)| {
        let name = [&[dir][..], &names].concat().join(&0);
        RecordedDependency { dependency: Dependency::new(Kind::Missing, name), digest: absent }
    }));
    out
}
