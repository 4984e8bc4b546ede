//! What of a checkout's place gets into what is linked, what is written beside it, and what is not cached.

use crate::c::{contains, each, object, outcomes, plain};
use crate::env::{TestEnv, assert_success};
use crate::links::{archive, project, run, words};
use crate::tools::require_tool;
use kache_core::events::{Kind, Outcome};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use Outcome::{Hit, Miss, Passthrough};

/// Why a command runs without the cache.
fn bypassed(test: &TestEnv, words: &[&str]) -> String {
    assert_success(&mut test.kache(words));
    let event = test.last();
    assert_eq!(event.outcome, Outcome::Passthrough, "{words:?}");
    format!("{}: {}", event.reason_word().unwrap_or_default(), event.detail.unwrap_or_default())
}

#[test]
fn a_run_path_is_for_one_place() {
    each(|c, _| {
        let test = project(c);
        test.clone_checkout("w", "another");
        let link = |dir: &str, flag: &str, value: &Path| {
            let flag = format!("{flag}{}", value.display());
            let words = words(c, &[&flag]);
            (test.outcome(&mut test.kache_in(dir, &words)), object(&test, &format!("{dir}/prog")))
        };
        let (here, there) = (test.path("w/lib"), test.path("another/lib"));
        let first = link("w", "-Wl,-rpath,", &here);
        assert!(first.0 == Miss && contains(&first.1, here.to_str().unwrap()));
        assert_eq!((link("w", "-Wl,-rpath,", &here).0, link("w", "-Wl,--rpath=", &here).0), (Hit, Hit));
        let second = link("another", "-Wl,-rpath,", &there);
        assert!(second.0 == Miss && contains(&second.1, there.to_str().unwrap()));
        assert_eq!(link("w", "-Wl,-rpath,", &there).0, Miss);
        // From the environment.
        let by_variable = |value: &str| test.outcome(test.kache(&words(c, &[])).env("LD_RUN_PATH", value));
        assert_eq!(["/a", "/a", "/b"].map(by_variable), [Miss, Hit, Miss]);
        assert!(contains(&object(&test, "w/prog"), "/b"));
    });
}

#[test]
fn the_path_of_a_library_without_a_name_is_for_one_place() {
    each(|c, _| {
        let test = project(c);
        let shared = ["-shared", "g.o", "-o", "lib/unnamed.so"];
        assert_success(Command::new(c).args(shared).current_dir(test.path("w")));
        test.clone_checkout("w", "another");
        let link = |dir: &str, library: &str| {
            let words = [c, "main.o", "f.o", library, "-o", "prog"];
            test.outcome(&mut test.kache_in(dir, &words))
        };
        let library = |dir: &str| test.path(dir).join("lib/unnamed.so").display().to_string();
        assert_eq!((link("w", &library("w")), link("w", &library("w"))), (Miss, Hit));
        assert_eq!(link("another", &library("another")), Miss);
        assert!(contains(&object(&test, "another/prog"), &library("another")));
        assert_eq!((link("w", "lib/unnamed.so"), link("another", "lib/unnamed.so")), (Miss, Hit));
    });
}

#[test]
fn maps_and_depfiles_are_restored_with_the_paths_of_their_checkout() {
    each(|c, _| {
        let test = project(c);
        test.clone_checkout("w", "deep/er/clone");
        let link = |dir: &str, linker: &str| {
            let at = |name: &str| test.path(dir).join(name).display().to_string();
            let (map, rules) = (format!("-Wl,-Map={}", at("out.map")), "-Wl,--dependency-file=out.d");
            let words = [c, linker, &at("main.o"), &at("f.o"), "g.o", "-o", &at("prog"), &map, rules];
            let outcome = test.outcome(&mut test.kache_in(dir, &words));
            let have = ["out.map", "out.d"].map(|name| object(&test, &format!("{dir}/{name}")));
            assert!(plain(&test, dir, &words).status.success());
            let wanted = ["out.map", "out.d"].map(|name| object(&test, &format!("{dir}/{name}")));
            assert!(have == wanted, "{c} {linker} {dir}");
            assert!(contains(&have[0], &at("main.o")) && contains(&have[1], &at("main.o")));
            outcome
        };
        for linker in ["-fuse-ld=bfd", "-fuse-ld=lld"] {
            if !require_tool(linker.replace("-fuse-ld=", "ld.").as_str(), "binutils and lld") {
                continue;
            }
            let outcomes = [link("w", linker), link("w", linker), link("deep/er/clone", linker)];
            assert_eq!(outcomes, [Miss, Hit, Hit], "{c} {linker}");
        }
    });
}

#[test]
fn a_map_whose_lines_break_by_the_length_of_a_path_is_for_one_place() {
    let test = project("gcc");
    test.clone_checkout("w", "a/checkout/with/a/path/that/is/much/longer/than/a/column");
    let link = |dir: &str| {
        let library = test.path(dir).join("lib/libg.a").display().to_string();
        let words = ["gcc", "main.o", "f.o", &library, "-o", "prog", "-Wl,-Map=out.map"];
        let outcome = test.outcome(&mut test.kache_in(dir, &words));
        let have = object(&test, &format!("{dir}/out.map"));
        assert!(plain(&test, dir, &words).status.success());
        assert!(have == object(&test, &format!("{dir}/out.map")), "{dir}");
        outcome
    };
    assert_eq!((link("w"), link("w")), (Miss, Hit));
    assert_eq!(link("a/checkout/with/a/path/that/is/much/longer/than/a/column"), Miss);
}

#[test]
fn a_script_with_a_path_is_for_one_place() {
    each(|c, _| {
        let test = project(c);
        let script = format!("INPUT({})\n", test.path("w/lib/libg.a").display());
        test.write("w/first/libscript.so", &script);
        test.clone_checkout("w", "another");
        let link = |dir: &str| {
            let words = [c, "main.o", "f.o", "-Lfirst", "-lscript", "-o", "prog"];
            (test.outcome(&mut test.kache_in(dir, &words)), run(&test, &format!("{dir}/prog")))
        };
        assert_eq!([link("w"), link("w"), link("another")], [(Miss, 7), (Hit, 7), (Miss, 7)]);
        // The script of the other checkout still leads here.
        archive(&test, "lib/libg.a", "h.o");
        assert_eq!(link("another"), (Miss, 8), "{c}");
    });
}

#[test]
fn another_linker_and_other_specs_count() {
    let test = project("gcc");
    let dir = test.path("w/tools");
    fs::create_dir(&dir).unwrap();
    let linker = |text: &str| {
        let path = test.write("w/tools/ld", text);
        assert_success(Command::new("chmod").arg("+x").arg(path));
    };
    let words = words("gcc", &["-Btools"]);
    assert_eq!(outcomes(&test, &words, 2), [Miss, Hit]);
    linker("#!/bin/sh\nexec ld \"$@\"\n");
    assert_eq!(outcomes(&test, &words, 2), [Miss, Hit]);
    linker("#!/bin/sh\nexec ld \"$@\" --defsym=changed=1\n");
    assert_eq!(outcomes(&test, &words, 1), [Miss]);
    assert!(contains(&object(&test, "w/prog"), "changed"));
    // Specs are found beside the start-up files, or named.
    test.write("w/specs", "*link:\n+ --defsym=by_specs=1\n\n");
    let words = ["gcc", "-specs=specs", "main.o", "f.o", "g.o", "-o", "prog"];
    assert_eq!(outcomes(&test, &words, 2), [Miss, Hit]);
    test.write("w/specs", "*link:\n+ --defsym=by_other_specs=1\n\n");
    assert_eq!(outcomes(&test, &words, 1), [Miss]);
    assert!(contains(&object(&test, "w/prog"), "by_other_specs"));
    let with = |path: &str| {
        test.outcome(test.kache(&["gcc", "main.o", "f.o", "-lg", "-o", "prog"]).env("LIBRARY_PATH", path))
    };
    assert_eq!([with("lib"), with("lib"), with("first:lib")], [Miss, Hit, Miss]);
}

#[test]
fn each_linker_that_is_installed() {
    for linker in ["bfd", "gold", "lld", "mold"] {
        let program = if linker == "mold" { "mold".to_string() } else { format!("ld.{linker}") };
        if !require_tool(&program, &program) {
            continue;
        }
        let test = project("gcc");
        let flag = format!("-fuse-ld={linker}");
        let words = words("gcc", &[&flag]);
        // The second time over the output of the first.
        assert!(plain(&test, "w", &words).status.success());
        let wanted = object(&test, "w/prog");
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{linker}");
        assert!(object(&test, "w/prog") == wanted, "{linker}");
        fs::remove_file(test.path("w/prog")).unwrap();
        assert_eq!(outcomes(&test, &words, 1), [Hit], "{linker}");
        archive(&test, "lib/libg.a", "h.o");
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{linker}");
        assert_eq!(run(&test, "w/prog"), 8, "{linker}");
    }
}

#[test]
fn what_is_not_cached_says_why() {
    each(|c, _| {
        let test = project(c);
        let not = |more: &[&str]| bypassed(&test, &words(c, more));
        assert!(not(&["-Wl,--build-id=uuid"]).starts_with("unsupported-flag: --build-id uuid"), "{c}");
        // An abbreviation, which GNU ld understands.
        if c == "gcc" {
            assert!(not(&["-Wl,--as-need"]).starts_with("unknown-flag: -Wl,--as-need"), "{c}");
        }
        assert!(not(&["-Wl,--print-map"]).starts_with("unsupported-flag"), "{c}");
        assert!(not(&["-flto"]).starts_with("link: a link with link-time optimisation"), "{c}");
        assert!(
            bypassed(&test, &[c, "main.o", "f.o", "g.o", "-o", "/dev/null"]).starts_with("odd-output"),
            "{c}"
        );
        test.write("w/words", "--as-needed\n");
        assert!(not(&["-Wl,@words"]).starts_with("response-file"), "{c}");
        // The trace of the run shows it.
        let bitcode = [c, "-flto", "-c", "f.c", "-o", "f.o"];
        assert!(plain(&test, "w", &bitcode).status.success());
        // lld reads no bitcode of a later version than its own.
        let linker: &[&str] = if c == "gcc" { &[] } else { &["-fuse-ld=lld"] };
        if plain(&test, "w", &words(c, linker)).status.success() {
            assert_eq!(test.refusal(&mut test.kache(&words(c, linker))), "link", "{c}");
        } else {
            assert_eq!(c, "clang-19");
        }
    });
}

#[test]
fn a_failed_link_is_not_kept() {
    let test = project("gcc");
    let words = ["gcc", "main.o", "f.o", "-o", "prog"];
    for _ in 0..2 {
        assert!(!test.kache(&words).output().unwrap().status.success());
        assert_eq!((test.last().outcome, test.last().reason_word()), (Miss, Some("failed")));
    }
    test.write("w/conftest.c", "int main(void) { return 0; }\n");
    assert_eq!(outcomes(&test, &["gcc", "-o", "conftest", "conftest.c", "-lm"], 2), [Miss, Hit]);
    assert_eq!(test.last().kind, Kind::Probe);
    test.write(
        "w/conftest.c",
        "int no_such_function(void);\nint main(void) { return no_such_function(); }\n",
    );
    assert!(!test.kache(&["gcc", "-o", "conftest", "conftest.c", "-lm"]).output().unwrap().status.success());
    assert_eq!(test.last().kind, Kind::Probe);
}

#[test]
fn what_was_there_before_the_link() {
    let test = project("gcc");
    let link = &words("gcc", &[]);
    assert_eq!(outcomes(&test, link, 1), [Miss]);
    // Another name of the old output keeps the old contents.
    test.write("w/prog", "old");
    fs::hard_link(test.path("w/prog"), test.path("w/kept")).unwrap();
    assert_eq!(outcomes(&test, link, 1), [Hit]);
    assert_eq!(fs::read_to_string(test.path("w/kept")).unwrap(), "old");
    // The linker puts a file in the place of a link.
    fs::remove_file(test.path("w/prog")).unwrap();
    symlink("kept", test.path("w/prog")).unwrap();
    assert_success(&mut test.kache(link));
    assert!(test.path("w/prog").symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read_to_string(test.path("w/kept")).unwrap(), "old");
    // What cannot be replaced fails as without kache.
    fs::remove_file(test.path("w/prog")).unwrap();
    fs::create_dir(test.path("w/prog")).unwrap();
    assert_eq!(test.kache(link).output().unwrap().status.code(), plain(&test, "w", link).status.code());
    assert!(test.path("w/prog").is_dir());
    fs::remove_dir(test.path("w/prog")).unwrap();
    // The mode is that of a new file.
    let mode = |umask: &str| {
        let script = format!("umask {umask}; exec \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "sh"]).arg(crate::kache()).args(link).current_dir(test.path("w"));
        assert_success(shell.env("KACHE_CACHE_DIR", test.cache()));
        assert_eq!(test.last().outcome, Hit);
        fs::metadata(test.path("w/prog")).unwrap().mode() & 0o777
    };
    assert_eq!((mode("077"), mode("022")), (0o700, 0o755));
}

#[test]
fn sources_compiled_in_the_same_command() {
    each(|c, cxx| {
        let test = project(c);
        test.write("w/t.s", ".text\nt: ret\n");
        test.write("w/a.cc", "#include <string>\nint main() { return std::string(\"sevenfo\").size(); }\n");
        test.write("w/here.c", "const char *here(void) { return __FILE__; }\nint f(void) { return 3; }\n");
        test.clone_checkout("w", "deep/er/clone");
        let cases: &[&[&str]] = &[
            &[c, "main.c", "f.c", "g.c", "-o", "prog"],
            &[c, "-g", "-O2", "main.c", "here.c", "-Llib", "-lg", "-o", "prog"],
            &[c, "main.c", "f.o", "g.o", "t.s", "-o", "prog", "-s"],
            &[c, "-MMD", "-MF", "prog.d", "main.c", "f.o", "g.o", "-o", "prog"],
            &[c, "-x", "c", "main.c", "f.c", "-x", "none", "g.o", "-o", "prog"],
            &[cxx, "a.cc", "-o", "prog"],
        ];
        for words in cases {
            let plainly = plain(&test, "w", words);
            assert!(plainly.status.success(), "{words:?}: {}", String::from_utf8_lossy(&plainly.stderr));
            let wanted = object(&test, "w/prog");
            let at = |dir: &str| test.outcome(&mut test.kache_in(dir, words));
            assert_eq!([at("w"), at("w"), at("deep/er/clone")], [Miss, Hit, Hit], "{words:?}");
            assert_eq!(run(&test, "deep/er/clone/prog"), 7, "{words:?}");
            if !words.contains(&"-g") {
                assert!(object(&test, "w/prog") == wanted, "{words:?}");
            }
        }
        test.write("w/g.c", "int g(void) { return 40; }\n");
        assert_eq!(outcomes(&test, cases[0], 1), [Miss], "{c}: a false hit");
        assert_eq!(run(&test, "w/prog"), 43);
        let more =
            |more: &[&str]| bypassed(&test, &[&[c, "main.c", "f.o", "g.o", "-o", "prog"], more].concat());
        assert!(more(&["-MMD"]).starts_with("link: the sources are compiled"), "{c}");
        assert!(more(&["-gz", "-g"]).starts_with("link: the sources are compiled"), "{c}");
        // The linker names an object without a name of its own by its file, which is a temporary one here.
        if c == "gcc" {
            let nameless = [c, "main.c", "f.o", "g.o", "t.s", "-o", "prog"];
            assert_eq!(test.refusal(&mut test.kache(&nameless)), "link");
        }
        // So does a map.
        let with_map = [c, "main.c", "f.c", "g.c", "-o", "prog", "-Wl,-Map=out.map"];
        assert_eq!(test.refusal(&mut test.kache(&with_map)), "link", "{c}");
    });
}

/// Build systems of Mozilla list objects in such a file, named after the program.
#[test]
fn a_list_of_objects_with_the_name_of_the_program_in_it_is_cached() {
    let test = project("gcc");
    test.write("w/f.list", "INPUT(\"f.o\")\n");
    test.clone_checkout("w", "another");
    let link = |checkout: &str| {
        let list = test.path(checkout).join("f.list").display().to_string();
        let mut words = test.kache_in(checkout, &["gcc", "-shared", "-o", "f"]);
        words.arg(list);
        words
    };
    assert_eq!(test.outcome(&mut link("w")), Miss);
    assert_eq!(test.outcome(&mut link("w")), Hit);
    assert_eq!(test.outcome(&mut link("another")), Hit);
}

#[test]
fn an_output_that_may_be_an_input_is_not_cached() {
    let test = project("gcc");
    assert!(plain(&test, "w", &["gcc", "-shared", "g.o", "-o", "lib/libx.so"]).status.success());
    let words = ["gcc", "-shared", "f.o", "-Llib", "-lx", "-o", "lib/libx.so"];
    let _ = test.kache(&words).output().unwrap();
    assert_eq!((test.last().outcome, test.last().reason_word()), (Passthrough, Some("link")));
}
