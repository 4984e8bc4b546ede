//! A workload: a real project, and how it is fetched, built, cleaned and judged.
//!
//! It is described by `workloads/NAME.toml`. Adding one takes no code: a project that needs something special
//! says so in its commands, which are shell lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The file's name without `.toml`.
    pub name: String,
    /// What it is and why it is here.
    pub description: String,
    /// Where its sources come from.
    pub source: Source,
    /// The same at an earlier revision, for `pull`.
    pub earlier: Option<Source>,
    /// Which compilers are put behind the cache.
    pub wiring: Wiring,
    /// Run once in each clone, outside of all measured times and without a cache.
    pub setup: Vec<String>,
    /// The build that is measured.
    pub build: Vec<String>,
    /// Set for setup, build and clean. `{checkout}` and `{label}` stand for the clone's path and `a` or `b`,
    /// here as in the command lines.
    pub environment: BTreeMap<String, String>,
    /// Takes a built clone back to where the next build does everything.
    pub clean: Vec<String>,
    pub units: Units,
    /// What the machine must have.
    pub tools: Tools,
    /// The floor below which the verdict is bad.
    pub expect: Expect,
}

/// Where a workload's sources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory, relative to the workload's file.
    Path(PathBuf),
    /// A repository, by URL or local path, at a revision.
    Git {
        url: String,
        /// A commit, tag or branch.
        rev: String,
        /// Whether clones have its history, too; without, its tree becomes one commit.
        history: bool,
    },
    /// A package as published on crates.io, with its `Cargo.lock`.
    Crate { name: String, version: String },
    /// A source package as Debian ships it, patched.
    Debian {
        /// The source package, or a binary package that is built from it.
        package: String,
        /// The version that the mirror must have; whatever it has if none is given.
        version: Option<String>,
        /// How many of Debian's patches are left out, the last ones: what the package was before.
        without: usize,
    },
}

impl Source {
    /// The same at another revision: a version, a commit, a directory beside `base`.
    pub(super) fn at(&self, revision: &str, base: &Path) -> Source {
        let revision = revision.to_owned();
        match self.clone() {
            Source::Path(_) => Source::Path(base.join(revision)),
            Source::Git { url, history, .. } => Source::Git { url, rev: revision, history },
            Source::Crate { name, .. } => Source::Crate { name, version: revision },
            Source::Debian { package, .. } => Source::Debian { package, version: Some(revision), without: 0 },
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Path(path) => {
                write!(f, "path {}", path.file_name().unwrap_or_default().to_string_lossy())
            }
            Source::Git { url, rev, .. } => write!(f, "git {url} {rev}"),
            Source::Crate { name, version } => write!(f, "crate {name} {version}"),
            Source::Debian { package, version, without } => {
                write!(f, "debian {package}")?;
                version.iter().try_for_each(|version| write!(f, " {version}"))?;
                if *without > 0 { write!(f, " without {without} of its patches") } else { Ok(()) }
            }
        }
    }
}

/// Which compilers are put behind the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    pub rustc: bool,
    /// C and C++ compilers, and in which way.
    pub cc: Option<CcWiring>,
}

/// How C and C++ compilers are put behind the cache: build systems differ in what they listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcWiring {
    /// `CC` and `CXX`: make, configure scripts, the `cc` crate.
    Environment,
    /// `CMAKE_C_COMPILER_LAUNCHER` and its like, without `CC`, which CMake would put behind the launcher once more.
    Launcher,
    /// A directory of compilers' names in front of `PATH`: whatever a build calls, even what a configure script
    /// chose before the cache was there.
    Shims,
}

/// What the machine must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// Programs that must be found on `PATH`.
    pub programs: Vec<String>,
    /// Debian's packages that bring all that is needed, libraries too.
    pub debian: Vec<String>,
}

/// Which invocations count as units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// The compiler families that count: `rustc`, `cc`.
    pub families: Vec<String>,
}

/// The floor figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// At least so many units in a cold build: fewer means that the build did not do what it is here for.
    pub units: usize,
    /// Hits of all units, in the second clone.
    pub hit_rate: f64,
    /// Pairs with equal keys of all pairs.
    pub stability: f64,
    /// Units excepted from both because they bake a checkout's path, or the like, into what they build.
    pub embedded_paths: Vec<UnitClaim>,
    /// Units that the compiler itself makes differently each time.
    pub nondeterministic: Vec<UnitClaim>,
}

/// A unit that is excepted from something that holds of all others, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitClaim {
    /// Its label (`demo 0.1.0 (lib)`) or its crate's name.
    pub unit: String,
    pub reason: String,
}
