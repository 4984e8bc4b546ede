//! The flags of compilers with cl's command line: clang-cl 14 to 19, and cl itself as Microsoft documents it.
//!
//! A name that begins with `/` may be written with `-` as well. clang-cl also takes many of clang's flags: those that
//! begin like no flag of cl (`-f`, `-m`, `-g`, `-W`, `-X`, `-R`, `--`) have their rows in [`gnu_flags`], and its rules for
//! negatives apply. clang-cl warns about a flag of clang that it does not take, and ignores it.
//!
//! Unless `/Brepro` is given, clang-cl and cl write the time of the compilation into the object. The flag table does not
//! decide whether such an object is stored.

use super::flags::{
    Bucket::*, Effect, EmbedsPath, Form::*, Group, Index, Row, Takes::*, ValueEffect, count, effect, groups,
    names, rows,
};
use super::gnu_flags;
use super::handed::loads_code;

const OUTPUT: Effect = effect("selects the output and its path");
const INPUT: Effect = effect("selects the input language");
const SPELLING: Effect = effect("a rare spelling or mode, which the parser does not follow");
const SEARCH: Effect = effect("names a file or a search directory; kache observes the files that are read");
const MAP: Effect = effect("changes how paths are named in the output");
const MACROS: Effect = effect("defines or removes macros; their values may end up in the program");
const WARNINGS: Effect = effect("selects diagnostics, and whether they are errors");
const MESSAGES: Effect = effect("changes what is printed; a hit prints the paths of its own checkout");
const LANG: Effect = effect("changes the language, or the meaning of the program");
const CODE: Effect = effect("changes the generated code");
const RUNTIME: Effect = effect("selects the runtime library of the object, and the macros that name it");
const HARDEN: Effect = effect("adds checks and protections to the generated code");
const DEBUG: Effect = effect("adds debug information; clang-cl keeps it in the object, with /Zi as with /Z7");
const PASSED: Effect = effect("hands words to another part of the compiler; the parser checks them");
const LINK: Effect = effect("for the linker, which does not run with /c");
const ALONE: Effect =
    effect("limits how many inputs are compiled at once; kache stores only a compile of one input");
const CLOCK: Effect = effect("selects whether the object holds the time of its compilation");
const PROBE: Effect = effect("prints information instead of compiling");
const PREPROCESS: Effect = effect("preprocesses instead of compiling");
const DUMP: Effect = effect("writes files or text that kache does not plan as outputs");
const MEASURE: Effect = effect("prints or writes measurements that differ from run to run");
const DATABASE: Effect = effect("adds debug information for editing a program while it runs");
const PRECOMPILED: Effect = effect("a precompiled header is a second output, or state from an earlier run");
const MODULES: Effect = effect("reads or writes compiled modules, which kache does not plan as outputs");
const MANAGED: Effect = effect("compiles for another machine, with metadata of assemblies");

const GROUPS: &[Group] = groups! {
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
        "/jumptablerdata" "/d2FH4" "/d2FH4-" "/d2FastFail" "/d2Zi+" "/d2guard4" "/d2guard4-"
    ];
    Nothing, Relevant(Literal), Effect { embeds_path: EmbedsPath::Always, ..CODE } => ["-coverage"];
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
        "/RTC" "/guard:" "/fno-sanitize=" "/fsanitize-address-use-after-return"
        "/fno-sanitize-address-vcasan-lib" "/fsanitize-coverage=" "/fno-sanitize-coverage="
    ];
    Joined, Relevant(Literal), Effect { embeds_path: EmbedsPath::Always, ..HARDEN } => ["/fsanitize="];
    Nothing, Relevant(Literal), DEBUG => ["/Zf" "/Zo" "/Zo-" "/FS" "/Gm"];
    Nothing, Relevant(Literal), Effect { debug_info: true, ..DEBUG } => ["/Z7" "/Zi" "/Zd"];
    Joined, Relevant(Literal), DEBUG => ["/ZH:"];
    Separate, Relevant(Literal), PASSED => ["-mllvm"];
    Separate, Relevant(Literal), Effect { value_rule: Some(handed_to_clang), ..PASSED } => ["-Xclang"];
    Joined, Relevant(Literal), Effect { value_rule: Some(handed_to_gnu_mode), ..PASSED } => ["/clang:"];
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

const ALL: &[&[Group]] = &[GROUPS];

pub static TABLE: &[Row] = &rows::<{ count(ALL) }>(ALL);

static INDEX: Index<1024> = Index::of(TABLE);

/// How flags of clang begin that cannot be flags of cl.
const CLANGS: &[&str] = &["-f", "-m", "-g", "-W", "-X", "-R", "--"];

/// The row that a word belongs to, negatives aside.
pub fn find(word: &str) -> Option<&'static Row> {
    let slashed = || word.strip_prefix('-').and_then(|rest| INDEX.find(TABLE, &format!("/{rest}")));
    let clangs = || CLANGS.iter().any(|p| word.starts_with(p)).then(|| gnu_flags::find(word)).flatten();
    INDEX.find(TABLE, word).or_else(slashed).or_else(clangs)
}

/// clang runs the code of a plugin.
fn handed_to_clang(word: &str) -> ValueEffect {
    if loads_code(word) { ValueEffect::LoadsCode } else { ValueEffect::Plain }
}

/// `/clang:` hands a flag to clang's other mode; the parser plans no outputs for it.
fn handed_to_gnu_mode(word: &str) -> ValueEffect {
    let plain = |row: &Row| {
        row.bucket == Relevant(Literal)
            && ["-f", "-m", "-W", "-O"].iter().any(|p| word.starts_with(p))
            && row.effect.embeds_path < EmbedsPath::Bitcode
            && row.effect.writes.is_none()
    };
    match gnu_flags::row(word) {
        Some((row, _)) if plain(row) => ValueEffect::Plain,
        _ => ValueEffect::Unsupported("it may select outputs that are not planned"),
    }
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
