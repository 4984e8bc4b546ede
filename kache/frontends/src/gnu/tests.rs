//! Tests of the parser.

use super::*;
use std::path::PathBuf;

fn parsed(line: &str) -> Result<Invocation, NotCacheable> {
    let args = line.split_whitespace().map(OsString::from).collect();
    parse(&Request::new("/usr/bin/gcc", args, "/w/build"))
}

fn planned(line: &str) -> (Vec<String>, Option<String>) {
    let text = |p: &PathBuf| p.display().to_string();
    let invocation = parsed(line).unwrap();
    (invocation.outputs.exact.iter().map(text).collect(), invocation.depinfo.as_ref().map(text))
}

#[test]
fn a_compiler_is_recognised_with_target_and_version() {
    for name in ["gcc", "g++-12", "clang++", "clang-19", "x86_64-linux-gnu-g++-12.2", "aarch64-none-elf-gcc"]
    {
        assert!(recognises(name), "{name}");
    }
    for name in ["cc", "gcc-ar", "clang-format", "clang-cl", "mygcc", "clang-tidy-14"] {
        assert!(!recognises(name), "{name}");
    }
}

#[test]
fn outputs_are_planned_from_the_flags() {
    for (line, outputs, depfile) in [
        ("-c src/a.c", "/w/build/a.o", None),
        ("-S src/a.c", "/w/build/a.s", None),
        ("-c -emit-llvm a.c", "/w/build/a.bc", None),
        ("-c a.c -o dir/x.o", "/w/build/dir/x.o", None),
        ("-c a.c -odir/x.o -MD", "/w/build/dir/x.o /w/build/dir/x.d", Some("/w/build/dir/x.d")),
        ("-c a.c -MMD -MF deps", "/w/build/a.o /w/build/deps", Some("/w/build/deps")),
        ("-c a.c -Wp,-MMD,deps", "/w/build/a.o /w/build/deps", Some("/w/build/deps")),
        ("-c a.c -gsplit-dwarf -fstack-usage", "/w/build/a.o /w/build/a.dwo /w/build/a.su", None),
        ("-c a.c --coverage -ftest-coverage", "/w/build/a.o /w/build/a.gcno", None),
        ("-c a.c -o /dev/null -MD -MF /dev/null", "", None),
        ("-c a.c -o -", "", None),
        ("-fsyntax-only a.c", "", None),
        ("-E a.c", "", None),
        ("-E a.c -o dir/x.i -MD", "/w/build/dir/x.i /w/build/dir/x.d", Some("/w/build/dir/x.d")),
        ("-E src/a.c -MD", "/w/build/a.d", Some("/w/build/a.d")),
        ("-M a.h", "", None),
        ("-c src/a.c b.cc", "/w/build/a.o /w/build/b.o", None),
        ("-fsyntax-only a.c b.c", "", None),
        ("--precompile a.cppm", "/w/build/a.pcm", None),
        ("-c a.cppm -o dir/x.o -fmodule-output", "/w/build/dir/x.o /w/build/dir/x.pcm", None),
        ("-c -x c++-module a.cc -o x.o -fmodule-output=m.pcm", "/w/build/x.o /w/build/m.pcm", None),
        ("a.h -o a.h.gch -MD", "/w/build/a.h.gch /w/build/a.h.d", Some("/w/build/a.h.d")),
        ("-c -x c++-header -Xclang -emit-pch a.cc -o a.pch", "/w/build/a.pch", None),
        ("-MM a.c -o x.d", "/w/build/x.d", Some("/w/build/x.d")),
        ("-M -c a.c -MF dir/x.d", "/w/build/dir/x.d", Some("/w/build/dir/x.d")),
    ] {
        let (exact, depinfo) = planned(line);
        assert_eq!((exact.join(" ").as_str(), depinfo.as_deref()), (outputs, depfile), "{line}");
    }
}

#[test]
fn a_command_line_is_not_cached_for_a_reason() {
    for (line, reason) in [
        ("a.c", Reason::Link),
        ("-c", Reason::NoInput),
        ("-c a.c b.c -o x.o", Reason::SeveralInputs),
        ("-c a.c dir/a.c", Reason::SeveralInputs),
        ("-c a.c b.c -MD", Reason::SeveralInputs),
        ("-c a.c b.c -gsplit-dwarf", Reason::SeveralInputs),
        ("-c a.c b.h", Reason::SeveralInputs),
        ("-c -", Reason::Stdin),
        ("-c a.h", Reason::PrecompiledHeader),
        ("-c -x c++-header a.cc", Reason::PrecompiledHeader),
        ("-S a.h -o a.gch", Reason::PrecompiledHeader),
        ("-c a.f90", Reason::Language),
        ("-c a.cppm", Reason::Language),
        ("--precompile a.cc", Reason::UnsupportedFlag),
        ("-c a.c -arch arm64 -arch x86_64", Reason::SeveralArchitectures),
        ("-c a.c -fno-such-flag", Reason::UnknownFlag),
        ("-c a.c -o", Reason::Malformed),
        ("-c a.c @none", Reason::ResponseFile),
        ("-E a.c -dM", Reason::UnsupportedFlag),
        ("-M -MD a.c", Reason::UnsupportedFlag),
        ("-E a.c b.c", Reason::SeveralInputs),
        ("-c a.c -MD -MF -", Reason::UnsupportedFlag),
        ("-c a.cu --offload-arch=native", Reason::UnsupportedFlag),
        ("-c a.cu -Xcuda-ptxas -v", Reason::UnsupportedFlag),
        ("-c a.c -Wa,-al", Reason::UnsupportedFlag),
        ("-c a.c -Xclang -emit-pch", Reason::UnsupportedFlag),
        ("-E -Xclang -emit-pch a.h -o a.pch", Reason::UnsupportedFlag),
        ("-E -Wp,-emit-pch a.h -o a.pch", Reason::UnsupportedFlag),
        ("-fsyntax-only -Xclang -emit-pch a.h", Reason::UnsupportedFlag),
        ("-E a.c -Xclang -ast-dump-all", Reason::UnsupportedFlag),
        ("-E a.c -fdebug-cpp", Reason::UnsupportedFlag),
    ] {
        assert_eq!(parsed(line).unwrap_err().reason, reason, "{line}");
    }
}

#[test]
fn a_language_holds_for_the_sources_after_it() {
    for (line, language) in [
        ("-c a.cc", "c++"),
        ("-c -x c a.cc", "c"),
        ("-c a.cc -x c", "c++"),
        ("-c -x c -x none a.cc", "c++"),
        ("-c -xassembler-with-cpp a.c", "assembler-with-cpp"),
        ("-c -- a.S", "assembler-with-cpp"),
    ] {
        assert_eq!(parsed(line).unwrap().unit.kind, language, "{line}");
    }
}

#[test]
fn the_effects_of_flags_reach_the_invocation() {
    let of = |line: &str| {
        let i = parsed(line).unwrap();
        [i.literal_paths, i.makes_bitcode, i.debugs_assembly, i.plugin, i.native_cpu]
    };
    for (line, expected) in [
        ("-c a.c -g -O2", [false; 5]),
        ("-c a.c --coverage", [true, false, false, false, false]),
        ("-c a.c -fsanitize=address", [true, false, false, false, false]),
        ("-c a.c -fopenmp", [false; 5]),
        ("-c a.c -fopenmp -gz", [true, false, false, false, false]),
        ("-c a.c -fopenmp -Wa,--compress-debug-sections", [true, false, false, false, false]),
        ("-c a.c -flto", [false, true, false, false, false]),
        ("-c a.S -g", [false, false, true, false, false]),
        ("-c a.S -g0", [false; 5]),
        ("-c a.c -fplugin=p.so", [false, false, false, true, false]),
        ("-c a.c -Xclang -load -Xclang p.so", [false, false, false, true, false]),
        ("-c a.cu", [true, false, false, false, false]),
        ("-c -x cuda a.cc --offload-arch=sm_75", [true, false, false, false, false]),
        ("-c a.c -march=native", [false, false, false, false, true]),
        ("-c a.c -march=native -march=x86-64", [false; 5]),
    ] {
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn a_map_of_the_users_replaces_ours() {
    const BOTH: &[&str] = &["-debug", "-macro"];
    for (line, expected) in [
        ("-c a.c", &["-file"][..]),
        ("-c a.c -ffile-prefix-map=/x=y", BOTH),
        ("-c a.c -ffile-prefix-map=/w=y", &[]),
        ("-c a.c -fdebug-prefix-map=/w/root=y", &["-macro"]),
        ("-c a.c -fmacro-prefix-map=/w=y", &["-debug"]),
        ("-c a.c -fdebug-prefix-map=/w/root/sub=y", BOTH),
        ("-c a.s -fdebug-prefix-map=/x=y", &["-debug"]),
    ] {
        let flags = maps(&parsed(line).unwrap(), Path::new("/w/root"));
        let kinds: Vec<String> =
            flags.iter().map(|f| f.replace("-prefix-map=", "").replace("-f", "-")).collect();
        assert_eq!(kinds, expected, "{line}");
    }
}

#[test]
fn a_test_of_the_compiler_is_a_probe() {
    for (input, cwd) in [
        ("conftest.c", "/w"),
        ("/tmp/conftest.8f2a.c", "/w"),
        ("flag_check.cpp", "/w"),
        ("/w/out/5885912901832639261detect_compiler_family.c", "/w"),
        ("/dev/null", "/w"),
        ("CMakeFiles/CMakeScratch/TryCompile-1/a.c", "/w"),
        ("a.c", "/w/CMakeFiles/3.25/CompilerIdC"),
    ] {
        assert!(is_trial(input, Path::new(cwd)), "{input} in {cwd}");
    }
    assert!(!is_trial("conftest2.c", Path::new("/w")) && !is_trial("src/flags.c", Path::new("/w/cmake")));
}

#[test]
fn text_on_standard_output_answers_a_probe() {
    for (line, expected) in [
        ("-E a.c", Kind::Probe),
        ("-MM a.c", Kind::Probe),
        ("-E a.c -o a.i", Kind::Unit),
        ("-MM a.c -MF a.d", Kind::Unit),
        ("-c a.c", Kind::Unit),
    ] {
        assert_eq!(parsed(line).unwrap().kind, expected, "{line}");
    }
}
