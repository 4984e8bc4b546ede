//! The meaning of each reason in an event, and the advice for it.

use kache_core::reason::Reason;

const NOTHING: &str = "none: kache cannot cache such a command";
const BUG: &str = "report this defect of kache, with the detail";

pub fn meaning(reason: Reason) -> &'static str {
    explained(reason).0
}

/// The advice for a reason.
pub fn help(reason: Reason) -> &'static str {
    explained(reason).1
}

/// The table: `Reason: "meaning" => "advice";`.
macro_rules! reasons {
    ($($reason:ident: $meaning:literal => $help:expr;)*) => {
        fn explained(reason: Reason) -> (&'static str, &'static str) {
            match reason { $(Reason::$reason => ($meaning, $help),)* }
        }
    };
}

reasons! {
    Stdin: "the source comes from standard input" => "none: build scripts test the compiler this way";
    NoInput: "the command line names no source file" => NOTHING;
    SeveralInputs: "the command line names more than one source file"
        => "compile one source with each command; for rustc, check RUSTFLAGS for a stray word";
    Link: "a link of a kind that kache does not cache, or a command that does not compile"
        => "see the detail, and \"Links\" on the page \"C and C++\" of the manual";
    Language: "kache does not cache this source language" => NOTHING;
    PrecompiledHeader: "the command makes a precompiled header that kache cannot plan, or that differs in each run (gcc)"
        => "with clang, make one header with each command, and name the output with -o";
    SeveralArchitectures: "one command compiles for several architectures"
        => "compile expensive sources for one architecture at a time";
    NotUtf8: "an argument is not UTF-8" => "rename the path that contains such bytes";
    ResponseFile: "a response file (@path) cannot be read" => "check that the file exists and is readable";
    Malformed: "a flag has no value" => "check the flags that the build is configured with (RUSTFLAGS, CFLAGS)";
    Print: "a query to the compiler whose answer may depend on a compile" => NOTHING;
    UnknownFlag: "a flag is not in the flag table"
        => "report the flag, or remove it where it is not needed (RUSTFLAGS, CFLAGS); `kache flags` lists those that kache knows";
    UnsupportedFlag: "a flag requests an output or effect that kache cannot restore"
        => "see `kache flags` for the reason; remove the flag where it is not needed";
    UnknownCompiler: "the program does not exist, or is not a known compiler"
        => "check that it is in PATH, and that `PROGRAM --version` says clang or Free Software Foundation";
    Rustup: "kache cannot determine which toolchain rustup selects"
        => "check that `rustup show active-toolchain` names an installed toolchain";
    Toolchain: "kache cannot identify the compiler's installation"
        => "check that the compiler named in the detail runs, that its files are readable, and, for rustc, that `--print sysroot` names a directory";
    Failed: "the compiler reported an error" => "fix the error; failed compilations are not cached";
    Spawn: "the compiler could not be started" => "check that the compiler named in the detail is executable";
    HostState: "a proc macro or a program read machine state that cannot be part of a key"
        => "see the detail; the result is valid only on this machine at this time";
    PrivatePath: "a program was found through a PATH that its parent process changed"
        => "use the program's full path, or set PATH for the whole build";
    WriteOff: "the setting `write` is off" => "unset KACHE_WRITE, or `write` in kache.toml";
    NotObserved: "the observer did not run, so the inputs are not known"
        => "run `kache doctor`; see KACHE_OBSERVE in `kache config`";
    BinaryOutput: "a text output contains NUL bytes" => BUG;
    OddOutput: "an output is not a regular file of its own" => "write outputs as regular files; `kache exec --output` takes a directory with a `/` at its end";
    DepInfo: "the compiler's dep-info could not be read"
        => "check that the output directory is readable and has free space";
    Store: "the result could not be written to the cache"
        => "check that the cache directory is writable and has free space: `kache doctor`";
    CacheUnusable: "the cache directory could not be opened"
        => "check that it is writable: `kache doctor`; or set KACHE_CACHE_DIR";
    Panic: "kache met an internal error and ran the compiler uncached" => BUG;
    Different: "a check recompiled a hit, and the outputs differ from the stored result"
        => "compare the two versions named in the detail; if no macro is nondeterministic, report this with both key traces";
    UnreadableOutput: "an output could not be read for comparison"
        => "check that no other process writes to the output directory";
    ChangedWhileCompiling: "an input changed, or may have changed, while the compiler ran"
        => "build again, and do not change the sources during a build";
    UnreadableInput: "an input could not be read, or a change of it was denied"
        => "check the permissions of the file in the detail";
    Incremental: "the compile started from incremental state of an earlier compile, which is not part of the key"
        => "none for daily work; CARGO_INCREMENTAL=0 makes every compile cacheable";
    CopiedState: "the compile started from a copy of incremental state that kache keeps, which is not part of the key"
        => "none: the first compile after a restore is faster; without `incremental_state` it would be one from scratch, which is stored";
    Clock: "a proc macro or a program that it ran read the clock, or C source contains the build time"
        => "find the macro that inserts a time and give it a fixed one; for __DATE__ and __TIME__ use the setting `source_date_epoch`";
    Network: "a proc macro or a program that it ran opened a connection"
        => "make the macro read a file (for example, the offline mode of `sqlx`)";
    NoOutput: "the command reported success, but did not write an output, or wrote an empty object"
        => "check the compiler's wrapper script and the file system, or what `kache exec --output` names";
    SideEffect: "the compile wrote, changed or removed what is not an output, or left a process running; a hit would not repeat that"
        => "write the file below OUT_DIR from a build script, not from the macro or linker named in the detail";
    InheritedDescriptor: "a process used a file, a pipe, a socket or a standard input that the build was given open, and whose name kache does not know"
        => "start the build without that descriptor (`3<&-`, or standard input from `/dev/null`), or have the program named in the detail open the file by its path";
    RawSyscall: "code other than the compiler's made a system call that the observer cannot interpret, or could make one unseen"
        => "see the detail for the program and the call; where the call is made without the C library, Linux 5.11 or later lets kache see it";
    UnrecordedFunction: "a program or proc macro uses a function of the C library whose effect the observer does not record"
        => "see the detail for the function; `kache tables libc` has the class of each function";
    UnobservedProgram: "a program ran that the observer cannot follow (a static one, one of another user)"
        => "use a dynamically linked program if there is one";
    ObserverOverflow: "the compile has more inputs than the observer's log can hold" => BUG;
    ObserverTorn: "a process was killed while it wrote to the observer's log"
        => "build again; check whether the system kills processes for lack of memory";
    Unlocated: "a process used a file whose path the system does not tell, so that the inputs are not known"
        => "check that /proc is mounted where the program in the detail runs, and that its working directory exists";
    Disturbed: "a process failed under observation in a way that the observer may have caused, so the command ran again unobserved"
        => "raise the limit of the address space (`ulimit -v`), or see which program of the command crashes by itself";
    OutputDirectory: "the directory for the outputs (OUT_DIR of a build script) was not empty, or is not a directory, or a C source asked whether its own output is there: files of an earlier run may have changed what the command does"
        => "none for daily work; after `cargo clean -p PACKAGE` a build script starts with an empty directory; with `kache exec`, remove the directory first, or name its files";
    DocumentedBefore: "the documentation directory has pages that kache did not add, or has the crate already; rustdoc adds to them"
        => "`cargo clean --doc` gives kache an empty directory";
    BuildTool: "`kache exec` does not store what a build tool makes: the tool decides by earlier builds and by the times of files"
        => "use `kache run -- COMMAND`, which caches the compilers that the build starts";
    BuildScriptsOff: "the setting `build_scripts` is off" => "set `build_scripts = true`, or unset KACHE_BUILD_SCRIPTS";
    SystemCallFilter: "a program limits its own system calls (seccomp), so the observer can make none in it and stops"
        => "none if the program needs its sandbox; else run it without, or in a build script";
}
