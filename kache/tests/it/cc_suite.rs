//! What ccache's test suite demands of a cache for C and C++, asked of kache: `ccache.md` says which case is where.
//! The yardstick is the plain compiler: what it leaves and says, to the byte, whether it ran or not.

#[path = "cc_suite/places.rs"]
mod places;
use crate::KACHE;
use crate::c::each;
use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use Outcome::{Hit, Miss, Passthrough};

/// What a run leaves and says.
#[derive(PartialEq)]
struct Left {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Objects by their length: it is texts that can be read.
impl std::fmt::Debug for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "{:?}\n{}{}", self.status, self.stdout, self.stderr)?;
        self.files.iter().try_for_each(|(path, bytes)| match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.contains(&0) => writeln!(f, "{}: {text}", path.display()),
            _ => writeln!(f, "{}: {} bytes", path.display(), bytes.len()),
        })
    }
}

fn tree(dir: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            tree(&entry.path(), into);
        } else if kind.is_file() {
            into.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
}

/// Runs it, and puts everything under the directory back as it was.
fn left(dir: &Path, command: &mut Command) -> Left {
    let (mut before, mut files) = (BTreeMap::new(), BTreeMap::new());
    tree(dir, &mut before);
    let out = command.current_dir(dir).output().unwrap();
    tree(dir, &mut files);
    files.retain(|path, bytes| before.get(path) != Some(bytes));
    for path in files.keys() {
        match before.get(path) {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Left { status: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr), files }
}

/// The wrapper; paths stay literal where they are in the object, so that it is the plain compiler's.
fn wrapped(test: &TestEnv, words: &[&str]) -> Command {
    let mut command = test.kache(words);
    if words.iter().any(|w| w.starts_with("-g") || w.starts_with('/')) {
        command.env("KACHE_REMAP", "0");
    }
    command
}

fn compiler(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// Leaves in `w` what the compiler leaves, each time, with these outcomes.
fn same(test: &TestEnv, words: &[&str], outcomes: &[Outcome]) -> Left {
    let dir = test.path("w");
    let wanted = left(&dir, &mut compiler(words));
    for outcome in outcomes {
        let have = left(&dir, &mut wrapped(test, words));
        let event = test.last();
        assert_eq!(event.outcome, *outcome, "{words:?}: {:?} {:?}", event.reason, event.detail);
        assert!(have == wanted, "{words:?} {outcome:?}: {have:?} and not {wanted:?}");
    }
    wanted
}

/// The words of a line, with the compiler before them.
fn line<'a>(c: &'a str, words: &'a str) -> Vec<&'a str> {
    [c].into_iter().chain(words.split(' ')).collect()
}

fn cached(test: &TestEnv, c: &str, words: &str) -> Left {
    let left = same(test, &line(c, words), &[Miss, Hit]);
    assert_eq!(left.status, Some(0), "{c} {words}: {}", left.stderr);
    left
}

fn script(test: &TestEnv, name: &str, body: &str) -> String {
    let path = test.write(name, &format!("#!/bin/sh\n{body}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_string()
}

const CODE: &str = "int test(int x) { return x + 1; }\n";

#[test]
fn outputs_have_the_names_that_the_compiler_gives_them() {
    each(|c, _| {
        let test = TestEnv::new();
        for name in ["a.c", "src/foo", "src/foo.", "src/foo.c.c", "a.ccc"] {
            test.write(&format!("w/{name}"), CODE);
        }
        for words in [
            "-c a.c",
            "-c a.c -odir",
            "-c a.c -optf",
            "-c src/foo.c.c",
            "-x c -c src/foo",
            "-x c -c src/foo.",
            "-x c -c a.ccc",
            "-x assembler -x none -c a.c",
            "-x c -c /dev/null -o null.o",
            "-S a.c",
            "-c a.c -o test.x.y",
            "-c a.c -o .hidden",
            "-c a.c -g -g0",
            "-c a.c -g",
        ] {
            let outcomes = if words == "-c a.c -optf" { &[Hit][..] } else { &[Miss, Hit] };
            let left = same(&test, &line(c, words), outcomes);
            assert_eq!(left.files.len(), 1, "{c} {words}");
        }
        same(&test, &line(c, "-xc -c a.ccc"), &[Hit]);
        if c != "gcc" {
            same(&test, &line(c, "-c -- a.c"), &[Hit]);
        }
    });
}

#[test]
fn flags_for_one_part_of_the_compiler_are_kept_apart() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write(
            "w/a.c",
            "#include <stdio.h>\n#ifdef FOO\nint foo = FOO;\n#endif\nint f(void) { return 1; }\n",
        );
        for words in [
            "-c -P a.c",
            "-c -Wp,-P a.c",
            "-c -Wp,-P,-DFOO a.c",
            "-c -Wp,-DFOO,-P a.c",
            "-c -Wp,-DFOO a.c",
            "-c -DFOO a.c",
            "-c -DFOO=2 a.c",
            "-B -L -DFOO -c a.c",
            "-B -L -DBAR -c a.c",
            "-c -Wall a.c",
            "-c -Wall -Werror a.c",
            "-c -Wall -rdynamic a.c",
        ] {
            cached(&test, c, words);
        }
    });
}

#[test]
fn a_compile_that_makes_no_object_leaves_the_old_one() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "#warning look here\nint f(void) { int unused; return 1; }\n");
        test.write("w/a.o", "existing");
        test.write("w/null.o", "existing");
        for words in [
            "-fsyntax-only a.c",
            "-Wall -fsyntax-only a.c",
            "-Wall -c a.c -fsyntax-only",
            "-fsyntax-only -x c /dev/null",
        ] {
            let left = cached(&test, c, words);
            assert!(left.files.is_empty(), "{c} {words}");
            assert_eq!(left.stderr.contains("look here"), words.contains("a.c"), "{c} {words}");
        }
        // A device is written to again each time, or need not be.
        let words = line(c, "-c a.c -o /dev/null");
        let wanted = left(&test.path("w"), &mut compiler(&words));
        for _ in 0..2 {
            assert!(left(&test.path("w"), &mut wrapped(&test, &words)) == wanted, "{c}");
        }
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    });
}

#[test]
fn what_makes_no_sense_is_refused_as_the_compiler_does() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", CODE);
        test.write("w/a.ccc", CODE);
        assert_success(Command::new(c).current_dir(test.path("w")).args(["-c", "a.c", "-o", "main.o"]));
        for words in [
            "-c -O2",
            "-c a.c -I",
            "-c a.ccc",
            "-x unknown -c a.c",
            "-M foo -c a.c",
            "-E -c a.c",
            "-P -E a.c",
            "-shared main.o -o lib.so",
            "-c a.c -Wp,-MMD,wp.d -MF mf.d -o object.o",
        ] {
            let words = line(c, words);
            let wanted = left(&test.path("w"), &mut compiler(&words));
            for _ in 0..2 {
                assert_eq!(left(&test.path("w"), &mut wrapped(&test, &words)), wanted, "{c} {words:?}");
            }
        }
        // The command line would be in the object.
        for _ in 0..2 {
            same(&test, &line(c, "-c a.c -frecord-gcc-switches"), &[Passthrough]);
        }
    });
    let test = TestEnv::new();
    let out = test.kache(&["/nonexistent/gcc", "-c", "a.c"]).output().unwrap();
    assert_eq!(out.status.code(), Some(127));
    assert!(!test.kache(&["nonexistent-gcc", "-c", "a.c"]).output().unwrap().status.success());
}

#[test]
fn an_output_directory_that_went_away_is_missed() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", CODE);
        fs::create_dir(test.path("w/out")).unwrap();
        cached(&test, c, "-c a.c -o out/foo.o");
        fs::remove_dir(test.path("w/out")).unwrap();
        let words = line(c, "-c a.c -o out/foo.o");
        let wanted = left(&test.path("w"), &mut compiler(&words));
        let have = left(&test.path("w"), &mut wrapped(&test, &words));
        assert_eq!((wanted.status, have.status), (Some(1), Some(1)), "{c}: {}", wanted.stderr);
        assert!(!test.path("w/out").exists());
    });
}

#[test]
fn a_restored_object_has_the_permissions_of_a_new_one() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", CODE);
        for mask in ["022", "002", "077"] {
            for wanted in ["a compile", "a hit"] {
                let mut by_shell = Command::new("sh");
                let kache = test.kache(&[]);
                by_shell
                    .envs(kache.get_envs().filter_map(|(n, v)| Some((n, v?))))
                    .current_dir(test.path("w"));
                let command = format!("umask {mask}; \"$0\" {c} -MMD -c a.c");
                assert_success(by_shell.args(["-c", &command, KACHE]));
                for file in ["w/a.o", "w/a.d"] {
                    let path = test.path(file);
                    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                    let masked = 0o666 & !u32::from_str_radix(mask, 8).unwrap();
                    assert_eq!(format!("{mode:o}"), format!("{masked:o}"), "{c} {mask} {file}, {wanted}");
                    fs::remove_file(path).unwrap();
                }
            }
        }
        assert_eq!(test.last().outcome, Hit);
    });
}

#[test]
fn the_wrapper_before_itself_and_behind_a_script() {
    let test = TestEnv::new();
    test.write("w/a.c", CODE);
    let wanted = left(&test.path("w"), &mut compiler(&["gcc", "-c", "a.c"]));
    for before in [&[][..], &[KACHE], &[KACHE, KACHE]] {
        let words = [before, &["gcc", "-c", "a.c"]].concat();
        assert!(left(&test.path("w"), &mut test.kache(&words)) == wanted, "{words:?}");
        assert_eq!(test.last().outcome, if before.is_empty() { Miss } else { Hit });
    }
    let mine = script(&test, "bin/my-gcc", &format!("exec '{KACHE}' gcc \"$@\""));
    for _ in 0..2 {
        assert!(left(&test.path("w"), &mut test.kache(&[&mine, "-c", "a.c"])) == wanted);
    }
    let off = test.path("off");
    let mut command = test.kache(&["gcc", "-c", "a.c"]);
    assert!(left(&test.path("w"), command.env("KACHE_DISABLE", "1").env("KACHE_CACHE_DIR", &off)) == wanted);
    assert!(!off.exists());
}

#[test]
fn a_script_that_talks_is_heard_again_and_one_that_makes_nothing_is_not_believed() {
    let test = TestEnv::new();
    test.write("w/a.c", CODE);
    let talks = script(&test, "bin/talks-gcc", "printf 'to out|'; printf 'to err|' >&2\nexec gcc \"$@\"");
    let left = same(&test, &[&talks, "-c", "a.c"], &[Miss, Hit]);
    assert_eq!((left.stdout.as_str(), left.stderr.as_str()), ("to out|", "to err|"));
    for body in ["exit 0", ": > a.o"] {
        let idle = script(&test, "bin/idle-gcc", body);
        assert_eq!(test.refusal(&mut test.kache(&[&idle, "-c", "a.c"])), "no-output", "{body}");
        assert_eq!(test.refusal(&mut test.kache(&[&idle, "-c", "a.c"])), "no-output", "{body}");
        let _ = fs::remove_file(test.path("w/a.o"));
    }
}

#[test]
fn depfiles_are_where_and_what_the_compiler_makes_them() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "#include \"h.h\"\n");
        test.write("w/h.h", "int h;\n");
        fs::create_dir(test.path("w/sub")).unwrap();

        for words in [
            "-MD -c a.c",
            "-MMD -MP -MF x.d -c a.c",
            "-MMD -c a.c -o sub/a.obj",
            "-MMD -c a.c -o sub/a",
            "-MMD -c a.c -o sub/a.",
            "-MMD -c a.c -o sub/a.foo.bar",
            "-MMD -MQ foo.bar -c a.c -o sub/a.obj",
            "-MMD -MQ foo.bar -c a.c -o sub/a.",
            "-MMD -MQ foo.bar -c a.c -o sub/a.foo.bar",
            "-MMD -c a.c",
            "-MMD -c a.c -o o.o",
            "-MD -c a.c -o sub/o.o",
            "-MMD -MF a.d -MF mf.d -c a.c",
            "-MMD -MF a.d -MF mf.d -c a.c -o o.o",
            "-MFmf.d -MMD -c a.c",
            "-MMD -Wp,-MMD,wp.d -c a.c",
            "-MMD -Wp,-MMD,wp.d -c a.c -o o.o",
            "-Wp,-MMD,wp.d -MMD -c a.c",
            "-Wp,-MMD,wp.d -MMD -c a.c -o o.o",
            "-MT foo.o -Wp,-MMD,wp.d -c a.c",
            "-MQ foo.o -Wp,-MMD,wp.d -c a.c -o o.o",
            "-Wp,-MMD,a.d,-MT,a.o -c a.c",
            "-MMD -MQ $mq -MT $mt -c a.c",
            "-MMD -MQ $mq -MT $mt -Wp,-MMD,foo.d -c a.c",
            "-MD -MF /dev/null -c a.c",
            "-MP -MMD -MF /dev/null -c a.c",
        ] {
            cached(&test, c, words);
        }
        // clang forgets all that stands behind -MMD there, the file's name too.
        let kept = if c == "gcc" { Hit } else { Miss };
        same(&test, &line(c, "-Wp,-MMD,wp.d,-MT,wp.o -c a.c"), &[Miss, kept]);
        // The next name is another file's, and the last one's depfile is nobody's.
        test.write("w/sub/a.c", "#include \"../h.h\"\n");
        for (words, outcomes) in [
            ("-MMD -c sub/a.c", &[Miss, Hit][..]),
            ("-MMD -c sub/a.c -o a.o", &[Miss, Hit]),
            ("-MMD -c sub/a.c -o sub/a.o", &[Hit]),
        ] {
            same(&test, &line(c, words), outcomes);
            same(&test, &line(c, "-MMD -c a.c"), &[Hit]);
        }
        same(&test, &line(c, "-MMD -c a.c -o sub/a.o"), &[Hit]);
        cached(&test, c, "-fstack-usage -c a.c");
    });
}

#[test]
fn an_old_depfile_of_an_assembler_source_is_not_its_own() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.s", ".globl f\nf: ret\n");
        test.write("w/a.d", "foo");
        cached(&test, c, "-c -MD a.s");
        fs::remove_file(test.path("w/a.d")).unwrap();
        let left = same(&test, &line(c, "-c -MD a.s"), &[Hit]);
        assert_eq!(left.files.len(), 1, "{c}");
    });
}

#[test]
fn a_list_of_headers_asked_for_in_the_environment_is_made_each_time() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "#include \"h.h\"\n");
        test.write("w/h.h", "int h;\n");
        for name in ["DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"] {
            for value in ["deps.d", "deps.d target"] {
                let words = [c, "-c", "a.c"];
                let wanted = left(&test.path("w"), compiler(&words).env(name, value));
                for _ in 0..3 {
                    let have = left(&test.path("w"), test.kache(&words).env(name, value));
                    assert!(have == wanted, "{c} {name}={value}: {have:?} and not {wanted:?}");
                }
                same(&test, &[c, "-c", "a.c", "-Wall"], &[]);
            }
        }
    });
}

#[test]
fn headers_come_and_go() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "#include \"one.h\"\n#include \"empty.h\"\n");
        test.write("w/empty.c", "");
        test.write("w/empty.h", "");
        test.write("w/one.h", "#include \"three.h\"\nint one;\n");
        test.write("w/three.h", "int three;\n");
        let words = [c, "-MD", "-c", "a.c"];
        cached(&test, c, "-c empty.c");
        cached(&test, c, "-MD -c a.c");
        test.write("w/one.h", "int one;\n");
        fs::remove_file(test.path("w/three.h")).unwrap();
        same(&test, &words, &[Miss, Hit]);
        let states: Vec<String> = (0..5).map(|n| format!("int one_{n};\n")).collect();
        for state in &states {
            test.write("w/one.h", state);
            same(&test, &words, &[Miss, Hit]);
        }
        for state in &states {
            test.write("w/one.h", state);
            same(&test, &words, &[Hit]);
        }
        let future = SystemTime::now() + Duration::from_secs(100_000_000);
        let date = |name: &str| {
            fs::File::options().write(true).open(test.path(name)).unwrap().set_modified(future).unwrap();
        };
        test.write("w/one.h", "int new;\n");
        date("w/one.h");
        same(&test, &words, &[Miss, Hit]);
        test.write("w/one.h", "int old;\n");
        date("w/one.h");
        same(&test, &words, &[Miss, Hit]);
    });
}

#[test]
fn what_the_source_says_of_itself_is_true() {
    each(|c, _| {
        let test = TestEnv::new();
        for name in ["file.c", "file2.c"] {
            test.write(&format!("w/{name}"), "const char *name = __FILE__;\n");
            cached(&test, c, &format!("-c {name}"));
        }
        let whole = test.path("w/file.c");
        same(&test, &[c, "-c", whole.to_str().unwrap()], &[Miss, Hit]);
        test.write("w/time.h", "#define time __TIME__ __DATE__ __TIMESTAMP__\nint test;\n");
        test.write("w/time.c", "#include \"time.h\"\n#define also __TIME__\n");
        cached(&test, c, "-c time.c");
        test.write("w/date.h", "#define WHEN __DATE__\n");
        test.write("w/date.c", "#include \"date.h\"\nchar when[] = WHEN;\n");
        same(&test, &line(c, "-MP -MMD -MF d -c date.c"), &[Miss, Miss]);
        assert_eq!(test.last().reason_word(), Some("clock"));
        for word in ["foo", "goo"] {
            test.write("w/a.c", &format!("const char *s = \" /* \\\\u\" \"{word}\" \" */\";\n"));
            cached(&test, c, "-c a.c");
        }
        test.write("w/strange.c", "int foo;\n#line 1 \"/dev/stdout\"\n#line 1 \"/dev/tty\"\nint bar;\n");
        cached(&test, c, "-c strange.c");
        cached(&test, c, "-g -c strange.c");
        test.write("w/warn.c", "#if FOO\n#endif FOO\nint f(void)\n{\n}\n");
        let left = cached(&test, c, "-MD -Wall -W -c warn.c");
        assert!(left.stderr.contains("#endif") && left.stderr.contains("-Wreturn-type"), "{}", left.stderr);
    });
    let test = TestEnv::new();
    fs::write(test.path("w/latin1.c"), b"#include <wchar.h>\nwchar_t foo[] = L\"\xbf\";\n").unwrap();
    cached(&test, "gcc", "-c -finput-charset=latin1 latin1.c");
}

#[test]
fn a_file_that_the_assembler_includes_counts_however_it_is_named() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "__asm__(\".incbin\" \" \\\"blob\\\"\");\n");
        test.write("w/a.s", ".incbin \"blob\"; .include \"inc\"\n");
        test.write("w/a.cpp", "struct A { void incbin() const {} };\nvoid f() { A a; a.incbin(); }\n");
        test.write("w/inc", ".long 1\n");
        cached(&test, c, "-x c++ -c a.cpp");
        for blob in ["", "one", "two"] {
            test.write("w/blob", blob);
            for words in ["-c a.c", "-c a.s"] {
                cached(&test, c, words);
            }
        }
        test.write("w/inc", ".long 2\n");
        cached(&test, c, "-c a.s");
    });
}
