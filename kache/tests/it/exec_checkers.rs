//! Checkers under `kache exec`: what they print and the status that they end with, and all that their findings depend on.

use crate::env::TestEnv;
use crate::tools::require_tool;
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};

/// Runs a command, which may fail, and returns how it ended for the cache, its status and what it printed.
fn run(test: &TestEnv, checkout: &str, options: &[&str], command: &[&str]) -> (Outcome, i32, String) {
    let mut exec = test.kache_in(checkout, &[&["exec"], options, &["--"], command].concat());
    let Output { status, stdout, stderr } = exec.output().unwrap();
    let printed = [stdout, stderr].concat();
    let status: ExitStatus = status;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
    assert_eq!(test.last().status, code);
    (test.last().outcome, code, String::from_utf8(printed).unwrap())
}

/// The same without kache.
fn plain(test: &TestEnv, command: &[&str]) -> (i32, String) {
    let out = Command::new(command[0]).args(&command[1..]).current_dir(test.path("w")).output().unwrap();
    (out.status.code().unwrap(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
}

#[test]
fn an_accepted_status_is_replayed_and_no_other_is_stored() {
    let test = TestEnv::new();
    test.write("w/in", "3");
    let script = ["sh", "-c", "echo found; exit $(cat in)"];
    let checked = |options: &[&str]| {
        let (outcome, status, printed) = run(&test, "w", options, &script);
        assert!(printed.starts_with("found\n"), "{printed}");
        (outcome, status, test.last().stored)
    };
    assert_eq!(checked(&["--status", "3"]), (Miss, 3, true));
    assert_eq!(checked(&["--status", "3"]), (Hit, 3, false));
    assert_eq!(checked(&["--status", "3", "--status", "4"]), (Miss, 3, true), "other statuses are accepted");
    assert_eq!(checked(&[]), (Miss, 3, false));
    assert_eq!(test.last().reason_word(), Some("failed"));
    test.write("w/in", "0");
    assert_eq!(checked(&["--status", "3"]), (Miss, 0, true));
    assert_eq!(checked(&["--status", "3"]), (Hit, 0, false));
    test.write("w/in", "3");
    assert_eq!(checked(&["--status", "3"]), (Hit, 3, false));
    let killed = run(&test, "w", &["--status", "9"], &["sh", "-c", "kill -9 $$"]);
    assert_eq!((killed.1, test.last().stored), (137, false));
}

#[test]
fn a_check_compares_the_status_too() {
    let test = TestEnv::new();
    test.write("w/in", "");
    let checked = || {
        let mut exec = test.kache(&["exec", "--status", "3", "--", "sh", "-c", "cat in; exit 3"]);
        let status = exec.env("KACHE_CHECK", "1").output().unwrap().status;
        (status.code(), test.last().checked.map(|checked| format!("{checked:?}")))
    };
    assert_eq!(checked(), (Some(3), None));
    assert_eq!(checked(), (Some(3), Some("Same".to_string())));
}

/// A source whose branches `.clang-tidy` tells clang-tidy to complain about.
fn sources(test: &TestEnv) {
    test.write("w/.clang-tidy", "Checks: '-*,readability-braces-around-statements'\n");
    test.write("w/src/a.c", "#include \"a.h\"\nint f(int x) { if (x) return LIMIT; return 0; }\n");
    test.write("w/include/a.h", "#define LIMIT 1\n");
}

const TIDY: &[&str] = &["clang-tidy", "--quiet", "src/a.c", "--", "-Iinclude"];

#[test]
fn clang_tidy_is_restored_and_all_that_it_reads_counts() {
    if !require_tool("clang-tidy", "clang-tidy") {
        return;
    }
    let test = TestEnv::new();
    sources(&test);
    let options = ["--status", "1"];
    let both = |expected| {
        let (code, printed) = plain(&test, TIDY);
        let ours = run(&test, "w", &options, TIDY);
        assert_eq!(ours, (expected, code, printed.clone()));
        let again = run(&test, "w", &options, TIDY);
        assert_eq!((again.0, again.1), (Hit, code));
        assert_eq!(again.2, printed);
        (code, printed)
    };
    let (code, printed) = both(Miss);
    assert!(code == 0 && printed.contains("readability-braces-around-statements"), "{printed}");
    test.write("w/.clang-tidy", "Checks: '-*,readability-braces-around-statements'\nWarningsAsErrors: '*'\n");
    assert_eq!(both(Miss).0, 1);
    // A nearer configuration appears.
    test.write("w/src/.clang-tidy", "Checks: '-*,readability-magic-numbers'\n");
    assert!(!both(Miss).1.contains("braces"));
    fs::remove_file(test.path("w/src/.clang-tidy")).unwrap();
    assert_eq!(both(Hit).0, 1);
    test.write("w/include/a.h", "#define LIMIT\n");
    let (code, printed) = both(Miss);
    assert!(code == 1 && printed.contains("error"), "{printed}");
}

#[test]
fn a_compilation_database_counts_and_exported_fixes_are_an_output() {
    if !require_tool("clang-tidy", "clang-tidy") {
        return;
    }
    let test = TestEnv::new();
    sources(&test);
    let database = |flag: &str| {
        let dir = test.path("w");
        let entry = format!(
            "[{{\"directory\": \"{}\", \"file\": \"src/a.c\", \"command\": \"cc -Iinclude {flag} -c src/a.c\"}}]",
            dir.display()
        );
        test.write("w/build/compile_commands.json", &entry);
    };
    database("");
    let command = ["clang-tidy", "--quiet", "-p", "build", "--export-fixes=fixes.yaml", "src/a.c"];
    let checked = || run(&test, "w", &["--output", "fixes.yaml"], &command).0;
    let fixes = || fs::read_to_string(test.path("w/fixes.yaml")).unwrap();
    assert_eq!(checked(), Miss);
    let first = fixes();
    assert!(first.contains("Replacements"), "{first}");
    fs::remove_file(test.path("w/fixes.yaml")).unwrap();
    assert_eq!((checked(), fixes()), (Hit, first));
    database("-DLIMIT=2");
    assert_eq!(checked(), Miss);
    let fix = run(&test, "w", &[], &["clang-tidy", "--quiet", "--fix", "src/a.c", "--", "-Iinclude"]);
    assert_eq!((fix.0, test.last().reason_word()), (Miss, Some("side-effect")));
    assert!(fs::read_to_string(test.path("w/src/a.c")).unwrap().contains("if (x) {"));
}

/// cppcheck makes the texts of `__DATE__` and `__TIME__` for every source, whether or not the source uses them.
#[test]
fn cppcheck_asks_for_the_time_and_runs_each_time() {
    if !require_tool("cppcheck", "cppcheck") {
        return;
    }
    let test = TestEnv::new();
    sources(&test);
    test.write("w/src/a.c", "#include \"a.h\"\nint f(void) { int a[2]; a[LIMIT] = 0; return a[0]; }\n");
    let command = ["cppcheck", "--quiet", "--error-exitcode=2", "-Iinclude", "src/a.c"];
    for (limit, code) in [("1", 0), ("1", 0), ("2", 2)] {
        test.write("w/include/a.h", &format!("#define LIMIT {limit}\n"));
        let plain = plain(&test, &command);
        assert_eq!(plain.0, code, "{}", plain.1);
        let ours = run(&test, "w", &["--quiet", "--status", "2"], &command);
        assert_eq!(ours, (Miss, code, plain.1));
        assert_eq!((test.last().stored, test.last().reason_word()), (false, Some("clock")));
    }
}
