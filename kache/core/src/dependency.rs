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
//! | `twins` | portable paths | of files with the same contents, or directories: which are one, and which files were changed in the same second |
//! | `listing` | portable path | the names in a directory, sorted, and of what sort each is |
//! | `tree` | portable path | names and contents of everything below |
//! | `link` | portable path | where a symbolic link points, or that none is there |
//! | `leads-to` | portable path | the same, as a portable path: where the compiler only follows the link |
//! | `env` | variable | its value to the byte, or that it is unset |
//! | `env-path` | variable | its value as a portable path: proved to be used only to locate included files |
//! | `env-all` | nothing, or `every` | every variable that no row of the ignore table excuses, or of that for macros alone |
//! | `env-all-path` | nothing, or `every` | the same, with roots by their names: of a linker script that is said to use paths only to find files, or where runs in several places made the same |
//! | `program` | name searched in `PATH` | the contents of the program found |
//! | `library` | name that the loader searches | the contents of the library found |
//! | `cwd` | nothing | the working directory to the byte |
//! | `place` | nothing | the working directory and all roots to the byte |
//! | `place` | the name of a root | the path of that root to the byte |
//! | `host` | a fact, with its argument, and a portable path | what the host answers to the question (`platform::host_fact`) |
//! | computed | what a function of a front end is about | what the function finds (shown by the function's name) |
//! | `permission` | portable path, a colon, the sum of 4 to read, 2 to write, 1 to execute | whether this process may read, write or execute it |
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

            /// The kind with this number.
            pub fn from_number(number: u8) -> Option<Kind> {
                Kind::from_byte(number.into())
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
    Permission = 30, "permission";
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

    /// A dependency on the names of all outputs, where the key does not hold them. The front end evaluates it.
    pub fn output_names() -> Dependency {
        Dependency::computed("output-names", b"")
    }

    /// The function and the name of a computed dependency.
    pub fn computed_parts(&self) -> (&str, &[u8]) {
        let at = self.name.iter().position(|b| *b == 0).unwrap_or(self.name.len());
        let name = self.name.get(at + 1..).unwrap_or_default();
        (std::str::from_utf8(&self.name[..at]).unwrap_or_default(), name)
    }

    /// A dependency on a fact about the host, and on what it is about: a portable path, a second argument, or nothing.
    pub fn host(fact: &[u8], about: &[u8]) -> Dependency {
        let about = if about.is_empty() { Vec::new() } else { [&[0], about].concat() };
        Dependency::new(Kind::Host, [fact, &about].concat())
    }

    /// The fact that a dependency on the host names, and what it is about.
    pub fn host_parts(&self) -> (&[u8], &[u8]) {
        let at = self.name.iter().position(|b| *b == 0).unwrap_or(self.name.len());
        (&self.name[..at], self.name.get(at + 1..).unwrap_or_default())
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
        let mut label = String::with_capacity(word.len() + 1 + name.len());
        label.push_str(word);
        if !name.is_empty() {
            label.push(' ');
        }
        match (self.kind, std::str::from_utf8(name)) {
            (Kind::Host, _) => label.push_str(&String::from_utf8_lossy(name).replace('\0', " ")),
            (_, Ok(name)) => label.push_str(name),
            (_, Err(_)) => label.push_str(&String::from_utf8_lossy(name)),
        }
        label
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

/// The value whose digest stands for a missing file.
pub const ABSENT: &[u8] = b"absent";

/// The value whose digest stands for an unset variable.
pub const UNSET: &[u8] = b"\0unset";

/// Combines the missing paths of a directory into one dependency, for the manifest: a C++ unit looks for thousands of headers
/// in a dozen directories. The result key is made from the dependencies before packing.
pub fn pack(all: impl Iterator<Item = RecordedDependency>) -> Vec<RecordedDependency> {
    let absent = Digest::of(ABSENT);
    let mut out = Vec::new();
    let mut missing: Vec<(Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    for recorded in all {
        let Dependency { kind, name } = &recorded.dependency;
        let cut = name
            .iter()
            .rposition(|b| *b == b'/')
            .filter(|_| *kind == Kind::Path && recorded.digest == absent);
        let Some(cut) = cut.filter(|at| *at > 0) else {
            out.push(recorded);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(kind: Kind, name: &str, seen: &[u8]) -> RecordedDependency {
        RecordedDependency { dependency: Dependency::new(kind, name), digest: Digest::of(seen) }
    }

    #[test]
    fn the_missing_paths_of_a_directory_are_packed_into_one() {
        let all = [
            recorded(Kind::Path, "<workspace>/inc/a.h", ABSENT),
            recorded(Kind::File, "<workspace>/src/a.c", b"contents"),
            recorded(Kind::Path, "<workspace>/src/b.h", ABSENT),
            recorded(Kind::Path, "<workspace>/inc/c.h", ABSENT),
        ];
        let packed = pack(all.into_iter());
        assert_eq!(
            packed,
            [
                recorded(Kind::File, "<workspace>/src/a.c", b"contents"),
                recorded(Kind::Missing, "<workspace>/inc\0a.h\0c.h", ABSENT),
                recorded(Kind::Missing, "<workspace>/src\0b.h", ABSENT),
            ]
        );
    }

    #[test]
    fn existing_paths_and_paths_without_a_directory_stay_as_they_are() {
        let all = [
            recorded(Kind::Path, "<workspace>/inc/a.h", b"file"),
            recorded(Kind::Path, "/a.h", ABSENT),
            recorded(Kind::Path, "a.h", ABSENT),
            recorded(Kind::File, "<workspace>/inc/b.h", ABSENT),
            recorded(Kind::Env, "A/B", ABSENT),
        ];
        assert_eq!(pack(all.clone().into_iter()), all);
    }

    #[test]
    fn every_kind_survives_a_round_trip() {
        let all: Vec<_> = Kind::ALL.iter().map(|kind| recorded(*kind, "name\0x", b"seen")).collect();
        let mut w = Writer::default();
        all.iter().for_each(|r| r.write(&mut w));
        let bytes = w.finish();
        let mut r = Reader::open_plain(&bytes).unwrap();
        let read: Vec<_> = all.iter().map(|_| RecordedDependency::read(&mut r).unwrap()).collect();
        assert!(r.at_end());
        assert_eq!(read, all);
    }
}
