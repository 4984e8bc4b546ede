//! Text that C compilers make of sources: `-E`, and `-M` alone. Each case compares what kache leaves and prints with the compiler.

use crate::c::{each, plain};
use crate::env::TestEnv;
use kache_core::events::Event;
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;

const SOURCE: &str =
    "#include \"h.h\"\n#include <stddef.h>\nint f(void) { return H; }\nchar *n = __FILE__;\n";

fn checkout() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/a.c", SOURCE);
    test.write("w/inc/h.h", "#define H 4\n");
    test
}

/// The outcome of a command in a checkout, which is stored; see [`left`].
fn run(test: &TestEnv, dir: &str, words: &[&str], files: &[&str]) -> Outcome {
    let event = left(test, dir, words, files);
    assert!(event.outcome != Miss || event.stored, "{words:?}: {:?} {:?}", event.reason, event.detail);
    event.outcome
}

/// Runs a command in a checkout, where `{w}` stands for its path. All that it prints and leaves in `files` is the
/// compiler's.
fn left(test: &TestEnv, dir: &str, words: &[&str], files: &[&str]) -> Event {
    let here = test.path(dir).display().to_string();
    let words: Vec<String> = words.iter().map(|word| word.replace("{w}", &here)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let remove = || files.iter().for_each(|file| drop(fs::remove_file(test.path(dir).join(file))));
    let left = || files.iter().map(|file| fs::read(test.path(dir).join(file)).ok()).collect::<Vec<_>>();
    remove();
    let output = test.kache_in(dir, &words).output().unwrap();
    let (event, made) = (test.last(), left());
    remove();
    let wanted = plain(test, dir, &words);
    assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&wanted.stdout), "{words:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&wanted.stderr), "{words:?}");
    assert!(made == left() && made.iter().all(Option::is_some), "{words:?} left another file");
    assert!(wanted.status.success() && output.status.success(), "{words:?}");
    event
}

/// The outcomes in `w`, there again, after a change of the header, and in another clone as it was before the change.
fn all(words: &[&str], files: &[&str]) -> [Outcome; 4] {
    let test = checkout();
    test.clone_checkout("w", "elsewhere/another");
    let first = [run(&test, "w", words, files), run(&test, "w", words, files)];
    let elsewhere = run(&test, "elsewhere/another", words, files);
    test.write("w/inc/h.h", "#include <limits.h>\n#define H 5\n");
    [first[0], first[1], run(&test, "w", words, files), elsewhere]
}

#[test]
fn a_preprocessed_source_is_kept_as_the_compiler_writes_it() {
    each(|c, cxx| {
        for (words, files, elsewhere) in [
            (&["-E", "-Iinc", "a.c"][..], &[][..], Hit),
            (&["-E", "-Iinc", "a.c", "-o", "a.i"], &["a.i"], Hit),
            (&["-E", "-Iinc", "a.c", "-o", "-"], &[], Hit),
            (&["-E", "-P", "-C", "-Iinc", "a.c", "-o", "a.i"], &["a.i"], Hit),
            (&["-E", "-c", "-Iinc", "-x", "assembler-with-cpp", "a.c"], &[], Hit),
            (&["-E", "inc/h.h"], &[], Hit),
            (&["-E", "-MD", "-Iinc", "a.c", "-o", "a.i"], &["a.i", "a.d"], Hit),
            (&["-E", "-MMD", "-MF", "x.d", "-Iinc", "a.c"], &["x.d"], Hit),
            (&["-E", "-MD", "-Iinc", "a.c"], &["a.d"], Hit),
            // The text names the checkout.
            (&["-E", "-I{w}/inc", "a.c"], &[], Miss),
            (&["-E", "-Iinc", "{w}/a.c", "-o", "a.i"], &["a.i"], Miss),
            (&["-E", "-g", "-Iinc", "a.c", "-o", "a.i"], &["a.i"], if c == "gcc" { Miss } else { Hit }),
            (&["-E", "-ffile-prefix-map={w}=/x", "-Iinc", "a.c"], &[], Hit),
        ] {
            for c in [c, cxx] {
                let words = [&[c], words].concat();
                assert_eq!(all(&words, files), [Miss, Hit, Miss, elsewhere], "{words:?}");
            }
        }
    });
}

#[test]
fn rules_alone_are_kept_as_the_compiler_writes_them() {
    each(|c, _| {
        for (words, files, elsewhere) in [
            (&["-M", "-Iinc", "a.c"][..], &[][..], Hit),
            (&["-MM", "-MP", "-MT", "x", "-Iinc", "a.c"], &[], Hit),
            (&["-M", "-Iinc", "a.c", "-o", "a.d"], &["a.d"], Hit),
            (&["-MM", "-c", "-Iinc", "a.c", "-MF", "dep"], &["dep"], Hit),
            // In a file, each checkout has its own paths. Printed, they are where they are.
            (&["-M", "-I{w}/inc", "{w}/a.c", "-o", "a.d"], &["a.d"], Hit),
            (&["-M", "-I{w}/inc", "a.c"], &[], Miss),
        ] {
            let words = [&[c], words].concat();
            let [first, again, changed, other] = all(&words, files);
            // A rule names a header whatever is in it.
            assert_eq!([first, again, changed, other], [Miss, Hit, Miss, elsewhere], "{words:?}");
        }
    });
}

/// Outputs that gcc and clang do not plan alike.
#[test]
fn rules_beside_an_output_are_not_kept() {
    each(|c, _| {
        let test = checkout();
        for words in [&["-M", "-MD"][..], &["-M", "-MF", "x.d", "-o", "x.o"], &["-M", "-MG"]] {
            let words = [&[c, "-Iinc", "a.c"], words].concat();
            assert_eq!(test.refusal(&mut test.kache(&words)), "unsupported-flag", "{words:?}");
        }
    });
}

#[test]
fn what_a_preprocessor_looked_for_counts() {
    each(|c, _| {
        let test = checkout();
        test.write("w/b.c", "#if __has_include(\"x.h\")\nint there;\n#endif\n#include <h.h>\n");
        let words = &[c, "-E", "-Iearly", "-Iinc", "b.c"];
        let go = || run(&test, "w", words, &[]);
        assert_eq!((go(), go()), (Miss, Hit));
        test.write("w/x.h", "");
        assert_eq!((go(), go()), (Miss, Hit));
        test.write("w/early/h.h", "#define H 9\nint early;\n");
        assert_eq!((go(), go()), (Miss, Hit));
        let rules = &[c, "-M", "-Iearly", "-Iinc", "b.c", "-o", "b.d"];
        assert_eq!((run(&test, "w", rules, &["b.d"]), run(&test, "w", rules, &["b.d"])), (Miss, Hit));
        fs::remove_file(test.path("w/early/h.h")).unwrap();
        assert_eq!(run(&test, "w", rules, &["b.d"]), Miss);
    });
}

#[test]
fn a_date_in_a_preprocessed_source_is_not_kept() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/a.c", "char *when = __DATE__;\n");
        test.write("w/b.c", "char *name = \"__DATE__\";\n");
        assert_eq!(test.refusal(&mut test.kache(&[c, "-E", "a.c"])), "clock");
        assert_eq!(test.refusal(test.kache(&[c, "-E", "a.c", "-o", "a.i"]).env("TZ", "UTC")), "clock");
        if c == "clang-14" {
            // It knows no date but the clock's.
            return;
        }
        let dated = |date: &str| test.outcome(test.kache(&[c, "-E", "a.c"]).env("SOURCE_DATE_EPOCH", date));
        assert_eq!((dated("100000"), dated("100000"), dated("200000000")), (Miss, Hit, Miss));
        let go = || test.outcome(&mut test.kache(&[c, "-E", "b.c"]));
        assert_eq!((go(), go()), (Miss, Hit));
    });
}

/// The directory that the text names is the one that `PWD` names.
#[test]
fn the_working_directory_in_a_text_by_way_of_a_link() {
    each(|c, _| {
        let test = checkout();
        std::os::unix::fs::symlink("w", test.path("link")).unwrap();
        let at = |pwd: &str| {
            let words = &[c, "-E", "-g", "-Iinc", "a.c"];
            let run = test.kache(words).env("PWD", test.path(pwd)).output().unwrap();
            let mut wanted = std::process::Command::new(c);
            wanted.args(&words[1..]).current_dir(test.path("w")).env("PWD", test.path(pwd));
            assert!(run.stdout == wanted.output().unwrap().stdout, "{c} with PWD={pwd}");
            test.last().outcome
        };
        at("w");
        at("link");
        assert_eq!((at("w"), at("link")), (Hit, Hit), "{c}");
    });
}

/// Compilers write some characters of a path in another form.
#[test]
fn a_checkout_with_an_odd_name() {
    each(|c, _| {
        for name in ["q\"uote #", "\u{e9}t\u{e9}$", "back\\slash"] {
            let test = checkout();
            test.clone_checkout("w", name);
            for (words, files) in [
                (&["-E", "-I{w}/inc", "a.c"][..], &[][..]),
                (&["-M", "-I{w}/inc", "a.c"], &[]),
                (&["-M", "-I{w}/inc", "a.c", "-o", "a.d"], &["a.d"]),
            ] {
                let words = [&[c], words].concat();
                for dir in ["w", name, name, "w"] {
                    left(&test, dir, &words, files);
                }
            }
        }
    });
}

/// A full disk, and a reader that has gone: the compiler fails, and so does kache, which writes in its place.
#[cfg(target_os = "linux")]
#[test]
fn a_text_that_cannot_be_written_fails_the_command() {
    each(|c, _| {
        let test = checkout();
        for words in [&["-E", "-Iinc", "a.c"][..], &["-E", "-MD", "-Iinc", "a.c"], &["-M", "-Iinc", "a.c"]] {
            let words = [&[c], words].concat();
            for outcome in [Miss, Hit] {
                let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
                let ran = test.kache_in("w", &words).stdout(full).output().unwrap();
                let said = String::from_utf8_lossy(&ran.stderr);
                assert!(
                    !ran.status.success() && said.contains("No space left on device"),
                    "{words:?}: {said}"
                );
                assert_eq!(test.last().outcome, outcome, "{words:?}");
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                let ran = test.kache_in("w", &words).stdout(writer).output().unwrap();
                assert!(!ran.status.success() && ran.stderr.is_empty(), "{words:?}");
            }
        }
        // Of a compile, what is printed is by the way.
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = test.kache_in("w", &[c, "-c", "-Iinc", "a.c"]).stdout(full).output().unwrap();
        assert!(ran.status.success(), "{c}");
    });
}

/// A caller may not wait for who reads its text, and neither does what it starts. clang waits.
#[test]
fn a_text_waits_for_a_reader_where_writing_does_not() {
    each(|c, _| {
        if !c.contains("clang") {
            return;
        }
        let test = TestEnv::new();
        test.write("w/a.c", &"int declared_many_times;\n".repeat(40_000));
        let words = [c, "-E", "a.c"];
        let wanted = plain(&test, "w", &words).stdout;
        for outcome in [Miss, Hit] {
            let (mut reader, writer) = UnixStream::pair().unwrap();
            writer.set_nonblocking(true).unwrap();
            let mut command = test.kache_in("w", &words);
            let mut ran = command.stdout(std::os::fd::OwnedFd::from(writer)).spawn().unwrap();
            // The command has the other end alone.
            command.stdout(std::process::Stdio::null());
            std::thread::sleep(std::time::Duration::from_millis(500));
            let mut text = Vec::new();
            reader.read_to_end(&mut text).unwrap();
            assert!(ran.wait().unwrap().success() && text == wanted, "{c}: {} bytes", text.len());
            assert_eq!(test.last().outcome, outcome);
        }
    });
}

/// A short text is written as the compiler ends, after its warnings. clang counts them after that.
#[test]
fn a_text_and_warnings_in_one_file_keep_their_order() {
    each(|c, _| {
        if c.contains("clang") {
            return;
        }
        let test = TestEnv::new();
        test.write("w/a.c", "#warning one\nint x;\n#warning two\n");
        let words = [c, "-E", "a.c"];
        let both = |command: &mut std::process::Command| {
            let file = fs::File::create(test.path("both")).unwrap();
            assert!(command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap().success());
            fs::read_to_string(test.path("both")).unwrap()
        };
        assert_eq!(test.outcome(&mut test.kache_in("w", &words)), Miss);
        let given = both(&mut test.kache_in("w", &words));
        assert_eq!(test.last().outcome, Hit, "{c}");
        let wanted = both(std::process::Command::new(c).args(&words[1..]).current_dir(test.path("w")));
        assert_eq!(given, wanted, "{c}");
    });
}

/// clang warns of arguments that it has no use for: those of kache among them.
#[test]
fn a_step_that_makes_nothing_warns_as_the_compiler_does() {
    each(|c, _| {
        let test = TestEnv::new();
        test.write("w/x.s", ".long 1\n");
        test.write("w/a.c", "int x;\n");
        for words in
            [&["-fsyntax-only", "x.s"][..], &["-S", "x.s"], &["-S", "x.s", "a.c"], &["-Werror", "-S", "x.s"]]
        {
            let words = [&[c], words].concat();
            let wanted = plain(&test, "w", &words);
            for _ in 0..2 {
                let ran = test.kache_in("w", &words).output().unwrap();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                assert_eq!(text(&ran.stderr), text(&wanted.stderr), "{words:?}");
                assert_eq!(ran.status, wanted.status, "{words:?}");
            }
        }
    });
}
