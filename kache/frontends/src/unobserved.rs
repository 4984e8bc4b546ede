//! The rules without an observer. What code other than the compiler's read is unknown, so everything that such code could
//! plausibly have read is a dependency, and the results of linking are not stored.

use crate::flags::{Flags, Form};
use crate::invocation::Invocation;
use crate::toolchain::Toolchain;
use kache_core::collect::Coverage;
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind};
use kache_core::eval::EVERY;
use kache_core::paths::{Roots, absolute};
use kache_core::platform::{self, FileType};
use kache_core::reason::{NotCacheable, Reason};
use kache_core::template;
use std::path::{Path, PathBuf};

/// The variables that rustc itself reads, except for those about diagnostics and its own memory.
const RUSTC_VARIABLES: &[&str] = &[
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

/// The input of the rules.
pub struct Rules<'a> {
    pub invocation: &'a Invocation,
    pub toolchain: &'a Toolchain,
    pub roots: &'a Roots,
    /// Opt-in (`observe = off`): assume that proc macros read only their package, `OUT_DIR` and the environment. Otherwise the
    /// result of a compile that may have run a macro is not stored.
    pub assume_tame_macros: bool,
}

impl Rules<'_> {
    /// The dependencies, and the outputs found on disk.
    ///
    /// # Errors
    /// When no rule bounds what the compile may have read.
    pub fn collect(&self, started: i64) -> Result<Collected, NotCacheable> {
        let mut out = Collected::default();
        self.is_bounded()?;
        out.dependencies.extend(RUSTC_VARIABLES.iter().map(|name| Dependency::new(Kind::Env, *name)));
        out.dependencies.extend(self.own_libraries());
        out.dependencies.extend(self.crates()?);
        out.dependencies.extend(self.searched()?);
        // Indirect crates are not dependencies: a crate's metadata holds the hashes of the crates that it was built against, and
        // rustc refuses any other crate.
        let outputs = &self.invocation.outputs;
        for entry in std::fs::read_dir(&outputs.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if outputs.owns(&path) && is_new(&path, started) {
                out.outputs.insert(path);
            }
        }
        Ok(out)
    }

    /// The other file that each module could be in: rustc refuses a module with both files, and reports neither look.
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
            Some(self.dependency(Kind::Path, &other))
        };
        sources.iter().filter_map(rival).collect()
    }

    fn dependency(&self, kind: Kind, path: &Path) -> Dependency {
        let path = absolute(&self.invocation.cwd, path);
        Dependency::new(kind, self.roots.portable(path.as_os_str().as_encoded_bytes()))
    }

    fn is_bounded(&self) -> Result<(), NotCacheable> {
        let invocation = self.invocation;
        if !invocation.language.is_rust() {
            return refuse("only the observer knows which headers a C compiler looked for");
        }
        if invocation.unit.kind.split(',').any(|k| !matches!(k, "lib" | "rlib" | "probe")) {
            return refuse("only the observer knows what a linker reads");
        }
        if invocation.input.is_empty() {
            return refuse("only the observer knows what a question to the compiler depends on");
        }
        if invocation.unit.family == "clippy" {
            return refuse("only the observer knows where clippy looks for its settings");
        }
        if Flags(&invocation.flags).any(|e| e.needs_observer) {
            return refuse("only the observer knows what is read of another sysroot");
        }
        Ok(())
    }

    /// The libraries that the compiler may load and that its identity does not cover.
    fn own_libraries(&self) -> Vec<Dependency> {
        let Some(dir) = self.invocation.program.parent() else { return Vec::new() };
        let beside = [dir.to_path_buf(), dir.with_file_name("lib")];
        let all = beside.iter().flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
        let paths = all.map(|e| e.path()).filter(|p| is_dylib(&p.to_string_lossy()));
        paths
            .filter(|p| self.toolchain.coverage(p) != Coverage::Whole)
            .map(|p| self.dependency(Kind::File, &p))
            .collect()
    }

    /// The named crates, and what macros among them, or macros that they re-export, could read.
    fn crates(&self) -> Result<Vec<Dependency>, NotCacheable> {
        let mut out = Vec::new();
        let mut named = Vec::new();
        for flag in self.invocation.flags.iter().filter(|f| f.row.form() == Some(Form::Extern)) {
            let Some((_, path)) = flag.value.as_deref().and_then(|v| v.split_once('=')) else {
                return refuse("a crate without a path may be any crate in the search path");
            };
            out.push(self.dependency(Kind::File, Path::new(path)));
            named.push(absolute(&self.invocation.cwd, Path::new(path)));
        }
        if !may_run_macros(&named, &self.invocation.search) {
            return Ok(out);
        }
        if !self.assume_tame_macros {
            return refuse("only the observer knows what a macro reads (see the setting `observe`)");
        }
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or(self.invocation.cwd.clone(), Into::into);
        out.push(self.dependency(Kind::Tree, &package));
        out.extend(std::env::var_os("OUT_DIR").map(|dir| self.dependency(Kind::Tree, Path::new(&dir))));
        out.push(Dependency::new(Kind::EnvAll, EVERY));
        Ok(out)
    }

    /// What the search flags lead to.
    fn searched(&self) -> Result<Vec<Dependency>, NotCacheable> {
        let mut out = Vec::new();
        for flag in &self.invocation.flags {
            let value = flag.value.as_deref().unwrap_or_default();
            match (flag.row.form(), value.split_once('=')) {
                (Some(Form::Search), Some(("dependency", _))) => {}
                // A static library becomes part of the crate; the contents of the directory decide which one.
                (Some(Form::Search), Some(("native", dir))) => {
                    let tree = self.dependency(Kind::Tree, Path::new(dir));
                    if !tree.name.starts_with(b"<") {
                        return refuse(
                            "only the observer knows which native libraries become part of a crate",
                        );
                    }
                    out.push(tree);
                }
                (Some(Form::Search), _) => return refuse("a crate may be any crate in the search path"),
                (Some(Form::PathOrName), _) if value.ends_with(".json") => {
                    out.push(self.dependency(Kind::File, Path::new(value)));
                }
                _ => {}
            }
        }
        Ok(out)
    }
}

fn refuse<T>(why: &str) -> Result<T, NotCacheable> {
    kache_core::reason::refuse(Reason::NotObserved, why)
}

/// Whether a named crate is a macro, or may re-export a macro in the directories where indirect crates are searched.
///
/// A crate's metadata contains, as plain text, the suffix of the file name (`-0a1b…`, chosen by cargo) of each crate that it
/// was built against. A macro whose suffix no named crate contains is not used by them; a macro without a suffix may be
/// used by any of them.
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
        let found = platform::open_regular(path).and_then(|mut file| template::present(&mut file, &endings));
        found.map_or(true, |found| found.contains(&true))
    };
    named.iter().any(mentions)
}

fn is_dylib(name: &str) -> bool {
    [".so", ".dylib", ".dll"].iter().any(|e| name.ends_with(e))
}

fn is_new(path: &Path, started: i64) -> bool {
    matches!(platform::file_type(path), Ok(Some((FileType::File, id))) if id.mtime.max(id.ctime) >= started)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::rustc::FAMILY;
    use kache_core::action::Request;
    use kache_core::store::Store;

    struct Place {
        dir: tempfile::TempDir,
        toolchain: Toolchain,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("w/deps")).unwrap();
            let store = Store::open(&dir.path().join("cache")).unwrap();
            // Which compiler it is does not matter to the rules.
            let toolchain = Toolchain::identify(&store, &crate::gnu::FAMILY, Path::new("/bin/true")).unwrap();
            Place { dir, toolchain }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.dir.path().join("w").join(name), text).unwrap();
        }

        /// The labels of the dependencies, or the words of the refusal.
        fn rules(&self, args: &[&str], assume_tame_macros: bool) -> Result<Vec<String>, String> {
            let work = self.dir.path().join("w");
            let request = Request::new("/t/bin/rustc", args.iter().map(Into::into).collect(), &work);
            let invocation = (FAMILY.parse)(&request).unwrap();
            let mut roots = Roots::default();
            roots.add("workspace", work, None);
            let rules = Rules {
                invocation: &invocation,
                toolchain: &self.toolchain,
                roots: &roots,
                assume_tame_macros,
            };
            let collected = rules.collect(0).map_err(|why| why.detail)?;
            Ok(collected.dependencies.iter().map(Dependency::label).collect())
        }
    }

    const LIB: [&str; 3] = ["--crate-name=l", "--crate-type=lib", "l.rs"];

    #[test]
    fn a_library_depends_on_the_variables_that_rustc_reads_and_on_its_crates() {
        let place = Place::new();
        place.write("deps/libd-1.rlib", "crate");
        let labels = place.rules(&[&LIB[..], &["--extern", "d=deps/libd-1.rlib"]].concat(), false).unwrap();
        let env = labels.iter().filter(|l| l.starts_with("env ")).count();
        assert_eq!(env, RUSTC_VARIABLES.len());
        assert!(labels.contains(&"file <workspace>/deps/libd-1.rlib".to_string()), "{labels:?}");
    }

    #[test]
    fn what_no_rule_bounds_is_refused() {
        let place = Place::new();
        for (args, why) in [
            (&["--crate-type=bin", "m.rs"][..], "linker"),
            (&["--crate-type=proc-macro", "m.rs"], "linker"),
            (&["--test", "m.rs"], "linker"),
            (&["--crate-type=lib", "l.rs", "--sysroot", "s"], "sysroot"),
            (&["--crate-type=lib", "l.rs", "--extern", "d"], "without a path"),
            (&["--crate-type=lib", "l.rs", "-L", "d"], "search path"),
            (&["--crate-type=lib", "l.rs", "-L", "native=/usr/lib"], "native libraries"),
        ] {
            let refused = place.rules(args, true).expect_err(&args.join(" "));
            assert!(refused.contains(why), "{args:?}: {refused}");
        }
    }

    #[test]
    fn a_macro_is_refused_unless_the_user_vouches_for_it() {
        let place = Place::new();
        place.write("deps/libm-2.so", "macro");
        let args = [&LIB[..], &["--extern", "m=deps/libm-2.so", "-L", "dependency=deps"]].concat();
        assert!(place.rules(&args, false).unwrap_err().contains("macro"));
        let labels = place.rules(&args, true).unwrap();
        assert!(labels.contains(&"env-all every".to_string()), "{labels:?}");
    }

    #[test]
    fn a_crate_that_hands_on_a_macro_counts_as_one() {
        let place = Place::new();
        place.write("deps/libm-2.so", "macro");
        let args = [&LIB[..], &["--extern", "d=deps/libd-1.rlib", "-L", "dependency=deps"]].concat();
        place.write("deps/libd-1.rlib", "built against m-2");
        assert!(place.rules(&args, false).is_err());
        place.write("deps/libd-1.rlib", "built against m-3");
        assert!(place.rules(&args, false).is_ok());
    }

    #[test]
    fn the_other_file_that_a_module_could_be_is_a_dependency() {
        let place = Place::new();
        let request = Request::new("/t/bin/rustc", LIB.iter().map(Into::into).collect(), place.dir.path());
        let invocation = (FAMILY.parse)(&request).unwrap();
        let roots = Roots::default();
        let rules = Rules {
            invocation: &invocation,
            toolchain: &place.toolchain,
            roots: &roots,
            assume_tame_macros: false,
        };
        let rivals = rules.rivals(&[b"/s/a.rs".to_vec(), b"/s/b/mod.rs".to_vec(), b"/s/text".to_vec()]);
        let labels: Vec<_> = rivals.iter().map(Dependency::label).collect();
        assert_eq!(labels, ["path /s/a/mod.rs", "path /s/b.rs"]);
    }
}
