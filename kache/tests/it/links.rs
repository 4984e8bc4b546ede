//! Links through the real drivers and linkers: every case compares what was restored with what the plain driver makes.

use crate::c::{each, object, outcomes, plain};
use crate::env::{TestEnv, assert_success};
use kache_core::events::{Kind, Outcome};
use std::fs;
use std::process::Command;

use Outcome::{Hit, Miss};

/// A checkout `w` with two objects and two libraries of each kind, that does not depend on where it lies.
pub fn project(c: &str) -> TestEnv {
    let test = TestEnv::new();
    test.write("w/main.c", "int f(void);\nint g(void);\nint main(void) { return f() + g(); }\n");
    test.write("w/f.c", "int f(void) { return 3; }\n");
    test.write("w/g.c", "int g(void) { return 4; }\n");
    test.write("w/h.c", "int g(void) { return 5; }\n");
    for name in ["lib", "first"] {
        fs::create_dir_all(test.path("w").join(name)).unwrap();
    }
    compile(&test, c, &["main", "f", "g", "h"]);
    archive(&test, "lib/libg.a", "g.o");
    test
}

pub fn compile(test: &TestEnv, c: &str, names: &[&str]) {
    for name in names {
        let mut command = Command::new(c);
        command.args(["-fPIC", "-c", &format!("{name}.c")]).current_dir(test.path("w"));
        assert_success(&mut command);
    }
}

pub fn archive(test: &TestEnv, library: &str, object: &str) {
    let path = test.path("w").join(library);
    let _ = fs::remove_file(&path);
    assert_success(Command::new("ar").arg("rcD").arg(path).arg(object).current_dir(test.path("w")));
}

/// The exit status of a program of a checkout.
pub fn run(test: &TestEnv, program: &str) -> i32 {
    Command::new(test.path(program)).status().unwrap().code().unwrap()
}

pub const LINK: &[&str] = &["main.o", "f.o", "-Llib", "-lg", "-o", "prog"];

pub fn words<'a>(c: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[c], LINK, more].concat()
}

#[test]
fn what_is_linked_is_given_back_to_the_byte() {
    each(|c, cxx| {
        let test = project(c);
        test.write("w/x.cc", "#include <string>\nint main() { return std::string(\"abc\").size(); }\n");
        assert_success(Command::new(cxx).args(["-c", "x.cc"]).current_dir(test.path("w")));
        test.write("w/v.map", "V1 { global: f; local: *; };\n");
        test.write("w/args", "main.o f.o\n-Llib -lg -o prog -Wl,-O2\n");
        let shared: &[&str] = &[c, "-shared", "f.o", "-o", "prog", "-Wl,-soname,libf.so.1"];
        let cases: &[(&[&str], Option<i32>)] = &[
            (&words(c, &[]), Some(7)),
            (&words(c, &["-static"]), Some(7)),
            (&words(c, &["-no-pie", "-Wl,--build-id=sha1"]), Some(7)),
            (&words(c, &["-Wl,--gc-sections", "-Wl,-z,relro", "-Wl,-z", "-Wl,now", "-s"]), Some(7)),
            (&words(c, &["-Xlinker", "--as-needed", "-Xlinker", "-O1", "-pthread", "-lm"]), Some(7)),
            (&[c, "@args"], Some(7)),
            (&[cxx, "x.o", "-o", "prog"], Some(3)),
            (shared, None),
            (&[shared, &["-Wl,--version-script=v.map"][..]].concat(), None),
            (&[c, "-r", "-nostdlib", "main.o", "f.o", "-o", "prog"], None),
        ];
        for (words, status) in cases {
            let plainly = plain(&test, "w", words);
            assert!(plainly.status.success(), "{words:?}: {}", String::from_utf8_lossy(&plainly.stderr));
            let wanted = object(&test, "w/prog");
            let mode = fs::metadata(test.path("w/prog")).unwrap().permissions();
            assert_eq!(outcomes(&test, words, 2), [Miss, Hit], "{words:?}");
            fs::remove_file(test.path("w/prog")).unwrap();
            assert_eq!(outcomes(&test, words, 1), [Hit], "{words:?}");
            assert!(object(&test, "w/prog") == wanted, "{words:?}");
            assert_eq!(fs::metadata(test.path("w/prog")).unwrap().permissions(), mode, "{words:?}");
            assert_eq!(status.map(|_| run(&test, "w/prog")), *status, "{words:?}");
        }
        let event = test.last();
        assert_eq!(
            (event.kind, event.unit.family.as_str(), event.unit.emit.as_str()),
            (Kind::Unit, "link", "relocatable")
        );
        assert_eq!(event.unit.label(), "prog (link)");
    });
}

#[test]
fn a_second_checkout_hits() {
    each(|c, _| {
        let test = project(c);
        test.clone_checkout("w", "deep/er/clone");
        let link = |dir: &str, words: &[&str]| {
            let outcome = test.outcome(&mut test.kache_in(dir, words));
            (outcome, object(&test, &format!("{dir}/prog")))
        };
        for more in [&[][..], &["-static"], &["-Wl,-rpath,$ORIGIN/lib"]] {
            let words = words(c, more);
            let (first, second) = (link("w", &words), link("deep/er/clone", &words));
            assert_eq!((first.0, second.0), (Miss, Hit), "{words:?}");
            assert!(first.1 == second.1);
            assert_eq!(run(&test, "deep/er/clone/prog"), 7);
        }
        // By paths, where the checkout's own is in none of the output.
        let by_path = |dir: &str| {
            let at = |name: &str| test.path(dir).join(name).display().to_string();
            let words = [c, &at("main.o"), &at("f.o"), &at("lib/libg.a"), "-o", &at("prog")];
            link(dir, &words).0
        };
        assert_eq!((by_path("w"), by_path("deep/er/clone")), (Miss, Hit));
    });
}

/// A state, a change, and whether the result follows it.
fn relinks(what: &str, more: &[&str], set_up: impl Fn(&TestEnv, &str), change: impl Fn(&TestEnv, &str)) {
    each(|c, _| {
        let test = project(c);
        set_up(&test, c);
        let words = words(c, more);
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{what}, {c}");
        change(&test, c);
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{what}, {c}: a false hit");
        let have = object(&test, "w/prog");
        assert!(plain(&test, "w", &words).status.success());
        assert!(have == object(&test, "w/prog"), "{what}, {c}");
    });
}

#[test]
fn what_the_linker_reads_counts() {
    let nothing = |_: &TestEnv, _: &str| {};
    relinks("an object", &[], nothing, |test, c| {
        test.write("w/f.c", "int f(void) { return 30; }\n");
        compile(test, c, &["f"]);
    });
    relinks("an archive", &[], nothing, |test, _| archive(test, "lib/libg.a", "h.o"));
    relinks("a shared library beside the archive", &[], nothing, |test, c| {
        let words = ["-shared", "h.o", "-o", "lib/libg.so"];
        assert_success(Command::new(c).args(words).current_dir(test.path("w")));
    });
    relinks(
        "a version script",
        &["-Wl,--version-script=v.map"],
        |test, _| drop(test.write("w/v.map", "{ local: *; };\n")),
        |test, _| {
            test.write("w/v.map", "V9 { global: main; };\n");
        },
    );
    relinks(
        "a list of dynamic symbols",
        &["-Wl,--dynamic-list=d"],
        |test, _| drop(test.write("w/d", "{ f; };\n")),
        |test, _| {
            test.write("w/d", "{ g; };\n");
        },
    );
    relinks(
        "a library that is a script",
        &["-lscript"],
        |test, _| drop(test.write("w/lib/libscript.so", "INPUT(-lm)\n")),
        |test, _| {
            test.write("w/lib/libscript.so", "INPUT(AS_NEEDED(-lm))\nPROVIDE(found = 1);\nEXTERN(found)\n");
        },
    );
}

#[test]
fn a_library_that_appears_earlier_in_the_search_path_counts() {
    each(|c, _| {
        let test = project(c);
        let words = [c, "main.o", "f.o", "-Lfirst", "-Llib", "-lg", "-o", "prog"];
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{c}");
        assert_eq!(run(&test, "w/prog"), 7);
        archive(&test, "first/libg.a", "h.o");
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{c}: a false hit");
        assert_eq!(run(&test, "w/prog"), 8);
        // As a directory that was not there.
        let words = [c, "main.o", "f.o", "-Llater", "-Llib", "-lg", "-o", "prog"];
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{c}");
        fs::create_dir(test.path("w/later")).unwrap();
        archive(&test, "later/libg.a", "h.o");
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{c}: a false hit");
        assert_eq!(run(&test, "w/prog"), 8);
    });
}
