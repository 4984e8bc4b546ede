//! The flags that change the language, or the meaning of a program.

use super::super::flags::{
    Bucket::*, Effect, EmbedsPath::*, Form::*, Group, Takes::*, effect, groups, names,
};

const LANG: Effect = effect("changes the language, or the meaning of the program");
const OBJC: Effect = effect("changes the meaning of an Objective-C program");
const MEANING: Effect = effect("changes the meaning of the program, or its code");

pub(super) const GROUPS: &[Group] = groups! {
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
        "-fnonansi-builtins" "-fnonnull-objects" "-foperator-names" "-foptional-diags" "-fpch-deps"
        "-fpch-preprocess" "-fplan9-extensions" "-fpreprocessed" "-fpretty-templates" "-fsigned-bitfields"
        "-fsigned-char" "-fsized-deallocation" "-fsquangle" "-fstrict-prototype" "-fstrong-eval-order"
        "-fthis-is-variable" "-ftrack-macro-expansion" "-funsigned-bitfields" "-funsigned-char"
        "-fuse-cxa-atexit" "-fuse-cxa-get-exception-ptr" "-fvisibility-ms-compat" "-fvtable-gc"
        "-fvtable-thunks" "-fweak" "-fxref" "-traditional" "-traditional-cpp" "-trigraphs"
    ];
    Nothing, Relevant(Literal), Effect { embeds_path: Perhaps, ..LANG } => [
        "-fopenacc" "-fopenmp" "-fopenmp-simd"
    ];
    Joined, Relevant(Literal), LANG => [
        "--gcc-triple=" "--no-system-header-prefix=" "--std=" "--stdlib=" "--system-header-prefix=" "-cl-ext="
        "-cl-std=" "-fabi-compat-version=" "-fabi-version=" "-fada-spec-parent=" "-faligned-new=" "-fbuiltin-"
        "-fconcepts-diagnostics-depth=" "-fconstexpr-cache-depth=" "-fconstexpr-depth="
        "-fconstexpr-loop-limit=" "-fconstexpr-ops-limit=" "-fcontract-assumption-mode="
        "-fcontract-build-level=" "-fcontract-continuation-mode=" "-fcontract-mode=" "-fcontract-role="
        "-fcontract-semantic=" "-femit-struct-debug-detailed=" "-fexec-charset=" "-fmax-include-depth="
        "-fmodule-name=" "-fname-mangling-version-" "-fsso-struct=" "-fstrong-eval-order=" "-ftemplate-depth-"
        "-ftemplate-depth=" "-ftrack-macro-expansion=" "-fwide-exec-charset=" "-fzero-init-padding-bits="
        "-std=" "-stdlib=" "-sycl-std="
    ];
    Joined, Relevant(Literal), Effect { unprovable_macros: true, ..LANG } => ["-finput-charset="];
    Joined, Relevant(Literal), Effect { embeds_path: Perhaps, ..LANG } => ["-fopenacc-dim="];
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
        "-fcxx-exceptions" "-fdata-sections" "-fdebug-pass-arguments" "-fdebug-pass-structure"
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
        "-flegacy-pass-manager" "-fmerge-all-constants" "-fmerge-constants" "-fmerge-debug-strings"
        "-fms-compatibility" "-fms-define-stdc" "-fms-hotpatch" "-fms-omit-default-lib" "-fms-volatile"
        "-fnested-functions" "-fnew-infallible" "-fno-aggressive-function-elimination" "-fno-align-commons"
        "-fno-all-intrinsics" "-fno-backtrace" "-fno-check-array-temporaries" "-fno-cray-pointer"
        "-fno-d-lines-as-code" "-fno-d-lines-as-comments" "-fno-dollar-ok" "-fno-external-blas" "-fno-f2c"
        "-fno-frontend-optimize" "-fno-init-local-zero" "-fno-integer-4-integer-8" "-fno-knr-functions"
        "-fno-max-identifier-length" "-fno-max-type-align" "-fno-offload-lto" "-fno-pack-derived"
        "-fno-range-check" "-fno-real-4-real-10" "-fno-real-4-real-16" "-fno-real-4-real-8"
        "-fno-real-8-real-10" "-fno-real-8-real-16" "-fno-real-8-real-4" "-fno-realloc-lhs" "-fno-recursive"
        "-fno-repack-arrays" "-fno-second-underscore" "-fno-sign-zero" "-fno-stack-arrays"
        "-fno-strict-modules-decluse" "-fno-underscoring" "-fno-whole-file"
        "-fno_pch-validate-input-files-content" "-fnoopenmp-relocatable-target" "-fnoopenmp-use-tls"
        "-fnoxray-link-deps" "-foffload-lto" "-foptimize-register-move" "-forder-file-instrumentation"
        "-fparse-all-comments" "-fpascal-strings" "-fpcc-struct-return" "-fpch-codegen" "-fpch-debuginfo"
        "-fpch-instantiate-templates" "-fpch-validate-input-files-content" "-fpic" "-fpie" "-fpointer-tbaa"
        "-fpreserve-as-comments" "-fprotect-parens" "-fptrauth-elf-got" "-fraw-string-literals"
        "-fregister-global-dtors-with-atexit" "-fregmove" "-frelaxed-template-template-args" "-freroll-loops"
        "-frerun-loop-opt" "-fretain-comments-from-system-headers" "-fropi" "-frtlib-defaultlib" "-frtti-data"
        "-frwpi" "-fsafe-buffer-usage-suggestions" "-fsample-profile-use-profi" "-fsee" "-fseh-exceptions"
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
    Nothing, Relevant(Literal), Effect { unprovable_macros: true, ..MEANING } => ["-fdebug-macro"];
    Nothing, Relevant(Literal), Effect { embeds_path: Bitcode, compresses: true, ..MEANING } => ["-flto"];
    Nothing, Relevant(Literal), MEANING => ["-flto-odr-type-merging"];
    Nothing, Relevant(Literal), Effect { embeds_path: Perhaps, ..MEANING } => [
        "-fopenmp-assume-no-nested-parallelism" "-fopenmp-assume-no-thread-state"
        "-fopenmp-assume-teams-oversubscription" "-fopenmp-assume-threads-oversubscription"
        "-fopenmp-enable-irbuilder" "-fopenmp-extensions" "-fopenmp-force-usm" "-fopenmp-implicit-rpath"
        "-fopenmp-new-driver" "-fopenmp-optimistic-collapse" "-fopenmp-relocatable-target" "-fopenmp-use-tls"
    ];
    Joined, Relevant(Literal), MEANING => [
        "-faltivec-src-compat=" "-fapinotes-swift-version=" "-fasan-shadow-offset=" "-fbasic-block-sections="
        "-fbinutils-version=" "-fbracket-depth=" "-fc++-abi=" "-fcall-saved-" "-fcall-used-"
        "-fcf-runtime-abi=" "-fchecking=" "-fclang-abi-compat=" "-fcomment-block-commands="
        "-fcomplex-arithmetic=" "-fconstexpr-steps=" "-fdenormal-fp-math=" "-femit-dwarf-unwind="
        "-fextend-arguments=" "-fextend-variable-liveness=" "-ffixed-" "-ffp-eval-method="
        "-ffp-exception-behavior=" "-ffp-model=" "-ffuchsia-api-level=" "-fgnat-encodings=" "-fgnuc-version="
        "-finline-limit-" "-finline-limit=" "-finline-max-stacksize=" "-flax-vector-conversions="
        "-flimited-precision=" "-fmax-tokens=" "-fmax-type-align=" "-fms-compatibility-version="
        "-fms-memptr-rep=" "-fms-runtime-lib=" "-fmsc-version=" "-fnew-alignment=" "-fno-builtin-"
        "-fno-experimental-sanitize-metadata=" "-foffload-abi=" "-foffload-lto=" "-foffload-options="
        "-foffload=" "-foperator-arrow-depth=" "-fpermitted-flt-eval-methods=" "-frandomize-layout-seed="
        "-fspv-target-env=" "-fstack-limit-register=" "-fstack-limit-symbol=" "-fstrict-flex-arrays="
        "-fswift-async-fp=" "-fsymbol-partition=" "-ftls-model=" "-ftrap-function=" "-ftrapv-handler="
        "-fveclib=" "-fvisibility-dllexport=" "-fvisibility-externs-dllimport="
        "-fvisibility-externs-nodllstorageclass=" "-fvisibility-global-new-delete="
        "-fvisibility-nodllstorageclass=" "-fvisibility=" "-fvtable-verify="
    ];
    Joined, Relevant(Literal), MEANING => ["-flto-compression-level=" "-flto-jobs=" "-flto-partition="];
    Joined, Relevant(Literal), Effect { embeds_path: Bitcode, compresses: true, ..MEANING } => ["-flto="];
    Joined, Relevant(Literal), Effect { embeds_path: Perhaps, ..MEANING } => [
        "-fopenmp-version=" "-fopenmp="
    ];
    Separate, Relevant(Literal), MEANING => ["-ftrapv-handler"];
};
