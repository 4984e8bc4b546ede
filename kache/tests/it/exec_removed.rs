//! Programs and scripts that a command makes, runs and removes: they are judged by what they were when they ran. And scripts
//! that are known to compare times, or to ask for the time in vain.

use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome::{Hit, Miss};
use std::fs;
use std::time::{Duration, SystemTime};

type Run = (kache_core::events::Outcome, bool, Option<&'static str>);

const STORED: Run = (Miss, true, None);
const RESTORED: Run = (Hit, false, None);

fn refused(reason: &'static str) -> Run {
    (Miss, false, Some(reason))
}

/// Runs a shell script that makes `out`, from nothing.
fn run(test: &TestEnv, script: &str) -> Run {
    let _ = fs::remove_file(test.path("w/out"));
    assert_success(&mut test.kache_in("w", &["exec", "-q", "-o", "out", "--", "sh", "-c", script]));
    let event = test.events().into_iter().rfind(|event| event.unit.family == "command").unwrap();
    (event.outcome, event.stored, event.reason_word())
}

fn twice(test: &TestEnv, script: &str) -> [Run; 2] {
    [run(test, script), run(test, script)]
}

fn set_time(test: &TestEnv, name: &str, seconds: u64) {
    let file = fs::File::options().append(true).open(test.path("w").join(name)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn a_script_that_is_removed_counts_by_the_words_that_it_had() {
    let test = TestEnv::new();
    test.write("w/plain.pl", "open(F, '>', 'out'); print F 'plain';\n");
    test.write("w/times.pl", "my @s = stat('plain.pl'); open(F, '>', 'out'); print F $s[9];\n");
    let plain = "cp plain.pl t.pl; perl t.pl; rm t.pl";
    let times = "cp times.pl t.pl; perl t.pl; rm t.pl";
    assert_eq!(twice(&test, plain), [STORED, RESTORED]);
    assert_eq!(run(&test, times), refused("clock"));
    assert_eq!(run(&test, &format!("{plain}; {times}")), refused("clock"), "two of one name");
    assert_eq!(run(&test, &format!("{times}; {plain}")), refused("clock"), "in the other order");
    assert_eq!(
        run(&test, "cp times.pl t.pl; perl t.pl; cp plain.pl out; mv out t.pl; mv t.pl out"),
        refused("clock")
    );
    assert_eq!(run(&test, "cp times.pl out; perl out; cp plain.pl out"), refused("clock"), "written again");
    assert_eq!(twice(&test, "cp plain.pl t.pl; perl t.pl; mv t.pl out"), [STORED, RESTORED], "renamed");
    assert_eq!(twice(&test, "mkdir d; cp plain.pl d/t.pl; perl d/../d/t.pl; rm -r d"), [STORED, RESTORED]);
    test.write("w/a/b/in", "");
    std::os::unix::fs::symlink("a/b", test.path("w/l")).unwrap();
    assert_eq!(twice(&test, "perl l/../../plain.pl"), [STORED, RESTORED], "by a link that was there");
    assert_eq!(run(&test, "perl l/../../times.pl"), refused("clock"));
    let by_link = "mkdir d e; cp times.pl d/t.pl; ln -s ../e d/l; cp plain.pl t.pl; cp times.pl e/t.pl; \
                   perl d/l/../e/t.pl; rm -r d e t.pl";
    assert_eq!(run(&test, by_link), refused("clock"));
}

#[test]
fn a_program_that_is_removed_counts_by_what_it_could_do() {
    let test = TestEnv::new();
    test.write(
        "w/plain.c",
        "#include <stdio.h>\nint main(void) { return !fputs(\"plain\", fopen(\"out\", \"w\")); }\n",
    );
    let queues =
        "#include <mqueue.h>\nint main(int n, char **a) { return n > 9 ? mq_send((mqd_t)n, 0, 0, 0) : 0; }\n";
    test.write("w/queues.c", queues);
    let test_of = |name: &str| format!("gcc {name}.c -o conftest && ./conftest; rm -f conftest");
    assert_eq!(twice(&test, &test_of("plain")), [STORED, RESTORED]);
    let both = |first: &str, second: &str| format!("{}; {}", test_of(first), test_of(second));
    assert_eq!(twice(&test, &both("plain", "plain")), [STORED, RESTORED]);
    for script in [both("queues", "plain"), both("plain", "queues")] {
        assert_eq!(run(&test, &script), refused("unrecorded-function"), "{script}");
    }
    let replaced = "gcc queues.c -o a; gcc plain.c -o b; ./a; mv b a; ./a; rm a";
    assert_eq!(run(&test, replaced), refused("unrecorded-function"));
}

/// kache removes the directory of kept files when the run has been judged.
#[test]
fn nothing_is_left_of_what_was_kept() {
    let test = TestEnv::new();
    test.write("w/plain.pl", "open(F, '>', 'out'); print F 'plain';\n");
    assert_eq!(run(&test, "cp plain.pl t.pl; perl t.pl; rm t.pl"), STORED);
    let tmp = test.cache().join(kache_core::store::FORMAT).join("tmp");
    assert_eq!(fs::read_dir(tmp).map_or(0, Iterator::count), 0);
}

/// The function `samedir` of OpenSSL's `Configure`, and how its makefile is found to be old.
#[test]
fn a_script_that_only_compares_depends_on_what_it_compares() {
    let test = TestEnv::new();
    let same = "sub samedir {\n    my @stat0 = stat($_[0]);    # First argument\n    my @stat1 = stat($_[1]);    # Second argument\n\n    \
                die \"Couldn't stat $_[0]\" unless @stat0;\n    die \"Couldn't stat $_[1]\" unless @stat1;\n\n    \
                # Compare device number\n    return 0 unless ($stat0[0] == $stat1[0]);\n    \
                # Compare \"inode\".  The perl manual recommends comparing as\n    # string rather than as number.\n    \
                return 0 unless ($stat0[1] eq $stat1[1]);\n\n    return 1;\n}\n";
    let write = "open(F, '>', 'out'); print F";
    test.write("w/same.pl", &format!("{same}{write} samedir('.', '../w');\n"));
    test.write("w/tells.pl", &format!("{same}{write} samedir('.', '../w'), $stat0[9];\n"));
    assert_eq!(twice(&test, "perl same.pl"), [STORED, RESTORED]);
    assert_eq!(run(&test, "perl tells.pl"), refused("clock"));
    let older = "my $buildfile = 'a';\nmy $build_mtime = (stat($buildfile))[9];\nmy $configdata_mtime = (stat('configdata.pm'))[9];\n\
                 my $rebuild = 0;\nfor ('x.dep') {\n    my @st = stat($_);\n    $rebuild = 1\n        \
                 if @st && ($st[9] > $build_mtime || $st[9] < $configdata_mtime);\n    \
                 scalar @st > 0;         # Determines the grep result\n}\n";
    test.write("w/older.pl", &format!("{older}{write} $rebuild;\n"));
    for (name, time) in [("a", 3000), ("configdata.pm", 1000), ("x.dep", 2000)] {
        test.write(&format!("w/{name}"), "1;\n");
        set_time(&test, name, time);
    }
    let said = || fs::read_to_string(test.path("w/out")).unwrap();
    assert_eq!((twice(&test, "perl older.pl"), &*said()), ([STORED, RESTORED], "0"));
    set_time(&test, "x.dep", 4000);
    assert_eq!((run(&test, "perl older.pl"), &*said()), (STORED, "1"), "a file is newer now");
}

#[test]
fn a_module_that_notes_the_time_as_it_is_loaded_tells_none() {
    let test = TestEnv::new();
    let write = "open(F, '>', 'out'); print F";
    test.write("w/local.pl", &format!("use Time::Local; {write} timegm(0, 0, 0, 1, 0, 2000);\n"));
    test.write("w/command.pl", &format!("use IPC::Cmd; {write} IPC::Cmd::can_run('sh') ? 1 : 0;\n"));
    for (name, then) in [
        ("now.pl", "use Time::Piece; my $t = localtime;"),
        ("new.pl", "use Time::Piece; my $t = Time::Piece->new;"),
        ("core.pl", "use Time::Local; my $t = (gmtime())[5];"),
        ("clock.pl", "use IPC::Cmd; my $t = Time::HiRes::clock_gettime(1);"),
        ("posix.pl", "use POSIX; my $t = POSIX::time();"),
    ] {
        test.write(&format!("w/{name}"), &format!("{then} {write} $t;\n"));
        assert_eq!(run(&test, &format!("perl {name}")), refused("clock"), "{name}");
    }
    for name in ["local.pl", "command.pl"] {
        assert_eq!(twice(&test, &format!("perl {name}")), [STORED, RESTORED], "{name}");
    }
}

/// The template of OpenSSL's makefile asks for today's date, and takes that of the release where `configdata.pm` has one.
#[test]
fn a_date_that_another_replaces_does_not_count() {
    let test = TestEnv::new();
    let template = "RELEASE_DATE={- my $t = localtime;\n\t\tif ($config{\"release_date\"}) {\n\
        \t\t\t# Provide the user with a more meaningful error message\n\
        \t\t\t# than the default internal parsing error from\n\
        \t\t\t# `Time::Piece->strptime(..)`.\n\
        \t\t\teval { $t = Time::Piece->strptime($config{\"release_date\"}, \"%d %b %Y\"); } ||\n\
        \t\t\t\tdie \"no date\";\n\t\t}\n\t\t$t->strftime(\"%Y-%m-%d\") -}\n";
    test.write("w/makefile.tmpl", template);
    let fill = "use lib '.'; use configdata; use Time::Piece; our %config;\n\
                open(T, '<', 'makefile.tmpl'); my $text = join('', <T>);\n\
                $text =~ s/\\{-(.*?)-\\}/eval $1/gse; open(F, '>', 'out'); print F $text;\n";
    test.write("w/fill.pl", fill);
    let config = |date: &str| {
        let text = format!("our %config = (\n    \"release_date\" => \"{date}\",\n);\n1;\n");
        test.write("w/configdata.pm", &text);
    };
    config("9 Jun 2026");
    assert_eq!(twice(&test, "perl fill.pl"), [STORED, RESTORED]);
    assert_eq!(fs::read_to_string(test.path("w/out")).unwrap(), "RELEASE_DATE=2026-06-09\n");
    config("");
    assert_eq!(run(&test, "perl fill.pl"), refused("clock"), "today's date");
    config("9 Jun 2026");
    test.write("w/fill.pl", &format!("{fill}print F time;\n"));
    assert_eq!(run(&test, "perl fill.pl"), refused("clock"), "one call more");
}
