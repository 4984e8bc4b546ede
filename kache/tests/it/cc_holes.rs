//! Ways in which a hit for C or C++ was once wrong, or a build failed that passes without kache, found by trying to break
//! the wrapper. Each case here was seen to fail first.

use crate::KACHE;
use crate::c::{contains, each, object};
use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use kache_core::events::Outcome;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use Outcome::{Hit, Miss};

fn plainly(test: &TestEnv, words: &[&str]) {
    assert_success(Command::new(words[0]).args(&words[1..]).current_dir(test.path("w")));
}

/// `a.c` to `a.o` with some flags: hit when asked again, and what the compiler makes plainly after a change.
fn recompiles(what: &str, c: &str, flags: &[&str], prepare: impl Fn(&TestEnv), change: impl Fn(&TestEnv)) {
    let test = TestEnv::new();
    prepare(&test);
    let words = [&[c, "-c", "a.c", "-o", "a.o"], flags].concat();
    let ask = || test.outcome(&mut test.kache(&words));
    assert_eq!((ask(), ask()), (Miss, Hit), "{what}, {c}");
    change(&test);
    assert_eq!(ask(), Miss, "{what}, {c}: a false hit");
    let have = object(&test, "w/a.o");
    plainly(&test, &words);
    assert_eq!(have, object(&test, "w/a.o"), "{what}, {c}");
}

fn relink(test: &TestEnv, to: &str, at: &str) {
    let _ = fs::remove_file(test.path(at));
    symlink(to, test.path(at)).unwrap();
}

fn set_time(path: &Path, seconds: u64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_language_named_behind_the_source_is_not_its_own() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(void) { return sizeof('a'); }\n");
        let before = test.outcome(&mut test.kache(&[c, "-c", "-x", "c++", "a.c", "-o", "a.o"]));
        let words = &[c, "-c", "a.c", "-x", "c++", "-o", "a.o"];
        assert_eq!((before, test.outcome(&mut test.kache(words))), (Miss, Miss), "{c}");
    });
}

#[test]
fn a_path_spelt_in_another_way_is_another_file_macro() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "const char *f = __FILE__;\n");
        let compile = |name: &str| {
            let source = test.dir.path().join(name);
            test.outcome(&mut test.kache(&[c, "-c", source.to_str().unwrap(), "-o", "a.o"]))
        };
        assert_eq!((compile("w/a.c"), compile("w/./a.c"), compile("w//a.c")), (Miss, Miss, Miss), "{c}");
    });
}

#[test]
fn two_names_of_one_directory_become_two_directories() {
    each(|c, _| {
        let prepare = |s: &TestEnv| {
            s.write("w/a.c", "#include <h.h>\nint f = H;\n");
            s.write("w/one/other.h", "");
            s.write("w/two/h.h", "#define H 2\n");
            s.write("w/three/h.h", "#define H 3\n");
            relink(s, "one", "w/link");
        };
        let flags = &["-Ione", "-Ilink", "-Ithree"];
        recompiles("a duplicate is not searched", c, flags, prepare, |s| relink(s, "two", "w/link"));
    });
}

#[test]
fn headers_with_the_same_contents_that_are_included_once() {
    each(|c, _| {
        let names = ["w/a/all.h", "w/b/all.h"];
        let prepare = |s: &TestEnv| {
            for name in names {
                s.write(name, "#pragma once\n#include \"part.h\"\n");
            }
            s.write("w/a/part.h", "int a = 1;\n");
            s.write("w/b/part.h", "int b = 2;\n");
            s.write("w/a.c", "#include \"a/all.h\"\n#include \"b/all.h\"\n");
            set_time(&s.path(names[0]), 1_000_000_000);
            set_time(&s.path(names[1]), 1_100_000_000);
        };
        // gcc takes them for one header then.
        let touched = |s: &TestEnv| set_time(&s.path(names[1]), 1_000_000_000);
        recompiles("changed in the same second", c, &[], prepare, touched);
    });
    each(|c, _| {
        let prepare = |s: &TestEnv| {
            s.write("w/a.h", "#pragma once\nint N;\n");
            fs::hard_link(s.path("w/a.h"), s.path("w/b.h")).unwrap();
            s.write("w/a.c", "#define N x\n#include \"a.h\"\n#undef N\n#define N y\n#include \"b.h\"\n");
        };
        recompiles("one file, then two", c, &[], prepare, |s| {
            let text = fs::read(s.path("w/b.h")).unwrap();
            fs::remove_file(s.path("w/b.h")).unwrap();
            fs::write(s.path("w/b.h"), text).unwrap();
        });
    });
}

#[test]
fn whether_an_embedded_file_is_empty() {
    let source = "#if __has_embed(\"blob\") == 2\nint f = 1;\n#else\nint f = 3;\n#endif\n";
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", source);
        let knows = test.kache(&[c, "-c", "a.c", "-o", "a.o"]).output().unwrap().status.success();
        if knows {
            let prepare = |s: &TestEnv| {
                s.write("w/a.c", source);
                s.write("w/blob", "x");
            };
            recompiles("emptied", c, &[], prepare, |s| drop(s.write("w/blob", "")));
        }
    });
}

#[test]
fn a_response_file_that_is_pasted_too() {
    each(|c, _| {
        let prepare = |s: &TestEnv| {
            s.write("w/args", "-DX=1\n");
            s.write("w/a.c", "__asm__(\".data\\n.incbin \\\"args\\\"\\n\");\n");
        };
        recompiles("a blank more", c, &["@args"], prepare, |s| drop(s.write("w/args", "-DX=1 \n")));
    });
}

#[test]
fn an_output_that_was_an_input() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "#include \"a.d\"\nint f = H;\n");
        for _ in 0..2 {
            test.write("w/a.d", "#define H 1\n");
            assert_eq!(test.refusal(&mut test.kache(&[c, "-c", "a.c", "-MMD", "-o", "a.o"])), "side-effect");
        }
        test.write("w/a.h", "#define H 1\n");
        test.write("w/a.c", "#include \"a.h\"\nint f = H;\n");
        assert_eq!(test.refusal(&mut test.kache(&[c, "-c", "a.c", "-o", "a.h"])), "side-effect");
    });
}

#[test]
fn an_assembler_that_comes_first_in_path() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f = 1;\n");
        let words: &[&str] = match c {
            "gcc" => &[c, "-c", "a.c", "-o", "a.o"],
            _ => &[c, "-fno-integrated-as", "-c", "a.c", "-o", "a.o"],
        };
        let ask = |path: &str| test.outcome(test.kache(words).env("PATH", path));
        let path = std::env::var("PATH").unwrap();
        assert_eq!((ask(&path), ask(&path)), (Miss, Hit), "{c}");
        let script = test.write("bin/as", "#!/bin/sh\nexec /usr/bin/as --defsym Q=1 \"$@\"\n");
        assert_success(Command::new("chmod").arg("+x").arg(&script));
        let longer = format!("{}:{path}", test.path("bin").display());
        assert_eq!((ask(&longer), ask(&path)), (Miss, Hit), "{c}");
    });
}

#[test]
fn the_same_driver_in_another_installation() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f = H;\n");
    let real = fs::canonicalize("/usr/bin/gcc").unwrap();
    let version = Command::new("gcc").arg("-dumpversion").output().unwrap().stdout;
    let machine = Command::new("gcc").arg("-dumpmachine").output().unwrap().stdout;
    let trim = |text: Vec<u8>| String::from_utf8(text).unwrap().trim().to_string();
    let (version, machine) = (trim(version), trim(machine));
    let install = |dir: &str, h: u32| {
        let lib = format!("{dir}/lib/gcc/{machine}/{version}");
        test.write(&format!("{lib}/specs"), &format!("*cpp:\n+ -DH={h}\n\n*cc1:\n+ -DH={h}\n\n"));
        for name in ["cc1", "include"] {
            symlink(format!("/usr/lib/gcc/{machine}/{version}/{name}"), test.path(&format!("{lib}/{name}")))
                .unwrap();
        }
        fs::create_dir_all(test.path(&format!("{dir}/bin"))).unwrap();
        fs::copy(&real, test.path(&format!("{dir}/bin/gcc"))).unwrap();
    };
    install("one", 1);
    install("two", 2);
    let compile = |dir: &str| {
        let gcc = test.path(&format!("{dir}/bin/gcc"));
        let outcome = test.outcome(&mut test.kache(&[gcc.to_str().unwrap(), "-c", "a.c", "-o", "a.o"]));
        (outcome, object(&test, "w/a.o"))
    };
    let (one, two) = (compile("one"), compile("two"));
    assert_eq!((one.0, two.0), (Miss, Miss));
    assert!(one.1 != two.1);
}

#[test]
fn a_place_that_no_flag_maps_is_in_the_output() {
    const SOURCE: &str = "int f(int x, int *a) { return a[x] << x; }\nint g;\n";
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", SOURCE);
        test.clone_checkout("w", "other");
        let cases: &[&[&str]] = &[
            &["-fsanitize=undefined"],
            &["-fsanitize=address"],
            &["-g", "-gsplit-dwarf"],
            &["-g", "-gz", "-fsanitize=address"],
            &["-flto", "-fsanitize=undefined"],
            &["-fstack-usage"],
        ];
        for flags in cases {
            let compile = |dir: &str| {
                let root = test.path(dir);
                let (source, to) = (root.join("a.c"), root.join("a.o"));
                let paths = [c, "-c", source.to_str().unwrap(), "-o", to.to_str().unwrap()];
                test.kache_in(dir, &[&paths, *flags].concat())
            };
            let first = compile("w").output().unwrap();
            if !first.status.success() || !test.last().stored {
                continue;
            }
            let mut place = test.dir.path().join("w/").display().to_string();
            assert_success(&mut compile("other"));
            for name in ["a.o", "a.su", "a.dwo"] {
                let path = test.path("other").join(name);
                if let Ok(bytes) = fs::read(&path) {
                    assert!(!contains(&bytes, &place), "{c} {flags:?}: {name} names another checkout");
                    fs::remove_file(path).unwrap();
                }
            }
            place.clear();
        }
        let compile = |dir: &str| {
            let root = test.path(dir);
            let (source, unused) = (root.join("a.c"), format!("-L{}/x", root.display()));
            let words = [c, "-c", "-g", &unused, source.to_str().unwrap(), "-o", "a.o"];
            let out = assert_success(&mut test.kache_in(dir, &words));
            (test.last().outcome, String::from_utf8(out.stderr).unwrap())
        };
        assert_eq!(compile("w").0, Miss);
        let second = compile("other");
        assert!(!second.1.contains(test.path("w").to_str().unwrap()), "{c}: {}", second.1);
    });
}

#[test]
fn a_checkout_whose_path_is_oddly_quoted() {
    each(|c, _| {
        let test = TestEnv::new();
        for dir in ["p=q/w", "r=s/w", "r\ts/w", "r\\s/w"] {
            test.write(&format!("{dir}/a.c"), "const char *f = __FILE__;\n");
            fs::create_dir(test.path(dir).join(".git")).unwrap();
            let source = test.path(dir).join("a.c");
            let words = [c, "-g", "-c", source.to_str().unwrap(), "-o", "a.o"];
            assert_eq!(test.outcome(&mut test.kache_in(dir, &words)), Miss, "{c}");
            assert!(contains(&object(&test, &format!("{dir}/a.o")), source.to_str().unwrap()), "{c}");
        }
    });
}

#[test]
fn counters_of_a_directory_that_is_spelt_through_a_link() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f(int x) { return x ? 1 : 2; }\n");
    symlink("w", test.path("link")).unwrap();
    let words = &["gcc", "--coverage", "-c", "a.c", "-o", "a.o"];
    let at = |pwd: &str| test.outcome(test.kache(words).env("PWD", test.path(pwd)));
    assert_eq!((at("link"), at("w"), at("link")), (Miss, Miss, Hit));
}

#[test]
fn a_directory_that_is_gone_is_not_made() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f = 1;\n");
        fs::create_dir(test.path("w/d")).unwrap();
        let words = &[c, "-c", "a.c", "-o", "d/a.o"];
        assert_eq!(test.outcome(&mut test.kache(words)), Miss);
        fs::remove_dir_all(test.path("w/d")).unwrap();
        assert!(!test.kache(words).output().unwrap().status.success(), "{c}");
        assert!(!test.path("w/d").exists());
    });
}

#[test]
fn warnings_in_colour_and_as_json_name_this_checkout() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f(void) { int x; return 1; }\n");
        test.clone_checkout("w", "the \"other\"/clone");
        for how in ["-fdiagnostics-color=always", "-fdiagnostics-format=json"] {
            if how.ends_with("json") && c != "gcc" {
                continue;
            }
            for dir in ["w", "the \"other\"/clone"] {
                let source = test.path(dir).join("a.c");
                let words = [c, "-Wall", how, "-c", source.to_str().unwrap(), "-o", "a.o"];
                let have = assert_success(&mut test.kache_in(dir, &words)).stderr;
                let mut plain = Command::new(c);
                let want = assert_success(plain.args(&words[1..]).current_dir(test.path(dir))).stderr;
                assert_eq!(String::from_utf8_lossy(&have), String::from_utf8_lossy(&want), "{how}");
            }
            assert_eq!(test.last().outcome, Hit, "{c} {how}");
        }
    });
}

/// gcc clips a line of the source at the width of the terminal, and marks links. clang wraps its messages at `COLUMNS`.
#[test]
fn warnings_on_a_terminal_look_as_they_do_without_kache() {
    if !require_tool("script", "bsdutils") {
        return;
    }
    each(|c, _| {
        let test = TestEnv::new();
        let comment = "long ".repeat(24);
        test.write("w/a.c", &format!("/* {comment} */ static int unused_function(int a) {{ return a; }}\n"));
        let text = |o: Output| String::from_utf8(o.stdout).unwrap();
        for color in ["", "-fdiagnostics-color=auto", "-fdiagnostics-color=never"] {
            let args = format!("{c} -Wall {color} -c a.c -o a.o");
            let mut shown = BTreeSet::new();
            for (columns, exported) in [(60, ""), (300, ""), (300, "export COLUMNS=40;")] {
                let plain = text(test.on_a_terminal(columns, &format!("{exported} {args}")));
                assert!(plain.contains("Wunused-function"), "{plain}");
                for outcome in [Miss, Hit] {
                    let ours = text(test.on_a_terminal(columns, &format!("{exported} {KACHE} {args}")));
                    assert_eq!(ours, plain, "{c} {color} {columns} {exported}");
                    assert_eq!(test.last().outcome, outcome, "{c} {color} {columns} {exported}");
                }
                shown.insert(plain);
            }
            assert!(shown.len() > 1, "{c} {color}: the width makes no difference");
        }
        // Without a terminal they have neither colours nor links.
        let words = [c, "-Wall", "-c", "a.c", "-o", "a.o"];
        let piped = assert_success(&mut test.kache(&words)).stderr;
        assert_eq!(
            piped,
            assert_success(Command::new(c).args(&words[1..]).current_dir(test.path("w"))).stderr
        );
    });
}

#[test]
fn a_program_of_gnu_that_is_no_compiler() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f;\n");
    assert_eq!(assert_success(&mut test.kache(&["wc", "-c", "a.c"])).stdout, b"7 a.c\n");
    assert_eq!(test.last().reason_word(), Some("unknown-compiler"));
}

#[test]
fn a_list_of_headers_asked_for_where_there_are_none() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.s", "f: ret\n");
        let words = &[c, "-MD", "-MF", "a.d", "-c", "a.s", "-o", "a.o"];
        let ask = || test.outcome(&mut test.kache(words));
        assert_eq!((ask(), ask()), (Miss, Hit), "{c}");
    });
}

#[test]
fn a_limit_on_the_size_of_files() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "int f;\n");
        let limited = |blocks: u32| {
            let script = format!("ulimit -c 0; ulimit -f {blocks}; '{KACHE}' {c} -c a.c -o a.o");
            let mut command = Command::new("bash");
            command.args(["-c", &script]).current_dir(test.path("w")).env("KACHE_CACHE_DIR", test.cache());
            command.output().unwrap().status
        };
        assert!(limited(1000).success(), "{c}");
        assert!(test.path("w/a.o").exists());
        assert!(!limited(0).success(), "{c}");
    });
}

#[test]
fn a_callers_own_map_is_obeyed() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "const char *f = __FILE__;\nint g(int x) { return x; }\n");
        test.clone_checkout("w", "other");
        for kind in ["file", "macro", "debug"] {
            let compile = |dir: &str| {
                let root = test.path(dir);
                let (map, source) =
                    (format!("-f{kind}-prefix-map={}=/theirs", root.display()), root.join("a.c"));
                let words = [c, "-g", "-c", &map, source.to_str().unwrap(), "-o", "a.o"];
                let outcome = test.outcome(&mut test.kache_in(dir, &words));
                (outcome, object(&test, &format!("{dir}/a.o")))
            };
            let (first, second) = (compile("w"), compile("other"));
            assert_eq!((first.0, second.0), (Miss, Hit), "{c} {kind}");
            let object = &second.1;
            assert!(contains(object, "/theirs/a.c"), "{c} {kind}");
            // What they did not map is mapped as ever.
            assert!(!contains(object, test.dir.path().to_str().unwrap()), "{c} {kind}");
            assert!(kind != "macro" || contains(object, "./a.c"), "{c}");
        }
    });
}

#[test]
fn a_directory_that_may_not_be_entered() {
    // Root may enter any directory.
    if !require_tool("setpriv", "util-linux") {
        return;
    }
    each(|c, _| {
        let test = TestEnv::with_an_empty_cache();
        test.write("w/a.c", "#include <h.h>\nint f = H;\n");
        test.write("w/one/sub/h.h", "#define H 1\n");
        test.write("w/two/h.h", "#define H 2\n");
        for (dir, mode) in [("", "777"), ("w", "777"), ("w/one", "000")] {
            assert_success(Command::new("chmod").arg(mode).arg(test.path(dir)));
        }
        // The program's own directory may be closed to others, too.
        let kache = test.path("kache");
        fs::copy(KACHE, &kache).unwrap();
        let by_another_user = |before: &[&str]| {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(before);
            command.args([c, "-c", "a.c", "-o", "a.o", "-Ione/sub", "-Itwo"]).current_dir(test.path("w"));
            command.env("KACHE_CACHE_DIR", test.cache()).env("XDG_CONFIG_HOME", test.path("w"));
            command.output().unwrap()
        };
        let (plain, cached) = (by_another_user(&[]), by_another_user(&[kache.to_str().unwrap()]));
        assert_eq!((plain.status, &plain.stderr), (cached.status, &cached.stderr), "{c}");
        // gcc takes such a directory for an error, clang for none.
        let reason = if plain.status.success() { "unreadable-input" } else { "failed" };
        assert_eq!(test.last().reason_word(), Some(reason), "{c}");
    });
}

#[test]
fn empty_headers_that_are_imported() {
    let prepare = |s: &TestEnv| {
        s.write("w/a.h", "");
        s.write("w/b.h", "");
        s.write("w/a.c", "#import \"a.h\"\n#import \"b.h\"\nint f(void) { return 1; }\n");
        for name in ["w/a.h", "w/b.h"] {
            set_time(&s.path(name), 1_000_000_000);
        }
    };
    let test = TestEnv::new();
    prepare(&test);
    let words = &["gcc", "-MD", "-c", "a.c", "-o", "a.o"];
    let ask = || test.outcome(&mut test.kache(words));
    assert_eq!((ask(), ask()), (Miss, Hit));
    set_time(&test.path("w/b.h"), 1_100_000_000);
    assert_eq!(ask(), Miss, "gcc takes them for two headers now, and its depfile names both");
    let have = fs::read(test.path("w/a.d")).unwrap();
    plainly(&test, words);
    assert_eq!(have, fs::read(test.path("w/a.d")).unwrap());
    // Where nothing is imported, their times are nothing.
    each(|c, _| {
        let test = TestEnv::new();
        prepare(&test);
        test.write("w/a.c", "#include \"a.h\"\n#include \"b.h\"\nint f(void) { return 1; }\n");
        let ask = || test.outcome(&mut test.kache(&[c, "-c", "a.c", "-o", "a.o"]));
        assert_eq!(ask(), Miss, "{c}");
        set_time(&test.path("w/b.h"), 1_100_000_000);
        assert_eq!(ask(), Hit, "{c}");
    });
}

#[test]
fn times_that_a_source_has_compared() {
    for pragma in [
        "#pragma GCC dependency \"dep.y\"\n",
        "_Pragma(\"GCC dependency \\\"dep.y\\\"\")\n",
        "#pragma GCC depen\\\ndency \"dep.y\"\n",
    ] {
        each(|c, _| {
            let test = TestEnv::new();
            test.write("w/h.h", pragma);
            test.write("w/a.c", "#include \"h.h\"\nint f(void) { return 1; }\n");
            test.write("w/dep.y", "");
            set_time(&test.path("w/dep.y"), 1_000_000_000);
            let words = &[c, "-Werror", "-c", "a.c", "-o", "a.o"];
            let ask = || test.outcome(&mut test.kache(words));
            assert_eq!((ask(), ask()), (Miss, Hit), "{c} {pragma}");
            set_time(&test.path("w/dep.y"), 2_000_000_000);
            let plainly = Command::new(c).args(&words[1..]).current_dir(test.path("w")).output().unwrap();
            let have = test.kache(words).output().unwrap();
            assert_eq!(have.status.code(), plainly.status.code(), "{c} {pragma}");
            assert_eq!(have.stderr, plainly.stderr, "{c} {pragma}");
        });
    }
}

#[test]
fn a_precompiled_header_that_is_older_than_its_source() {
    for c in ["clang-14", "clang-19"] {
        if !require_tool(c, c) {
            continue;
        }
        let test = TestEnv::new();
        test.write("w/h.h", "#define H 1\n");
        test.write("w/a.c", "int f(void) { return H; }\n");
        plainly(&test, &[c, "-x", "c-header", "h.h", "-o", "h.pch"]);
        let words = &[c, "-include-pch", "h.pch", "-c", "a.c", "-o", "a.o"];
        let ran = test.kache(words).output().unwrap();
        assert!(ran.status.success());
        set_time(&test.path("w/h.h"), 1_000_000_000);
        let plainly = Command::new(c).args(&words[1..]).current_dir(test.path("w")).output().unwrap();
        assert!(!plainly.status.success());
        assert!(!test.kache(words).output().unwrap().status.success(), "{c}: a false hit");
    }
}

#[test]
fn a_digest_of_each_source_in_debug_information() {
    each(|c, _| {
        let test = TestEnv::new();
        let sources = |checkout: &str| {
            test.write(&format!("{checkout}/.git/HEAD"), "");
            test.write(&format!("{checkout}/src/real.c"), "int f(void) { return 1; }\n");
            let included = test.path(checkout).join("src/real.c");
            test.write(&format!("{checkout}/a.c"), &format!("#include \"{}\"\n", included.display()));
        };
        sources("w");
        sources("another");
        for (flags, shared) in
            [(&["-g", "-gdwarf-5"][..], c == "gcc"), (&["-g", "-gdwarf-4"], true), (&[], true)]
        {
            let words = [&[c, "-c", "a.c", "-o", "a.o"], flags].concat();
            assert_eq!(test.outcome(&mut test.kache(&words)), Miss, "{c} {flags:?}");
            let elsewhere = test.outcome(&mut test.kache_in("another", &words));
            assert_eq!(elsewhere, if shared { Hit } else { Miss }, "{c} {flags:?}");
            let have = object(&test, "another/a.o");
            let mut again = test.kache_in("another", &words);
            assert_eq!(test.outcome(again.env("KACHE_READ", "false")), Miss);
            assert!(have == object(&test, "another/a.o"), "{c} {flags:?}");
        }
    });
}

#[test]
fn what_is_written_to_no_file_is_not_cached() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f(void) { return 1; }\n");
    let reason = |line: &str, variables: &[(&str, &str)]| {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec {} {line} 3>written", KACHE)).current_dir(test.path("w"));
        shell.env("KACHE_CACHE_DIR", test.cache()).envs(variables.iter().copied());
        assert_success(&mut shell);
        assert_ne!(fs::metadata(test.path("w/written")).unwrap().len(), 0, "{line}");
        test.last().reason_word().unwrap_or_default().to_string()
    };
    for _ in 0..2 {
        for line in [
            "gcc -S a.c -o /dev/fd/3",
            "gcc -S a.c -o /proc/self/fd/3",
            "gcc -S a.c -o /dev//./fd/3",
            "gcc -c a.c -o a.o -MD -MF /dev/fd/3",
            "gcc -c a.c -o a.o -Wp,-MD,/dev/fd/3",
        ] {
            assert_eq!(reason(line, &[]), "odd-output", "{line}");
        }
        for name in ["DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"] {
            assert_eq!(reason("gcc -c a.c -o a.o", &[(name, "/dev/fd/3")]), "side-effect", "{name}");
        }
    }
}

#[test]
fn shared_memory_is_a_file_system() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join("a.c"), "int f(void) { return 1; }\n").unwrap();
    let test = TestEnv::new();
    let ask = || {
        let mut command = test.kache(&["gcc", "-MD", "-c", "a.c", "-o", "a.o"]);
        test.outcome(command.current_dir(dir.path()))
    };
    assert_eq!(ask(), Miss);
    fs::remove_file(dir.path().join("a.o")).unwrap();
    assert_eq!(ask(), Hit);
    assert!(dir.path().join("a.o").is_file() && dir.path().join("a.d").is_file());
}

#[test]
fn more_sources_under_one_command_line_than_a_manifest_has_room_for() {
    let test = TestEnv::new();
    let compile = |n: usize| {
        test.write("w/conftest.c", &format!("int f{n}(void) {{ return {n}; }}\n"));
        test.outcome(&mut test.kache(&["gcc", "-c", "conftest.c", "-o", "conftest.o"]))
    };
    for outcome in [Miss, Hit, Hit] {
        for n in 0..30 {
            assert_eq!(compile(n), outcome, "{n}");
        }
    }
}
