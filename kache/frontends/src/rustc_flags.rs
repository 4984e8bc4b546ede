//! The flags of rustc 1.95 and of the nightlies after it. clippy takes the same.

use super::flags::{
    Bucket::*, Effect, EmbedsPath, Form::*, Group, Row, Takes::*, ValueEffect, count, effect, groups, names,
    rows,
};

const LANG: Effect = effect("changes the meaning of the program");
const LINTS: Effect = effect("selects diagnostics, and whether they are errors");
const PROBE: Effect = effect("asks the compiler a question; a question beside a compile is not cached");
const DEBUG: Effect = effect("changes debug information");
const CODE: Effect = effect("changes the generated code");
const HELP: Effect = effect("prints a text and compiles nothing");
const LOOK: Effect = effect("changes the look of diagnostics");
const NOTHING: Effect = effect("does nothing since 2016, but rustc warns about it");
const LINK: Effect = effect("selects what is linked");
const LIBRARY: Effect = effect("changes the contents of libraries");
const COVERAGE: Effect =
    effect("adds counters, and the paths of sources for tools: kache does not map paths");
const LINKER_ARGS: Effect =
    effect("an argument of the linker; kache observes the files that the linker reads");
const SYMBOLS: Effect = effect("is part of every symbol");
const RPATH: Effect =
    effect("adds library search paths, relative to the executable: kache does not map paths");
const DUMP: Effect = effect("writes files or text that kache does not plan as outputs");
const SPLIT: Effect =
    effect("selects where debug information goes; kache does not plan the files of `unpacked`");
const CPU: Effect = effect("selects instructions");
const MEASURE: Effect = effect("prints or writes measurements that differ from run to run");

const GROUPS: &[Group] = groups! {
    Value, Relevant(Literal), LANG => ["--cfg" "--env-set"];
    Value, Relevant(Literal), LINTS => [
        "--check-cfg" ("-A" "--allow") ("-W" "--warn") "--force-warn" ("-D" "--deny") ("-F" "--forbid")
        "--cap-lints"
    ];
    Value, Relevant(Search), effect("a search directory; kache observes the libraries that rustc opens") => [
        "-L"
    ];
    Value, Relevant(Literal), effect("selects native libraries, and how they are linked") => ["-l"];
    Value, Relevant(Literal), Effect {
        order_group: Some("crate-type"), ..effect("selects the kind of output")
    } => ["--crate-type"];
    Value, Relevant(Literal), Effect {
        order_group: Some("crate-name"), ..effect("is part of every symbol and of the names of outputs")
    } => ["--crate-name"];
    Value, Relevant(Literal), Effect { order_group: Some("edition"), ..LANG } => ["--edition"];
    Value, Relevant(Emit), Effect {
        order_group: Some("emit"), skip_when_reporting: true, ..effect("selects outputs")
    } => ["--emit"];
    Value, Relevant(Literal), PROBE => ["--print"];
    Nothing, Relevant(Literal), DEBUG => ["-g"];
    Nothing, Relevant(Literal), CODE => ["-O"];
    Value, Relevant(Path), Effect {
        order_group: Some("output"), skip_when_reporting: true, ..effect("names the output")
    } => ["-o"];
    Value, Relevant(Path), Effect {
        order_group: Some("out-dir"),
        ..effect("the directory of outputs; dep-info, which kache stores with portable paths, names it")
    } => ["--out-dir"];
    Value, Unsupported, HELP => ["--explain"];
    Nothing, Relevant(Literal), effect("builds the test harness") => ["--test"];
    Value, Relevant(PathOrName), effect("selects the platform; kache observes a specification file") => [
        "--target"
    ];
    Nothing, Relevant(Literal), PROBE => [("-V" "--version")];
    Nothing, Relevant(Literal), effect("prints more") => [("-v" "--verbose")];
    Nothing, Unsupported, HELP => [("-h" "--help")];
    Value, Relevant(Extern), effect("names a crate; kache observes each crate that rustc opens") => [
        "--extern"
    ];
    Value, Relevant(Path), Effect {
        needs_observer: true, ..effect("selects another standard library; kache observes each of its files")
    } => ["--sysroot"];
    Value, Relevant(Literal), Effect {
        order_group: Some("error-format"), ..effect("changes the format of diagnostics, which cargo reads")
    } => ["--error-format"];
    Value, Relevant(Json), Effect {
        order_group: Some("json"),
        ..effect("changes the format of diagnostics, and prints the names of outputs for cargo")
    } => ["--json"];
    Value, Relevant(Diagnostics), LOOK => ["--color" "--diagnostic-width"];
    Value, Relevant(PathMap), effect("changes the names of sources in outputs; the outputs do not hold the mapped path") => [
        "--remap-path-prefix"
    ];
    Value, Relevant(Literal), effect("changes the names of sources in outputs") => ["--remap-path-scope"];
    Maybe, Relevant(Literal), NOTHING => ["-C ar" "-C no-stack-check"];
    Maybe, Relevant(Literal), CODE => [
        "-C code-model" "-C codegen-units" "-C control-flow-guard" "-C force-frame-pointers"
        "-C force-unwind-tables" "-C inline-threshold" "-C jump-tables" "-C link-dead-code"
        "-C linker-plugin-lto" "-C llvm-args" "-C lto" "-C no-prepopulate-passes" "-C no-redzone"
        "-C no-vectorize-loops" "-C no-vectorize-slp" "-C opt-level" "-C passes" "-C relocation-model"
        "-C relro-level" "-C soft-float" "-Z branch-protection" "-Z cf-protection"
        "-Z cross-crate-inline-threshold" "-Z default-visibility" "-Z dylib-lto" "-Z emscripten-wasm-eh"
        "-Z fewer-names" "-Z function-sections" "-Z hint-mostly-unused" "-Z inline-mir" "-Z merge-functions"
        "-Z mir-opt-level" "-Z mutable-noalias" "-Z no-unique-section-names" "-Z plt" "-Z randomize-layout"
        "-Z sanitizer" "-Z share-generics" "-Z split-lto-unit" "-Z stack-protector" "-Z tls-model"
        "-Z trap-unreachable" "-Z virtual-function-elimination" "-Z wasi-exec-model"
    ];
    Maybe, Relevant(Literal), DEBUG => [
        "-C collapse-macro-debuginfo" "-C debuginfo" "-C dwarf-version" "-Z annotate-moves"
        "-Z debug-info-for-profiling" "-Z debuginfo-compression" "-Z embed-source" "-Z split-dwarf-kind"
    ];
    Maybe, Relevant(Literal), LANG => [
        "-C debug-assertions" "-C overflow-checks" "-C panic" "-C unsafe-allow-abi-mismatch"
        "-Z allow-features" "-Z assume-incomplete-release" "-Z crate-attr" "-Z fmt-debug"
        "-Z force-unstable-if-unmarked" "-Z location-detail" "-Z next-solver" "-Z panic-abort-tests"
        "-Z polonius" "-Z saturating-float-casts" "-Z ub-checks" "-Z unstable-options"
    ];
    Maybe, Relevant(Literal), LINK => [
        "-C default-linker-libraries" "-C link-self-contained" "-C linker-features" "-C prefer-dynamic"
        "-Z export-executable-symbols" "-Z staticlib-allow-rdylib-deps"
    ];
    Maybe, Excluded, effect("the path of a program; kache observes the programs that run") => ["-C dlltool"];
    Maybe, Relevant(Literal), LIBRARY => ["-C embed-bitcode" "-Z embed-metadata" "-Z no-embed-metadata"];
    Maybe, Relevant(Literal), effect("is part of the names of outputs") => ["-C extra-filename"];
    Maybe, Unsupported, HELP => ["-C help"];
    Maybe, Relevant(Presence), Effect {
        skip_when_reporting: true,
        ..effect("splits the code into other units; the output does not hold the path of the directory")
    } => ["-C incremental"];
    Maybe, Relevant(Literal), Effect {
        embeds_path: EmbedsPath::Always, ..COVERAGE
    } => ["-C instrument-coverage"];
    Maybe, Relevant(LinkArg), LINKER_ARGS => ["-C link-arg"];
    Maybe, Relevant(LinkArgs), LINKER_ARGS => ["-C link-args"];
    Maybe, Excluded, effect("the path of the linker; kache observes the contents of the program that runs") => [
        "-C linker"
    ];
    Maybe, Relevant(Literal), effect("selects the command line of the linker") => ["-C linker-flavor"];
    Maybe, Relevant(Literal), SYMBOLS => ["-C metadata" "-C symbol-mangling-version"];
    Maybe, Relevant(Literal), effect("as `-C opt-level`, but with this spelling it does not undo an earlier `-O`") => [
        "-C opt_level"
    ];
    Maybe, Relevant(Literal), effect("adds counters, and the path that the program writes them to") => [
        "-C profile-generate"
    ];
    Maybe, Relevant(Path), effect("names a profile; kache observes the file") => ["-C profile-use"];
    Maybe, Relevant(Literal), effect("adds diagnostics") => ["-C remark"];
    Maybe, Relevant(Literal), Effect { embeds_path: EmbedsPath::Always, ..RPATH } => ["-C rpath"];
    Maybe, Unsupported, DUMP => ["-C save-temps" "-Z dump-mir" "-Z print-type-sizes" "-Z unpretty"];
    Maybe, Relevant(Literal), Effect { value_rule: Some(split_debuginfo), ..SPLIT } => ["-C split-debuginfo"];
    Maybe, Relevant(Literal), effect("selects what is left in executables") => ["-C strip"];
    Maybe, Relevant(Literal), Effect { native_cpu: true, ..CPU } => ["-C target-cpu"];
    Maybe, Relevant(Literal), CPU => ["-C target-feature"];
    Maybe, Relevant(Literal), effect("changes the contents of dep-info") => ["-Z checksum-hash-algorithm"];
    Maybe, Relevant(Literal), LINTS => [
        "-Z macro-backtrace" "-Z proc-macro-backtrace" "-Z trim-diagnostic-paths"
    ];
    Maybe, Unsupported, MEASURE => ["-Z self-profile" "-Z time-passes"];
    Maybe, Excluded, effect("sets the number of threads of the front end; the output is the same") => [
        "-Z threads"
    ];
    Maybe, Relevant(Literal), Effect { native_cpu: true, ..CODE } => ["-Z tune-cpu"];
};

const ALL: &[&[Group]] = &[GROUPS];

pub static TABLE: &[Row] = &rows::<{ count(ALL) }>(ALL);

fn split_debuginfo(value: &str) -> ValueEffect {
    match value {
        "unpacked" => ValueEffect::Unsupported("its files have no planned names"),
        _ => ValueEffect::Plain,
    }
}

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
            assert!(!r.effect.why.is_empty(), "{}", r.flag);
            for name in r.aliases.iter().chain([&r.flag]) {
                assert!(seen.insert(*name), "{name} twice");
            }
        }
    }

    // Asks a rustc, and there is none under Wine.
    #[cfg(unix)]
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
