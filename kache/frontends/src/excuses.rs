//! Questions about single excuses, for the command line, traces and the harness.

use crate::policies::COMMON;
use crate::tables::{self, Row};
use kache_core::policy::Actor;
use std::path::Path;

/// The row that excuses a variable even if a proc macro reads it by name.
pub fn ignored_for_macros(name: &[u8]) -> Option<&'static Row> {
    COMMON.ignored_variable(Actor::Plugin, name)
}

/// The row that excuses a variable, except for proc macros.
pub fn ignored_env(name: &[u8]) -> Option<&'static Row> {
    COMMON.ignored_variable(Actor::Script, name)
}

/// The row that excuses a path; `own` if the compiler or one of its tools looks.
pub fn ignored_path(path: &[u8], own: bool) -> Option<&'static Row> {
    COMMON.ignored_path(path, own)
}

/// Whether a loaded library is the C runtime.
pub fn is_c_runtime(path: &Path) -> bool {
    COMMON.is_c_runtime(path)
}

/// Whether a program is a tool of the compiler: `x86_64-linux-gnu-gcc-12` is `gcc`.
pub fn is_tool(file_name: &str) -> bool {
    COMMON.is_tool(file_name)
}

/// The excuse of a variable where all variables may be read.
pub fn of_session(name: &[u8]) -> Option<&'static Row> {
    tables::SESSION_ENV.iter().find(|row| row.names(name))
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
        assert!(COMMON.clock_at_start("perl").is_none());
    }

    #[test]
    fn a_macro_named_like_the_c_runtime_is_a_macro() {
        assert!(is_c_runtime(Path::new("/lib/x86_64-linux-gnu/libm.so.6")));
        assert!(!is_c_runtime(Path::new("/home/u/p/target/debug/deps/libm.so")));
    }

    #[test]
    fn prefixes_end_where_they_say() {
        assert!(ignored_path(b"/proc", true).is_some() && ignored_path(b"/proc/self/x", true).is_some());
        assert!(ignored_path(b"/proc/version", false).is_none() && COMMON.shows_state(b"/proc/version"));
        assert!(ignored_path(b"/process", true).is_none() && !COMMON.shows_state(b"/dev/shm/x"));
        assert!(ignored_env(b"LC_ALL").is_some() && ignored_env(b"LANGUAGES").is_none());
    }
}
