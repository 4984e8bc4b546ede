//! The flags that change the generated code and its debug information, on any target.

use super::super::flags::{
    Bucket::*, Effect, EmbedsPath::*, Form::*, Group, Takes::*, effect, groups, names,
};

const CODE: Effect = effect("changes the generated code");
const HARDEN: Effect = effect("adds checks and protections to the generated code");
const PROFILE: Effect =
    effect("adds measurements to the generated code, or optimises it by earlier measurements");
const BAKED: Effect = effect("the path goes into the program, or with gcc into debug information");
const DEBUG: Effect = effect("changes debug information");

pub(super) const GROUPS: &[Group] = groups! {
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
    Nothing, Relevant(Literal), HARDEN => [
        "-fbounds-safety" "-fcf-protection" "-fexperimental-bounds-safety" "-fhardcfr-check-exceptions"
        "-fhardcfr-check-returning-calls" "-fhardcfr-skip-leaf" "-fharden-compares"
        "-fharden-conditional-branches" "-fharden-control-flow-redundancy" "-fhardened"
        "-fno-sanitize-blacklist" "-fno-sanitize-ignorelist" "-fstack-clash-protection" "-fstack-protector"
        "-fstack-protector-all" "-fstack-protector-explicit" "-fstack-protector-strong"
    ];
    Nothing, Relevant(Literal), Effect { embeds_path: Perhaps, ..HARDEN } => [
        "-fsanitize-address-globals-dead-stripping" "-fsanitize-address-outline-instrumentation"
        "-fsanitize-address-poison-custom-array-cookie" "-fsanitize-address-use-after-scope"
        "-fsanitize-address-use-odr-indicator" "-fsanitize-cfi-canonical-jump-tables"
        "-fsanitize-cfi-cross-dso" "-fsanitize-cfi-icall-experimental-normalize-integers"
        "-fsanitize-cfi-icall-generalize-pointers" "-fsanitize-cfi-icall-normalize-integers"
        "-fsanitize-hwaddress-experimental-aliasing" "-fsanitize-kcfi-arity" "-fsanitize-link-c++-runtime"
        "-fsanitize-link-runtime" "-fsanitize-memory-param-retval" "-fsanitize-memory-track-origins"
        "-fsanitize-memory-use-after-dtor" "-fsanitize-merge" "-fsanitize-minimal-runtime"
        "-fsanitize-recover" "-fsanitize-stable-abi" "-fsanitize-thread-atomics"
        "-fsanitize-thread-func-entry-exit" "-fsanitize-thread-memory-access" "-fsanitize-trap"
        "-fsanitize-undefined-trap-on-error" "-fxray-always-emit-customevents"
        "-fxray-always-emit-typedevents" "-fxray-function-index" "-fxray-ignore-loops" "-fxray-instrument"
        "-fxray-link-deps"
    ];
    Joined, Relevant(Literal), HARDEN => [
        "-fcf-protection=" "-fexperimental-sanitize-metadata=" "-fhardcfr-check-noreturn-calls="
        "-fno-sanitize-coverage=" "-fno-sanitize-merge=" "-fno-sanitize-recover=" "-fno-sanitize-trap="
        "-fno-sanitize=" "-ftrivial-auto-var-init-max-size=" "-ftrivial-auto-var-init-stop-after="
        "-ftrivial-auto-var-init=" "-fzero-call-used-regs="
    ];
    Joined, Relevant(Literal), Effect { embeds_path: Perhaps, ..HARDEN } => [
        "-fsanitize-address-destructor=" "-fsanitize-address-field-padding="
        "-fsanitize-address-use-after-return=" "-fsanitize-coverage=" "-fsanitize-hwaddress-abi="
        "-fsanitize-memory-track-origins=" "-fsanitize-memtag-mode=" "-fsanitize-merge=" "-fsanitize-recover="
        "-fsanitize-sections=" "-fsanitize-skip-hot-cutoff=" "-fsanitize-trap="
        "-fsanitize-undefined-strip-path-components=" "-fxray-function-groups="
        "-fxray-instruction-threshold=" "-fxray-instrumentation-bundle=" "-fxray-modes="
        "-fxray-selected-function-group="
    ];
    Joined, Relevant(Literal), Effect { embeds_path: Always, ..HARDEN } => ["-fsanitize="];
    Either, Relevant(Literal), Effect { embeds_path: Perhaps, ..HARDEN } => ["-fxray-instruction-threshold"];
    Nothing, Relevant(Literal), PROFILE => [
        "-fauto-profile" "-fauto-profile-accurate" "-fbranch-probabilities" "-fcondition-coverage"
        "-fcoverage-mcdc" "-fdebug-info-for-profiling" "-finstrument-function-entry-bare"
        "-finstrument-functions" "-finstrument-functions-after-inlining" "-fmemory-profile" "-fpath-coverage"
        "-fprofile" "-fprofile-abs-path" "-fprofile-continuous" "-fprofile-correction"
        "-fprofile-info-section" "-fprofile-instr-generate" "-fprofile-partial-training"
        "-fprofile-reorder-functions" "-fprofile-sample-accurate" "-fprofile-sample-use" "-fprofile-values"
        "-fpseudo-probe-for-profiling" "-p" "-pg"
    ];
    Nothing, Relevant(Literal), Effect { writes: Some("gcno"), embeds_path: Always, ..PROFILE } => [
        "--coverage" "-coverage" "-ftest-coverage"
    ];
    Nothing, Relevant(Literal), Effect { embeds_path: Always, ..PROFILE } => [
        "-fcoverage-mapping" "-fcs-profile-generate" "-fprofile-arcs" "-fprofile-generate"
        "-fprofile-instr-use" "-fprofile-use"
    ];
    Joined, Relevant(Literal), PROFILE => [
        "-finstrument-functions-exclude-file-list=" "-finstrument-functions-exclude-function-list="
        "-fprofile-exclude-files=" "-fprofile-filter-files=" "-fprofile-function-groups="
        "-fprofile-info-section=" "-fprofile-reproducible=" "-fprofile-selected-function-group="
        "-fprofile-update="
    ];
    Joined, Relevant(Literal), BAKED => [
        "-fauto-profile=" "-fmemory-profile=" "-fprofile-dir=" "-fprofile-instr-generate="
    ];
    Joined, Relevant(Literal), Effect { embeds_path: Always, ..BAKED } => [
        "-fcs-profile-generate=" "-fprofile-generate=" "-fprofile-use="
    ];
    Nothing, Relevant(Literal), DEBUG => ["--verify-debug-info" "-g0"];
    Nothing, Relevant(Literal), Effect { debug_info: true, ..DEBUG } => [
        "-g" "-g1" "-g2" "-gas-loc-support" "-gas-locview-support" "-gcall-site-info" "-gcodeview"
        "-gcodeview-ghash" "-gcoff" "-gcoff1" "-gcoff2" "-gcolumn-info" "-gdbx" "-gdescribe-dies" "-gdwarf"
        "-gdwarf-2" "-gdwarf-3" "-gdwarf-4" "-gdwarf-5" "-gdwarf-6" "-gdwarf32" "-gdwarf64" "-gembed-source"
        "-gfull" "-ggdb" "-ggdb0" "-ggdb1" "-ggdb2" "-ggnu-pubnames" "-ginline-line-tables" "-ginline-points"
        "-ginternal-reset-location-views" "-gkey-instructions" "-gline-directives-only" "-gline-tables-only"
        "-glldb" "-gmlt" "-gno-as-loc-support" "-gno-as-locview-support" "-gno-codeview-ghash"
        "-gno-column-info" "-gno-describe-dies" "-gno-embed-source" "-gno-gnu-pubnames"
        "-gno-inline-line-tables" "-gno-inline-points" "-gno-internal-reset-location-views" "-gno-modules"
        "-gno-omit-unreferenced-methods" "-gno-prune-btf" "-gno-pubnames" "-gno-simple-template-names"
        "-gno-split-dwarf" "-gno-statement-frontiers" "-gno-strict-dwarf" "-gno-template-alias"
        "-gno-variable-location-views" "-gomit-unreferenced-methods" "-gprune-btf" "-gpubnames" "-gsce"
        "-gsimple-template-names" "-gstabs" "-gstabs+" "-gstabs0" "-gstabs1" "-gstabs2"
        "-gstatement-frontiers" "-gstrict-dwarf" "-gstructor-decl-linkage-names" "-gtemplate-alias" "-gtoggle"
        "-gused" "-gvariable-location-views" "-gvms" "-gxcoff" "-gxcoff+"
    ];
    Nothing, Relevant(Literal), Effect { unprovable_macros: true, debug_info: true, ..DEBUG } => [
        "-g3" "-gcoff3" "-ggdb3" "-gstabs3"
    ];
    Nothing, Relevant(Literal), Effect { embeds_path: Perhaps, debug_info: true, ..DEBUG } => [
        "-gbtf" "-gctf" "-gctf0" "-gctf1" "-gctf2"
    ];
    Nothing, Relevant(Literal), Effect { compresses: true, debug_info: true, ..DEBUG } => ["-gz"];
    Joined, Relevant(Literal), DEBUG => ["-fdebug-default-version="];
    Joined, Relevant(Literal), Effect { debug_info: true, ..DEBUG } => [
        "-gdwarf-" "-gsimple-template-names=" "-gsrc-hash=" "-gvariable-location-views="
    ];
    Joined, Relevant(Literal), Effect { compresses: true, debug_info: true, ..DEBUG } => ["-gz="];
};
