//! A compiler's command line, taken apart. Private to the front ends of compilers.

use crate::cargo_home::CargoHome;
use crate::flags::{Bucket, Effect, Flag, Form, Row, Takes};
use kache_core::action::OutputNames;
use kache_core::digest::Digest;
use kache_core::events::{Kind, Unit};
use kache_core::paths::{self, Roots, absolute};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a family compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Crates: the compiler finds some by searching, reads variables by `env!`, links, and prints mapped paths.
    Rust,
    /// C, C++ and what is compiled like them.
    C,
}

impl Language {
    pub fn is_rust(self) -> bool {
        self == Language::Rust
    }
}

/// A source after the first one. It counts as given.
pub static FURTHER_SOURCE: Row = Row {
    flag: "<source>",
    aliases: &[],
    takes: Takes::Nothing,
    bucket: Bucket::Relevant(Form::Path),
    effect: &Effect::NONE,
};

/// What a command makes, as far as paths in it are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Code, in which arguments map paths.
    Code,
    /// What a linker makes of objects: it has no argument that maps a path.
    Linked,
    /// Text of sources, for programs: preprocessed, or rules for make. It is to be what the compiler writes here.
    Text,
    /// A form of sources for later compiles, which name the sources by the paths in it: a precompiled header.
    Precompiled,
}

/// One command line, understood.
#[derive(Debug)]
pub struct Invocation {
    pub language: Language,
    pub program: PathBuf,
    /// Arguments that come before those of kache: the `rustc` that clippy's driver expects first.
    pub lead: Vec<OsString>,
    /// The arguments as given, response files unopened.
    pub args: Vec<OsString>,
    /// The flags, in order, response files opened.
    pub flags: Vec<Flag>,
    /// The input file, as given; empty for a probe.
    pub input: String,
    pub cwd: PathBuf,
    /// `source` becomes portable once the roots are known.
    pub unit: Unit,
    pub kind: Kind,
    pub outputs: OutputNames,
    /// The dep-info or depfile that the compiler writes.
    pub depinfo: Option<PathBuf>,
    /// Directories in which only indirect crates are searched, by hash.
    pub search: Vec<PathBuf>,
    /// The directory of incremental state from earlier runs.
    pub incremental: Option<PathBuf>,
    /// Paths must not be mapped: coverage, and run paths, which lead from the output to a library.
    pub literal_paths: bool,
    /// How the caller wants diagnostics, resolved to names and values.
    pub settings: Vec<(&'static str, String)>,
    /// Arguments that make a captured run print what the caller's terminal would have received.
    pub inject: Vec<OsString>,
    /// Response files with their contents. Their words are among `flags`.
    pub response_files: Vec<(PathBuf, Vec<u8>)>,
    /// The compiler loads a plugin, so nothing that its process does is trusted as the compiler's own.
    pub plugin: bool,
    /// Debug information is made for a source in assembly language.
    pub debugs_assembly: bool,
    /// The compiler writes bitcode, in which clang maps no paths.
    pub makes_bitcode: bool,
    /// The digest of the source, where the source is standard input.
    pub stdin: Option<Digest>,
    /// The processor is part of the key (`-C target-cpu=native`).
    pub native_cpu: bool,
    pub makes: Makes,
}

impl Invocation {
    /// The sources, as given.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let further = self.flags.iter().filter(|flag| flag.row.flag == FURTHER_SOURCE.flag);
        [self.input.as_str()].into_iter().chain(further.filter_map(|flag| flag.value.as_deref()))
    }

    /// Whether no argument maps a path in what is written: a path there is a dependency on the place of the root.
    pub fn maps_nothing(&self) -> bool {
        self.makes != Makes::Code
    }

    /// Whether a compiler writes paths that no argument maps.
    pub fn keeps_paths(&self) -> bool {
        matches!(self.makes, Makes::Text | Makes::Precompiled)
    }

    /// The last part of the path of the input.
    pub fn input_name(&self) -> &[u8] {
        Path::new(&self.input).file_name().unwrap_or_default().as_encoded_bytes()
    }

    /// The working directory as `PWD` names it, if that is another form of the path and a C compiler writes it into the output.
    pub fn spelt_cwd(&self) -> Option<PathBuf> {
        if self.language.is_rust() || !(self.literal_paths || self.keeps_paths()) {
            return None;
        }
        self.other_cwd()
    }

    /// Whether the command line maps paths, and `PWD` is another form of the working directory: the user's map is for what the
    /// compiler writes as its directory, so that kache cannot set `PWD`.
    pub fn maps_other_cwd(&self) -> bool {
        const MAPS: &[&str] = &["-fdebug-prefix-map=", "-ffile-prefix-map="];
        !self.language.is_rust()
            && self.flags.iter().any(|flag| MAPS.contains(&flag.row.flag))
            && self.other_cwd().is_some()
    }

    /// The working directory as `PWD` names it, if that is another form of the path.
    fn other_cwd(&self) -> Option<PathBuf> {
        let spelt = PathBuf::from(std::env::var_os("PWD")?);
        let same = spelt.is_absolute() && spelt != self.cwd;
        (same && spelt.canonicalize().ok() == self.cwd.canonicalize().ok()).then_some(spelt)
    }

    /// The roots that the paths of this command line lie under.
    pub fn roots(&self, sysroot: Option<&Path>, remap: bool, bases: &[PathBuf]) -> Roots {
        let remap = remap && !self.literal_paths && !self.maps_nothing();
        let mapped = |to: &'static str| remap.then_some(to);
        let mut roots = Roots::default();
        let platform = self.flags.iter().rev().find(|f| f.row.flag == "--target");
        let platform = platform.and_then(|flag| flag.value.as_deref());
        let dir = &self.outputs.dir;
        let target = (!dir.as_os_str().is_empty()).then(|| target_dir(dir, platform)).flatten();
        let cargo = CargoHome::find(&self.cwd);
        for (i, base) in bases.iter().enumerate() {
            let to = format!("/kache/base/{i}");
            roots.add(&format!("base:{i}"), base.clone(), remap.then_some(to.as_str()));
        }
        if let Some(sysroot) = sysroot.filter(|s| s.is_absolute()) {
            roots.add("sysroot", sysroot.to_path_buf(), None);
        }
        let workspace = self.workspace(target.as_deref(), cargo.as_ref());
        if let Some(target) = target {
            roots.add("target", target, mapped("./target"));
        }
        if let Some(workspace) = workspace {
            roots.add("workspace", workspace, mapped("."));
        }
        if let Some(cargo) = cargo {
            roots.add("cargo", cargo.dir, mapped("/kache/cargo"));
        }
        if let Some(build) = self.build_dir(&roots) {
            roots.add("build", build, mapped("/kache/build"));
        }
        roots
    }

    /// The build directory of a C compile, where its name does not count: beside the checkout, or in the checkout where the compiler
    /// writes no debug information. A debugger that is started in the checkout finds sources by way of the build directory.
    fn build_dir(&self, roots: &Roots) -> Option<PathBuf> {
        if self.language.is_rust() {
            return None;
        }
        let cwd = self.cwd.as_os_str().as_encoded_bytes();
        let is_beside = roots.portable(cwd) == cwd;
        if is_beside {
            return Some(paths::build_dir(&self.cwd).unwrap_or_else(|| self.cwd.clone()));
        }
        let asks_for_debug_info = || self.flags.iter().any(|flag| flag.row.effect.debug_info);
        if self.maps_nothing() || asks_for_debug_info() {
            return None;
        }
        let workspace = roots.get("workspace")?;
        paths::build_dir(&self.cwd).filter(|build| build != workspace && build.starts_with(workspace))
    }

    /// Macros of the command line whose value contains the path of a root.
    pub fn path_macros(&self, roots: &Roots) -> Vec<(String, String)> {
        let macros = self.flags.iter().filter_map(Flag::macro_parts).filter(|(_, value)| roots.within(value));
        macros.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// The checkout: that of the working directory for crates, that of the source for C, since a C build may run outside the
    /// checkout. A crate in cargo's home is built for the checkout that has the target directory.
    fn workspace(&self, target: Option<&Path>, cargo: Option<&CargoHome>) -> Option<PathBuf> {
        let foreign = |dir: &Path| cargo.is_some_and(|cargo| cargo.contains(dir));
        let beside = target.and_then(Path::parent);
        if foreign(&self.cwd) {
            return beside.map(|dir| paths::checkout(dir).unwrap_or(dir.to_path_buf()));
        }
        let source = absolute(&self.cwd, Path::new(&self.input));
        let source = source.parent().filter(|dir| !self.language.is_rust() && !foreign(dir));
        // Resolves `..` in a path relative to the build directory.
        let source = source.and_then(|dir| dir.canonicalize().ok()).filter(|dir| !foreign(dir));
        source
            .and_then(|dir| paths::checkout(&dir))
            .or_else(|| paths::checkout(&self.cwd))
            .or_else(|| Some(self.cwd.clone()))
    }
}

/// Cargo's target directory, or its separate build directory, by a directory below it and the target platform that was asked
/// for. Cargo tags each directory that it makes, also one for a target platform inside another. A directory that existed
/// before (a mounted volume, `mktemp -d`) has no tag and is known by the lock in the directory of the profile; it may lie
/// inside a tagged directory.
pub(crate) fn target_dir(below: &Path, platform: Option<&str>) -> Option<PathBuf> {
    let tagged = paths::upward(below, &["CACHEDIR.TAG"]);
    let profile = paths::upward(below, &[".cargo-lock", ".cargo-build-lock"]);
    let Some(above) = profile.as_deref().and_then(Path::parent) else { return tagged };
    if tagged.as_ref().is_some_and(|tagged| tagged != above && tagged.starts_with(above)) {
        return tagged;
    }
    let platform = platform.and_then(|t| Path::new(t.strip_suffix(".json").unwrap_or(t)).file_name());
    let inner = platform.is_some() && above.file_name() == platform;
    if inner { above.parent() } else { Some(above) }.map(Path::to_path_buf)
}
