//! Questions about single excuses, for the command line, traces and the harness.

use crate::policies::{COMMON, RUSTC};
use crate::tables::Row;
use kache_core::policy::Actor;
use std::path::Path;

/// The row that excuses a variable which the compiler or a tool reads by name.
pub fn ignored_env(name: &[u8]) -> Option<&'static Row> {
    COMMON.ignored_variable(Actor::Compiler, name)
}

/// The row by which a dependency on the whole environment leaves a variable out; `every` for proc macros and what they start.
pub fn ignored_in_whole(name: &[u8], every: bool) -> Option<&'static Row> {
    COMMON.ignored_in_whole(name, every)
}

/// The row that excuses a path; `own` if the compiler or one of its tools looks.
pub fn ignored_path(path: &[u8], own: bool) -> Option<&'static Row> {
    RUSTC.ignored_path(path, own)
}

/// Whether a loaded library is the C runtime.
pub fn is_c_runtime(path: &Path) -> bool {
    COMMON.is_c_runtime(path)
}

/// Whether a program is a tool of the compiler: `x86_64-linux-gnu-gcc-12` is `gcc`.
pub fn is_tool(file_name: &str) -> bool {
    COMMON.is_tool(file_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_plain_name() {
        for tool in
            ["gcc", "x86_64-linux-gnu-gcc-12", "ld.lld", "x86_64-linux-gnu-ld.bfd", "collect2", "clang-14"]
        {
            assert!(is_tool(tool), "{tool}");
        }
        for other in ["cat", "python3.11", "gccgo-x", "ld-script", "sh"] {
            assert!(!is_tool(other), "{other}");
        }
        assert!(COMMON.clock_at_start("python3.11").is_some() && COMMON.clock_at_start("bash").is_some());
        assert!(COMMON.clock_at_start("ruby").is_none());
    }

    #[test]
    fn a_macro_named_like_the_c_runtime_is_a_macro() {
        assert!(is_c_runtime(Path::new("/lib/x86_64-linux-gnu/libm.so.6")));
        assert!(!is_c_runtime(Path::new("/home/u/p/target/debug/deps/libm.so")));
    }

    #[test]
    fn prefixes_end_where_they_say() {
        assert!(
            ignored_path(b"/sys/fs/cgroup", true).is_some()
                && ignored_path(b"/sys/fs/cgroup/x", true).is_some()
        );
        assert!(
            ignored_path(b"/proc/self/cwd/x", true).is_none() && ignored_path(b"/proc/7/fd", true).is_none()
        );
        assert!(ignored_path(b"/proc/version", false).is_none() && COMMON.shows_state(b"/proc/version"));
        assert!(ignored_path(b"/process", true).is_none() && !COMMON.shows_state(b"/dev/shm/x"));
        assert!(ignored_env(b"LC_ALL").is_some() && ignored_env(b"LANGUAGES").is_none());
        assert!(ignored_env(b"KACHE_LOG").is_some() && ignored_env(b"KACHE_GREETING").is_none());
    }
}
