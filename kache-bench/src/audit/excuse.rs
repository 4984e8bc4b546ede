//! What need not be in a record, and why.
//!
//! Paths that kache's own tables excuse are excused here by the same rows, which say why. Everything else that is
//! excused is a rule of this page, stated by itself: kache's reasons for leaving something out are not asked.

use super::recorded_paths::{RecordedPaths, links_on};
use super::tree::{Access, AccessKind, Tree, clean};
use crate::backend::invocations::Invocation;
use crate::system::platform;
use kache_frontends::tables;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One unit's circumstances.
pub struct Excuses<'a> {
    /// How it was called.
    pub invocation: &'a Invocation,
    /// Where its compiler's installation is; a C compiler has none that its identity covers.
    pub sysroot: Option<&'a Path>,
    /// The compiler's own file, which is its identity.
    pub compiler: &'a Path,
    /// The cache, with the observer in it.
    pub cache: &'a Path,
    /// What it wrote.
    pub outputs: &'a [String],
    /// All that it did.
    pub tree: &'a Tree,
    /// Its record.
    pub recorded_paths: &'a RecordedPaths,
}

/// A rule: its name, which the report counts by, why it holds, and what it holds of.
struct Rule {
    name: &'static str,
    reason: &'static str,
    holds: fn(&Excuses<'_>, &Access) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "its own output",
        reason: "what a compile writes is no input to it; what lies in its place before is replaced",
        holds: |e, a| {
            let own = |p: &String| {
                let p = Path::new(p);
                p == a.path
                    || p.parent() == a.path.parent() && stem(p) == stem(&a.path) && is_product(&a.path)
            };
            a.kind != AccessKind::Read && (e.outputs.iter().any(own) || e.tree.is_made(&a.path))
        },
    },
    Rule {
        name: "where it writes",
        reason: "that the directory is there to be written to; a restore makes it, or fails and compiles",
        holds: |e, a| {
            let dir = |p: &PathBuf| p.parent().is_some_and(|d| d.starts_with(&a.path));
            let outputs = e.outputs.iter().map(PathBuf::from).chain(e.tree.made.iter().cloned());
            matches!(a.kind, AccessKind::Probed | AccessKind::NoLink) && outputs.into_iter().any(|p| dir(&p))
        },
    },
    Rule {
        name: "the toolchain",
        reason: "the identity of the compiler is a digest of its installation",
        holds: |e, a| {
            let real = a.path.canonicalize().unwrap_or_else(|_| a.path.clone());
            e.sysroot.is_some_and(|root| {
                let below = |p: &Path| p.strip_prefix(root).is_ok_and(is_of_the_installation);
                below(&a.path) || below(&real)
            })
        },
    },
    Rule {
        name: "the compiler",
        reason: "its file is its identity, and how it is called is in the key",
        holds: |e, a| {
            let same = |p: &Path| p == a.path || p.canonicalize().is_ok_and(|p| p == a.path);
            same(e.compiler) || a.kind != AccessKind::Read && links_on(e.compiler).contains(&a.path)
        },
    },
    Rule {
        name: "the observer",
        reason: "it is ours",
        holds: |e, a| a.path.starts_with(e.cache.join("v1/observer")),
    },
    Rule {
        name: "the C runtime",
        reason: "what every program runs on (kache's table of it says which), as the loader opens it; what a linker opens of it is on record",
        holds: |e, a| a.kind == AccessKind::Read && c_runtime(&a.path).is_some() && !e.tree.is_tools_own(a),
    },
    Rule {
        name: "the loader's search",
        reason: "a library is looked for in several places; which file is found under its name is on record, or it is the toolchain's or the C runtime's",
        holds: loader_search,
    },
    Rule {
        name: "a search in PATH",
        reason: "which file is found under a program's name is on record",
        holds: |e, a| {
            let path = e.invocation.variable("PATH").unwrap_or_default();
            let here = std::env::split_paths(path).any(|d| a.path.parent() == Some(&d));
            let name = a.path.file_name().unwrap_or_default().to_string_lossy();
            here && a.kind != AccessKind::Read && e.recorded_paths.searches_program(&name)
        },
    },
    Rule {
        name: "crates of crates",
        reason: "a directory of kind `dependency` is searched for hashes that the crates on record name",
        holds: |e, a| {
            a.kind == AccessKind::Listed
                && a.program == "rustc"
                && dependency_dirs(e.invocation).contains(&a.path)
        },
    },
    Rule {
        name: "incremental state",
        reason: "nothing that began with any is stored",
        holds: |e, a| {
            let dir = e.invocation.codegen("incremental").map(|d| e.invocation.cwd.join(d));
            dir.is_some_and(|d| {
                a.path.starts_with(&d) || a.kind != AccessKind::Read && d.starts_with(&a.path)
            })
        },
    },
    Rule {
        name: "a response file",
        reason: "its words are in the key",
        holds: |e, a| {
            let named = |w: &OsStr| {
                w.as_encoded_bytes().strip_prefix(b"@").map(|p| e.invocation.cwd.join(platform::os_string(p)))
            };
            e.invocation.words.iter().any(|w| named(w).is_some_and(|p| p == a.path))
        },
    },
    Rule {
        name: "a temporary file",
        reason: "the run looks for a name that is free",
        holds: |e, a| {
            let dirs = ["TMPDIR", "TMP", "TEMP"].into_iter().filter_map(|n| e.invocation.variable(n));
            let mut dirs = dirs.map(Path::new).chain(["/tmp", "/var/tmp", "/usr/tmp"].map(Path::new));
            matches!(a.kind, AccessKind::Probed | AccessKind::NoLink) && dirs.any(|d| d == a.path)
        },
    },
    Rule {
        name: "a directory on the way",
        reason: "a compiler that resolves a path asks of each part whether it is a link; what is found at the end is on record",
        holds: |e, a| {
            a.kind == AccessKind::NoLink
                && e.tree.looks.keys().any(|o| o.path != a.path && o.path.starts_with(&a.path))
        },
    },
];

/// `libx-0f.rmeta`, which is asked for where `libx-0f.rlib` is made, is an output by its name.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    Some(name.split('.').next().unwrap_or(name).to_owned())
}

/// Whether a compiler writes files with such an ending: a header beside an object is none of its outputs.
fn is_product(path: &Path) -> bool {
    const PRODUCTS: [&str; 10] = ["a", "d", "dwo", "dwp", "gcno", "o", "rlib", "rmeta", "s", "so"];
    path.extension().is_none_or(|e| PRODUCTS.iter().any(|p| e == *p))
}

/// What a toolchain's identity is made of: the documentation and the library's sources are not in it.
fn is_of_the_installation(rest: &Path) -> bool {
    let mut parts = rest.components().map(|c| c.as_os_str().to_string_lossy());
    match (parts.next().as_deref(), parts.next().as_deref()) {
        (Some("lib"), Some("rustlib")) => parts.next().is_none_or(|p| p != "src"),
        (Some("lib"), Some(name)) => {
            ["librustc", "libstd-", "libLLVM", "libtest-"].iter().any(|p| name.starts_with(p))
        }
        (Some("lib" | "bin") | None, None) => true,
        _ => false,
    }
}

/// The row of the C runtime's table that a library is by: by its own name or by that of the file it leads to.
pub fn c_runtime(path: &Path) -> Option<&'static tables::Row> {
    let row = |p: &Path| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is = tables::is_c_runtime(p);
        tables::C_RUNTIME.iter().find(|r| is && name.starts_with(r.what))
    };
    row(path).or_else(|| row(&path.canonicalize().ok()?))
}

/// Whether the compiler, or a tool that it runs, looked. A proc macro's looks are its compiler's here.
pub fn is_own(compiler: &Path, access: &Access) -> bool {
    let named = |p: &Path| p.file_name().is_some_and(|n| n.to_string_lossy() == access.program);
    named(compiler) || compiler.canonicalize().is_ok_and(|p| named(&p)) || tables::is_tool(&access.program)
}

/// A library that is not where it was looked for first, and the directories for one processor or another that the
/// loader asks for below each that it searches.
fn loader_search(e: &Excuses<'_>, a: &Access) -> bool {
    if matches!(a.kind, AccessKind::Read | AccessKind::Listed | AccessKind::Followed) {
        return false;
    }
    let covered = e.invocation.variable("LD_LIBRARY_PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(covered).map(|d| clean(&d)).collect();
    let searched = |dir: &Path| {
        let plain = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
        let toolchain = || e.sysroot.is_some_and(|root| plain.starts_with(root.join("lib")));
        // What names a directory of its own (`$ORIGIN/../lib`) is found again by its file.
        let own = || dir.ends_with("../lib");
        dirs.iter().any(|d| d == dir)
            || toolchain()
            || own()
            || LIBRARY_DIRS.iter().any(|d| Path::new(d) == dir)
    };
    let name = a.path.file_name().unwrap_or_default().to_string_lossy();
    let is_library = name.contains(".so");
    let mut above = a.path.ancestors().skip(usize::from(is_library));
    let above = above.find(|d| d.file_name().is_none_or(|n| !is_of_a_processor(&n.to_string_lossy())));
    above.is_some_and(searched) && (!is_library || a.kind == AccessKind::Absent && found_elsewhere(e, &name))
}

/// Where glibc's loader searches of its own accord.
const LIBRARY_DIRS: &[&str] =
    &["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"];

/// Names that the loader puts behind a directory, for libraries that are made for one processor.
fn is_of_a_processor(name: &str) -> bool {
    matches!(name, "tls" | "x86_64" | "aarch64" | "haswell" | "avx512_1" | "glibc-hwcaps")
        || name.starts_with("x86-64-v")
}

fn found_elsewhere(e: &Excuses<'_>, name: &str) -> bool {
    e.recorded_paths.searches_library(name)
        || e.tree.looks.keys().any(|o| {
            o.kind == AccessKind::Read
                && o.path.file_name().is_some_and(|n| n.to_string_lossy() == name)
                && (c_runtime(&o.path).is_some()
                    || e.sysroot.is_some_and(|root| {
                        let real = o.path.canonicalize().unwrap_or_default();
                        real.strip_prefix(root).is_ok_and(is_of_the_installation)
                    }))
        })
}

/// Directories of kind `dependency`.
pub fn dependency_dirs(invocation: &Invocation) -> Vec<PathBuf> {
    let words = invocation.words.iter().filter_map(|w| w.to_str());
    words
        .filter_map(|w| w.strip_prefix("-L").unwrap_or(w).trim_start().strip_prefix("dependency="))
        .map(|d| invocation.cwd.join(d))
        .collect()
}

impl Excuses<'_> {
    /// What excuses an access: a row's or a rule's name.
    pub fn excuse(&self, access: &Access, made: bool) -> Option<String> {
        if made {
            return Some("what it made itself".into());
        }
        let row =
            tables::ignored_path(access.path.as_os_str().as_encoded_bytes(), is_own(self.compiler, access));
        if let Some(row) = row {
            return Some(format!("row {}", row.what));
        }
        RULES.iter().find(|r| (r.holds)(self, access)).map(|r| r.name.to_owned())
    }
}

/// Why a rule or a row excuses.
pub fn reason(name: &str) -> &'static str {
    let rows = || tables::IGNORED_PATHS.iter().chain(tables::IGNORED_PATHS_OF_COMPILER);
    if let Some(what) = name.strip_prefix("row ") {
        return rows().find(|r| r.what == what).map_or("", |r| r.why);
    }
    RULES.iter().find(|r| r.name == name).map_or("what a run made itself is no input", |r| r.reason)
}
