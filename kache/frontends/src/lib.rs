//! Compilers: recognising them, taking their command lines apart, knowing their identity.
//!
//! A compiler family is an [`Adapter`], a value; what the rest of kache works on is an [`Invocation`], in which no
//! family is named any more. Adding a family is one file with a parser, one flag table, and one line in [`ADAPTERS`].

pub mod action;
pub mod collect;
pub mod define;
pub mod depinfo;
pub mod eval;
pub mod finalize;
#[cfg(all(test, target_os = "linux"))]
mod flag_columns;
#[cfg(test)]
mod flag_lines;
pub mod flags;
pub mod gnu;
pub mod gnu_flags;
mod handed;
pub mod include;
pub mod msvc;
pub mod msvc_flags;
pub mod policies;
pub mod recognise;
pub mod response;
pub mod rustc;
pub mod rustc_flags;
pub mod rustup;
pub mod shims;
pub mod source;
pub mod tables;
pub mod toolchain;
pub mod unobserved;

use flags::{Flag, Row};
use kache_core::events::{Kind, Unit};
use kache_core::paths::{self, Roots, absolute};
use kache_core::platform;
use kache_core::policy::TrustPolicy;
use kache_core::reason::NotCacheable;
use kache_core::template::Format;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// A compiler family.
pub struct Adapter {
    /// As in `kache flags <name>`.
    pub name: &'static str,
    /// Whether a program of this name belongs to it.
    pub recognises: fn(&str) -> bool,
    /// As in events: `unit.family`.
    pub family: &'static str,
    /// Its flags.
    pub table: &'static [Row],
    /// Takes a command line apart.
    pub parse: fn(&Command) -> Result<Invocation, NotCacheable>,
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
    /// Whether it compiles crates: finds some by searching, reads variables by `env!`, links, and prints mapped paths.
    pub crates: bool,
    /// Whose code is trusted with what.
    pub policy: &'static TrustPolicy,
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
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

/// Every family.
pub static ADAPTERS: &[&Adapter] = &[&rustc::ADAPTER, &gnu::ADAPTER, &msvc::ADAPTER];

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
    /// Response files, with what was read from each. Their words are among `flags`.
    pub response_files: Vec<(PathBuf, Vec<u8>)>,
    /// The compiler runs code that is not its own within itself: nothing that it does is excused as its own.
    pub plugin: bool,
    /// The source is in assembly language, and debug information is made for it.
    pub debugs_assembly: bool,
    /// clang writes bitcode, in which it maps no paths.
    pub makes_bitcode: bool,
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
    /// The working directory as `PWD` has it, where that is another spelling and C compilers are left to write it.
    pub fn spelt_cwd(&self) -> Option<PathBuf> {
        if self.adapter.crates || !self.literal_paths {
            return None;
        }
        let spelt = PathBuf::from(std::env::var_os("PWD")?);
        let same = spelt.is_absolute() && spelt != self.cwd;
        (same && spelt.canonicalize().ok() == self.cwd.canonicalize().ok()).then_some(spelt)
    }

    /// Cargo's target directory, or its build directory where that is another. Cargo tags those that it makes itself,
    /// one for a target platform within another too; one that was there before (a mounted volume, `mktemp -d`) is known
    /// by the lock in the directory of the profile, and may lie in something else that has a tag.
    fn target_dir(&self) -> Option<PathBuf> {
        let tagged = paths::upward(&self.outputs.dir, &["CACHEDIR.TAG"]);
        let profile = paths::upward(&self.outputs.dir, &[".cargo-lock", ".cargo-build-lock"]);
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
            .or_else(|| Some(platform::home()?.join(".cargo")))
            .map(|p| absolute(&self.cwd, &p));
        for (i, base) in bases.iter().enumerate() {
            let to = format!("/kache/base/{i}");
            roots.add(&format!("base:{i}"), base.clone(), remap.then_some(to.as_str()));
        }
        if let Some(sysroot) = sysroot.filter(|s| s.is_absolute()) {
            roots.add("sysroot", sysroot.to_path_buf(), None);
        }
        let workspace = self.workspace(target.as_deref(), cargo.as_deref());
        if let Some(target) = target {
            roots.add("target", target, mapped("./target"));
        }
        if let Some(workspace) = workspace {
            roots.add("workspace", workspace, mapped("."));
        }
        if let Some(cargo) = cargo {
            roots.add("cargo", cargo, mapped("/kache/cargo"));
        }
        // A build directory beside the checkout.
        let cwd = self.cwd.as_os_str().as_encoded_bytes();
        if !self.adapter.crates && roots.portable(cwd) == cwd {
            roots.add("build", paths::build_dir(&self.cwd), mapped("/kache/build"));
        }
        roots
    }

    /// Macros of the command line that have a root's path in them.
    pub fn path_macros(&self, roots: &Roots) -> Vec<(String, String)> {
        let macros = self.flags.iter().filter_map(Flag::macro_parts).filter(|(_, value)| roots.within(value));
        macros.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// The checkout: of the working directory for crates, of the source for C, whose builds may run beside it. What
    /// lies in cargo's home is built for the checkout that the target directory is in.
    fn workspace(&self, target: Option<&Path>, cargo: Option<&Path>) -> Option<PathBuf> {
        let foreign = |dir: &Path| cargo.is_some_and(|c| dir.starts_with(c));
        let beside = target.and_then(Path::parent);
        if foreign(&self.cwd) {
            return beside.map(|dir| paths::checkout(dir).unwrap_or(dir.to_path_buf()));
        }
        let source = absolute(&self.cwd, Path::new(&self.input));
        let source = source.parent().filter(|dir| !self.adapter.crates && !foreign(dir));
        // `..` in a path that is told relative to the build directory.
        let source = source.and_then(|dir| dir.canonicalize().ok()).filter(|dir| !foreign(dir));
        source
            .and_then(|dir| paths::checkout(&dir))
            .or_else(|| paths::checkout(&self.cwd))
            .or_else(|| Some(self.cwd.clone()))
    }
}
