//! Precompiled headers that the build makes, and compiles that use them.

use crate::c::{each, object, plain};
use crate::env::{TestEnv, assert_success};
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

fn output(compiler: &str) -> &'static str {
    if compiler.contains("clang") { "x.h.pch" } else { "x.h.gch" }
}

/// A build from clean of a precompiled header, and of an object by it. The object does what a plain build from clean of this
/// checkout makes it do.
fn build(test: &TestEnv, dir: &str, compiler: &str, more: &[&str]) -> (Outcome, Outcome) {
    let made = output(compiler);
    let by: &[&str] = if made.ends_with("pch") {
        &["-include-pch", "x.h.pch"]
    } else {
        &["-Winvalid-pch", "-include", "x.h"]
    };
    let header = [&[compiler, "-x", "c++-header", "x.h", "-o", made], more].concat();
    let user = [&[compiler, "-c", "a.cc", "-o", "a.o"], by, more].concat();
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
    each(|_, cxx| {
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

/// gcc writes no path of the directory, and no times. clang writes both.
#[test]
fn in_another_clone() {
    each(|_, cxx| {
        let test = checkout();
        test.clone_checkout("w", "elsewhere/clone");
        let touched = Command::new("touch").arg(test.path("elsewhere/clone/k.h")).status();
        assert!(touched.unwrap().success());
        assert_eq!(build(&test, "w", cxx, &[]), (Miss, Miss), "{cxx}");
        let there = if cxx.contains("clang") { Miss } else { Hit };
        assert_eq!(build(&test, "elsewhere/clone", cxx, &[]), (there, there), "{cxx}");
    });
}

/// A path of the checkout in the header is for this checkout.
#[test]
fn a_header_by_its_full_path() {
    each(|_, cxx| {
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
    each(|_, cxx| {
        let test = checkout();
        assert_eq!(build(&test, "w", cxx, &[]), (Miss, Miss));
        let touched = Command::new("touch").args(["-d", "@1700000000"]).arg(test.path("w/k.h")).status();
        assert!(touched.unwrap().success());
        let then = if cxx.contains("clang") { Miss } else { Hit };
        assert_eq!(build(&test, "w", cxx, &[]), (then, then), "{cxx}");
        assert_eq!(build(&test, "w", cxx, &[]), (Hit, Hit), "{cxx}");
    });
}

#[test]
fn as_cmake_makes_them() {
    each(|_, cxx| {
        let test = checkout();
        test.write("w/cmake_pch.hxx", "#include \"x.h\"\n");
        test.write("w/cmake_pch.hxx.cxx", "/* generated by CMake */\n");
        let here = test.path("w").display().to_string();
        let full = |name: &str| format!("{here}/{name}");
        let (header, source) = (full("cmake_pch.hxx"), full("cmake_pch.hxx.cxx"));
        let is_clang = cxx.contains("clang");
        let made = if is_clang { "cmake_pch.hxx.pch" } else { "cmake_pch.hxx.gch" };
        let flags: &[&str] = if is_clang {
            &["-Winvalid-pch", "-Xclang", "-emit-pch", "-Xclang", "-include", "-Xclang", &header]
        } else {
            &["-Winvalid-pch", "-include", &header]
        };
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
