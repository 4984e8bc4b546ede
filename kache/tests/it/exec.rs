//! `kache exec`: what is restored, what counts, what is refused, and what the terminal shows.

use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// `kache exec` with a shell script, in a checkout.
fn exec(test: &TestEnv, checkout: &str, outputs: &[&str], script: &str) -> Command {
    let mut words = vec!["exec"];
    outputs.iter().for_each(|output| words.extend(["--output", output]));
    words.extend(["--", "sh", "-c", script]);
    test.kache_in(checkout, &words)
}

fn outcome(test: &TestEnv, outputs: &[&str], script: &str) -> Outcome {
    test.outcome(&mut exec(test, "w", outputs, script))
}

fn refusal(test: &TestEnv, outputs: &[&str], script: &str) -> String {
    test.refusal(&mut exec(test, "w", outputs, script))
}

fn read(test: &TestEnv, name: &str) -> String {
    fs::read_to_string(test.path(name)).unwrap()
}

#[test]
fn a_file_is_restored_where_it_is_absent_and_over_an_earlier_one() {
    let test = TestEnv::new();
    test.write("w/in", "one");
    let script = "cat in > out; echo said; echo warned >&2";
    let run = || {
        let Output { stdout, stderr, .. } = assert_success(&mut exec(&test, "w", &["out"], script));
        assert_eq!((&*stdout, &*stderr), (&b"said\n"[..], &b"warned\n"[..]));
        (test.last().outcome, test.last().stored, read(&test, "w/out"))
    };
    assert_eq!(run(), (Miss, true, "one".to_string()));
    assert_eq!(run(), (Hit, false, "one".to_string()));
    fs::remove_file(test.path("w/out")).unwrap();
    assert_eq!(run(), (Hit, false, "one".to_string()));
    test.write("w/in", "two");
    assert_eq!(run(), (Miss, true, "two".to_string()));
    test.write("w/in", "one");
    assert_eq!(run(), (Hit, false, "one".to_string()), "over the output of another input");
    assert_eq!(test.last().unit.family, "command");
}

#[test]
fn whether_an_output_was_there_counts_where_the_command_asks() {
    let test = TestEnv::new();
    for script in [
        "if [ -e out ]; then echo there > out; else echo new > out; fi",
        "echo new > tmp; mv -n tmp out; rm -f tmp; echo more >> out",
        "rm out 2>/dev/null && echo there > out || echo new > out",
        "set -C; echo new > out || { rm out; echo there > out; }",
    ] {
        let plain = || {
            assert_success(Command::new("sh").args(["-c", script]).current_dir(test.path("w")));
            read(&test, "w/out")
        };
        let observed = || {
            assert_success(&mut exec(&test, "w", &["out"], script));
            read(&test, "w/out")
        };
        for _ in 0..3 {
            let _ = fs::remove_file(test.path("w/out"));
            let absent = plain();
            fs::remove_file(test.path("w/out")).unwrap();
            assert_eq!(observed(), absent, "{script}");
            test.write("w/out", "old\n");
            let there = plain();
            test.write("w/out", "old\n");
            assert_eq!(observed(), there, "{script}");
        }
    }
}

#[test]
fn a_command_that_fails_without_an_earlier_output_fails_after_a_hit_as_well() {
    let test = TestEnv::new();
    let script = "rm out && echo new > out";
    for script in [script, "echo new > tmp; mv tmp out"] {
        test.write("w/out", "old");
        (0..3).for_each(|_| drop(assert_success(&mut exec(&test, "w", &["out"], script))));
        assert_eq!(test.last().outcome, Hit);
    }
    fs::remove_file(test.path("w/out")).unwrap();
    assert!(!exec(&test, "w", &["out"], script).output().unwrap().status.success());
    assert!(!test.path("w/out").exists());
}

#[test]
fn what_was_in_an_earlier_output_counts_where_the_command_reads_it() {
    let test = TestEnv::new();
    for script in [
        "mv out old; cat old in > out; rm old",
        "ln out old; cat old in > t; mv t out; rm old",
        "cat out in > t; mv t out",
        "cat in >> out",
        "cmp -s in out || cat in > out",
        "rm out; cat in > out",
    ] {
        test.write("w/in", "in\n");
        let mut run = |before: &str| {
            test.write("w/out", before);
            assert_success(Command::new("sh").args(["-c", script]).current_dir(test.path("w")));
            let plain = read(&test, "w/out");
            test.write("w/out", before);
            let outcome = outcome(&test, &["out"], script);
            assert_eq!(read(&test, "w/out"), plain, "{script}");
            outcome
        };
        assert_eq!(["old\n", "old\n", "other\n", "old\n"].map(&mut run), [Miss, Hit, Miss, Hit], "{script}");
    }
    test.write("w/out", "in\n");
    for script in ["cmp -s in out || cat in > out", "true", "cat out in > t; stat -c %Y out >> t; mv t out"] {
        for _ in 0..2 {
            let reason = refusal(&test, &["out"], script);
            assert!(["no-output", "output-directory"].contains(&&*reason), "{script}: {reason}");
        }
    }
}

#[test]
fn the_permission_bits_are_those_that_the_command_leaves() {
    let test = TestEnv::new();
    let mode = || fs::metadata(test.path("w/out")).unwrap().permissions().mode() & 0o7777;
    let set = |mode| fs::set_permissions(test.path("w/out"), fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(outcome(&test, &["out"], "echo > out"), Miss);
    let new = mode();
    set(0o600);
    assert_eq!((outcome(&test, &["out"], "echo > out"), mode()), (Miss, 0o600));
    assert_eq!((outcome(&test, &["out"], "echo > out"), mode()), (Hit, 0o600));
    fs::remove_file(test.path("w/out")).unwrap();
    assert_eq!((outcome(&test, &["out"], "echo > out"), mode()), (Hit, new));
    assert_eq!((outcome(&test, &["out"], "echo > out; chmod 750 out"), mode()), (Miss, 0o750));
    assert_eq!(
        (outcome(&test, &["out"], "echo > out; chmod 750 out"), mode()),
        (Miss, 0o750),
        "it was there"
    );
    assert_eq!((outcome(&test, &["out"], "echo > out; chmod 750 out"), mode()), (Hit, 0o750));
}

#[test]
fn a_directory_is_restored_with_all_that_is_in_it() {
    let test = TestEnv::new();
    test.write("w/in", "x");
    let made = "mkdir gen; cp in gen/a; mkdir gen/sub; ln -s ../a gen/sub/link; echo run > gen/run; chmod +x gen/run";
    let shape = || {
        let find = "cd gen && find . -printf '%p %y %m %l\\n' | sort";
        let mut list = Command::new("sh");
        list.args(["-c", find]).current_dir(test.path("w"));
        String::from_utf8(assert_success(&mut list).stdout).unwrap()
    };
    assert_eq!(outcome(&test, &["gen/"], made), Miss);
    let first = shape();
    assert_eq!(refusal(&test, &["gen/"], "true"), "output-directory");
    fs::remove_dir_all(test.path("w/gen")).unwrap();
    assert_eq!(outcome(&test, &["gen/"], made), Hit);
    assert_eq!(shape(), first);
    // One that is there and empty is another case.
    fs::remove_dir_all(test.path("w/gen")).unwrap();
    fs::create_dir(test.path("w/gen")).unwrap();
    let script = "mkdir gen 2>/dev/null; cp in gen/a; echo b > gen/b";
    assert_eq!(outcome(&test, &["gen"], script), Miss);
    for name in ["a", "b"] {
        fs::remove_file(test.path("w/gen").join(name)).unwrap();
    }
    assert_eq!(outcome(&test, &["gen"], script), Hit);
    assert_eq!((read(&test, "w/gen/a").as_str(), read(&test, "w/gen/b").as_str()), ("x", "b\n"));
}

#[test]
fn a_path_in_an_argument_is_confirmed_by_a_second_place() {
    let test = TestEnv::new();
    test.write("w/in", "x");
    test.clone_checkout("w", "another");
    test.clone_checkout("w", "third");
    let run = |checkout: &str, script: &str| {
        let root = test.path(checkout);
        let _ = fs::remove_file(root.join("out"));
        let outcome = test.outcome(&mut exec(
            &test,
            checkout,
            &["out"],
            &script.replace("ROOT", root.to_str().unwrap()),
        ));
        (outcome, fs::read_to_string(root.join("out")).unwrap())
    };
    let all = |script: &str| ["w", "w", "another", "third"].map(|checkout| run(checkout, script));
    let copied = all("cat ROOT/in > out").map(|(outcome, text)| (outcome, text == "x"));
    assert_eq!(copied, [(Miss, true), (Hit, true), (Miss, true), (Hit, true)]);
    let length = all("echo ROOT | wc -c > out");
    assert_eq!(length.clone().map(|(outcome, _)| outcome), [Miss, Hit, Miss, Miss]);
    assert_ne!(length[0].1, length[3].1);
    let asked = all("cat ./in > out").map(|(outcome, _)| outcome);
    assert_eq!(asked, [Miss, Hit, Miss, Hit], "a shell looks at PWD");
    let relative = ["w", "w", "another", "third"].map(|checkout| {
        fs::remove_file(test.path(checkout).join("out")).unwrap();
        test.outcome(&mut test.kache_in(checkout, &["exec", "-o", "out", "--", "sort", "in", "-o", "out"]))
    });
    assert_eq!(relative, [Miss, Hit, Hit, Hit], "no path is told");
}

#[test]
fn what_cannot_be_accounted_for_is_not_stored_and_the_terminal_says_why() {
    let test = TestEnv::new();
    for (script, reason, detail) in [
        ("echo > out; echo > other", "side-effect", "other"),
        ("perl -e 'print time' > out", "clock", "time"),
        ("true", "no-output", "did not write"),
        ("mkdir out", "side-effect", "out"),
    ] {
        let mut run = exec(&test, "w", &["out"], script);
        let shown = String::from_utf8(assert_success(&mut run).stderr).unwrap();
        assert!(
            shown.starts_with(&format!("kache: not stored: {reason}: ")) && shown.contains(detail),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 2, "the reason and the advice: {shown}");
        let _ = fs::remove_file(test.path("w/out")).or_else(|_| fs::remove_dir(test.path("w/out")));
        assert_eq!(test.refusal(&mut run), reason);
        let _ = fs::remove_file(test.path("w/out")).or_else(|_| fs::remove_dir(test.path("w/out")));
    }
    let words = ["exec", "-q", "-o", "out", "--", "sh", "-c", "true"];
    assert_eq!(assert_success(&mut test.kache(&words)).stderr, b"");
    test.write("w/Makefile", "out:\n\techo > out\n");
    assert_eq!(test.refusal(&mut test.kache(&["exec", "-o", "out", "--", "make"])), "build-tool");
}

#[test]
fn the_command_ends_as_without_kache() {
    let test = TestEnv::new();
    let status = |script: &str| exec(&test, "w", &["out"], script).output().unwrap().status;
    assert_eq!(status("echo > out; exit 7").code(), Some(7));
    assert_eq!(status("kill -TERM $$").signal(), Some(15));
    let missing = test.kache(&["exec", "-o", "out", "--", "./no-such-program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
    let off = exec(&test, "w", &["out"], "echo off > out").env("KACHE_DISABLE", "1").output().unwrap();
    assert!(off.status.success());
    assert_eq!(read(&test, "w/out"), "off\n");
    for words in [
        &["exec", "-o", "out"][..],
        &["exec", "-s", "0", "--", "true"],
        &["exec", "-o", "gen/", "-o", "gen/out", "--", "true"],
    ] {
        let out = test.kache(words).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{words:?}");
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            text.contains("--status") || text.contains("COMMAND") || text.contains("name only the directory"),
            "{text}"
        );
    }
}

#[test]
fn compilers_within_are_units_and_a_command_within_a_run_is_cached() {
    let test = TestEnv::new();
    test.write("w/f.c", "int f(void) { return 1; }\n");
    let script = "gcc -c f.c -o f.o";
    assert_eq!(outcome(&test, &["f.o"], script), Miss);
    let mut families: Vec<_> = test.events().into_iter().map(|event| event.unit.family).collect();
    families.sort();
    assert_eq!(families, ["cc", "command"]);
    assert_eq!(outcome(&test, &["f.o"], script), Hit);
    let kache = crate::kache();
    let inner = format!("'{}' exec -o f.o -- sh -c '{script}'", kache.display());
    let within = || {
        assert_success(&mut test.kache(&["run", "--", "sh", "-c", &inner]));
        let event = test.events().into_iter().rfind(|event| event.unit.family == "command").unwrap();
        (event.outcome, event.stored)
    };
    // The outer shell has changed PWD.
    assert_eq!([within(), within()], [(Miss, true), (Hit, false)]);
    test.write("w/f.c", "int f(void) { return 2; }\n");
    assert_eq!([within(), within()], [(Miss, true), (Hit, false)]);
}

/// Starts 40 compiles and polls as the `cc` crate does. Prints how often the first answer was that the compile runs, less than
/// 10 ms after the start.
const POLLS: &str = r#"
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}
int main(int count, char **words) {
    int early = 0;
    for (int i = 0; i < 40; i++) {
        pid_t pid, found;
        int status;
        double started = now();
        if (posix_spawnp(&pid, words[1], 0, 0, words + 1, environ)) return 2;
        found = waitpid(pid, &status, WNOHANG);
        early += !found && now() - started < 10;
        while (!found) found = waitpid(pid, &status, WNOHANG);
        if (found != pid || !WIFEXITED(status)) return 3;
        if (WEXITSTATUS(status)) return 4;
    }
    printf("%d", early);
}
"#;

#[test]
fn who_polls_a_compiler_waits_a_moment_for_the_end_of_a_hit() {
    let test = TestEnv::new();
    test.write("w/f.c", "int f(void) { return 1; }\n");
    test.write("w/bad.c", "int f(\n");
    test.write("w/polls.c", POLLS);
    assert_success(&mut test.kache_in("w", &["gcc", "polls.c", "-o", "polls"]));
    let polls =
        |source: &str| test.kache_in("w", &["run", "--", "./polls", "gcc", "-c", source, "-o", "f.o"]);
    let early = String::from_utf8(assert_success(&mut polls("f.c")).stdout).unwrap();
    assert_eq!(early, "0", "however long the compile takes, no answer comes before");
    assert_eq!(test.events().iter().filter(|event| event.outcome == Hit).count(), 39);
    assert_eq!(polls("bad.c").output().unwrap().status.code(), Some(4));
}

/// perl notes when it started and looks at many files; only a script that has a word for times is told of them.
#[test]
fn a_perl_script_counts_by_the_words_that_it_has_for_times() {
    let test = TestEnv::new();
    let write = "open(my $f, '>', 'out'); print $f";
    test.write("w/plain.pl", &format!("use strict; use File::Path; mkpath('d'); rmdir('d'); {write} 1;\n"));
    test.write("w/start.pl", &format!("{write} $^T;\n"));
    test.write("w/age.pl", &format!("{write} -M 'plain.pl';\n"));
    test.write(
        "w/times.pl",
        &format!("{write} 'x'; close $f; my @s = stat('out'); open($f, '>>', 'out'); print $f $s[9];\n"),
    );
    test.write("w/now.pl", &format!("{write} time;\n"));
    test.write("w/loads.pl", "require './times.pl';\n");
    let run = |words: &[&str]| {
        let _ = fs::remove_file(test.path("w/out"));
        assert_success(&mut test.kache(&[&["exec", "-q", "-o", "out", "--"], words].concat()));
        let event = test.last();
        (event.outcome, event.stored, event.reason_word())
    };
    for words in [&["perl", "plain.pl"][..], &["perl", "-e", "open(F, '>out'); print F 1"]] {
        assert_eq!([run(words), run(words)], [(Miss, true, None), (Hit, false, None)], "{words:?}");
    }
    let refused = (Miss, false, Some("clock"));
    for script in ["start.pl", "age.pl", "times.pl", "now.pl", "loads.pl"] {
        assert_eq!(run(&["perl", script]), refused, "{script}");
    }
    assert_eq!(run(&["sh", "-c", "perl < plain.pl"]), refused, "a script on standard input");
    assert_eq!(run(&["sh", "-c", "cp times.pl t.pl; perl t.pl; rm t.pl"]), refused, "a script that is gone");
    assert_eq!(
        run(&["sh", "-c", "cp times.pl out; perl out; echo > out"]),
        refused,
        "a script that is written again"
    );
}

#[test]
fn a_cmake_project_is_configured_once_unless_it_asks_for_the_time() {
    if !require_tool("cmake", "cmake") {
        return;
    }
    let test = TestEnv::new();
    let project = "cmake_minimum_required(VERSION 3.10)\nproject(p C)\nadd_executable(p p.c)\n";
    test.write("w/p/p.c", "int main(void) { return 0; }\n");
    test.write("w/p/CMakeLists.txt", project);
    let configure = || {
        let _ = fs::remove_dir_all(test.path("w/b"));
        fs::create_dir(test.path("w/b")).unwrap();
        assert_success(&mut test.kache(&["exec", "-q", "-o", "b", "--", "cmake", "-S", "p", "-B", "b"]));
        let event = test.events().into_iter().rfind(|event| event.unit.family == "command").unwrap();
        (event.outcome, event.stored, event.reason_word())
    };
    assert_eq!([configure(), configure()], [(Miss, true, None), (Hit, false, None)]);
    let made = assert_success(Command::new("make").args(["-C", "b"]).current_dir(test.path("w"))).stdout;
    assert!(String::from_utf8_lossy(&made).contains("Built target p"));
    test.write(
        "w/p/CMakeLists.txt",
        &format!("{project}string(TIMESTAMP now)\nfile(WRITE b/t \"${{now}}\")\n"),
    );
    assert_eq!(configure(), (Miss, false, Some("clock")));
}

/// What a command learns of the world without reading a file or a variable.
#[test]
fn what_a_command_looks_at_in_other_ways_counts() {
    let link = "ln -sfn d l";
    for (prepare, change, script) in [
        ("", "chmod +t d", "[ -k d ] && echo yes > out || echo no > out"),
        ("", "chmod u+s in", "[ -u in ] && echo yes > out || echo no > out"),
        ("", "chmod +x in", "perl -e 'open O, q(>out); print O -x q(in) ? 1 : 0'"),
        ("", "chmod 700 in", "echo 1 > out; chmod --reference=in out"),
        (link, "ln -sfn e l", "w=$PWD; cd -P l; cat a > $w/out"),
        (link, "ln -sfn e l", "grep -r . l/ > out"),
        (
            "cp $(command -v readlink) d; cp d/readlink e; ln -sfn d l",
            "ln -sfn e l",
            "l/readlink /proc/self/exe > out",
        ),
        (
            "git init -q; git add in; sleep 1.1; git update-index --refresh",
            "touch -d 2001-01-01 in",
            "git diff-files --name-only > out",
        ),
    ] {
        let test = TestEnv::new();
        test.write("w/in", "text");
        test.write("w/d/a", "one");
        test.write("w/e/a", "two");
        let shell = |script: &str| {
            assert_success(Command::new("sh").args(["-c", script]).current_dir(test.path("w")));
        };
        let made = || {
            let path = test.path("w/out");
            (fs::metadata(&path).unwrap().permissions().mode(), read(&test, "w/out"))
        };
        shell(prepare);
        assert_success(&mut exec(&test, "w", &["out"], script));
        fs::remove_file(test.path("w/out")).unwrap();
        assert_success(&mut exec(&test, "w", &["out"], script));
        // git asks for the status of its own output, whose time it could tell.
        assert_eq!(test.last().outcome == Hit, !script.starts_with("git"), "{script}");
        shell(change);
        fs::remove_file(test.path("w/out")).unwrap();
        assert_success(&mut exec(&test, "w", &["out"], script));
        let with_kache = made();
        fs::remove_file(test.path("w/out")).unwrap();
        shell(script);
        assert_eq!(with_kache, made(), "{script}");
    }
}

#[test]
fn standard_input_that_is_empty_is_another_than_text() {
    let test = TestEnv::new();
    let script = "cat > out";
    assert_eq!(outcome(&test, &["out"], script), Miss);
    test.write("w/text", "text");
    fs::remove_file(test.path("w/out")).unwrap();
    let text = fs::File::open(test.path("w/text")).unwrap();
    assert_success(exec(&test, "w", &["out"], script).stdin(text));
    assert_eq!(read(&test, "w/out"), "text");
}

/// Some supervisors ignore SIGCHLD, and what they start inherits that.
#[test]
fn a_command_ends_once_and_as_it_ends_where_ended_children_are_ignored() {
    let test = TestEnv::new();
    test.write("w/count", "");
    let ignoring = |args: &[&str]| {
        let mut command = test.kache_in("w", &[]);
        let kache = command.get_program().to_owned();
        let variables: Vec<_> =
            command.get_envs().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect();
        command = Command::new("env");
        command.arg("--ignore-signal=CHLD").arg(kache).args(args).current_dir(test.path("w")).envs(variables);
        command.output().unwrap().status.code()
    };
    assert_eq!(ignoring(&["run", "--", "sh", "-c", "exit 3"]), Some(3));
    let script = "echo ran >> ../count; echo 1 > out; exit 3";
    assert_eq!(ignoring(&["exec", "--output", "out", "--", "sh", "-c", script]), Some(3));
    assert_eq!(read(&test, "count"), "ran\n");
}

#[test]
fn whether_another_process_is_there_is_not_stored() {
    for shell in ["sh", "bash"] {
        let test = TestEnv::new();
        let mut server = Command::new("sleep").arg("100").spawn().unwrap();
        test.write("w/pid", &server.id().to_string());
        let run = |script: &str| {
            let words = ["exec", "--output", "out", "--", shell, "-c", script];
            assert_success(&mut test.kache_in("w", &words));
            test.last()
        };
        for script in ["kill -0 $(cat pid) && echo up > out", "kill -CONT $(cat pid) && echo up > out"] {
            let last = run(script);
            assert!(!last.stored, "{shell}: {script}");
        }
        server.kill().unwrap();
        server.wait().unwrap();
        assert!(!run("kill -0 $(cat pid) && echo up > out || echo down > out").stored, "{shell}");
        assert_eq!(read(&test, "w/out"), "down\n");
        // A process of the command's own is the command's own affair.
        let own = "sleep 100 & sleep 0.3; kill $!; wait; echo 1 > out";
        assert!(run(own).stored, "{shell}");
        assert_eq!(run(own).outcome, Hit, "{shell}");
    }
}

/// The command wrote to kache, which writes in its place.
#[cfg(target_os = "linux")]
#[test]
fn a_text_that_cannot_be_written_fails_the_command() {
    let test = TestEnv::new();
    test.write("w/in", "one");
    for outcome in [Miss, Hit] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = exec(&test, "w", &[], "cat in").stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success() && said.contains("No space left on device"), "{said}");
        assert_eq!(test.last().outcome, outcome);
    }
}
