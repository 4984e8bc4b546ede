//! The lists of what an observation is worth: paths and variables that are not inputs, programs whose code is trusted like
//! the compiler's, and accesses that do not count when trusted code makes them. Every row has its reason. Nothing that no
//! row names is left out of a key.

mod passages;
mod times;
mod variables;

pub use times::*;
pub use variables::*;

pub use kache_core::policy::Excuse as Row;
use kache_core::policy::{Act, ClockAtStart, SizedBy, ToolMarks};

/// A list, as `kache tables` prints it.
pub struct List {
    pub name: &'static str,
    /// The purpose.
    pub about: &'static str,
    pub rows: &'static [Row],
}

/// All lists.
pub fn lists() -> impl Iterator<Item = &'static List> {
    LISTS.iter().chain(variables::LISTS)
}

const fn row(what: &'static str, why: &'static str) -> Row {
    Row { what, why }
}

/// Lists: `STATIC "name" "purpose" { "what"… => "why"; … }`. In `[…]` after plain rows, `"function" => "why";` names a function
/// of the standard library's `MetadataExt`, in the two ways of mangling.
macro_rules! tables {
    ($($(#[$doc:meta])* $list:ident $name:literal $about:literal $body:tt)*) => {
        $($(#[$doc])* pub static $list: &[Row] = rows!($body);)*

        pub(super) static LISTS: &[List] = &[$(List { name: $name, about: $about, rows: $list }),*];
    };
}
macro_rules! rows {
    ({ $($($what:literal)+ => $why:literal;)* }) => {
        &[$($(row($what, $why),)+)*]
    };
    ([ $($what:literal => $why:literal;)* metadata: $($($function:literal)+ => $meta:literal;)* ]) => {
        &[
            $(row($what, $why),)*
            $($(row(concat!("MetadataExt$GT$", $function), $meta), row(concat!("11MetadataExt", $function), $meta),)+)*
        ]
    };
}
use {rows, tables};

tables! {
    IGNORED_PATHS "ignored-paths" "paths that are never inputs" {
        "/dev/null" "/dev/zero" "/dev/full" => "always has the same contents";
        "/dev/random" "/dev/urandom" => "random bytes: a program that contains them is as correct with others";
    }
    /// Exact paths: a source may name any file.
    IGNORED_PATHS_OF_C_COMPILER "ignored-paths-of-c-compiler" "paths that are not inputs of a C compiler" {
        "/proc/self/exe" => "the path of the compiler, which is in the action key";
        "/proc/self/fd" => "whether the directory exists";
        "/proc/self/fd/*" => "the name of a file that the compiler has opened by another name";
    }
    IGNORED_PATHS_OF_NVCC "ignored-paths-of-nvcc" "paths that are not inputs of nvcc and its programs" {
        "/tmp" => "nvcc and `ptxas` list the directory of temporary files, to remove their own";
        "/etc/localtime" => "the time zone, by which date macros are prepared; the host compiler asks for `TZ` before it expands one";
        "/proc/self/exe" => "the path of the program, which is an input";
        "/proc/self/fd" => "whether the directory exists";
        "/proc/self/fd/*" => "the name of a file that the program has opened by another name";
    }
    IGNORED_PATHS_OF_LINKER "ignored-paths-of-linker" "paths that are not inputs of a driver that links objects" {
        "/proc/self/exe" => "the path of the driver, which is in the action key, or of the linker";
        "/proc/self/fd" => "whether the directory exists";
        "/proc/self/fd/*" => "the name of a file that the linker has opened by another name";
        "/proc/cpuinfo" "/proc/self/cgroup" "/sys/devices/system/cpu/" "/sys/fs/cgroup/" => "the number of threads to start";
        "/sys/devices/system/node/" => "the number of threads to start, and their processors";
        "/proc/meminfo" => "the size of the memory";
        "/proc/self/mountinfo" => "the paths of control groups";
        "/proc/self/stat" "/proc/self/statm" "/proc/self/status" => "the memory in use";
        "/proc/sys/vm/overcommit_memory" "/sys/kernel/mm/transparent_hugepage/" => "how the system allocates memory";
    }
    /// The files that a crate includes are in dep-info, and are inputs wherever they are.
    IGNORED_PATHS_OF_RUSTC "ignored-paths-of-rustc" "paths that are not inputs of rustc or a linker" {
        "/dev/tty" => "the terminal; its width is a setting of the invocation";
        "/dev/fd/*" => "the job server's pipe; standard input is never excused";
        "/etc/malloc.conf" => "the allocator's settings";
        "/proc/cpuinfo" "/proc/self/cgroup" "/sys/devices/system/cpu/" "/sys/fs/cgroup/" => "the number of threads to start";
        "/sys/devices/system/node/" => "the number of threads to start, and their processors";
        "/proc/meminfo" => "the size of the memory";
        "/proc/self/exe" => "the path of the compiler, which is in the action key";
        "/proc/self/fd" => "whether the directory exists";
        "/proc/self/fd/*" => "the name of a file that the linker has opened by another name";
        "/proc/self/mountinfo" => "the paths of control groups";
        "/proc/self/stat" "/proc/self/statm" "/proc/self/status" => "the memory in use";
        "/proc/sys/vm/overcommit_memory" "/sys/kernel/mm/transparent_hugepage/" => "how the system allocates memory";
    }
    HOST_STATE "host-state" "paths with machine state that cannot be part of a key: not stored" {
        "/proc/" => "the state of the kernel and of processes";
        "/sys/" => "the state of the machine";
        "/dev/" => "a device";
    }
    C_RUNTIME "c-runtime"
    "host libraries that are not inputs when a compiler or a tool loads them (they are when a linker opens them)" {
        "libc.so" "libm.so" "libdl.so" "librt.so" "libpthread.so" => "the C library that the compiler runs on";
        "libgcc_s.so" => "unwinding";
        "libstdc++.so" => "the C++ library that the compiler runs on";
        "ld-linux" => "the loader";
        "linux-vdso" "linux-gate" => "a part of the kernel";
        "libz.so" => "compression of debug information";
    }
    HOST_FILES "host-files" "paths with machine state that does not change by itself: a dependency" {
        "/proc/filesystems" => "the file systems that the kernel knows; SELinux's library reads it in each program";
        "/proc/version" "/proc/sys/kernel/osrelease" "/proc/sys/kernel/ostype" => "the kernel";
        "/proc/self/mountinfo" => "what is mounted where; Rust's standard library finds control groups by it";
        "/proc/sys/kernel/hostname" => "the machine's name";
        "/proc/sys/vm/overcommit_memory" "/sys/kernel/mm/transparent_hugepage/enabled"
            "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size" => "how the system allocates memory; allocators read it";
        "/proc/sys/crypto/fips_enabled" => "which ciphers are permitted; libraries of ciphers read it";
    }
    /// The functions' accesses are recorded as their caller's, and the table of symbols (`kache tables libc`) accounts for each
    /// function. The contents are inputs of any program but the compiler and its tools: versions of the libraries differ
    /// in the last digits of results.
    C_LIBRARY "c-library"
    "the parts of the C library: they look on behalf of their callers, and the table of symbols accounts for them" {
        "libc.so" => "the C library";
        "libc.musl-" "ld-musl-" => "the C library of musl, and its loader";
        "libm.so" "libmvec.so" => "mathematics";
        "libpthread.so" => "threads; a part of libc.so since glibc 2.34";
        "librt.so" => "timers; a part of libc.so since glibc 2.34";
        "libdl.so" => "loading; a part of libc.so since glibc 2.34";
        "libutil.so" => "terminals; a part of libc.so since glibc 2.34";
        "libanl.so" => "names of hosts; a part of libc.so since glibc 2.34";
        "libresolv.so" => "names of hosts";
        "libBrokenLocale.so" => "one function of the locale";
    }
    LOADER "loader" "host libraries that are not inputs of any program, because they only load or unwind" {
        "ld-linux" => "the loader";
        "linux-vdso" "linux-gate" => "a part of the kernel";
        "libgcc_s.so" => "unwinding, and arithmetic with defined results";
    }
    /// What they list and probe is the search for files that they then open by name, and opening is observed. A name is not
    /// enough: see [`TOOL_MARKS`].
    TOOLS "tools" "programs that are trusted like the compiler" {
        "gcc" "g++" "cc" "c++" "clang" "clang++" => "drives the linker";
        "cc1" => "gcc's compiler of C";
        "cc1plus" => "gcc's compiler of C++";
        "cc1obj" => "gcc's compiler of Objective-C";
        "cc1objplus" => "gcc's compiler of Objective-C++";
        "collect2" => "gcc's step before the linker";
        "lto-wrapper" => "gcc's link-time optimiser";
        "ld" "lld" "gold" "mold" => "a linker";
        "as" => "the assembler";
        "ar" => "the archiver";
        "ranlib" => "the archiver's index";
        "objcopy" "strip" => "debug information";
        "kache" => "the wrapper as the linker's driver: it becomes the driver that it wraps";
        "rust-lld" => "the linker that comes with rustc";
        "rust-objcopy" => "debug information, with rustc";
    }
    TOOLS_OF_NVCC "tools-of-nvcc" "programs that are trusted like nvcc when nvcc starts them" {
        "nvcc" => "drives the others";
        "cudafe++" => "separates the code of the host from that of devices";
        "cicc" => "compiles the code of devices";
        "ptxas" => "the assembler of devices";
        "fatbinary" => "packs code for several devices";
        "gcc" "g++" "cc" "c++" "clang" "clang++" => "the host compiler";
        "cc1" "cc1plus" => "gcc's compilers of C and C++";
        "as" => "the assembler of the host";
    }
    /// A row holds for a program that is a tool by its contents.
    TIMELESS_TOOLS_OF_NVCC "timeless-tools-of-nvcc" "tools of nvcc whose questions for the date and the time mean nothing" {
        "cudafe++" "cicc" => "prepares date macros as it starts, and expands none: its source comes preprocessed";
    }
    /// bash takes functions from the environment, so that it is no such shell. A row holds where root alone can replace the file.
    SHELLS_OF_NVCC "shells-of-nvcc" "shells by which nvcc starts its programs: what they look at is the search for the program" {
        "dash" => "reads no file of the user's and no variable but `PATH` for a command of its caller";
    }
    /// By the paths of their files.
    SIZED_BY_MEMORY "sized-by-memory" "programs that ask for the free memory only to size a buffer" {
        "/usr/bin/sort" "/bin/sort" => "how much it sorts in memory at once; the order is the same";
    }
    /// By the paths of their files.
    CLOSES_DESCRIPTORS "closes-descriptors" "programs that list their open descriptors only to close them" {
        "/usr/bin/xargs" "/bin/xargs" => "checks at the end of its work that it has left none open";
    }
    IGNORED_VOLATILE "ignored-volatile" "functions with changing results that do not prevent storing" {
        "getrandom" "getentropy" => "seeds hash maps; a program that contains random numbers is as correct with others";
        "getpid" => "names temporary files";
    }
    /// Parts of mangled names. The location of a proc macro that has such a function, or no names at all, counts literally.
    TELLS_PLACE "tells-place"
    "functions that tell a proc macro its location: the location becomes a literal dependency" {
        "4Span10local_file" => "`Span::local_file` gives a source's real path";
        "3std3env4args" "3std3env7args_os" => "`std::env::args` gives the compiler's command line, with paths";
    }
    /// Read by a proc macro or a program other than the compiler and its tools.
    TELLS_PROCESSORS "tells-processors"
    "paths that describe the processors: their number and model become dependencies" {
        "/proc/cpuinfo" => "the processors; for the compiler itself, `-C target-cpu=native` has its own key component";
        "/proc/self/cgroup" "/sys/fs/cgroup/**/cpu.max" => "how much of them the process may use";
        "/sys/fs/cgroup/**/cpu.cfs_quota_us" "/sys/fs/cgroup/**/cpu.cfs_period_us"
            => "how much of them the process may use, by the older interface";
        "/sys/devices/system/cpu/online" "/sys/devices/system/cpu/possible" "/sys/devices/system/cpu/present"
            => "the number of processors";
    }
    /// Parts of mangled names. In code that is not optimised each function has a name; for other code see [`UNOPTIMISED`].
    TELLS_STATUS "tells-status"
    "functions that tell a proc macro times: those of its files become dependencies" [
        "8Metadata8modified" => "when a file was modified";
        "8Metadata7created" => "when a file was created";
        metadata:
        "5mtime" "10mtime_nsec" "8st_mtime" "13st_mtime_nsec" => "when a file was modified";
    ]
    TELLS_PERMISSIONS "tells-permissions"
    "functions that tell a proc macro permissions and owners: those of its files become dependencies" [
        "8Metadata11permissions" => "who may access a file";
        metadata:
        "4mode" "7st_mode" => "who may access a file";
        "3uid" "6st_uid" => "the owner of a file";
    ]
    TELLS_PLACE_BY_IMPORT "tells-place-by-import"
    "variables of libc that tell a proc macro its location: the location becomes a literal dependency" {
        "program_invocation_name" "__progname_full" => "the compiler's path";
        "_r_debug" => "the paths of all objects";
    }
    /// Parts of mangled names. No two copies of a file are equal in these parts of the status.
    TELLS_IDENTITY "tells-identity"
    "functions that tell a proc macro which file a file is: the whole status becomes a dependency" [
        metadata:
        "3dev" "6st_dev" => "the file's device";
        "3ino" "6st_ino" => "the file's number on its device";
        "4rdev" "7st_rdev" => "which device it is";
        "5nlink" "8st_nlink" => "the number of names";
        "3gid" "6st_gid" => "the file's group";
        "5ctime" "10ctime_nsec" "8st_ctime" "13st_ctime_nsec" => "the last change of any kind";
        "7blksize" "6blocks" "10st_blksize" "9st_blocks" => "how the file is stored";
        "11as_raw_stat" => "the whole status";
    ]
    /// The size of a file follows from its contents.
    TELLS_SIZE "tells-size"
    "functions that tell a proc macro how large files are: the sizes of directories become dependencies" [
        "8Metadata3len" => "how large it is";
        metadata:
        "4size" "7st_size" => "how large it is";
    ]
    TELLS_NUMBERS "tells-numbers"
    "functions that tell a proc macro the numbers of the files in a directory: their whole status becomes a dependency" {
        "DirEntryExt$GT$3ino" "11DirEntryExt3ino" => "the number of a listed file on its device";
    }
    /// Rust's standard library does not use these functions. A proc macro that imports one has other code that does: a status
    /// that it asks for from no known place counts.
    TELLS_IDENTITY_BY_IMPORT "tells-identity-by-import" "functions of libc that tell a proc macro the same" {
        "stat" "lstat" "fstat" "fstatat" => "called by C code, or through the `libc` crate";
        "__xstat*" "__lxstat*" "__fxstat*" => "called by C code, or through the `libc` crate, with an older C library";
    }
    WALKS_BY_IMPORT "walks-by-import" "functions of libc that ask for the status of files, and hand it to a proc macro" {
        "ftw*" "nftw*" "fts_*" "fts64_*" => "passes the status to the caller";
    }
    COMPARES_IDENTITY "compares-identity"
    "crates in a proc macro that use this only to compare files: their functions do not count" {
        "7walkdir" => "finds cycles of links";
        "9same_file" => "finds cycles of links, for `walkdir`";
    }
    /// If the function is missing, small functions have become parts of their callers and lost their names.
    UNOPTIMISED "unoptimised"
    "a function that shows that a proc macro is not optimised; without it, the whole status of its files counts" {
        "10run_client" => "generic, and part of each macro's own code";
    }
    /// The standard library calls the function with what `main` returns, once in each program.
    UNOPTIMISED_PROGRAM "unoptimised-program"
    "a function that shows that a build script is not optimised; without it, the whole status of its files counts" {
        "Termination$GT$6report" "11Termination6report" => "small, and part of its caller in optimised code";
    }
    /// Any reader changes this time.
    TELLS_READING "tells-reading" "functions that tell a proc macro when files were read: not stored" [
        "8Metadata8accessed" => "when a file was last read";
        "fs..Metadata$u20$as$u20$core..fmt..Debug" => "prints all times";
        "3std2fsNtB5_8MetadataNtNtCs" => "as above, in the standard library; `Clone` is named alike";
        metadata:
        "5atime" "10atime_nsec" "8st_atime" "13st_atime_nsec" "11as_raw_stat" => "when a file was last read";
    ]
    /// Parts of mangled names. Such a macro could read anything unseen, unless the kernel delivers its system calls to the
    /// observer. On x86-64 and AArch64 kache also reads the code (`object::calls_kernel`), since optimised and stripped
    /// functions have no names.
    UNSEEN_CALLS "unseen-calls"
    "functions that make system calls without libc: a unit that uses such a proc macro is not stored" {
        "6rustix7backend" => "rustix makes Linux system calls itself";
    }
    /// Parts of mangled names. `TELLS_STATUS` and `TELLS_IDENTITY` have the functions that hand on the answer.
    STANDARD_LIBRARY "standard-library"
    "functions that ask for the status of files for a proc macro: where another function asks, all of the status counts" {
        "3std3sys" => "the part of Rust's standard library that calls the system";
    }
    /// kache cannot tell the accesses of such a macro from the compiler's own.
    SHARED_LIBRARY "shared-library"
    "symbols that show that a proc macro uses the compiler's own standard library: not stored" {
        "3std" => "a symbol of Rust's standard library";
    }
    /// By the name of the crate or script. A variable that one of them reads counts as a portable path.
    LOCATORS "path-only-macros" "proc macros and linker scripts that use paths only to find files" {}
}

/// The marks in the contents of each tool: texts and functions that no program has that only calls the tool.
pub static TOOL_MARKS: &[ToolMarks] = &[
    ToolMarks { names: &["gcc", "g++", "cc", "c++"], any: &[GCC, CLANG, CLANG_STATIC] },
    ToolMarks { names: &["clang", "clang++"], any: &[CLANG, CLANG_STATIC] },
    ToolMarks { names: &["cc1", "cc1plus", "cc1obj", "cc1objplus", "lto-wrapper"], any: &[GCC] },
    ToolMarks { names: &["collect2"], any: &[&["COLLECT_GCC_OPTIONS", "collect2 version"]] },
    ToolMarks { names: &["ld", "lld", "gold", "mold", "rust-lld"], any: &[BFD, GOLD, MOLD, LLD, LLD_STATIC] },
    ToolMarks { names: &["as"], any: &[&["GNU assembler version"]] },
    ToolMarks {
        names: &["ar", "ranlib", "objcopy", "strip", "rust-objcopy"],
        any: &[BINUTILS, LLVM_OBJCOPY, LLVM_AR],
    },
    ToolMarks { names: &["kache"], any: &[&["KACHE_OBSERVE_LOG", "kache's own settings"]] },
];

/// The same for nvcc's.
pub static TOOL_MARKS_OF_NVCC: &[ToolMarks] = &[
    ToolMarks { names: &["nvcc"], any: &[&["Cuda compiler driver", NVIDIA]] },
    ToolMarks { names: &["cudafe++", "cicc"], any: &[&["orig_src_path_name", NVIDIA]] },
    ToolMarks { names: &["ptxas"], any: &[&["NVIDIA (R)", "warn-on-spills"]] },
    ToolMarks { names: &["fatbinary"], any: &[&["fatbinary offline tool", "cicc-cmdline"]] },
    ToolMarks { names: &["gcc", "g++", "cc", "c++"], any: &[GCC, CLANG, CLANG_STATIC] },
    ToolMarks { names: &["clang", "clang++"], any: &[CLANG, CLANG_STATIC] },
    ToolMarks { names: &["cc1", "cc1plus"], any: &[GCC] },
    ToolMarks { names: &["as"], any: &[&["GNU assembler version"]] },
];

const NVIDIA: &str = "NVIDIA Corporation";
const GCC: &[&str] = &["COLLECT_GCC_OPTIONS", "-fdump-"];
const CLANG: &[&str] = &["5clang6driver", "LLVM"];
const CLANG_STATIC: &[&str] = &["clang version", "-cc1as"];
const BFD: &[&str] = &["GNU ld", "bfd_openr"];
const GOLD: &[&str] = &["GNU gold"];
const MOLD: &[&str] = &["compatible with GNU ld"];
const LLD: &[&str] = &["3lld", "LLVM"];
const LLD_STATIC: &[&str] = &["ld.lld", "--thinlto-cache-policy"];
const BINUTILS: &[&str] = &["bfd_openr", "GNU %s"];
const LLVM_OBJCOPY: &[&str] = &["llvm-objcopy", "LLVM"];
const LLVM_AR: &[&str] = &["llvm-ar", "LLVM"];

const fn clock(what: &'static str, arguments: &'static [&'static str], why: &'static str) -> ClockAtStart {
    ClockAtStart { what, arguments, unless: &[], again: false, timers: false, why }
}

/// Tools that a foreign program starts, by their names and contents. gcc's `-version` and `-fverbose-asm` print by how much the
/// compiler lets its memory grow before it collects (`ggc-common.cc`): that depends on the limits, and on the machine's memory up
/// to a gibibyte.
pub static SIZED_BY: &[SizedBy] = &[
    sized("gcc", &["rlimit/3"], "the stack of the compiler that it starts"),
    sized("g++", &["rlimit/3"], "as above"),
    sized("cc", &["rlimit/3"], "as above"),
    sized("c++", &["rlimit/3"], "as above"),
    compiler("cc1"),
    compiler("cc1plus"),
    sized("ar", &["rlimit/7"], "how many files it keeps open at once"),
    sized("ranlib", &["rlimit/7"], "as above"),
];

const fn sized(what: &'static str, facts: &'static [&'static str], why: &'static str) -> SizedBy {
    SizedBy { what, facts, with: None, unless: &[], printed: None, why }
}

const fn compiler(what: &'static str) -> SizedBy {
    let facts = &["sysconf/85", "rlimit/2", "rlimit/3", "rlimit/5", "rlimit/9"];
    let unless = &["-version", "-help", "-fverbose-asm"];
    SizedBy {
        with: Some("-quiet"),
        unless,
        printed: Some(("sysconf/85", Act::SizesHeap)),
        ..sized(what, facts, "its stack, and when it collects what it has freed")
    }
}

/// Programs that read the clock when they start, and use it for nothing in their output. A name is not enough: kache starts
/// the program with arguments that make it do nothing else, and excuses the calls of that run. Perl's scripts can
/// read the time of its start (`$^T`): see [`RUNS_SCRIPTS`].
pub static CLOCK_AT_START: &[ClockAtStart] = &[
    clock("sh", &["-c", ":"], "seeds its random numbers"),
    clock("dash", &["-c", ":"], "seeds its random numbers"),
    clock("bash", &["-c", ":"], "seeds RANDOM and SECONDS"),
    clock("busybox", &["true"], "a shell"),
    ClockAtStart {
        timers: true,
        ..clock("git", &["version"], "measures its steps, for traces and progress")
    },
    ClockAtStart { timers: true, ..clock("git-sh-i18n--envsubst", &["--variables", ""], "a part of git") },
    ClockAtStart {
        unless: COMPARES_WITH_START,
        ..clock(
            "find",
            &["/dev/null", "-prune"],
            "compares files with the time, where arguments ask for that",
        )
    },
    ClockAtStart {
        // kache does not read a program in a file.
        unless: &["rand", "-f", "-W", "--"],
        ..clock("mawk", &["BEGIN { exit }"], "seeds its random numbers, and shows the seed only by `srand`")
    },
    clock(
        "perl",
        &["-e", "eval { require IPC::Cmd; require Time::Piece }"],
        "notes when it started; `IPC::Cmd` tries whether there is a clock that only goes forward; `Time::Local` notes \
         the century",
    ),
    ClockAtStart {
        again: true,
        ..clock("infocmp", &["-C", "dumb"], "its library asks whether what it knows of directories is old")
    },
    clock("python", &["-I", "-S", "-c", "pass"], "seeds the hashing of its strings"),
    ClockAtStart {
        again: true,
        ..clock("make", MAKE_NOTHING, "warns of files that are newer than the clock")
    },
];

const COMPARES_WITH_START: &[&str] = &[
    "-amin",
    "-atime",
    "-cmin",
    "-ctime",
    "-mmin",
    "-mtime",
    "-newerat",
    "-newerBt",
    "-newerct",
    "-newermt",
    "-used",
    "-daystart",
    "-ls",
    "-fls",
];
const MAKE_NOTHING: &[&str] = &["-q", "-f", "/dev/null", "/dev/null"];
