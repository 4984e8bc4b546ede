//! Several sources with one `-c`: one object each, in the working directory.

use crate::c::{each, object, outcomes, plain};
use crate::env::TestEnv;
use kache_core::events::Outcome::{Hit, Miss};
use std::fs;

fn checkout() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/src/a.c", "#include \"a.h\"\nint a(void) { return A; }\nconst char *n = __FILE__;\n");
    test.write("w/src/a.h", "#define A 1\n");
    test.write("w/b.c", "#include \"b.h\"\nint b(void) { return B; }\n");
    test.write("w/b.h", "#define B 1\n");
    test.write("w/s.S", "#include \"b.h\"\n.long B\n");
    test
}

const OBJECTS: [&str; 3] = ["w/a.o", "w/b.o", "w/s.o"];

fn objects(test: &TestEnv) -> Vec<Vec<u8>> {
    let all = OBJECTS.map(|name| object(test, name));
    OBJECTS.iter().for_each(|name| fs::remove_file(test.path(name)).unwrap());
    all.to_vec()
}

#[test]
fn each_source_has_its_object() {
    each(|c, _| {
        let test = checkout();
        let words = [c, "-O1", "-c", "src/a.c", "b.c", "s.S"];
        let check = |outcome| {
            assert_eq!(outcomes(&test, &words, 1), [outcome], "{c}");
            let have = objects(&test);
            assert!(plain(&test, "w", &words).status.success());
            assert!(have == objects(&test), "{c}: other objects");
        };
        check(Miss);
        check(Hit);
        for header in ["w/src/a.h", "w/b.h"] {
            test.write(header, "#define A 2\n#define B 2\n");
            check(Miss);
            check(Hit);
        }
        test.write("w/src/b.h", "");
        check(Hit);
    });
}

#[test]
fn the_order_and_the_languages_count() {
    each(|c, _| {
        let test = checkout();
        test.write("w/x.h", "");
        for words in [
            &[c, "-c", "src/a.c", "b.c"][..],
            &[c, "-c", "b.c", "src/a.c"],
            &[c, "-c", "b.c", "-x", "c++", "src/a.c"],
            &[c, "-c", "-x", "c++", "b.c", "src/a.c"],
            &[c, "-fsyntax-only", "b.c", "src/a.c"],
        ] {
            assert_eq!(outcomes(&test, words, 2), [Miss, Hit], "{words:?}");
        }
    });
}

#[test]
fn in_another_clone() {
    each(|c, _| {
        let test = checkout();
        let command = |dir: &str| {
            let source = test.path(dir).join("src/a.c");
            test.kache_in(dir, &[c, "-c", source.to_str().unwrap(), "b.c"])
        };
        assert_eq!(test.two_clones(command), (Miss, Hit, Hit), "{c}");
        assert!(object(&test, "another/a.o") == object(&test, "w/a.o"), "{c}");
    });
}

/// The second source sees the object of the first one, and of an earlier compile.
#[test]
fn a_source_that_asks_for_the_object_of_another() {
    each(|c, _| {
        for asks in ["b.c", "src/a.c"] {
            let test = checkout();
            let object = if asks == "b.c" { "a.o" } else { "b.o" };
            let dots = if asks == "b.c" { "" } else { "../" };
            let text = format!("#if __has_include(\"{dots}{object}\")\nint there;\n#endif\nint x;\n");
            test.write(&format!("w/{asks}"), &text);
            let words = [c, "-c", "src/a.c", "b.c"];
            assert_eq!(test.refusal(&mut test.kache(&words)), "output-directory", "{c} {asks}");
        }
    });
}

#[test]
fn sources_that_share_an_output_are_not_cached() {
    each(|c, _| {
        let test = checkout();
        test.write("w/other/a.c", "int other;\n");
        for words in
            [&["src/a.c", "other/a.c"][..], &["src/a.c", "b.c", "-MD"], &["b.c", "-x", "c++-header", "b.h"]]
        {
            let words = [&[c, "-c"], words].concat();
            assert_eq!(test.refusal(&mut test.kache(&words)), "several-inputs", "{words:?}");
        }
    });
}
