//! One C source compiled under several names: one result where the result does not depend on them, and else one for each.

use crate::c::{contains, each, object, plain};
use crate::env::{TestEnv, assert_success};
use crate::scripts::{executable, package};
use crate::tools::missing;
use kache_core::events::Outcome;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use Outcome::{Hit, Miss};

const SOURCE: &str = "#include \"h.h\"\nint f(int x) { int unused; return x ? H : 2; }\n";

fn checkout() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/a.c", SOURCE);
    test.write("w/h.h", "#define H 4\n");
    for dir in ["o", "a/longer/place/of/objects"] {
        fs::create_dir_all(test.path("w").join(dir)).unwrap();
    }
    test
}

/// The files that a command makes in `w`, and what it prints. The files are removed again.
fn made(test: &TestEnv, command: &mut Command) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let all = || {
        let found =
            Command::new("find").args([".", "-type", "f"]).current_dir(test.path("w")).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        found.lines().map(String::from).collect::<BTreeSet<_>>()
    };
    let before = all();
    let ran = assert_success(command);
    let new = all().difference(&before).cloned().collect::<Vec<_>>();
    let files = new.into_iter().map(|name| {
        let path = test.path("w").join(&name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        (name, bytes)
    });
    (files.collect(), ran.stderr)
}

/// How a compile ends. All that it leaves and prints is as an empty cache has it.
fn compile(test: &TestEnv, words: &[&str]) -> Outcome {
    let (files, stderr) = made(test, &mut test.kache(words));
    let outcome = test.last().outcome;
    let anew = tempfile::tempdir().unwrap();
    let (wanted, said) = made(test, test.kache(words).env("KACHE_CACHE_DIR", anew.path()));
    assert_eq!(String::from_utf8_lossy(&stderr), String::from_utf8_lossy(&said), "{words:?}");
    let names = |all: &[(String, Vec<u8>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&files), names(&wanted), "{words:?}");
    for ((name, have), (_, wanted)) in files.iter().zip(&wanted) {
        // gcc numbers its notes of coverage at random.
        let is_random = ["--coverage", "-fprofile-arcs"].iter().any(|flag| words.contains(flag));
        assert!(is_random || have == wanted, "{words:?} left another {name}");
    }
    outcome
}

const NAMES: [&str; 4] =
    ["a.o", "b.o", "o/c.o", "a/longer/place/of/objects/that-is-compiled-for-another-program.o"];

fn outcomes(c: &str, flags: &[&str]) -> Vec<Outcome> {
    let test = checkout();
    NAMES.iter().map(|name| compile(&test, &[&[c, "-c", "a.c", "-o", name], flags].concat())).collect()
}

#[test]
fn one_source_under_several_names_is_one_result() {
    each(|c, _| {
        for flags in [
            &[][..],
            &["-O2", "-g", "-Wall", "-fPIC", "-ffunction-sections", "-m64", "-I."],
            &["-g3", "-std=gnu11", "-D_GNU_SOURCE"],
            &["-MD"],
            &["-MMD", "-MP", "-g"],
        ] {
            assert_eq!(outcomes(c, flags), [Miss, Hit, Hit, Hit], "{c} {flags:?}");
        }
    });
}

#[test]
fn a_depfile_names_the_target_that_was_asked_for() {
    each(|c, _| {
        let test = checkout();
        let mut seen = Vec::new();
        for (output, depfile, target) in [
            ("a.o", "a.o.d", "a.o"),
            ("o/b.o", "o/deps.d", "o/b.o"),
            (
                "o/c.o",
                "c.d",
                "another-name-of-the-target-that-takes-most-of-a-line-of-the-depfile-and-more.o",
            ),
        ] {
            seen.push(compile(&test, &[c, "-c", "a.c", "-o", output, "-MD", "-MF", depfile, "-MT", target]));
        }
        assert_eq!(seen, [Miss, Hit, Hit], "{c}");
        // Names that make would read otherwise, and several, are in the key.
        for target in ["a b.o", "$o", "one.o two.o"] {
            let words = [c, "-c", "a.c", "-o", "d.o", "-MD", "-MT", target];
            assert_eq!([compile(&test, &words), compile(&test, &words)], [Miss, Hit], "{c} {target}");
        }
    });
}

#[test]
fn each_name_has_its_result_where_the_flags_say_that_it_counts() {
    each(|c, _| {
        for flags in
            [&["--coverage"][..], &["-g", "-gsplit-dwarf"], &["-fprofile-arcs"], &["-fstack-usage"], &["-S"]]
        {
            let test = checkout();
            for name in &NAMES[..3] {
                let words = [&[c, "-c", "a.c", "-o", name], flags].concat();
                assert_eq!([compile(&test, &words), compile(&test, &words)], [Miss, Hit], "{words:?}");
            }
        }
    });
}

/// What no flag tells.
#[test]
fn each_name_has_its_result_where_the_run_shows_that_it_counts() {
    each(|c, _| {
        let test = checkout();
        // The name is in the source by chance.
        test.write("w/a.c", "const char *s = \"written to a.o\";\n");
        for (name, expected) in [("a.o", [Miss, Hit]), ("b.o", [Miss, Hit]), ("o/c.o", [Hit, Hit])] {
            let words = [c, "-c", "a.c", "-o", name];
            assert_eq!([compile(&test, &words), compile(&test, &words)], expected, "{words:?}");
        }
    });
}

#[test]
fn a_source_that_asks_for_an_output_is_compiled_for_each_name() {
    each(|c, _| {
        for stage in ["-c", "-S"] {
            let test = checkout();
            let source = "#if __has_include(\"b.o\")\nint there = 1;\n#else\nint missing = 1;\n#endif\n";
            test.write("w/a.c", source);
            let run = |name: &str| {
                let words = [c, stage, "a.c", "-o", name];
                assert_success(&mut test.kache(&words));
                let stored = object(&test, &format!("w/{name}"));
                (test.last().outcome, contains(&stored, "there"))
            };
            // gcc makes the output of `-S` before it reads the source.
            let another_name = if stage == "-c" { Hit } else { Miss };
            assert_eq!(run("a.o"), (Miss, false), "{c} {stage}");
            assert_eq!(run("o/c.o"), (another_name, false), "{c} {stage}");
            let (outcome, there) = run("b.o");
            let words = [c, stage, "a.c", "-o", "b.o"];
            assert_eq!(outcome, Miss, "{c} {stage}: a false hit");
            fs::remove_file(test.path("w/b.o")).unwrap();
            assert!(plain(&test, "w", &words).status.success());
            assert_eq!(there, contains(&object(&test, "w/b.o"), "there"), "{c} {stage}");
            // Now it is there.
            assert_eq!(run("a.o"), (Miss, true), "{c} {stage}: a false hit");
            assert_eq!(run("o/c.o"), (another_name, true), "{c} {stage}");
        }
    });
}

/// The second compile finds what the first one made.
#[test]
fn a_source_that_asks_for_its_own_output_is_compiled_each_time() {
    each(|c, _| {
        // The last of them has its names in the key.
        for (name, flags) in [("a.o", &[][..]), ("o/b.o", &[]), ("b.o", &["-fstack-usage"])] {
            let test = checkout();
            let source =
                format!("#if __has_include(\"{name}\")\nint there = 1;\n#else\nint missing = 1;\n#endif\n");
            test.write("w/a.c", &source);
            let words = [&[c, "-c", "a.c", "-o", name], flags].concat();
            for (expected, reason) in
                [(false, "output-directory"), (true, "side-effect"), (true, "side-effect")]
            {
                assert_success(&mut test.kache(&words));
                let there = contains(&object(&test, &format!("w/{name}")), "there");
                assert_eq!((test.last().outcome, there), (Miss, expected), "{words:?}: a false hit");
                assert_eq!(test.last().reason_word(), Some(reason), "{words:?}");
            }
        }
    });
}

/// What is there tells how the compiler was called.
#[test]
fn a_source_that_reads_the_command_line_has_a_result_for_each_name() {
    each(|c, _| {
        for text in [
            "__asm__(\".section .x; .incbin \\\"/proc/self/cmdline\\\"\");\nint f;\n",
            "#if defined __has_embed\nchar line[] = {\n#embed \"/proc/self/cmdline\" limit(200)\n};\n#endif\nint f;\n",
            "int f; /*\n#include \"/proc/self/cmdline\"\n*/\n",
        ] {
            let test = checkout();
            test.write("w/a.c", text);
            for name in ["first-name.o", "another.o"] {
                assert_success(&mut test.kache(&[c, "-c", "a.c", "-o", name]));
                let (outcome, stored) = (test.last().outcome, object(&test, &format!("w/{name}")));
                assert!(
                    !contains(&stored, "first-name") || name == "first-name.o",
                    "{c} {text}: {outcome:?}"
                );
            }
        }
    });
}

#[test]
fn a_source_is_never_replaced_by_a_result() {
    each(|c, _| {
        let test = checkout();
        test.write("w/a.x", SOURCE);
        assert_success(&mut test.kache(&[c, "-c", "-x", "c", "a.x", "-o", "b.x"]));
        let ran = test.kache(&[c, "-c", "-x", "c", "a.x", "-o", "a.x"]).output().unwrap();
        let words = [c, "-c", "-x", "c", "a.x", "-o", "a.x"];
        let is_refused = !ran.status.success();
        test.write("w/a.x", SOURCE);
        assert_eq!(is_refused, !plain(&test, "w", &words).status.success(), "{c}");
        // The same of a header.
        test.write("w/a.x", SOURCE);
        fs::rename(test.path("w/h.h"), test.path("w/h.x")).unwrap();
        test.write("w/a.x", "#include \"h.x\"\nint f(void) { return H; }\n");
        for (output, expected) in [("b.x", Miss), ("c.x", Hit), ("h.x", Miss)] {
            assert_success(&mut test.kache(&[c, "-c", "-x", "c", "a.x", "-o", output]));
            assert_ne!((test.last().outcome, output), (Hit, "h.x"), "{c}");
            assert!(output == "h.x" || test.last().outcome == expected, "{c} {output}");
        }
    });
}

#[test]
fn another_program_in_the_assemblers_place_may_use_the_name() {
    let test = checkout();
    // What it writes depends on the length of the name.
    let script = "#!/bin/sh\nfor a; do [ \"$before\" = -o ] && out=$a; before=$a; done\n\
        /usr/bin/as \"$@\" && printf '%s' ${#out} >length.bin && \
        objcopy --add-section .length=length.bin \"$out\" && rm length.bin\n";
    executable(&test, "w/bin/as", script);
    let path = format!("{}:{}", test.path("w/bin").display(), std::env::var("PATH").unwrap());
    let compile = |name: &str| {
        let mut command = test.kache(&["gcc", "-c", "a.c", "-o", name]);
        assert_success(command.env("PATH", &path));
        (test.last().outcome, object(&test, &format!("w/{name}")))
    };
    let (first, short) = compile("a.o");
    let (second, long) = compile("a-longer-name.o");
    assert_eq!((first, second), (Miss, Miss));
    assert_ne!(short, long);
}

#[test]
fn a_profile_beside_the_output_counts() {
    let test = checkout();
    test.write("w/a.c", "int main(int n, char **v) { return n > 1 ? 3 : 0; }\n");
    let profiled = plain(&test, "w", &["gcc", "-O2", "-fprofile-generate", "a.c", "-o", "a.out"]);
    assert!(profiled.status.success());
    assert!(plain(&test, "w", &["./a.out"]).status.success());
    let data = fs::read_dir(test.path("w")).unwrap().map(|e| e.unwrap().path());
    let data = data.into_iter().find(|path| path.extension().is_some_and(|e| e == "gcda")).unwrap();
    fs::rename(data, test.path("w/b.gcda")).unwrap();
    for name in ["a.o", "b.o", "o/c.o"] {
        let words = ["gcc", "-O2", "-fprofile-use", "-Wno-missing-profile", "-c", "a.c", "-o", name];
        let outcome = test.outcome(&mut test.kache(&words));
        let stored = object(&test, &format!("w/{name}"));
        assert!(plain(&test, "w", &words).status.success());
        assert!(stored == object(&test, &format!("w/{name}")), "{name}: {outcome:?}");
    }
}

/// A package of the workspace has another `OUT_DIR` for clippy.
#[test]
fn clippy_after_a_build_recompiles_no_c() {
    let has = Command::new("clippy-driver").arg("--version").output().is_ok_and(|o| o.status.success());
    if !has {
        missing("clippy-driver", "rustup component add clippy");
        return;
    }
    let test = TestEnv::new();
    package(
        &test,
        "let object = out().join(\"a1b2-f.o\"); \
         run(\"cc\", &[\"-O0\", \"-g\", \"-fPIC\", \"-c\", \"src/f.c\", \"-MD\", \"-o\", object.to_str().unwrap()]); \
         say(fs::read(object).unwrap().len().to_string())",
    );
    test.write("w/src/f.c", "int f(void) { return 4; }\n");
    let compiled = || {
        let mut events = test.events();
        events.retain(|event| event.unit.family == "cc");
        events.into_iter().map(|event| event.outcome).collect::<Vec<_>>()
    };
    assert_success(&mut test.cargo("w", &["build"]));
    assert_eq!(compiled(), [Miss]);
    assert_success(&mut test.cargo("w", &["clippy"]));
    assert!(compiled()[1..].iter().all(|outcome| *outcome == Hit), "{:?}", compiled());
    let scripts = fs::read_dir(test.path("w/target/debug/build")).unwrap();
    let objects = scripts.filter(|e| e.as_ref().unwrap().path().join("out/a1b2-f.o").exists()).count();
    assert!(objects == 1 || compiled().len() == 2, "{objects} objects, {:?}", compiled());
}

/// gcc leaves out the `./` in a depfile.
#[test]
fn a_name_that_begins_with_the_working_directory() {
    each(|c, _| {
        for first in ["b.o", "./b.o", "o/x.o"] {
            let test = checkout();
            let words = |name| [c, "-MD", "-c", "a.c", "-o", name];
            compile(&test, &words(first));
            compile(&test, &words("./c.o"));
            compile(&test, &words("c.o"));
            compile(&test, &words(".hidden"));
        }
    });
}
