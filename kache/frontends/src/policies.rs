//! The rules of trust for each family of compilers: the common table with other rows, and the excuses of `tables`.

use crate::tables;
use kache_core::policy::{Abilities, Act, Table, Treatment, TrustPolicy};
use kache_core::reason::Reason;

/// What the policies have in common.
pub const COMMON: TrustPolicy = TrustPolicy {
    table: Table::COMMON,
    trusts_first: false,
    ignored_paths: tables::IGNORED_PATHS,
    ignored_paths_of_compiler: tables::IGNORED_PATHS_OF_C_COMPILER,
    host_state: tables::HOST_STATE,
    tells_processors: tables::TELLS_PROCESSORS,
    host_files: tables::HOST_FILES,
    loader_env: tables::LOADER_ENV,
    ignored_env: tables::IGNORED_ENV,
    compiler_env: tables::COMPILER_ENV,
    directories_env: tables::DIRECTORIES_ENV,
    ignored_in_whole: tables::IGNORED_IN_WHOLE,
    script_env: tables::SCRIPT_ENV,
    clock_env: &[],
    terminal_env: tables::TERMINAL_ENV,
    c_runtime: tables::C_RUNTIME,
    c_library: tables::C_LIBRARY,
    loader: tables::LOADER,
    tools: tables::TOOLS,
    tool_marks: tables::TOOL_MARKS,
    timeless: &[],
    shells: &[],
    clock_at_start: tables::CLOCK_AT_START,
    file_times: tables::FILE_TIMES,
    runs_scripts: tables::RUNS_SCRIPTS,
    closes_descriptors: tables::CLOSES_DESCRIPTORS,
    sized_by_memory: tables::SIZED_BY_MEMORY,
    sized_by: tables::SIZED_BY,
    ignored_calls: tables::IGNORED_VOLATILE,
    path_only: tables::LOCATORS,
    abilities: Abilities {
        place: tables::TELLS_PLACE,
        place_by_import: tables::TELLS_PLACE_BY_IMPORT,
        metadata: tables::TELLS_STATUS,
        permissions: tables::TELLS_PERMISSIONS,
        identity: tables::TELLS_IDENTITY,
        size: tables::TELLS_SIZE,
        numbers: tables::TELLS_NUMBERS,
        identity_by_import: tables::TELLS_IDENTITY_BY_IMPORT,
        walks_by_import: tables::WALKS_BY_IMPORT,
        compares_identity: tables::COMPARES_IDENTITY,
        unoptimised: tables::UNOPTIMISED,
        unoptimised_program: tables::UNOPTIMISED_PROGRAM,
        reading: tables::TELLS_READING,
        syscalls: tables::UNSEEN_CALLS,
        standard_library: tables::STANDARD_LIBRARY,
        shared_library: tables::SHARED_LIBRARY,
    },
};

const NOTHING: &[Treatment] = &[];

/// The rules for rustc. Its crates are told apart by what is in them, so that a probe by rustc itself asks only what is
/// there. Listing a directory, it looks for crates. What it reads of descriptors (the job server's) it reports, and
/// which files it overwrites it knows.
pub static RUSTC: TrustPolicy = TrustPolicy {
    table: Table::COMMON
        .with_trusted(Act::OpensDescriptor, &[Treatment::Contents], &[Treatment::Refuse(Reason::HostState)])
        .with_trusted(Act::CannotOpen, NOTHING, NOTHING)
        .with_trusted(Act::CannotResolve, NOTHING, NOTHING)
        .with_trusted(Act::ProbesFile, &[Treatment::Existence], &[Treatment::Existence])
        .with_trusted(Act::ListsDirectory, &[Treatment::ListingAs("crates")], &[Treatment::Listing])
        .with_trusted(Act::ReadsVariable, &[Treatment::EnvUnlessProved], &[Treatment::Env])
        .with(Act::OverwritesInput, [NOTHING; 6]),
    trusts_first: true,
    ignored_paths_of_compiler: tables::IGNORED_PATHS_OF_RUSTC,
    ..COMMON
};

const DIRECTORY_BY_IDENTITY: &[Treatment] = &[Treatment::EachLinkPortable, Treatment::Existence];
const FILE_BY_IDENTITY: &[Treatment] = &[Treatment::EachLinkPortable, Treatment::Contents];

/// The rules for C compilers. They know files and directories again by their identity: two names for one directory are
/// searched once, so that where a name leads is an input. A header that they know by another name, or whose size they
/// ask for, they do not open.
pub static C: TrustPolicy = C_RULES;

const C_RULES: TrustPolicy = TrustPolicy { table: C_TABLE, clock_env: tables::DATE_ENV, ..COMMON };

const C_TABLE: Table = Table::COMMON
    .with_trusted(Act::OpensDirectory, DIRECTORY_BY_IDENTITY, DIRECTORY_BY_IDENTITY)
    .with_trusted(Act::ProbesFile, FILE_BY_IDENTITY, FILE_BY_IDENTITY)
    .with_trusted(Act::ProbesOther, DIRECTORY_BY_IDENTITY, DIRECTORY_BY_IDENTITY);

/// The rules for commands that compile and link. A linker opens its old output to have it removed by another thread; the front
/// end refuses a command that names its output as an input.
pub static COMPILE_AND_LINK: TrustPolicy =
    TrustPolicy { table: C_TABLE.with_trusted(Act::OverwritesInput, NOTHING, NOTHING), ..C_RULES };

/// The rules for links of objects. Drivers and linkers look whether a file is there, and open what they use: of a file that is
/// only probed, its being there counts. What the machine has decides only how many threads they start.
pub static LINK: TrustPolicy = TrustPolicy {
    table: Table::COMMON
        .with_trusted(Act::ProbesFile, &[Treatment::Existence], &[Treatment::Existence])
        .with_trusted(Act::OverwritesInput, NOTHING, NOTHING),
    ignored_paths_of_compiler: tables::IGNORED_PATHS_OF_LINKER,
    ..C_RULES
};

/// The rules for nvcc. Its programs measure how long they work; the front end refuses the flags that print or write it.
pub static NVCC: TrustPolicy = TrustPolicy {
    tools: tables::TOOLS_OF_NVCC,
    tool_marks: tables::TOOL_MARKS_OF_NVCC,
    timeless: tables::TIMELESS_TOOLS_OF_NVCC,
    shells: tables::SHELLS_OF_NVCC,
    ignored_paths_of_compiler: tables::IGNORED_PATHS_OF_NVCC,
    ..C_RULES
};

/// The rules for CUDA by clang, which runs `ptxas` and `fatbinary` as nvcc does.
pub static CLANG_CUDA: TrustPolicy =
    TrustPolicy { tools: tables::TOOLS_OF_NVCC, tool_marks: tables::TOOL_MARKS_OF_NVCC, ..C_RULES };

/// The rules for commands that are no compilers. A compiler that they start and that runs without kache may ask for the time,
/// as long as it does not ask by which time it is to date what it writes.
pub static FOREIGN: TrustPolicy = TrustPolicy { clock_env: tables::DATE_ENV, ..COMMON };

#[cfg(all(test, unix))]
mod tests;
