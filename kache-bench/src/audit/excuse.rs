//! What does not need to be recorded, and why.
//!
//! The rules of this module and the audit's own lists, independent of kache's tables and reasons.

use super::lists::{self, is_runtime};
use super::recorded_paths::{RecordedPaths, links_on};
use super::tree::{Access, AccessKind, Tree, clean};
use crate::backend::invocations::Invocation;
use crate::system::platform;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub struct Excuses<'a> {
    pub invocation: &'a Invocation,
    /// The compiler's installation; `None` for C compilers, whose identity does not cover one.
    pub sysroot: Option<&'a Path>,
    pub compiler: &'a Path,
    /// Contains the observer.
    pub cache: &'a Path,
    pub outputs: &'a [String],
    pub tree: &'a Tree,
    pub recorded_paths: &'a RecordedPaths,
}

/// A rule: its name in the report, its reason, and the accesses it excuses.
struct Rule {
    name: &'static str,
    reason: &'static str,
    holds: fn(&Excuses<'_>, &Access) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "its own output",
        reason: "an output is not an input; a previous file in its place is replaced",
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
        reason: "the output directory must exist; a restore creates it, or fails and compiles",
        holds: |e, a| {
            let dir = |p: &PathBuf| p.parent().is_some_and(|d| d.starts_with(&a.path));
            let out = e.invocation.out_directory().map(|out| out.join("any"));
            let outputs = e.outputs.iter().map(PathBuf::from).chain(e.tree.made.iter().cloned()).chain(out);
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
        reason: "its file is its identity, and the path it is called by is in the key",
        holds: |e, a| {
            let same = |p: &Path| p == a.path || p.canonicalize().is_ok_and(|p| p == a.path);
            same(e.compiler) || a.kind != AccessKind::Read && links_on(e.compiler).contains(&a.path)
        },
    },
    Rule {
        name: "the observer",
        reason: "it is ours, as is its log, which is a descriptor of kache's process",
        holds: |e, a| {
            a.path.starts_with(e.cache.join("v1/observer"))
                || a.kind == AccessKind::Read && e.tree.kaches().any(|kache| is_descriptor_of(&a.path, kache))
                || a.kind == AccessKind::Probed && e.tree.is_kache(&a.path)
        },
    },
    Rule {
        name: "the observer's own process",
        reason: "the observer asks which program and files the process has, to put kache in front of compilers",
        holds: |e, a| {
            e.invocation.out_directory().is_some()
                && a.kind == AccessKind::Followed
                && (a.path == Path::new("/proc/self/exe") || a.path.starts_with("/proc/self/fd"))
        },
    },
    Rule {
        name: "below OUT_DIR",
        reason: "the directory is empty when a script starts, so nothing is there but what the run makes",
        holds: |e, a| {
            let out = e.invocation.out_directory();
            a.kind == AccessKind::Absent && out.is_some_and(|out| a.path.starts_with(out))
        },
    },
    Rule {
        name: "the script",
        reason: "its bytes are in the key",
        holds: |e, a| e.script().is_some_and(|script| script == a.path),
    },
    Rule {
        name: "places in memory",
        reason: "the kernel shows frames as zero to who has no right to see them, and others in each run to who has",
        holds: |_, a| a.path == Path::new("/proc/self/pagemap"),
    },
    Rule {
        name: "the daemon of names",
        reason: "the C library asks it if it is there; what it answers is recorded with the question",
        holds: |_, a| a.kind == AccessKind::Socket && a.path.ends_with("nscd/socket"),
    },
    Rule {
        name: "slots of make",
        reason: "make's protocol of job slots: bytes without meaning",
        holds: |e, a| a.kind == AccessKind::Inherited && is_job_slot(e.invocation, &a.path),
    },
    Rule {
        name: "the C library's own",
        reason: "the C library opens it for messages, names of users and times of day, none of which a compiler's output has",
        holds: |_, a| is_of_the_c_library(&a.path),
    },
    Rule {
        name: "the C runtime",
        reason: "the loader opens the C runtime for every program; files that a linker opens are recorded",
        holds: |e, a| a.kind == AccessKind::Read && is_runtime(&a.path) && !e.tree.is_tools_own(a),
    },
    Rule {
        name: "the loader's search",
        reason: "the loader tries several places; the file found for the name is recorded, or belongs to the toolchain or the C runtime",
        holds: loader_search,
    },
    Rule {
        name: "a search in PATH",
        reason: "the file found for the program's name is recorded",
        holds: |e, a| {
            let path = e.invocation.variable("PATH").unwrap_or_default();
            let here = std::env::split_paths(path).any(|d| a.path.parent() == Some(&d));
            let name = a.path.file_name().unwrap_or_default().to_string_lossy();
            here && a.kind != AccessKind::Read && e.recorded_paths.searches_program(&name)
        },
    },
    Rule {
        name: "crates of crates",
        reason: "a directory of kind `dependency` is searched for hashes that recorded crates name",
        holds: |e, a| {
            a.kind == AccessKind::Listed
                && a.program == "rustc"
                && dependency_dirs(e.invocation).contains(&a.path)
        },
    },
    Rule {
        name: "incremental state",
        reason: "a compile that began with incremental state is not stored",
        holds: |e, a| {
            let dir = e.invocation.codegen("incremental").map(|d| e.invocation.cwd.join(d));
            dir.is_some_and(|d| {
                a.path.starts_with(&d) || a.kind != AccessKind::Read && d.starts_with(&a.path)
            })
        },
    },
    Rule {
        name: "a response file",
        reason: "its arguments are in the key",
        holds: |e, a| {
            let named = |w: &OsStr| {
                w.as_encoded_bytes().strip_prefix(b"@").map(|p| e.invocation.cwd.join(platform::os_string(p)))
            };
            e.invocation.words.iter().any(|w| named(w).is_some_and(|p| p == a.path))
        },
    },
    Rule {
        name: "a temporary file",
        reason: "the compiler searches for an unused name",
        holds: |e, a| {
            let dirs = ["TMPDIR", "TMP", "TEMP"].into_iter().filter_map(|n| e.invocation.variable(n));
            let mut dirs = dirs.map(Path::new).chain(["/tmp", "/var/tmp", "/usr/tmp"].map(Path::new));
            matches!(a.kind, AccessKind::Probed | AccessKind::NoLink) && dirs.any(|d| d == a.path)
        },
    },
    Rule {
        name: "a directory on the way",
        reason: "to resolve a path, a compiler checks each part for a link; the resolved file is recorded",
        holds: |e, a| {
            a.kind == AccessKind::NoLink
                && e.tree.looks.keys().any(|o| o.path != a.path && o.path.starts_with(&a.path))
        },
    },
];

/// `libx-0f.rmeta` is an output if `libx-0f.rlib` is, since both have the same stem.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    Some(name.split('.').next().unwrap_or(name).to_owned())
}

/// Whether compilers write files with this extension: a header next to an object is not an output.
fn is_product(path: &Path) -> bool {
    const PRODUCTS: [&str; 10] = ["a", "d", "dwo", "dwp", "gcno", "o", "rlib", "rmeta", "s", "so"];
    path.extension().is_none_or(|e| PRODUCTS.iter().any(|p| e == *p))
}

/// The files of a toolchain's identity, without documentation and library sources.
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

/// Whether a path is a descriptor of a process, by its number.
fn is_descriptor_of(path: &Path, process: u32) -> bool {
    let number = path.strip_prefix(format!("/proc/{process}/fd")).ok().and_then(Path::to_str);
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Whether an inherited descriptor is one of those that make names for its protocol of job slots.
fn is_job_slot(invocation: &Invocation, path: &Path) -> bool {
    let flags = ["CARGO_MAKEFLAGS", "MAKEFLAGS"].into_iter().filter_map(|name| invocation.variable(name));
    let words: Vec<_> = flags.flat_map(|flags| flags.to_str()).flat_map(str::split_whitespace).collect();
    let pairs =
        words.iter().filter(|word| word.starts_with("--jobserver")).filter_map(|word| word.split_once('='));
    let number = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    pairs.flat_map(|(_, pair)| pair.split(',')).any(|slot| slot == number)
}

/// What the C library opens by itself. The observer does not see it, as no program asks for it.
fn is_of_the_c_library(path: &Path) -> bool {
    // The last for `pthread_getattr_np`, which asks for the bounds of the first thread's stack.
    let files = [
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
        "/etc/localtime",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/proc/self/maps",
    ];
    let directories = [
        "/usr/lib/locale",
        "/usr/share/locale",
        "/usr/share/locale-langpack",
        "/usr/share/zoneinfo",
        "/usr/lib/x86_64-linux-gnu/gconv",
        "/usr/lib/aarch64-linux-gnu/gconv",
    ];
    files.iter().any(|file| path == Path::new(file)) || directories.iter().any(|dir| path.starts_with(dir))
}

/// Whether the compiler or one of its tools made the access. Accesses of a proc macro are its compiler's.
pub fn is_own(compiler: &Path, access: &Access) -> bool {
    let named = |p: &Path| p.file_name().is_some_and(|n| n.to_string_lossy() == access.program);
    named(compiler) || compiler.canonicalize().is_ok_and(|p| named(&p)) || lists::is_tool(&access.program)
}

/// A library that is not in the first searched directory, and the processor-specific directories that the
/// loader tries below each.
fn loader_search(e: &Excuses<'_>, a: &Access) -> bool {
    if matches!(a.kind, AccessKind::Read | AccessKind::Listed | AccessKind::Followed) {
        return false;
    }
    let covered = e.invocation.variable("LD_LIBRARY_PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(covered).map(|d| clean(&d)).collect();
    let searched = |dir: &Path| {
        let plain = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
        let toolchain = || e.sysroot.is_some_and(|root| plain.starts_with(root.join("lib")));
        // A directory relative to the file (`$ORIGIN/../lib`) is found again by that file.
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

/// The default search directories of glibc's loader.
const LIBRARY_DIRS: &[&str] =
    &["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"];

/// Subdirectories for libraries of one processor.
fn is_of_a_processor(name: &str) -> bool {
    matches!(name, "tls" | "x86_64" | "aarch64" | "haswell" | "avx512_1" | "glibc-hwcaps")
        || name.starts_with("x86-64-v")
}

fn found_elsewhere(e: &Excuses<'_>, name: &str) -> bool {
    e.recorded_paths.searches_library(name)
        || e.tree.looks.keys().any(|o| {
            o.kind == AccessKind::Read
                && o.path.file_name().is_some_and(|n| n.to_string_lossy() == name)
                && (is_runtime(&o.path)
                    || e.sysroot.is_some_and(|root| {
                        let real = o.path.canonicalize().unwrap_or_default();
                        real.strip_prefix(root).is_ok_and(is_of_the_installation)
                    }))
        })
}

pub fn dependency_dirs(invocation: &Invocation) -> Vec<PathBuf> {
    let words = invocation.words.iter().filter_map(|w| w.to_str());
    words
        .filter_map(|w| w.strip_prefix("-L").unwrap_or(w).trim_start().strip_prefix("dependency="))
        .map(|d| invocation.cwd.join(d))
        .collect()
}

impl Excuses<'_> {
    /// The program of a build script that runs.
    fn script(&self) -> Option<PathBuf> {
        self.invocation.out_directory()?;
        Some(self.invocation.cwd.join(self.invocation.words.first()?))
    }

    /// The known path or the rule that excuses an access.
    pub fn excuse(&self, access: &Access, made: bool) -> Option<String> {
        if made {
            return Some("created by the compile".into());
        }
        if let Some(known) = lists::known(&access.path, is_own(self.compiler, access)) {
            return Some(known.path.to_owned());
        }
        RULES.iter().find(|r| (r.holds)(self, access)).map(|r| r.name.to_owned())
    }
}

/// The reason of a rule or of a known path.
pub fn reason(name: &str) -> &'static str {
    let known = lists::KNOWN.iter().find(|known| known.path == name).map(|known| known.reason);
    let rule = || RULES.iter().find(|r| r.name == name).map(|r| r.reason);
    known.or_else(rule).unwrap_or("a file that the run created is not an input")
}
