//! C++20 modules: compiled interfaces and their importers. clang plans their outputs by flags, gcc by the name in the source.

use crate::c::plain;
use crate::env::TestEnv;
use crate::tools::require_tool;
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;

const CLANG: &str = "clang++-19";

/// `a` imports `b`, and `u.cc` imports `a`.
fn checkout() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/k.h", "#define K 4\n");
    test.write("w/b.cppm", "export module b;\nexport inline int b() { return 1; }\n");
    test.write(
        "w/a.cppm",
        "module;\n#include \"k.h\"\nexport module a;\nimport b;\nexport inline int a() { return K + b(); }\n",
    );
    test.write("w/u.cc", "import a;\nint u() { return a(); }\n");
    test
}

/// The outcomes of commands from clean. All that they leave is as plain commands leave it.
fn build(test: &TestEnv, dir: &str, commands: &[&str], files: &[&str]) -> Vec<Outcome> {
    let here = test.path(dir).display().to_string();
    let at = |name: &str| test.path(dir).join(name);
    let clean = || files.iter().for_each(|file| drop(fs::remove_file(at(file))));
    let left = || files.iter().map(|file| fs::read(at(file)).ok()).collect::<Vec<_>>();
    let words = |command: &str| -> Vec<String> {
        let command = command.replace("{w}", &here);
        [CLANG, "-std=c++20"].into_iter().chain(command.split(' ')).map(String::from).collect()
    };
    clean();
    let each = commands.iter().map(|command| {
        let words = words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        test.outcome(&mut test.kache_in(dir, &words))
    });
    let outcomes = each.collect();
    let made = left();
    clean();
    for command in commands {
        let words = words(command);
        let ran = plain(test, dir, &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    for (file, (have, wanted)) in files.iter().zip(made.iter().zip(&left())) {
        assert!(have.is_some() && have == wanted, "{commands:?} left another {file}");
    }
    clean();
    outcomes
}

const IN_TWO_STEPS: (&[&str], &[&str]) = (
    &[
        "--precompile b.cppm -o b.pcm",
        "--precompile -fmodule-file=b=b.pcm a.cppm",
        "-c a.pcm -fmodule-file=b=b.pcm -o a.o",
        "-c u.cc -fmodule-file=a=a.pcm -fmodule-file=b=b.pcm -o u.o",
    ],
    &["b.pcm", "a.pcm", "a.o", "u.o"],
);

/// As CMake has them made.
const IN_ONE_STEP: (&[&str], &[&str]) = (
    &[
        "-x c++-module -fmodule-output=b.pcm -MD -MT b.o -MF b.d -o b.o -c {w}/b.cppm",
        "-x c++-module -fmodule-output=a.pcm -fmodule-file=b=b.pcm -o a.o -c {w}/a.cppm",
        "-fprebuilt-module-path=. -o u.o -c {w}/u.cc",
    ],
    &["b.o", "b.pcm", "b.d", "a.o", "a.pcm", "u.o"],
);

#[test]
fn modules_and_their_importers_are_given_back() {
    if !require_tool(CLANG, "clang-19") {
        return;
    }
    for (commands, files) in [IN_TWO_STEPS, IN_ONE_STEP] {
        let test = checkout();
        let n = commands.len();
        assert_eq!(build(&test, "w", commands, files), vec![Miss; n]);
        assert_eq!(build(&test, "w", commands, files), vec![Hit; n]);
        // A header of `a`: only `b` does not know it.
        test.write("w/k.h", "#define K 5\n");
        let changed = build(&test, "w", commands, files);
        assert_eq!((changed[0], &changed[1..]), (Hit, &vec![Miss; n - 1][..]));
        test.write("w/b.cppm", "export module b;\nexport inline int b() { return 2; }\n");
        assert_eq!(build(&test, "w", commands, files), vec![Miss; n]);
        assert_eq!(build(&test, "w", commands, files), vec![Hit; n]);
        // The module holds the paths of its sources.
        test.clone_checkout("w", "elsewhere/clone");
        assert_eq!(build(&test, "elsewhere/clone", commands, files), vec![Miss; n]);
    }
}

/// A module that appears in an earlier directory.
#[test]
fn the_directory_of_a_module_counts() {
    if !require_tool(CLANG, "clang-19") {
        return;
    }
    let test = checkout();
    test.write("w/other/b.cppm", "export module b;\nexport inline int b() { return 9; }\n");
    fs::create_dir(test.path("w/early")).unwrap();
    test.write("w/v.cc", "import b;\nint v() { return b(); }\n");
    let user = "-fprebuilt-module-path=early -fprebuilt-module-path=. -c v.cc -o v.o";
    let make = |source: &str, to: &str| {
        let made = plain(&test, "w", &[CLANG, "-std=c++20", "--precompile", source, "-o", to]);
        assert!(made.status.success());
    };
    make("b.cppm", "b.pcm");
    assert_eq!(build(&test, "w", &[user], &["v.o"]), [Miss]);
    assert_eq!(build(&test, "w", &[user], &["v.o"]), [Hit]);
    make("other/b.cppm", "early/b.pcm");
    assert_eq!(build(&test, "w", &[user], &["v.o"]), [Miss]);
    assert_eq!(build(&test, "w", &[user], &["v.o"]), [Hit]);
}

/// The object has the name of a temporary file, and a plain build never has the same twice.
#[test]
fn the_object_of_a_module_alone_is_not_kept() {
    if !require_tool(CLANG, "clang-19") {
        return;
    }
    let test = checkout();
    let words = [CLANG, "-std=c++20", "-c", "b.cppm", "-o", "b.o"];
    assert_eq!(test.refusal(&mut test.kache(&words)), "language");
}

/// gcc writes the time into a compiled module. It keeps what imports one.
#[test]
fn gccs_modules_have_the_time_in_them() {
    if !require_tool("g++", "g++") {
        return;
    }
    let test = TestEnv::new();
    test.write("w/m.cc", "export module m;\nexport int m();\n");
    test.write("w/u.cc", "import m;\nint u() { return m(); }\n");
    let gcc = |source: &str| test.kache(&["g++", "-std=c++20", "-fmodules-ts", "-c", source, "-o", "x.o"]);
    assert_eq!(test.refusal(&mut gcc("m.cc")), "clock");
    let import = || test.outcome(&mut gcc("u.cc"));
    assert_eq!((import(), import()), (Miss, Hit));
    test.write("w/m.cc", "export module m;\nexport int m(int = 0);\n");
    test.refusal(&mut gcc("m.cc"));
    assert_eq!(import(), Miss);
}
