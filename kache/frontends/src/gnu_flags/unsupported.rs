//! The flags of command lines that kache does not cache.

use super::super::flags::{Bucket::*, Effect, Group, Takes::*, effect, groups, names};

const SPELLING: Effect = effect("a rare spelling or mode, which the parser does not follow");
const PROBE: Effect = effect("prints information instead of compiling");
const PREPROCESS: Effect = effect("preprocesses or lists dependencies instead of compiling");
const DUMP: Effect = effect("writes files or text that kache does not plan as outputs");
const MEASURE: Effect = effect("prints or writes measurements that differ from run to run");
const MODULES: Effect = effect("reads or writes compiled modules, which kache does not plan as outputs");
const COMMAND: Effect = effect("writes the command line, with its paths, into the output");
const ELSEWHERE: Effect = effect("changes the directory that relative paths start from");
const DEVICES: Effect = effect("compiles for a second processor; kache does not plan its outputs");

pub(super) const GROUPS: &[Group] = groups! {
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
