//! The rules where there is no observer: nothing is known of what other code than the compiler's looked at, so
//! everything that it plausibly could have is looked at, and what is linked is not stored at all.

use crate::Invocation;
use crate::collect::Collected;
use crate::eval::EVERY;
use crate::flags::{Flags, Form};
use crate::toolchain::Toolchain;
use kache_core::dependency::{Dependency, Kind};
use kache_core::paths::{Roots, absolute};
use kache_core::platform::{self, FileType};
use kache_core::reason::{NotCacheable, Reason};
use kache_core::template;
use std::path::{Path, PathBuf};

/// What rustc itself asks the environment for, besides what is about diagnostics and its own memory.
const ASKED: &[&str] = &[
    "RUSTC_BOOTSTRAP",
    "RUSTC_FORCE_INCREMENTAL",
    "RUSTC_FORCE_RUSTC_VERSION",
    "RUSTC_OVERRIDE_VERSION_STRING",
    "RUST_TARGET_PATH",
    "SDKROOT",
    "IPHONEOS_DEPLOYMENT_TARGET",
    "MACOSX_DEPLOYMENT_TARGET",
    "TVOS_DEPLOYMENT_TARGET",
    "VISIONOS_DEPLOYMENT_TARGET",
    "WATCHOS_DEPLOYMENT_TARGET",
];

/// What the rules go by.
pub struct Rules<'a> {
    /// What was asked.
    pub invocation: &'a Invocation,
    /// By what.
    pub toolchain: &'a Toolchain,
    /// Where.
    pub roots: &'a Roots,
    /// Macros are believed to look at their package, the directory of its build script and the environment, and at
    /// nothing else: that is the user's word (`observe = off`). Without it what may have run one is not kept.
    pub macros_are_tame: bool,
}

impl Rules<'_> {
    /// What to look at, and the outputs found on disk.
    pub fn gather(&self, started: i64) -> Result<Collected, NotCacheable> {
        let mut out = Collected::default();
        self.is_bounded()?;
        out.dependencies.extend(ASKED.iter().map(|name| Dependency::new(Kind::Env, *name)));
        out.dependencies.extend(self.own_libraries());
        out.dependencies.extend(self.crates()?);
        out.dependencies.extend(self.searched()?);
        // Crates of crates need no look: a crate's metadata holds the hashes of those it was built against, and rustc
        // refuses any other.
        let outputs = &self.invocation.outputs;
        for entry in std::fs::read_dir(&outputs.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if outputs.owns(&path) && is_new(&path, started) {
                out.outputs.insert(path);
            }
        }
        Ok(out)
    }

    /// Of a module's file, the other that it could be: where both are, rustc refuses. And none of it is reported.
    pub fn rivals(&self, sources: &[Vec<u8>]) -> Vec<Dependency> {
        let rival = |file: &Vec<u8>| {
            let path = absolute(&self.invocation.cwd, Path::new(platform::os_str(file)));
            if path.extension()? != "rs" {
                return None;
            }
            let other = if path.file_name()? == "mod.rs" {
                path.parent()?.with_extension("rs")
            } else {
                path.with_extension("").join("mod.rs")
            };
            Some(self.look(Kind::Path, &other))
        };
        sources.iter().filter_map(rival).collect()
    }

    fn look(&self, kind: Kind, path: &Path) -> Dependency {
        let path = absolute(&self.invocation.cwd, path);
        Dependency::new(kind, self.roots.portable(path.as_os_str().as_encoded_bytes()))
    }

    /// Refuses what no rule bounds.
    fn is_bounded(&self) -> Result<(), NotCacheable> {
        let invocation = self.invocation;
        if !invocation.adapter.crates {
            return refuse("which headers a C compiler looked for is only known from the observer");
        }
        if invocation.unit.kind.split(',').any(|k| !matches!(k, "lib" | "rlib" | "probe")) {
            return refuse("what a linker reads is only known from the observer");
        }
        if invocation.input.is_empty() {
            return refuse("what a question depends on is only known from the observer");
        }
        if invocation.unit.family == "clippy" {
            return refuse("where clippy looks for its settings is only known from the observer");
        }
        if Flags(&invocation.flags).any(|e| e.needs_observer) {
            return refuse("what is read of another sysroot is only known from the observer");
        }
        Ok(())
    }

    /// The libraries that the compiler may load, where its identity does not have them already.
    fn own_libraries(&self) -> Vec<Dependency> {
        let Some(dir) = self.invocation.program.parent() else { return Vec::new() };
        let beside = [dir.to_path_buf(), dir.with_file_name("lib")];
        let all = beside.iter().flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
        let paths = all.map(|e| e.path()).filter(|p| is_dylib(&p.to_string_lossy()));
        paths.filter(|p| !self.toolchain.covers(p)).map(|p| self.look(Kind::File, &p)).collect()
    }

    /// The crates that are named, and what the macros among them, or those that they hand on, could look at.
    fn crates(&self) -> Result<Vec<Dependency>, NotCacheable> {
        let mut out = Vec::new();
        let mut named = Vec::new();
        for flag in self.invocation.flags.iter().filter(|f| f.row.form() == Some(Form::Extern)) {
            let Some((_, path)) = flag.value.as_deref().and_then(|v| v.split_once('=')) else {
                return refuse("a crate without a path could be any in the search path");
            };
            out.push(self.look(Kind::File, Path::new(path)));
            named.push(absolute(&self.invocation.cwd, Path::new(path)));
        }
        if !may_run_macros(&named, &self.invocation.search) {
            return Ok(out);
        }
        if !self.macros_are_tame {
            return refuse("what a macro looks at is only known from the observer (see `observe`)");
        }
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or(self.invocation.cwd.clone(), Into::into);
        out.push(self.look(Kind::Tree, &package));
        out.extend(std::env::var_os("OUT_DIR").map(|dir| self.look(Kind::Tree, Path::new(&dir))));
        out.push(Dependency::new(Kind::EnvAll, EVERY));
        Ok(out)
    }

    /// What is found by searching, by the flags that say where.
    fn searched(&self) -> Result<Vec<Dependency>, NotCacheable> {
        let mut out = Vec::new();
        for flag in &self.invocation.flags {
            let value = flag.value.as_deref().unwrap_or_default();
            match (flag.row.form(), value.split_once('=')) {
                (Some(Form::Search), Some(("dependency", _))) => {}
                // A static library goes into the crate; which one is meant, what is there decides.
                (Some(Form::Search), Some(("native", dir))) => {
                    let tree = self.look(Kind::Tree, Path::new(dir));
                    if !tree.name.starts_with(b"<") {
                        return refuse(
                            "which native libraries a crate takes in is only known from the observer",
                        );
                    }
                    out.push(tree);
                }
                (Some(Form::Search), _) => return refuse("a crate may be any in the search path"),
                (Some(Form::PathOrName), _) if value.ends_with(".json") => {
                    out.push(self.look(Kind::File, Path::new(value)));
                }
                _ => {}
            }
        }
        Ok(out)
    }
}

fn refuse<T>(why: &str) -> Result<T, NotCacheable> {
    Err(NotCacheable::new(Reason::NotObserved, why))
}

/// Whether a crate that is named is a macro, or may hand on one that lies where crates of crates are searched.
///
/// A crate's metadata says of each crate that it was built against how its file's name ends (`-0a1b…`, as cargo has it),
/// plainly. A macro whose ending no named crate has is none of theirs; one without an ending could be anybody's.
fn may_run_macros(named: &[PathBuf], search: &[PathBuf]) -> bool {
    if named.iter().any(|path| is_dylib(&path.to_string_lossy())) {
        return true;
    }
    let entries = search.iter().flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
    let macros: Vec<String> =
        entries.filter_map(|e| e.file_name().into_string().ok()).filter(|n| is_dylib(n)).collect();
    let mut endings: Vec<&[u8]> = Vec::new();
    for name in &macros {
        let Some((_, ending)) = name.rsplit_once('.').and_then(|(stem, _)| stem.rsplit_once('-')) else {
            return !named.is_empty();
        };
        endings.push(ending.as_bytes());
    }
    let mentions = |path: &PathBuf| {
        let found = std::fs::File::open(path).and_then(|mut file| template::any_in(&mut file, &endings));
        found.unwrap_or(true)
    };
    named.iter().any(mentions)
}

fn is_dylib(name: &str) -> bool {
    [".so", ".dylib", ".dll"].iter().any(|e| name.ends_with(e))
}

fn is_new(path: &Path, started: i64) -> bool {
    matches!(platform::file_type(path), Ok(Some((FileType::File, id))) if id.mtime.max(id.ctime) >= started)
}
