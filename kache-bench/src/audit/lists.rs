//! What the audit itself knows of systems and compilers.
//!
//! None of it comes from kache's tables: a row there that excuses too much is found only where the audit has no excuse of
//! its own.

use std::path::Path;

/// A path that tells a build nothing; with a final slash, all paths below it.
pub struct Known {
    pub path: &'static str,
    pub reason: &'static str,
    /// Whether it is so for the compiler and its tools alone.
    pub of_tools: bool,
}

const fn all(path: &'static str, reason: &'static str) -> Known {
    Known { path, reason, of_tools: false }
}

const fn tools(path: &'static str, reason: &'static str) -> Known {
    Known { path, reason, of_tools: true }
}

pub const KNOWN: &[Known] = &[
    all("/dev/null", "empty on each system (null(4))"),
    all("/dev/zero", "zeroes on each system (zero(4))"),
    all("/dev/full", "as above, for readers (full(4))"),
    all(
        "/dev/random",
        "no two reads are equal, so that nothing that must be the same again can hold one (random(4))",
    ),
    all("/dev/urandom", "as above"),
    tools("/dev/tty", "rustc asks how wide the terminal is, for messages"),
    tools("/dev/fd/", "make's protocol of job slots: bytes without meaning"),
    tools("/etc/malloc.conf", "jemalloc's settings"),
    tools("/proc/cpuinfo", "the number of threads"),
    tools("/proc/meminfo", "the number of threads"),
    tools("/proc/self/cgroup", "the number of threads"),
    tools("/proc/self/mountinfo", "where the control groups of the line above are"),
    tools("/proc/self/exe", "the compiler's own path"),
    tools("/proc/self/fd", "whether /proc is there"),
    tools("/proc/self/fd/", "which path a file was opened by"),
    tools("/proc/self/stat", "memory in use, for -Z time-passes and garbage collection"),
    tools("/proc/self/statm", "as above"),
    tools("/proc/self/status", "as above"),
    tools("/proc/sys/vm/overcommit_memory", "how an allocator reserves memory"),
    tools("/sys/kernel/mm/transparent_hugepage/", "as above"),
    tools("/sys/devices/system/cpu/", "the number of threads"),
    tools("/sys/devices/system/node/", "the number of threads"),
    tools("/sys/fs/cgroup/", "the number of threads"),
];

/// The entry for a path.
pub fn known(path: &Path, by_tool: bool) -> Option<&'static Known> {
    let text = path.to_str()?;
    KNOWN.iter().filter(|known| by_tool || !known.of_tools).find(|known| match known.path.strip_suffix('/') {
        Some(above) => text.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => text == known.path,
    })
}

/// The programs of a toolchain. Versions and targets in their names do not count.
const TOOLS: [&str; 25] = [
    "ar",
    "as",
    "c++",
    "cc",
    "cc1",
    "cc1plus",
    "clang",
    "clang++",
    "clippy-driver",
    "collect2",
    "cpp",
    "g++",
    "gcc",
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "ld.mold",
    "lld",
    "lto-wrapper",
    "lto1",
    "mold",
    "objcopy",
    "rust-lld",
    "rustc",
];

/// Whether a program is of a toolchain: `x86_64-linux-gnu-gcc-12` is `gcc`.
pub fn is_tool(program: &str) -> bool {
    let is_version = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let plain =
        program.rsplit_once('-').filter(|(_, last)| is_version(last)).map_or(program, |(plain, _)| plain);
    TOOLS.iter().any(|tool| {
        plain.strip_suffix(tool).is_some_and(|target| target.is_empty() || target.ends_with("gnu-"))
    })
}

/// Libraries that the loader opens for nearly every program.
const RUNTIME: [&str; 9] = [
    "libc.so",
    "libm.so",
    "libdl.so",
    "librt.so",
    "libpthread.so",
    "libgcc_s.so",
    "libstdc++.so",
    "ld-linux",
    "libz.so",
];

/// Whether a path is such a library of the system.
pub fn is_runtime(path: &Path) -> bool {
    let is = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_system = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"].iter().any(|dir| path.starts_with(dir));
        of_system && RUNTIME.iter().any(|library| name.starts_with(library))
    };
    is(path) || path.canonicalize().is_ok_and(|real| is(&real))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An oracle that asks kache's tables would believe them.
    #[test]
    fn the_audit_shares_no_table_with_kache() {
        let sources = [
            include_str!("excuse.rs"),
            include_str!("lists.rs"),
            include_str!("recorded_paths.rs"),
            include_str!("run.rs"),
            include_str!("tree.rs"),
        ];
        let tables = [
            "kache_front".to_owned() + "ends",
            "kache_core::pol".to_owned() + "icy",
            "c_lib".to_owned() + "rary::",
        ];
        for source in sources {
            assert!(tables.iter().all(|table| !source.contains(table)));
        }
    }

    #[test]
    fn tools_and_paths_are_known_by_their_names() {
        for tool in ["gcc", "x86_64-linux-gnu-gcc-12", "ld.bfd", "cc1plus", "clang-14"] {
            assert!(is_tool(tool), "{tool}");
        }
        assert!(["cat", "sh", "python3.11", "my-ld", "gcc-wrapper"].iter().all(|other| !is_tool(other)));
        assert!(known(Path::new("/dev/null"), false).is_some());
        assert!(known(Path::new("/sys/fs/cgroup/x"), true).is_some_and(|known| !known.reason.is_empty()));
        assert!(known(Path::new("/sys/fs/cgroups"), true).is_none());
        assert!(known(Path::new("/proc/cpuinfo"), false).is_none());
    }
}
