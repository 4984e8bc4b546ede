//! C and C++ through the real compilers: every case with gcc and with each clang that is installed.

use crate::c::{contains, each, object, outcomes, plain};
use crate::env::{TestEnv, assert_success};
use crate::tools::missing;
use kache_core::events::{Kind, Outcome};
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use Outcome::{Hit, Miss, Passthrough};

#[test]
fn what_is_compiled_is_given_back_to_the_byte() {
    const ASM: &str = ".text\n.globl f\nf: ret\n";
    each(|c, cxx| {
        let test = TestEnv::new();
        test.write("w/a.c", "#include \"h.h\"\nint f(void) { return H; }\n");
        test.write("w/h.h", "#define H 4\n");
        test.write("w/a.cc", "#include <string>\n#include \"h.h\"\nstd::string s(H, 'x');\n");
        test.write("w/a.s", ASM);
        test.write("w/a.S", &format!("#include \"h.h\"\n{ASM}.long H\n"));
        test.write("w/a.i", "int g(void) { return 1; }\n");
        let cases: &[&[&str]] = &[
            &[c, "-c", "a.c"],
            &[c, "-O2", "-c", "-o", "a.o", "a.c"],
            &[cxx, "-std=c++17", "-c", "a.cc", "-oa.o"],
            &[c, "-c", "a.s", "-o", "a.o"],
            &[c, "-c", "a.S", "-o", "a.o"],
            &[c, "-c", "a.i", "-o", "a.o"],
            &[c, "-c", "-x", "c++", "a.c", "-o", "a.o"],
            &[c, "-S", "a.c", "-o", "a.o"],
        ];
        for words in cases {
            let plainly = plain(&test, "w", words);
            assert!(plainly.status.success(), "{words:?}");
            let wanted = object(&test, "w/a.o");
            assert_eq!(outcomes(&test, words, 2), [Miss, Hit], "{words:?}");
            assert_eq!(object(&test, "w/a.o"), wanted, "{words:?}");
        }
        let unit = test.last().unit;
        assert_eq!((unit.family.as_str(), unit.name.as_str(), unit.kind.as_str()), ("cc", "a.o", "c"));
    });
}

#[test]
fn objective_c_and_objective_cxx() {
    const CLASS: &str = "__attribute__((objc_root_class)) @interface A { int x; } - (int)f; @end\n\
        #include \"h.h\"\n@implementation A - (int)f { return H; } @end\n";
    each(|c, cxx| {
        for (compiler, source, language) in [(c, "a.m", "cc1obj"), (cxx, "a.mm", "cc1objplus")] {
            let test = TestEnv::new();
            test.write("w/h.h", "#define H 4\n");
            test.write(&format!("w/{source}"), CLASS);
            let words = &[compiler, "-c", source, "-o", "a.o"];
            let asked = plain(&test, "w", &[compiler, &format!("-print-prog-name={language}")]).stdout;
            if !compiler.contains("clang") && !asked.starts_with(b"/") {
                missing(language, if language == "cc1obj" { "install gobjc" } else { "install gobjc++" });
                continue;
            }
            assert!(plain(&test, "w", words).status.success(), "{words:?}");
            let wanted = object(&test, "w/a.o");
            assert_eq!(outcomes(&test, words, 2), [Miss, Hit], "{words:?}");
            assert_eq!(object(&test, "w/a.o"), wanted, "{words:?}");
            test.write("w/h.h", "#define H 5\n");
            assert_eq!(outcomes(&test, words, 2), [Miss, Hit], "{words:?}");
            assert_ne!(object(&test, "w/a.o"), wanted, "{words:?}");
        }
    });
}

#[test]
fn assembly_to_standard_output() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(void) { return 7; }\n");
        let words = &[c, "-S", "-o", "-", "a.c"];
        let wanted = plain(&test, "w", words).stdout;
        for outcome in [Miss, Hit] {
            assert_eq!(assert_success(&mut test.kache(words)).stdout, wanted);
            assert_eq!(test.last().outcome, outcome);
        }
    });
}

/// A state, a change, and whether the program is then another.
fn recompiles(what: &str, files: &[(&str, &str)], words: &[&str], change: impl Fn(&TestEnv)) {
    each(|c, _| {
        let test = TestEnv::new();
        for (name, text) in files {
            test.write(name, text);
        }
        let words: Vec<&str> = [&[c, "-c", "a.c", "-o", "a.o"], words].concat();
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{what}, {c}");
        change(&test);
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{what}, {c}: a false hit");
        let have = object(&test, "w/a.o");
        assert!(plain(&test, "w", &words).status.success());
        assert_eq!(have, object(&test, "w/a.o"), "{what}, {c}");
    });
}

fn rewrite_in_the_past(path: &Path, text: &str) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, text).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
}

const USER: (&str, &str) = ("w/a.c", "#include <h.h>\nint f(void) { return H; }\n");

#[test]
fn headers_count() {
    let h = ("w/two/h.h", "#define H 1\n");
    let two = &["-Ione", "-Itwo"];
    recompiles("changed", &[USER, h], two, |s| drop(s.write("w/two/h.h", "#define H 2\n")));
    recompiles("changed, with its old size and time", &[USER, h], two, |s| {
        rewrite_in_the_past(&s.path("w/two/h.h"), "#define H 2\n");
    });
    recompiles("a directory appears on the path", &[USER, h], two, |s| {
        drop(s.write("w/one/h.h", "#define H 2\n"));
    });
    recompiles("shadowed", &[USER, h, ("w/one/other.h", "")], two, |s| {
        drop(s.write("w/one/h.h", "#define H 2\n"));
    });
    recompiles("a dead link comes to life", &[USER, h, ("w/one/other.h", "")], two, |s| {
        std::os::unix::fs::symlink("../later.h", s.path("w/one/h.h")).unwrap();
        let words = &["gcc", "-c", "a.c", "-o", "a.o", "-Ione", "-Itwo"];
        assert_success(&mut s.kache(words));
        drop(s.write("w/later.h", "#define H 2\n"));
    });
    let quoted = ("w/a.c", "#include \"sub/q.h\"\nint f(void) { return H; }\n");
    let q = ("w/sub/q.h", "#include \"h.h\"\n");
    recompiles("a neighbour of the includer", &[quoted, q, h], two, |s| {
        drop(s.write("w/sub/h.h", "#define H 2\n"));
    });
    let has = "#if __has_include(\"extra.h\")\nint f(void) { return 2; }\n#else\nint f(void) { return 1; }\n#endif\n";
    recompiles("__has_include", &[("w/a.c", has)], &[], |s| drop(s.write("w/extra.h", "")));
    recompiles(
        "forced",
        &[("w/a.c", "int f(void) { return H; }\n"), ("w/h.h", "#define H 1\n")],
        &["-include", "h.h"],
        |s| {
            drop(s.write("w/h.h", "#define H 2\n"));
        },
    );
    let linked = |s: &TestEnv, to: &str| {
        let _ = fs::remove_file(s.path("w/inc"));
        std::os::unix::fs::symlink(to, s.path("w/inc")).unwrap();
    };
    recompiles(
        "a linked directory leads elsewhere",
        &[
            USER,
            ("w/two/h.h", "#define H 1\n"),
            ("w/three/h.h", "#define H 2\n"),
            ("w/inc/h.h", "#define H 0\n"),
        ],
        &["-Iinc"],
        |s| {
            fs::remove_dir_all(s.path("w/inc")).unwrap();
            linked(s, "two");
            assert_success(&mut s.kache(&["gcc", "-c", "a.c", "-o", "a.o", "-Iinc"]));
            linked(s, "three");
        },
    );
}

#[test]
fn other_inputs_count() {
    let incbin = "__asm__(\".data\\n.incbin \\\"blob\\\"\\n\");\n";
    recompiles(".incbin", &[("w/a.c", incbin), ("w/blob", "one")], &[], |s| drop(s.write("w/blob", "two")));
    let f = ("w/a.c", "int f(void) { return H; }\n");
    recompiles("a response file", &[f, ("w/args", "-DH=1")], &["@args"], |s| {
        drop(s.write("w/args", "-DH=2"))
    });
    recompiles(
        "a response file in another",
        &[f, ("w/args", "@more"), ("w/more", "-DH=1")],
        &["@args"],
        |s| {
            drop(s.write("w/more", "-DH=2"));
        },
    );
}

#[test]
fn environment_counts_where_it_is_read() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write(USER.0, USER.1);
        test.write("one/h.h", "#define H 1\n");
        test.write("two/h.h", "#define H 2\n");
        let run = |dir: &str| {
            let mut command = test.kache(&[c, "-c", "a.c", "-o", "a.o"]);
            test.outcome(command.env("CPATH", test.path(dir)))
        };
        assert_eq!((run("one"), run("one"), run("two")), (Miss, Hit, Miss));
        for (name, value) in [
            ("TERM", "vt100"),
            ("MAKEFLAGS", "-j9"),
            ("HOME", "/nonexistent"),
            ("LANG", "C"),
            ("COLUMNS", "40"),
        ] {
            let mut command = test.kache(&[c, "-c", "a.c", "-o", "a.o"]);
            assert_eq!(test.outcome(command.env("CPATH", test.path("one")).env(name, value)), Hit, "{name}");
        }
        fs::create_dir(test.path("tmp")).unwrap();
        let mut command = test.kache(&[c, "-c", "a.c", "-o", "a.o"]);
        assert_eq!(test.outcome(command.env("CPATH", test.path("one")).env("TMPDIR", test.path("tmp"))), Hit);
    });
}

#[test]
fn dates_of_the_build_are_not_kept() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/t.h", "// of the __TIME__, the __DATE__ and __TIMESTAMP__, nothing\n");
        test.write("w/no.c", "#include \"t.h\"\nint x;\n");
        let words = &[c, "-c", "no.c", "-o", "a.o"];
        assert_eq!(outcomes(&test, words, 2), [Miss, Hit]);
        for name in ["__DATE__", "__TIME__", "__TIMESTAMP__"] {
            test.write("w/yes.c", &format!("const char *when = {name};\n"));
            assert_eq!(test.refusal(&mut test.kache(&[c, "-c", "yes.c", "-o", "a.o"])), "clock", "{name}");
        }
        test.write("w/pasted.c", "#define P(a, b) a##b\nconst char *when = P(__TI, ME__);\n");
        assert_eq!(test.refusal(&mut test.kache(&[c, "-c", "pasted.c", "-o", "a.o"])), "clock");
    });
    // clang knows it from version 16 on.
    let test = TestEnv::new();
    test.write("w/a.c", "const char *when = __DATE__ __TIME__;\n");
    let at = |epoch: &str| {
        test.outcome(test.kache(&["gcc", "-c", "a.c", "-o", "a.o"]).env("SOURCE_DATE_EPOCH", epoch))
    };
    assert_eq!((at("100000"), at("100000"), at("200000000")), (Miss, Hit, Miss));
}

#[test]
fn depfiles_in_all_spellings() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/src/a.c", "#include \"a b.h\"\n");
        test.write("w/src/a b.h", "");
        test.clone_checkout("w", "x$y/clone");
        let cases: &[&[&str]] = &[
            &["-MD"],
            &["-MMD", "-MP"],
            &["-MD", "-MF", "deps/a.o.pp"],
            &["-MD", "-MFdeps/a.d", "-MT", "one two"],
            &["-MMD", "-MF", "deps/a.d", "-MQ", "$o"],
            &["-Wp,-MD,deps/a.d"],
            &["-Wp,-MMD,deps/a.d"],
        ];
        for words in cases {
            let run = |dir: &str, wrapped: bool| {
                let root = test.path(dir);
                let _ = fs::remove_dir_all(root.join("deps"));
                fs::create_dir_all(root.join("deps")).unwrap();
                let source = root.join("src/a.c");
                let all = [&[c, "-c", source.to_str().unwrap(), "-o", "deps/a.o"], *words].concat();
                if wrapped {
                    assert_success(&mut test.kache_in(dir, &all));
                } else {
                    assert!(plain(&test, dir, &all).status.success());
                }
                let mut left: Vec<_> = fs::read_dir(root.join("deps"))
                    .unwrap()
                    .map(|e| e.unwrap().path())
                    .filter(|p| p.extension().is_some_and(|e| e != "o"))
                    .map(|p| (p.file_name().unwrap().to_owned(), fs::read_to_string(&p).unwrap()))
                    .collect();
                left.sort();
                left
            };
            assert_eq!(run("w", true), run("w", false), "{c} {words:?}");
            assert_eq!(test.last().outcome, Miss, "{c} {words:?}");
            let second = run("x$y/clone", true);
            assert_eq!(test.last().outcome, Hit, "{c} {words:?}");
            assert_eq!(second, run("x$y/clone", false), "{c} {words:?}");
        }
    });
}

#[test]
fn what_is_left_beside_the_object() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(int x) { if (x) return 1; return 2; }\n");
        fs::create_dir(test.path("w/o")).unwrap();
        for (words, name) in [(&["-g", "-gsplit-dwarf"][..], "w/o/a.dwo"), (&["--coverage"], "w/o/a.gcno")] {
            let all = [&[c, "-c", "a.c", "-o", "o/a.o"], words].concat();
            assert_eq!(test.outcome(&mut test.kache(&all)), Miss, "{c} {words:?}");
            let (object_then, aside) = (object(&test, "w/o/a.o"), object(&test, name));
            fs::remove_file(test.path(name)).unwrap();
            assert_eq!(test.outcome(&mut test.kache(&all)), Hit, "{c} {words:?}");
            assert!(object(&test, name) == aside && object(&test, "w/o/a.o") == object_then);
        }
        // Counters are written to the place of the build: another checkout has another.
        test.clone_checkout("w", "v");
        let all = [c, "--coverage", "-c", "a.c", "-o", "o/a.o"];
        assert_eq!(test.outcome(&mut test.kache_in("v", &all)), Miss);
        assert!(contains(&object(&test, "v/o/a.o"), test.path("v").to_str().unwrap()));
    });
}

#[test]
fn warnings_are_said_again_as_this_caller_wants_them() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(void) { int x; return 1; }\n");
        let run = |more: &[&str], lang: &str| {
            let words = [&[c, "-Wall", "-c", "a.c", "-o", "a.o"], more].concat();
            let out = assert_success(test.kache(&words).env("LC_ALL", lang));
            (test.last().outcome, String::from_utf8(out.stderr).unwrap())
        };
        let (first, second) = (run(&[], "C"), run(&[], "C"));
        assert_eq!((first.0, second.0), (Miss, Hit));
        assert!(first.1.contains("unused variable") && first.1 == second.1);
        let coloured = run(&["-fdiagnostics-color=always"], "C");
        assert!(coloured.0 == Miss && coloured.1.contains("\x1b["));
        assert!(run(&[], "C.UTF-8").0 == Miss);
        let same = plain(&test, "w", &[c, "-Wall", "-c", "a.c", "-o", "a.o"]);
        assert_eq!(run(&[], "C.UTF-8").1, String::from_utf8(same.stderr).unwrap());
    });
}

#[test]
fn what_is_not_cached_passes_through_with_its_reason() {
    each(|c, cxx| {
        let test = TestEnv::new();
        test.write("w/a.c", "int main(void) { return 0; }\n");
        test.write("w/b.c", "int b;\n");
        test.write("w/h.h", "");
        let cases: &[(&[&str], &str)] = &[
            (&[c, "-c", "a.c", "b.c", "-MD"], "several-inputs"),
            (&[c, "-E", "-dM", "a.c"], "unsupported-flag"),
            (&[c, "-c", "a.c", "-save-temps"], "unsupported-flag"),
            (&[cxx, "-x", "c++-header", "h.h"], "precompiled-header"),
            (&[cxx, "-x", "c++-header", "-c", "h.h"], "precompiled-header"),
            (&[c, "-c", "-x", "c", "-", "-o", "x.o"], "stdin"),
        ];
        let listing: &(&[&str], &str) = &(&["gcc", "-c", "a.c", "-Wa,-adhln=list"], "unsupported-flag");
        for (words, reason) in cases.iter().chain([listing]) {
            assert_success(&mut test.kache(words));
            let event = test.last();
            assert_eq!((event.outcome, event.reason_word()), (Passthrough, Some(*reason)), "{words:?}");
        }
    });
}

#[test]
fn errors_are_the_compilers_own() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/missing.c", "#include \"none.h\"\n");
        test.write("w/broken.c", "int f( {\n");
        test.write("w/good.c", "int f;\n");
        fs::create_dir(test.path("w/dir.o")).unwrap();
        let cases: &[&[&str]] = &[
            &[c, "-c", "missing.c", "-o", "a.o"],
            &[c, "-c", "broken.c", "-o", "a.o"],
            &[c, "-c", "nosuch.c", "-o", "a.o"],
            &[c, "-c", "good.c", "-o", "dir.o"],
            &[c, "-c", "good.c", "-o", "no/such/dir/a.o"],
            &[c, "-c", "good.c", "-o", "/dev/full"],
            &[c, "-c", "good.c", "-frobnicate"],
            &[c, "-c", "@nosuch"],
            &[c, "-c", "good.c", "-o"],
            &[c],
        ];
        assert_success(&mut test.kache(&[c, "-c", "good.c", "-o", "a.o"]));
        for words in cases {
            let wanted = plain(&test, "w", words);
            assert!(!wanted.status.success(), "{words:?}");
            for _ in 0..2 {
                let have = test.kache(words).output().unwrap();
                assert_eq!(have.status.code(), wanted.status.code(), "{words:?}");
                // clang and collect2 name temporary files.
                if !words.contains(&"/dev/full") {
                    assert_eq!(
                        String::from_utf8_lossy(&have.stderr),
                        String::from_utf8_lossy(&wanted.stderr),
                        "{words:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_precompiled_header_counts_by_its_contents() {
    each(|_, cxx| {
        let test = TestEnv::new();
        test.write("w/h.h", "#define H 1\n");
        test.write("w/a.cc", "#include \"h.h\"\nint f() { return H; }\n");
        let clang = cxx.starts_with("clang");
        let make = || {
            assert_success(Command::new(cxx).current_dir(test.path("w")).args([
                "-x",
                "c++-header",
                "h.h",
                "-o",
                if clang { "h.pch" } else { "h.h.gch" },
            ]))
        };
        make();
        let words: Vec<&str> = match clang {
            true => vec![cxx, "-include-pch", "h.pch", "-c", "a.cc", "-o", "a.o"],
            false => vec![cxx, "-include", "h.h", "-c", "a.cc", "-o", "a.o"],
        };
        assert_eq!(outcomes(&test, &words, 2), [Miss, Hit], "{cxx}");
        test.write("w/h.h", "#define H 23\n");
        make();
        assert_eq!(outcomes(&test, &words, 1), [Miss], "{cxx}");
    });
}

#[test]
fn a_configure_scripts_trial_is_a_probe() {
    let test = TestEnv::new();
    test.write("w/conftest.c", "int f;\n");
    assert_eq!(outcomes(&test, &["gcc", "-c", "conftest.c"], 2), [Miss, Hit]);
    assert_eq!(test.last().kind, Kind::Probe);
    // As CMake asks for the compiler's own search paths, and with a flag that is not cached.
    let dir = test.write("w/CMakeFiles/CMakeScratch/TryCompile-1/x", "").parent().unwrap().to_path_buf();
    let mut asks = test.kache(&["gcc", "-v", "-c", test.path("w/conftest.c").to_str().unwrap()]);
    assert_success(asks.current_dir(dir));
    assert_eq!((test.last().kind, test.last().outcome), (Kind::Probe, Passthrough));
    assert_success(&mut test.kache(&["gcc", "-Wa,-v", "-c", "-o", "null.o", "-x", "assembler", "/dev/null"]));
    assert_eq!(test.last().kind, Kind::Probe);
}

#[test]
fn a_source_changed_while_it_is_compiled_is_not_kept() {
    let test = TestEnv::new();
    let source = test.write("w/a.cc", "int f() { return 1; }\n");
    // It stops itself before or after the compiler that it stands for has run.
    let script = test.write(
        "bin/my-g++",
        "#!/bin/sh\ncase \" $* \" in *' a.cc '*) ;; *) exec g++ \"$@\" ;; esac\n\
         [ \"$STOP\" != before ] || kill -STOP $$\ng++ \"$@\"\n[ \"$STOP\" != after ] || kill -STOP $$\n",
    );
    assert_success(Command::new("chmod").arg("+x").arg(&script));
    let words = &[script.to_str().unwrap(), "-c", "a.cc", "-o", "a.o"];
    for (stop, text) in [("before", "int f() { return 2; }\n"), ("after", "int f() { return 3; }\n")] {
        let mut child = test.kache(words).env("STOP", stop).spawn().unwrap();
        let stopped = stopped_child(&mut child);
        fs::write(&source, text).unwrap();
        assert_success(Command::new("kill").args(["-CONT", &stopped]));
        assert!(child.wait().unwrap().success());
        let event = test.last();
        let ended = (event.stored, event.reason_word());
        assert_eq!(ended, (false, Some("changed-while-compiling")), "{stop}: {:?}", event.detail);
    }
    assert_success(&mut test.kache(words));
    let have = object(&test, "w/a.o");
    assert!(plain(&test, "w", words).status.success());
    assert!(have == object(&test, "w/a.o"));
}

/// The child of a running program that has stopped itself, once it has.
fn stopped_child(parent: &mut Child) -> String {
    let id = parent.id().to_string();
    loop {
        assert!(parent.try_wait().unwrap().is_none(), "it ended before a child of it stopped");
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            // `PID (NAME) STATE PARENT …`
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let words: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            if words.len() > 1 && words[0] == "T" && words[1] == id {
                return entry.file_name().into_string().unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_library_in_the_working_directory_is_not_the_compilers() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f;\n");
    let words = &["gcc", "-c", "a.c", "-o", "a.o"];
    assert_eq!(test.outcome(test.kache(words).env_remove("LD_LIBRARY_PATH")), Miss);
    test.write("w/libzstd.so.1", "just built");
    assert_eq!(test.outcome(test.kache(words).env("LD_LIBRARY_PATH", "")), Hit);
}
