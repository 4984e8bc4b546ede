//! The tables that say what an observation is worth: which paths and variables are no inputs, whose code is the
//! compiler's own, and what its own code may do without it counting. Every row has its reason; nothing that no row
//! excuses is left out of a key.

mod variables;

pub use variables::*;

use kache_core::policy::ClockAtStart;
pub use kache_core::policy::Excuse as Row;
use kache_core::policy::ToolMarks;

const fn row(what: &'static str, why: &'static str) -> Row {
    Row { what, why }
}

/// Paths that are no inputs, whoever looks at them.
pub static IGNORED_PATHS: &[Row] = &[
    row("/dev/null", "has nothing to say"),
    row("/dev/zero", "as above"),
    row("/dev/full", "as above"),
    row("/dev/random", "random bytes: a program that pastes them is as right with others"),
    row("/dev/urandom", "as above"),
];

/// Files in which the kernel shows facts about the machine that do not change by themselves: a dependency on what they
/// hold, for whoever reads them and is not excused.
pub static HOST_FILES: &[Row] = &[
    row(
        "/proc/filesystems",
        "the file systems that the kernel knows; SELinux's library reads it in each program",
    ),
    row("/proc/version", "the kernel"),
    row("/proc/sys/kernel/hostname", "the machine's name"),
    row("/proc/sys/kernel/osrelease", "the kernel"),
    row("/proc/sys/kernel/ostype", "the kernel"),
    row("/proc/sys/vm/overcommit_memory", "how the system gives out memory; allocators read it"),
    row("/sys/kernel/mm/transparent_hugepage/enabled", "as above"),
    row("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "as above"),
    row("/proc/sys/crypto/fips_enabled", "which ciphers may be used; libraries of ciphers read it"),
];

/// Paths by which any other program or proc macro learns how many processors there are, and of what sort: that is an
/// observation of its own.
pub static TELLS_PROCESSORS: &[Row] = &[
    row(
        "/proc/cpuinfo",
        "the processors; of the compiler's own, `-C target-cpu=native` has a key component of its own",
    ),
    row("/proc/self/cgroup", "how much of them the process may use"),
    row("/sys/fs/cgroup/**/cpu.max", "how much of them the process may use"),
    row("/sys/fs/cgroup/**/cpu.cfs_quota_us", "as above, by the older interface"),
    row("/sys/fs/cgroup/**/cpu.cfs_period_us", "as above, by the older interface"),
    row("/sys/devices/system/cpu/online", "how many there are"),
    row("/sys/devices/system/cpu/possible", "how many there are"),
    row("/sys/devices/system/cpu/present", "how many there are"),
];

/// Paths that are no inputs where a C compiler or the assembler looks at them. Exact: a source may name any file.
pub static IGNORED_PATHS_OF_C_COMPILER: &[Row] = &[
    row("/proc/self/exe", "where the compiler is, which is in the action key"),
    row("/proc/self/fd", "whether there is such a directory"),
    row("/proc/self/fd/*", "the name of a file that the compiler has opened by another"),
];

/// Paths that are no inputs where rustc or the linker looks at them. What a crate includes is told by dep-info, and is an
/// input wherever it lies.
pub static IGNORED_PATHS_OF_RUSTC: &[Row] = &[
    row("/dev/tty", "the terminal; its width is a setting of the invocation"),
    row("/dev/fd/*", "the job server's pipe; standard input is never excused"),
    row("/etc/malloc.conf", "the allocator's settings"),
    row("/proc/cpuinfo", "how many threads to start"),
    row("/proc/meminfo", "how much memory there is"),
    row("/proc/self/cgroup", "how many threads to start"),
    row("/proc/self/exe", "where the compiler is, which is in the action key"),
    row("/proc/self/fd", "whether there is such a directory"),
    row("/proc/self/fd/*", "the name of a file that the linker has opened by another"),
    row("/proc/self/mountinfo", "where control groups are"),
    row("/proc/self/stat", "how much memory is used"),
    row("/proc/self/statm", "how much memory is used"),
    row("/proc/self/status", "how much memory is used"),
    row("/proc/sys/vm/overcommit_memory", "how the system gives out memory"),
    row("/sys/devices/system/cpu/", "how many threads to start"),
    row("/sys/devices/system/node/", "how many threads to start, and where"),
    row("/sys/fs/cgroup/", "how many threads to start"),
    row("/sys/kernel/mm/transparent_hugepage/", "how the system gives out memory"),
];

/// Paths under which any other program or proc macro learns of the host what no digest can hold: not stored.
pub static HOST_STATE: &[Row] = &[
    row("/proc/", "the state of the kernel and of processes"),
    row("/sys/", "the state of the machine"),
    row("/dev/", "a device"),
];

/// Host libraries that a process needs to run at all. Loaded by a compiler or a tool they are no input; opened by a linker,
/// or loaded by any other program, they are.
pub static C_RUNTIME: &[Row] = &[
    row("libc.so", "the C library that the compiler itself runs on"),
    row("libm.so", "as above"),
    row("libdl.so", "as above"),
    row("librt.so", "as above"),
    row("libpthread.so", "as above"),
    row("libgcc_s.so", "unwinding"),
    row("libstdc++.so", "as above, for C++"),
    row("ld-linux", "the loader"),
    row("linux-vdso", "the kernel's part"),
    row("linux-gate", "the kernel's part"),
    row("libz.so", "compression of debug information"),
];

/// The libraries that make up the C library. What the functions look at is recorded as their caller's, and the table of
/// symbols (`kache tables`) accounts for each function. Their contents are inputs where anything but the compiler or a tool
/// uses them: they have versions, and the last digits of results differ.
pub static C_LIBRARY: &[Row] = &[
    row("libc.so", "the C library"),
    row("libc.musl-", "the C library of musl, and its loader"),
    row("ld-musl-", "as above"),
    row("libm.so", "mathematics"),
    row("libmvec.so", "mathematics"),
    row("libpthread.so", "threads; a part of libc.so since glibc 2.34"),
    row("librt.so", "timers; as above"),
    row("libdl.so", "loading; as above"),
    row("libutil.so", "terminals; as above"),
    row("libanl.so", "names of hosts; as above"),
    row("libresolv.so", "names of hosts"),
    row("libBrokenLocale.so", "one function of the locale"),
];

/// Libraries that only load or unwind: their contents reach no result, whoever uses them.
pub static LOADER: &[Row] = &[
    row("ld-linux", "the loader"),
    row("linux-vdso", "the kernel's part"),
    row("linux-gate", "the kernel's part"),
    row("libgcc_s.so", "unwinding, and arithmetic with defined results"),
];

/// Programs whose own code is trusted like the compiler's: what they list and probe is the search for what they then
/// open by name, and that is observed. A name is not enough: see [`TOOL_MARKS`].
pub static TOOLS: &[Row] = &[
    row("gcc", "drives the linker"),
    row("g++", "drives the linker"),
    row("cc", "drives the linker"),
    row("c++", "drives the linker"),
    row("clang", "drives the linker"),
    row("cc1", "gcc's compiler of C"),
    row("cc1plus", "gcc's compiler of C++"),
    row("cc1obj", "gcc's compiler of Objective-C"),
    row("cc1objplus", "gcc's compiler of Objective-C++"),
    row("clang++", "as clang"),
    row("collect2", "gcc's step before the linker"),
    row("lto-wrapper", "gcc's link-time optimiser"),
    row("ld", "a linker"),
    row("lld", "a linker"),
    row("gold", "a linker"),
    row("mold", "a linker"),
    row("as", "the assembler"),
    row("ar", "the archiver"),
    row("ranlib", "the archiver's index"),
    row("objcopy", "debug information"),
    row("strip", "debug information"),
    row("kache", "the wrapper, named as the linker's driver: it becomes what it wraps"),
    row("rust-lld", "the linker that comes with rustc"),
    row("rust-objcopy", "debug information, with rustc"),
];

/// What is in the contents of each of the tools: texts and functions of its own that no program which only calls it has.
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
    ClockAtStart { what, arguments, again: false, timers: false, why }
}

/// Programs that read the clock as they start, for nothing that they could say later. A name is not enough: kache starts
/// the program with arguments by which it does nothing else, and excuses the calls that are made then. Perl has no row:
/// the time at which it started is a variable of its scripts (`$^T`).
pub static CLOCK_AT_START: &[ClockAtStart] = &[
    clock("sh", &["-c", ":"], "seeds its random numbers"),
    clock("dash", &["-c", ":"], "seeds its random numbers"),
    clock("bash", &["-c", ":"], "seeds RANDOM and SECONDS"),
    clock("busybox", &["true"], "a shell"),
    ClockAtStart {
        timers: true,
        ..clock("git", &["version"], "measures how long its steps take, for traces and progress")
    },
    clock("python", &["-I", "-S", "-c", "pass"], "seeds the hashing of its strings"),
    ClockAtStart {
        again: true,
        ..clock(
            "make",
            &["-q", "-f", "/dev/null", "/dev/null"],
            "warns of files that are newer than the clock says",
        )
    },
];

/// Programs, by their files, that ask for the free memory and put it into nothing.
pub static SIZED_BY_MEMORY: &[Row] = &[
    row("/usr/bin/sort", "how much it sorts in memory at once; the order is the same"),
    row("/bin/sort", "as above"),
];

/// Functions, by a part of their mangled names, by which a proc macro learns where it is without any look that the
/// observer could see. One that has such a function, or has been stripped of all names, counts its place literally.
pub static TELLS_PLACE: &[Row] = &[
    row("4Span10local_file", "`Span::local_file` gives a source's real path"),
    row("3std3env4args", "`std::env::args` gives the compiler's command line, with paths"),
    row("3std3env7args_os", "as above"),
];

/// Rows for functions of the standard library's `MetadataExt`, in the two ways of mangling, after those that are given.
macro_rules! metadata_ext {
    ([$($row:expr),*] $($function:literal, $why:literal;)*) => {
        &[
            $($row,)*
            $(
                row(concat!("MetadataExt$GT$", $function), $why),
                row(concat!("11MetadataExt", $function), $why),
            )*
        ]
    };
}

/// Functions, by a part of their mangled names, by which a proc macro learns of a file what its contents do not tell: the
/// times, the permissions and the owner of each file that it looks at count. In code that is not optimised, each has a
/// name; where code is, see `UNOPTIMISED`.
pub static TELLS_STATUS: &[Row] = metadata_ext![
    [
        row("8Metadata8modified", "when a file was modified"),
        row("8Metadata7created", "when a file was created"),
        row("8Metadata11permissions", "who may do what with it")
    ]
    "5mtime", "when a file was modified";
    "10mtime_nsec", "when a file was modified";
    "4mode", "who may do what with it";
    "3uid", "whose it is";
    "8st_mtime", "when a file was modified";
    "13st_mtime_nsec", "when a file was modified";
    "7st_mode", "who may do what with it";
    "6st_uid", "whose it is";
];

/// Functions, by a part of their mangled names, by which a proc macro learns what file exactly a file is: no two copies of
/// a file are alike in this, so that all of it counts for each file that it looks at.
pub static TELLS_IDENTITY: &[Row] = metadata_ext![
    []
    "3dev", "on which device it is";
    "3ino", "its number on the device";
    "4rdev", "which device it is";
    "5nlink", "how many names it has";
    "3gid", "of which group it is";
    "5ctime", "when it was changed in any way";
    "10ctime_nsec", "when it was changed in any way";
    "7blksize", "how it is stored";
    "6blocks", "how it is stored";
    "6st_dev", "on which device it is";
    "6st_ino", "its number on the device";
    "7st_rdev", "which device it is";
    "8st_nlink", "how many names it has";
    "6st_gid", "of which group it is";
    "8st_ctime", "when it was changed in any way";
    "13st_ctime_nsec", "when it was changed in any way";
    "10st_blksize", "how it is stored";
    "9st_blocks", "how it is stored";
    "11as_raw_stat", "all of this";
];

/// Crates, by a part of the names of their functions, that ask which file a file is only to compare it with another.
pub static COMPARES_IDENTITY: &[Row] =
    &[row("7walkdir", "finds circles of links"), row("9same_file", "finds circles of links, for `walkdir`")];

/// Functions of the C library that tell all of this, and that Rust's standard library does not use: a proc macro that
/// imports one has other code that does.
pub static TELLS_IDENTITY_BY_IMPORT: &[Row] = &[
    row("stat", "called by C code, or by way of the `libc` crate"),
    row("lstat", "as above"),
    row("fstat", "as above"),
    row("fstatat", "as above"),
    row("__xstat*", "as above, with an older C library"),
    row("__lxstat*", "as above"),
    row("__fxstat*", "as above"),
    row("ftw*", "hands what it finds to the caller"),
    row("nftw*", "as above"),
    row("fts_*", "as above"),
    row("fts64_*", "as above"),
];

/// Variables of the C library that hold the path by which the process was started.
pub static TELLS_PLACE_BY_IMPORT: &[Row] = &[
    row("program_invocation_name", "the compiler's path"),
    row("__progname_full", "as above"),
    row("_r_debug", "the paths of all objects"),
];

/// A function, by a part of its mangled name, that the code of any proc macro has unless it is optimised. Where it is missing,
/// small functions have become part of their callers, and lost their names.
pub static UNOPTIMISED: &[Row] = &[row("10run_client", "generic, and part of each macro's own code")];

/// Functions, by a part of their mangled names, by which a proc macro learns when a file was last read, which any
/// reader changes: what it helps to build is not stored.
pub static TELLS_READING: &[Row] = metadata_ext![
    [
        row("8Metadata8accessed", "when a file was last read"),
        row("fsNtB5_8MetadataNtNt", "`Debug` prints all times"),
        row("fsNtB6_8MetadataNtNt", "as above"),
        row("std..fs..Metadata$u20$as$u20$core..fmt..Debug", "as above, in the other way of mangling"),
        row("DirEntryExt$GT$3ino", "the number of a file that it has not looked at"),
        row("11DirEntryExt3ino", "as above")
    ]
    "5atime", "when a file was last read";
    "10atime_nsec", "when a file was last read";
    "8st_atime", "when a file was last read";
    "13st_atime_nsec", "when a file was last read";
    "11as_raw_stat", "when a file was last read";
];

/// Functions, by a part of their mangled names, that make system calls without libc: a proc macro that has them could
/// read anything unseen where the kernel does not deliver such calls to the observer, and what it helps to build is not
/// stored there. On x86-64 and AArch64 the code is read too (`object::calls_kernel`): optimised, these functions have no
/// names of their own, and stripped, none have.
pub static UNSEEN_CALLS: &[Row] = &[row("6rustix7backend", "rustix talks to Linux by itself")];

/// Functions whose result changes from call to call and is still no reason not to store.
pub static IGNORED_VOLATILE: &[Row] = &[
    row(
        "getrandom",
        "seeds hash maps; a program that pastes random numbers is as right with these as with others",
    ),
    row("getentropy", "as above"),
    row("getpid", "names temporary files"),
];

/// Proc macros, and scripts in the linker's place, that use paths in variables only to find files, which are then observed: such
/// a variable counts as a portable path for them. `what` is the crate's or the script's name.
pub static LOCATORS: &[Row] = &[];

/// Parts of the names of imported symbols by which a proc macro takes the standard library from the compiler's, whose
/// looks are then not told from the compiler's own.
pub static SHARED_LIBRARY: &[Row] = &[row("3std", "a symbol of Rust's standard library")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_marks_and_every_mark_a_tool() {
        let mut named: Vec<&str> = TOOL_MARKS.iter().flat_map(|marks| marks.names).copied().collect();
        let mut tools: Vec<&str> = TOOLS.iter().map(|row| row.what).collect();
        named.sort_unstable();
        tools.sort_unstable();
        assert_eq!(named, tools);
    }

    #[test]
    fn every_row_has_a_reason() {
        for table in [
            IGNORED_PATHS,
            IGNORED_PATHS_OF_C_COMPILER,
            IGNORED_PATHS_OF_RUSTC,
            HOST_FILES,
            C_RUNTIME,
            DIRECTORIES_ENV,
            C_LIBRARY,
            LOADER,
            IGNORED_ENV,
            IGNORED_IN_WHOLE,
            LOADER_ENV,
            SCRIPT_ENV,
            COMPILER_ENV,
            TOOLS,
            SIZED_BY_MEMORY,
            IGNORED_VOLATILE,
            TELLS_PLACE,
            TELLS_PROCESSORS,
            TELLS_READING,
            TELLS_STATUS,
            TELLS_IDENTITY,
            TELLS_IDENTITY_BY_IMPORT,
            TELLS_PLACE_BY_IMPORT,
            COMPARES_IDENTITY,
            UNOPTIMISED,
            UNSEEN_CALLS,
            LOCATORS,
        ] {
            for r in table {
                assert!(!r.what.is_empty() && !r.why.is_empty(), "{}", r.what);
            }
        }
    }
}
