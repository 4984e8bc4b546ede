//! Compilers: recognising them, taking their command lines apart, knowing their identity.
//!
//! A compiler family is an [`Adapter`], a value; what the rest of kache works on is an [`Invocation`], in which no
//! family is named any more. Adding a family is one file with a parser, one flag table, and one line in [`ADAPTERS`].

#[cfg(test)]
mod flag_lines;
pub mod flags;
#[allow(dead_code, reason = "its parser is next")]
pub mod gnu_flags;
#[allow(dead_code, reason = "its parser is to come")]
pub mod msvc_flags;
pub mod rustc;
pub mod rustc_flags;
pub mod rustup;
pub mod toolchain;

use crate::events::{Kind, Unit};
use crate::paths::Roots;
use flags::{Deferred, Flag, Row};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A compiler family.
pub struct Adapter {
    /// As in `kache flags <name>`.
    pub name: &'static str,
    /// Whether a program of this name belongs to it.
    pub recognises: fn(&str) -> bool,
    /// Its flags.
    pub table: &'static [Row],
    /// Takes a command line apart.
    pub parse: fn(&Command) -> Result<Invocation, Deferred>,
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every family.
pub static ADAPTERS: &[&Adapter] = &[&rustc::ADAPTER];

/// The family of a program, by its file name.
pub fn adapter(program: &Path) -> Option<&'static Adapter> {
    let name = program.file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    ADAPTERS.iter().copied().find(|a| (a.recognises)(name))
}

/// What the wrapper was called with.
#[derive(Clone, Debug)]
pub struct Command {
    /// The compiler, as given.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The working directory.
    pub cwd: PathBuf,
}

/// One command line, understood.
#[derive(Debug)]
pub struct Invocation {
    /// The family.
    pub adapter: &'static Adapter,
    /// The program to identify and run.
    pub program: PathBuf,
    /// Arguments to give it before ours: the `rustc` that clippy's driver wants to see first.
    pub lead: Vec<OsString>,
    /// The arguments to give it (response files stay as they are).
    pub args: Vec<OsString>,
    /// The flags, in order, response files opened.
    pub flags: Vec<Flag>,
    /// The input file, as given; empty for a probe.
    pub input: String,
    /// The working directory.
    pub cwd: PathBuf,
    /// What it builds. `source` is filled in once the roots are known.
    pub unit: Unit,
    /// Unit or probe.
    pub kind: Kind,
    /// Where outputs go.
    pub outputs: OutputNames,
    /// The dep-info or depfile it writes.
    pub depinfo: Option<PathBuf>,
    /// Directories in which only crates of crates are searched, by hash.
    pub search: Vec<PathBuf>,
    /// The directory of its own state from earlier runs.
    pub incremental: Option<PathBuf>,
    /// Paths must stay literal: coverage, and run paths, which say how to get from the output to a library.
    pub literal_paths: bool,
    /// How the caller wants diagnostics, resolved: name and value.
    pub settings: Vec<(&'static str, String)>,
    /// Arguments that make a captured run print what the caller's terminal would have got.
    pub inject: Vec<OsString>,
    /// The key must tell this processor from others (`-C target-cpu=native`).
    pub native_cpu: bool,
}

/// Which files an invocation may leave behind.
#[derive(Clone, Debug, Default)]
pub struct OutputNames {
    /// The directory of those with a planned stem.
    pub dir: PathBuf,
    /// `<stem>`, `<stem>.*`, `lib<stem>.*` in `dir` are outputs.
    pub stem: String,
    /// Outputs named in full.
    pub exact: Vec<PathBuf>,
}

impl OutputNames {
    /// Whether a file is one of them.
    pub fn owns(&self, path: &Path) -> bool {
        if self.exact.iter().any(|p| p == path) {
            return true;
        }
        if self.stem.is_empty() || path.parent() != Some(&self.dir) {
            return false;
        }
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return false };
        [name, name.strip_prefix("lib").unwrap_or(name)].iter().any(|n| {
            n.strip_prefix(self.stem.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

impl Invocation {
    /// Cargo's target directory, or its build directory where that is another. Cargo tags those that it makes itself,
    /// one for a target platform within another too; one that was there before (a mounted volume, `mktemp -d`) is known
    /// by the lock in the directory of the profile, and may lie in something else that has a tag.
    fn target_dir(&self) -> Option<PathBuf> {
        let tagged = crate::paths::upward(&self.outputs.dir, &["CACHEDIR.TAG"]);
        let profile = crate::paths::upward(&self.outputs.dir, &[".cargo-lock", ".cargo-build-lock"]);
        let Some(above) = profile.as_deref().and_then(Path::parent) else { return tagged };
        if tagged.as_ref().is_some_and(|tagged| tagged != above && tagged.starts_with(above)) {
            return tagged;
        }
        let named =
            self.flags.iter().rev().find(|f| f.row.flag == "--target").and_then(|f| f.value.as_deref());
        let platform = named.and_then(|t| Path::new(t.strip_suffix(".json").unwrap_or(t)).file_name());
        let inner = platform.is_some() && above.file_name() == platform;
        if inner { above.parent() } else { Some(above) }.map(Path::to_path_buf)
    }

    /// The named places that this invocation's paths are relative to.
    pub fn roots(&self, sysroot: Option<&Path>, remap: bool, bases: &[PathBuf]) -> Roots {
        let remap = remap && !self.literal_paths;
        let mapped = |to: &'static str| remap.then_some(to);
        let mut roots = Roots::default();
        let target = (!self.outputs.dir.as_os_str().is_empty()).then(|| self.target_dir()).flatten();
        let cargo = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cargo")))
            .map(|p| crate::paths::absolute(&self.cwd, &p));
        let in_cargo = cargo.as_ref().is_some_and(|c| self.cwd.starts_with(c));
        for (i, base) in bases.iter().enumerate() {
            let to = format!("/kache/base/{i}");
            roots.add(&format!("base:{i}"), base.clone(), remap.then_some(to.as_str()));
        }
        if let Some(sysroot) = sysroot {
            roots.add("sysroot", sysroot.to_path_buf(), None);
        }
        let start =
            if in_cargo { target.as_deref().and_then(Path::parent) } else { Some(self.cwd.as_path()) };
        if let Some(target) = &target {
            roots.add("target", target.clone(), mapped("./target"));
        }
        if let Some(workspace) =
            start.and_then(crate::paths::checkout).or_else(|| start.map(Path::to_path_buf))
        {
            roots.add("workspace", workspace, mapped("."));
        }
        if let Some(cargo) = cargo {
            roots.add("cargo", cargo, mapped("/kache/cargo"));
        }
        roots
    }
}
