//! C and C++ in more than one place: another checkout, a build directory, a link, and paths that the command line and sources name.

use crate::c::{contains, each, object, plain};
use crate::env::{TestEnv, assert_success};
use crate::tools::missing;
use kache_core::events::Outcome::{Hit, Miss};
use std::fs;
use std::process::Command;

#[test]
fn another_checkout_gets_its_own_paths_and_nobody_elses() {
    each(|c, cxx| {
        let test = TestEnv::new();
        test.write("w/src/a.cc", "#include <assert.h>\n#include \"a.h\"\nint f(int x) { assert(x); return g(x); }\nconst char *here = __FILE__;\n");
        test.write("w/src/a.h", "#warning \"look here\"\ninline int g(int x) { return x + 1; }\n");
        test.write("w/src/b.S", "f: ret\n");
        test.clone_checkout("w", "else where/deep/clone");
        let build = |dir: &str, source: &str, read: &str| {
            let root = test.path(dir);
            let (input, output) = (root.join("src").join(source), root.join("a.o"));
            let words = [
                if source == "b.S" { c } else { cxx },
                "-g",
                "-MD",
                "-c",
                input.to_str().unwrap(),
                "-o",
                output.to_str().unwrap(),
            ];
            let mut command = test.kache_in(dir, &words);
            let out = assert_success(command.env("KACHE_READ", read));
            let depfile = fs::read_to_string(root.join("a.d")).unwrap();
            (
                test.last().outcome,
                object(&test, &format!("{dir}/a.o")),
                depfile,
                String::from_utf8(out.stderr).unwrap(),
            )
        };
        for source in ["a.cc", "b.S"] {
            let first = build("w", source, "1");
            let second = build("else where/deep/clone", source, "1");
            // This clang maps no paths in what it assembles: they are literal, and so is the key.
            let literal = c == "clang-14" && source == "b.S";
            assert_eq!((first.0, second.0), (Miss, if literal { Miss } else { Hit }), "{c} {source}");
            let again = build("else where/deep/clone", source, "0");
            assert_eq!(again.0, Miss);
            assert!(second.1 == again.1, "{c} {source}: the object is not what the compiler makes here");
            assert_eq!(second.2, again.2, "{c} {source}: depfile");
            assert_eq!(second.3, again.3, "{c} {source}: diagnostics");
            let root = test.dir.path().to_str().unwrap();
            assert!(
                literal || !contains(&first.1, root) && !contains(&second.1, root),
                "{c} {source}: a path is in the object"
            );
            assert!(second.2.contains("else\\ where/deep/clone/src/"), "{}", second.2);
        }
    });
}

#[test]
fn a_build_directory_beside_the_checkout() {
    each(|_, cxx| {
        let test = TestEnv::new();
        test.write("w/src/a.cc", "#include \"made.h\"\nint f() { return H; }\n");
        test.write("w-build/made.h", "#define H 1\n");
        test.write("w-build/CMakeCache.txt", "");
        test.write("w-build/sub/x", "");
        test.clone_checkout("w", "other/clone");
        test.clone_checkout("w-build", "other/obj");
        let build = |checkout: &str, dir: &str| {
            let source = test.path(checkout).join("src/a.cc");
            let include = format!("-I{}", test.path(dir).display());
            let sub = format!("{dir}/sub");
            let words = [cxx, "-g", &include, "-c", source.to_str().unwrap(), "-o", "a.o"];
            (test.outcome(&mut test.kache_in(&sub, &words)), object(&test, &format!("{sub}/a.o")))
        };
        let (first, second) = (build("w", "w-build"), build("other/clone", "other/obj"));
        assert_eq!((first.0, second.0), (Miss, Hit));
        assert!(!contains(&second.1, test.dir.path().to_str().unwrap()));
        test.write("other/obj/made.h", "#define H 2\n");
        assert_eq!(build("other/clone", "other/obj").0, Miss);
    });
}

/// A checkout with build directories, of which `far/two` is one level deeper.
fn with_build_directories() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/.git/x", "");
    test.write("w/src/a.c", "#include \"made.h\"\nint f(void) { return H; }\nconst char *n = __FILE__;\n");
    for dir in ["one", "far/two"] {
        test.write(&format!("w/{dir}/CMakeCache.txt"), "");
        test.write(&format!("w/{dir}/made.h"), "#define H 1\n");
        test.write(&format!("w/{dir}/sub/x"), "");
    }
    test
}

#[test]
fn two_build_directories_in_the_checkout() {
    each(|c, _| {
        let test = with_build_directories();
        let source = test.path("w").join("src/a.c");
        let build = |dir: &str, flags: &[&str]| {
            let include = format!("-I{}", test.path(dir).display());
            let sub = format!("{dir}/sub");
            let words = [&[c, "-O1", &include, "-c", source.to_str().unwrap(), "-o", "a.o"], flags].concat();
            (test.outcome(&mut test.kache_in(&sub, &words)), object(&test, &format!("{sub}/a.o")))
        };
        let (first, second) = (build("w/one", &[]), build("w/far/two", &[]));
        assert_eq!((first.0, second.0), (Miss, Hit), "{c}");
        // A debugger finds the sources by way of the build directory's name.
        assert_eq!((build("w/one", &["-g"]).0, build("w/far/two", &["-g"]).0), (Miss, Miss), "{c}");
        test.write("w/far/two/made.h", "#define H 2\n");
        let changed = build("w/far/two", &[]);
        assert!(changed.0 == Miss && changed.1 != first.1, "{c}");
    });
}

/// The same words name other files from a build directory at another depth.
#[test]
fn relative_names_from_build_directories_at_other_depths() {
    each(|c, _| {
        let test = with_build_directories();
        test.write("w/far/src/a.c", "int f(void) { return 7; }\n");
        test.write("w/inc/h.h", "#define H 1\n");
        test.write("w/far/inc/h.h", "#define H 2\n");
        test.write("w/one/b.c", "#include \"h.h\"\nint f(void) { return H; }\n");
        fs::copy(test.path("w/one/b.c"), test.path("w/far/two/b.c")).unwrap();
        for source in ["../src/a.c", "b.c"] {
            let words = [c, "-O1", "-I.", "-I../inc", "-c", source, "-o", "a.o"];
            let build = |dir: &str| {
                let outcome = test.outcome(&mut test.kache_in(dir, &words));
                let made = object(&test, &format!("{dir}/a.o"));
                assert_success(test.kache_in(dir, &words).env("KACHE_READ", "0"));
                assert!(made == object(&test, &format!("{dir}/a.o")), "{c} {source} in {dir}");
                outcome
            };
            assert_eq!((build("w/one"), build("w/far/two")), (Miss, Miss), "{c} {source}");
            assert_eq!((build("w/one"), build("w/far/two")), (Hit, Hit), "{c} {source}");
        }
    });
}

/// What leads from one build directory, or checkout, into itself leads from another one out of itself.
#[test]
fn a_relative_name_that_leads_back() {
    const NEXT: &str = "#if __has_include_next(<x.h>)\nint v = 2;\n#else\nint v = 1;\n#endif\n";
    each(|c, _| {
        for (one, two, name) in [("w/b1", "w/b2", "../b1"), ("one", "two", "../one")] {
            let test = TestEnv::new();
            for dir in [one, two] {
                test.write(&format!("{dir}/CMakeCache.txt"), "");
                test.write(&format!("{dir}/x.h"), NEXT);
                test.write(&format!("{dir}/a.c"), "#include <x.h>\n");
                test.write(&format!("{dir}/usr/include/y.h"), "#define V 1\n");
                test.write(&format!("{dir}/b.c"), "#include <y.h>\nint v = V;\n");
            }
            test.write("w/.git/x", "");
            let (include, sysroot) = (format!("-I{name}"), format!("--sysroot={name}"));
            for words in [&["-I.", &include, "a.c"], &["-O0", &sysroot, "b.c"]] {
                let words = [&[c, "-c", "-o", "a.o"], &words[..]].concat();
                assert_success(&mut test.kache_in(one, &words));
                test.write(&format!("{one}/usr/include/y.h"), "#define V 2\n");
                assert_success(&mut test.kache_in(two, &words));
                let made = object(&test, &format!("{two}/a.o"));
                assert_success(test.kache_in(two, &words).env("KACHE_READ", "0"));
                assert!(made == object(&test, &format!("{two}/a.o")), "{words:?}");
            }
        }
    });
}

#[test]
fn the_working_directory_by_way_of_a_link() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(void) { return 1; }\n");
        std::os::unix::fs::symlink("w", test.path("link")).unwrap();
        let words = &[c, "-g", "-c", "a.c", "-o", "a.o"];
        let at = |pwd: &str| test.outcome(test.kache(words).env("PWD", test.path(pwd)));
        assert_eq!((at("w"), at("link")), (Miss, Hit));
        assert!(!contains(&object(&test, "w/a.o"), test.dir.path().to_str().unwrap()));
    });
}

#[test]
fn a_path_in_a_macro_counts_where_it_is_used() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/uses.c", "const char *dir = DATADIR;\n");
        test.write("w/pastes.c", "#define CAT(a, b) a##b\nconst char *dir = CAT(DATA, DIR);\n");
        test.write("w/breaks.c", "const char *dir = DATA\\\nDIR;\n");
        test.write("w/asks.c", "#ifdef DATADIR\nint x;\n#endif\n");
        test.write("w/by_another.c", "const char *dir = X;\n");
        // Only gcc tells that a name in a comment is no use.
        test.write("w/mentions.c", "/* see DATADIR/x */\nint x;\n");
        test.write("w/does_not.c", "#include <string.h>\nint f(const char *a) { return strlen(a); }\n");
        // Pieces that the name could be pasted from; gcc tells that it was not, and where only a `#if` does.
        test.write("w/could.c", "#define CAT(a, b) a##b\nint D, I, R, CAT(DATA, X);\n");
        test.write("w/cannot.c", "#define CAT(a, b) a##b\nint D, R, CAT(DATA, X);\n");
        test.write(
            "w/tests.c",
            "#define CAT(a, b) a##b\n#if __has_include(CAT(DATA, DIR))\nint x;\n#endif\nint y;\n",
        );
        test.clone_checkout("w", "other/clone");
        let build = |dir: &str, source: &str, more: &[&str]| {
            let given = format!("-DDATADIR=\"{}/data\"", test.path(dir).display());
            let words = [&[c, "-c", source, "-o", "a.o", "-MD", "-MF", "a.d", &given], more].concat();
            let outcome = test.outcome(&mut test.kache_in(dir, &words));
            let have = object(&test, &format!("{dir}/a.o"));
            assert!(plain(&test, dir, &words).status.success());
            assert!(more.contains(&"-g3") || have == object(&test, &format!("{dir}/a.o")), "{c} {source}");
            outcome
        };
        let told = if c.contains("clang") { Miss } else { Hit };
        for (source, more, elsewhere) in [
            ("uses.c", &[][..], Miss),
            ("pastes.c", &[], Miss),
            ("breaks.c", &[], Miss),
            ("asks.c", &[], Miss),
            ("mentions.c", &[], told),
            ("does_not.c", &[], Hit),
            ("does_not.c", &["-g3"], Miss),
            ("does_not.c", &["-DX=DATADIR"], told),
            ("by_another.c", &["-DX=DATADIR"], Miss),
            ("could.c", &[], told),
            ("cannot.c", &[], Hit),
            ("could.c", &["-O1", "-DX=DATADIR"], told),
            ("tests.c", &[], Miss),
        ] {
            assert_eq!(build("w", source, more), Miss, "{c} {source}");
            assert_eq!(build("w", source, more), Hit, "{c} {source}");
            assert_eq!(build("other/clone", source, more), elsewhere, "{c} {source} {more:?}");
        }
    });
}

#[test]
fn a_source_that_includes_others_by_their_full_paths() {
    each(|_, cxx| {
        let test = TestEnv::new();
        test.write("w/src/a.cpp", "const char *here() { return __FILE__; }\n");
        test.clone_checkout("w", "other/clone");
        let build = |dir: &str, more: &str| {
            let path = test.path(dir).join("src/a.cpp");
            let unified = format!(
                "#define U\n#include \"{0}\"\n#ifdef X\n#error \"{0} says X\"\n#endif\n{more}",
                path.display()
            );
            test.write(&format!("{dir}/obj/Unified.cpp"), &unified.replace('@', path.to_str().unwrap()));
            let words = [cxx, "-g", "-c", "obj/Unified.cpp", "-o", "obj/u.o"];
            test.outcome(&mut test.kache_in(dir, &words))
        };
        // clang's debug information has a sum of the unified source, whose text has the paths.
        let elsewhere = if cxx.starts_with("clang") { Miss } else { Hit };
        assert_eq!((build("w", ""), build("other/clone", "")), (Miss, elsewhere), "{cxx}");
        assert!(!contains(&object(&test, "other/clone/obj/u.o"), test.dir.path().to_str().unwrap()));
        // Where a path is more than a place, it counts.
        let length = "int n = sizeof \"@\";\n";
        assert_eq!((build("w", length), build("other/clone", length)), (Miss, Miss), "{cxx}");
        test.write("other/clone/src/a.cpp", "int changed;\n");
        assert_eq!(build("other/clone", ""), Miss, "{cxx}");
    });
}

/// A link with the same words leads elsewhere from a checkout in another directory, and gcc makes the path of `--sysroot` real.
#[test]
fn a_link_that_leads_out_of_the_checkout() {
    each(|c, _| {
        let test = TestEnv::new();
        for (parent, value) in [("one", 1), ("two", 2)] {
            test.write(&format!("{parent}/sdk/usr/include/y.h"), &format!("#define V {value}\n"));
            test.write(&format!("{parent}/w/.git/x"), "");
            test.write(&format!("{parent}/w/a.c"), "#include <y.h>\nint v = V;\n");
            std::os::unix::fs::symlink("../sdk", test.path(parent).join("w/sdk")).unwrap();
        }
        let words = [c, "--sysroot=sdk", "-c", "a.c", "-o", "a.o"];
        assert_success(&mut test.kache_in("one/w", &words));
        assert_success(&mut test.kache_in("two/w", &words));
        let made = object(&test, "two/w/a.o");
        assert_success(test.kache_in("two/w", &words).env("KACHE_READ", "0"));
        assert!(made == object(&test, "two/w/a.o"), "{c}");
    });
}

/// The compiler searches a directory once, whatever its names.
#[test]
fn a_directory_that_is_mounted_under_a_second_name() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write(
            "w/a/x.h",
            "#if __has_include_next(<x.h>)\n#include_next <x.h>\n#else\n#define V 1\n#endif\n",
        );
        test.write("w/b/x.h", "#define V 2\n");
        test.write("w/s.c", "#include <x.h>\nint v = V;\n");
        let words = [c, "-Ia", "-Ib", "-c", "s.c", "-o", "s.o"];
        let mount = Command::new("mount").arg("--bind").args(["a", "b"]).current_dir(test.path("w")).output();
        if !mount.is_ok_and(|out| out.status.success()) {
            missing("the right to mount a directory", "run the tests as root");
            return;
        }
        let compiled = test.kache_in("w", &words).status();
        let again = test.outcome(&mut test.kache_in("w", &words));
        assert_success(Command::new("umount").arg(test.path("w/b")));
        assert!(compiled.unwrap().success() && again == Hit, "{c}");
        assert_success(&mut test.kache_in("w", &words));
        let made = object(&test, "w/s.o");
        assert_success(test.kache_in("w", &words).env("KACHE_READ", "0"));
        assert!(made == object(&test, "w/s.o"), "{c}");
    });
}
