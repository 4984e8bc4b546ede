//! The flags of the compilers that are called as gcc is: gcc 12 (with what 13 to 15 added) and clang 14 to 19.
//!
//! One table for both: a flag that only one of them knows does no harm, the other refuses it. What the parser does
//! with a word that has no row of its own:
//!
//! - `-fno-x`, `-mno-x` and `-Wno-x` mean the row of `-fx`, `-mx` or `-Wx`; a negative has a row only where its bucket is
//!   another or there is no positive.
//! - What is written behind `=` (or, for a few, simply goes on) belongs to the longest name that takes it.
//! - Anything else is deferred. There is a catch-all for warnings, which only choose diagnostics, and none for `-f`, `-m`
//!   and `-g`. Spellings that no build uses (`--output=`) are deferred too, lest the parser miss what they say.
//!
//! gcc writes the flags beginning with `-f` and `-m` into debug information (`DW_AT_producer`), paths and the look of
//! diagnostics included. Where that is so, a path is literal (`-fprofile-use=`), and what a reader may take for a matter
//! of dependencies is not (`-fmessage-length=`, `-fdiagnostics-urls=`); colour is not written there.

use super::flags::{Bucket::*, Form::*, Index, Row, Takes::*, table};

const OUTPUT: &str = "what is produced, and where it goes";
const INPUT: &str = "what language and which machine the input is compiled for";
const SPELLING: &str = "a rare spelling or mode; what it says about inputs and outputs is not followed";
const DEPFILE: &str = "the depfile: what it is called and what it says";
const SEARCH: &str = "where files are looked for; those that are read are observed";
const MAP: &str = "how places and units are named in the output";
const MACROS: &str = "macros; their values may end up in the program";
const WARNINGS: &str = "which diagnostics there are, and whether they are errors";
const LOOK: &str = "the colour of diagnostics; it counts where there are any";
const MESSAGES: &str = "what diagnostics say";
const LANG: &str = "changes the language, or what the program means in it";
const OBJC: &str = "changes what an Objective-C program means";
const MEANING: &str = "changes what the program means, or its code";
const CODE: &str = "changes the code that is generated";
const TARGET: &str = "changes the code: the target's instructions, calling conventions and layout";
const HARDEN: &str = "changes the code: checks and protections are added to it";
const PROFILE: &str = "changes the code: it is measured, or optimised by what was measured";
const PLUGIN: &str = "a plugin; its file is observed, and gcc writes the flag into debug information";
const BAKED: &str = "the path goes into the program, or with gcc into debug information";
const DEBUG: &str = "debug information";
const PASSED: &str = "for a part of the compiler; the parser dependencies at what it is told";
const LINK: &str = "for the linker, which -c does not start; clang warns that it is unused";
const CRASH: &str = "what is reported where the compiler crashes, which is not stored";
const NOTHING: &str = "says how the driver hands text from one pass to the next; the output is the same";
const WITHOUT: &str = "undoes a flag that is deferred";
const PROBE: &str = "prints an answer, or what the driver would do";
const PREPROCESS: &str = "gives preprocessed text or dependencies instead of a compilation";
const DUMP: &str = "writes files or text that no output planner knows";
const MEASURE: &str = "prints or writes measurements that differ from run to run";
const MODULES: &str = "modules: reads and writes compiled headers that no output planner knows";
const COMMAND: &str = "the command line goes into the output, paths included";
const ELSEWHERE: &str = "paths are meant from another directory";
const DEVICES: &str = "for code of other processors, compiled at the same time and not planned";

/// The table.
pub static TABLE: &[Row] = table! {
    Nothing, Relevant(Literal), OUTPUT => [
        "-S" "-c" "-emit-llvm" "-fno-temp-file" "-fstack-usage" "-fsyntax-only" "-gsplit-dwarf"
    ];
    Joined, Relevant(Literal), OUTPUT => ["-gsplit-dwarf="];
    Either, Relevant(Path), OUTPUT => ["-o"];
    Nothing, Relevant(Literal), INPUT => ["-ObjC" "-ObjC++"];
    Separate, Relevant(Literal), INPUT => ["-arch"];
    Either, Relevant(Literal), INPUT => ["-x"];
    Nothing, Unsupported, SPELLING => [
        "--all-warnings" "--assemble" "--comments" "--comments-in-macros" "--compile" "--debug"
        "--extra-warnings" "--include-barrier" "--no-line-commands" "--no-standard-includes" "--no-warnings"
        "--optimize" "--profile" "--trace-includes" "-gant" "-gno-" "-lang-asm" "-quiet"
    ];
    Joined, Unsupported, SPELLING => [
        "--assert=" "--define-macro=" "--driver-mode=" "--include-directory-after=" "--include-directory="
        "--include-prefix=" "--include-with-prefix-after=" "--include-with-prefix-before="
        "--include-with-prefix=" "--language=" "--output-pch=" "--output=" "--rsp-quoting="
        "--undefine-macro=" "-Xarch_" "-Xclang=" "-Xopenmp-target=" "-cpp=" "-fpre-include=" "-inline-asm="
        "-mllvm=" "-mmlir=" "-symbol="
    ];
    Separate, Unsupported, SPELLING => [
        "--assert" "--define-macro" "--include-directory" "--include-directory-after" "--include-prefix"
        "--include-with-prefix" "--include-with-prefix-after" "--include-with-prefix-before" "--language"
        "--output" "--undefine-macro" "--write-dependencies" "--write-user-dependencies" "-V" "-Xarch_device"
        "-Xarch_host" "-Xflang" "-Xopenmp-target" "-b" "-ccc-gcc-name" "-ccc-install-dir"
        "-fexperimental-openacc-macro-override" "-filelist" "-mmlir" "-wrapper"
    ];
    Nothing, Relevant(Literal), DEPFILE => ["-MD" "-MMD" "-MP" "-fcanonical-system-headers"];
    Joined, Relevant(Path), DEPFILE => ["-fdepfile-entry="];
    Either, Relevant(Path), DEPFILE => ["-MF" "-MQ" "-MT"];
    Nothing, Relevant(Literal), SEARCH => [
        "--no-default-config" "-canonical-prefixes" "-ibuiltininc" "-index-header-map"
        "-no-canonical-prefixes" "-no-integrated-cpp" "-nobuiltininc" "-nogpuinc" "-nostdinc" "-nostdinc++"
        "-nostdlibinc" "-remap"
    ];
    Joined, Relevant(Path), SEARCH => [
        "--config-system-dir=" "--config-user-dir=" "--config=" "--embed-dir=" "--gcc-install-dir="
        "--gcc-toolchain=" "--imacros=" "--include=" "--specs=" "--sysroot="
        "-fexperimental-sanitize-metadata-ignorelist=" "-fmemory-profile-use=" "-fmodule-map-file="
        "-fprofile-instr-use=" "-fprofile-list=" "-fprofile-remapping-file=" "-fprofile-sample-use="
        "-frandomize-layout-seed-file=" "-frewrite-map-file=" "-fsanitize-blacklist="
        "-fsanitize-coverage-allowlist=" "-fsanitize-coverage-blacklist=" "-fsanitize-coverage-ignorelist="
        "-fsanitize-coverage-whitelist=" "-fsanitize-ignorelist=" "-fsanitize-system-blacklist="
        "-fsanitize-system-ignorelist=" "-fthinlto-index=" "-fxray-always-instrument=" "-fxray-attr-list="
        "-fxray-never-instrument=" "-gcc-toolchain=" "-iplugindir=" "-resource-dir=" "-specs="
    ];
    Separate, Relevant(Path), SEARCH => [
        "--config" "--imacros" "--include" "--sysroot" "-imultiarch" "-imultilib" "-resource-dir"
    ];
    Either, Relevant(Path), SEARCH => [
        "--vfsoverlay" "-B" "-F" "-I" "-cxx-isystem" "-idirafter" "-iframework" "-iframeworkwithsysroot"
        "-imacros" "-include" "-include-pch" "-iprefix" "-iquote" "-isysroot" "-isystem" "-isystem-after"
        "-ivfsoverlay" "-iwithprefix" "-iwithprefixbefore" "-iwithsysroot" "-stdlib++-isystem" "-vfsoverlay"
    ];
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
    Either, Relevant(Literal), MACROS => ["-A" "-U"];
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
    Nothing, Relevant(Literal), LANG => [
        "--ansi" "--traditional-cpp" "--trigraphs" "-C" "-CC" "-P" "-ansi" "-cl-denorms-are-zero"
        "-cl-fast-relaxed-math" "-cl-finite-math-only" "-cl-fp32-correctly-rounded-divide-sqrt"
        "-cl-kernel-arg-info" "-cl-mad-enable" "-cl-no-signed-zeros" "-cl-no-stdinc" "-cl-opt-disable"
        "-cl-single-precision-constant" "-cl-strict-aliasing" "-cl-uniform-work-group-size"
        "-cl-unsafe-math-optimizations" "-faccess-control" "-faligned-new" "-fall-virtual"
        "-fallow-leading-underscore" "-fallow-parameterless-variadic-functions" "-falt-external-templates"
        "-fasm" "-fbuilding-libgcc" "-fbuilding-libgfortran" "-fbuilding-libphobos-tests" "-fbuiltin"
        "-fchar8_t" "-fcheck-pointer-bounds" "-fchkp-check-incomplete-type" "-fchkp-check-read"
        "-fchkp-check-write" "-fchkp-first-field-has-own-bounds" "-fchkp-flexible-struct-trailing-arrays"
        "-fchkp-instrument-calls" "-fchkp-instrument-marked-only" "-fchkp-narrow-bounds"
        "-fchkp-narrow-to-innermost-array" "-fchkp-optimize" "-fchkp-store-bounds"
        "-fchkp-treat-zero-dynamic-size-as-infinite" "-fchkp-use-fast-string-functions"
        "-fchkp-use-nochk-string-functions" "-fchkp-use-static-bounds" "-fchkp-use-static-const-bounds"
        "-fchkp-use-wrappers" "-fchkp-zero-input-bounds-for-main" "-fcilkplus" "-fconcepts" "-fconcepts-ts"
        "-fcond-mismatch" "-fconserve-space" "-fconstexpr-fp-except" "-fcontract-strict-declarations"
        "-fcontracts" "-fcoroutines" "-fdebug-cpp" "-fdeclone-ctor-dtor" "-fdeduce-init-list"
        "-fdefault-inline" "-fdollars-in-identifiers" "-felide-constructors" "-femit-struct-debug-baseonly"
        "-femit-struct-debug-reduced" "-fenforce-eh-specs" "-fenum-int-equiv" "-fext-numeric-literals"
        "-fextended-identifiers" "-fextern-tls-init" "-fexternal-templates" "-ffor-scope" "-ffreestanding"
        "-ffriend-injection" "-fgimple" "-fgnu-keywords" "-fgnu89-inline" "-fguiding-decls" "-fhonor-std"
        "-fhosted" "-fhuge-objects" "-fimplement-inlines" "-fimplicit-constexpr" "-fimplicit-inline-templates"
        "-fimplicit-templates" "-flabels-ok" "-flax-vector-conversions" "-fmodules-decluse"
        "-fmodules-strict-decluse" "-fms-extensions" "-fmudflap" "-fmudflapir" "-fmudflapth" "-fnew-abi"
        "-fnew-inheriting-ctors" "-fnew-ttp-matching" "-fno-cxx-modules" "-fno-implicit-module-maps"
        "-fno-implicit-modules" "-fno-module-lazy" "-fno-module-maps" "-fno-modules" "-fno-modules-ts"
        "-fnonansi-builtins" "-fnonnull-objects" "-fopenacc" "-fopenmp" "-fopenmp-simd" "-foperator-names"
        "-foptional-diags" "-fpch-deps" "-fpch-preprocess" "-fplan9-extensions" "-fpreprocessed"
        "-fpretty-templates" "-fsigned-bitfields" "-fsigned-char" "-fsized-deallocation" "-fsquangle"
        "-fstrict-prototype" "-fstrong-eval-order" "-fthis-is-variable" "-ftrack-macro-expansion"
        "-funsigned-bitfields" "-funsigned-char" "-fuse-cxa-atexit" "-fuse-cxa-get-exception-ptr"
        "-fvisibility-ms-compat" "-fvtable-gc" "-fvtable-thunks" "-fweak" "-fxref" "-traditional"
        "-traditional-cpp" "-trigraphs"
    ];
    Joined, Relevant(Literal), LANG => [
        "--gcc-triple=" "--no-system-header-prefix=" "--std=" "--stdlib=" "--system-header-prefix=" "-cl-ext="
        "-cl-std=" "-fabi-compat-version=" "-fabi-version=" "-fada-spec-parent=" "-faligned-new=" "-fbuiltin-"
        "-fconcepts-diagnostics-depth=" "-fconstexpr-cache-depth=" "-fconstexpr-depth="
        "-fconstexpr-loop-limit=" "-fconstexpr-ops-limit=" "-fcontract-assumption-mode="
        "-fcontract-build-level=" "-fcontract-continuation-mode=" "-fcontract-mode=" "-fcontract-role="
        "-fcontract-semantic=" "-femit-struct-debug-detailed=" "-fexec-charset=" "-finput-charset="
        "-fmax-include-depth=" "-fmodule-name=" "-fname-mangling-version-" "-fopenacc-dim=" "-fsso-struct="
        "-fstrong-eval-order=" "-ftemplate-depth-" "-ftemplate-depth=" "-ftrack-macro-expansion="
        "-fwide-exec-charset=" "-fzero-init-padding-bits=" "-std=" "-stdlib=" "-sycl-std="
    ];
    Nothing, Relevant(Literal), OBJC => [
        "-fgnu-runtime" "-flocal-ivars" "-fnext-runtime" "-fnil-receivers" "-fobjc-arc"
        "-fobjc-arc-exceptions" "-fobjc-avoid-heapify-local-blocks" "-fobjc-call-cxx-cdtors"
        "-fobjc-convert-messages-to-runtime-calls" "-fobjc-direct-dispatch"
        "-fobjc-disable-direct-methods-for-testing" "-fobjc-encode-cxx-class-template-spec"
        "-fobjc-exceptions" "-fobjc-gc" "-fobjc-infer-related-result-type" "-fobjc-legacy-dispatch"
        "-fobjc-link-runtime" "-fobjc-msgsend-selector-stubs" "-fobjc-nilcheck" "-fobjc-nonfragile-abi"
        "-fobjc-sender-dependent-dispatch" "-fobjc-sjlj-exceptions" "-fobjc-weak" "-freplace-objc-classes"
        "-fzero-link"
    ];
    Joined, Relevant(Literal), OBJC => [
        "-fconst-string-class=" "-fconstant-string-class=" "-fobjc-abi-version="
        "-fobjc-nonfragile-abi-version=" "-fobjc-runtime=" "-fobjc-std="
    ];
    Nothing, Relevant(Literal), MEANING => [
        "-Qn" "-Qy" "-fPIC" "-fPIE" "-faapcs-bitfield-load" "-faapcs-bitfield-width" "-faddrsig"
        "-faligned-allocation" "-fallow-editor-placeholders" "-fallow-unsupported" "-faltivec"
        "-fandroid-pad-segment" "-fapinotes" "-fapple-kext" "-fapple-pragma-pack" "-fapplication-extension"
        "-fapprox-func" "-fargument-alias" "-fargument-noalias" "-fargument-noalias-anything"
        "-fargument-noalias-global" "-fasm-blocks" "-fassume-nothrow-exception-dtor"
        "-fassume-sane-operator-new" "-fassume-unique-vtables" "-fassume-unreachable-indirect-call-targets"
        "-fassumptions" "-fast" "-fastcp" "-fastf" "-fasync-exceptions" "-fatomic-fine-grained-memory"
        "-fatomic-ignore-denormal-mode" "-fatomic-remote-memory" "-fauto-import" "-fautolink"
        "-fbasic-block-address-map" "-fblocks" "-fborland-extensions" "-fbounds-check"
        "-fbranch-target-load-optimize" "-fbranch-target-load-optimize2" "-fbtr-bb-exclusive"
        "-fc++-static-destructors" "-fcheck-data-deps" "-fcheck-new" "-fchecking" "-fclangir" "-fcommon"
        "-fcomplete-member-pointers" "-fconstant-cfstrings" "-fconvergent-functions"
        "-fcoro-aligned-allocation" "-fcoroutines-ts" "-fcreate-profile" "-fcse-skip-blocks"
        "-fcxx-exceptions" "-fdata-sections" "-fdebug-macro" "-fdebug-pass-arguments" "-fdebug-pass-structure"
        "-fdebug-ranges-base-address" "-fdebug-types-section" "-fdeclspec" "-fdefer-ts"
        "-fdefine-target-os-macros" "-fdelayed-template-parsing" "-fdevirtualize-at-ltrans" "-fdigraphs"
        "-fdirect-access-external-data" "-fdisable-block-signature-string" "-fdiscard-value-names"
        "-fdouble-square-bracket-attributes" "-fdwarf-directory-asm" "-fdwarf-exceptions" "-fdwarf2-cfi-asm"
        "-feliminate-dwarf2-dups" "-feliminate-unused-debug-symbols" "-feliminate-unused-debug-types"
        "-femit-all-decls" "-femit-class-debug-always" "-femit-compact-unwind-non-canonical" "-femulated-tls"
        "-fenable-matrix" "-fescaping-block-tail-calls" "-fexperimental-isel"
        "-fexperimental-late-parse-attributes" "-fexperimental-library"
        "-fexperimental-new-constant-interpreter" "-fexperimental-new-pass-manager"
        "-fexperimental-relative-c++-abi-vtables" "-fexperimental-strict-floating-point"
        "-fextend-variable-liveness" "-ffat-lto-objects" "-ffine-grained-bitfield-accesses" "-fforce-addr"
        "-fforce-dwarf-frame" "-fforce-emit-vtables" "-fforce-enable-int128" "-ffunction-sections"
        "-fglobal-isel" "-fgnu-inline-asm" "-fgnu-tm" "-fgnu-unique" "-fhlsl-strict-availability"
        "-fhonor-infinities" "-fhonor-nans" "-fident" "-fignore-exceptions" "-fincremental-extensions"
        "-finhibit-size-directive" "-finline-hint-functions" "-fintegrated-as" "-fintegrated-cc1"
        "-fintegrated-objemitter" "-fjmc" "-fkeep-inline-functions" "-fkeep-persistent-storage-variables"
        "-fkeep-static-consts" "-fkeep-static-functions" "-flarge-source-files" "-fleading-underscore"
        "-flegacy-pass-manager" "-flto" "-flto-odr-type-merging" "-fmerge-all-constants" "-fmerge-constants"
        "-fmerge-debug-strings" "-fms-compatibility" "-fms-define-stdc" "-fms-hotpatch"
        "-fms-omit-default-lib" "-fms-volatile" "-fnested-functions" "-fnew-infallible"
        "-fno-aggressive-function-elimination" "-fno-align-commons" "-fno-all-intrinsics" "-fno-backtrace"
        "-fno-check-array-temporaries" "-fno-cray-pointer" "-fno-d-lines-as-code" "-fno-d-lines-as-comments"
        "-fno-dollar-ok" "-fno-external-blas" "-fno-f2c" "-fno-frontend-optimize" "-fno-init-local-zero"
        "-fno-integer-4-integer-8" "-fno-knr-functions" "-fno-max-identifier-length" "-fno-max-type-align"
        "-fno-offload-lto" "-fno-pack-derived" "-fno-range-check" "-fno-real-4-real-10" "-fno-real-4-real-16"
        "-fno-real-4-real-8" "-fno-real-8-real-10" "-fno-real-8-real-16" "-fno-real-8-real-4"
        "-fno-realloc-lhs" "-fno-recursive" "-fno-repack-arrays" "-fno-second-underscore" "-fno-sign-zero"
        "-fno-stack-arrays" "-fno-strict-modules-decluse" "-fno-underscoring" "-fno-whole-file"
        "-fno_pch-validate-input-files-content" "-fnoopenmp-relocatable-target" "-fnoopenmp-use-tls"
        "-fnoxray-link-deps" "-foffload-lto" "-fopenmp-assume-no-nested-parallelism"
        "-fopenmp-assume-no-thread-state" "-fopenmp-assume-teams-oversubscription"
        "-fopenmp-assume-threads-oversubscription" "-fopenmp-enable-irbuilder" "-fopenmp-extensions"
        "-fopenmp-force-usm" "-fopenmp-implicit-rpath" "-fopenmp-new-driver" "-fopenmp-optimistic-collapse"
        "-fopenmp-relocatable-target" "-fopenmp-use-tls" "-foptimize-register-move"
        "-forder-file-instrumentation" "-fparse-all-comments" "-fpascal-strings" "-fpcc-struct-return"
        "-fpch-codegen" "-fpch-debuginfo" "-fpch-instantiate-templates" "-fpch-validate-input-files-content"
        "-fpic" "-fpie" "-fpointer-tbaa" "-fpreserve-as-comments" "-fprotect-parens" "-fptrauth-elf-got"
        "-fraw-string-literals" "-fregister-global-dtors-with-atexit" "-fregmove"
        "-frelaxed-template-template-args" "-freroll-loops" "-frerun-loop-opt"
        "-fretain-comments-from-system-headers" "-fropi" "-frtlib-defaultlib" "-frtti-data" "-frwpi"
        "-fsafe-buffer-usage-suggestions" "-fsample-profile-use-profi" "-fsee" "-fseh-exceptions"
        "-fseparate-named-sections" "-fsignaling-math" "-fsjlj-exceptions" "-fslp-vectorize"
        "-fsplit-dwarf-inlining" "-fsplit-lto-unit" "-fsplit-machine-functions" "-fsplit-stack"
        "-fstack-check" "-fstack-limit" "-fstack-size-section" "-fstandalone-debug" "-fstrength-reduce"
        "-fstrict-bool" "-fstrict-float-cast-overflow" "-fstrict-overflow" "-fstrict-return"
        "-fstrict-vtable-pointers" "-fstruct-path-tbaa" "-fsync-libcalls" "-fthreadsafe-statics" "-ftrigraphs"
        "-funified-lto" "-funique-basic-block-section-names" "-funique-internal-linkage-names"
        "-funique-section-names" "-funit-at-a-time" "-funsafe-loop-optimizations" "-fuse-init-array"
        "-fuse-line-directives" "-fuse-linker-plugin" "-fvalidate-ast-input-files-content"
        "-fverify-intermediate-code" "-fvirtual-function-elimination" "-fvisibility-from-dllstorageclass"
        "-fvisibility-global-new-delete-hidden" "-fvisibility-inlines-hidden"
        "-fvisibility-inlines-hidden-static-local-var" "-fwasm-exceptions" "-fwhole-program"
        "-fwhole-program-vtables" "-fwrapv-pointer" "-fwritable-strings" "-fxl-pragma-pack" "-fzee"
        "-fzero-initialized-in-bss" "-fzvector" "-integrated-as" "-kernel" "-mkernel" "-no-integrated-as"
        "-no-pthread" "-pthread" "-pthreads" "-regcall4"
    ];
    Joined, Relevant(Literal), MEANING => [
        "-faltivec-src-compat=" "-fapinotes-swift-version=" "-fasan-shadow-offset=" "-fbasic-block-sections="
        "-fbinutils-version=" "-fbracket-depth=" "-fc++-abi=" "-fcall-saved-" "-fcall-used-"
        "-fcf-runtime-abi=" "-fchecking=" "-fclang-abi-compat=" "-fcomment-block-commands="
        "-fcomplex-arithmetic=" "-fconstexpr-steps=" "-fdenormal-fp-math=" "-femit-dwarf-unwind="
        "-fextend-arguments=" "-fextend-variable-liveness=" "-ffixed-" "-ffp-eval-method="
        "-ffp-exception-behavior=" "-ffp-model=" "-ffuchsia-api-level=" "-fgnat-encodings=" "-fgnuc-version="
        "-finline-limit-" "-finline-limit=" "-finline-max-stacksize=" "-flax-vector-conversions="
        "-flimited-precision=" "-flto-compression-level=" "-flto-jobs=" "-flto-partition=" "-flto="
        "-fmax-tokens=" "-fmax-type-align=" "-fms-compatibility-version=" "-fms-memptr-rep="
        "-fms-runtime-lib=" "-fmsc-version=" "-fnew-alignment=" "-fno-builtin-"
        "-fno-experimental-sanitize-metadata=" "-foffload-abi=" "-foffload-lto=" "-foffload-options="
        "-foffload=" "-fopenmp-version=" "-fopenmp=" "-foperator-arrow-depth=" "-fpermitted-flt-eval-methods="
        "-frandomize-layout-seed=" "-fspv-target-env=" "-fstack-limit-register=" "-fstack-limit-symbol="
        "-fstrict-flex-arrays=" "-fswift-async-fp=" "-fsymbol-partition=" "-ftls-model=" "-ftrap-function="
        "-ftrapv-handler=" "-fveclib=" "-fvisibility-dllexport=" "-fvisibility-externs-dllimport="
        "-fvisibility-externs-nodllstorageclass=" "-fvisibility-global-new-delete="
        "-fvisibility-nodllstorageclass=" "-fvisibility=" "-fvtable-verify="
    ];
    Separate, Relevant(Literal), MEANING => ["-ftrapv-handler"];
    Nothing, Relevant(Literal), CODE => [
        "-O" "-O0" "-O1" "-O2" "-O3" "-O4" "-O5" "-O6" "-O9" "-Ofast" "-Og" "-Os" "-Oz"
        "-faggressive-loop-optimizations" "-falign-functions" "-falign-jumps" "-falign-labels" "-falign-loops"
        "-fallocation-dce" "-fallow-store-data-races" "-fassociative-math"
        "-fassume-sane-operators-new-delete" "-fasynchronous-unwind-tables" "-fauto-inc-dec"
        "-favoid-store-forwarding" "-fbit-tests" "-fbranch-count-reg" "-fcaller-saves" "-fcode-hoisting"
        "-fcombine-stack-adjustments" "-fcompare-elim" "-fconserve-stack" "-fcprop-registers" "-fcrossjumping"
        "-fcse-follow-jumps" "-fcx-fortran-rules" "-fcx-limited-range" "-fdce" "-fdefer-pop"
        "-fdelayed-branch" "-fdelete-dead-exceptions" "-fdelete-null-pointer-checks" "-fdevirtualize"
        "-fdevirtualize-speculatively" "-fdse" "-fearly-inlining" "-fexceptions" "-fexpensive-optimizations"
        "-fext-dce" "-ffast-math" "-ffinite-loops" "-ffinite-math-only" "-ffloat-store" "-ffold-mem-offsets"
        "-ffold-simple-inlines" "-fforward-propagate" "-ffp-int-builtin-inexact" "-ffunction-cse" "-fgcse"
        "-fgcse-after-reload" "-fgcse-las" "-fgcse-lm" "-fgcse-sm" "-fgraphite" "-fgraphite-identity"
        "-fguess-branch-probability" "-fhandle-exceptions" "-fhoist-adjacent-loads" "-fif-conversion"
        "-fif-conversion2" "-findirect-inlining" "-finline" "-finline-atomics" "-finline-functions"
        "-finline-functions-called-once" "-finline-small-functions" "-finline-stringops" "-fipa-bit-cp"
        "-fipa-cp" "-fipa-cp-alignment" "-fipa-cp-clone" "-fipa-icf" "-fipa-icf-functions"
        "-fipa-icf-variables" "-fipa-matrix-reorg" "-fipa-modref" "-fipa-profile" "-fipa-pta"
        "-fipa-pure-const" "-fipa-ra" "-fipa-reference" "-fipa-reference-addressable"
        "-fipa-reorder-for-locality" "-fipa-sra" "-fipa-stack-alignment" "-fipa-strict-aliasing"
        "-fipa-struct-reorg" "-fipa-vrp" "-fira-hoist-pressure" "-fira-loop-pressure" "-fira-share-save-slots"
        "-fira-share-spill-slots" "-fisolate-erroneous-paths-attribute"
        "-fisolate-erroneous-paths-dereference" "-fivopts" "-fjump-tables" "-fkeep-gc-roots-live"
        "-flate-combine-instructions" "-flifetime-dse" "-flimit-function-alignment" "-flive-patching"
        "-flive-range-shrinkage" "-floop-block" "-floop-flatten" "-floop-interchange" "-floop-nest-optimize"
        "-floop-optimize" "-floop-parallelize-all" "-floop-strip-mine" "-floop-unroll-and-jam" "-flra-remat"
        "-fmalloc-dce" "-fmath-errno" "-fmodulo-sched" "-fmodulo-sched-allow-regmoves"
        "-fmove-loop-invariants" "-fmove-loop-stores" "-fnon-call-exceptions" "-fnothrow-opt"
        "-fomit-frame-pointer" "-foptimize-crc" "-foptimize-sibling-calls" "-foptimize-strlen" "-fpack-struct"
        "-fpartial-inlining" "-fpeel-loops" "-fpeephole" "-fpeephole2" "-fplt" "-fpredictive-commoning"
        "-fprefetch-loop-arrays" "-fprintf-return-value" "-fptrauth-auth-traps" "-fptrauth-calls"
        "-fptrauth-function-pointer-type-discrimination" "-fptrauth-indirect-gotos" "-fptrauth-init-fini"
        "-fptrauth-intrinsics" "-fptrauth-returns" "-fptrauth-type-info-vtable-pointer-discrimination"
        "-fptrauth-vtable-pointer-address-discrimination" "-fptrauth-vtable-pointer-type-discrimination"
        "-freciprocal-math" "-free" "-freg-struct-return" "-frename-registers" "-freorder-blocks"
        "-freorder-blocks-and-partition" "-freorder-functions" "-frerun-cse-after-loop"
        "-freschedule-modulo-scheduled-loops" "-frounding-math" "-frtti" "-fsched-critical-path-heuristic"
        "-fsched-dep-count-heuristic" "-fsched-group-heuristic" "-fsched-interblock"
        "-fsched-last-insn-heuristic" "-fsched-pressure" "-fsched-rank-heuristic" "-fsched-spec"
        "-fsched-spec-insn-heuristic" "-fsched-spec-load" "-fsched-spec-load-dangerous"
        "-fsched-stalled-insns" "-fsched-stalled-insns-dep" "-fsched2-use-superblocks" "-fsched2-use-traces"
        "-fschedule-fusion" "-fschedule-insns" "-fschedule-insns2" "-fsection-anchors"
        "-fsel-sched-pipelining" "-fsel-sched-pipelining-outer-loops" "-fsel-sched-reschedule-pipelined"
        "-fselective-scheduling" "-fselective-scheduling2" "-fsemantic-interposition" "-fshort-enums"
        "-fshort-wchar" "-fshrink-wrap" "-fshrink-wrap-separate" "-fsignaling-nans" "-fsigned-zeros"
        "-fsingle-precision-constant" "-fsplit-ivs-in-unroller" "-fsplit-loops" "-fsplit-paths"
        "-fsplit-wide-types" "-fsplit-wide-types-early" "-fssa-backprop" "-fssa-phiopt" "-fstdarg-opt"
        "-fstore-merging" "-fstrict-aliasing" "-fstrict-enums" "-fstrict-volatile-bitfields" "-fthread-jumps"
        "-ftoplevel-reorder" "-ftracer" "-ftrampolines" "-ftrapping-math" "-ftrapv" "-ftree-bit-ccp"
        "-ftree-builtin-call-dce" "-ftree-ccp" "-ftree-ch" "-ftree-coalesce-inlined-vars"
        "-ftree-coalesce-vars" "-ftree-copy-prop" "-ftree-copyrename" "-ftree-cselim" "-ftree-dce"
        "-ftree-dominator-opts" "-ftree-dse" "-ftree-forwprop" "-ftree-fre" "-ftree-loop-distribute-patterns"
        "-ftree-loop-distribution" "-ftree-loop-if-convert" "-ftree-loop-if-convert-stores" "-ftree-loop-im"
        "-ftree-loop-ivcanon" "-ftree-loop-linear" "-ftree-loop-optimize" "-ftree-loop-vectorize" "-ftree-lrs"
        "-ftree-partial-pre" "-ftree-phiprop" "-ftree-pre" "-ftree-pta" "-ftree-reassoc" "-ftree-salias"
        "-ftree-scev-cprop" "-ftree-sink" "-ftree-slp-vectorize" "-ftree-slsr" "-ftree-sra" "-ftree-store-ccp"
        "-ftree-store-copy-prop" "-ftree-switch-conversion" "-ftree-tail-merge" "-ftree-ter"
        "-ftree-vect-loop-version" "-ftree-vectorize" "-ftree-vrp" "-funconstrained-commons"
        "-funroll-all-loops" "-funroll-completely-grow-size" "-funroll-loops" "-funsafe-math-optimizations"
        "-funswitch-loops" "-funwind-tables" "-fvar-tracking" "-fvar-tracking-assignments"
        "-fvar-tracking-assignments-toggle" "-fvar-tracking-uninit" "-fvariable-expansion-in-unroller"
        "-fvect-cost-model" "-fvectorize" "-fversion-loops-for-strides" "-fvpt" "-fweb" "-fwrapv"
    ];
    Joined, Relevant(Literal), CODE => [
        "--param=" "-falign-functions=" "-falign-jumps=" "-falign-labels=" "-falign-loops="
        "-fexcess-precision=" "-ffp-contract=" "-finline-stringops=" "-fira-algorithm=" "-fira-region="
        "-flifetime-dse=" "-flive-patching=" "-fmalloc-dce=" "-fmin-function-alignment=" "-fpack-struct="
        "-fpatchable-function-entry=" "-freorder-blocks-algorithm=" "-fsched-stalled-insns-dep="
        "-fsched-stalled-insns=" "-fsimd-cost-model=" "-fstack-check=" "-fstack-reuse=" "-fstrub="
        "-ftrampoline-impl=" "-ftree-parallelize-loops=" "-fvect-cost-model="
    ];
    Separate, Relevant(Literal), CODE => ["--param"];
    Nothing, Relevant(Literal), TARGET => [
        "-EB" "-EL" "-G0" "-m1" "-m128bit-long-double" "-m16" "-m2" "-m2a" "-m2a-nofpu" "-m3" "-m31" "-m32"
        "-m3dnow" "-m3dnowa" "-m3e" "-m4" "-m4-nofpu" "-m4a" "-m4a-nofpu" "-m4al" "-m5200" "-m5206e" "-m528x"
        "-m5307" "-m5407" "-m64" "-m68000" "-m68010" "-m68020" "-m68030" "-m68040" "-m68060" "-m68881"
        "-m80387" "-m8bit-idiv" "-m96bit-long-double" "-mabicalls" "-mabm" "-mabort-on-noreturn"
        "-maccumulate-args" "-maccumulate-outgoing-args" "-mads" "-madx" "-maes"
        "-maix-shared-lib-tls-model-opt" "-maix-small-local-dynamic-tls" "-maix-small-local-exec-tls"
        "-maix-struct-return" "-maix32" "-maix64" "-malign-double" "-malign-stringops" "-malignment-traps"
        "-maltivec" "-mamdgpu-ieee" "-mamdgpu-precise-memory-op" "-mamx-avx512" "-mamx-bf16" "-mamx-complex"
        "-mamx-fp16" "-mamx-fp8" "-mamx-int8" "-mamx-movrs" "-mamx-tf32" "-mamx-tile" "-mamx-transpose"
        "-mandroid" "-mannotate-tablejump" "-mapcs" "-mapcs-32" "-mapcs-frame" "-mapcs-reentrant"
        "-mapcs-stack-check" "-mapp-regs" "-mapx-inline-asm-use-gpr32" "-mapxf" "-marm" "-marm64x"
        "-masm-syntax-unified" "-matomics" "-mauto-litpools" "-mavoid-indexed-addresses" "-mavx" "-mavx10.1"
        "-mavx10.1-256" "-mavx10.1-512" "-mavx10.2" "-mavx10.2-256" "-mavx10.2-512" "-mavx2"
        "-mavx256-split-unaligned-load" "-mavx256-split-unaligned-store" "-mavx5124fmaps" "-mavx5124vnniw"
        "-mavx512bf16" "-mavx512bitalg" "-mavx512bw" "-mavx512cd" "-mavx512dq" "-mavx512er" "-mavx512f"
        "-mavx512fp16" "-mavx512ifma" "-mavx512pf" "-mavx512vbmi" "-mavx512vbmi2" "-mavx512vl" "-mavx512vnni"
        "-mavx512vp2intersect" "-mavx512vpopcntdq" "-mavxifma" "-mavxneconvert" "-mavxvnni" "-mavxvnniint16"
        "-mavxvnniint8" "-mb" "-mbackchain" "-mbacktrace" "-mbarrel-shifter" "-mbe32" "-mbe8" "-mbig"
        "-mbig-endian" "-mbig-switch" "-mbigtable" "-mbionic" "-mbit-align" "-mbmi" "-mbmi2" "-mbmx"
        "-mbranch-likely" "-mbranches-within-32B-boundaries" "-mbss-plt" "-mbuild-constants" "-mbulk-memory"
        "-mbwx" "-mcabac" "-mcall-aixdesc" "-mcall-eabi" "-mcall-linux" "-mcall-ms2sysv-xlogues"
        "-mcall-netbsd" "-mcall-prologues" "-mcall-sysv" "-mcall-sysv-eabi" "-mcall-sysv-noeabi"
        "-mcallee-super-interworking" "-mcaller-super-interworking" "-mcdx" "-mcet-switch" "-mcfv4e"
        "-mcheck-zero-division" "-mcirrus-fix-invalid-insns" "-mcix" "-mcld" "-mcldemote" "-mclflushopt"
        "-mclwb" "-mclzero" "-mcmov" "-mcmpb" "-mcmpccxadd" "-mcmse" "-mcode-object-v3" "-mcoherent-ldcw"
        "-mcompat-align-parm" "-mcond-move-float" "-mcond-move-int" "-mconstant-gp" "-mconstructor-aliases"
        "-mcrbits" "-mcrc" "-mcrc32" "-mcrypto" "-mcsr-check" "-mcumode" "-mcx16" "-mdaddi" "-mdalign"
        "-mdaz-ftz" "-mdebug" "-mdefault-build-attributes" "-mdirect-extern-access" "-mdirect-move"
        "-mdisable-fpregs" "-mdisable-indexing" "-mdispatch-scheduler" "-mdiv" "-mdiv-rem" "-mdouble-float"
        "-mdpfp" "-mdsp" "-mdspr2" "-mdump-tune-features" "-mdynamic-no-pic" "-mearly-ldp-fusion" "-mearly-ra"
        "-meb" "-mefpu2" "-mel" "-memb" "-membedded-data" "-menable-experimental-extensions"
        "-menable-unsafe-fp-math" "-menqcmd" "-mesa" "-meva" "-mevex512" "-mexception-handling"
        "-mexecute-only" "-mexplicit-relocs" "-mextended-const" "-mextern-sdata" "-mf16c" "-mfancy-math-387"
        "-mfast-indirect-calls" "-mfaster-structs" "-mfdiv" "-mfdpic" "-mfentry" "-mfix" "-mfix-24k"
        "-mfix-cmse-cve-2021-35465" "-mfix-cn63xxp1" "-mfix-cortex-a53-835769" "-mfix-cortex-a53-843419"
        "-mfix-cortex-a57-aes-1742098" "-mfix-cortex-a72-aes-1655431" "-mfix-cortex-m3-ldrd"
        "-mfix-loongson2f-jump" "-mfix-loongson2f-nop" "-mfix-r10000" "-mfix-r4000" "-mfix-r4400"
        "-mfix-r5900" "-mfix-rm7000" "-mfix-sb1" "-mfix-vr4120" "-mfix-vr4130" "-mfix4300" "-mflat"
        "-mflip-thumb" "-mfloat-ieee" "-mfloat-vax" "-mfloat128" "-mfloat128-hardware" "-mflush-func" "-mfma"
        "-mfma4" "-mforce-drap" "-mforce-indirect-call" "-mforce-no-pic" "-mforced-sw-shadow-stack"
        "-mfp-exceptions" "-mfp-regs" "-mfp-ret-in-387" "-mfp32" "-mfp64" "-mfprnd" "-mfpu" "-mfpxx" "-mfriz"
        "-mfsca" "-mfsgsbase" "-mfsmuld" "-mfsrra" "-mfull-toc" "-mfused-madd" "-mfxsr" "-mgas" "-mgather"
        "-mgeneral-regs-only" "-mgfni" "-mginv" "-mglibc" "-mglobal-merge" "-mgnu-attribute" "-mgnu-ld"
        "-mgp32" "-mgp64" "-mgpopt" "-mhalf-precision" "-mhard-dfp" "-mhard-div" "-mhard-float" "-mhard-mul"
        "-mhard-quad-float" "-mhle" "-mhotpatch" "-mhreset" "-mhtm" "-mhvx" "-mhvx-ieee-fp" "-mhvx-qfloat"
        "-mhw-div" "-mhw-mul" "-mhw-mulx" "-miamcu" "-mibt-seal" "-mid-shared-library" "-mieee"
        "-mieee-conformant" "-mieee-fp" "-mieee-rnd-near" "-mieee-with-inexact" "-mignore-xcoff-visibility"
        "-mimadd" "-mimplicit-float" "-mimplicit-fp" "-mincremental-linker-compatible"
        "-mindirect-branch-cs-prefix" "-mindirect-branch-register" "-mindirect-branch-table"
        "-minline-all-stringops" "-minline-atomics" "-minline-strcmp" "-minline-stringops-dynamically"
        "-minline-strlen" "-minline-strncmp" "-mint8" "-mintel-syntax" "-minterlink-compressed"
        "-minterlink-mips16" "-minvariant-function-descriptors" "-minvpcid" "-mips1" "-mips16" "-mips2"
        "-mips3" "-mips32" "-mips32r2" "-mips32r3" "-mips32r5" "-mips32r6" "-mips3d" "-mips4" "-mips5"
        "-mips64" "-mips64r2" "-mips64r3" "-mips64r5" "-mips64r6" "-misel" "-mj2" "-mjals" "-mkl" "-ml"
        "-mla-global-with-abs" "-mla-global-with-pcrel" "-mla-local-with-abs" "-mlarge-data" "-mlarge-text"
        "-mlasx" "-mlate-ldp-fusion" "-mldc1-sdc1" "-mlink-builtin-bitcode-postopt" "-mlinker-opt" "-mlittle"
        "-mlittle-endian" "-mll64" "-mlocal-sdata" "-mlock" "-mlong-calls" "-mlong-double-128"
        "-mlong-double-64" "-mlong-double-80" "-mlong-load-store" "-mlong32" "-mlong64" "-mlongcall"
        "-mlongcalls" "-mloongson-ext" "-mloongson-ext2" "-mloongson-mmi" "-mlow-precision-div"
        "-mlow-precision-recip-sqrt" "-mlow-precision-sqrt" "-mlr-for-calls-only" "-mlra" "-mlsx" "-mlvi-cfi"
        "-mlvi-hardening" "-mlwp" "-mlxc1-sxc1" "-mlzcnt" "-mmad" "-mmadd4" "-mmain" "-mmanual-endbr"
        "-mmark-bti-property" "-mmax" "-mmcount-ra-address" "-mmcu" "-mmdmx" "-mmedium-calls" "-mmemops"
        "-mmfocrf" "-mmicromips" "-mmillicode" "-mminimal-toc" "-mmips16e2" "-mmitigate-rop" "-mmma" "-mmmx"
        "-mmovbe" "-mmovcc" "-mmovdir64b" "-mmovdiri" "-mmovrs" "-mmpx" "-mmpy" "-mms-bitfields" "-mmsa"
        "-mmt" "-mmultimemory" "-mmultiple" "-mmultivalue" "-mmusl" "-mmutable-globals" "-mmvcle" "-mmvme"
        "-mmwait" "-mmwaitx" "-mn_flash" "-mneeded" "-mneon-for-64bits" "-mno-bti-at-return-twice"
        "-mno-constant-cfstrings" "-mno-default" "-mno-fmv" "-mno-fp-in-toc" "-mno-mips16" "-mno-movt"
        "-mno-neg-immediates" "-mno-sum-in-toc" "-mnocrc" "-mnontrapping-fptoint" "-mnop-mcount" "-mnorm"
        "-mnvj" "-mnvs" "-modd-spreg" "-momit-leaf-frame-pointer" "-moutline" "-moutline-atomics"
        "-mpa-risc-1-0" "-mpa-risc-1-1" "-mpa-risc-2-0" "-mpacked-stack" "-mpackets" "-mpaired-single"
        "-mpaired-vector-memops" "-mpascal-strings" "-mpass-mrelax-to-as" "-mpc-relative-literal-loads"
        "-mpc32" "-mpc64" "-mpc80" "-mpclmul" "-mpcommit" "-mpconfig" "-mpcrel" "-mpe"
        "-mpic-data-is-text-relative" "-mpku" "-mplt" "-mpointers-to-nested-functions" "-mpoke-function-name"
        "-mpopc" "-mpopcnt" "-mpopcntb" "-mpopcntd" "-mportable-runtime" "-mpower10-vector" "-mpower8-fusion"
        "-mpower8-vector" "-mpower9-vector" "-mpowerpc" "-mpowerpc-gfxopt" "-mpowerpc-gpopt" "-mpowerpc64"
        "-mprefer-avx128" "-mprefetchi" "-mprefetchwt1" "-mprefixed" "-mprfchw" "-mprint-tune-info"
        "-mprivileged" "-mprofile-kernel" "-mprototype" "-mptwrite" "-mpure-code" "-mpush-args"
        "-mqdsp6-compat" "-mquad-memory" "-mquad-memory-atomic" "-mraoint" "-mrdpid" "-mrdpru" "-mrdrnd"
        "-mrdseed" "-mreadonly-in-sdata" "-mrecip" "-mrecip-precision" "-mrecord-mcount" "-mrecord-return"
        "-mred-zone" "-mreference-types" "-mregnames" "-mrelax" "-mrelax-all" "-mrelax-cmpxchg-loop"
        "-mrelax-pic-calls" "-mrelaxed-simd" "-mrelocatable" "-mrelocatable-lib" "-mrenesas" "-mrestrict-it"
        "-mretpoline" "-mretpoline-external-thunk" "-mriscv-attribute" "-mrmw" "-mrodata-in-ram"
        "-mrop-protect" "-mror" "-mrori" "-mrtd" "-mrtm" "-msahf" "-msave-restore" "-msave-toc-indirect"
        "-mscalar-strict-align" "-mscatter" "-msched-prolog" "-msched-spec" "-msdata" "-msecure-plt"
        "-msep-data" "-mserialize" "-mserialize-volatile" "-mseses" "-msext" "-msfimm" "-msgx" "-msha"
        "-msha512" "-mshared" "-mshftimm" "-mshort" "-mshort-calls" "-mshort-load-bytes" "-mshorten-memrefs"
        "-mshstk" "-msign-ext" "-msim" "-msimd128" "-msingle-float" "-msingle-pic-base" "-mskip-bug"
        "-mskip-rax-setup" "-mslow-flash-data" "-msm3" "-msm4" "-msmall-data" "-msmall-exec" "-msmall-text"
        "-msmartmips" "-msoft-div" "-msoft-float" "-msoft-mul" "-msoft-quad-float" "-mspace-regs" "-mspe"
        "-mspeculate-indirect-jumps" "-mspeculative-load-hardening" "-mspfp" "-msplit" "-msplit-addresses"
        "-msse" "-msse2" "-msse2avx" "-msse3" "-msse4" "-msse4.1" "-msse4.2" "-msse4a" "-msse5" "-msseregparm"
        "-mssse3" "-mstack-arg-probe" "-mstack-size" "-mstackrealign" "-mstd-struct-return" "-mstrict-X"
        "-mstrict-align" "-mstring" "-mstv" "-msv-mode" "-msvr4-struct-return" "-mswap" "-mswape" "-mswdiv"
        "-msym32" "-mtail-call" "-mtbm" "-mtext-section-literals" "-mtgsplit" "-mthumb" "-mthumb-interwork"
        "-mtiny-stack" "-mtls-direct-seg-refs" "-mtls-trampolines" "-mtoc" "-mtocdata" "-mtpcs-frame"
        "-mtpcs-leaf-frame" "-mtpf-trace" "-mtpf-trace-skip" "-mtrack-speculation" "-mtsxldtrk" "-muclibc"
        "-muintr" "-munaligned-access" "-munaligned-symbols" "-muninit-const-in-rodata" "-munsafe-fp-atomics"
        "-mupdate" "-muser-mode" "-musermsr" "-mv5" "-mv55" "-mv60" "-mv62" "-mv65" "-mv66" "-mv67" "-mv67t"
        "-mv68" "-mv69" "-mv71" "-mv71t" "-mv73" "-mv8plus" "-mvaes" "-mvect8-ret-in-mem"
        "-mvector-strict-align" "-mvectorize-with-neon-quad" "-mverbose-cost-dump" "-mvevpu" "-mvirt" "-mvis"
        "-mvis2" "-mvis3" "-mvpclmulqdq" "-mvrsave" "-mvsx" "-mvx" "-mvzeroupper" "-mwaitpkg"
        "-mwarn-dynamicstack" "-mwarn-nonportable-cfstrings" "-mwavefrontsize64" "-mwbnoinvd" "-mwidekl"
        "-mword-relocations" "-mx32" "-mx87" "-mxcoff-roptr" "-mxgot" "-mxl-barrel-shift" "-mxl-compat"
        "-mxl-multiply-high" "-mxl-pattern-compare" "-mxl-reorder" "-mxl-soft-div" "-mxl-soft-mul" "-mxop"
        "-mxpa" "-mxsave" "-mxsavec" "-mxsaveopt" "-mxsaves" "-mzarch" "-mzdcbranch" "-mzu"
    ];
    Joined, Relevant(Literal), TARGET => [
        "--target=" "-G=" "-mabi=" "-mabs=" "-maddress-mode=" "-malign-branch-boundary=" "-malign-branch="
        "-malign-data=" "-malign-functions=" "-malign-jumps=" "-malign-loops=" "-mapx-features=" "-march="
        "-masm=" "-matomic-model=" "-mblock-compare-inline-limit=" "-mblock-compare-inline-loop-limit="
        "-mblock-move-inline-limit=" "-mbranch-cost=" "-mbranch-protection=" "-mcmodel="
        "-mcode-object-version=" "-mcode-readable=" "-mcompact-branches=" "-mcpu=" "-mcustom-fpu-cfg="
        "-mdefault-visibility-export-mapping=" "-mdivsi3_libfunc=" "-mdouble=" "-mdriverkit-version-min="
        "-mexec-model=" "-mfentry-name=" "-mfentry-section=" "-mfixed-range=" "-mfloat-abi=" "-mfloat-gprs="
        "-mfp-rounding-mode=" "-mfp-trap-mode=" "-mfp16-format=" "-mfpmath=" "-mfpu=" "-mframe-chain="
        "-mfunction-return-mem=" "-mfunction-return-reg=" "-mfunction-return=" "-mguard=" "-mharden-sls="
        "-mhotpatch=" "-mhvx-length=" "-mhvx=" "-mhwdiv=" "-mhwmult=" "-mimplicit-it="
        "-mincoming-stack-boundary=" "-mindirect-branch-call=" "-mindirect-branch-jump=" "-mindirect-branch="
        "-mindirect-jump=" "-minsert-sched-nops=" "-minstrument-return=" "-mios-simulator-version-min="
        "-mios-version-min=" "-miphoneos-version-min=" "-miphonesimulator-version-min=" "-misa-spec="
        "-mlarge-data-threshold=" "-mlinker-version=" "-mmacos-version-min=" "-mmacosx-version-min="
        "-mmax-inline-memcpy-size=" "-mmcu=" "-mmemcpy-strategy=" "-mmemory-latency=" "-mmemset-strategy="
        "-mmove-max=" "-mmultcost=" "-mnan=" "-mno-apx-features=" "-mno-tocdata="
        "-mnoreturn-no-callee-saved-registers=" "-moslib=" "-moverride=" "-mpad-max-prefix-size=" "-mpad="
        "-mpartial-vector-fp-math=" "-mpic-register=" "-mprefer-vector-width=" "-mpreferred-stack-boundary="
        "-mprintf-kind=" "-mprioritize-restricted-insns=" "-mr10k-cache-barrier=" "-mrecip=" "-mregparm="
        "-mriscv-attribute=" "-mrvv-vector-bits=" "-msched-costly-dep=" "-mschedule=" "-msdata="
        "-mshared-library-id=" "-msign-return-address=" "-msimd=" "-msmall-data-limit="
        "-msmall-data-threshold=" "-mspe=" "-mspill=" "-mstack-alignment=" "-mstack-guard="
        "-mstack-probe-size=" "-mstack-protector-guard-offset=" "-mstack-protector-guard-reg="
        "-mstack-protector-guard-symbol=" "-mstack-protector-guard=" "-mstack-size=" "-mstore-max="
        "-mstring-compare-inline-limit=" "-mstringop-strategy=" "-mstructure-size-boundary="
        "-msve-vector-bits=" "-mtargetos=" "-mtls-dialect=" "-mtls-size=" "-mtocdata=" "-mtp="
        "-mtpf-trace-hook-prologue-check=" "-mtraceback=" "-mtrap-precision=" "-mtune-ctrl=" "-mtune="
        "-mtvos-simulator-version-min=" "-mtvos-version-min=" "-munix=" "-mveclibabi="
        "-mvisionos-version-min=" "-mvrsave=" "-mvscale-max=" "-mvscale-min=" "-mwarn-framesize="
        "-mwatchos-simulator-version-min=" "-mwatchos-version-min=" "-mxcoff-build-id=" "-mxros-version-min="
        "-mzos-hlq-clang=" "-mzos-hlq-csslib=" "-mzos-hlq-le=" "-mzos-sys-include="
    ];
    Separate, Relevant(Literal), TARGET => ["-G" "-meabi" "-mthread-model" "-target"];
    Either, Relevant(Literal), TARGET => ["-darwin-target-variant" "-darwin-target-variant-triple"];
    Nothing, Relevant(Literal), HARDEN => [
        "-fbounds-safety" "-fcf-protection" "-fexperimental-bounds-safety" "-fhardcfr-check-exceptions"
        "-fhardcfr-check-returning-calls" "-fhardcfr-skip-leaf" "-fharden-compares"
        "-fharden-conditional-branches" "-fharden-control-flow-redundancy" "-fhardened"
        "-fno-sanitize-blacklist" "-fno-sanitize-ignorelist" "-fsanitize-address-globals-dead-stripping"
        "-fsanitize-address-outline-instrumentation" "-fsanitize-address-poison-custom-array-cookie"
        "-fsanitize-address-use-after-scope" "-fsanitize-address-use-odr-indicator"
        "-fsanitize-cfi-canonical-jump-tables" "-fsanitize-cfi-cross-dso"
        "-fsanitize-cfi-icall-experimental-normalize-integers" "-fsanitize-cfi-icall-generalize-pointers"
        "-fsanitize-cfi-icall-normalize-integers" "-fsanitize-hwaddress-experimental-aliasing"
        "-fsanitize-kcfi-arity" "-fsanitize-link-c++-runtime" "-fsanitize-link-runtime"
        "-fsanitize-memory-param-retval" "-fsanitize-memory-track-origins" "-fsanitize-memory-use-after-dtor"
        "-fsanitize-merge" "-fsanitize-minimal-runtime" "-fsanitize-recover" "-fsanitize-stable-abi"
        "-fsanitize-thread-atomics" "-fsanitize-thread-func-entry-exit" "-fsanitize-thread-memory-access"
        "-fsanitize-trap" "-fsanitize-undefined-trap-on-error" "-fstack-clash-protection" "-fstack-protector"
        "-fstack-protector-all" "-fstack-protector-explicit" "-fstack-protector-strong"
        "-fxray-always-emit-customevents" "-fxray-always-emit-typedevents" "-fxray-function-index"
        "-fxray-ignore-loops" "-fxray-instrument" "-fxray-link-deps"
    ];
    Joined, Relevant(Literal), HARDEN => [
        "-fcf-protection=" "-fexperimental-sanitize-metadata=" "-fhardcfr-check-noreturn-calls="
        "-fno-sanitize-coverage=" "-fno-sanitize-merge=" "-fno-sanitize-recover=" "-fno-sanitize-trap="
        "-fno-sanitize=" "-fsanitize-address-destructor=" "-fsanitize-address-field-padding="
        "-fsanitize-address-use-after-return=" "-fsanitize-coverage=" "-fsanitize-hwaddress-abi="
        "-fsanitize-memory-track-origins=" "-fsanitize-memtag-mode=" "-fsanitize-merge=" "-fsanitize-recover="
        "-fsanitize-sections=" "-fsanitize-skip-hot-cutoff=" "-fsanitize-trap="
        "-fsanitize-undefined-strip-path-components=" "-fsanitize=" "-ftrivial-auto-var-init-max-size="
        "-ftrivial-auto-var-init-stop-after=" "-ftrivial-auto-var-init=" "-fxray-function-groups="
        "-fxray-instruction-threshold=" "-fxray-instrumentation-bundle=" "-fxray-modes="
        "-fxray-selected-function-group=" "-fzero-call-used-regs="
    ];
    Either, Relevant(Literal), HARDEN => ["-fxray-instruction-threshold"];
    Nothing, Relevant(Literal), PROFILE => [
        "--coverage" "-coverage" "-fauto-profile" "-fauto-profile-accurate" "-fbranch-probabilities"
        "-fcondition-coverage" "-fcoverage-mapping" "-fcoverage-mcdc" "-fcs-profile-generate"
        "-fdebug-info-for-profiling" "-finstrument-function-entry-bare" "-finstrument-functions"
        "-finstrument-functions-after-inlining" "-fmemory-profile" "-fpath-coverage" "-fprofile"
        "-fprofile-abs-path" "-fprofile-arcs" "-fprofile-continuous" "-fprofile-correction"
        "-fprofile-generate" "-fprofile-info-section" "-fprofile-instr-generate" "-fprofile-instr-use"
        "-fprofile-partial-training" "-fprofile-reorder-functions" "-fprofile-sample-accurate"
        "-fprofile-sample-use" "-fprofile-use" "-fprofile-values" "-fpseudo-probe-for-profiling"
        "-ftest-coverage" "-p" "-pg"
    ];
    Joined, Relevant(Literal), PROFILE => [
        "-finstrument-functions-exclude-file-list=" "-finstrument-functions-exclude-function-list="
        "-fprofile-exclude-files=" "-fprofile-filter-files=" "-fprofile-function-groups="
        "-fprofile-info-section=" "-fprofile-reproducible=" "-fprofile-selected-function-group="
        "-fprofile-update="
    ];
    Joined, Relevant(Literal), PLUGIN => ["-fpass-plugin=" "-fplugin-arg-" "-fplugin="];
    Joined, Relevant(Literal), BAKED => [
        "-fauto-profile=" "-fcs-profile-generate=" "-fmemory-profile=" "-fprofile-dir=" "-fprofile-generate="
        "-fprofile-instr-generate=" "-fprofile-use="
    ];
    Nothing, Relevant(Literal), DEBUG => [
        "--verify-debug-info" "-g" "-g0" "-g1" "-g2" "-g3" "-gas-loc-support" "-gas-locview-support" "-gbtf"
        "-gcall-site-info" "-gcodeview" "-gcodeview-ghash" "-gcoff" "-gcoff1" "-gcoff2" "-gcoff3"
        "-gcolumn-info" "-gctf" "-gctf0" "-gctf1" "-gctf2" "-gdbx" "-gdescribe-dies" "-gdwarf" "-gdwarf-2"
        "-gdwarf-3" "-gdwarf-4" "-gdwarf-5" "-gdwarf-6" "-gdwarf32" "-gdwarf64" "-gembed-source" "-gfull"
        "-ggdb" "-ggdb0" "-ggdb1" "-ggdb2" "-ggdb3" "-ggnu-pubnames" "-ginline-line-tables" "-ginline-points"
        "-ginternal-reset-location-views" "-gkey-instructions" "-gline-directives-only" "-gline-tables-only"
        "-glldb" "-gmlt" "-gno-as-loc-support" "-gno-as-locview-support" "-gno-codeview-ghash"
        "-gno-column-info" "-gno-describe-dies" "-gno-embed-source" "-gno-gnu-pubnames"
        "-gno-inline-line-tables" "-gno-inline-points" "-gno-internal-reset-location-views" "-gno-modules"
        "-gno-omit-unreferenced-methods" "-gno-prune-btf" "-gno-pubnames" "-gno-simple-template-names"
        "-gno-split-dwarf" "-gno-statement-frontiers" "-gno-strict-dwarf" "-gno-template-alias"
        "-gno-variable-location-views" "-gomit-unreferenced-methods" "-gprune-btf" "-gpubnames" "-gsce"
        "-gsimple-template-names" "-gstabs" "-gstabs+" "-gstabs0" "-gstabs1" "-gstabs2" "-gstabs3"
        "-gstatement-frontiers" "-gstrict-dwarf" "-gstructor-decl-linkage-names" "-gtemplate-alias" "-gtoggle"
        "-gused" "-gvariable-location-views" "-gvms" "-gxcoff" "-gxcoff+" "-gz"
    ];
    Joined, Relevant(Literal), DEBUG => [
        "-fdebug-default-version=" "-gdwarf-" "-gsimple-template-names=" "-gsrc-hash="
        "-gvariable-location-views=" "-gz="
    ];
    Joined, Relevant(List), PASSED => ["-Wa," "-Wp,"];
    Separate, Relevant(Literal), PASSED => ["-Xclang" "-mllvm"];
    Separate, Relevant(PathOrName), PASSED => ["-Xassembler" "-Xpreprocessor"];
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
        "-gno-codeview-command-line" "-gno-record-command-line" "-gno-record-gcc-switches"
    ];
    Nothing, Unsupported, PROBE => [
        "-###" "--help" "--help-hidden" "--print-diagnostic-options" "--print-effective-triple"
        "--print-enabled-extensions" "--print-libgcc-file-name" "--print-library-module-manifest-path"
        "--print-missing-file-dependencies" "--print-multi-flags-experimental" "--print-multiarch"
        "--print-resource-dir" "--print-rocm-search-dirs" "--print-runtime-dir" "--print-search-dirs"
        "--print-supported-cpus" "--print-supported-extensions" "--print-target-triple" "--print-targets"
        "--target-help" "--verbose" "--version" "-?" "-dumpfullversion" "-dumpmachine" "-dumpspecs"
        "-dumpversion" "-fhelp" "-ftarget-help" "-fversion" "-help" "-print-diagnostic-options"
        "-print-effective-triple" "-print-enabled-extensions" "-print-ivar-layout" "-print-libgcc-file-name"
        "-print-library-module-manifest-path" "-print-multi-directory" "-print-multi-flags-experimental"
        "-print-multi-lib" "-print-multi-os-directory" "-print-multiarch" "-print-objc-runtime-info"
        "-print-resource-dir" "-print-rocm-search-dirs" "-print-runtime-dir" "-print-search-dirs"
        "-print-supported-cpus" "-print-supported-extensions" "-print-sysroot" "-print-sysroot-headers-suffix"
        "-print-target-triple" "-print-targets" "-v"
    ];
    Joined, Unsupported, PROBE => [
        "--autocomplete=" "--completion=" "--help=" "--print-file-name=" "--print-prog-name=" "-fhelp="
        "-print-file-name=" "-print-prog-name="
    ];
    Nothing, Unsupported, PREPROCESS => [
        "--dependencies" "--preprocess" "--user-dependencies" "-E" "-M" "-MG" "-MM" "-MV" "-fdirectives-only"
        "-fkeep-system-includes" "-fminimize-whitespace" "-frewrite-imports" "-frewrite-includes"
        "-rewrite-legacy-objc" "-rewrite-objc"
    ];
    Nothing, Unsupported, DUMP => [
        "--analyze" "--emit-extension-symbol-graphs" "--emit-symbol-graph" "--migrate" "--pretty-sgf"
        "--save-stats" "--save-temps" "--via-file-asm" "-arcmt-migrate-emit-errors" "-ccc-arcmt-check"
        "-ccc-arcmt-modify" "-ccc-print-bindings" "-ccc-print-phases" "-emit-ast" "-emit-interface-stubs"
        "-emit-merged-ifs" "-emit-symbol-graph" "-extract-api" "-fcallgraph-info" "-fcompare-debug"
        "-fcompare-debug-second" "-fdbg-cnt-list" "-fdriver-only" "-fhip-dump-offload-linker-script"
        "-flto-report" "-flto-report-wpa" "-fmem-report" "-fmem-report-wpa" "-fopt-info"
        "-fpost-ipa-mem-report" "-fpre-ipa-mem-report" "-frepo" "-fsanitize-stats"
        "-fsave-optimization-record" "-fvtv-counts" "-fvtv-debug" "-gen-decls" "-gen-reproducer"
        "-objcmt-atomic-property" "-objcmt-migrate-all" "-objcmt-migrate-annotation"
        "-objcmt-migrate-designated-init" "-objcmt-migrate-instancetype" "-objcmt-migrate-literals"
        "-objcmt-migrate-ns-macros" "-objcmt-migrate-property" "-objcmt-migrate-property-dot-syntax"
        "-objcmt-migrate-protocol-conformance" "-objcmt-migrate-readonly-property"
        "-objcmt-migrate-readwrite-property" "-objcmt-migrate-subscripting" "-objcmt-ns-nonatomic-iosonly"
        "-objcmt-returns-innerpointer-property" "-save-stats" "-save-temps" "-verify-pch" "-via-file-asm"
    ];
    Joined, Unsupported, DUMP => [
        "--dump=" "--extract-api-ignores=" "--save-stats=" "--save-temps=" "--symbol-graph-dir=" "-aux-info="
        "-d" "-dump-body=" "-dump-level=" "-fcallgraph-info=" "-fcompare-debug=" "-fdbg-cnt="
        "-fdiagnostics-add-output=" "-fdiagnostics-format=" "-fdiagnostics-set-output=" "-fdisable-" "-fdump-"
        "-fenable-" "-fira-verbose=" "-fopt-info-" "-fopt-info=" "-foptimization-record-file="
        "-foptimization-record-passes=" "-fprofile-note=" "-fsave-optimization-record=" "-fsched-verbose="
        "-fself-test=" "-fthin-link-bitcode=" "-ftree-vectorizer-verbose=" "-gen-reproducer="
        "-objcmt-allowlist-dir-path=" "-objcmt-whitelist-dir-path=" "-object-file-name=" "-save-stats="
        "-save-temps="
    ];
    Separate, Unsupported, DUMP => [
        "--dump" "--dumpbase" "--dumpbase-ext" "--dumpdir" "--serialize-diagnostics" "-Xanalyzer"
        "-arcmt-migrate-report-output" "-aux-info" "-dumpbase" "-dumpbase-ext" "-gen-cdb-fragment-path"
        "-index-store-path" "-index-unit-output-path" "-serialize-diagnostics"
    ];
    Either, Unsupported, DUMP => [
        "--analyzer-output" "-MJ" "-ccc-arcmt-migrate" "-ccc-objcmt-migrate" "-dependency-dot"
        "-dependency-file" "-dsym-dir" "-dumpdir" "-module-dependency-dir"
    ];
    Nothing, Unsupported, MEASURE => [
        "-Q" "-fproc-stat-report" "-fprofile-report" "-fstats" "-ftime-report" "-ftime-report-details"
        "-ftime-trace" "-ftime-trace-verbose" "-time"
    ];
    Joined, Unsupported, MEASURE => [
        "-fproc-stat-report=" "-ftime-report=" "-ftime-trace-granularity=" "-ftime-trace=" "-time="
    ];
    Nothing, Unsupported, MODULES => [
        "--precompile" "--relocatable-pch" "-Mmodules" "-Mno-modules" "-fapinotes-modules"
        "-fbuiltin-module-map" "-fcache-compile-job" "-fcxx-modules" "-fexperimental-modules-reduced-bmi"
        "-fforce-check-cxx20-modules-input-files" "-fimplicit-module-maps" "-fimplicit-modules"
        "-flang-info-include-translate" "-flang-info-include-translate-not" "-flang-info-module-cmi"
        "-fmodule-file-deps" "-fmodule-header" "-fmodule-implicit-inline" "-fmodule-lazy" "-fmodule-maps"
        "-fmodule-only" "-fmodule-output" "-fmodule-private" "-fmodule-version-ignore" "-fmodules"
        "-fmodules-disable-diagnostic-validation" "-fmodules-local-submodule-visibility"
        "-fmodules-reduced-bmi" "-fmodules-search-all" "-fmodules-ts" "-fmodules-validate-input-files-content"
        "-fmodules-validate-once-per-build-session" "-fmodules-validate-system-headers"
        "-fno-modules-check-relocated" "-fno-modules-validate-textual-header-includes"
        "-fno_modules-validate-input-files-content" "-fprebuilt-implicit-modules" "-fskip-odr-check-in-gmf"
        "-fsystem-module" "-gmodules" "-module-file-info" "-relocatable-pch"
    ];
    Joined, Unsupported, MODULES => [
        "-fbuild-session-file=" "-fbuild-session-timestamp=" "-fdeps-file=" "-fdeps-format=" "-fdeps-target="
        "-flang-info-include-translate=" "-flang-info-module-cmi=" "-fmodule-file=" "-fmodule-header="
        "-fmodule-mapper=" "-fmodule-output=" "-fmodules-cache-path=" "-fmodules-ignore-macro="
        "-fmodules-prune-after=" "-fmodules-prune-interval=" "-fprebuilt-module-path="
    ];
    Separate, Unsupported, MODULES => ["-fmodule-feature" "-fmodules-user-build-path"];
    Either, Unsupported, MODULES => ["-iapinotes-modules"];
    Nothing, Unsupported, COMMAND => [
        "-fembed-bitcode" "-fembed-bitcode-marker" "-frecord-command-line" "-frecord-gcc-switches"
        "-fverbose-asm" "-gcodeview-command-line" "-grecord-command-line" "-grecord-gcc-switches"
    ];
    Joined, Unsupported, COMMAND => ["-fembed-bitcode="];
    Joined, Unsupported, ELSEWHERE => ["-working-directory="];
    Either, Unsupported, ELSEWHERE => ["-working-directory"];
    Nothing, Unsupported, DEVICES => [
        "--cuda-compile-host-device" "--cuda-device-only" "--cuda-host-only" "--cuda-noopt-device-debug"
        "--cuda-path-ignore-env" "--gpu-bundle-output" "--gpu-use-aux-triple-only" "--hip-link" "--hipstdpar"
        "--hipstdpar-interpose-alloc" "--no-cuda-noopt-device-debug" "--no-cuda-version-check"
        "--no-gpu-bundle-output" "--no-offload-compress" "--no-offload-new-driver" "--offload-compress"
        "--offload-device-only" "--offload-host-device" "--offload-host-only" "--offload-link"
        "--offload-new-driver" "-fcuda-approx-transcendentals" "-fcuda-flush-denormals-to-zero" "-fcuda-rdc"
        "-fcuda-short-ptr" "-fgpu-allow-device-init" "-fgpu-approx-transcendentals" "-fgpu-defer-diag"
        "-fgpu-exclude-wrong-side-overloads" "-fgpu-flush-denormals-to-zero" "-fgpu-rdc" "-fgpu-sanitize"
        "-fhip-emit-relocatable" "-fhip-fp32-correctly-rounded-divide-sqrt" "-fhip-kernel-arg-name"
        "-fhip-new-launch-api" "-fno-cuda-approx-transcendentals" "-fno-cuda-flush-denormals-to-zero"
        "-fno-cuda-rdc" "-fno-cuda-short-ptr" "-fno-gpu-allow-device-init" "-fno-gpu-approx-transcendentals"
        "-fno-gpu-defer-diag" "-fno-gpu-exclude-wrong-side-overloads" "-fno-gpu-flush-denormals-to-zero"
        "-fno-gpu-rdc" "-fno-gpu-sanitize" "-fno-hip-emit-relocatable"
        "-fno-hip-fp32-correctly-rounded-divide-sqrt" "-fno-hip-kernel-arg-name" "-fno-hip-new-launch-api"
        "-fno-offload-implicit-host-device-templates" "-fno-offload-uniform-block"
        "-fno-openmp-cuda-force-full-runtime" "-fno-openmp-cuda-mode" "-fno-openmp-target-debug"
        "-fno-openmp-target-jit" "-fno-openmp-target-new-runtime" "-fno-sycl"
        "-foffload-implicit-host-device-templates" "-foffload-uniform-block"
        "-fopenmp-cuda-force-full-runtime" "-fopenmp-cuda-mode" "-fopenmp-offload-mandatory"
        "-fopenmp-target-debug" "-fopenmp-target-jit" "-fopenmp-target-new-runtime" "-fsycl" "-gpulibc"
        "-no-hip-rt" "-nohipwrapperinc"
    ];
    Joined, Unsupported, DEVICES => [
        "--amdgpu-arch-tool=" "--cuda-feature=" "--cuda-gpu-arch=" "--cuda-include-ptx=" "--cuda-path="
        "--dxv-path=" "--gpu-instrument-lib=" "--gpu-max-threads-per-block=" "--hip-device-lib-path="
        "--hip-device-lib=" "--hip-path=" "--hip-version=" "--hipspv-pass-plugin=" "--hipstdpar-path="
        "--hipstdpar-prim-path=" "--hipstdpar-thrust-path=" "--libomptarget-amdgcn-bc-path="
        "--libomptarget-amdgpu-bc-path=" "--libomptarget-nvptx-bc-path=" "--no-cuda-gpu-arch="
        "--no-cuda-include-ptx=" "--no-offload-arch=" "--nvptx-arch-tool=" "--offload-arch="
        "--offload-compression-level=" "--offload=" "--ptxas-path=" "--rocm-device-lib-path=" "--rocm-path="
        "-fembed-offload-object=" "-fgpu-default-stream=" "-fgpu-inline-threshold="
        "-fopenmp-cuda-blocks-per-sm=" "-fopenmp-cuda-number-of-sm=" "-fopenmp-cuda-teams-reduction-recs-num="
        "-fopenmp-target-debug=" "-fopenmp-targets="
    ];
    Separate, Unsupported, DEVICES => ["-Xcuda-fatbinary" "-Xcuda-ptxas" "-hlsl-entry"];
    Either, Unsupported, DEVICES => ["-Xoffload-linker"];
};

/// Where each row is.
pub static INDEX: Index<8192> = Index::of(TABLE);

/// Flags with which the place of a source goes into the output as it is spelled, or what is derived from it does,
/// whatever `-ffile-prefix-map` says. Found by compiling one source in two places with each flag of the table: the
/// sanitizers name it in their reports (hwaddress by a digest), clang's bitcode in its head, coverage and profiles in
/// names. Only clang's are so for `-flto`. Where the source and what it includes are named by relative paths, only
/// those of coverage and profiles still tell the place.
pub static SPELLED: &[&str] = &[
    "-coverage",
    "--coverage",
    "-fprofile-arcs",
    "-ftest-coverage",
    "-fcoverage-mapping",
    "-fprofile-generate",
    "-fprofile-generate=",
    "-fcs-profile-generate",
    "-fcs-profile-generate=",
    "-fprofile-use",
    "-fprofile-use=",
    "-fprofile-instr-use",
    "-fprofile-instr-use=",
    "-fsanitize=",
    "-flto",
    "-flto=",
    "-emit-llvm",
];

/// The row that a word belongs to, negatives aside.
pub fn find(word: &str) -> Option<&'static Row> {
    INDEX.find(TABLE, word)
}
