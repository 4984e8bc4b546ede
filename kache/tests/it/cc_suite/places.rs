//! Places: other checkouts, links, what is split off, and precompiled headers.

use super::Outcome::{Hit, Miss};
use super::{CODE, Left, Outcome, cached, compiler, left, line, same};
use crate::c::{contains, each};
use crate::env::{TestEnv, assert_success};
use std::fs;
use std::os::unix::fs::symlink;

/// Does it in a checkout, once as the cache will and once by the compiler; gives the outcome and what is left.
fn built(test: &TestEnv, dir: &str, words: &[&str]) -> (Outcome, Left) {
    let at = test.path(dir);
    let have = left(&at, &mut test.kache_in(dir, words));
    let outcome = test.last().outcome;
    let wanted = left(&at, test.kache_in(dir, words).env("KACHE_READ", "0").env("KACHE_WRITE", "0"));
    assert!(have == wanted, "{dir} {words:?} {outcome:?}: {have:?} and not {wanted:?}");
    assert_eq!(have.status, Some(0), "{words:?}: {}", have.stderr);
    (outcome, have)
}

#[test]
fn one_name_in_two_directories_is_two_files() {
    each(|c, _| {
        let test = TestEnv::new();
        for (dir, n) in [("a", 1), ("b", 2)] {
            test.write(&format!("w/{dir}/file.c"), "#include \"file.h\"\n");
            test.write(&format!("w/{dir}/file.h"), &format!("int x = {n};\n"));
            test.write(&format!("w/{dir}/same.c"), "int same;\n");
        }
        test.write("w/by.c", "#include <file.h>\n");
        for words in [
            "-MMD -c a/file.c",
            "-MMD -c b/file.c",
            "-MMD -c a/same.c",
            "-MMD -c b/same.c",
            "-MMD -Ia -c by.c",
            "-MMD -Ib -c by.c",
        ] {
            cached(&test, c, words);
        }
        for words in ["-MMD -c a/file.c", "-MMD -c a/same.c", "-MMD -Ia -c by.c"] {
            same(&test, &line(c, words), &[Hit]);
        }
        // And each directory has its own name in debug information.
        for dir in ["w/a", "w/b"] {
            for words in
                ["-g -c same.c", "-c same.c", "-g -g0 -c same.c", "-gz -c same.c", "-gsplit-dwarf -c same.c"]
            {
                let words = line(c, words);
                assert_eq!(built(&test, dir, &words).0, Miss, "{dir} {words:?}");
                assert_eq!(built(&test, dir, &words).0, Hit, "{dir} {words:?}");
            }
        }
    });
}

const USER: &str = "#include <stdarg.h>\n#include <test.h>\nint f(void) { return test; }\n";

fn with_include(test: &TestEnv) {
    test.write("w/src/test.c", USER);
    test.write("w/include/test.h", "static int test;\n");
}

#[test]
fn absolute_paths_of_another_checkout_hit_in_all_spellings() {
    each(|c, _| {
        let test = TestEnv::new();
        with_include(&test);
        fs::create_dir(test.path("w/subdir")).unwrap();
        test.clone_checkout("w", "v");
        let place = |dir: &str| test.path(dir).to_str().unwrap().to_string();
        for words in [
            "-I@/include -c src/test.c",
            "-I@//./subdir/../include -c @/src/test.c",
            "-I@/include -MD -MF@/test.d -c src/test.c",
            "-I@/include -MD -MF @/test.d -c src/test.c",
            "-I@/include -MD -MQ@/test.x -c src/test.c",
            "-I@/include -MD -MQ @/test.x -c src/test.c",
            "-I@/include -MD -MT@/test.x -c src/test.c",
            "-I@/include -MD -MT @/test.x -c @/src/test.c -o @/test.o",
            "-I@/include -g -fdebug-prefix-map=@=dir -c @/src/test.c -o @/test.o",
            "-I@/include -g -fdebug-prefix-map=@=name -fdebug-prefix-map=foo=bar -c @/src/test.c -o @/test.o",
            "-I@/include -gsplit-dwarf -fdebug-prefix-map=@=. -c @/src/test.c -o @/test.o",
            "-I@/include -g -gsplit-dwarf -c src/test.c",
            "-I@/include -g -gsplit-dwarf -c src/test.c -o test2.o",
        ] {
            let mut outcomes = Vec::new();
            for dir in ["w", "v"] {
                let here = words.replace('@', &place(dir));
                let (outcome, left) = built(&test, dir, &line(c, &here));
                outcomes.push(outcome);
                for (path, bytes) in &left.files {
                    let is_text = path.extension().is_some_and(|e| e == "d");
                    assert!(is_text || !contains(bytes, &place("")), "{c} {words}: {}", path.display());
                    for name in ["dir", "name"] {
                        let told = words.contains(&format!("=@={name} "));
                        assert!(!told || contains(bytes, name), "{c} {words}: the user's map is lost");
                    }
                }
            }
            assert_eq!(outcomes, [Miss, Hit], "{c} {words}");
            fs::remove_dir_all(test.cache()).unwrap();
        }
    });
}

/// The user's maps win over ours, whatever they map, and what they leave of a checkout's place counts.
#[test]
fn the_users_maps_say_what_they_would_say_without_ours() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/src/a.c", "#include \"h.h\"\nconst char *here = __FILE__;\n");
        test.write("w/src/h.h", "static const char *h = __FILE__; const char *f(void) { return h; }\n");
        test.write("w/src/a.i", "int i;\n");
        test.write("w/src/a.s", ".globl f\nf: ret\n");
        test.clone_checkout("w", "v");
        let place = |dir: &str| test.path(dir).to_str().unwrap().to_string();
        let above = place("");
        let above = above.trim_end_matches('/');
        for kind in ["debug", "macro", "file"] {
            for from in ["@", "@/", "@/src", above] {
                // What is not preprocessed has no macros to map, and clang says so.
                let sources: &[&str] = if from == "@" { &["a.c", "a.i", "a.s"] } else { &["a.c"] };
                for source in sources {
                    let words = format!("-g -f{kind}-prefix-map={from}=USER -c @/src/{source} -o @/a.o");
                    let mut outcomes = Vec::new();
                    for dir in ["w", "v"] {
                        let here = words.replace('@', &place(dir));
                        let (outcome, left) = built(&test, dir, &line(c, &here));
                        outcomes.push(outcome);
                        let object = &left.files[&test.path(dir).join("a.o")];
                        if *source == "a.c" {
                            assert!(contains(object, "USER"), "{c} {here}: {outcome:?}");
                        }
                        let plain = left_of(&test, dir, &line(c, &here));
                        assert_eq!(left.stderr, plain.stderr, "{c} {here}");
                    }
                    let own = from == above || c == "clang-14" && *source == "a.s";
                    assert_eq!(outcomes, [Miss, if own { Miss } else { Hit }], "{c} {words}");
                }
            }
        }
    });
}

fn left_of(test: &TestEnv, dir: &str, words: &[&str]) -> Left {
    left(&test.path(dir), &mut compiler(words))
}

#[test]
fn links_lead_where_the_compiler_goes() {
    each(|c, _| {
        let test = TestEnv::new();
        // By way of a linked directory, `..` is where the link leads.
        test.write("w/d1/h.h", "int right;\n");
        test.write("w/d1/d2/c.c", "#include \"../h.h\"\n");
        test.write("w/h.h", "int wrong;\n");
        symlink("d1/d2", test.path("w/d3")).unwrap();
        // A linked source's neighbours are the link's.
        test.write("w/d/h.h", "int wrong;\n");
        test.write("w/d/e.c", "#include \"h.h\"\n");
        test.write("w/l/h.h", "int right;\n");
        symlink("../d/e.c", test.path("w/l/e.c")).unwrap();
        for source in ["d3/c.c", "l/e.c"] {
            let whole = test.path("w").join(source);
            for source in [source, whole.to_str().unwrap()] {
                let words = [c, "-c", source, "-o", "x.o"];
                for outcome in [Miss, Hit] {
                    let (have, left) = built(&test, "w", &words);
                    assert_eq!(have, outcome, "{c} {source}");
                    let object = left.files.values().next().unwrap();
                    assert!(contains(object, "right") && !contains(object, "wrong"), "{c} {source}");
                }
            }
        }
        test.write("w/l/h.h", "int other;\n");
        assert_eq!(built(&test, "w", &[c, "-c", "l/e.c", "-o", "x.o"]).0, Miss);
    });
}

#[test]
fn a_build_directory_and_a_checkout_linked_into_each_other() {
    each(|c, _| {
        let test = TestEnv::new();
        with_include(&test);
        test.clone_checkout("w", "v");
        for dir in ["w", "v"] {
            fs::create_dir_all(test.path(&format!("build-{dir}"))).unwrap();
            symlink(test.path(&format!("build-{dir}")), test.path(dir).join("src/build")).unwrap();
            fs::create_dir_all(test.path(&format!("over-{dir}"))).unwrap();
            symlink(test.path(dir), test.path(&format!("over-{dir}")).join("src")).unwrap();
        }
        for (place, words) in [
            ("*/src", "-g -I@/../include -c @/test.c -o @/build/test.o"),
            ("over-*", "-g -I@/src/include -c @/src/src/test.c -o @/test.o"),
        ] {
            for (dir, outcome) in [("w", Miss), ("v", Hit), ("v", Hit)] {
                let place = place.replace('*', dir);
                let at = test.path(&place);
                let here = words.replace('@', at.to_str().unwrap());
                let object = at.join(here.rsplit(' ').next().unwrap());
                let make = |read: &str| {
                    assert_success(test.kache_in(&place, &line(c, &here)).env("KACHE_READ", read));
                    (test.last().outcome, fs::read(&object).unwrap())
                };
                let (first, again) = (make("1"), make("0"));
                assert_eq!(first.0, outcome, "{c} {place}");
                assert!(first.1 == again.1, "{c} {place}: {:?} gave another's object", first.0);
            }
        }
    });
}

#[test]
fn one_source_with_other_headers_in_each_checkout() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write(
            "w/test.c",
            "#include \"header.h\"\nint f(void) {\n#ifdef CHANGE\nreturn 1;\n#endif\nreturn 0; }\n",
        );
        let headers = [
            ("one", "int f(void);\n"),
            ("two", "#define CHANGE\nint f(void);\n"),
            ("three", "#define OTHER\nint f(void);\n"),
            ("four", "#include \"more.h\"\nint f(void);\n"),
        ];
        for (dir, text) in headers {
            test.clone_checkout("w", dir);
            test.write(&format!("{dir}/header.h"), text);
        }
        test.write("four/more.h", "static void g(void) {}\n");
        let words = line(c, "-MD -MF test.d -c test.c");
        for outcome in [Miss, Hit] {
            for (dir, _) in headers {
                let (have, left) = built(&test, dir, &words);
                assert_eq!(have, outcome, "{c} {dir}");
                let depfile = &left.files[&test.path(dir).join("test.d")];
                assert_eq!(contains(depfile, "more.h"), dir == "four", "{c} {dir}");
            }
        }
    });
}

#[test]
fn split_debug_information_has_its_name_and_is_there_or_not() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", CODE);
        for words in [
            "-gsplit-dwarf -c a.c",
            "-gsplit-dwarf -c a.c -o a2.o",
            "-gsplit-dwarf -g1 -c a.c",
            "-gsplit-dwarf -c a.c -o a",
            "-gsplit-dwarf -c a.c -o a.x.y",
        ] {
            let left = cached(&test, c, words);
            let aside = left.files.keys().find(|p| p.extension().is_some_and(|e| e == "dwo"));
            // clang makes one where there is something to split off.
            assert!(aside.is_some() || c != "gcc", "{c} {words}: {:?}", left.files.keys());
        }
    });
}

#[test]
fn a_precompiled_header_stands_in_for_its_header_wherever_it_is() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/pch.c", "#include \"pch.h\"\nint f(void) { return H; }\n");
        test.write("w/pch2.c", "int f(void) { return H; }\n");
        test.write("w/dir/x", "");
        let make = |output: &str, value: u32| {
            test.write("w/pch.h", &format!("#define H {value}\n"));
            assert_success(
                compiler(&[c, "-x", "c-header", "pch.h", "-o", output]).current_dir(test.path("w")),
            );
        };
        let (own, words): (&str, &[&str]) = match c {
            "gcc" => (
                "pch.h.gch",
                &[
                    "-c -include pch.h pch2.c",
                    "-c pch.c",
                    "-c -fpch-preprocess pch.c",
                    "-c -include pch.h pch2.c -MD -MF pch.d",
                ],
            ),
            _ => (
                "pch.h.pch",
                &[
                    "-c -include pch.h pch2.c",
                    "-c -include-pch pch.h.pch pch2.c",
                    "-c -include pch.h pch2.c -MD -MF pch.d",
                ],
            ),
        };
        let check = |words: &str, output: &str, without: bool| {
            for value in [1, 2] {
                make(output, value);
                if without {
                    fs::remove_file(test.path("w/pch.h")).unwrap();
                }
                cached(&test, c, words);
            }
            // What is in a directory of them is one more that gcc tries.
            if !output.contains("gch/") {
                fs::write(test.path("w").join(format!("{output}.sum")), "nobody reads it").unwrap();
                same(&test, &line(c, words), &[Hit]);
            }
            fs::remove_file(test.path("w").join(output)).unwrap();
        };
        for words in words {
            check(words, own, false);
        }
        let other = own.replace("pch.h", "dir/pch.h");
        check("-c -include dir/pch.h pch2.c", &other, false);
        if c == "gcc" {
            for words in words {
                check(words, own, true);
            }
            fs::create_dir(test.path("w/pch.h.gch")).unwrap();
            check("-c -include pch.h pch2.c", "pch.h.gch/foo", false);
        }
    });
}
