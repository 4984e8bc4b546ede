//! The flags about files, macros and diagnostics, and those for other programs of the compiler.

use super::super::flags::{
    Bucket::*, Effect, EmbedsPath::*, Form::*, Group, Takes::*, effect, groups, names,
};
use super::super::handed::{handed_to_assembler, handed_to_clang, handed_to_preprocessor};

const OUTPUT: Effect = effect("selects the output and its path");
const INPUT: Effect = effect("selects the input language or the machine to compile for");
const DEPFILE: Effect = effect("names the depfile, or changes its contents");
const SEARCH: Effect = effect("names a file or a search directory; kache observes the files that are read");
const MAP: Effect = effect("changes how paths and units are named in the output");
const MACROS: Effect = effect("defines or removes macros; their values may end up in the program");
const WARNINGS: Effect = effect("selects diagnostics, and whether they are errors");
const LOOK: Effect =
    effect("selects the colour of diagnostics; it counts only for a compile that prints some");
const MESSAGES: Effect = effect("changes the text of diagnostics");
const PLUGIN: Effect =
    effect("for a plugin; kache observes its file, and gcc writes the flag into debug information");
const PASSED: Effect = effect("hands words to another part of the compiler; the parser checks them");
const LINK: Effect = effect("for the linker, which does not run with -c; clang warns about an unused flag");
const CRASH: Effect = effect("changes the report of a compiler crash; kache does not store a failed compile");
const NOTHING: Effect = effect("changes how the driver connects its passes; the output is the same");
const WITHOUT: Effect = effect("turns off an unsupported flag");

pub(super) const GROUPS: &[Group] = groups! {
    Nothing, Relevant(Literal), OUTPUT => ["-fno-temp-file" "-fsyntax-only"];
    Nothing, Relevant(Literal), Effect {
        order_group: Some("mode"), skip_when_reporting: true, ..OUTPUT
    } => ["-S" "-c"];
    Nothing, Relevant(Literal), Effect { embeds_path: Bitcode, ..OUTPUT } => ["-emit-llvm"];
    Nothing, Relevant(Literal), Effect { writes: Some("su"), embeds_path: Perhaps, ..OUTPUT } => ["-fstack-usage"];
    Nothing, Relevant(Literal), Effect {
        writes: Some("dwo"), embeds_path: Perhaps, skip_when_reporting: true, debug_info: true, ..OUTPUT
    } => ["-gsplit-dwarf"];
    Joined, Relevant(Literal), Effect {
        writes: Some("dwo"), embeds_path: Perhaps, debug_info: true, ..OUTPUT
    } => ["-gsplit-dwarf="];
    Either, Relevant(Path), Effect { order_group: Some("output"), skip_when_reporting: true, ..OUTPUT } => [
        "-o"
    ];
    Nothing, Relevant(Literal), INPUT => ["-ObjC" "-ObjC++"];
    Separate, Relevant(Literal), INPUT => ["-arch"];
    Either, Relevant(Literal), INPUT => ["-x"];
    Nothing, Relevant(Literal), DEPFILE => ["-fcanonical-system-headers"];
    Nothing, Relevant(Literal), Effect { skip_when_reporting: true, ..DEPFILE } => ["-MD" "-MMD" "-MP"];
    Joined, Relevant(Path), DEPFILE => ["-fdepfile-entry="];
    Either, Relevant(Path), Effect { skip_when_reporting: true, ..DEPFILE } => ["-MF" "-MQ" "-MT"];
    Nothing, Relevant(Literal), SEARCH => [
        "--no-default-config" "-canonical-prefixes" "-ibuiltininc" "-index-header-map"
        "-no-canonical-prefixes" "-no-integrated-cpp" "-nobuiltininc" "-nogpuinc" "-nostdinc" "-nostdinc++"
        "-nostdlibinc" "-remap"
    ];
    Joined, Relevant(Path), SEARCH => [
        "--config-system-dir=" "--config-user-dir=" "--config=" "--embed-dir=" "--gcc-install-dir="
        "--gcc-toolchain=" "--imacros=" "--include=" "--specs=" "--sysroot="
        "-fexperimental-sanitize-metadata-ignorelist=" "-fmemory-profile-use=" "-fmodule-map-file="
        "-fprofile-list=" "-fprofile-remapping-file=" "-fprofile-sample-use=" "-frandomize-layout-seed-file="
        "-frewrite-map-file=" "-fthinlto-index=" "-gcc-toolchain=" "-iplugindir=" "-resource-dir=" "-specs="
    ];
    Joined, Relevant(Path), Effect { embeds_path: Always, ..SEARCH } => ["-fprofile-instr-use="];
    Joined, Relevant(Path), Effect { embeds_path: Perhaps, ..SEARCH } => [
        "-fsanitize-blacklist=" "-fsanitize-coverage-allowlist=" "-fsanitize-coverage-blacklist="
        "-fsanitize-coverage-ignorelist=" "-fsanitize-coverage-whitelist=" "-fsanitize-ignorelist="
        "-fsanitize-system-blacklist=" "-fsanitize-system-ignorelist=" "-fxray-always-instrument="
        "-fxray-attr-list=" "-fxray-never-instrument="
    ];
    Separate, Relevant(Path), SEARCH => [
        "--config" "--imacros" "--include" "--sysroot" "-imultiarch" "-imultilib" "-resource-dir"
    ];
    Either, Relevant(Path), SEARCH => [
        "--vfsoverlay" "-B" "-F" "-I" "-cxx-isystem" "-idirafter" "-iframework" "-iframeworkwithsysroot"
        "-imacros" "-include" "-iprefix" "-iquote" "-isysroot" "-isystem" "-isystem-after" "-ivfsoverlay"
        "-iwithprefix" "-iwithprefixbefore" "-iwithsysroot" "-stdlib++-isystem" "-vfsoverlay"
    ];
    Either, Relevant(Path), Effect { unprovable_macros: true, ..SEARCH } => ["-include-pch"];
    Nothing, Relevant(Literal), MAP => [
        "-fcanon-prefix-map" "-ffile-reproducible" "-frandom-seed" "-fworking-directory"
    ];
    Joined, Relevant(Literal), MAP => [
        "-cuid=" "-fcoverage-compilation-dir=" "-fdebug-compilation-dir=" "-ffile-compilation-dir="
        "-fprofile-prefix-path=" "-frandom-seed=" "-fuse-cuid="
    ];
    Joined, Relevant(PathMap), MAP => [
        "-fcoverage-prefix-map=" "-fdebug-prefix-map=" "-ffile-prefix-map=" "-fmacro-prefix-map="
        "-fprofile-prefix-map="
    ];
    Separate, Relevant(Literal), MAP => ["-fdebug-compilation-dir"];
    Nothing, Relevant(Literal), MACROS => ["-A-" "-undef"];
    Either, Relevant(Literal), MACROS => ["-U"];
    Either, Relevant(Literal), Effect { unprovable_macros: true, ..MACROS } => ["-A"];
    Either, Relevant(Macro), MACROS => ["-D"];
    Nothing, Relevant(Literal), WARNINGS => [
        "--end-no-unused-arguments" "--no-pedantic" "--pedantic" "--pedantic-errors"
        "--start-no-unused-arguments" "-Qunused-arguments" "-fpermissive" "-frequire-return-statement"
        "-no-pedantic" "-pass-exit-codes" "-pedantic" "-pedantic-errors" "-w"
    ];
    Joined, Relevant(Literal), WARNINGS => ["-W"];
    Nothing, Relevant(Diagnostics), LOOK => ["-fcolor-diagnostics" "-fdiagnostics-color"];
    Joined, Relevant(Diagnostics), LOOK => ["-fdiagnostics-color="];
    Nothing, Relevant(Literal), MESSAGES => [
        "-H" "-fanalyzer" "-fanalyzer-call-summaries" "-fanalyzer-feasibility" "-fanalyzer-fine-grained"
        "-fanalyzer-show-duplicate-count" "-fanalyzer-state-merge" "-fanalyzer-state-purge"
        "-fanalyzer-suppress-followups" "-fanalyzer-transitivity" "-fanalyzer-undo-inlining"
        "-fanalyzer-verbose-edges" "-fanalyzer-verbose-state-changes" "-fansi-escape-codes"
        "-fcaret-diagnostics" "-fdiagnostics-absolute-paths" "-fdiagnostics-all-candidates"
        "-fdiagnostics-fixit-info" "-fdiagnostics-format=clang" "-fdiagnostics-format=json"
        "-fdiagnostics-format=json-stderr" "-fdiagnostics-format=msvc" "-fdiagnostics-format=sarif"
        "-fdiagnostics-format=sarif-stderr" "-fdiagnostics-format=text" "-fdiagnostics-format=vi"
        "-fdiagnostics-generate-patch" "-fdiagnostics-json-formatting" "-fdiagnostics-parseable-fixits"
        "-fdiagnostics-plain-output" "-fdiagnostics-print-source-range-info" "-fdiagnostics-show-caret"
        "-fdiagnostics-show-context" "-fdiagnostics-show-cwe" "-fdiagnostics-show-event-links"
        "-fdiagnostics-show-highlight-colors" "-fdiagnostics-show-hotness" "-fdiagnostics-show-inlining-chain"
        "-fdiagnostics-show-labels" "-fdiagnostics-show-line-numbers" "-fdiagnostics-show-note-include-stack"
        "-fdiagnostics-show-option" "-fdiagnostics-show-path-depths" "-fdiagnostics-show-rules"
        "-fdiagnostics-show-template-tree" "-felide-type" "-fshow-column" "-fshow-skipped-includes"
        "-fshow-source-location" "-fspell-checking"
    ];
    Joined, Relevant(Literal), MESSAGES => [
        "-R" "-fanalyzer-checker=" "-fanalyzer-verbosity=" "-fcaret-diagnostics-max-lines="
        "-fconstexpr-backtrace-limit=" "-fdiagnostics-column-origin=" "-fdiagnostics-column-unit="
        "-fdiagnostics-escape-format=" "-fdiagnostics-hotness-threshold="
        "-fdiagnostics-minimum-margin-width=" "-fdiagnostics-misexpect-tolerance="
        "-fdiagnostics-path-format=" "-fdiagnostics-show-category=" "-fdiagnostics-show-context="
        "-fdiagnostics-show-location=" "-fdiagnostics-text-art-charset=" "-fdiagnostics-urls="
        "-ferror-limit=" "-fmacro-backtrace-limit=" "-fmax-errors=" "-fmessage-length=" "-fshow-overloads="
        "-fspell-checking-limit=" "-ftabstop=" "-ftemplate-backtrace-limit="
    ];
    Joined, Relevant(Literal), PLUGIN => ["-fplugin-arg-"];
    Joined, Relevant(Literal), Effect { loads_code: true, ..PLUGIN } => ["-fpass-plugin=" "-fplugin="];
    Joined, Relevant(List), Effect { value_rule: Some(handed_to_assembler), ..PASSED } => ["-Wa,"];
    Joined, Relevant(List), Effect {
        unprovable_macros: true, value_rule: Some(handed_to_preprocessor), ..PASSED
    } => ["-Wp,"];
    Separate, Relevant(Literal), PASSED => ["-mllvm"];
    Separate, Relevant(Literal), Effect {
        unprovable_macros: true, value_rule: Some(handed_to_clang), ..PASSED
    } => ["-Xclang"];
    Separate, Relevant(PathOrName), Effect { value_rule: Some(handed_to_assembler), ..PASSED } => [
        "-Xassembler"
    ];
    Separate, Relevant(PathOrName), Effect {
        unprovable_macros: true, value_rule: Some(handed_to_clang), ..PASSED
    } => ["-Xpreprocessor"];
    Nothing, Relevant(Literal), LINK => [
        "--emit-static-lib" "--no-wasm-opt" "--shared" "--static" "--wasm-opt" "-bundle" "-dead_strip"
        "-dynamic" "-dynamiclib" "-fapple-link-rtlib" "-flat_namespace" "-frtlib-add-rpath"
        "-headerpad_max_install_names" "-mconsole" "-mdll" "-mthreads" "-multi_module" "-municode" "-mwindows"
        "-no-pie" "-no_dead_strip_inits_and_terms" "-nodefaultlibs" "-nogpulib" "-nolibc" "-nopie"
        "-nostartfiles" "-nostdlib" "-nostdlib++" "-pie" "-prebind" "-r" "-rdynamic" "-s" "-shared"
        "-shared-libasan" "-shared-libgcc" "-shared-libsan" "-static" "-static-libasan" "-static-libclosure"
        "-static-libgcc" "-static-liblsan" "-static-libsan" "-static-libstdc++" "-static-libtsan"
        "-static-libubsan" "-static-openmp" "-static-pie" "-symbolic" "-t"
    ];
    Joined, Relevant(List), LINK => ["-Wl,"];
    Joined, Relevant(Literal), LINK => [
        "--ld-path=" "--rtlib=" "--unwindlib=" "-fuse-ld=" "-rtlib=" "-unwindlib="
    ];
    Separate, Relevant(Literal), LINK => [
        "-T" "-Xlinker" "-bundle_loader" "-compatibility_version" "-current_version" "-dylib_file" "-e"
        "-exported_symbols_list" "-force_load" "-framework" "-install_name" "-rpath" "-u" "-undefined"
        "-unexported_symbols_list" "-weak_framework" "-weak_library" "-z"
    ];
    Either, Relevant(Literal), LINK => ["-Tbss" "-Tdata" "-Ttext" "-l"];
    Either, Relevant(Path), LINK => ["-L"];
    Nothing, Relevant(Literal), CRASH => ["-fcrash-diagnostics" "-freport-bug"];
    Joined, Relevant(Literal), CRASH => ["-fcrash-diagnostics="];
    Joined, Relevant(Path), CRASH => ["-fcrash-diagnostics-dir="];
    Nothing, Excluded, NOTHING => ["--pipe" "-pipe"];
    Nothing, Relevant(Literal), WITHOUT => [
        "-fno-apinotes-modules" "-fno-callgraph-info" "-fno-directives-only" "-fno-keep-system-includes"
        "-fno-minimize-whitespace" "-fno-module-file-deps" "-fno-module-private" "-fno-modules-search-all"
        "-fno-modules-validate-system-headers" "-fno-opt-info" "-fno-prebuilt-implicit-modules"
        "-fno-record-command-line" "-fno-record-gcc-switches" "-fno-rewrite-imports" "-fno-rewrite-includes"
        "-fno-sanitize-stats" "-fno-save-optimization-record" "-fno-skip-odr-check-in-gmf" "-fno-verbose-asm"
    ];
    Nothing, Relevant(Literal), Effect { debug_info: true, ..WITHOUT } => [
        "-gno-codeview-command-line" "-gno-record-command-line" "-gno-record-gcc-switches"
    ];
};
