//! Precompiled headers that the build makes, and compiles that use them. Those of gcc differ in each run, and are not kept.

use crate::c::{each, object, plain};
use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;
use std::process::Command;

const USER: &str = "#include \"x.h\"\nint f() { return X + k(); }\n";

fn checkout() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/x.h", "#pragma once\n#include \"k.h\"\n#define X 1\n");
    test.write("w/k.h", "#pragma once\ninline int k() { return 4; }\n");
    test.write("w/a.cc", USER);
    test.write("w/obj/x", "");
    test
}

/// Runs a case with each clang that is installed.
fn each_clang(case: impl Fn(&str)) {
    each(|_, cxx| {
        if cxx.contains("clang") {
            case(cxx);
        }
    });
}

/// A build from clean of a precompiled header, and of an object by it. The object does what a plain build from clean of this
/// checkout makes it do.
fn build(test: &TestEnv, dir: &str, compiler: &str, more: &[&str]) -> (Outcome, Outcome) {
    let made = "x.h.pch";
    let header = [&[compiler, "-x", "c++-header", "x.h", "-o", made], more].concat();
    let user = [&[compiler, "-include-pch", made, "-c", "a.cc", "-o", "a.o"], more].concat();
    let clean = || [made, "a.o"].iter().for_each(|file| drop(fs::remove_file(test.path(dir).join(file))));
    clean();
    let outcomes = [&header, &user].map(|words| test.outcome(&mut test.kache_in(dir, words)));
    let object_of = |name: &str| object(test, &format!("{dir}/{name}"));
    let have = object_of("a.o");
    clean();
    for words in [&header, &user] {
        let ran = plain(test, dir, words);
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    assert!(have == object_of("a.o"), "{compiler} {more:?} in {dir}: another object");
    clean();
    (outcomes[0], outcomes[1])
}

#[test]
fn a_precompiled_header_and_its_user_are_given_back() {
    each_clang(|cxx| {
        for more in [&[][..], &["-O2"]] {
            let test = checkout();
            assert_eq!(build(&test, "w", cxx, more), (Miss, Miss), "{cxx}");
            assert_eq!(build(&test, "w", cxx, more), (Hit, Hit), "{cxx}");
            // A header of the header.
            test.write("w/k.h", "#pragma once\ninline int k() { return 5; }\n");
            assert_eq!(build(&test, "w", cxx, more), (Miss, Miss), "{cxx}");
            // One that appears on the way.
            test.write("w/early/k.h", "#pragma once\ninline int k() { return 6; }\n");
            test.write("w/x.h", "#pragma once\n#include <k.h>\n#define X 1\n");
            let flags = [&["-Iearly", "-I."], more].concat();
            assert_eq!(build(&test, "w", cxx, &flags), (Miss, Miss), "{cxx}");
            assert_eq!(build(&test, "w", cxx, &flags), (Hit, Hit), "{cxx}");
            fs::remove_file(test.path("w/early/k.h")).unwrap();
            assert_eq!(build(&test, "w", cxx, &flags), (Miss, Miss), "{cxx}");
        }
    });
}

/// clang writes the paths of the directory, and times.
#[test]
fn in_another_clone() {
    each_clang(|cxx| {
        let test = checkout();
        test.clone_checkout("w", "elsewhere/clone");
        let touched = Command::new("touch").arg(test.path("elsewhere/clone/k.h")).status();
        assert!(touched.unwrap().success());
        assert_eq!(build(&test, "w", cxx, &[]), (Miss, Miss), "{cxx}");
        assert_eq!(build(&test, "elsewhere/clone", cxx, &[]), (Miss, Miss), "{cxx}");
        assert_eq!(build(&test, "elsewhere/clone", cxx, &[]), (Hit, Hit), "{cxx}");
    });
}

/// A path of the checkout in the header is for this checkout.
#[test]
fn a_header_by_its_full_path() {
    each_clang(|cxx| {
        let test = checkout();
        test.write("w/x.h", "#pragma once\n#include <k.h>\ninline const char *here() { return __FILE__; }\n#define X here()[0]\n");
        test.clone_checkout("w", "elsewhere/clone");
        for dir in ["w", "elsewhere/clone"] {
            let include = format!("-I{}", test.path(dir).display());
            assert_eq!(build(&test, dir, cxx, &[&include]), (Miss, Miss), "{cxx} in {dir}");
            assert_eq!(build(&test, dir, cxx, &[&include]).0, Hit, "{cxx} in {dir}");
        }
    });
}

/// clang refuses a precompiled header that is older than what it was made from.
#[test]
fn a_header_that_is_touched() {
    each_clang(|cxx| {
        let test = checkout();
        assert_eq!(build(&test, "w", cxx, &[]), (Miss, Miss));
        let touched = Command::new("touch").args(["-d", "@1700000000"]).arg(test.path("w/k.h")).status();
        assert!(touched.unwrap().success());
        assert_eq!(build(&test, "w", cxx, &[]), (Miss, Miss), "{cxx}");
        assert_eq!(build(&test, "w", cxx, &[]), (Hit, Hit), "{cxx}");
    });
}

#[test]
fn as_cmake_makes_them() {
    each_clang(|cxx| {
        let test = checkout();
        test.write("w/cmake_pch.hxx", "#include \"x.h\"\n");
        test.write("w/cmake_pch.hxx.cxx", "/* generated by CMake */\n");
        let here = test.path("w").display().to_string();
        let full = |name: &str| format!("{here}/{name}");
        let (header, source) = (full("cmake_pch.hxx"), full("cmake_pch.hxx.cxx"));
        let made = "cmake_pch.hxx.pch";
        let flags: &[&str] =
            &["-Winvalid-pch", "-Xclang", "-emit-pch", "-Xclang", "-include", "-Xclang", &header];
        let more: &[&str] =
            &["-x", "c++-header", "-MD", "-MT", made, "-MF", "pch.d", "-o", made, "-c", &source];
        let words = [&[cxx], flags, more].concat();
        let outcomes: Vec<Outcome> = (0..2)
            .map(|_| {
                let _ = fs::remove_file(test.path("w").join(made));
                test.outcome(&mut test.kache(&words))
            })
            .collect();
        assert_eq!(outcomes, [Miss, Hit], "{cxx}");
        let depfile = fs::read(test.path("w/pch.d")).unwrap();
        assert_success(Command::new(cxx).args(&words[1..]).current_dir(test.path("w")));
        assert!(depfile == fs::read(test.path("w/pch.d")).unwrap(), "{cxx}");
    });
}

#[test]
fn a_header_alone_is_checked() {
    each(|_, cxx| {
        let test = checkout();
        let words = [cxx, "-fsyntax-only", "-x", "c++-header", "x.h"];
        let go = || test.outcome(&mut test.kache(&words));
        assert_eq!((go(), go()), (Miss, Hit), "{cxx}");
        test.write("w/k.h", "#pragma once\ninline int k() { return 7; }\n");
        assert_eq!(go(), Miss, "{cxx}");
    });
}

/// gcc's precompiled header is its memory. What uses the same one hits.
#[test]
fn gccs_precompiled_header_is_not_kept() {
    if !require_tool("g++", "g++") {
        return;
    }
    let test = checkout();
    let words = ["g++", "-x", "c++-header", "x.h", "-o", "x.h.gch"];
    assert_eq!(test.refusal(&mut test.kache(&words)), "precompiled-header");
    let go = || {
        test.outcome(&mut test.kache(&["g++", "-Winvalid-pch", "-include", "x.h", "-c", "a.cc", "-o", "a.o"]))
    };
    assert_eq!((go(), go()), (Miss, Hit));
    test.write("w/k.h", "#pragma once\ninline int k() { return 5; }\n");
    test.refusal(&mut test.kache(&words));
    assert_eq!(go(), Miss);
}

/// clang takes the last action that it is handed, whatever step its driver asks for.
#[test]
fn a_precompiled_header_that_another_step_makes_is_not_kept() {
    each_clang(|cxx| {
        let test = checkout();
        let header = ["-x", "c++-header", "x.h", "-o", "x.h.pch"];
        for step in [&["-E", "-Xclang", "-emit-pch"][..], &["-E", "-Wp,-emit-pch"]] {
            let words = [&[cxx], step, &header].concat();
            assert_eq!(test.refusal(&mut test.kache_in("w", &words)), "unsupported-flag", "{words:?}");
        }
        // Nor is a dump, which has addresses.
        let words = [cxx, "-E", "-Xclang", "-ast-dump-all", "a.cc"];
        assert_eq!(test.refusal(&mut test.kache_in("w", &words)), "unsupported-flag", "{words:?}");
    });
}
