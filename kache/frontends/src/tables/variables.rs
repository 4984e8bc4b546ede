//! Variables: which are no inputs, to whose code, and whose values traces show.

use super::{Row, row};

/// Variables by which the loader changes what a program does. They are in the action key, with the contents of the objects
/// that they name, and so no reader needs them as a dependency.
pub static LOADER_ENV: &[Row] = &[
    row("LD_PRELOAD", "loads code into each program; a program sees the caller's value"),
    row("LD_AUDIT", "loads code into each program"),
    row("LD_BIND_NOT", "how functions are found"),
    row("LD_BIND_NOW", "a program that lacks a function fails earlier"),
    row("LD_DEBUG", "prints what the loader does"),
    row("LD_DEBUG_OUTPUT", "writes what the loader does to a file"),
    row("LD_DYNAMIC_WEAK", "which of several functions is taken"),
    row("LD_HWCAP_MASK", "which of several libraries is taken"),
    row("LD_ORIGIN_PATH", "where a program seems to be"),
    row("LD_PROFILE", "writes how often a library is called to a file"),
    row("LD_PROFILE_OUTPUT", "as above"),
    row("LD_SHOW_AUXV", "prints what the kernel hands over"),
    row("LD_TRACE_LOADED_OBJECTS", "lists libraries in place of starting a program"),
    row("LD_VERBOSE", "prints versions"),
    row("LD_WARN", "prints what is missing"),
    row("GLIBC_TUNABLES", "the allocator, and which of several libraries is taken"),
];

/// Variables that are no inputs where the compiler or its tools read them by name. A read by any other code counts.
pub static IGNORED_ENV: &[Row] = &[
    row("PATH", "replaced by the programs that were run, by their contents"),
    row("CARGO_MAKEFLAGS", "the job server"),
    row("MAKEFLAGS", "the job server"),
    row("MFLAGS", "the job server"),
    row("MAKELEVEL", "the job server"),
    row("NUM_JOBS", "how much runs at once"),
    row("RUSTC_WRAPPER", "how we were called"),
    row("RUSTC_WORKSPACE_WRAPPER", "how we were called"),
    row("TERM", "the terminal; what it changes of diagnostics is a setting of the invocation"),
    row("COLORTERM", "the terminal"),
    row("COLUMNS", "the terminal; width is a setting of the invocation"),
    row("LINES", "the terminal"),
    row("NO_COLOR", "the terminal; colour is a setting of the invocation"),
    row("CLICOLOR", "the terminal"),
    row("CLICOLOR_FORCE", "the terminal"),
    row("TERMINFO", "the terminal"),
    row("TERMINFO_DIRS", "the terminal"),
    row("LC_ALL", "the language of messages, which is a setting of the invocation"),
    row("LC_CTYPE", "as above"),
    row("LC_MESSAGES", "as above"),
    row("LC_COLLATE", "as above; no compiler sorts, counts or prints a date by it"),
    row("LC_MONETARY", "as LC_COLLATE"),
    row("LC_NUMERIC", "as LC_COLLATE"),
    row("LC_TIME", "as LC_COLLATE"),
    row("LANG", "as above"),
    row("LANGUAGE", "as above"),
    row("TZ", "the zone in which a clock is shown; a clock that is read is not stored at all"),
    row("TMPDIR", "where temporary files are; what the run makes itself is no input"),
    row("TMP", "as TMPDIR"),
    row("TEMP", "as TMPDIR"),
    row("MALLOC_CONF", "the allocator"),
    row("_RJEM_MALLOC_CONF", "the allocator"),
    row("RUST_BACKTRACE", "what a crash prints; a failed compile is not stored"),
    row("RUST_LIB_BACKTRACE", "what a crash prints"),
    row("RUSTC_ICE", "where a crash is written"),
    row("RUST_MIN_STACK", "how much the compiler may recurse; a failed compile is not stored"),
    row("RUST_RECURSION_COUNT", "how often rustup's proxy has called itself"),
    row(
        "CARGO_TARGET_TMPDIR",
        "cargo's scratch directory; a compile that reads it by env! is asked by that name",
    ),
];

/// Variables that list directories and that the compiler or its tools search: each directory counts with roots by their
/// names.
pub static DIRECTORIES_ENV: &[Row] =
    &[row("LD_LIBRARY_PATH", "where GNU ld looks for the libraries that a library needs")];

/// Variables that a dependency on the whole environment leaves out, for any program.
pub static IGNORED_IN_WHOLE: &[Row] = &[
    row("CARGO_MAKEFLAGS", "the job server, with numbers that differ from run to run"),
    row("RUST_BACKTRACE", "what a crash prints; a failed compile is not stored"),
    row("RUST_LIB_BACKTRACE", "as above"),
    row("RUST_MIN_STACK", "how large the standard library makes a thread's stack"),
];

/// Variables that a dependency on the whole environment leaves out besides for a script in the place of a compiler or a
/// linker: those of the session, of one run of a service, and of the tools that called it. They count for a plugin and for
/// what it starts: a shell prints `TERM` without asking for it by name.
pub static SCRIPT_ENV: &[Row] = &[
    row("TERM", "the terminal"),
    row("COLORTERM", "as above"),
    row("TERM_PROGRAM", "as above"),
    row("TERM_PROGRAM_VERSION", "as above"),
    row("TERM_SESSION_ID", "as above"),
    row("VTE_VERSION", "as above"),
    row("WINDOWID", "as above"),
    row("WT_SESSION", "as above"),
    row("TMUX", "as above"),
    row("TMUX_PANE", "as above"),
    row("STY", "as above"),
    row("COLUMNS", "as above"),
    row("LINES", "as above"),
    row("LS_COLORS", "as above"),
    row("GPG_TTY", "as above"),
    row("SSH_CLIENT", "how the user is logged in"),
    row("SSH_CONNECTION", "as above"),
    row("SSH_TTY", "as above"),
    row("SSH_AUTH_SOCK", "as above"),
    row("SSH_AGENT_PID", "as above"),
    row("DISPLAY", "as above"),
    row("WAYLAND_DISPLAY", "as above"),
    row("DBUS_SESSION_BUS_ADDRESS", "as above"),
    row("XDG_SESSION_ID", "as above"),
    row("XDG_SESSION_TYPE", "as above"),
    row("XDG_SESSION_CLASS", "as above"),
    row("XDG_VTNR", "as above"),
    row("XDG_SEAT", "as above"),
    row("SHLVL", "the shell"),
    row("OLDPWD", "as above"),
    row("_", "as above"),
    row("GITHUB_RUN_ID", "one run of GitHub Actions"),
    row("GITHUB_RUN_NUMBER", "as above"),
    row("GITHUB_RUN_ATTEMPT", "as above"),
    row("GITHUB_JOB", "as above"),
    row("GITHUB_TOKEN", "as above"),
    row("GITHUB_ENV", "as above"),
    row("GITHUB_OUTPUT", "as above"),
    row("GITHUB_PATH", "as above"),
    row("GITHUB_STATE", "as above"),
    row("GITHUB_STEP_SUMMARY", "as above"),
    row("GITHUB_ACTION", "as above"),
    row("ACTIONS_RUNTIME_TOKEN", "as above"),
    row("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "as above"),
    row("ACTIONS_ID_TOKEN_REQUEST_URL", "as above"),
    row("RUNNER_TRACKING_ID", "as above"),
    row("CI_JOB_ID", "one job of GitLab"),
    row("CI_JOB_TOKEN", "as above"),
    row("CI_JOB_URL", "as above"),
    row("CI_JOB_STARTED_AT", "as above"),
    row("CI_PIPELINE_ID", "as above"),
    row("CI_PIPELINE_IID", "as above"),
    row("CI_PIPELINE_URL", "as above"),
    row("CI_PIPELINE_CREATED_AT", "as above"),
    row("CI_RUNNER_ID", "as above"),
    row("CI_CONCURRENT_ID", "as above"),
    row("BUILD_NUMBER", "one run of another service"),
    row("BUILD_ID", "as above"),
    row("BUILD_TAG", "as above"),
    row("BUILD_URL", "as above"),
    row("BUILDKITE_JOB_ID", "as above"),
    row("BUILDKITE_BUILD_ID", "as above"),
    row("BUILDKITE_BUILD_NUMBER", "as above"),
    row("BUILDKITE_BUILD_URL", "as above"),
    row("CIRCLE_BUILD_NUM", "as above"),
    row("CIRCLE_BUILD_URL", "as above"),
    row("CIRCLE_WORKFLOW_ID", "as above"),
    row("TRAVIS_BUILD_ID", "as above"),
    row("TRAVIS_BUILD_NUMBER", "as above"),
    row("TRAVIS_JOB_ID", "as above"),
    row("TRAVIS_JOB_NUMBER", "as above"),
    row("NO_COLOR", "the terminal"),
    row("CLICOLOR", "the terminal"),
    row("CLICOLOR_FORCE", "the terminal"),
    row("TERMINFO", "the terminal"),
    row("TERMINFO_DIRS", "the terminal"),
    row("MAKE_TERMOUT", "the terminal"),
    row("MAKE_TERMERR", "the terminal"),
    row("XDG_SESSION_DESKTOP", "how the user is logged in"),
    row("XDG_SESSION_PATH", "how the user is logged in"),
    row("HISTFILE", "the shell's own"),
    row("PS1", "the shell's own"),
    row("MAKELEVEL", "how deep make is"),
    row("NUM_JOBS", "how much runs at once"),
    row("RUSTC_WRAPPER", "how we were called"),
    row("RUSTC_WORKSPACE_WRAPPER", "how we were called"),
    row("RUST_RECURSION_COUNT", "how often rustup's proxy has called itself"),
];

/// Variables that the compiler's own code reads to find or show things, and whose finding is observed. Another
/// program's read of the same variable counts.
pub static COMPILER_ENV: &[Row] = &[
    row("HOME", "the compiler looks for its own configuration there; what it opens is observed"),
    row("PWD", "the working directory by another name; the directory is in the action key, portably"),
    row(
        "CARGO_MANIFEST_DIR",
        "clippy looks for its configuration there, and what it opens or lacks is observed; env! of it is told by dep-info",
    ),
    row("CLIPPY_CONF_DIR", "as above"),
    row("CARGO", "named in advice"),
    row(
        "FAKEROOTKEY",
        "read by libfakeroot: which session answers whom files belong to, which no compiler asks",
    ),
];

/// Variables that C compilers read only to show a time: libc's conversion asks for the zone.
pub static DATE_ENV: &[Row] =
    &[row("TZ", "a date or time of the build is in the source (__DATE__, __TIME__, __TIMESTAMP__)")];

/// Variables whose values are shown in traces as they are, and the beginnings of the names of more: those that cargo sets for
/// a crate. Any other's is shown as a digest, since it may be a secret (`CARGO_REGISTRY_TOKEN` is one).
const SHOWN_ENV: &[&str] = &[
    "CARGO",
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_TMPDIR",
    "DEBUG",
    "HOST",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "TARGET",
];
const SHOWN_BEGINNINGS: &[&str] =
    &["CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// Whether traces show the value of a variable.
pub fn is_shown(name: &[u8]) -> bool {
    SHOWN_ENV.iter().any(|shown| name == shown.as_bytes())
        || SHOWN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning.as_bytes()))
}
