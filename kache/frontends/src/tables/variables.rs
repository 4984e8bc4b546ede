//! Variables that are not inputs, for whose code, and variables whose values traces show.

use super::{List, Row, row, rows, tables};

tables! {
    /// The action key contains them, with the contents of the objects that they name, so that no reader needs them as a dependency.
    LOADER_ENV "loader-env" "variables of the loader: part of the action key" {
        "LD_PRELOAD" => "loads code into each program; a program sees the caller's value";
        "LD_AUDIT" => "loads code into each program";
        "LD_BIND_NOT" => "how functions are found";
        "LD_BIND_NOW" => "a program that lacks a function fails earlier";
        "LD_DEBUG" => "prints what the loader does";
        "LD_DEBUG_OUTPUT" => "writes what the loader does to a file";
        "LD_DYNAMIC_WEAK" => "which of several functions is used";
        "LD_HWCAP_MASK" => "which of several libraries is used";
        "LD_ORIGIN_PATH" => "the apparent path of a program";
        "LD_PROFILE" "LD_PROFILE_OUTPUT" => "writes how often a library is called to a file";
        "LD_SHOW_AUXV" => "prints the values that the kernel passes";
        "LD_TRACE_LOADED_OBJECTS" => "lists libraries instead of starting a program";
        "LD_VERBOSE" => "prints versions";
        "LD_WARN" => "prints what is missing";
        "GLIBC_TUNABLES" => "the allocator, and which of several libraries is used";
    }
    /// A read by any other code counts.
    IGNORED_ENV "ignored-env" "variables that are not inputs where the compiler or its tools read them" {
        "PATH" => "replaced by the programs that ran, by their contents";
        "CARGO_MAKEFLAGS" "MAKEFLAGS" "MFLAGS" "MAKELEVEL" => "the job server";
        "NUM_JOBS" => "the number of parallel jobs";
        "RUSTC_WRAPPER" "RUSTC_WORKSPACE_WRAPPER" => "how kache was called";
        "TERM" => "the terminal; its effect on diagnostics is a setting of the invocation";
        "COLUMNS" => "the terminal; width is a setting of the invocation";
        "NO_COLOR" => "the terminal; colour is a setting of the invocation";
        "COLORTERM" "LINES" "CLICOLOR" "CLICOLOR_FORCE" "TERMINFO" "TERMINFO_DIRS" => "the terminal";
        "LC_ALL" "LC_CTYPE" "LC_MESSAGES" "LANG" "LANGUAGE"
            => "the language of messages, which is a setting of the invocation";
        "LC_COLLATE" "LC_MONETARY" "LC_NUMERIC" "LC_TIME" => "no compiler sorts, counts or prints a date by it";
        "TZ" => "the time zone; a compile that reads the clock is not stored at all";
        "TMPDIR" "TMP" "TEMP" => "the directory of temporary files; files that the run creates are not inputs";
        "MALLOC_CONF" "_RJEM_MALLOC_CONF" => "the allocator";
        "RUST_BACKTRACE" "RUST_LIB_BACKTRACE" => "the text of a crash; a failed compile is not stored";
        "CI" => "whether a crash of LLVM opens a dialog on Windows (rustc_codegen_llvm); a failed compile is not stored";
        "RUSTC_ICE" => "the file for the report of a crash";
        "RUST_MIN_STACK" => "the compiler's depth of recursion; a failed compile is not stored";
        "RUST_RECURSION_COUNT" => "how often rustup's proxy has called itself";
        "CARGO_TARGET_TMPDIR" => "cargo's scratch directory; a read by env! counts by the variable's name";
    }
    /// Each directory counts with roots by their names.
    DIRECTORIES_ENV "directories-env" "variables that list directories which a linker searches" {
        "LD_LIBRARY_PATH" => "where GNU ld looks for the libraries that a library needs";
    }
    IGNORED_IN_WHOLE "ignored-in-whole" "variables that are not inputs of a program that may read all variables" {
        "CARGO_MAKEFLAGS" => "the job server, with numbers that differ from run to run";
        "RUST_BACKTRACE" "RUST_LIB_BACKTRACE" => "the text of a crash; a failed compile is not stored";
        "RUST_MIN_STACK" => "the size of a thread's stack in the standard library";
    }
    /// In addition to [`IGNORED_IN_WHOLE`]: variables of the session, of one run of a service, and of the calling tools. They
    /// count for a plugin and the programs that it starts: a shell prints `TERM` without asking for it by name.
    SCRIPT_ENV "script-env"
    "variables that are not inputs of a script in a compiler's place that may read all variables" {
        "TERM" "COLORTERM" "TERM_PROGRAM" "TERM_PROGRAM_VERSION" "TERM_SESSION_ID" "VTE_VERSION" "WINDOWID"
            "WT_SESSION" "TMUX" "TMUX_PANE" "STY" "COLUMNS" "LINES" "LS_COLORS" "GPG_TTY" "NO_COLOR" "CLICOLOR"
            "CLICOLOR_FORCE" "TERMINFO" "TERMINFO_DIRS" "MAKE_TERMOUT" "MAKE_TERMERR" => "the terminal";
        "SSH_CLIENT" "SSH_CONNECTION" "SSH_TTY" "SSH_AUTH_SOCK" "SSH_AGENT_PID" "DISPLAY" "WAYLAND_DISPLAY"
            "DBUS_SESSION_BUS_ADDRESS" "XDG_SESSION_ID" "XDG_SESSION_TYPE" "XDG_SESSION_CLASS" "XDG_VTNR"
            "XDG_SEAT" "XDG_SESSION_DESKTOP" "XDG_SESSION_PATH" => "how the user is logged in";
        "SHLVL" "OLDPWD" "_" "HISTFILE" "PS1" => "the shell";
        "GITHUB_RUN_ID" "GITHUB_RUN_NUMBER" "GITHUB_RUN_ATTEMPT" "GITHUB_JOB" "GITHUB_TOKEN" "GITHUB_ENV"
            "GITHUB_OUTPUT" "GITHUB_PATH" "GITHUB_STATE" "GITHUB_STEP_SUMMARY" "GITHUB_ACTION"
            "ACTIONS_RUNTIME_TOKEN" "ACTIONS_ID_TOKEN_REQUEST_TOKEN" "ACTIONS_ID_TOKEN_REQUEST_URL"
            "RUNNER_TRACKING_ID" => "one run of GitHub Actions";
        "CI_JOB_ID" "CI_JOB_TOKEN" "CI_JOB_URL" "CI_JOB_STARTED_AT" "CI_PIPELINE_ID" "CI_PIPELINE_IID"
            "CI_PIPELINE_URL" "CI_PIPELINE_CREATED_AT" "CI_RUNNER_ID" "CI_CONCURRENT_ID" => "one job of GitLab";
        "BUILD_NUMBER" "BUILD_ID" "BUILD_TAG" "BUILD_URL" "BUILDKITE_JOB_ID" "BUILDKITE_BUILD_ID"
            "BUILDKITE_BUILD_NUMBER" "BUILDKITE_BUILD_URL" "CIRCLE_BUILD_NUM" "CIRCLE_BUILD_URL"
            "CIRCLE_WORKFLOW_ID" "TRAVIS_BUILD_ID" "TRAVIS_BUILD_NUMBER" "TRAVIS_JOB_ID" "TRAVIS_JOB_NUMBER"
            => "one run of another service";
        "MAKELEVEL" => "the depth of nested calls of make";
        "NUM_JOBS" => "the number of parallel jobs";
        "RUSTC_WRAPPER" "RUSTC_WORKSPACE_WRAPPER" => "how kache was called";
        "RUST_RECURSION_COUNT" => "how often rustup's proxy has called itself";
    }
    /// A read by another program counts.
    COMPILER_ENV "compiler-env" "variables that the compiler uses only to find files, which are observed" {
        "HOME" => "the compiler looks for its own configuration there; opening a file is observed";
        "PWD" => "the working directory by another name; the action key contains the directory, as a portable path";
        "CARGO_MANIFEST_DIR" "CLIPPY_CONF_DIR"
            => "clippy looks for its configuration there, which is observed; a read by env! is in dep-info";
        "CARGO" => "named in advice";
        "FAKEROOTKEY" => "libfakeroot reads it to know who owns files, which no compiler asks";
    }
    /// They count where kache itself prints to a terminal.
    TERMINAL_ENV "terminal-env"
    "variables that are not inputs of a tool that a foreign program starts, and whose messages go into a pipe" {
        "TERM" => "a compiler's messages have colours on a terminal alone; gcc asks for the terminal's name before it asks \
            whether there is a terminal";
    }
    /// libc's conversion of a time reads the zone.
    DATE_ENV "date-env" "variables that a C compiler reads only to show a time: not stored" {
        "TZ" => "a date or time of the build is in the source (__DATE__, __TIME__, __TIMESTAMP__)";
    }
}

/// Whether traces show the value of a variable: that of each variable that cargo sets for a crate. Traces show the digest of
/// any other value, since the value may be a secret (`CARGO_REGISTRY_TOKEN`).
pub fn is_shown(name: &[u8]) -> bool {
    const NAMES: &str = "CARGO CARGO_CRATE_NAME CARGO_ENCODED_RUSTFLAGS CARGO_HOME CARGO_PRIMARY_PACKAGE CARGO_TARGET_DIR \
        CARGO_TARGET_TMPDIR DEBUG HOST OPT_LEVEL OUT_DIR PROFILE RUSTC TARGET";
    const BEGINNINGS: &str = "CARGO_BIN_ CARGO_CFG_ CARGO_FEATURE_ CARGO_MANIFEST_ CARGO_PKG_";
    NAMES.split(' ').any(|shown| name == shown.as_bytes())
        || BEGINNINGS.split(' ').any(|beginning| name.starts_with(beginning.as_bytes()))
}
