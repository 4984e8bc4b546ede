//! The flags of the compilers that are called as cl is: clang-cl 14 to 19, and cl itself as Microsoft documents it.
//!
//! A name that begins with `/` may be written with `-` as well. clang-cl also takes many of clang's own flags; those
//! that begin as no flag of cl does (`-f`, `-m`, `-g`, `-W`, `-X`, `-R`, `--`) have their rows in
//! [`gnu_flags`], where what is said of negatives holds here too. A flag that clang-cl does not take
//! there it warns of and ignores.
//!
//! An object has the time of its compilation in it unless `/Brepro` is given (clang-cl, too): what that means for
//! storing it is not a matter of flags.

use super::flags::{Bucket::*, Form::*, Index, Row, Takes::*, table};
use super::gnu_flags;

const OUTPUT: &str = "what is produced, and where it goes";
const INPUT: &str = "what language the input is in";
const SPELLING: &str = "a rare spelling or mode; what it says about inputs and outputs is not followed";
const SEARCH: &str = "where files are looked for; those that are read are observed";
const MAP: &str = "how places are named in the output";
const MACROS: &str = "macros; their values may end up in the program";
const WARNINGS: &str = "which diagnostics there are, and whether they are errors";
const MESSAGES: &str = "what is printed; the paths in it are those of the checkout that asks";
const LANG: &str = "changes the language, or what the program means in it";
const CODE: &str = "changes the code that is generated";
const RUNTIME: &str = "which runtime library the object asks for, and macros that tell of it";
const HARDEN: &str = "changes the code: checks and protections are added to it";
const DEBUG: &str = "debug information; clang-cl keeps it in the object, with /Zi as with /Z7";
const PASSED: &str = "for a part of the compiler; the parser dependencies at what it is told";
const LINK: &str = "for the linker, which /c does not start";
const ALONE: &str = "how many inputs are compiled at once; only one is ever stored";
const CLOCK: &str = "whether the object has the time of its compilation in it";
const PROBE: &str = "prints an answer, or what the driver would do";
const PREPROCESS: &str = "gives preprocessed text instead of a compilation";
const DUMP: &str = "writes files or text that no output planner knows";
const MEASURE: &str = "prints or writes measurements that differ from run to run";
const DATABASE: &str = "debug information for editing a program while it runs";
const PRECOMPILED: &str = "a precompiled header is a second output, or state from another run";
const MODULES: &str = "modules: reads and writes compiled headers that no output planner knows";
const MANAGED: &str = "code for another machine, with metadata of assemblies";

/// The table.
pub static TABLE: &[Row] = table! {
    Nothing, Relevant(Literal), OUTPUT => ["/c" "/Zs" "/bigobj" "/nologo"];
    Joined, Relevant(Path), OUTPUT => ["/Fo" "/Fd"];
    Either, Relevant(Path), OUTPUT => ["/o"];
    Nothing, Relevant(Literal), INPUT => ["/TC" "/TP" "--driver-mode=cl"];
    Either, Relevant(Literal), INPUT => ["-x"];
    Joined, Unsupported, SPELLING => ["/link" "-Xclang=" "-mllvm=" "/V" "/Fo:" "/Fd:"];
    Either, Unsupported, SPELLING => ["/Tc" "/Tp" "/F"];
    Nothing, Relevant(Literal), SEARCH => [
        "/X" "-canonical-prefixes" "-no-canonical-prefixes" "-nobuiltininc" "-nostdinc"
        "/external:anglebrackets"
    ];
    Joined, Relevant(Path), SEARCH => ["-resource-dir="];
    Separate, Relevant(Path), SEARCH => ["-resource-dir"];
    Joined, Relevant(Literal), SEARCH => ["/external:env:"];
    Either, Relevant(Path), SEARCH => [
        "/I" "/FI" "/external:I" "/imsvc" "/winsysroot" "/vctoolsdir" "/winsdkdir" "/diasdkdir" "-vfsoverlay"
    ];
    Either, Relevant(Literal), SEARCH => ["/vctoolsversion" "/winsdkversion"];
    Joined, Relevant(PathMap), MAP => ["/pathmap:"];
    Joined, Relevant(Literal), MAP => ["/d1trimfile:" "-cuid="];
    Nothing, Relevant(Literal), MAP => ["/FC" "/d1nodatetime" "/experimental:deterministic"];
    Either, Relevant(Literal), MACROS => ["/D" "/U"];
    Nothing, Relevant(Literal), MACROS => ["/u"];
    Nothing, Relevant(Literal), WARNINGS => [
        "/w" "/W0" "/W1" "/W2" "/W3" "/W4" "/Wall" "/WL" "/WX" "/WX-" "/Wp64" "/external:W0" "/external:W1"
        "/external:W2" "/external:W3" "/external:W4" "/external:templates-" "/experimental:external" "/sdl"
        "/sdl-" "/analyze-" "/options:strict" "-Qunused-arguments"
    ];
    Joined, Relevant(Literal), WARNINGS => ["/wd" "/we" "/wo" "/w1" "/w2" "/w3" "/w4" "/Wv:"];
    Nothing, Relevant(Literal), MESSAGES => [
        "/showIncludes" "/showIncludes:user" "/showFilenames" "/showFilenames-" "/d1reportAllClassLayout"
    ];
    Joined, Relevant(Literal), MESSAGES => ["/diagnostics:" "/errorReport" "/Qpar-report" "/Qvec-report"];
    Nothing, Relevant(Literal), LANG => [
        "/permissive" "/permissive-" "/Za" "/Ze" "/GR" "/GR-" "/GX" "/GX-" "/J" "/C" "/utf-8"
        "/validate-charset" "/validate-charset-" "/await" "/openmp" "/openmp-" "/vmb" "/vmg" "/vmm" "/vms"
        "/vmv" "/Zl" "/Gd" "/Gr" "/Gv" "/Gz" "/Gregcall" "/Gregcall4" "-regcall4" "/homeparams" "/kernel"
        "/kernel-" "/volatileMetadata" "/volatileMetadata-" "/forceInterlockedFunctions"
        "/forceInterlockedFunctions-" "/presetPadding" "/presetPadding-" "/experimental:preprocessor"
        "/experimental:preprocessor-" "/experimental:c11atomics" "/experimental:newLambdaProcessor" "/Ge"
        "/d1PP" "/fastfail"
    ];
    Joined, Relevant(Literal), LANG => [
        "/std:" "/Zc:" "/EH" "/source-charset:" "/execution-charset:" "/fp:" "/fpcvt:" "/volatile:" "/await:"
        "/constexpr:" "/openmp:" "/Zp" "/vd" "/Zm" "-sycl-std="
    ];
    Nothing, Relevant(Literal), CODE => [
        "/GA" "/GF" "/GF-" "/GH" "/GL" "/GL-" "/GT" "/Gh" "/Gm-" "/Gw" "/Gw-" "/Gy" "/Gy-" "/arm64EC"
        "/hotpatch" "/JMC" "/JMC-" "/QIfist" "/QIntel-jcc-erratum" "/Qfast_transcendentals" "/Qgather-"
        "/Qimprecise_fwaits" "/Qpar" "/Qpar-" "/Qsafe_fp_loads" "/Qscatter-" "/Qvec" "/Qvec-"
        "/jumptablerdata" "/d2FH4" "/d2FH4-" "/d2FastFail" "/d2Zi+" "-coverage" "/d2guard4" "/d2guard4-"
    ];
    Joined, Relevant(Literal), CODE => [
        "/O" "/Gs" "/arch:" "/tune:" "/favor:" "/feature:" "/vlen" "/cgthreads" "/marm64x"
    ];
    Either, Relevant(Literal), CODE => ["-G"];
    Separate, Relevant(Literal), CODE => ["-darwin-target-variant"];
    Nothing, Relevant(Literal), RUNTIME => ["/MD" "/MDd" "/MT" "/MTd" "/ML" "/MLd" "/LD" "/LDd"];
    Joined, Relevant(Literal), RUNTIME => ["-rtlib="];
    Nothing, Relevant(Literal), HARDEN => [
        "/GS" "/GS-" "/GZ" "/Qspectre" "/Qspectre-" "/Qspectre-jmp" "/Qspectre-jmp-" "/Qspectre-load"
        "/Qspectre-load-" "/Qspectre-load-cf" "/Qspectre-load-cf-"
    ];
    Joined, Relevant(Literal), HARDEN => [
        "/RTC" "/guard:" "/fsanitize=" "/fno-sanitize=" "/fsanitize-address-use-after-return"
        "/fno-sanitize-address-vcasan-lib" "/fsanitize-coverage=" "/fno-sanitize-coverage="
    ];
    Nothing, Relevant(Literal), DEBUG => ["/Z7" "/Zi" "/Zd" "/Zf" "/Zo" "/Zo-" "/FS" "/Gm"];
    Joined, Relevant(Literal), DEBUG => ["/ZH:"];
    Separate, Relevant(Literal), PASSED => ["-Xclang" "-mllvm"];
    Joined, Relevant(Literal), PASSED => ["/clang:"];
    Joined, Relevant(Path), LINK => ["/Fe" "/Fm"];
    Either, Relevant(Path), LINK => ["/Fe:"];
    Nothing, Relevant(Literal), LINK => ["/LN"];
    Joined, Relevant(Literal), ALONE => ["/MP"];
    Nothing, Relevant(Literal), CLOCK => ["/Brepro" "/Brepro-"];
    Nothing, Unsupported, PROBE => [
        "/?" "/help" "/HELP" "-###" "-v" "-print-diagnostic-options" "-print-effective-triple"
        "-print-enabled-extensions" "-print-libgcc-file-name" "-print-library-module-manifest-path"
        "-print-resource-dir" "-print-rocm-search-dirs" "-print-runtime-dir" "-print-search-dirs"
        "-print-supported-cpus" "-print-supported-extensions" "-print-target-triple" "-print-targets"
    ];
    Joined, Unsupported, PROBE => ["-print-file-name=" "-print-prog-name="];
    Nothing, Unsupported, PREPROCESS => ["/E" "/EP" "/P" "/PH" "/PD" "/scanDependencies"];
    Joined, Unsupported, PREPROCESS => ["/Fi"];
    Nothing, Unsupported, DUMP => ["/Zg" "-emit-ast" "-emit-llvm" "-fdriver-only" "/dynamicdeopt"];
    Joined, Unsupported, DUMP => [
        "/FA" "/FR" "/Fr" "/Fx" "/doc" "/analyze" "/d1" "/d2" "/experimental:" "/dynamicdeopt:"
        "-object-file-name="
    ];
    Either, Unsupported, DUMP => ["/Fa" "/sourceDependencies"];
    Joined, Unsupported, MEASURE => ["/Bt"];
    Nothing, Unsupported, DATABASE => ["/ZI"];
    Nothing, Relevant(Literal), PRECOMPILED => ["/Y-" "/Yd"];
    Joined, Unsupported, PRECOMPILED => ["/Yc" "/Yu" "/Yl" "/Fp"];
    Nothing, Unsupported, MODULES => [
        "/interface" "/internalPartition" "/exportHeader" "/translateInclude" "/ifcOnly" "/module:export"
        "/module:interface"
    ];
    Joined, Unsupported, MODULES => ["/headerName:" "/module:"];
    Either, Unsupported, MODULES => ["/headerUnit" "/reference" "/ifcOutput" "/ifcSearchDir" "/ifcMap"];
    Nothing, Unsupported, MANAGED => ["/ZW" "-no-hip-rt"];
    Joined, Unsupported, MANAGED => ["/clr"];
    Either, Unsupported, MANAGED => ["/AI" "/FU"];
};

/// Where each row is.
pub static INDEX: Index<1024> = Index::of(TABLE);

/// How clang's own flags begin, where cl has none that do.
const CLANGS: &[&str] = &["-f", "-m", "-g", "-W", "-X", "-R", "--"];

/// The row that a word belongs to, negatives aside.
pub fn find(word: &str) -> Option<&'static Row> {
    let slashed = || word.strip_prefix('-').and_then(|rest| INDEX.find(TABLE, &format!("/{rest}")));
    let clangs = || CLANGS.iter().any(|p| word.starts_with(p)).then(|| gnu_flags::find(word)).flatten();
    INDEX.find(TABLE, word).or_else(slashed).or_else(clangs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_either_sign_and_in_either_table() {
        let found = |word| find(word).map(|r| r.flag);
        assert_eq!((found("/MDd"), found("-MDd"), found("-MD")), (Some("/MDd"), Some("/MDd"), Some("/MD")));
        assert_eq!((found("-fp:fast"), found("-fsanitize=address")), (Some("/fp:"), Some("/fsanitize=")));
        assert_eq!((found("-Wno-x"), found("-WX"), found("/Wno-x")), (Some("-W"), Some("/WX"), None));
        assert_eq!((found("--target=x"), found("-MF"), found("/fblocks")), (Some("--target="), None, None));
        assert_eq!(
            (found("-FIx.h"), found("/clang:-MD"), found("/Zi")),
            (Some("/FI"), Some("/clang:"), Some("/Zi"))
        );
    }
}
