//! What programs do with the times of files.

use kache_core::policy::{FileTimes, FileTimesOf, RunsScripts};

const fn row(what: &'static str, does: FileTimes, why: &'static str) -> FileTimesOf {
    FileTimesOf { what, does, why }
}

const fn nothing(what: &'static str, why: &'static str) -> FileTimesOf {
    row(what, FileTimes::Nothing, why)
}

/// Programs that are known for what they do with the times, numbers and owners of files that they ask for. Of any other, all
/// of a file's status counts, since it may print it. A name is not enough: root alone must be able to replace the program.
pub static FILE_TIMES: &[FileTimesOf] = &[
    row("sh", FileTimes::ComparesTwo, "`test -nt` and its like look at one file after the other"),
    row("dash", FileTimes::ComparesTwo, "as above"),
    row("bash", FileTimes::ComparesTwo, "as above"),
    row("test", FileTimes::ComparesTwo, "as above"),
    row("[", FileTimes::ComparesTwo, "as above"),
    row("make", FileTimes::Compares, "decides by them what to make"),
    row("gmake", FileTimes::Compares, "as above"),
    row("cp", FileTimes::Compares, "`-u` leaves out what is not newer"),
    row("stat", FileTimes::Tells, "prints them"),
    row(
        "ls",
        FileTimes::ComparesWith("tLdrAa1"),
        "sorts by them, and prints them where other options ask for that",
    ),
    row("find", FileTimes::Tells, "prints them, and compares them"),
    row("date", FileTimes::Tells, "`-r` prints them"),
    row("diff", FileTimes::Tells, "prints them ahead of what differs"),
    row("tar", FileTimes::Tells, "stores them"),
    row("gzip", FileTimes::Tells, "stores them"),
    row("touch", FileTimes::Tells, "`-r` takes them over"),
    nothing("git", "knows by them which files it need not read again, and reads those that changed"),
    nothing("cat", "compares what it reads with what it writes to"),
    nothing("mv", "asks whether two names are one file"),
    nothing("rm", "asks what to remove"),
    nothing("ln", "asks what to replace"),
    nothing("mkdir", "asks what is there"),
    nothing("rmdir", "asks what is there"),
    nothing("chmod", "asks for the mode that it changes"),
    nothing("mktemp", "asks what is there"),
    nothing("realpath", "asks where links lead"),
    nothing("readlink", "asks where links lead"),
    nothing("pwd", "asks whether two names are one directory"),
    nothing("cmp", "compares sizes"),
    nothing("sed", "keeps the mode of what it edits"),
    nothing("grep", "asks whether it writes to what it reads"),
    nothing("sort", "sizes its buffers"),
    nothing("head", "asks for the size"),
    nothing("tail", "asks for the size"),
    nothing("wc", "asks for the size"),
    nothing("od", "asks for the size"),
    nothing("split", "asks for the size"),
    nothing("tee", "writes"),
    nothing("tr", "reads"),
    nothing("cut", "reads"),
    nothing("uniq", "reads"),
    nothing("paste", "reads"),
    nothing("nl", "reads"),
    nothing("env", "starts another program"),
    nothing("sha1sum", "reads"),
    nothing("sha256sum", "reads"),
    nothing("sha512sum", "reads"),
    nothing("md5sum", "reads"),
    nothing("b2sum", "reads"),
    nothing("base64", "reads"),
    nothing("xxd", "reads"),
    nothing("awk", "has no function for them"),
    nothing("m4", "asks whether it writes to a file"),
    nothing("mawk", "has no function for them"),
    nothing("file", "looks into files"),
    nothing("jq", "reads"),
    nothing("openssl", "reads"),
    nothing("protoc", "reads"),
    nothing("msgfmt", "reads"),
    nothing("pkg-config", "reads"),
    nothing("pkgconf", "reads"),
    nothing("llvm-config", "finds out where it lies"),
    nothing("gcc", "finds files"),
    nothing("g++", "finds files"),
    nothing("cc", "finds files"),
    nothing("c++", "finds files"),
    nothing("clang", "finds files"),
    nothing("clang++", "finds files"),
    nothing("cpp", "finds files"),
    row("cc1", FileTimes::Compares, "`#pragma GCC dependency`, and precompiled headers"),
    row("cc1plus", FileTimes::Compares, "as above"),
    row("ar", FileTimes::Packs, "stores them, unless it is told to store zeros"),
    row("ranlib", FileTimes::Packs, "as above"),
    nothing("collect2", "finds files"),
    nothing("as", "reads"),
    nothing("ld", "finds files"),
    nothing("nm", "reads"),
    nothing("strip", "keeps the mode of what it changes"),
];

/// Ends of the names of sources in C, objects and devices, which no program of the list below runs.
const DATA: &[&str] =
    &[".c", ".h", ".cc", ".cpp", ".hpp", ".s", ".S", ".o", ".a", "/dev/null", "/dev/urandom", "/dev/random"];

/// Programs that hand the times of files to scripts which ask for them by a word. As long as they have read no such script, the
/// times do not count.
pub static RUNS_SCRIPTS: &[RunsScripts] = &[
    RunsScripts {
        what: "perl",
        times: &[],
        // `-M` and its like count from the start of the program, and `stat _` tells of what was looked at last.
        start: &["^T", "BASETIME", "-M", "-A", "-C", "stat", "lstat", "fstat"],
        own: &[
            "/Cwd.pm",
            "/DynaLoader.pm",
            "/File/Copy.pm",
            "/File/Find.pm",
            "/File/Path.pm",
            "/File/Temp.pm",
            "/IO/Handle.pm",
            "/POSIX.pm",
            "/Time/HiRes.pm",
            "/Time/HiRes/HiRes.so",
            "/overload.pm",
            "/utf8.pm",
        ],
        made: &[],
        data: DATA,
        takes_no_input: false,
        asks_the_clock: false,
        why: "finds modules, and asks what sort of thing is there",
    },
    RunsScripts {
        what: "cmake",
        times: &["IS_NEWER_THAN", "ARCHIVE_CREATE", "tar"],
        start: &["TIMESTAMP", "RANDOM", "--trace", "--profiling-output"],
        own: &["/usr/share/cmake-"],
        made: &["/CMakeFiles/", "/CMakeCache.txt"],
        data: DATA,
        takes_no_input: true,
        asks_the_clock: true,
        why: "finds files, measures its steps, and compares what it generated with what it generated from",
    },
];
