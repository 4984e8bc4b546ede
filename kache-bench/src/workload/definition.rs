//! The definition of a workload: a project, and how it is fetched, built, cleaned and checked.
//!
//! `workloads/NAME.toml` contains it. A new workload needs no code: special needs are part of its commands,
//! which are shell lines.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// File name without `.toml`.
    pub name: String,
    /// What the project is, and why it is a workload.
    pub description: String,
    pub source: Source,
    /// An earlier revision, for `pull`.
    pub earlier: Option<Source>,
    /// Compilers that run through the cache.
    pub wiring: Wiring,
    /// Run once in each clone, without a cache and not measured.
    pub setup: Vec<String>,
    /// The measured build.
    pub build: Vec<String>,
    /// Set for setup, build and clean. `{checkout}` and `{label}` stand for the clone's path and `a`, `b` or
    /// `c`, as in command lines.
    pub environment: BTreeMap<String, String>,
    /// Resets a built clone, so that the next build does everything again.
    pub clean: Vec<String>,
    pub units: Units,
    /// Requirements on the machine.
    pub tools: Tools,
    /// Minimum figures for a good verdict.
    pub expect: Expect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory, relative to the workload file.
    Path(PathBuf),
    /// A repository, by URL or local path, at a revision.
    Git {
        url: String,
        /// A commit, tag or branch.
        rev: String,
        /// Whether clones have the history; without it, the tree becomes one commit.
        history: bool,
    },
    /// A package of crates.io, with its `Cargo.lock`.
    Crate { name: String, version: String },
    /// A Debian source package, with its patches.
    Debian {
        /// The source package, or a binary package built from it.
        package: String,
        /// The required version; if `None`, the mirror's version.
        version: Option<String>,
        /// Number of Debian's last patches to leave out, for an earlier state.
        without: usize,
    },
}

impl Source {
    /// The same source at another revision: a version, a commit, or a directory relative to `base`.
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

/// Compilers that run through the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    pub rustc: bool,
    /// How C and C++ compilers are wired, if they are.
    pub cc: Option<CcWiring>,
}

/// How C and C++ compilers are wired: build systems differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcWiring {
    /// `CC` and `CXX`: make, configure scripts, the `cc` crate.
    Environment,
    /// `CMAKE_C_COMPILER_LAUNCHER` and similar variables, without `CC`, which CMake would wrap again.
    Launcher,
    /// `kache run` in front of the build. Other caches are wired as with `Environment`.
    Run,
    /// A directory with the names of compilers first on `PATH`: covers every call, even of a compiler that a
    /// configure script chose earlier.
    Shims,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// Programs on `PATH`.
    #[serde(rename = "required")]
    pub programs: Vec<String>,
    /// Debian packages with all requirements, including libraries.
    pub debian: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// Families of commands that count: `rustc`, `cc`, `link`, `script`.
    pub families: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// Minimum number of units in a cold build; fewer mean that the build did not do its work.
    pub units: usize,
    /// Hit rate of units in the second clone, without runs of build scripts.
    pub hit_rate: f64,
    /// Hit rate of all units in the third clone, and in a second build of the second.
    pub third_hit_rate: f64,
    /// Share of pairs with equal keys.
    pub stability: f64,
    /// Units excepted from all three, because they embed a checkout's path or a similar value in their outputs.
    pub embedded_paths: Vec<UnitClaim>,
    /// Units whose compiler output differs from compile to compile.
    pub nondeterministic: Vec<NondeterminismClaim>,
}

/// A claimed exception for a unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitClaim {
    /// The unit's label (`demo 0.1.0 (lib)`) or its crate's name.
    pub unit: String,
    pub reason: String,
}

/// The claim that two compiles of a unit in one place differ.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NondeterminismClaim {
    /// As in [`UnitClaim`].
    pub unit: String,
    pub reason: String,
    /// What the two have in common; `None` if they need not have anything in common.
    pub lines: Option<CommonLines>,
}

/// The lines that two compiles of a unit have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommonLines {
    /// Each file has the same lines, each as many times, in any order.
    AnyOrder,
}
