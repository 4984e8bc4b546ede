//! C and C++ that use a path which kache's arguments map for more than writing it down: compiled with paths as they are, and
//! cached in one place.

use crate::c::{contains, each, object, plain};
use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome::{Hit, Miss};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const SELF: &str = "#ifndef A\n#define A\n#include __FILE__\n#else\nint f(void) { return 1; }\n#endif\n";
const SELF_BY_MACRO: &str = "#ifndef A\n#define A\n#include SELF\n#else\nint f(void) { return 1; }\n#endif\n";
const PASTED: &str = "__asm__(\".data\\n.incbin \\\"\" __FILE__ \"\\\"\\n\");\n";
const HAS: &str = "#if __has_include(__FILE__)\nint f = 1;\n#else\nint f = 2;\n#endif\n";
const LONG: &str = "_Static_assert(sizeof(__FILE__) > 18, \"too short\");\nint f;\n";
const BASE: &str = "#ifndef A\n#define A\n#include __BASE_FILE__\n#else\nint f(void) { return 1; }\n#endif\n";

/// Compiles `a.c` of a directory by its full path, plainly and with kache, twice.
fn compiles_as_plainly(what: &str, dir: &str, text: &str, flags: &[&str]) {
    each(|c, _| {
        let test = TestEnv::new();
        let source = test.write(&format!("{dir}/a.c"), text);
        let words = [&[c, "-c", source.to_str().unwrap(), "-o", "a.o"], flags].concat();
        let plainly = plain(&test, "w", &words);
        assert!(plainly.status.success(), "{what}, {c}: {}", String::from_utf8_lossy(&plainly.stderr));
        let wanted = object(&test, "w/a.o");
        for outcome in [Miss, Hit] {
            let out = assert_success(&mut test.kache(&words));
            let event = test.last();
            assert_eq!(event.outcome, outcome, "{what}, {c}: {:?}", event.detail);
            assert_eq!(out.stderr, plainly.stderr, "{what}, {c}");
            assert_eq!(object(&test, "w/a.o"), wanted, "{what}, {c}");
        }
        // What was found out of one state of the source is not what is done with another.
        test.write(&format!("{dir}/a.c"), "const char *f = __FILE__;\n");
        assert_eq!(test.outcome(&mut test.kache(&words)), Miss, "{what}, {c}");
        assert_eq!(test.outcome(&mut test.kache(&words)), Hit, "{what}, {c}");
    });
}

#[test]
fn a_source_that_is_found_by_the_path_that_it_is_told() {
    // Below the top of the checkout, and outside of it: mapped to a relative path, and to an absolute one.
    for dir in ["w/src", "w/src/deep", "elsewhere/src"] {
        compiles_as_plainly("itself, included", dir, SELF, &[]);
        compiles_as_plainly("itself, by a macro", dir, SELF_BY_MACRO, &["-DSELF=__FILE__"]);
        compiles_as_plainly("itself, as the source of all", dir, BASE, &[]);
        compiles_as_plainly("itself, pasted", dir, PASTED, &[]);
        compiles_as_plainly("itself, asked for", dir, HAS, &[]);
        compiles_as_plainly("the length of its name", dir, LONG, &[]);
    }
}

/// Spellings that only a compiler reads as the inclusion of a name, where the mapped path leads to another file.
#[test]
fn a_source_that_hides_that_it_includes_itself() {
    for includes in [
        "#include /* c */ SELF",
        "#include/**/SELF",
        "/**/#include SELF",
        "%:include SELF",
        "#inc\\\nlude SELF",
    ] {
        let text = SELF_BY_MACRO.replace("#include SELF", includes);
        each(|c, _| {
            let test = TestEnv::new();
            let source = test.write("w/src/a.c", &text);
            test.write("w/src/src/a.c", "int f(void) { return 2; }\n");
            let words = [c, "-c", source.to_str().unwrap(), "-o", "a.o", "-DSELF=__FILE__"];
            assert!(plain(&test, "w", &words).status.success(), "{includes}");
            let wanted = object(&test, "w/a.o");
            for outcome in [Miss, Hit] {
                assert_eq!(test.outcome(&mut test.kache(&words)), outcome, "{includes}, {c}");
                assert_eq!(object(&test, "w/a.o"), wanted, "{includes}, {c}");
            }
        });
    }
}

#[test]
fn a_mapped_path_that_leads_to_another_file_is_not_used() {
    each(|c, _| {
        let test = TestEnv::new();
        let source = test.write("w/src/a.c", PASTED);
        // `./src/a.c`, seen from the working directory.
        test.write("w/sub/src/a.c", "something else\n");
        let words = [c, "-c", source.to_str().unwrap(), "-o", "a.o"];
        assert!(plain(&test, "w/sub", &words).status.success());
        let wanted = object(&test, "w/sub/a.o");
        for outcome in [Miss, Hit] {
            assert_eq!(test.outcome(&mut test.kache_in("w/sub", &words)), outcome, "{c}");
            assert!(object(&test, "w/sub/a.o") == wanted, "{c}");
        }
    });
}

#[test]
fn a_failed_compile_is_reported_once_and_as_plainly() {
    for text in [
        "#include <assert.h>\nint f(void) { return g; }\n",
        "const char *n = __FILE__;\nint f(void) { return g; }\n",
    ] {
        each(|c, _| {
            let test = TestEnv::new();
            let source = test.write("w/src/a.c", text);
            let words = [c, "-c", source.to_str().unwrap(), "-o", "a.o"];
            let plainly = plain(&test, "w", &words);
            let out = test.kache(&words).output().unwrap();
            assert_eq!((out.status.code(), &out.stderr), (plainly.status.code(), &plainly.stderr), "{c}");
            assert_eq!(test.last().reason_word(), Some("failed"), "{c}");
        });
    }
}

#[test]
fn what_compiles_with_mapped_paths_hits_in_another_checkout() {
    each(|c, _| {
        let test = TestEnv::new();
        // A header of the top's name is looked for below, by a path that has the form of a mapped one.
        test.write(
            "w/src/a.c",
            "#include \"h.h\"\n#include <assert.h>\nconst char *n = __FILE__;\nint f = H;\n",
        );
        test.write("w/inc/h.h", "#define H 1\n");
        test.write("w/h.h", "#define H 2\n");
        let (first, again, elsewhere) = test.two_clones(|checkout| {
            test.kache_in(&format!("{checkout}/src"), &[c, "-I.", "-I../inc", "-c", "a.c", "-o", "a.o"])
        });
        assert_eq!((first, again, elsewhere), (Miss, Hit, Hit), "{c}");
    });
}

/// As ruby's headers do: below `./internal`, the look for `internal/b.h` has the form of a look at a mapped path.
#[test]
fn a_header_that_could_include_a_name_includes_no_mapped_path() {
    const NOTHING: &str = "-DX";
    const ANOTHER: &str = "-DCONF_H=\"internal/c.h\"";
    const ITSELF: &str = "-DCONF_H=__FILE__";
    each(|c, _| {
        // No map changes a relative path.
        for (is_absolute, flag, elsewhere) in [
            (false, NOTHING, Hit),
            (false, ANOTHER, Hit),
            (true, NOTHING, Hit),
            (true, ANOTHER, Miss),
            (true, ITSELF, Miss),
        ] {
            let test = TestEnv::new();
            test.write("w/a.c", "#include \"internal/a.h\"\nconst char *n = __FILE__;\n");
            test.write("w/internal/a.h", "#include \"internal/b.h\"\n");
            let header = "#ifndef B\n#define B\n#ifdef CONF_H\n#include CONF_H\n#endif\n#endif\n";
            test.write("w/internal/b.h", header);
            test.write("w/internal/c.h", "int c;\n");
            let outcomes = test.two_clones(|at| {
                let searched = if is_absolute { test.path(at) } else { ".".into() };
                let searched = format!("-I{}", searched.display());
                test.kache_in(at, &[c, &searched, flag, "-c", "./a.c", "-o", "a.o"])
            });
            assert_eq!(outcomes, (Miss, Hit, elsewhere), "{c} {flag}, absolute: {is_absolute}");
        }
    });
}

#[test]
fn a_map_of_the_users_for_the_name_of_the_directory_wins() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/real/a.c", "int f(void) { return 1; }\n");
        symlink("real", test.path("w/link")).unwrap();
        let link = test.path("w/link");
        for flag in ["-fdebug-prefix-map", "-ffile-prefix-map"] {
            let map = format!("{flag}={}=/usr/src/package", link.display());
            let words = [c, "-g", &map, "-c", "a.c", "-o", "a.o"];
            let mut plainly = Command::new(c);
            plainly.args(&words[1..]).current_dir(&link).env("PWD", &link);
            assert_success(&mut plainly);
            let wanted = object(&test, "w/real/a.o");
            for outcome in [Miss, Hit] {
                let mut command = test.kache_in("w/link", &words);
                assert_eq!(test.outcome(command.env("PWD", &link)), outcome, "{c} {flag}");
                assert!(object(&test, "w/real/a.o") == wanted, "{c} {flag}");
            }
            assert!(contains(&wanted, "/usr/src/package"), "{c} {flag}");
        }
    });
}

#[test]
fn a_map_that_a_script_in_the_compilers_place_adds_wins() {
    each(|c, _| {
        for (before, after) in [(true, false), (false, true)] {
            let test = TestEnv::new();
            let source = test.write("w/a.c", "const char *f(void) { return __FILE__; }\n");
            let map = format!("-ffile-prefix-map={}=/usr/src/package", test.path("w").display());
            let put = |is: bool| if is { map.as_str() } else { "" };
            let text = format!("#!/bin/sh\nexec {c} {} \"$@\" {}\n", put(before), put(after));
            let script = test.write("w/bin/gcc", &text);
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            let words = [script.to_str().unwrap(), "-c", source.to_str().unwrap(), "-o", "a.o"];
            assert!(plain(&test, "w", &words).status.success());
            let wanted = object(&test, "w/a.o");
            assert!(contains(&wanted, "/usr/src/package"));
            for outcome in [Miss, Hit] {
                assert_eq!(test.outcome(&mut test.kache(&words)), outcome, "{c}");
                assert!(object(&test, "w/a.o") == wanted, "{c}");
            }
        }
        // One that adds nothing shares its results.
        let test = TestEnv::new();
        test.write("w/a.c", "const char *f(void) { return __FILE__; }\n");
        let script = test.write("w/bin/gcc", &format!("#!/bin/sh\nexec {c} \"$@\"\n"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let outcomes = test.two_clones(|checkout| {
            let source = test.path(checkout).join("a.c");
            let program = test.path(checkout).join("bin/gcc");
            let words = [program.to_str().unwrap(), "-c", source.to_str().unwrap(), "-o", "a.o"];
            test.kache_in(checkout, &words)
        });
        assert_eq!(outcomes, (Miss, Hit, Hit), "{c}");
    });
}
