//! What each reason of an event means, and what to do about it.

use kache_core::reason::Reason;

const NOTHING: &str = "nothing: such an invocation cannot be cached";
const BUG: &str = "please report it, with the detail: this is a defect of kache";

/// What a reason means.
pub fn meaning(reason: Reason) -> &'static str {
    explained(reason).0
}

/// What to do about a reason.
pub fn help(reason: Reason) -> &'static str {
    explained(reason).1
}

fn explained(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Stdin => {
            ("the source comes from standard input", "nothing: build scripts try the compiler this way")
        }
        Reason::NoInput => ("no source file is named", NOTHING),
        Reason::SeveralInputs => ("more than one source file is named", "look for a stray word in RUSTFLAGS"),
        Reason::Link => ("a C compiler is asked to link, or to stop before it compiles", NOTHING),
        Reason::Language => ("the source is in a language that is not cached", NOTHING),
        Reason::PrecompiledHeader => (
            "a precompiled header is made; what is compiled with it is cached",
            "nothing: it holds the times of the headers it was made from",
        ),
        Reason::SeveralArchitectures => (
            "one compile for several architectures",
            "compile for one architecture at a time where most of the time goes",
        ),
        Reason::NotUtf8 => ("an argument is not UTF-8", "rename the path that has such bytes"),
        Reason::ResponseFile => {
            ("a response file (@path) cannot be read", "see that the file is there and readable")
        }
        Reason::Malformed => ("a flag lacks its value", "look at RUSTFLAGS and the build's configuration"),
        Reason::Print => ("a question to the compiler that may depend on a compile", NOTHING),
        Reason::UnknownFlag => (
            "no row of the flag table knows a flag of it",
            "see `kache flags`; report the flag, or leave it out of RUSTFLAGS",
        ),
        Reason::UnsupportedFlag => (
            "a flag of it asks for something that cannot be restored",
            "see `kache flags` for the reason; leave the flag out where it is not needed",
        ),
        Reason::UnknownCompiler => (
            "the program is no compiler that kache knows, or is not found",
            "see that it is in PATH, and that `PROGRAM --version` says clang or Free Software Foundation",
        ),
        Reason::Rustup => (
            "the toolchain that rustup would choose is not plain",
            "see that `rustup show active-toolchain` names an installed toolchain",
        ),
        Reason::Toolchain => (
            "the compiler's installation could not be identified",
            "see that the compiler named in the detail can be run, that its files are readable, and, of rustc, that `--print sysroot` names a directory",
        ),
        Reason::Failed => {
            ("the compiler reported an error", "mend the source: a failed compile is never kept")
        }
        Reason::Spawn => {
            ("the compiler could not be started", "see that the compiler named in the detail can be run")
        }
        Reason::HostState => (
            "a proc macro or a program read the state of this machine, which no digest can hold",
            "see which in the detail; what it makes of it is only right here and now",
        ),
        Reason::PrivatePath => (
            "a program was looked for in a PATH that the program which started it made up",
            "name the program by its full path, or set PATH for the whole build",
        ),
        Reason::WriteOff => ("the setting `write` is off", "unset KACHE_WRITE, or `write` in kache.toml"),
        Reason::NotObserved => (
            "the observer did not run, and without it the inputs are not known for sure",
            "run `kache doctor`; see KACHE_OBSERVE in `kache config`",
        ),
        Reason::BinaryOutput => ("what should be text has NULs in it", BUG),
        Reason::OddOutput => ("an output is no regular file", "write outputs to a plain directory"),
        Reason::DepInfo => (
            "the compiler's dep-info could not be read",
            "see that the output directory is readable and not full",
        ),
        Reason::Store => (
            "the result could not be written to the cache",
            "see that the cache directory is writable and has room: `kache doctor`",
        ),
        Reason::CacheUnusable => (
            "the cache directory could not be opened",
            "see that it is writable: `kache doctor`; or set KACHE_CACHE_DIR",
        ),
        Reason::Panic => ("kache came upon something that it does not handle; the compiler ran plainly", BUG),
        Reason::Different => (
            "a check compiled what would have been restored, and something else came of it",
            "compare the two versions named in the detail: a macro that is random? else please report it, with both key traces",
        ),
        Reason::UnreadableOutput => (
            "an output could not be read back to compare it",
            "see that nothing else writes to the output directory",
        ),
        Reason::ChangedWhileCompiling => (
            "an input changed, or may have, while the compiler ran",
            "build again; let nothing write to the sources during a build",
        ),
        Reason::UnreadableInput => {
            ("an input could not be read", "see that the file in the detail is readable by you")
        }
        Reason::Incremental => (
            "began with incremental state from an earlier compile, which is not all in the sources",
            "nothing for daily work; CARGO_INCREMENTAL=0 makes every compile cacheable",
        ),
        Reason::Clock => (
            "a proc macro or a program that it ran read the clock, or C source has the time of the build in it",
            "find the macro that pastes a time and give it a fixed one; for __DATE__ and __TIME__ set SOURCE_DATE_EPOCH",
        ),
        Reason::Network => (
            "a proc macro or a program that it ran opened a connection",
            "let the macro read a file (`sqlx` offline mode, for one)",
        ),
        Reason::NoOutput => (
            "the compiler reported success and left no object, or an empty one",
            "look at the script that stands in the compiler's place, and at the file system",
        ),
        Reason::SideEffect => (
            "a file was written or removed that is no output: a hit would not do it again",
            "let the macro or linker named in the detail write below OUT_DIR, from a build script",
        ),
        Reason::RawSyscall => (
            "code other than the compiler's called the kernel past the C library, unseen",
            "see the detail for the program; it cannot be vouched for",
        ),
        Reason::UnobservedProgram => (
            "a program ran that the observer cannot follow (a static one)",
            "use a dynamically linked one where there is a choice",
        ),
        Reason::ObserverOverflow => ("more was looked at than the observer's log holds", BUG),
        Reason::ObserverTorn => (
            "a process was killed while it wrote to the observer's log",
            "build again; look for what kills processes (out of memory?)",
        ),
    }
}
