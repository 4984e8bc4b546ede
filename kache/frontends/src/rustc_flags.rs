//! The flags of rustc (and of clippy, which takes the same), as of 1.95 and the nightlies after it.

use super::flags::{Bucket::*, Form::*, Row, Takes, Takes::*};

const fn row(flag: &'static str, takes: Takes, bucket: super::flags::Bucket, why: &'static str) -> Row {
    Row { flag, aliases: &[], takes, bucket, why }
}

const fn also(
    flag: &'static str,
    aliases: &'static [&'static str],
    bucket: super::flags::Bucket,
    why: &'static str,
) -> Row {
    Row { flag, aliases, takes: Value, bucket, why }
}

const CODE: &str = "changes the code that is generated";
const LANG: &str = "changes what the program means";
const LINTS: &str = "changes which diagnostics there are, and whether they are errors";
const NOTHING: &str = "does nothing since 2016, but for a warning that says so";
const STATS: &str = "prints or writes measurements that differ from run to run";
const DUMPS: &str = "writes files or text that no output planner knows";

/// The table.
pub static TABLE: &[Row] = &[
    row("--cfg", Value, Relevant(Literal), LANG),
    row("--check-cfg", Value, Relevant(Literal), LINTS),
    row("-L", Value, Relevant(Search), "where libraries are looked for; those that are opened are observed"),
    row("-l", Value, Relevant(Literal), "which native libraries are linked, and how"),
    row("--crate-type", Value, Relevant(Literal), "what is produced"),
    row("--crate-name", Value, Relevant(Literal), "is in every symbol and in the outputs' names"),
    row("--edition", Value, Relevant(Literal), LANG),
    row("--emit", Value, Relevant(Emit), "which outputs there are"),
    row("--print", Value, Relevant(Literal), "a probe's question; beside a compile it is deferred"),
    row("-g", Nothing, Relevant(Literal), "debug information"),
    row("-O", Nothing, Relevant(Literal), CODE),
    row("-o", Value, Relevant(Path), "where the output goes, and its name"),
    row("--out-dir", Value, Relevant(Path), "where outputs go; in dep-info, which is stored portably"),
    row("--explain", Value, Unsupported, "prints a text and compiles nothing"),
    row("--test", Nothing, Relevant(Literal), "builds the test harness"),
    row(
        "--target",
        Value,
        Relevant(PathOrName),
        "the platform; a specification file is read, and so observed",
    ),
    also("-A", &["--allow"], Relevant(Literal), LINTS),
    also("-W", &["--warn"], Relevant(Literal), LINTS),
    row("--force-warn", Value, Relevant(Literal), LINTS),
    also("-D", &["--deny"], Relevant(Literal), LINTS),
    also("-F", &["--forbid"], Relevant(Literal), LINTS),
    row("--cap-lints", Value, Relevant(Literal), LINTS),
    Row {
        flag: "-V",
        aliases: &["--version"],
        takes: Nothing,
        bucket: Relevant(Literal),
        why: "a probe's question",
    },
    Row {
        flag: "-v",
        aliases: &["--verbose"],
        takes: Nothing,
        bucket: Relevant(Literal),
        why: "more is printed",
    },
    Row {
        flag: "-h",
        aliases: &["--help"],
        takes: Nothing,
        bucket: Unsupported,
        why: "prints a text and compiles nothing",
    },
    row(
        "--extern",
        Value,
        Relevant(Extern),
        "which crates there are under which names; each that is opened is observed",
    ),
    row("--sysroot", Value, Relevant(Path), "another standard library; its files are observed one by one"),
    row("--error-format", Value, Relevant(Literal), "the form of diagnostics; cargo reads them"),
    row(
        "--json",
        Value,
        Relevant(Diagnostics),
        "the form of diagnostics, beyond what cargo must be told of outputs",
    ),
    row("--color", Value, Relevant(Diagnostics), "the look of diagnostics"),
    row("--diagnostic-width", Value, Relevant(Diagnostics), "the look of diagnostics"),
    row(
        "--remap-path-prefix",
        Value,
        Relevant(PathMap),
        "the names of sources in artifacts; the place they are at is not",
    ),
    row("--remap-path-scope", Value, Relevant(Literal), "the names of sources in artifacts"),
    row("--env-set", Value, Relevant(Literal), LANG),
    // Code generation.
    row("-C ar", Maybe, Relevant(Literal), NOTHING),
    row("-C code-model", Maybe, Relevant(Literal), CODE),
    row("-C codegen-units", Maybe, Relevant(Literal), CODE),
    row("-C collapse-macro-debuginfo", Maybe, Relevant(Literal), "debug information"),
    row("-C control-flow-guard", Maybe, Relevant(Literal), CODE),
    row("-C debug-assertions", Maybe, Relevant(Literal), LANG),
    row("-C debuginfo", Maybe, Relevant(Literal), "debug information"),
    row("-C default-linker-libraries", Maybe, Relevant(Literal), "what is linked"),
    row("-C dlltool", Maybe, Excluded, "a program's place; what is run is observed"),
    row("-C dwarf-version", Maybe, Relevant(Literal), "debug information"),
    row("-C embed-bitcode", Maybe, Relevant(Literal), "the contents of libraries"),
    row("-C extra-filename", Maybe, Relevant(Literal), "the outputs' names"),
    row("-C force-frame-pointers", Maybe, Relevant(Literal), CODE),
    row("-C force-unwind-tables", Maybe, Relevant(Literal), CODE),
    row("-C help", Maybe, Unsupported, "prints a text and compiles nothing"),
    row(
        "-C incremental",
        Maybe,
        Relevant(Presence),
        "splits the code into other units; the directory's place is not in the output",
    ),
    row("-C inline-threshold", Maybe, Relevant(Literal), CODE),
    row(
        "-C instrument-coverage",
        Maybe,
        Relevant(Literal),
        "adds counters, and source paths that tools look up: paths stay literal",
    ),
    row("-C jump-tables", Maybe, Relevant(Literal), CODE),
    row("-C link-arg", Maybe, Relevant(LinkArg), "what the linker is told; the files it reads are observed"),
    row("-C link-args", Maybe, Relevant(LinkArg), "what the linker is told; the files it reads are observed"),
    row("-C link-dead-code", Maybe, Relevant(Literal), CODE),
    row("-C link-self-contained", Maybe, Relevant(Literal), "what is linked"),
    row("-C linker", Maybe, Excluded, "where the linker is; which program ran is observed, by its contents"),
    row("-C linker-features", Maybe, Relevant(Literal), "what is linked"),
    row("-C linker-flavor", Maybe, Relevant(Literal), "how the linker is spoken to"),
    row("-C linker-plugin-lto", Maybe, Relevant(Literal), CODE),
    row("-C llvm-args", Maybe, Relevant(Literal), CODE),
    row("-C lto", Maybe, Relevant(Literal), CODE),
    row("-C metadata", Maybe, Relevant(Literal), "is in every symbol"),
    row("-C no-prepopulate-passes", Maybe, Relevant(Literal), CODE),
    row("-C no-redzone", Maybe, Relevant(Literal), CODE),
    row("-C no-stack-check", Maybe, Relevant(Literal), NOTHING),
    row("-C no-vectorize-loops", Maybe, Relevant(Literal), CODE),
    row("-C no-vectorize-slp", Maybe, Relevant(Literal), CODE),
    row("-C opt-level", Maybe, Relevant(Literal), CODE),
    row(
        "-C opt_level",
        Maybe,
        Relevant(Literal),
        "as `-C opt-level`, but so spelt it does not undo an earlier `-O`",
    ),
    row("-C overflow-checks", Maybe, Relevant(Literal), LANG),
    row("-C panic", Maybe, Relevant(Literal), LANG),
    row("-C passes", Maybe, Relevant(Literal), CODE),
    row("-C prefer-dynamic", Maybe, Relevant(Literal), "what is linked"),
    row("-C profile-generate", Maybe, Relevant(Literal), "adds counters, and the path they are written to"),
    row("-C profile-use", Maybe, Relevant(Path), "the profile is read, and so observed"),
    row("-C relocation-model", Maybe, Relevant(Literal), CODE),
    row("-C relro-level", Maybe, Relevant(Literal), CODE),
    row("-C remark", Maybe, Relevant(Literal), "adds diagnostics"),
    row(
        "-C rpath",
        Maybe,
        Relevant(Literal),
        "search paths in executables, relative to where they are: paths stay literal",
    ),
    row("-C save-temps", Maybe, Unsupported, DUMPS),
    row("-C soft-float", Maybe, Relevant(Literal), CODE),
    row(
        "-C split-debuginfo",
        Maybe,
        Relevant(Literal),
        "where debug information goes; `unpacked` is deferred, its files have no planned names",
    ),
    row("-C strip", Maybe, Relevant(Literal), "what is left in executables"),
    row("-C symbol-mangling-version", Maybe, Relevant(Literal), "is in every symbol"),
    row("-C target-cpu", Maybe, Relevant(Literal), "instructions used; `native` is keyed by this processor"),
    row("-C target-feature", Maybe, Relevant(Literal), "instructions used"),
    row("-C unsafe-allow-abi-mismatch", Maybe, Relevant(Literal), LANG),
    // Unstable options that builds are known to use.
    row("-Z allow-features", Maybe, Relevant(Literal), LANG),
    row("-Z annotate-moves", Maybe, Relevant(Literal), "debug information"),
    row("-Z assume-incomplete-release", Maybe, Relevant(Literal), LANG),
    row("-Z branch-protection", Maybe, Relevant(Literal), CODE),
    row("-Z cf-protection", Maybe, Relevant(Literal), CODE),
    row("-Z checksum-hash-algorithm", Maybe, Relevant(Literal), "what dep-info says"),
    row("-Z crate-attr", Maybe, Relevant(Literal), LANG),
    row("-Z cross-crate-inline-threshold", Maybe, Relevant(Literal), CODE),
    row("-Z debug-info-for-profiling", Maybe, Relevant(Literal), "debug information"),
    row("-Z debuginfo-compression", Maybe, Relevant(Literal), "debug information"),
    row("-Z default-visibility", Maybe, Relevant(Literal), CODE),
    row("-Z dump-mir", Maybe, Unsupported, DUMPS),
    row("-Z dylib-lto", Maybe, Relevant(Literal), CODE),
    row("-Z embed-metadata", Maybe, Relevant(Literal), "the contents of libraries"),
    row("-Z embed-source", Maybe, Relevant(Literal), "debug information"),
    row("-Z emscripten-wasm-eh", Maybe, Relevant(Literal), CODE),
    row("-Z export-executable-symbols", Maybe, Relevant(Literal), "what is linked"),
    row("-Z fewer-names", Maybe, Relevant(Literal), CODE),
    row("-Z fmt-debug", Maybe, Relevant(Literal), LANG),
    row("-Z force-unstable-if-unmarked", Maybe, Relevant(Literal), LANG),
    row("-Z function-sections", Maybe, Relevant(Literal), CODE),
    row("-Z hint-mostly-unused", Maybe, Relevant(Literal), CODE),
    row("-Z inline-mir", Maybe, Relevant(Literal), CODE),
    row("-Z location-detail", Maybe, Relevant(Literal), LANG),
    row("-Z macro-backtrace", Maybe, Relevant(Literal), LINTS),
    row("-Z merge-functions", Maybe, Relevant(Literal), CODE),
    row("-Z mir-opt-level", Maybe, Relevant(Literal), CODE),
    row("-Z mutable-noalias", Maybe, Relevant(Literal), CODE),
    row("-Z next-solver", Maybe, Relevant(Literal), LANG),
    row("-Z no-embed-metadata", Maybe, Relevant(Literal), "the contents of libraries"),
    row("-Z no-unique-section-names", Maybe, Relevant(Literal), CODE),
    row("-Z panic-abort-tests", Maybe, Relevant(Literal), LANG),
    row("-Z plt", Maybe, Relevant(Literal), CODE),
    row("-Z polonius", Maybe, Relevant(Literal), LANG),
    row("-Z print-type-sizes", Maybe, Unsupported, DUMPS),
    row("-Z proc-macro-backtrace", Maybe, Relevant(Literal), LINTS),
    row("-Z randomize-layout", Maybe, Relevant(Literal), CODE),
    row("-Z saturating-float-casts", Maybe, Relevant(Literal), LANG),
    row("-Z sanitizer", Maybe, Relevant(Literal), CODE),
    row("-Z self-profile", Maybe, Unsupported, STATS),
    row("-Z share-generics", Maybe, Relevant(Literal), CODE),
    row("-Z split-dwarf-kind", Maybe, Relevant(Literal), "debug information"),
    row("-Z split-lto-unit", Maybe, Relevant(Literal), CODE),
    row("-Z stack-protector", Maybe, Relevant(Literal), CODE),
    row("-Z staticlib-allow-rdylib-deps", Maybe, Relevant(Literal), "what is linked"),
    row("-Z threads", Maybe, Excluded, "how many threads the front end uses; the output is the same"),
    row("-Z time-passes", Maybe, Unsupported, STATS),
    row("-Z tls-model", Maybe, Relevant(Literal), CODE),
    row("-Z trap-unreachable", Maybe, Relevant(Literal), CODE),
    row("-Z trim-diagnostic-paths", Maybe, Relevant(Literal), LINTS),
    row("-Z tune-cpu", Maybe, Relevant(Literal), CODE),
    row("-Z ub-checks", Maybe, Relevant(Literal), LANG),
    row("-Z unpretty", Maybe, Unsupported, DUMPS),
    row("-Z unstable-options", Maybe, Relevant(Literal), LANG),
    row("-Z virtual-function-elimination", Maybe, Relevant(Literal), CODE),
    row("-Z wasi-exec-model", Maybe, Relevant(Literal), CODE),
];

/// The row of a flag as written, without its value.
pub fn find(flag: &str) -> Option<&'static Row> {
    TABLE.iter().find(|r| r.flag == flag || r.aliases.contains(&flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_has_one_row_with_a_reason() {
        let mut seen = std::collections::HashSet::new();
        for r in TABLE {
            assert!(!r.why.is_empty(), "{}", r.flag);
            for name in r.aliases.iter().chain([&r.flag]) {
                assert!(seen.insert(*name), "{name} twice");
            }
        }
    }

    #[test]
    fn every_stable_codegen_option_of_the_compiler_here_has_a_row() {
        let help = std::process::Command::new("rustc").args(["-C", "help"]).output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let missing: Vec<_> = help
            .lines()
            .filter_map(|l| l.trim().strip_prefix("-C")?.trim().split_once("=val"))
            .map(|(name, _)| format!("-C {name}"))
            .filter(|f| find(f).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
